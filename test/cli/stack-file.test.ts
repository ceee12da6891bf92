import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergeStackFile, type StackFile, withoutSecrets } from "../../cli/local/stack-file.ts";

const platform = { phase: 2, domain: "chitlaq.com" };

test("a local run takes over the config and nothing that leads to a real account", () => {
  const committed = {
    encryptionsalt: "v1:owner",
    secretsprovider: "awskms://key",
    encryptedkey: "abc",
    environment: ["production"],
    config: {
      "chitlaq:platform": platform,
      "chitlaq:sessionKey": { secure: "v1:ciphertext" },
      "chitlaq:nested": { plain: 1, hidden: { secure: "v1:ciphertext" }, list: ["a", { secure: "v1:x" }] },
      "hcloud:token": { secure: "v1:ciphertext" },
      "hcloud:endpoint": "https://api.hetzner.cloud/v1",
      "cloudflare:apiToken": "clear text",
      "hcloud:pollInterval": "200ms",
    },
  };
  assert.deepEqual(withoutSecrets(committed), {
    config: {
      "chitlaq:platform": platform,
      "chitlaq:nested": { plain: 1, list: ["a"] },
      "hcloud:pollInterval": "200ms",
    },
  });
});

test("what Pulumi wrote locally stays, what the repository changed arrives", () => {
  const base = { config: { a: 1, b: 1, gone: 1 } };
  const local = { encryptionsalt: "v1:local", config: { a: 1, b: 2, gone: 1, added: { secure: "v1:local" } } };
  const committed = { config: { a: 5, b: 1, new: true } };
  assert.deepEqual(mergeStackFile(committed, base, local), {
    encryptionsalt: "v1:local",
    config: { a: 5, b: 2, new: true, added: { secure: "v1:local" } },
  });
});

test("a key that the local run removed stays removed until the repository changes it", () => {
  const base = { config: { a: 1, b: 1 } };
  const local = { config: { b: 1 } };
  assert.deepEqual(mergeStackFile(base, base, local).config, { b: 1 });
  assert.deepEqual(mergeStackFile({ config: { a: 2, b: 1 } }, base, local).config, { a: 2, b: 1 });
});

test("fields of one value are merged one by one: a local addition hides no later change of the repository", () => {
  const base = { config: { platform: { phase: 2, ssh: { keys: { ops: "A" }, from: [] } } } };
  const local = {
    config: { platform: { phase: 2, ssh: { keys: { ops: "A", delivery: "D" }, from: ["198.18.0.1/32"] } } },
  };
  const committed = { config: { platform: { phase: 2, api: { count: 3 }, ssh: { keys: { ops: "B" }, from: [] } } } };
  assert.deepEqual(mergeStackFile(committed, base, local).config, {
    platform: {
      phase: 2,
      api: { count: 3 },
      ssh: { keys: { ops: "B", delivery: "D" }, from: ["198.18.0.1/32"] },
    },
  });
});

const config = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 3 }), { noNullPrototype: true });
const stackFile = config.map((values): StackFile => ({ config: values }));

test("merging twice is merging once", () => {
  fc.assert(
    fc.property(stackFile, stackFile, stackFile, (committed, base, local) => {
      const once = mergeStackFile(committed, base, local);
      assert.deepEqual(mergeStackFile(committed, committed, once), once);
    }),
  );
});

test("without local changes the result is the committed config", () => {
  fc.assert(
    fc.property(stackFile, stackFile, (committed, base) => {
      assert.deepEqual(mergeStackFile(committed, base, base).config, committed.config);
      assert.deepEqual(mergeStackFile(committed, undefined, undefined).config, committed.config);
    }),
  );
});
