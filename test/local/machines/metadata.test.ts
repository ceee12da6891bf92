import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { cloudConfig, type Identity, type Instance } from "../../../local/machines/agents/config.ts";
import { answerMetadata } from "../../../local/machines/agents/metadata.ts";
import { topologyOf } from "./support.ts";

const identity: Identity = {
  id: 1,
  name: "db-1",
  location: "ash",
  userData: "#cloud-config\nruncmd: []\n",
  sshKeys: ["ssh-ed25519 AAAA one"],
  rootPassword: null,
};
const instanceOf = (changes: Partial<Identity> = {}): Instance => {
  const topology = topologyOf([{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1", aliasIps: ["10.0.1.9"] }]);
  const [instance] = cloudConfig(topology, new Map([[1, { ...identity, ...changes }]])).instances;
  assert.ok(instance);
  return instance;
};
const get = (path: string, instance = instanceOf()): string => answerMetadata(`/hetzner/v1/${path}`, instance).body;

test("the whole document holds what cloud-init's Hetzner source reads, in its YAML", () => {
  // The reader is PyYAML: YAML 1.1, in which 96:00:00:00:01:01 would be a number.
  const metadata = parse(get("metadata"), { version: "1.1" }) as Record<string, unknown>;
  assert.equal(metadata["instance-id"], 1);
  assert.equal(metadata.hostname, "db-1");
  assert.equal(metadata.region, "us-east");
  assert.deepEqual(metadata["public-keys"], identity.sshKeys);
  assert.deepEqual(metadata["network-config"], {
    version: 1,
    config: [
      { type: "physical", name: "eth0", mac_address: "96:00:00:00:01:01", subnets: [{ type: "dhcp", ipv4: true }] },
    ],
  });
});

test("single values, private networks and user-data are there by name; anything else is not", () => {
  assert.equal(get("metadata/instance-id"), "1");
  assert.equal(get("metadata/hostname/"), "db-1");
  assert.equal(get("metadata/public-ipv4"), "5.75.1.1");
  assert.equal(get("metadata/public-keys"), '["ssh-ed25519 AAAA one"]');
  const [first] = parse(get("metadata/private-networks"), { version: "1.1" }) as Record<string, unknown>[];
  assert.deepEqual(
    [first?.ip, first?.alias_ips, first?.gateway, first?.mac_address],
    ["10.0.1.1", ["10.0.1.9"], "10.0.0.1", "96:00:00:00:02:01"],
  );
  assert.equal(get("userdata"), identity.userData);
  for (const path of ["metadata/vendor_data", "metadata/secrets", "other", ""]) {
    assert.equal(answerMetadata(`/hetzner/v1/${path}`, instanceOf()).status, 404, path);
  }
});

test("a password of the request is set, must be changed, and only then may passwords log in", () => {
  const vendorData = (instance: Instance) => parse(String(instance.metadata.vendor_data)) as Record<string, unknown>;
  assert.deepEqual(vendorData(instanceOf()), { manage_etc_hosts: true });
  assert.deepEqual(vendorData(instanceOf({ rootPassword: "pw" })), {
    manage_etc_hosts: true,
    ssh_pwauth: true,
    chpasswd: { expire: true, users: [{ name: "root", password: "pw", type: "text" }] },
  });
});
