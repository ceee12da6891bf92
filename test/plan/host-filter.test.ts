import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HostFilter, hostFilter } from "../../plan/host-filter.ts";
import { planOf } from "../support/platform.ts";

/** `tcp 5432 10.0.3.11`, without ping and with `edge` for Cloudflare's ranges. */
function lines(filter: HostFilter): readonly string[] {
  return filter.rules
    .filter((rule) => rule.protocol !== "icmp")
    .map((rule) => {
      const sources =
        rule.side === "public" ? "public" : rule.sources.map((source) => source.replace("10.0.", "")).join(" ");
      return `${rule.protocol} ${rule.port} ${sources}`;
    });
}

describe("a machine's own filter", () => {
  it("of the database lets in its clients, its peer and its witness", () => {
    assert.deepEqual(lines(hostFilter(planOf(2), "db-2")), [
      "tcp 22 1.11",
      "tcp 9100 1.11",
      "tcp 6432 2.11 2.12",
      "tcp 8008 2.11 2.12",
      "tcp 5432 3.11",
      "tcp 8008 3.11",
      "tcp 2379 3.11",
      "tcp 2379 4.11",
      "tcp 2380 3.11",
      "tcp 2380 4.11",
    ]);
  });

  it("of a witness alone opens the port of its vote", () => {
    const plan = planOf(2, { redis: { replica: true } });
    const open = (machine: string, port: string) => hostFilter(plan, machine).rules.some((rule) => rule.port === port);
    assert.deepEqual([open("redis-1", "2379"), open("redis-2", "2379")], [true, false]);
    assert.deepEqual([open("db-1", "26379"), open("db-2", "26379")], [true, false]);
  });

  it("never lists the machine itself as a source", () => {
    const plan = planOf(3);
    for (const machine of plan.machines) {
      for (const rule of hostFilter(plan, machine.name).rules) {
        assert.ok(!rule.sources.includes(machine.privateIp), `${machine.name} ${rule.why}`);
        assert.ok(rule.sources.length > 0);
      }
    }
  });

  it("forwards for the private machines on gateways alone", () => {
    const plan = planOf(2);
    assert.equal(hostFilter(plan, "lb-1").forwardFrom, "10.0.0.0/16");
    assert.equal(hostFilter(plan, "api-1").forwardFrom, null);
    assert.equal(hostFilter(planOf(1), "server-1").forwardFrom, null);
  });

  it("has a public side where there is a public address", () => {
    const plan = planOf(3);
    const open = plan.machines.filter((machine) =>
      hostFilter(plan, machine.name).rules.some((rule) => rule.side === "public"),
    );
    assert.deepEqual(
      open.map((machine) => machine.name),
      ["lb-1", "lb-2"],
    );
    assert.deepEqual(lines(hostFilter(plan, "lb-1")), [
      "tcp 80 public",
      "tcp 443 public",
      "tcp 22 1.12",
      "tcp 9100 1.12",
    ]);
  });

  it("exists for the plan's machines only", () => {
    assert.throws(() => hostFilter(planOf(1), "db-1"), { message: "db-1: no such machine in stack phase1" });
  });

  it("opens nothing that no flow names", () => {
    const plan = planOf(3);
    const ports = new Set(plan.flows.map((flow) => `${flow.to} ${flow.protocol} ${flow.port}`));
    for (const machine of plan.machines) {
      for (const rule of hostFilter(plan, machine.name).rules)
        assert.ok(ports.has(`${machine.role} ${rule.protocol} ${rule.port}`));
    }
  });
});
