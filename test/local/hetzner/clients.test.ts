/**
 * Official clients as judges: what they cannot decode, wait for or clean up is a fault of the emulator.
 * `tools/hcloud/install.sh` installs them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { keys, until } from "./harness.ts";
import { kill, type LocalCloud, startLocalCloud } from "./process.ts";
import type { Body } from "./shapes.ts";

const root = join(import.meta.dirname, "../../..");
const python = join(root, ".cache/py/bin/python");
const goTour = join(root, ".cache/bin/hcloud-tour");
const install = "run tools/hcloud/install.sh";

const directory = mkdtempSync(join(tmpdir(), "local-clients-"));
let cloud: LocalCloud;
before(async () => {
  cloud = await startLocalCloud(directory);
});
after(async () => {
  await kill(cloud, "SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

type Outcome = { readonly code: number; readonly output: string };

function run(command: string, args: readonly string[]): Promise<Outcome> {
  const { endpoint, token } = cloud.endpoints.hetzner;
  const env = { PATH: process.env.PATH, HOME: directory, HCLOUD_ENDPOINT: endpoint, HCLOUD_TOKEN: token };
  return new Promise((resolve) => {
    execFile(command, [...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
      resolve({ code, output: stdout + stderr });
    });
  });
}

async function control(method: string, path: string): Promise<Body> {
  const { endpoint, token } = cloud.endpoints.hetzner;
  const url = endpoint.replace(/\/v1$/, "") + path;
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  return (text === "" ? {} : JSON.parse(text)) as Body;
}

/** A fresh project for each client, and afterwards: nothing it sent was unknown. */
async function judged(tour: () => Promise<void>): Promise<void> {
  await control("POST", "/_local/reset");
  await tour();
  assert.deepEqual((await control("GET", "/_local/unhandled")).unhandled, []);
}

test("hcloud CLI: from a key to a server and back", async (t) => {
  if ((await run("hcloud", ["--help"])).code !== 0) return t.skip(`hcloud is not installed; ${install}`);
  const hcloud = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await run("hcloud", args);
    assert.equal(code, 0, `hcloud ${args.join(" ")}: ${output}`);
    return output;
  };
  await judged(async () => {
    await hcloud("ssh-key", "create", "--name", "k", "--public-key", keys.first);
    await hcloud("network", "create", "--name", "n", "--ip-range", "10.0.0.0/16");
    await hcloud(
      "network",
      "add-subnet",
      "n",
      "--type",
      "cloud",
      "--network-zone",
      "us-east",
      "--ip-range",
      "10.0.1.0/24",
    );
    await hcloud("firewall", "create", "--name", "f");
    await hcloud(
      "firewall",
      "add-rule",
      "f",
      "--direction",
      "in",
      "--protocol",
      "tcp",
      "--port",
      "22",
      "--source-ips",
      "10.0.0.0/8",
    );
    await hcloud("volume", "create", "--name", "v", "--size", "10", "--location", "ash", "--format", "ext4");
    await hcloud("placement-group", "create", "--name", "p", "--type", "spread");
    const parts = ["--ssh-key", "k", "--network", "n", "--volume", "v", "--firewall", "f", "--placement-group", "p"];
    const created = await hcloud(
      "server",
      "create",
      "--name",
      "s",
      "--type",
      "cpx21",
      "--image",
      "debian-13",
      "--location",
      "ash",
      ...parts,
    );
    assert.match(created, /10\.0\.1\.1 \(n\)/);
    assert.match(await hcloud("server", "list"), /\bs +running +198\.18\./);
    assert.match(await hcloud("server", "describe", "s"), /Server Type:\s+cpx21/);
    await hcloud("server", "poweroff", "s");
    await hcloud("server", "change-type", "s", "cpx31", "--keep-disk");
    await hcloud("server", "enable-protection", "s", "delete", "rebuild");
    const refused = await run("hcloud", ["server", "delete", "s"]);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /\(protected\)/);
    await hcloud("server", "disable-protection", "s", "delete", "rebuild");
    await hcloud("server-type", "list");
    await hcloud("image", "list");
    await hcloud("load-balancer", "create", "--name", "lb", "--type", "lb11", "--location", "ash");
    await hcloud("load-balancer", "add-service", "lb", "--protocol", "http");
    await hcloud("load-balancer", "delete", "lb");
    await hcloud("server", "delete", "s");
    // This version of the CLI does not wait for the delete action.
    await until(
      () => run("hcloud", ["server", "describe", "s"]),
      ({ code }) => code !== 0,
    );
    for (const [kind, name] of [
      ["volume", "v"],
      ["network", "n"],
      ["firewall", "f"],
      ["placement-group", "p"],
      ["ssh-key", "k"],
    ] as const) {
      await hcloud(kind, "delete", name);
    }
  });
  return undefined;
});

test("hcloud for Python: the same tour through its types and waiters", async (t) => {
  if (!existsSync(python)) return t.skip(`the Python client is not installed; ${install}`);
  await judged(async () => {
    const { code, output } = await run(python, [join(root, "tools/hcloud/tour.py")]);
    assert.equal(code, 0, output);
    assert.match(output, /^ok python tour$/m);
  });
  return undefined;
});

test("hcloud-go: every step of the tour", async (t) => {
  if (!existsSync(goTour)) return t.skip(`the Go tour is not built; ${install}`);
  await judged(async () => {
    const { code, output } = await run(goTour, []);
    assert.equal(code, 0, output);
    assert.equal(output.match(/^ok /gm)?.length, 10, output);
  });
  return undefined;
});
