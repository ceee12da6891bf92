import assert from "node:assert/strict";
import { test } from "node:test";
import { bootState, execIn, journalCommand, sshCommand, statusOf } from "../../../local/machines/access.ts";
import { cut } from "../../../local/machines/faults.ts";
import { openTunnel } from "../../../local/machines/connect.ts";
import { run } from "../../../local/machines/run.ts";
import { bootAll, cloudConfig, cloudFor, type Host, network, skip, topologyOf, until } from "./support.ts";

const userData = cloudConfig({
  write_files: [{ path: "/etc/proof", content: "written by user-data" }],
  packages: ["nginx", "postgresql-17", "patroni"],
  runcmd: [
    ["sh", "-c", "systemctl is-enabled nginx > /root/before; systemctl enable --now nginx; hostname > /root/name"],
  ],
});

test("a machine boots from its user-data, and everybody finds a way in", { skip }, async (context) => {
  const cloud = await cloudFor(context);
  await bootAll(cloud, [{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" }], {}, userData);

  await context.test("files, commands, name and addresses are those of the request", async () => {
    assert.equal(await cloud.sh(1, "cat /etc/proof"), "written by user-data");
    assert.equal(await cloud.sh(1, "cat /root/name; hostname; cat /etc/hostname"), "server-1\nserver-1\nserver-1");
    assert.match(await cloud.sh(1, "ip -o -4 addr show eth0"), /inet 5\.75\.1\.1\/32 /);
    await cloud.sh(
      1,
      "for i in $(seq 100); do ip -o -4 addr show enp7s0 | grep -q 10.0.1.1/32 && exit 0; sleep 0.1; done; exit 1",
    );
    assert.equal(await cloud.sh(1, "systemctl --failed --no-legend"), "");
    assert.match(await cloud.sh(1, "cat /etc/resolv.conf"), /^nameserver 185\.12\.64\.2$/m);
  });

  await context.test("baked services wait for user-data to enable them", async () => {
    assert.equal(await cloud.sh(1, "cat /root/before"), "disabled");
    assert.equal(await cloud.sh(1, "systemctl is-active nginx"), "active");
    assert.equal(await cloud.sh(1, "systemctl is-active patroni postgresql || true"), "inactive\ninactive");
  });

  await context.test("the package step finds everything installed and fetches no package", async () => {
    const output = await cloud.sh(1, "cat /var/log/cloud-init-output.log");
    assert.match(output, /0 upgraded, 0 newly installed/);
    assert.doesNotMatch(output, /Need to get/);
  });

  await context.test("the machine sees Hetzner's metadata", async () => {
    const url = "http://169.254.169.254/hetzner/v1/metadata";
    assert.equal(await cloud.sh(1, `curl -sf ${url}/instance-id`), "1");
    assert.match(await cloud.sh(1, `curl -sf ${url}/private-networks`), /ip: 10\.0\.1\.1\n.*gateway: 10\.0\.0\.1/s);
    assert.match(await cloud.sh(1, "cloud-init query cloud_name"), /hetzner/);
  });

  await context.test(
    "a login with the key of the request, over SSH from the internet, is an ordinary root",
    async () => {
      const login = sshCommand(cloud.environment(), cloud.machine(1), {
        identity: cloud.identity,
        command: ["whoami; date -s 2026-01-01 2>&1 | head -1"],
      });
      const { stdout } = await run(...login);
      assert.match(stdout, /^root\ndate: cannot set date: Operation not permitted/);
      const stranger = await run("nsenter", [
        `--net=/run/netns/${cloud.environment().internet}`,
        "ssh",
        "-oBatchMode=yes",
        "-oStrictHostKeyChecking=no",
        "-oUserKnownHostsFile=/dev/null",
        "-oIdentitiesOnly=yes",
        "-i",
        "/dev/null",
        "root@5.75.1.1",
        "true",
      ]);
      assert.equal(stranger.code, 255);
    },
  );

  await context.test("commands inside have the limits of the machine and no right to set the clock", async () => {
    const { code, stderr } = await execIn(cloud.machine(1), ["date", "-s", "2026-01-01"]);
    assert.equal(code, 1);
    assert.match(stderr, /cannot set date/);
    const allocate = (gib: number) => execIn(cloud.machine(1), ["python3", "-c", `b"x" * (${gib} * 1024 ** 3)`]);
    assert.equal((await allocate(1)).code, 0, "1 GiB on a server of 2 GiB");
    assert.equal((await allocate(3)).code, null, "3 GiB on a server of 2 GiB: killed");
  });

  await context.test("the host reaches a service of the machine through a tunnel", async () => {
    const places = ["internet", cloud.machine(1)] as const;
    for (const place of places) {
      const tunnel = await openTunnel(cloud.environment(), place, {
        host: place === "internet" ? "5.75.1.1" : "127.0.0.1",
        port: 80,
      });
      const answer = await fetch(`http://127.0.0.1:${tunnel.port}/`);
      assert.match(await answer.text(), /Welcome to nginx/);
      await tunnel.close();
    }
    const closed = await openTunnel(cloud.environment(), "internet", { host: "5.75.1.1", port: 81 });
    await assert.rejects(closed.connect(), /5\.75\.1\.1:81: .*ECONNREFUSED/);
    await closed.close();
  });

  await context.test("state, memory and journal can be read, the journal also when the machine is off", async () => {
    const [status] = statusOf(cloud.environment());
    assert.equal(status?.boot.phase, "ready");
    assert.ok((status?.memoryBytes ?? 0) > 10_000_000);
    await cloud.driver.stop(1, "graceful");
    assert.deepEqual(bootState(cloud.machine(1)), { phase: "off" });
    const { stdout } = await run(...journalCommand(cloud.machine(1), { unit: "nginx", lines: 20 }));
    assert.match(stdout, /Stopped nginx\.service/);
    await assert.rejects(execIn(cloud.machine(1), ["true"]), /server-1 is off; start it first/);
  });
});

test("a server without a public address boots from its private network", { skip }, async (context) => {
  const cloud = await cloudFor(context);
  await bootAll(cloud, [{ id: 1, privateIp: "10.0.1.1" }], {}, cloudConfig({ runcmd: ["hostname > /root/ran"] }));
  assert.equal(await cloud.sh(1, "cat /root/ran"), "server-1");
  assert.equal(await cloud.sh(1, "ls /sys/class/net"), "enp7s0\nlo");
  await cloud.sh(
    1,
    "for i in $(seq 100); do ip -o -4 addr show enp7s0 | grep -q 10.0.1.1/32 && exit 0; sleep 0.1; done; exit 1",
  );
  assert.equal(await cloud.sh(1, "curl -sf http://169.254.169.254/hetzner/v1/metadata/hostname"), "server-1");
  // As on Hetzner: neither a default route nor a resolver comes with a private address.
  assert.equal(await cloud.sh(1, "ip route show default"), "");
  assert.equal(await cloud.sh(1, "grep -c ^nameserver /etc/resolv.conf || true"), "0");
  const { code } = await execIn(cloud.machine(1), ["getent", "hosts", "deb.debian.org"]);
  assert.notEqual(code, 0);
});

test("networks with the same range do not meet, and each server gets its own user-data", { skip }, async (context) => {
  const cloud = await cloudFor(context);
  const other = network + 1;
  const hosts: readonly Host[] = [
    { id: 1, privateIp: "10.0.1.1" },
    { id: 2, privateIp: "10.0.1.1", network: other },
    { id: 3, privateIp: "10.0.1.2", network: other },
  ];
  const own = (id: number) => cloudConfig({ write_files: [{ path: "/root/own", content: `for ${id}` }] });
  await Promise.all(hosts.map(({ id }) => cloud.driver.provision(cloud.spec(id, own(id)))));
  await cloud.driver.syncNetwork(topologyOf(hosts));
  await Promise.all(hosts.map(({ id }) => cloud.driver.start(id)));
  await cloud.ready(hosts.map(({ id }) => id));
  for (const { id, privateIp } of hosts) {
    assert.equal(await cloud.sh(id, "cat /root/own"), `for ${id}`);
    await until(`server ${id} has its address`, async () =>
      (await cloud.sh(id, "ip -4 -o addr")).includes(`${privateIp}/32`),
    );
    assert.equal((await execIn(cloud.machine(id), ["ping", "-c1", "-W1", "10.0.0.1"])).code, 0, "the gateway answers");
  }
  const pings = async (from: number, target: string) =>
    (await execIn(cloud.machine(from), ["ping", "-c1", "-W1", target])).code === 0;
  assert.equal(await pings(1, "10.0.1.2"), false, "that is in the other network");
  assert.ok(await pings(2, "10.0.1.2"));
  await cut(cloud.environment(), cloud.machine(2));
  assert.equal(await pings(3, "10.0.1.1"), false, "the other network has such an address too");
});
