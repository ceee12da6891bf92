/** The verbs on one booted machine. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ensureCloud } from "../../../cli/local/cloud.ts";
import { makeFolders } from "../../../cli/local/instance.ts";
import type { MachineReport } from "../../../cli/local/machines.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { type Bench, createBench, type Ended, eventually } from "../support/command.ts";

const host = machinesAvailable();
const name = "chitlaq-verbs-server-1";

async function bootOne(bench: Bench): Promise<void> {
  makeFolders(bench.instance);
  const { cloudDir, logDir } = bench.instance;
  const { endpoints } = await ensureCloud({
    repoRoot,
    stateDir: cloudDir,
    logFile: join(logDir, "cloud.log"),
    machines: true,
    parentPid: process.pid,
    signal: new AbortController().signal,
  });
  const response = await fetch(`${endpoints.hetzner.endpoint}/servers`, {
    method: "POST",
    headers: { authorization: `Bearer ${endpoints.hetzner.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name, server_type: "cx23", image: "debian-13", location: "fsn1" }),
  });
  assert.equal(response.status, 201, await response.text());
}

async function statusOf(bench: Bench): Promise<MachineReport> {
  const { stdout } = await bench.run(["local", "status", "--json"]);
  const [{ machines: [machine] = [] } = {}] = JSON.parse(stdout) as { machines?: MachineReport[] }[];
  assert.ok(machine, stdout);
  return machine;
}

const inState = (bench: Bench, state: MachineReport["state"]): Promise<MachineReport> =>
  eventually(state, async () => {
    const machine = await statusOf(bench);
    assert.notEqual(machine.state, "failed", machine.errors.join());
    return machine.state === state ? machine : undefined;
  });

const done = ({ code, stdout, stderr }: Ended): string => {
  assert.equal(code, 0, stdout + stderr);
  return stdout.trim();
};

async function atWork(t: TestContext): Promise<Bench> {
  const bench = createBench(t);
  await bootOne(bench);
  await inState(bench, "ready");
  return bench;
}

test("a machine is looked into, killed, started, cut off and healed by its short name", {
  skip: host.ok ? false : `needs ${host.missing.join(", ")}`,
}, async (t) => {
  const bench = await atWork(t);

  const machine = await statusOf(bench);
  assert.match(machine.publicIpv4 ?? "", /^198\.18\./);
  assert.ok((machine.bootSeconds ?? 0) > 0 && (machine.memoryBytes ?? 0) > 2 ** 20, JSON.stringify(machine));
  assert.match(
    done(await bench.run(["local", "status"])),
    /^ {4}server-1 {2}198\.18\.[\d.]+ {2}ready in [\d.]+ s {2}\d+ MiB$/m,
  );

  assert.equal(done(await bench.run(["local", "ssh", "server-1", "--", "hostname"])), name);
  const failed = await bench.run(["local", "ssh", name, "--", "sh", "-c", "exit 7"]);
  assert.equal(failed.code, 7, "the command's own exit code");
  assert.match(done(await bench.run(["local", "logs", "server-1", "--lines", "2000"])), /cloud-init/);

  const ping = ["local", "ssh", "server-1", "--", "ping", "-c1"];
  const pings = async (patience: "-w15" | "-W1"): Promise<boolean> =>
    (await bench.run([...ping, patience, "185.12.64.1"])).code === 0;
  const answered = (): Promise<boolean> => pings("-w15");
  assert.equal(await answered(), true, "it reaches the resolver");
  done(await bench.run(["local", "partition", "server-1"]));
  assert.equal(await pings("-W1"), false, "cut off");
  done(await bench.run(["local", "heal", "server-1"]));
  assert.equal(await answered(), true, "healed");
  done(await bench.run(["local", "partition", "server-1"]));
  done(await bench.run(["local", "heal"]));
  assert.equal(await answered(), true, "every cut healed");

  done(await bench.run(["local", "ssh", "server-1", "--", "sh", "-c", "echo kept >/root/mark; sync"]));
  done(await bench.run(["local", "kill", "server-1"]));
  assert.equal((await statusOf(bench)).state, "off");
  const off = await bench.run(["local", "ssh", "server-1"]);
  assert.match(off.stderr, /is off\.\n {2}start it: \.\/chitlaq local start/);
  assert.match(
    done(await bench.run(["local", "logs", "server-1", "--lines", "5"])),
    /./,
    "the journal of a machine that is off",
  );
  done(await bench.run(["local", "start", "server-1"]));
  await inState(bench, "ready");
  assert.equal(done(await bench.run(["local", "ssh", "server-1", "--", "cat", "/root/mark"])), "kept");

  done(await bench.run(["local", "kill", "server-1", "--power", "--restart"]));
  await inState(bench, "ready");
});
