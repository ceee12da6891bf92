/**
 * Every port of every server from every place: what answers must be what the plan's flows name, nothing more and nothing
 * less. Proves Hetzner's firewalls (as the local cloud enforces them) and the machines' own filters together; it does not
 * prove UDP, nor that either wall alone would hold.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connectThrough } from "../../local/machines/connect.ts";
import { addInternetHost, commandInInternet } from "../../local/machines/internet.ts";
import { internetAddress } from "../../local/machines/network/apply.ts";
import type { Flow, Machine, Plan } from "../../plan/types.ts";
import { openStage, type Stage, skip } from "./stage.ts";

const portScan = readFileSync(join(import.meta.dirname, "port-scan.py"), "utf8");

/** Ports nobody may reach, beside all that some flow names: a closed one must be silent everywhere. */
const extra = ["21", "25", "111", "8081", "9000"];

/** Every TCP port on which some machine listens, planned or not. */
async function listening(stage: Stage, { machines }: Plan): Promise<readonly string[]> {
  const printed = await Promise.all(machines.map(({ name }) => stage.sh(name, "ss -Hltn")));
  // The fourth field is the local address, with the port behind its last colon.
  return printed
    .join("\n")
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[3]?.split(":").at(-1) ?? assert.fail(`ss printed ${line}`));
}

const flowPorts = ({ flows }: Plan): readonly string[] =>
  flows.flatMap(({ port, protocol }) => (port !== null && protocol === "tcp" ? [port] : []));

/** What is scanned of every machine. */
async function portsOf(stage: Stage, plan: Plan): Promise<readonly string[]> {
  const found = await listening(stage, plan);
  assert.ok(found.includes("5432"), `the machines listen on ${found.join()}`);
  return [...new Set([...flowPorts(plan), ...extra, ...found])];
}

const permits = (flow: Flow, to: Machine, port: string): boolean =>
  flow.protocol === "tcp" &&
  flow.port === port &&
  flow.to === to.role &&
  (flow.toMachines === undefined || flow.toMachines.includes(to.name));

const fromMachine = ({ flows }: Plan, from: Machine, to: Machine, port: string): boolean =>
  flows.some((flow) => flow.from.kind === "role" && flow.from.role === from.role && permits(flow, to, port));

/** `address port result` lines of a probe, by `address port`. */
const resultsOf = (printed: string): ReadonlyMap<string, string> =>
  new Map(
    printed
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([host, port, result]) => [`${host} ${port}`, result ?? ""]),
  );

async function scan(stage: Stage, from: string, targets: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const line = `python3 -c "$(base64 -d <<<${Buffer.from(portScan).toString("base64")})"`;
  return resultsOf(await stage.sh(from, line, { input: `${targets.join("\n")}\n` }));
}

/** What the plan says of the way from one machine to another, as the probe would print it. */
async function matrixFrom(stage: Stage, plan: Plan, ports: readonly string[], from: Machine): Promise<void> {
  const others = plan.machines.filter(({ name }) => name !== from.name);
  const wanted = others.flatMap((to) =>
    ports.map((port) => ({
      to,
      port,
      key: `${to.privateIp} ${port}`,
      open: fromMachine(plan, from, to, port),
    })),
  );
  const seen = await scan(
    stage,
    from.name,
    wanted.map(({ key, open }) => `${key} ${open ? "open" : "silent"}`),
  );
  const wrong = wanted
    .filter(({ key, open }) => seen.get(key) !== (open ? "open" : "silent"))
    .map(({ to, port, key, open }) => `${from.name} → ${to.name}:${port} is ${seen.get(key)}, the plan says ${open}`);
  assert.deepEqual(wrong, []);
  assert.ok(wanted.some(({ open }) => open) || plan.flows.every((flow) => flow.from.kind !== "role"));
}

type Visitor = { readonly name: string; readonly address: string; readonly ports: readonly string[] };

/** Places of the internet, and the ports of a public address each of them may use. */
const visitors: readonly Visitor[] = [
  { name: "Cloudflare", address: "173.245.48.9", ports: ["80", "443"] },
  { name: "an operator", address: internetAddress.client, ports: ["22"] },
  { name: "anybody else", address: "203.0.113.9", ports: [] },
];

/** An answer that is expected gets more time than silence: this host may be busy. */
const patienceMs = { open: 10_000, silent: 2_000 } as const;

async function opens(
  stage: Stage,
  host: string,
  port: string,
  from: string,
  expected: keyof typeof patienceMs,
): Promise<boolean> {
  const signal = AbortSignal.timeout(patienceMs[expected]);
  const destination = { host, port: Number(port), from };
  const socket = await connectThrough(stage.environment().internetSocket, destination, signal).catch(() => null);
  socket?.destroy();
  return socket !== null;
}

async function publicMatrix(stage: Stage, plan: Plan, ports: readonly string[]): Promise<void> {
  const doors = plan.machines.filter(({ primaryIp }) => primaryIp !== null);
  const environment = stage.environment();
  for (const { address } of visitors) {
    if (address !== internetAddress.client) await addInternetHost(environment, { addresses: [address], names: [] });
  }
  const trials = visitors.flatMap((visitor) =>
    doors.flatMap((door) => ports.map((port) => ({ visitor, door, port, open: visitor.ports.includes(port) }))),
  );
  const wrong = await Promise.all(
    trials.map(async ({ visitor, door, port, open }) => {
      const address = stage.machine(door.name).publicIpv4;
      assert.ok(address !== null);
      const got = await opens(stage, address, port, visitor.address, open ? "open" : "silent");
      return got === open ? [] : [`${visitor.name} → ${door.name}:${port} opens: ${got}, the plan says ${open}`];
    }),
  );
  assert.deepEqual(wrong.flat(), []);
}

test("phase 2: every port from everywhere, and the way out", { skip }, async (t) => {
  const stage = await openStage(t, "phase2", { platform: { redis: { replica: true } } });
  await stage.healthy();
  const plan = await stage.plan();
  const ports = await portsOf(stage, plan);
  t.diagnostic(`scanned: ${ports.join(" ")}`);

  await t.test("from each machine to each other, exactly the plan's flows are open", async () => {
    for (const from of plan.machines) await matrixFrom(stage, plan, ports, from);
  });

  await t.test("from the internet, only the door, only for the edge and the operators", () =>
    publicMatrix(stage, plan, ports),
  );

  await t.test("private addresses lead nowhere from outside, and private machines have no public one", async () => {
    const inside = plan.machines.filter(({ primaryIp }) => primaryIp === null);
    assert.ok(inside.length >= 4);
    for (const { name, privateIp } of inside) {
      assert.equal(stage.machine(name).publicIpv4, null, name);
      assert.equal(await opens(stage, privateIp, "22", internetAddress.client, "silent"), false, name);
    }
  });

  await t.test("private machines leave through the gateway's address", async () => {
    const gateway = plan.machines.find(({ name }) => plan.services.natGateways.includes(name));
    const address = gateway === undefined ? null : stage.machine(gateway.name).publicIpv4;
    assert.ok(address !== null);
    const mirror = "203.0.113.80";
    await addInternetHost(stage.environment(), { addresses: [mirror], names: ["mirror.example.org"] });
    // Answers each connection with the address it came from.
    const server = `require("node:net").createServer((c) => c.end(c.remoteAddress)).listen(8099, "${mirror}", () => console.log("up"))`;
    const [command, args] = commandInInternet(stage.environment(), [process.execPath, "-e", server]);
    const { spawn } = await import("node:child_process");
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    for (const { name, primaryIp } of plan.machines) {
      if (primaryIp !== null) continue;
      assert.equal(await stage.sh(name, "nc -w 15 mirror.example.org 8099 </dev/null"), address, name);
    }
  });
});
