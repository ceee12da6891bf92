import assert from "node:assert/strict";
import { it } from "node:test";
import { Fault } from "../../../cli/errors.ts";
import type { Finished, RunOptions } from "../../../cli/process/run.ts";
import { deliveryPublicKeys, SecretStore } from "../../../cli/secrets/store.ts";
import { complete, wantedOf } from "./support.ts";

const ended = (code: number, stdout: string, stderr = ""): Finished => ({
  code,
  signal: null,
  timedOut: false,
  stdout,
  stderr,
});

/** An engine that remembers what it was asked. */
const engine = (answer: (args: readonly string[]) => Finished) => {
  const asked: { readonly args: readonly string[]; readonly input: string | undefined }[] = [];
  const store = new SecretStore("phase2", (args: readonly string[], options: RunOptions = {}) => {
    asked.push({ args, input: options.input });
    return Promise.resolve(answer(args));
  });
  return { store, asked };
};

it("hands values over on standard input, and their names alone as arguments", async () => {
  const values = await complete(wantedOf(1));
  const { store, asked } = engine(() => ended(0, ""));
  await store.write(values);
  assert.deepEqual(
    asked.map(({ args }) => args),
    [...values.keys()].map((name) => [
      ...["config", "set", "--secret", "--raw", `chitlaq:secret-${name}`],
      ...["--stack", "phase2", "--non-interactive"],
    ]),
  );
  assert.deepEqual(
    asked.map(({ input }) => input),
    [...values.values()],
  );
});

it("reads what is stored, and tells what is not encrypted", async () => {
  const config = {
    "chitlaq:platform": { value: "{}", secret: false, objectValue: { ssh: { publicKeys: { a: "ssh-ed25519 A" } } } },
    "chitlaq:secret-ca.key": { value: "one", secret: true },
    "chitlaq:secret-s3-secret-key": { value: "two", secret: false },
    "hcloud:token": { value: "three", secret: true },
  };
  const { store } = engine(() => ended(0, JSON.stringify(config)));
  const { values, plain, publicKeys } = await store.read();
  assert.deepEqual(
    [...values],
    [
      ["ca.key", "one"],
      ["s3-secret-key", "two"],
    ],
  );
  assert.deepEqual(plain, ["s3-secret-key"]);
  assert.deepEqual(publicKeys, { a: "ssh-ed25519 A" });
});

it("names the delivery's public keys in the stack file, and removes those of keys that are gone", async () => {
  const values = await complete(wantedOf(1));
  const wanted = Object.entries(deliveryPublicKeys("phase2", values));
  const [[name = "", key = ""] = []] = wanted;
  const { store, asked } = engine(() => ended(0, ""));
  const publicKeys = {
    operations: "ssh-ed25519 O",
    "delivery-00000000": "ssh-ed25519 OLD",
    "delivery-team": "ssh-ed25519 T",
  };
  await store.syncPublicKeys({ values, plain: [], publicKeys });
  assert.deepEqual(
    asked.map(({ args }) => args.slice(0, -3)),
    [
      ["config", "set", "--path", `chitlaq:platform.ssh.publicKeys["${name}"]`, key],
      ["config", "rm", "--path", 'chitlaq:platform.ssh.publicKeys["delivery-00000000"]'],
    ],
  );
  const settled = engine(() => ended(0, ""));
  await settled.store.syncPublicKeys({
    values,
    plain: [],
    publicKeys: { ...publicKeys, [name]: key, "delivery-00000000": undefined } as never,
  });
  assert.ok(!settled.asked.some(({ args }) => args.includes("set")), "a key that is named already is not named again");
});

it("says how to make a stack that does not exist, and what the engine said otherwise", async () => {
  const missing = engine(() => ended(255, "", "error: no stack named 'phase2' found"));
  await assert.rejects(missing.store.read(), (error) => {
    assert.ok(error instanceof Fault);
    assert.deepEqual(error.fixes, ["pulumi stack init phase2"]);
    return true;
  });
  const locked = engine(() => ended(1, "", "error: incorrect passphrase"));
  await assert.rejects(locked.store.write(new Map([["ca.key", "tell-nobody"]])), (error: Error) => {
    assert.match(error.message, /Storing ca\.key failed.*incorrect passphrase/s);
    assert.doesNotMatch(error.message, /tell-nobody/);
    return true;
  });
});
