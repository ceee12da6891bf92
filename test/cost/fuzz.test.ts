import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { takeSnapshot } from "../../cost/snapshot/take.ts";
import { anyRaw } from "./arbitrary.ts";
import { book, type Raw } from "./support.ts";

/** Replaces one value anywhere in a platform value, or adds a key nobody knows. */
const damaged = (raw: Raw, junk: unknown, pick: number): Raw => {
  const paths: (readonly string[])[] = [[`unknown${pick}`]];
  const walk = (value: unknown, path: readonly string[]): void => {
    if (path.length > 0) paths.push(path);
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key]);
    }
  };
  walk(raw, []);
  const [key = "", ...rest] = paths[pick % paths.length] ?? [];
  const put = (value: unknown, path: readonly string[]): unknown => {
    const [next, ...further] = path;
    if (next === undefined) return junk;
    const object = typeof value === "object" && value !== null ? value : {};
    return { ...object, [next]: put((object as Raw)[next], further) };
  };
  return { ...raw, [key]: put(raw[key], rest) };
};

test("whatever stands in a stack file, a snapshot never crashes: it is planned, or every fault is named", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "cost-fuzz-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const snapshotOf = (text: string) => {
    writeFileSync(join(directory, "Pulumi.fuzz.yaml"), text);
    const [stack] = takeSnapshot({ stacksDirectory: directory, book, at: null, usdPerEur: null }).stacks;
    return stack;
  };
  fc.assert(
    fc.property(anyRaw, fc.jsonValue(), fc.nat(), (raw, junk, pick) => {
      const stack = snapshotOf(stringify({ config: { "chitlaq:platform": damaged(raw, junk, pick) } }));
      if (stack?.kind === "faulty") assert.match(stack.message, /\S+: .+/);
      else assert.ok(Number(stack?.cost.total.monthlyNet.eur) > 0);
    }),
    { numRuns: 150 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const stack = snapshotOf(text);
      assert.equal(stack?.kind, "faulty");
    }),
    { numRuns: 100 },
  );
});
