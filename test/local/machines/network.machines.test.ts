import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, describe, test } from "node:test";
import { execIn, type Place } from "../../../local/machines/access.ts";
import { cut, cutBetween, heal, healAll } from "../../../local/machines/faults.ts";
import { addInternetHost, commandInInternet, removeInternetHost } from "../../../local/machines/internet.ts";
import {
  bootAll,
  type Cloud,
  cloudConfig,
  type Host,
  network,
  pingFromInternet,
  skip,
  startCloud,
  topologyOf,
  until,
} from "./support.ts";

const any = ["0.0.0.0/0", "::/0"];
const allow = (port: string, sourceIps = any) =>
  ({ direction: "in", protocol: "tcp", port, sourceIps, destinationIps: [] }) as const;

const gateway: Host = {
  id: 1,
  publicIpv4: "5.75.1.1",
  publicIpv6: "2001:db8:0:1::/64",
  privateIp: "10.0.1.1",
  firewall: [allow("22"), allow("8000-8001")],
};
const hidden: Host = { id: 2, privateIp: "10.0.1.2" };
const open: Host = { id: 3, publicIpv4: "5.75.1.3", privateIp: "10.0.1.3" };
const hosts = [gateway, hidden, open];
const natRoute = [{ destination: "0.0.0.0/0", gateway: "10.0.1.1" }];

const masquerade =
  "nft add table ip nat; nft 'add chain ip nat post { type nat hook postrouting priority 100 ; }'; nft add rule ip nat post oifname eth0 ip saddr 10.0.0.0/16 masquerade";

// Answers every connection to one of three ports with the machine's name.
const namer = `import socket, socketserver, threading
class Namer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(socket.gethostname().encode())
class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
for port in (8000, 8001, 8002):
    server = Server(("::", port), Namer)
    threading.Thread(target=server.serve_forever).start()
`;

const userData = cloudConfig({
  write_files: [{ path: "/opt/namer.py", content: namer }],
  runcmd: [
    "systemd-run python3 /opt/namer.py",
    "echo net.ipv4.ip_forward=1 > /etc/sysctl.d/90-router.conf; sysctl -q -p /etc/sysctl.d/90-router.conf",
    masquerade,
  ],
});

describe("the network of the machines", { skip }, () => {
  let cloud: Cloud;
  const sync = (changed: readonly Host[], routes = natRoute) =>
    cloud.driver.syncNetwork(topologyOf(changed, { routes }));
  /** What a place gets from a port: the answering host's name, or null after a moment: for silence that is expected. */
  const ask = async (place: Place, host: string, port: number, seconds = 2): Promise<string | null> => {
    const { code, stdout } = await cloud.at(
      place,
      "timeout",
      String(seconds),
      "bash",
      "-c",
      `exec 3<>/dev/tcp/${host}/${port} && cat <&3`,
    );
    return code === 0 ? stdout.trim() : null;
  };
  /** The same where an answer is expected, however busy this host is. */
  const reach = (place: Place, host: string, port: number): Promise<string | null> => ask(place, host, port, 15);
  const ping = async (id: number, ...options: string[]): Promise<boolean> =>
    (await execIn(cloud.machine(id), ["ping", "-c1", ...options])).code === 0;
  const isSilent = async (id: number, ...options: string[]): Promise<boolean> => !(await ping(id, "-W1", ...options));
  /** Asks every second until there is an answer, for 15 s. */
  const pings = (id: number, ...options: string[]): Promise<boolean> => ping(id, "-w15", ...options);

  before(async () => {
    cloud = await startCloud();
    await bootAll(cloud, hosts, { routes: natRoute }, userData);
    for (const { id } of hosts) {
      const routes = () => cloud.sh(id, "ip route");
      await until(`server ${id} is in the network`, async () => (await routes()).includes("10.0.0.0/16 via 10.0.0.1"));
    }
  });
  afterEach(() => healAll(cloud.environment()));
  after(() => cloud.close());

  test("the private network is layer 3: one neighbour, the gateway, and packets of 1450 bytes", async () => {
    assert.ok(await pings(1, "10.0.1.2"));
    assert.ok(await pings(1, "10.0.1.3"));
    assert.equal(await cloud.sh(1, "ip -o neigh show dev enp7s0 | grep -v fe80 | cut -d' ' -f1"), "10.0.0.1");
    assert.equal(await cloud.sh(1, "cat /sys/class/net/enp7s0/mtu"), "1450");
    assert.ok(await pings(1, "10.0.1.2", "-Mdo", "-s", String(1450 - 28)));
    assert.ok(await isSilent(1, "10.0.1.2", "-Mdo", "-s", String(1450 - 27)));
    const arp = await execIn(cloud.machine(1), [
      "sh",
      "-c",
      "ip addr add 10.0.1.99/32 dev enp7s0 && ping -c1 -W1 -I 10.0.1.99 10.0.1.2",
    ]);
    assert.notEqual(arp.code, 0, "an address nobody assigned leads nowhere");
    await cloud.sh(1, "ip addr del 10.0.1.99/32 dev enp7s0");
  });

  test("nobody sends from an address that is another's, nor asks for another's metadata", async () => {
    const count = "nft add table inet seen; nft 'add chain inet seen in { type filter hook input priority -300 ; }'";
    await cloud.sh(
      2,
      `${count}; nft add rule inet seen in ip saddr 10.0.1.98 counter; nft add rule inet seen in ip saddr 10.0.1.3 counter`,
    );
    await cloud.sh(
      3,
      "ip addr add 10.0.1.98/32 dev enp7s0; ping -c2 -W1 -I 10.0.1.98 10.0.1.2; ping -c2 -W10 10.0.1.2; ip addr del 10.0.1.98/32 dev enp7s0",
    );
    const seen = await cloud.sh(2, "nft list table inet seen; nft delete table inet seen");
    assert.match(seen, /saddr 10\.0\.1\.98 counter packets 0 /);
    assert.match(seen, /saddr 10\.0\.1\.3 counter packets 2 /);
    await cloud.sh(3, "ip addr add 5.75.1.1/32 dev eth0");
    const userData = ["curl", "-s", "-m2", "--interface", "5.75.1.1", "http://169.254.169.254/hetzner/v1/userdata"];
    assert.deepEqual(await execIn(cloud.machine(3), userData), { code: 28, stdout: "", stderr: "" });
    await cloud.sh(3, "ip addr del 5.75.1.1/32 dev eth0");
  });

  test("IPv6 reaches a server's first address, through the same firewall", async () => {
    assert.equal(await reach("internet", "2001:db8:0:1::1", 8000), "server-1");
    assert.equal(await ask("internet", "2001:db8:0:1::1", 8002), null);
  });

  test("an alias address moves by the API's word only, not by who claims it", async () => {
    const alias = "10.0.1.100";
    const holding = (id: number) => hosts.map((host) => (host.id === id ? { ...host, aliasIps: [alias] } : host));
    for (const id of [1, 3]) await cloud.sh(id, `ip addr add ${alias}/32 dev enp7s0`);
    assert.equal(await ask(cloud.machine(2), alias, 8000), null, "both hold it, the API knows nothing of it");
    await sync(holding(1));
    assert.equal(await reach(cloud.machine(2), alias, 8000), "server-1");
    await sync(holding(3));
    assert.equal(await reach(cloud.machine(2), alias, 8000), "server-3");
    await sync(hosts);
    assert.equal(await ask(cloud.machine(2), alias, 8000), null);
    for (const id of [1, 3]) await cloud.sh(id, `ip addr del ${alias}/32 dev enp7s0`);
  });

  test("a floating address moves between public interfaces", async () => {
    const floating = "78.46.1.9";
    const holding = (id: number) => hosts.map((host) => (host.id === id ? { ...host, floatingIps: [floating] } : host));
    for (const id of [1, 3]) await cloud.sh(id, `ip addr add ${floating}/32 dev eth0`);
    await sync(holding(3));
    assert.equal(await reach("internet", floating, 8000), "server-3");
    await sync(holding(1));
    assert.equal(await reach("internet", floating, 8000), "server-1");
    assert.equal(await ask("internet", floating, 8002), null, "the firewall of its holder counts");
    await sync(hosts);
    assert.equal(await ask("internet", floating, 8000), null);
  });

  test("the API's firewall filters the public interface, outside the machine, and nothing else", async () => {
    assert.equal(await reach("internet", "5.75.1.1", 8000), "server-1");
    assert.equal(await reach("internet", "5.75.1.1", 8001), "server-1");
    assert.equal(await ask("internet", "5.75.1.1", 8002), null);
    assert.equal(await ask(cloud.machine(3), "5.75.1.1", 8002), null, "from another server, too");
    assert.equal(await reach(cloud.machine(3), "10.0.1.1", 8002), "server-1", "private traffic passes");
    assert.equal(await reach("internet", "5.75.1.3", 8002), "server-3", "no firewall, no filter");
    assert.equal(await ask("internet", "10.0.1.2", 8000), null, "private addresses are not of the internet");
    assert.equal(await pingFromInternet(cloud, cloud.machine(1), "5.75.1.1", "-W1"), false, "no rule lets ICMP in");
    assert.ok(await pingFromInternet(cloud, cloud.machine(1), "5.75.1.3", "-w15"));
    await cloud.sh(1, "nft flush ruleset");
    assert.equal(await ask("internet", "5.75.1.1", 8002), null, "the machine cannot open it");
    await cloud.sh(1, masquerade);
    await sync([{ ...gateway, firewall: [allow("8002", ["192.0.2.0/24"]), allow("22")] }, hidden, open]);
    assert.equal(await reach("internet", "5.75.1.1", 8002), "server-1");
    assert.equal(await ask("internet", "5.75.1.1", 8000), null);
    assert.equal(await ask(cloud.machine(3), "5.75.1.1", 8002), null, "not from this source");
    await sync([{ ...gateway, firewall: [] }, hidden, open]);
    assert.equal(await ask("internet", "5.75.1.1", 22), null, "a firewall without rules lets nothing in");
    await sync(hosts);
  });

  test("rules for outgoing traffic close everything else", async () => {
    const web = { direction: "out", protocol: "tcp", port: "80", sourceIps: [], destinationIps: any } as const;
    await sync([gateway, hidden, { ...open, firewall: [web] }]);
    assert.equal(
      (await execIn(cloud.machine(3), ["curl", "-s", "-o/dev/null", "-m30", "http://192.0.2.80/debian/"])).code,
      0,
    );
    assert.equal(await ask(cloud.machine(3), "5.75.1.1", 8000), null);
    assert.equal(await cloud.sh(3, "curl -sf http://169.254.169.254/hetzner/v1/metadata/hostname"), "server-3");
    await sync(hosts);
  });

  test("a machine without a public address gets out through the gateway, and only with the route", async () => {
    const fetchRelease = (seconds = 30) =>
      execIn(cloud.machine(2), ["curl", "-sf", `-m${seconds}`, "http://deb.debian.org/debian/dists/trixie/InRelease"]);
    await cloud.sh(2, "ip route add default via 10.0.0.1; echo nameserver 185.12.64.2 | resolvconf -a eth0.test");
    assert.match((await fetchRelease()).stdout, /Codename: trixie/);
    const seen = await cloud.sh(
      1,
      "cat /proc/net/stat/nf_conntrack >/dev/null 2>&1; nft list ruleset | grep -c masquerade",
    );
    assert.equal(seen, "1");
    await sync(hosts, []);
    assert.notEqual((await fetchRelease(4)).code, 0);
    await sync(hosts);
    assert.equal((await fetchRelease()).code, 0);
  });

  test("a load balancer takes turns, passes over what is down, and reaches targets from its private address", async () => {
    const service = { protocol: "tcp", listenPort: 80, destinationPort: 8000, proxyprotocol: false } as const;
    const balancer = {
      id: 9,
      publicIpv4: "49.12.1.1",
      privateIps: [{ networkId: network, ip: "10.0.1.50" }],
      services: [service],
      targets: [{ ip: "10.0.1.2" }, { ip: "10.0.1.3" }],
    };
    await cloud.driver.syncNetwork(topologyOf(hosts, { routes: natRoute, loadBalancers: [balancer] }));
    const answers = new Set<string | null>();
    for (let i = 0; i < 4; i += 1) answers.add(await reach("internet", "49.12.1.1", 80));
    assert.deepEqual(answers, new Set(["server-2", "server-3"]));
    assert.match((await reach(cloud.machine(1), "10.0.1.50", 80)) ?? "", /^server-[23]$/);
    await cut(cloud.environment(), cloud.machine(2));
    const patiently = ["timeout", "15", "bash", "-c", "exec 3<>/dev/tcp/49.12.1.1/80 && cat <&3"];
    for (let i = 0; i < 2; i += 1) assert.equal((await cloud.at("internet", ...patiently)).stdout.trim(), "server-3");
    for (let i = 0; i < 2; i += 1) assert.equal(await ask("internet", "49.12.1.1", 80), "server-3", "at once by now");
    await heal(cloud.environment(), cloud.machine(2));
    await until("the target is back", async () => (await ask("internet", "49.12.1.1", 80)) === "server-2");
    const away = { ...balancer, targets: [{ ip: "10.0.1.3" }] };
    await cloud.driver.syncNetwork(topologyOf(hosts, { routes: natRoute, loadBalancers: [away] }));
    assert.equal(await reach("internet", "49.12.1.1", 80), "server-3");
    assert.equal(await reach("internet", "49.12.1.1", 80), "server-3");
    await sync(hosts);
    assert.equal(await ask("internet", "49.12.1.1", 80), null);
  });

  test("a cut isolates a machine until it is healed, whatever the API changes meanwhile", async () => {
    await cut(cloud.environment(), cloud.machine(3));
    assert.ok(await isSilent(1, "10.0.1.3"));
    assert.equal(await ask("internet", "5.75.1.3", 8000), null);
    await sync([...hosts.slice(0, 2), { ...open, aliasIps: ["10.0.1.77"] }]);
    assert.ok(await isSilent(1, "10.0.1.3"));
    await heal(cloud.environment(), cloud.machine(3));
    assert.ok(await pings(1, "10.0.1.3"));
    await cutBetween(cloud.environment(), cloud.machine(1), cloud.machine(2));
    assert.ok(await isSilent(1, "10.0.1.2"));
    assert.ok(await pings(3, "10.0.1.2"));
    await healAll(cloud.environment());
    assert.ok(await pings(1, "10.0.1.2"));
    await sync(hosts);
  });

  test("a host put into the internet is found by name, and is gone when taken out", async () => {
    const host = { addresses: ["192.0.2.90"], names: ["s3.example.com"] };
    const server =
      "import http.server as h; h.HTTPServer(('192.0.2.90', 80), h.SimpleHTTPRequestHandler).serve_forever()";
    await addInternetHost(cloud.environment(), host);
    const [program, args] = commandInInternet(cloud.environment(), ["python3", "-c", server]);
    const process = spawn(program, args, { stdio: "ignore", cwd: import.meta.dirname });
    try {
      const page = () => execIn(cloud.machine(3), ["curl", "-s", "-m15", "http://s3.example.com/support.ts"]);
      await until("the server answers", async () => (await page()).code === 0);
      assert.match((await page()).stdout, /^import assert/);
    } finally {
      process.kill("SIGKILL");
    }
    await removeInternetHost(cloud.environment(), host);
    await removeInternetHost(cloud.environment(), host);
    assert.notEqual((await execIn(cloud.machine(3), ["getent", "hosts", "s3.example.com"])).code, 0);
    await assert.rejects(
      addInternetHost(cloud.environment(), { addresses: ["192.0.2.91"], names: ["../x"] }),
      /needs an address and names/,
    );
  });

  test("nothing leaves the host: only the mirrors answer in the internet", async () => {
    assert.equal(await ask(cloud.machine(1), "1.1.1.1", 53), null);
    const lookup = await execIn(cloud.machine(1), ["getent", "hosts", "example.com"]);
    assert.notEqual(lookup.code, 0);
    const post = await execIn(cloud.machine(1), [
      "curl",
      "-s",
      "-m30",
      "-o/dev/null",
      "-w%{http_code}",
      "-HHost: example.com",
      "http://192.0.2.80/",
    ]);
    assert.equal(post.stdout, "403");
  });

  test("a network attached to a running machine comes up in it, and goes with the API", async () => {
    const alone: Host = { id: 3, publicIpv4: "5.75.1.3" };
    await sync([gateway, hidden, alone]);
    assert.equal(await cloud.sh(3, "ls /sys/class/net"), "eth0\nlo");
    await sync(hosts);
    await until("it answers again", () => pings(1, "10.0.1.3"));
  });
});
