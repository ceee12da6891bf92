import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Flow, Plan } from "../../plan/types.ts";
import { planOf, testKey } from "../support/platform.ts";

/** `load-balancer>api 22 8080 9100`: everything open between two peers, but ping. */
function matrix(plan: Plan): readonly string[] {
  const open = new Map<string, string[]>();
  for (const flow of plan.flows.filter((candidate) => candidate.protocol !== "icmp")) {
    const pair = `${peerOf(flow)}>${flow.to}${flow.toMachines === undefined ? "" : `(${flow.toMachines.join()})`}`;
    const port = `${flow.port}${flow.protocol === "udp" ? "/udp" : ""}`;
    open.set(pair, [...(open.get(pair) ?? []), port]);
  }
  return [...open].map(
    ([pair, ports]) => `${pair} ${ports.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).join(" ")}`,
  );
}

const peerOf = (flow: Flow) => (flow.from.kind === "role" ? flow.from.role : flow.from.kind);

describe("what is open, by phase", () => {
  it("1: the edge to the server", () => {
    assert.deepEqual(matrix(planOf(1)), ["cloudflare>server 80 443"]);
  });

  it("2: with a standby and without a replica", () => {
    assert.deepEqual(matrix(planOf(2)), [
      "cloudflare>load-balancer 80 443",
      "load-balancer>api 22 8080 9100",
      "load-balancer>database 22 9100",
      "load-balancer>redis 22 9100",
      "api>database 6432 8008",
      "database>database 2379 2380 5432 8008",
      "database>redis(redis-1) 2379 2380",
      "redis>database 2379 2380",
      "api>redis 6379",
    ]);
  });

  it("2: without a standby, with a replica and its Sentinels", () => {
    assert.deepEqual(matrix(planOf(2, { database: { standby: false }, redis: { replica: true } })), [
      "cloudflare>load-balancer 80 443",
      "load-balancer>api 22 8080 9100",
      "load-balancer>database 22 9100",
      "load-balancer>redis 22 9100",
      "api>database 6432 8008",
      "api>redis 6379 26379",
      "redis>redis 6379 26379",
      "database>redis 6379 26379",
      "redis>database(db-1) 26379",
      "api>database(db-1) 26379",
    ]);
  });

  it("3", () => {
    assert.deepEqual(matrix(planOf(3)), [
      "cloudflare>load-balancer 80 443",
      "load-balancer>load-balancer 22 9100",
      "load-balancer>k3s-server 22 6443 9100 30080",
      "load-balancer>k3s-agent 22 9100 30080",
      "load-balancer>database 22 9100",
      "load-balancer>redis 22 9100",
      "k3s-server>k3s-server 2379 2380 6443 8472/udp 10250",
      "k3s-server>k3s-agent 8472/udp 10250",
      "k3s-server>database 6432 8008",
      "k3s-server>redis 6379 26379",
      "k3s-agent>k3s-server 6443 8472/udp 10250",
      "k3s-agent>k3s-agent 8472/udp 10250",
      "k3s-agent>database 6432 8008",
      "k3s-agent>redis 6379 26379",
      "database>database 2379 2380 5432 8008",
      "redis>redis 6379 26379",
    ]);
  });

  it("3: no agent, no flow", () => {
    assert.ok(!matrix(planOf(3, { k3s: { agents: 0 } })).some((line) => line.includes("k3s-agent")));
  });
});

describe("SSH from outside", () => {
  const ssh = (allowFrom: readonly string[]) => ({ ssh: { publicKeys: { operations: testKey }, allowFrom } });
  const publicSsh = (plan: Plan) => plan.firewalls.flatMap(({ rules }) => rules.filter((rule) => rule.port === "22"));

  it("is closed until an address is named", () => {
    assert.deepEqual(publicSsh(planOf(2)), []);
  });

  it("is open to the named addresses alone", () => {
    const plan = planOf(2, ssh(["203.0.113.4/32", "2001:db8::/32"]));
    assert.deepEqual(
      publicSsh(plan).map((rule) => rule.sourceIps),
      [["203.0.113.4/32", "2001:db8::/32"]],
    );
    assert.ok(matrix(plan).includes("admin>load-balancer 22"));
  });
});

describe("firewalls", () => {
  it("exist for public doors alone and hold the public flows", () => {
    const [firewall, ...others] = planOf(3).firewalls;
    assert.deepEqual(others, []);
    assert.equal(firewall?.providerName, "chitlaq-phase3-load-balancer");
    assert.deepEqual(
      firewall?.rules.map(({ protocol, port, sourceIps }) => [protocol, port, sourceIps.length]),
      [
        ["tcp", "80", 22],
        ["tcp", "443", 22],
        ["icmp", null, 2],
      ],
    );
  });

  it("let no web traffic past Cloudflare", () => {
    for (const phase of [1, 2, 3] as const) {
      const plan = planOf(phase);
      for (const rule of plan.firewalls.flatMap((firewall) => firewall.rules)) {
        if (rule.protocol === "tcp") assert.deepEqual(rule.sourceIps, plan.edge.originRanges.ranges);
      }
    }
  });
});
