import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { execIn } from "../../../local/machines/access.ts";
import { claim, environmentOf, release, writeJson } from "../../../local/machines/environment.ts";
import { readState } from "../../../local/machines/state.ts";
import { bootAll, cloudConfig, cloudFor, type Host, skip, startCloud, topologyOf, until } from "./support.ts";

/** Everything in the kernel that carries an environment's name or lies in its folder. */
const remains = (stateDir: string): string[] => {
  const { id, folder } = environmentOf(stateDir);
  const hierarchies = ["", ...readdirSync("/sys/fs/cgroup")].map((name) => join("/sys/fs/cgroup", name, "chitlaq", id));
  const lines = [
    ...readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(folder)),
    ...(existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith(`hz-${id}-`)) : []),
    ...execFileSync("losetup", ["--list", "--noheadings"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(folder)),
    ...hierarchies.filter((group) => existsSync(group)),
    ...(existsSync("/run/systemd/nspawn/propagate")
      ? readdirSync("/run/systemd/nspawn/propagate").filter((name) => name.startsWith(`hz-${id}-`))
      : []),
    ...(existsSync(`/run/chitlaq-machines/${id}`) ? [`/run/chitlaq-machines/${id}`] : []),
    ...execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(`hz-${id}-`) || line.includes(folder)),
  ];
  return lines.filter((line) => line.trim() !== "");
};

const folderFor = async (context: TestContext): Promise<string> => {
  const stateDir = await mkdtemp(join(tmpdir(), "machines-"));
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(stateDir, "id_ed25519")]);
  context.after(() => rm(stateDir, { recursive: true, force: true }));
  return stateDir;
};

const hold = async (stateDir: string): Promise<ChildProcess> => {
  const holder = spawn(process.execPath, ["--no-warnings", join(import.meta.dirname, "holder.ts"), stateDir], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  await Promise.race([
    once(holder.stdout, "data"),
    once(holder, "exit").then(() => assert.fail("the holder ended early")),
  ]);
  return holder;
};

test("closing leaves nothing but the disks", { skip }, async (context) => {
  const stateDir = await folderFor(context);
  const cloud = await startCloud("baked", stateDir);
  await bootAll(cloud, [{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" }]);
  assert.ok(remains(stateDir).length > 5);
  await cloud.driver.close();
  await cloud.driver.close();
  assert.deepEqual(remains(stateDir), []);
  assert.equal(readState(stateDir), null);
  assert.ok(existsSync(join(stateDir, "machines/servers/1/up/etc/hostname")));
});

/** Says on disk how it ended: by systemd's SIGTERM, or not at all. */
const witness = cloudConfig({
  write_files: [
    {
      path: "/etc/systemd/system/witness.service",
      content: [
        "[Service]",
        "ExecStart=/bin/sleep infinity",
        "ExecStop=/bin/sh -c 'echo stopped >> /root/witness'",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
      ].join("\n"),
    },
  ],
  runcmd: ["systemctl enable --now witness"],
});

const witnessed = (stateDir: string): string =>
  readFileSync(join(stateDir, "machines/servers/1/up/root/witness"), "utf8").trim();

test("closing shuts machines down side by side before the plug is pulled", { skip }, async (context) => {
  const stateDir = await folderFor(context);
  const cloud = await startCloud("baked", stateDir);
  const hosts: Host[] = [
    { id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" },
    { id: 2, publicIpv4: "5.75.1.2", privateIp: "10.0.1.2" },
  ];
  const events: unknown[] = [];
  cloud.driver.onPowerChange((...event) => events.push(event));
  await bootAll(cloud, hosts, {}, witness);
  // One that refuses to stop holds nobody up for ever: systemd would give its last process 90 seconds.
  await cloud.sh(2, "systemd-run --unit=stubborn -p KillSignal=SIGCONT sleep infinity");
  const before = performance.now();
  await cloud.driver.close();
  const seconds = (performance.now() - before) / 1000;
  assert.equal(witnessed(stateDir), "stopped");
  assert.ok(seconds > 19 && seconds < 60, `${seconds} s`);
  assert.match(
    cloud.log.join("\n"),
    /server 2 is still running 20 s after the power button was pressed; its plug is pulled/,
  );
  assert.deepEqual(events, [], "the API knows them as running, so that the next start boots them");
  assert.deepEqual(remains(stateDir), []);
});

test("a process that only closes its machines ends by itself, with everything gone", { skip }, async (context) => {
  const stateDir = await folderFor(context);
  const holder = await hold(stateDir);
  const said = once(holder.stdout ?? assert.fail("no output"), "data");
  holder.kill("SIGTERM");
  const [code] = await once(holder, "exit");
  assert.equal(code, 0);
  assert.equal(String((await said)[0]), "closed\n");
  assert.deepEqual(remains(stateDir), []);
});

test("after kill -9 of the driver all is cleared, and the next one goes on with the same disks", {
  skip,
}, async (context) => {
  const stateDir = await folderFor(context);
  const holder = await hold(stateDir);
  const state = readState(stateDir);
  assert.equal(state?.machines[0]?.power, "running");
  await assert.rejects(startCloud("baked", stateDir), /are run by process \d+ already; stop it first/);
  process.kill(holder.pid ?? 0, "SIGKILL");
  await until("everything is cleared", () => remains(stateDir).length === 0);

  const cloud = await startCloud("baked", stateDir);
  try {
    assert.equal(cloud.machine(1).power, "off");
    await cloud.driver.provision(cloud.spec(1));
    await cloud.driver.syncNetwork(topologyOf([{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" }]));
    await cloud.driver.start(1);
    await cloud.ready(1);
    // `nofail` lets the boot finish before the mount does.
    await until(
      "the volume is mounted",
      async () => (await execIn(cloud.machine(1), ["findmnt", "/mnt/HC_Volume_41"])).code === 0,
    );
    assert.equal(
      await cloud.sh(1, "journalctl --list-boots --no-pager | grep -c '^ *-\\?[01] '"),
      "2",
      "it is the same machine",
    );
  } finally {
    await cloud.driver.close();
  }
  assert.deepEqual(remains(stateDir), []);
});

test("when its helper was killed too, the next driver of any environment clears", { skip }, async (context) => {
  const stateDir = await folderFor(context);
  const holder = await hold(stateDir);
  const { id } = environmentOf(stateDir);
  const reapers = execFileSync("pgrep", ["-f", `reaper\\.sh ${id} `], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map(Number);
  assert.equal(reapers.length, 1);
  // Not afterwards: any other cloud of this host that starts clears it at once.
  assert.ok(remains(stateDir).length > 5);
  for (const pid of reapers) process.kill(pid, "SIGKILL");
  process.kill(holder.pid ?? 0, "SIGKILL");
  await once(holder, "exit");
  const other = await cloudFor(context);
  assert.deepEqual(remains(stateDir), []);
  assert.equal(readState(other.stateDir)?.machines.length, 0);
});

/** Makes every clearing of this host wait until the returned function is called. */
const delayClearing = async (context: TestContext): Promise<() => Promise<void>> => {
  const holder = spawn("flock", ["/run/chitlaq-machines/lock", "sh", "-c", "echo held; exec cat"]);
  context.after(() => holder.stdin.end());
  const gone = once(holder, "exit");
  await once(holder.stdout, "data");
  return async () => {
    holder.stdin.end();
    await gone;
  };
};

test("what a dead owner left is spared when somebody claims it before its turn to be cleared comes", {
  skip,
}, async (context) => {
  const [left, mine] = [environmentOf(await folderFor(context)), environmentOf(await folderFor(context))];
  await claim(left);
  context.after(() => release(left));
  const owner = join(left.runtime, "owner.json");
  const claimed = readFileSync(owner, "utf8");
  writeJson(owner, { folder: left.folder, process: { pid: 1, startTime: 1 } });
  const proceed = await delayClearing(context);
  const sweep = claim(mine);
  context.after(() => release(mine));
  await until("the sweep is about to clear it", () => {
    const running = execFileSync("ps", ["-eo", "args="], { encoding: "utf8" });
    return running.includes(`clear.sh ${left.id} `);
  });
  writeFileSync(owner, claimed);
  await proceed();
  await sweep;
  assert.equal(readFileSync(owner, "utf8"), claimed);
});

test("two environments with the same servers and addresses do not meet", { skip }, async (context) => {
  const [one, two] = [await cloudFor(context), await cloudFor(context)];
  const hosts: Host[] = [
    { id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" },
    { id: 2, publicIpv4: "5.75.1.2", privateIp: "10.0.1.2" },
  ];
  await Promise.all([bootAll(one, hosts.slice(0, 1)), bootAll(two, hosts)]);
  await two.sh(2, "ping -c1 -w15 5.75.1.1");
  await assert.rejects(one.sh(1, "ping -c1 -W1 5.75.1.2"));
  await one.sh(1, "touch /root/mine");
  assert.equal(await two.sh(1, "ls /root"), "");
  await one.driver.close();
  assert.deepEqual(remains(one.stateDir), []);
  await two.sh(2, "ping -c1 -w15 5.75.1.1");
});
