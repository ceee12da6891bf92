import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConfigError, formatFault } from "../../config/faults.ts";
import { parsePlatform } from "../../config/parse.ts";
import type { Phase } from "../../plan/types.ts";
import { faultsOf } from "../support/faults.ts";
import { rawPlatform, testKey } from "../support/platform.ts";

const phase = fc.constantFrom<Phase>(1, 2, 3);

/** Keys of the schema, so that random data gets past the unknown-key check now and then. */
const key = fc.oneof(
  fc.constantFrom(
    "phase",
    "domain",
    "location",
    "network",
    "ipRange",
    "ssh",
    "publicKeys",
    "allowFrom",
    "edge",
    "hosts",
  ),
  fc.constantFrom(
    "api",
    "database",
    "redis",
    "k3s",
    "server",
    "loadBalancer",
    "count",
    "serverType",
    "adopt",
    "orderedAt",
  ),
  fc.constantFrom(
    "retiredOrdinals",
    "volumeGiB",
    "users",
    "billing",
    "backups",
    "release",
    "url",
    "__proto__",
    "constructor",
  ),
  fc.string({ maxLength: 8 }),
);

const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, "", "auto", "ccx33", "10.0.0.0/16", "fsn1", "2025-11-01", Number.NaN, testKey),
  fc.integer({ min: -3, max: 100 }),
  fc.double(),
  fc.string({ maxLength: 12 }),
);

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 5 }),
  ),
}));

/** One wrong value for each kind of field, and the field that has to be named. */
const wrong: Readonly<Record<Phase, readonly (readonly [path: readonly string[], value: unknown])[]>> = {
  1: [
    [["server", "serverType"], "big"],
    [["server", "keepDisk"], "no"],
    [["server", "volumeGiB"], 3],
    [["server", "diskGiB"], 1],
    [["server", "retiredOrdinals"], 1],
  ],
  2: [
    [["api", "count"], 0],
    [["api", "cpu"], "fast"],
    [["database", "standby"], 1],
    [["database", "volumeGiB"], 1e9],
    [["redis", "replica"], "maybe"],
    [["redis", "adopt"], null],
    [["loadBalancer", "colour"], "red"],
  ],
  3: [
    [["k3s", "servers"], 2],
    [["k3s", "agents"], 8],
    [["k3s", "clusterCidr"], "10.42.0.0"],
    [["database", "count"], 4],
    [["redis", "count"], 0],
    [["loadBalancer", "count"], 5],
  ],
};

const wrongAnywhere: readonly (readonly [path: readonly string[], value: unknown])[] = [
  [["domain"], "not a domain"],
  [["location"], "moon"],
  [["image"], "windows-11"],
  [["network", "ipRange"], "8.8.8.8"],
  [["ssh", "allowFrom"], "everybody"],
  [["edge", "plan"], "enterprise"],
  [["edge", "cacheHitPercent"], 101],
  [["users", "expected"], 0],
  [["billing", "vatPercent"], 41],
  [["backups", "provider"], "yes"],
  [["backups", "bucket"], "A"],
  [["release"], "latest"],
  [["colour"], "green"],
];

function withValue(raw: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  const entries = typeof raw === "object" && raw !== null ? { ...raw } : {};
  return { ...entries, [step]: withValue((entries as Record<string, unknown>)[step], rest, value) };
}

describe("parsing a platform", () => {
  it("gives a config or a list of faults, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          tree,
          fc.dictionary(key, tree).map((extra) => ({ ...rawPlatform(2), ...extra })),
        ),
        (raw) => {
          try {
            parsePlatform(raw);
          } catch (error) {
            assert.ok(error instanceof ConfigError, String(error));
            assert.ok(error.faults.length > 0);
            for (const fault of error.faults) assert.match(formatFault(fault), /^\S.*: .+, .+; .+$/s);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("names every faulty field of several, and no other", () => {
    const faulty = phase.chain((number) =>
      fc.record({
        number: fc.constant(number),
        changes: fc.subarray([...wrong[number], ...wrongAnywhere], { minLength: 1 }),
      }),
    );
    fc.assert(
      fc.property(faulty, ({ number, changes }) => {
        const raw = changes.reduce<unknown>((value, [path, bad]) => withValue(value, path, bad), rawPlatform(number));
        const named = faultsOf(() => parsePlatform(raw)).map((fault) => fault.field);
        assert.deepEqual(new Set(named), new Set(changes.map(([path]) => path.join("."))));
        assert.equal(named.length, changes.length);
      }),
      { numRuns: 300 },
    );
  });

  it("never repeats a token, wherever it stands as a value", () => {
    const token = fc.stringMatching(/^[A-Za-z0-9]{40,64}$/);
    const place = fc.constantFrom(
      ["domain"],
      ["location"],
      ["image"],
      ["token"],
      ["backups", "bucket"],
      ["release"],
      ["edge"],
    );
    fc.assert(
      fc.property(token, place, (secret, path) => {
        try {
          parsePlatform(withValue(rawPlatform(2), path, secret));
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          assert.ok(!error.message.includes(secret));
        }
      }),
    );
  });

  it("does not look at the order of keys", () => {
    const shuffled = (value: unknown): unknown =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, part]) => [name, shuffled(part)]),
          )
        : value;
    fc.assert(
      fc.property(phase, (number) => {
        const raw = rawPlatform(number, { users: { expected: 7 }, network: { ipRange: "10.9.0.0/16" } });
        assert.equal(JSON.stringify(parsePlatform(shuffled(raw))), JSON.stringify(parsePlatform(raw)));
      }),
    );
  });
});
