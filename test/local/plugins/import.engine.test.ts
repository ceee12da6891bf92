/** Taking over what exists, under the real engine with the stand-ins. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "./localCloud.ts";
import { engineMissing, openStage, type Project, type Stage } from "./project.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test";

describe("an import", { skip: await engineMissing() }, () => {
  let stage: Stage | undefined;
  let cloud: LocalCloud;
  let project: Project;
  before(async () => {
    stage = await openStage();
    ({ cloud, project } = stage);
  });
  after(() => stage?.close());

  it("takes over what exists, so that the same program changes nothing", async () => {
    const { ssh_key } = await cloud.hcloud("POST", "/ssh_keys", { name: "old", public_key: KEY, labels: { a: "b" } });
    const { network } = await cloud.hcloud("POST", "/networks", {
      name: "net",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    });
    const [zone] = await cloud.cf("GET", "/zones?name=example.com");
    const record = await cloud.cf("POST", `/zones/${zone.id}/dns_records`, {
      name: "www",
      type: "A",
      content: "192.0.2.1",
      ttl: 300,
    });
    const imports = [
      ["hcloud:index/sshKey:SshKey", "key", String(ssh_key.id)],
      ["hcloud:index/networkSubnet:NetworkSubnet", "subnet", `${network.id}-10.0.1.0/24`],
      ["cloudflare:index/dnsRecord:DnsRecord", "www", `${zone.id}/${record.id}`],
    ] as const;
    for (const [type, name, id] of imports) {
      const run = await project.pulumi("import", type, name, id, "--yes", "--protect=false", "--generate-code=false");
      assert.equal(run.code, 0, run.output);
    }
    await project.write(`
new hcloud.SshKey("key", { name: "old", publicKey: ${JSON.stringify(KEY)}, labels: { a: "b" } });
new hcloud.NetworkSubnet("subnet", {
  networkId: ${network.id}, type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24",
});
new cloudflare.DnsRecord("www", {
  zoneId: "${zone.id}", name: "www.example.com", type: "A", content: "192.0.2.1", ttl: 300,
});
new hcloud.Network("net", { name: "net", ipRange: "10.0.0.0/16" }, { import: "${network.id}" });
`);
    const before = cloud.requests().filter((line) => !line.startsWith("GET")).length;
    const adopted = await project.up();
    assert.equal(adopted.code, 0, adopted.output);
    const again = await project.up("--expect-no-changes");
    assert.equal(again.code, 0, again.output);
    assert.equal(cloud.requests().filter((line) => !line.startsWith("GET")).length, before);
  });

  it("of something that does not exist says so", async () => {
    const run = await project.pulumi(
      "import",
      "hcloud:index/sshKey:SshKey",
      "none",
      "12345",
      "--yes",
      "--generate-code=false",
    );
    assert.notEqual(run.code, 0);
    assert.match(run.output, /resource '12345' does not exist/);
  });

  it("is followed by an update when the program describes something else", async () => {
    const { placement_group } = await cloud.hcloud("POST", "/placement_groups", { name: "pg", type: "spread" });
    await project.write(
      `new hcloud.PlacementGroup("pg", { name: "other", type: "spread" }, { import: "${placement_group.id}" });`,
    );
    const run = await project.up();
    assert.equal(run.code, 0, run.output);
    assert.equal((await cloud.hcloud("GET", `/placement_groups/${placement_group.id}`)).placement_group.name, "other");
  });
});
