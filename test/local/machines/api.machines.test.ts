import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { bootState, execIn, findMachine, openEnvironment, sshCommand } from "../../../local/machines/access.ts";
import { must, run } from "../../../local/machines/run.ts";
import type { MachineState } from "../../../local/machines/state.ts";
import { cloudConfig, skip, until } from "./support.ts";

type Json = { readonly [key: string]: unknown };
type Action = { readonly id: number; readonly status: string; readonly error: unknown };
type Api = {
  /** Calls the API and waits for every action the answer names. */
  call(method: string, path: string, body?: Json): Promise<Json>;
  machine(name: string): MachineState;
  sh(name: string, line: string): Promise<string>;
  ready(...names: readonly string[]): Promise<void>;
};

const main = join(import.meta.dirname, "../../../local/main.ts");

const startApi = async (context: TestContext): Promise<{ readonly api: Api; readonly stateDir: string }> => {
  const stateDir = await mkdtemp(join(tmpdir(), "machines-"));
  const cloud = spawn(process.execPath, ["--no-warnings", main, "--state-dir", stateDir, "--machines"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  cloud.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  context.after(async () => {
    const gone = once(cloud, "exit");
    if (cloud.kill("SIGTERM")) await gone;
    await rm(stateDir, { recursive: true, force: true });
  });
  await Promise.race([once(cloud.stdout, "data"), once(cloud, "exit").then(() => assert.fail(log))]);
  const { hetzner } = JSON.parse(readFileSync(join(stateDir, "endpoints.json"), "utf8")) as {
    hetzner: { endpoint: string; token: string };
  };
  const request = async (method: string, path: string, body?: Json): Promise<Json> => {
    const response = await fetch(`${hetzner.endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${hetzner.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Json);
  };
  const settled = async ({ id }: Action): Promise<void> => {
    await until(`action ${id}`, async () => {
      const { action } = (await request("GET", `/actions/${id}`)) as { action: Action };
      assert.notEqual(action.status, "error", `${JSON.stringify(action)}\n${log}`);
      return action.status === "success";
    });
  };
  const machine = (name: string): MachineState => findMachine(openEnvironment(stateDir), name);
  const api: Api = {
    call: async (method, path, body) => {
      const answer = await request(method, path, body);
      const {
        action,
        actions = [],
        next_actions: next = [],
      } = answer as { action?: Action; actions?: Action[]; next_actions?: Action[] };
      for (const each of [...(action == null ? [] : [action]), ...actions, ...next]) await settled(each);
      return answer;
    },
    machine,
    sh: async (name, line) => {
      const { code, stdout, stderr } = await execIn(machine(name), ["sh", "-c", line]);
      assert.equal(code, 0, `${name}: ${line}: ${stderr}`);
      return stdout.trim();
    },
    ready: async (...names) => {
      for (const name of names) await until(`${name} boots`, () => bootState(machine(name)).phase === "ready");
    },
  };
  return { api, stateDir };
};

/** First of the files that exists in one of the machine's control groups: hosts have either cgroup v1 or v2. */
const groupFile = ({ groups }: MachineState, ...files: readonly string[]): string => {
  const found = groups.flatMap((group) => files.map((file) => join(group, file))).find((file) => existsSync(file));
  return readFileSync(found ?? assert.fail(`no ${files.join(" or ")} in ${groups.join()}`), "utf8").trim();
};

const limitsOf = (machine: MachineState) => ({
  memoryGiB: Number(groupFile(machine, "memory.max", "memory.limit_in_bytes")) / 1024 ** 3,
  // In units of the scheduler's period of 100 ms.
  cores: Number(groupFile(machine, "cpu.max", "cpu.cfs_quota_us").split(" ")[0]) / 100_000,
});

const idOf = (answer: Json, key: string): number => (answer[key] as { id: number }).id;

test("servers ordered through the API are machines", { skip }, async (context) => {
  const { api, stateDir } = await startApi(context);
  const identity = join(stateDir, "id_ed25519");
  await must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identity]);
  const key = idOf(
    await api.call("POST", "/ssh_keys", { name: "test", public_key: readFileSync(`${identity}.pub`, "utf8").trim() }),
    "ssh_key",
  );
  const network = idOf(
    await api.call("POST", "/networks", {
      name: "n",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    }),
    "network",
  );
  const firewall = idOf(
    await api.call("POST", "/firewalls", {
      name: "f",
      rules: [{ direction: "in", protocol: "tcp", port: "22", source_ips: ["0.0.0.0/0"] }],
    }),
    "firewall",
  );
  const order = { server_type: "cx23", image: "debian-13", location: "fsn1", ssh_keys: [key], networks: [network] };
  const edgeId = idOf(
    await api.call("POST", "/servers", {
      ...order,
      name: "edge",
      firewalls: [{ firewall }],
      user_data: cloudConfig({ runcmd: ["systemctl enable --now nginx"] }),
    }),
    "server",
  );
  const hidden = idOf(
    await api.call("POST", "/servers", {
      ...order,
      name: "hidden",
      labels: { web: "yes" },
      public_net: { enable_ipv4: false, enable_ipv6: false },
    }),
    "server",
  );
  await api.ready("edge", "hidden");

  await context.test(
    "SSH in from the internet, and only there; on to the hidden one by the private network",
    async () => {
      const login = await run(
        ...sshCommand(openEnvironment(stateDir), api.machine("edge"), { identity, command: ["hostname"] }),
      );
      assert.equal(login.stdout.trim(), "edge");
      const edge = api.machine("edge").publicIpv4 ?? "";
      const environment = openEnvironment(stateDir);
      const web = await run("nsenter", [
        `--net=/run/netns/${environment.internet}`,
        "timeout",
        "2",
        "bash",
        "-c",
        `exec 3<>/dev/tcp/${edge}/80`,
      ]);
      assert.notEqual(web.code, 0);
      assert.match(await api.sh("hidden", `curl -sf http://${api.machine("edge").privateIps[0]}`), /Welcome to nginx/);
    },
  );

  await context.test("a load balancer spreads over a server and what a label selects", async () => {
    await api.sh("hidden", "systemctl start nginx");
    for (const name of ["edge", "hidden"]) await api.sh(name, `echo ${name} > /var/www/html/index.html`);
    const { load_balancer: balancer } = (await api.call("POST", "/load_balancers", {
      name: "lb",
      load_balancer_type: "lb11",
      location: "fsn1",
      network,
      services: [{ protocol: "tcp", listen_port: 80, destination_port: 80, proxyprotocol: false }],
      targets: [
        { type: "server", server: { id: edgeId }, use_private_ip: true },
        { type: "label_selector", label_selector: { selector: "web=yes" }, use_private_ip: true },
      ],
    })) as { load_balancer: { id: number; public_net: { ipv4: { ip: string } } } };
    const page = async (): Promise<string> => {
      const place = `--net=/run/netns/${openEnvironment(stateDir).internet}`;
      const { stdout } = await run("nsenter", [place, "curl", "-sm15", `http://${balancer.public_net.ipv4.ip}`]);
      return stdout.trim();
    };
    const seen = new Set<string>();
    await until("both have answered", async () => seen.add(await page()).has("edge") && seen.has("hidden"));
    const turns = [await page(), await page(), await page(), await page()];
    assert.deepEqual(turns.toSorted(), ["edge", "edge", "hidden", "hidden"]);
    await api.call("DELETE", `/load_balancers/${balancer.id}`);
  });

  await context.test("a volume attaches to the running machine and is let go of", async () => {
    const volume = idOf(
      await api.call("POST", "/volumes", { name: "v", size: 10, server: hidden, format: "ext4", automount: true }),
      "volume",
    );
    assert.equal(await api.sh("hidden", `findmnt -no FSTYPE /mnt/HC_Volume_${volume}`), "ext4");
    await api.call("POST", `/volumes/${volume}/actions/detach`);
    assert.equal(await api.sh("hidden", `findmnt /mnt/HC_Volume_${volume} || echo gone`), "gone");
    await api.call("DELETE", `/volumes/${volume}`);
  });

  await context.test(
    "power, type and rebuild act on the machine; a shutdown from inside shows in the API",
    async () => {
      const act = (name: string, body: Json = {}) => api.call("POST", `/servers/${hidden}/actions/${name}`, body);
      await api.sh("hidden", "echo kept > /root/kept");
      assert.deepEqual(limitsOf(api.machine("hidden")), { memoryGiB: 4, cores: 2 });
      await act("poweroff");
      assert.equal(bootState(api.machine("hidden")).phase, "off");
      await act("change_type", { server_type: "cx33", upgrade_disk: false });
      await api.ready("hidden");
      assert.equal(await api.sh("hidden", "cat /root/kept"), "kept");
      assert.deepEqual(limitsOf(api.machine("hidden")), { memoryGiB: 8, cores: 4 });
      await act("rebuild", { image: "debian-13" });
      await api.ready("hidden");
      assert.equal(await api.sh("hidden", "ls /root"), "");
      await api.sh("hidden", "systemctl --no-block poweroff");
      await until("the API shows it off", async () => {
        const { server } = (await api.call("GET", `/servers/${hidden}`)) as { server: { status: string } };
        return server.status === "off";
      });
    },
  );

  await context.test("a deleted server leaves no machine and no disk", async () => {
    await api.call("DELETE", `/servers/${hidden}`);
    assert.throws(() => api.machine("hidden"), /server hidden: not in the local cloud; it has edge/);
    assert.ok(!existsSync(join(stateDir, "machines/servers", String(hidden))));
  });
});
