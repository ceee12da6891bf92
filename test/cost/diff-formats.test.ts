import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { diffSides, type DiffSide } from "../../cost/diff/diff.ts";
import { diffHtml } from "../../cost/format/diff-html.ts";
import { commentLimit, commentMarker, diffMarkdown } from "../../cost/format/diff-markdown.ts";
import { diffRows, foldedRows } from "../../cost/format/diff-rows.ts";
import { diffTable } from "../../cost/format/diff-table.ts";
import { Dec } from "../../cost/money.ts";
import type { CostDiff, StackDiff } from "../../cost/schema/cost-diff.ts";
import type { StackSnapshot } from "../../cost/snapshot/types.ts";
import { noPolicy, stackOf } from "./arbitrary.ts";
import { type Raw, rawPlatform } from "./support.ts";

const side = (label: string, stacks: readonly StackSnapshot[]): DiffSide => ({
  label,
  snapshot: { version: 1, bookDate: "2026-11-23", stacks },
  code: { kind: "running" },
});

const compare = (before: readonly StackSnapshot[], after: readonly StackSnapshot[]): CostDiff =>
  diffSides(side("base", before), side("head", after), [], { failOverBudget: false, maxIncrease: null });

const stack = (name: string, raw: Raw): StackSnapshot => stackOf(raw, noPolicy, name);

const small = compare(
  [stack("phase2", rawPlatform(2)), stack("phase1", rawPlatform(1))],
  [stack("phase2", rawPlatform(2, { api: { count: 4, serverType: "ccx33" } })), stack("phase1", rawPlatform(1))],
);

/** A comparison of so many different lines that no grouping of equal ones helps. */
function huge(lines: number): CostDiff {
  const [template] = small.stacks.filter((candidate) => candidate.stack === "phase2");
  const [line] = template?.lines ?? [];
  if (template === undefined || line === undefined) throw new Error("the small comparison has no line");
  const many: StackDiff = {
    ...template,
    stack: "enormous",
    lines: Array.from({ length: lines }, (_, index) => ({
      ...line,
      id: `server:machine-number-${index}`,
      name: `machine-number-${index}`,
      component: ["api", "database", "k3s"][index % 3] ?? "api",
      delta: { ...line.delta, monthlyNet: { eur: `${index}.0100`, usd: `${index}.0200` } },
    })),
  };
  return { ...small, stacks: [...small.stacks, many] };
}

test("a comment carries the marker by which it is found again, and every stack", () => {
  const text = diffMarkdown(small);
  assert.ok(text.startsWith(`${commentMarker}\n`));
  assert.match(text, /^\| phase1 \| 49\.95 \| 49\.95 \| 0\.00 \|/m);
  assert.match(text, /^\| phase2 \|/m);
  assert.doesNotMatch(text, /<summary><b>phase1/);
});

test("a comment that would be too long is folded part by part, largest stack first, and no amount is lost", () => {
  const diff = huge(3_000);
  assert.ok(Buffer.byteLength(diffMarkdown(diff, Number.POSITIVE_INFINITY)) > commentLimit);
  const text = diffMarkdown(diff);
  assert.ok(Buffer.byteLength(text) <= commentLimit);
  assert.match(text, /3000 lines in all; `cost diff --json` has each of them/);
  // 0.01 + 1.01 + … + 2999.01 = 2999 * 3000 / 2 + 3000 * 0.01, in three parts
  const parts = [
    ...text.matchAll(/^\| ~ resized \| (?:api|database|k3s) \| 1000 lines .*\| \+([\d.]+) \| \+[\d.]+ \|$/gm),
  ];
  assert.equal(parts.length, 3);
  assert.equal(parts.reduce((sum, part) => sum.plus(part[1] ?? 0), new Dec(0)).toFixed(2), "4498530.00");
  // The small stack keeps its rows.
  assert.match(text, /^\| \+ added \| api \| ccx33 in ash \| api-3, api-4 \|/m);
});

test("folding and grouping keep the sum", () => {
  const [first] = huge(100).stacks.slice(-1);
  if (first === undefined) throw new Error("no stack");
  const sum = (rows: readonly { readonly delta: { readonly monthlyNet: { readonly eur: string } } }[]): string =>
    rows.reduce((total, row) => total.plus(row.delta.monthlyNet.eur), new Dec(0)).toFixed(4);
  assert.equal(sum(diffRows(first)), sum(first.lines));
  assert.equal(sum(foldedRows(first)), sum(first.lines));
});

test("what a pull request names cannot break out of the comment or call for anybody", () => {
  const evil: StackSnapshot = { kind: "faulty", stack: "phase2", message: "``` <!-- --> @everyone <script>" };
  const text = diffMarkdown(compare([], [evil]));
  assert.equal(text.match(/<script>/g)?.length ?? 0, 1, "only inside the code block");
  assert.match(text, /```text\n''' <!-- --> @everyone <script>\n```/);
  const labelled = diffMarkdown({ ...small, head: { ...small.head, label: "<b>@team</b>" } });
  assert.match(labelled, /&lt;b&gt;&#64;team&lt;\/b&gt;/);
});

test("a narrow terminal loses columns but neither what changed nor by how much", () => {
  for (const columns of [70, 80, 100, 120, 200]) {
    const lines = diffTable(small, { columns, color: false }).split("\n");
    const table = lines.filter((line) => /^[│┌└]/.test(line));
    assert.ok(
      table.every((line) => line.length <= columns),
      `${columns} columns`,
    );
    // 2 * (140.99 - 87.49) and 2 * 140.99
    assert.ok(table.some((line) => line.includes("+107.00")));
    assert.ok(table.some((line) => line.includes("+281.98")));
  }
});

test("colour changes nothing but the colour", () => {
  const plain = diffTable(small, { columns: 120, color: false });
  const coloured = diffTable(small, { columns: 120, color: true });
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain);
});

test("the page is self-contained, draws what changed and says it in text too", async () => {
  const page = await diffHtml(small);
  assert.match(page, /^<!doctype html>/);
  assert.doesNotMatch(page, /<script|<link|<img|src=|url\(|@import/);
  assert.deepEqual(
    page.match(/https?:\/\/[^"'\s<]+/g)?.filter((url) => !url.startsWith("http://www.w3.org/")) ?? [],
    [],
  );
  assert.equal(page.match(/<svg/g)?.length, 2);
  assert.match(page, /phase2: what changed, EUR a month/);
  assert.match(page, /<td class="number">\+107\.00<\/td>/);
  assert.equal(await diffHtml(small), page);
});

test("text in the page is escaped", async () => {
  const page = await diffHtml({ ...small, head: { ...small.head, label: `<img src=x onerror="alert('1')">` } });
  assert.match(page, /&lt;img src=x onerror=&quot;alert\(&#39;1&#39;\)&quot;&gt;/);
  assert.doesNotMatch(page, /<img/);
});
