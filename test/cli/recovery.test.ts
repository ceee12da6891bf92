import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Fault } from "../../cli/errors.ts";
import { repoRoot } from "../../cli/paths.ts";
import { createApi } from "../../cli/recovery/api.ts";
import { settle } from "../../cli/recovery/hetzner.ts";
import { type Deployment, isRecoverable, removeOrphans } from "../../cli/recovery/recover.ts";
import { type Api, type LocalCloud, startLocalCloud } from "../support/local-cloud.ts";

const never = new AbortController().signal;
const labels = { project: "chitlaq", stack: "test" };
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx";

type Json = Readonly<Record<string, unknown>>;
type Inputs = Json;

const pending = (type: string, inputs: Inputs): Deployment => ({
  pending_operations: [{ type: "creating", resource: { urn: `urn:pulumi:test::chitlaq::${type}::it`, type, inputs } }],
});

/** Sends a request that must succeed; gives its body. */
async function made(api: Api, method: string, path: string, body: unknown): Promise<Json> {
  const reply = await api.request(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body as Json;
}

const idOf = (body: Json, key: string): number => (body[key] as { readonly id: number }).id;

type Bench = { readonly cloud: LocalCloud; readonly zone: string; recover(deployment: Deployment): Promise<string[]> };

async function startBench(t: TestContext): Promise<Bench> {
  const cloud = await startLocalCloud(t, { zones: [{ name: "example.com", plan: "pro" }] });
  const zones = await cloud.cloudflare.request("GET", "/zones?name=example.com");
  const [zone] = (zones.body as { readonly result: readonly { readonly id: string }[] }).result;
  const { hetzner, cloudflare } = cloud.endpoints;
  const clouds = { hetzner: createApi(hetzner, never), cloudflare: createApi(cloudflare, never) };
  return {
    cloud,
    zone: zone?.id ?? "",
    async recover(deployment) {
      const said: string[] = [];
      await removeOrphans(deployment, clouds, (line) => said.push(line), never);
      return said;
    },
  };
}

type Case = {
  readonly type: string;
  /** Makes what the cut-off creation would have made; gives the inputs it was asked with. */
  make(bench: Bench): Promise<Inputs>;
  /** Address at which it is gone afterwards. */
  gone(bench: Bench, inputs: Inputs): Promise<boolean>;
};

const nameIsFree =
  (collection: string) =>
  async ({ cloud }: Bench, inputs: Inputs): Promise<boolean> => {
    const { body } = await cloud.hetzner.request("GET", `/${collection}?name=${String(inputs.name)}`);
    return (body as Readonly<Record<string, readonly unknown[]>>)[collection]?.length === 0;
  };

const named = (type: string, collection: string, body: Json, protect = false): Case => ({
  type,
  async make({ cloud }) {
    const inputs = { name: `orphan-${collection.replaceAll("_", "-")}`, labels };
    const created = await made(cloud.hetzner, "POST", `/${collection}`, { ...inputs, ...body });
    if (protect) {
      const id = idOf(created, collection.slice(0, -1));
      const rebuild = collection === "servers" ? { rebuild: true } : {};
      await made(cloud.hetzner, "POST", `/${collection}/${id}/actions/change_protection`, { delete: true, ...rebuild });
    }
    return inputs;
  },
  gone: nameIsFree(collection),
});

const server = { server_type: "cpx21", image: "debian-13", location: "ash" };

const network = async ({ cloud }: Bench, name: string): Promise<number> =>
  idOf(await made(cloud.hetzner, "POST", "/networks", { name, ip_range: "10.0.0.0/16" }), "network");

const networkField = async ({ cloud }: Bench, inputs: Inputs, field: string): Promise<readonly unknown[]> => {
  const { body } = await cloud.hetzner.request("GET", `/networks/${String(inputs.networkId)}`);
  return (body as { readonly network: Readonly<Record<string, readonly unknown[]>> }).network[field] ?? [];
};

const cases: readonly Case[] = [
  named("hcloud:index/server:Server", "servers", server),
  named("hcloud:index/network:Network", "networks", { ip_range: "10.1.0.0/16" }, true),
  named("hcloud:index/firewall:Firewall", "firewalls", { rules: [] }),
  named("hcloud:index/placementGroup:PlacementGroup", "placement_groups", { type: "spread" }),
  named(
    "hcloud:index/primaryIp:PrimaryIp",
    "primary_ips",
    { type: "ipv4", location: "ash", assignee_type: "server" },
    true,
  ),
  named("hcloud:index/sshKey:SshKey", "ssh_keys", { public_key: publicKey }),
  named("hcloud:index/volume:Volume", "volumes", { size: 10, location: "ash" }, true),
  {
    type: "hcloud:index/networkSubnet:NetworkSubnet",
    async make(bench) {
      const id = await network(bench, "with-subnet");
      const subnet = { type: "cloud", network_zone: "us-east", ip_range: "10.0.1.0/24" };
      await made(bench.cloud.hetzner, "POST", `/networks/${id}/actions/add_subnet`, subnet);
      return { networkId: id, ipRange: "10.0.1.0/24" };
    },
    gone: async (bench, inputs) => (await networkField(bench, inputs, "subnets")).length === 0,
  },
  {
    type: "hcloud:index/networkRoute:NetworkRoute",
    async make(bench) {
      const id = await network(bench, "with-route");
      const route = { destination: "0.0.0.0/0", gateway: "10.0.1.2" };
      await made(bench.cloud.hetzner, "POST", `/networks/${id}/actions/add_route`, route);
      return { networkId: id, ...route };
    },
    gone: async (bench, inputs) => (await networkField(bench, inputs, "routes")).length === 0,
  },
  {
    type: "hcloud:index/volumeAttachment:VolumeAttachment",
    async make({ cloud }) {
      const serverId = idOf(await made(cloud.hetzner, "POST", "/servers", { name: "holder", ...server }), "server");
      const volumeId = idOf(
        await made(cloud.hetzner, "POST", "/volumes", { name: "held", size: 10, location: "ash" }),
        "volume",
      );
      await settle(createApi(cloud.endpoints.hetzner, never), never);
      await made(cloud.hetzner, "POST", `/volumes/${volumeId}/actions/attach`, { server: serverId });
      return { volumeId, serverId };
    },
    async gone({ cloud }, inputs) {
      const { body } = await cloud.hetzner.request("GET", `/volumes/${String(inputs.volumeId)}`);
      return (body as { readonly volume: { readonly server: unknown } }).volume.server === null;
    },
  },
  {
    type: "cloudflare:index/dnsRecord:DnsRecord",
    async make({ cloud, zone }) {
      const record = { type: "A", name: "www.example.com", content: "203.0.113.7", ttl: 1, proxied: true };
      await made(cloud.cloudflare, "POST", `/zones/${zone}/dns_records`, record);
      // Another machine's record of the same name must stay.
      await made(cloud.cloudflare, "POST", `/zones/${zone}/dns_records`, { ...record, content: "203.0.113.8" });
      return { zoneId: zone, ...record };
    },
    async gone({ cloud, zone }) {
      const { body } = await cloud.cloudflare.request("GET", `/zones/${zone}/dns_records`);
      const { result } = body as { readonly result: readonly { readonly content: string }[] };
      return result.length === 1 && result[0]?.content === "203.0.113.8";
    },
  },
  {
    type: "cloudflare:index/ruleset:Ruleset",
    async make({ cloud, zone }) {
      const ruleset = { kind: "zone", name: "chitlaq", phase: "http_request_cache_settings", rules: [] };
      await made(cloud.cloudflare, "POST", `/zones/${zone}/rulesets`, ruleset);
      return { zoneId: zone, ...ruleset };
    },
    async gone({ cloud, zone }) {
      const { body } = await cloud.cloudflare.request("GET", `/zones/${zone}/rulesets`);
      return (body as { readonly result: readonly { readonly kind: string }[] }).result.every(
        ({ kind }) => kind !== "zone",
      );
    },
  },
];

test("what a cut-off creation left is removed, and nothing else", async (t) => {
  const bench = await startBench(t);
  for (const { type, make, gone } of cases) {
    await t.test(type, async () => {
      const inputs = await make(bench);
      const said = await bench.recover(pending(type, inputs));
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0] ?? "", /^removed .*: its creation was cut off$/);
      assert.equal(await gone(bench, inputs), true);
      assert.deepEqual(await bench.recover(pending(type, inputs)), [], "doing it again does nothing");
    });
  }

  const name = "known";
  await t.test("a resource that the state knows stays", async () => {
    const id = idOf(
      await made(bench.cloud.hetzner, "POST", "/ssh_keys", { name, public_key: publicKey, labels }),
      "ssh_key",
    );
    const type = "hcloud:index/sshKey:SshKey";
    const deployment = { ...pending(type, { name, labels }), resources: [{ urn: "urn:x", type, id: String(id) }] };
    assert.deepEqual(await bench.recover(deployment), []);
    assert.equal(await nameIsFree("ssh_keys")(bench, { name }), false);
  });

  await t.test("somebody else's resource of the same name is named and stays", async () => {
    await assert.rejects(
      bench.recover(pending("hcloud:index/sshKey:SshKey", { name, labels: { ...labels, stack: "other" } })),
      (error: unknown) =>
        error instanceof Fault &&
        /SSH key known \(id \d+\) stands in the way/.test(error.message) &&
        error.fixes.length === 2,
    );
    assert.equal(await nameIsFree("ssh_keys")(bench, { name }), false);
  });

  await t.test("interrupted updates and deletions remove nothing", async () => {
    for (const type of ["updating", "deleting", "reading"]) {
      const [operation] = pending("hcloud:index/sshKey:SshKey", { name, labels }).pending_operations ?? [];
      assert.ok(operation);
      assert.deepEqual(await bench.recover({ pending_operations: [{ ...operation, type }] }), []);
    }
    assert.equal(await nameIsFree("ssh_keys")(bench, { name }), false);
  });

  await t.test("a locked resource is waited for", async () => {
    await bench.cloud.hetzner.control("POST", "faults", {
      method: "DELETE",
      path: "/ssh_keys/*",
      times: 2,
      effect: { type: "error", status: 423, code: "locked" },
    });
    const said = await bench.recover(pending("hcloud:index/sshKey:SshKey", { name, labels }));
    assert.equal(said.length, 1);
  });
});

test("the recovery knows every resource type the program registers", async (t) => {
  const folder = join(repoRoot, "test", "golden", "stacks");
  for (const file of readdirSync(folder)) {
    await t.test(file, () => {
      const tree = readFileSync(join(folder, file), "utf8");
      const types = new Set([...tree.matchAll(/\((\w+:\w+\/\w+:\w+)\)/g)].map(([, type]) => type ?? ""));
      assert.ok(types.has("hcloud:index/server:Server"));
      assert.deepEqual(
        [...types].filter((type) => !isRecoverable(type)),
        [],
      );
    });
  }
});
