import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { repoRoot } from "../../cli/paths.ts";
import { run as runProgram } from "../../cli/process/run.ts";
import { type Bench, createBench, type Ended, eventually } from "./support/command.ts";

/** Digest of everything in `stacks/`. */
function committedFiles(): Readonly<Record<string, string>> {
  const folder = join(repoRoot, "stacks");
  const yaml = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return Object.fromEntries(
    yaml.map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]),
  );
}

const succeeded = (ended: Ended): Ended => {
  assert.equal(ended.code, 0, `${ended.stdout}\n${ended.stderr}`);
  return ended;
};

/** A second `up` has nothing to do, and every name is there once. */
async function assertConverged(bench: Bench): Promise<void> {
  succeeded(await bench.run(["local", "pulumi", "--", "preview", "--stack", "phase1", "--expect-no-changes"]));
  for (const kind of ["servers", "networks", "volumes", "primary_ips", "firewalls", "ssh_keys"]) {
    const { [kind]: found } = await bench.hetzner(`/${kind}`);
    assert.equal((found as readonly unknown[]).length, 1, `${kind}: ${JSON.stringify(found)}`);
  }
}

const servers = async (bench: Bench): Promise<number> =>
  ((await bench.hetzner("/servers")) as { readonly servers: readonly unknown[] }).servers.length;

/** Starts `local up phase1` and waits until its server is being made, which takes longer than the test. */
async function upWithServerInTheMaking(bench: Bench, milliseconds: number) {
  const up = bench.start(["local", "up", "phase1", "--no-machines"]);
  await bench.endpoints();
  await bench.control("PUT", "delays", { commands: { create_server: milliseconds } });
  await eventually("the server", async () => ((await servers(bench)) > 0 ? true : undefined));
  return up;
}

const noDelay = (bench: Bench): Promise<void> => bench.control("PUT", "delays", { commands: { create_server: 0 } });

const onLinux = (t: TestContext): boolean => {
  if (process.platform === "linux") return true;
  t.skip("left-over processes are found through /proc");
  return false;
};

test("from nothing to a stack, its endpoints and its cost; the committed files stay as they are", async (t) => {
  const bench = createBench(t);
  const before = committedFiles();
  const first = succeeded(await bench.run(["local", "up", "phase1", "--no-machines"]));

  await t.test("prints endpoints and the cost table, and says once what stands in", () => {
    assert.match(first.stdout, /^Endpoints of phase1\n {2}addresses\n {4}server-1 {2}\d+\.\d+\.\d+\.\d+$/m);
    assert.match(first.stdout, /https:\/\/api\.chitlaq\.com/);
    assert.match(first.stdout, /│ +total .*│ +\d+\.\d\d │/);
    assert.equal(first.stderr.match(/^Pulumi \d.*hcloud \d/gm)?.length, 1);
    assert.equal(
      `${first.stdout}${first.stderr}`.includes("\u001b"),
      false,
      "no control characters without a terminal",
    );
  });

  await t.test("--quiet prints results only, --json the outputs only", async () => {
    const quiet = succeeded(await bench.run(["local", "up", "phase1", "--no-machines", "--quiet", "--json"]));
    assert.equal(quiet.stderr, "");
    const outputs = JSON.parse(quiet.stdout) as { readonly cost: { readonly stack: string } };
    assert.equal(outputs.cost.stack, "phase1");
  });

  await t.test("a second up changes nothing", () => assertConverged(bench));

  await t.test("status tells where it is and keeps the tokens to itself", async () => {
    const { hetzner, cloudflare, pid } = await bench.endpoints();
    const { stdout } = succeeded(await bench.run(["local", "status", "--json"]));
    const [status] = JSON.parse(stdout) as readonly [
      { readonly cloud: Record<string, unknown>; readonly stacks: unknown },
    ];
    assert.equal(status.cloud.pid, pid);
    assert.deepEqual([status.cloud.hetzner, status.cloud.cloudflare], [hetzner.endpoint, cloudflare.endpoint]);
    assert.deepEqual(status.stacks, ["phase1"]);
    assert.equal(stdout.includes(hetzner.token) || stdout.includes(cloudflare.token), false);
  });

  await t.test("commands of the real CLI that write stack files write the instance's", async () => {
    const pulumi = (...args: readonly string[]): Promise<Ended> => bench.run(["local", "pulumi", "--", ...args]);
    succeeded(await pulumi("config", "set", "chitlaq:note", "mine"));
    succeeded(await pulumi("config", "set", "--secret", "chitlaq:hidden", "mine"));
    succeeded(await pulumi("preview", "-c", "chitlaq:seen=yes"));
    const own = readFileSync(join(bench.instance.projectDir, "stacks", "Pulumi.phase1.yaml"), "utf8");
    assert.match(own, /encryptionsalt:[\s\S]*chitlaq:note: mine/);
    succeeded(await bench.run(["local", "up", "phase1", "--no-machines", "--quiet"]));
    assert.equal(succeeded(await pulumi("config", "get", "chitlaq:seen")).stdout.trim(), "yes");
    assert.deepEqual(committedFiles(), before);
  });

  await t.test("pulumi's own exit code comes through", async () => {
    const { code, stderr } = await bench.run(["local", "pulumi", "--", "stack", "output", "no-such-output"]);
    assert.notEqual(code, 0);
    assert.match(stderr, /no-such-output/);
  });

  await t.test("env lets a person's own pulumi and API clients work, and the committed files stay", async () => {
    const script = [
      `eval "$("$0" local env --instance ${bench.instance.name})"`,
      "pulumi preview --expect-no-changes --non-interactive >/dev/null || exit 1",
      "pulumi stack output cost --json >/dev/null || exit 2",
      'curl -fsS -H "Authorization: Bearer $HCLOUD_TOKEN" "$HCLOUD_ENDPOINT/servers" || exit 3',
      'curl -fsS -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" "$CLOUDFLARE_BASE_URL/zones" || exit 4',
    ].join("\n");
    const used = await runProgram("bash", ["-c", script, join(repoRoot, "chitlaq")], { cwd: join(repoRoot, "stacks") });
    assert.equal(used.code, 0, used.stderr);
    assert.match(used.stdout, /chitlaq-phase1-server-1[\s\S]*chitlaq\.com/);
    assert.deepEqual(committedFiles(), before);
  });

  await t.test("down stops it, up goes on from its state, reset forgets it", async () => {
    succeeded(await bench.run(["local", "down"]));
    if (process.platform === "linux") assert.deepEqual(bench.leftovers(), []);
    succeeded(await bench.run(["local", "up", "phase1", "--no-machines", "--quiet"]));
    await assertConverged(bench);
    succeeded(await bench.run(["local", "reset"]));
    assert.equal(existsSync(bench.instance.dir), false);
  });
});

test("Ctrl-C while the server is being made: nothing is left running, the next up finishes", async (t) => {
  if (!onLinux(t)) return;
  const bench = createBench(t);
  const up = await upWithServerInTheMaking(bench, 2000);
  up.ctrlC();
  const { code, stderr } = await up.ended;
  assert.equal(code, 130, stderr);
  assert.deepEqual(bench.leftovers(), []);
  succeeded(await bench.run(["local", "up", "phase1", "--no-machines"]));
  await assertConverged(bench);
});

test("Ctrl-C twice while a request hangs: nothing is left running, the next up finishes", async (t) => {
  if (!onLinux(t)) return;
  const bench = createBench(t);
  const up = bench.start(["local", "up", "phase1", "--no-machines"]);
  await bench.endpoints();
  // Carried out, but the provider never learns the server's id.
  await bench.control("POST", "faults", { method: "POST", path: "/servers", when: "after", effect: { type: "hang" } });
  await eventually("the server", async () => ((await servers(bench)) > 0 ? true : undefined));
  up.ctrlC();
  await eventually("the first signal's answer", () => true);
  up.ctrlC();
  const { code, stderr } = await up.ended;
  assert.equal(code, 130, stderr);
  assert.deepEqual(bench.leftovers(), []);
  const second = bench.start(["local", "up", "phase1", "--no-machines"]);
  await bench.endpoints();
  await bench.control("DELETE", "faults", undefined);
  const { code: again, stderr: said } = await second.ended;
  assert.equal(again, 0, said);
  assert.match(said, /removed server chitlaq-phase1-server-1 \(id \d+\): its creation was cut off/);
  await assertConverged(bench);
});

test("Ctrl-C at any moment of the start leaves nothing running, and the next up finishes", async (t) => {
  if (!onLinux(t)) return;
  const bench = createBench(t);
  for (const moment of [30, 200, 400, 700, 1100, 1600, 2400]) {
    const up = bench.start(["local", "up", "phase1", "--no-machines"]);
    await delay(moment);
    up.ctrlC();
    const { code, signal, stderr } = await up.ended;
    // Before the command listens for signals the shell's own end is all there is.
    assert.ok(code === 130 || signal === "SIGINT", `after ${moment} ms: code ${code}, signal ${signal}\n${stderr}`);
    assert.deepEqual(bench.leftovers(), [], `after ${moment} ms`);
  }
  succeeded(await bench.run(["local", "up", "phase1", "--no-machines"]));
  await assertConverged(bench);
});

test("Ctrl-C leaves a local cloud running that was up before", async (t) => {
  if (!onLinux(t)) return;
  const bench = createBench(t);
  succeeded(await bench.run(["local", "pulumi", "--", "stack", "ls"]));
  const { pid } = await bench.endpoints();
  const up = await upWithServerInTheMaking(bench, 2000);
  up.ctrlC();
  assert.equal((await up.ended).code, 130);
  const left = bench.leftovers();
  assert.equal(left.length, 1, left.join("\n"));
  assert.equal(left[0]?.startsWith(`${pid} `), true);
  await noDelay(bench);
  succeeded(await bench.run(["local", "up", "phase1", "--no-machines"]));
  await assertConverged(bench);
});

test("kill -9 of the command: the next up ends what is left of it, and finishes", async (t) => {
  if (!onLinux(t)) return;
  const bench = createBench(t);
  const up = await upWithServerInTheMaking(bench, 3000);
  up.kill();
  await up.ended;
  const { code, stderr } = await bench.run(["local", "up", "phase1", "--no-machines"]);
  assert.equal(code, 0, stderr);
  // The engine ends by itself when it next writes to the closed pipe; either way its lock and its creation are left.
  assert.match(stderr, /ended the engine of an earlier run|released the lock of pulumi process/);
  await assertConverged(bench);
});

test("a second up on the same instance is refused while the first works, and the first finishes", async (t) => {
  const bench = createBench(t);
  const first = await upWithServerInTheMaking(bench, 2000);
  const second = await bench.run(["local", "up", "phase1", "--no-machines"]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /Another \.\/chitlaq is working on the instance[\s\S]*--instance <name>/);
  succeeded(await first.ended);
  await assertConverged(bench);
});
