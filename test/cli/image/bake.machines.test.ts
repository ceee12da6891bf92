/**
 * A bake on a booted machine. The local image has the packages already, so this proves the script, the clean-up and that a
 * server boots from the snapshot as a new one; that the packages install on a stock image is `stock.machines.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bakeImage } from "../../../cli/image/bake.ts";
import { createProgress } from "../../../cli/progress.ts";
import { until } from "../../../cli/process/pause.ts";
import { bootState, execIn, findMachine, openEnvironment } from "../../../local/machines/access.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { startLocalCloud } from "../../support/local-cloud.ts";

const host = machinesAvailable();
const never = new AbortController().signal;
const silent = createProgress({ quiet: true, stream: process.stderr });

test("a server made from the snapshot has the packages switched off, keys and an id of its own, and runs its user-data", {
  skip: host.ok ? false : `needs ${host.missing.join(", ")}`,
}, async (t) => {
  const cloud = await startLocalCloud(t, { machines: true });
  const started = performance.now();
  const baked = await bakeImage(
    {
      access: cloud.endpoints.hetzner,
      location: "fsn1",
      force: false,
      installTimeoutMs: 300_000,
      everyMs: 100,
      signal: never,
      now: Date.now,
    },
    silent,
  );
  t.diagnostic(`baked in ${((performance.now() - started) / 1000).toFixed(1)} s`);

  const create = (name: string) =>
    cloud.hetzner.request("POST", "/servers", {
      name,
      server_type: "cx23",
      image: baked.id,
      location: "fsn1",
      user_data: "#cloud-config\nruncmd: [[touch, /root/ran]]\n",
    });
  for (const name of ["one", "two"]) assert.equal((await create(name)).status, 201);
  const machine = (name: string) => findMachine(openEnvironment(cloud.stateDir), name);
  const sh = async (name: string, line: string): Promise<string> => {
    const { code, stdout, stderr } = await execIn(machine(name), ["bash", "-c", line]);
    assert.equal(code, 0, `${name}: ${line}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const ready = async (name: string): Promise<true | undefined> => {
    const found = openEnvironment(cloud.stateDir).machines.find((candidate) => candidate.name === name);
    const state = found === undefined ? undefined : bootState(found);
    assert.notEqual(state?.phase, "failed", JSON.stringify(state));
    return state?.phase === "ready" ? true : undefined;
  };
  for (const name of ["one", "two"]) {
    assert.equal(await until(() => ready(name), { everyMs: 50, timeoutMs: 60_000 }, never), true, `${name} boots`);
  }

  assert.equal(await sh("one", "test -e /root/ran && hostname"), "one");
  assert.equal(await sh("one", "ls -d /root/bake /usr/sbin/policy-rc.d 2>/dev/null | wc -l"), "0");
  const states = await sh("one", "systemctl is-enabled patroni nginx valkey-server haproxy etcd postgresql || true");
  assert.deepEqual([...new Set(states.split("\n"))], ["disabled"], "no first boot switched them on");
  const identity = "cat /etc/machine-id; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2";
  const [one, two] = [await sh("one", identity), await sh("two", identity)];
  assert.match(one, /^[0-9a-f]{32}\nSHA256:/);
  assert.ok(
    one.split("\n").every((line) => !two.includes(line)),
    "nothing in common",
  );
});
