import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError } from "../../config/faults.ts";
import { parsePlatform } from "../../config/parse.ts";
import { faultsOf, messagesOf } from "../support/faults.ts";
import { platformOf, rawPlatform, testKey } from "../support/platform.ts";

describe("a sound platform", () => {
  it("needs only a phase, a domain and a key", () => {
    const config = platformOf(2);
    assert.equal(config.phase, 2);
    assert.equal(config.location, "ash");
    assert.equal(config.network.ipRange, "10.0.0.0/16");
    assert.deepEqual(config.ssh, { publicKeys: { operations: testKey }, allowFrom: [] });
  });

  it("has the capacity plan's counts as defaults", () => {
    const phase2 = platformOf(2);
    assert.ok(phase2.phase === 2);
    assert.deepEqual([phase2.api.count, phase2.database.standby, phase2.redis.replica], [2, true, false]);
    const phase3 = platformOf(3);
    assert.ok(phase3.phase === 3);
    const { k3s, database, redis, loadBalancer } = phase3;
    assert.deepEqual([k3s.servers, k3s.agents, database.count, redis.count, loadBalancer.count], [3, 2, 3, 3, 2]);
  });

  it("takes an unquoted date in the spelling Pulumi's YAML reader gives it", () => {
    const server = { serverType: "cpx21", adopt: true };
    for (const orderedAt of ["2025-11-01", "2025-11-01T00:00:00Z", "2025-11-01 00:00:00 +0000 UTC"]) {
      const config = platformOf(1, { server: { ...server, orderedAt } });
      assert.ok(config.phase === 1);
      assert.equal(config.server.orderedAt, "2025-11-01");
    }
  });

  it("may name its release", () => {
    const release = { url: "https://example.com/app.tar.gz", sha256: "0".repeat(64), version: "1.4.2" };
    assert.deepEqual(platformOf(1, { release }).release, release);
  });
});

const release = { url: "https://example.com/app.tar.gz", sha256: "0".repeat(64), version: "1.4.2" };

const single: readonly (readonly [string, unknown, string])[] = [
  [
    "nothing at all",
    undefined,
    "platform: missing, must be a group of keys; write phase, domain and ssh below chitlaq:platform",
  ],
  [
    "a list",
    [],
    "platform: an empty list given, must be a group of keys; write phase, domain and ssh below chitlaq:platform",
  ],
  [
    "no phase",
    { domain: "chitlaq.com" },
    "phase: missing, every stack is in phase 1, 2 or 3; set platform.phase to one of these numbers",
  ],
  [
    "a phase that does not exist, and nothing about the rest",
    { phase: 4, nonsense: true },
    "phase: 4 given, every stack is in phase 1, 2 or 3; set platform.phase to one of these numbers",
  ],
  [
    "a phase as text",
    rawPlatform(2, { phase: "2" }),
    `phase: "2" given, every stack is in phase 1, 2 or 3; set platform.phase to one of these numbers`,
  ],
  [
    "too few API servers",
    rawPlatform(2, { api: { count: 0 } }),
    "api.count: 0 given, phase 2 needs at least 2; set platform.api.count or use phase 1",
  ],
  [
    "a placement group of 11",
    rawPlatform(2, { api: { count: 11 } }),
    "api.count: 11 given, phase 2 takes at most 10: a spread placement group holds no more; set platform.api.count to 10 or less",
  ],
  [
    "an even control plane",
    rawPlatform(3, { k3s: { servers: 4 } }),
    "k3s.servers: 4 given, must be 3 or 5: etcd needs an odd number and survives the loss of one or two; correct platform.k3s.servers",
  ],
  [
    "one load balancer in phase 3",
    rawPlatform(3, { loadBalancer: { count: 1 } }),
    "loadBalancer.count: 1 given, phase 3 needs at least 2; set platform.loadBalancer.count or use phase 2",
  ],
  [
    "a misspelt key",
    rawPlatform(2, { api: { cuont: 3 } }),
    "api.cuont: 3 given, no such key; did you mean platform.api.count?",
  ],
  [
    "a key of another phase",
    rawPlatform(1, { api: { count: 3 } }),
    "api: a group of keys given, phase 1 has no api, only phase 2 has; remove platform.api or set platform.phase to 2",
  ],
  [
    "a field of another phase",
    rawPlatform(3, { database: { standby: false } }),
    "database.standby: false given, phase 3 has no database.standby, only phase 2 has; remove platform.database.standby or set platform.phase to 2",
  ],
  [
    "a key like no other",
    rawPlatform(1, { network: { xyzzy: 1 } }),
    "network.xyzzy: 1 given, no such key; remove it; known here: ipRange",
  ],
  [
    "a key that would forge a line",
    rawPlatform(1, { "x\n  - y": 1 }),
    `"x\\n  - y": 1 given, no such key; remove it; known here: backups, billing, domain, edge, image, location, network, phase, protection, release, server, ssh, users`,
  ],
  [
    "a misspelt location",
    rawPlatform(1, { location: "asch" }),
    "location: asch given, must be fsn1, nbg1, hel1, ash, hil or sin; did you mean ash?",
  ],
  [
    "no domain",
    { phase: 1, ssh: { publicKeys: { operations: testKey } } },
    "domain: missing, phase 1 needs it; set platform.domain to the Cloudflare zone, such as chitlaq.com",
  ],
  [
    "text for a number",
    rawPlatform(2, { api: { count: "3" } }),
    `api.count: "3" given, must be a number; set platform.api.count to a number`,
  ],
  [
    "half a machine",
    rawPlatform(2, { api: { count: 2.5 } }),
    "api.count: 2.5 given, must be a whole number; set platform.api.count to a whole number",
  ],
  [
    "a word for a switch",
    rawPlatform(2, { redis: { replica: "yes" } }),
    "redis.replica: yes given, must be true or false; set platform.redis.replica to true or false",
  ],
  [
    "an address without its prefix",
    rawPlatform(1, { ssh: { publicKeys: { operations: testKey }, allowFrom: ["203.0.113.4"] } }),
    `ssh.allowFrom.0: "203.0.113.4" given, must be an address range such as 203.0.113.4/32; correct platform.ssh.allowFrom.0`,
  ],
  [
    "a path the rules language would need to escape",
    rawPlatform(1, { edge: { staticPaths: [`/a"b/`] } }),
    `edge.staticPaths.0: "/a\\"b/" given, must be a path that starts with / and needs no escaping; correct platform.edge.staticPaths.0`,
  ],
  [
    "a volume below Hetzner's smallest",
    rawPlatform(1, { server: { volumeGiB: 5 } }),
    "server.volumeGiB: 5 given, must be at least 10; set platform.server.volumeGiB to at least 10",
  ],
  [
    "no host",
    rawPlatform(1, { edge: { hosts: [] } }),
    "edge.hosts: an empty list given, must have at least 1 entry; correct platform.edge.hosts",
  ],
  [
    "a date that is none",
    rawPlatform(1, { server: { serverType: "cpx21", orderedAt: "2025-13-01" } }),
    `server.orderedAt: 2025-13-01 given, must be a date such as 2026-05-31; correct platform.server.orderedAt`,
  ],
  [
    "a release without its checksum",
    rawPlatform(1, { release: { url: release.url, version: release.version } }),
    "release.sha256: missing, phase 1 needs it; set platform.release.sha256 to the SHA-256 of the archive",
  ],
];

describe("one fault is one message for", () => {
  for (const [what, raw, message] of single) {
    it(what, () =>
      assert.deepEqual(
        messagesOf(() => parsePlatform(raw)),
        [message],
      ),
    );
  }
});

describe("several faults", () => {
  it("are reported together, those between fields as well", () => {
    const raw = {
      phase: 3,
      location: "fsn1",
      network: { ipRange: "10.42.0.0/16" },
      ssh: { publicKeys: {} },
      k3s: { servers: 4 },
      backups: { objectStorage: "fsn1" },
      colour: "green",
    };
    assert.deepEqual(
      messagesOf(() => parsePlatform(raw)).map((message) => message.split(":")[0]),
      ["domain", "k3s.servers", "colour", "k3s.clusterCidr", "backups.objectStorage", "ssh.publicKeys"],
    );
  });

  it("leave out what follows from another fault alone", () => {
    const raw = rawPlatform(3, { network: { ipRange: "10.42.0.0" }, ssh: { publicKeys: { operations: 5 } } });
    assert.deepEqual(
      messagesOf(() => parsePlatform(raw)),
      [
        `network.ipRange: "10.42.0.0" given, must be an IPv4 range such as 10.0.0.0/16; correct platform.network.ipRange`,
        "ssh.publicKeys.operations: 5 given, must be text; set platform.ssh.publicKeys.operations to text",
      ],
    );
  });

  it("do not let one bad entry of a list hide what is wrong elsewhere", () => {
    const raw = rawPlatform(2, {
      location: "fsn1",
      ssh: { publicKeys: { operations: testKey }, allowFrom: ["203.0.113.4/32", "home"] },
      backups: { objectStorage: "fsn1" },
    });
    assert.deepEqual(
      faultsOf(() => parsePlatform(raw)).map((fault) => fault.field),
      ["ssh.allowFrom.1", "backups.objectStorage"],
    );
  });

  it("stand under each other in the error's text", () => {
    const raw = rawPlatform(2, { api: { count: 0 }, redis: { replica: 1 } });
    assert.throws(() => parsePlatform(raw), {
      name: "ConfigError",
      message: [
        "2 faults in chitlaq:platform:",
        "  - api.count: 0 given, phase 2 needs at least 2; set platform.api.count or use phase 1",
        "  - redis.replica: 1 given, must be true or false; set platform.redis.replica to true or false",
      ].join("\n"),
    });
    assert.ok(new ConfigError([]) instanceof Error);
  });
});

describe("secrets", () => {
  const secret = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ12";
  const places: readonly (readonly [string, unknown])[] = [
    ["a token under an unknown key", { hcloudToken: "short" }],
    ["a long one under a harmless key", { colour: secret }],
    [
      "a private key in place of a public one",
      { ssh: { publicKeys: { a: "-----BEGIN OPENSSH PRIVATE KEY-----\nshort" } } },
    ],
    ["a login in an address", { release: { ...release, url: "https://user:short@example.com/app.tar.gz" } }],
    ["a query in an address", { release: { ...release, url: "https://example.com/app.tar.gz?key=short" } }],
    ["a token in place of a domain", { domain: secret }],
  ];
  for (const [what, overrides] of places) {
    it(`are not repeated: ${what}`, () => {
      const text = messagesOf(() => parsePlatform(rawPlatform(1, overrides as Record<string, unknown>))).join("\n");
      assert.ok(!text.includes(secret) && !text.includes("short"), text);
      assert.match(text, /a value not repeated here/);
    });
  }
});
