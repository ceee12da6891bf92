import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePlatform } from "../../config/parse.ts";
import type { Phase } from "../../plan/types.ts";
import { messagesOf } from "../support/faults.ts";
import { rawPlatform, testKey } from "../support/platform.ts";

type Case = readonly [
  what: string,
  phase: Phase,
  overrides: Readonly<Record<string, unknown>>,
  ...messages: readonly string[],
];

const keys = { publicKeys: { operations: testKey } };

const refused: readonly Case[] = [
  [
    "a public network",
    1,
    { network: { ipRange: "11.0.0.0/16" } },
    "network.ipRange: 11.0.0.0/16 given, it is not in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16; set platform.network.ipRange to 10.0.0.0/16",
  ],
  [
    "a network too small for its tiers",
    1,
    { network: { ipRange: "10.0.0.0/21" } },
    "network.ipRange: 10.0.0.0/21 given, must be between /16 and /20; set platform.network.ipRange to 10.0.0.0/16",
  ],
  [
    "a network with host bits",
    1,
    { network: { ipRange: "10.0.5.1/16" } },
    "network.ipRange: 10.0.5.1/16 given, it has host bits set; set platform.network.ipRange to 10.0.0.0/16",
  ],
  [
    "a network over Hetzner's public gateway",
    1,
    { network: { ipRange: "172.31.0.0/16" } },
    "network.ipRange: 172.31.0.0/16 given, it holds 172.31.1.1, the gateway of every public interface; set platform.network.ipRange to 10.0.0.0/16",
  ],
  [
    "pods on the machines' network",
    3,
    { network: { ipRange: "10.42.16.0/20" } },
    "k3s.clusterCidr: 10.42.0.0/16 given, it overlaps network.ipRange (10.42.16.0/20); move platform.k3s.clusterCidr or platform.network.ipRange",
  ],
  [
    "services among the pods",
    3,
    { k3s: { serviceCidr: "10.42.128.0/20" } },
    "k3s.serviceCidr: 10.42.128.0/20 given, it overlaps k3s.clusterCidr (10.42.0.0/16); move platform.k3s.serviceCidr or platform.k3s.clusterCidr",
  ],
  [
    "too few pod addresses for a /24 per node",
    3,
    { k3s: { clusterCidr: "10.42.0.0/21" } },
    "k3s.clusterCidr: 10.42.0.0/21 given, must be between /12 and /20; set platform.k3s.clusterCidr to 10.42.0.0/16",
  ],
  [
    "a cluster beyond one placement group",
    3,
    { k3s: { servers: 5, agents: 6 } },
    "k3s.agents: 6 given, with 5 servers that makes 11 machines and a spread placement group holds 10; set platform.k3s.agents to 5 or less",
  ],
  [
    "backups beside the machines",
    2,
    { location: "nbg1", backups: { objectStorage: "nbg1" } },
    "backups.objectStorage: nbg1 given, backups must not be where the machines are; set platform.backups.objectStorage to another location or leave it out",
  ],
  [
    "no SSH key",
    1,
    { ssh: { publicKeys: {} } },
    "ssh.publicKeys: an empty group of keys given, without a key Hetzner mails a root password; add one below platform.ssh.publicKeys",
  ],
  [
    "one SSH key under two names",
    1,
    { ssh: { publicKeys: { ada: `${testKey} ada@example.com`, bob: testKey } } },
    "ssh.publicKeys.bob: a key given, it is the same key as ada, and Hetzner takes a key once; remove platform.ssh.publicKeys.bob",
  ],
  [
    "SSH for everybody",
    1,
    { ssh: { ...keys, allowFrom: ["0.0.0.0/0", "::/0"] } },
    "ssh.allowFrom.0: 0.0.0.0/0 given, SSH must not be open to the whole internet; name the addresses you work from",
    `ssh.allowFrom.1: "::/0" given, SSH must not be open to the whole internet; name the addresses you work from`,
  ],
  [
    "an SSH range with host bits",
    1,
    { ssh: { ...keys, allowFrom: ["203.0.113.4/24"] } },
    "ssh.allowFrom.0: 203.0.113.4/24 given, it has host bits set; set platform.ssh.allowFrom.0 to 203.0.113.0/24",
  ],
  [
    "a host twice",
    1,
    { edge: { hosts: ["@", "www", "@"] } },
    "edge.hosts.2: @ given, it is there twice; remove platform.edge.hosts.2",
  ],
  [
    "adopting without saying what and since when",
    2,
    { database: { adopt: true } },
    "database.serverType: auto given, adopted servers have a type already; set platform.database.serverType to it",
    "database.orderedAt: missing, adopted servers keep the price of the day they were ordered; set platform.database.orderedAt to that day",
  ],
  [
    "adopting without saying what",
    2,
    { database: { adopt: true, orderedAt: "2025-11-01" } },
    "database.serverType: auto given, adopted servers have a type already; set platform.database.serverType to it",
  ],
  [
    "a locked price for an unnamed type",
    2,
    { api: { orderedAt: "2026-05-01" } },
    "api.orderedAt: 2026-05-01 given, a price is locked to a server type, and auto may pick another one tomorrow; set platform.api.serverType to the type that was ordered",
  ],
  [
    "steering a choice that was made",
    3,
    { redis: { cpu: "shared", serverType: "ccx23" } },
    "redis.cpu: shared given, it only steers serverType auto; remove platform.redis.cpu or platform.redis.serverType",
  ],
  [
    "retiring a machine twice",
    3,
    { k3s: { retiredAgents: [2, 2] } },
    "k3s.retiredAgents: 2 given, it is retired twice; list it once in platform.k3s.retiredAgents",
  ],
  [
    "running out of ordinals",
    2,
    { api: { count: 10, retiredOrdinals: Array.from({ length: 51 }, (_, index) => index + 1) } },
    "api.retiredOrdinals: 51 ordinals given, ordinals end at 60 and 10 are needed; remove from platform.api.retiredOrdinals what no longer exists anywhere",
  ],
  [
    "a login in the release's address",
    1,
    { release: { url: "https://u:p@example.com/a.tar.gz", sha256: "0".repeat(64), version: "1" } },
    "release.url: a value not repeated here given, it carries a login or a query, and this config is no place for secrets; publish the archive under an address that needs neither",
  ],
];

describe("refused:", () => {
  for (const [what, phase, overrides, ...messages] of refused) {
    it(what, () =>
      assert.deepEqual(
        messagesOf(() => parsePlatform(rawPlatform(phase, overrides))),
        messages,
      ),
    );
  }
});

const accepted: readonly Case[] = [
  ["the smallest network", 3, { network: { ipRange: "192.168.240.0/20" } }],
  ["a network that touches the pods'", 3, { network: { ipRange: "10.41.0.0/16" } }],
  ["the largest cluster", 3, { k3s: { servers: 3, agents: 7 } }],
  ["adopted servers", 1, { location: "fsn1", server: { serverType: "cpx21", adopt: true, orderedAt: "2025-11-01" } }],
  ["a locked price of a named type", 2, { api: { serverType: "ccx23", orderedAt: "2026-05-01" } }],
  ["SSH from both families", 1, { ssh: { ...keys, allowFrom: ["203.0.113.4/32", "2001:db8::/32"] } }],
  ["backups elsewhere", 2, { location: "nbg1", backups: { objectStorage: "hel1" } }],
  [
    "a pod range inside public address space, which the stack never routes",
    3,
    { k3s: { clusterCidr: "100.64.0.0/16" } },
  ],
  [
    "as many retired ordinals as there is room for",
    2,
    { api: { count: 9, retiredOrdinals: Array.from({ length: 51 }, (_, index) => index + 1) } },
  ],
];

describe("accepted:", () => {
  for (const [what, phase, overrides] of accepted) {
    it(what, () => assert.equal(parsePlatform(rawPlatform(phase, overrides)).phase, phase));
  }
});
