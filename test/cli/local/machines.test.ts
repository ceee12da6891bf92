import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { machineLines, pickMachine, shortName, type Target } from "../../../cli/local/machines.ts";
import { instanceNamed } from "../../../cli/local/instance.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { type Finished, run } from "../../../cli/process/run.ts";
import type { MachineState } from "../../../local/machines/state.ts";

const machine = (id: number, name: string): MachineState => ({
  id,
  name,
  power: "off",
  leader: null,
  nspawn: null,
  startedAt: null,
  namespace: `n${id}`,
  publicIpv4: null,
  privateIps: [],
  devices: [],
  groups: [],
  root: "/nowhere",
  console: "/nowhere",
});

const target = (instance: string, ...names: readonly string[]): Target => ({
  instance: instanceNamed(instance, tmpdir()),
  endpoints: {
    pid: 1,
    startedAt: "",
    machines: true,
    hetzner: { endpoint: "http://127.0.0.1:1/v1", token: "" },
    cloudflare: { endpoint: "http://127.0.0.1:1/", token: "" },
  },
  environment: {
    id: "abcdef",
    owner: { pid: 1, startTime: 1 },
    cloud: "c",
    internet: "i",
    cloudSocket: "",
    internetSocket: "",
    runtime: "",
    machines: names.map((name, index) => machine(index + 1, name)),
  },
});

test("a short name is what the stack puts after its own", () => {
  assert.deepEqual(
    [
      "chitlaq-phase2-db-1",
      "chitlaq-my-lb-1-stack-lb-2",
      "chitlaq-phase3-k3s-server-1",
      "chitlaq-phase1-server-1",
      "web",
    ].map(shortName),
    ["db-1", "lb-2", "k3s-server-1", "server-1", "web"],
  );
});

test("a server is found by its short and its full name, and a name that two clouds have is refused with both", () => {
  const two = target("two", "chitlaq-phase2-db-1", "chitlaq-phase2-lb-1");
  const three = target("three", "chitlaq-phase3-k3s-server-1", "chitlaq-phase3-lb-1");
  assert.equal(pickMachine([two, three], "db-1").machine.name, "chitlaq-phase2-db-1");
  assert.equal(pickMachine([two, three], "chitlaq-phase3-lb-1").instance.name, "three");
  assert.throws(() => pickMachine([two, three], "server-1"), /two has db-1, lb-1; three has k3s-server-1, lb-1$/);
  assert.throws(
    () => pickMachine([two, three], "lb-1"),
    (error: Error & { readonly fixes: readonly string[] }) =>
      /several servers/.test(error.message) &&
      error.fixes.join() === "--instance two for chitlaq-phase2-lb-1,--instance three for chitlaq-phase3-lb-1",
  );
  assert.throws(() => pickMachine([target("empty")], "db-1"), /empty has no servers/);
});

test("the lines of status stand in columns and leave out what is not known", () => {
  const lines = machineLines([
    {
      name: "chitlaq-phase2-api-1",
      publicIpv4: null,
      privateIps: ["10.0.2.11"],
      state: "ready",
      bootSeconds: 14.6,
      memoryBytes: 96 * 2 ** 20,
      errors: [],
    },
    {
      name: "chitlaq-phase2-lb-1",
      publicIpv4: "198.18.0.10",
      privateIps: ["10.0.1.11"],
      state: "off",
      bootSeconds: null,
      memoryBytes: null,
      errors: [],
    },
  ]);
  assert.deepEqual(lines, [
    "    api-1  10.0.2.11              ready in 14.6 s  96 MiB",
    "    lb-1   198.18.0.10 10.0.1.11  off",
  ]);
});

const chitlaq = (...args: readonly string[]): Promise<Finished> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", join(repoRoot, "cli", "main.ts"), ...args], {
    cwd: tmpdir(),
  });

test("without machines every verb says how to get them", async () => {
  const verbs = [
    ["ssh", "db-1"],
    ["logs", "db-1"],
    ["kill", "db-1"],
    ["start", "db-1"],
    ["partition", "db-1"],
    ["heal"],
  ];
  for (const args of verbs) {
    const { code, stderr } = await chitlaq("local", ...args, "--instance", "never-ran");
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "The local cloud never-ran is not running, or not with machines.\n  start one as root: ./chitlaq local up phase2 --machines\n",
    );
  }
});
