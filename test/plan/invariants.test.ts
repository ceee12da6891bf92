import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brokenInvariants } from "../../plan/invariants.ts";
import type { Machine, Plan } from "../../plan/types.ts";
import { planOf } from "../support/platform.ts";

const sound = planOf(2);
const shared = planOf(1);

/** The plan with one machine changed. */
const withMachine = (name: string, change: Partial<Machine>): Plan => ({
  ...sound,
  machines: sound.machines.map((machine) => (machine.name === name ? { ...machine, ...change } : machine)),
});

const broken: readonly (readonly [string, Plan, ...(readonly string[])])[] = [
  [
    "two machines at one address",
    withMachine("api-2", { privateIp: "10.0.2.11" }),
    "private address 10.0.2.11 is there twice",
  ],
  ["two machines of one name", withMachine("api-2", { name: "api-1" }), "machine api-1 is there twice"],
  [
    "an address outside its subnet",
    withMachine("api-2", { privateIp: "10.0.3.99" }),
    "api-2: 10.0.3.99 is outside 10.0.2.0/24",
  ],
  [
    "a subnet that is not there",
    withMachine("api-2", { subnet: "moon" }),
    "api-2 is in subnet moon, which does not exist",
  ],
  [
    "a public address on a database",
    withMachine("db-1", { primaryIp: "lb-1-ipv4" }),
    "db-1: public address does not fit its role",
  ],
  [
    "a door without a firewall",
    withMachine("lb-1", { firewall: null }),
    "lb-1: a firewall belongs to a public address",
  ],
  ["a volume that is not there", withMachine("db-1", { volumes: ["lost"] }), "db-1: no volume named lost"],
  ["a machine below its profile", withMachine("db-1", { memoryGiB: 31 }), "db-1 (ccx33) falls short of its profile"],
  ["a label Hetzner refuses", withMachine("db-1", { labels: { role: "data base" } }), "db-1: data base is no label"],
  [
    "no way out for private machines",
    { ...sound, network: { ...sound.network, routes: [] } },
    ...["api-1", "api-2", "db-1", "db-2", "redis-1"].map((name) => `${name} has no way to the internet`),
  ],
  [
    "a placement group of 11",
    {
      ...sound,
      placementGroups: sound.placementGroups.map((group) => ({ ...group, machines: Array(11).fill("api-1") })),
    },
    ...["edge", "app", "data"].map((name) => `placement group ${name} has more than 10 machines`),
  ],
  [
    "a firewall of 51 rules",
    {
      ...sound,
      firewalls: sound.firewalls.map((firewall) => ({ ...firewall, rules: Array(51).fill(firewall.rules[0]) })),
    },
    "firewall load-balancer has more than 50 rules",
  ],
  [
    "a rule without a source, which Hetzner refuses",
    {
      ...sound,
      firewalls: sound.firewalls.map((firewall) => ({
        ...firewall,
        rules: firewall.rules.slice(0, 1).map((rule) => ({ ...rule, sourceIps: [] })),
      })),
    },
    'firewall load-balancer: "HTTP from the edge, answered with a redirect" has no source',
  ],
  [
    "a public flow to a private machine",
    {
      ...sound,
      flows: [...sound.flows, { from: { kind: "internet" }, to: "database", protocol: "tcp", port: "5432", why: "" }],
    },
    "a flow to database comes from where nothing can reach it",
  ],
  [
    "a flow to nowhere",
    {
      ...sound,
      flows: [
        ...sound.flows,
        { from: { kind: "role", role: "api" }, to: "server", protocol: "tcp", port: "1", why: "" },
      ],
    },
    "a flow leads to server, which has no machine",
  ],
  [
    "a record that points at nothing",
    { ...sound, primaryIps: [] },
    "lb-1: no primary IP named lb-1-ipv4",
    ...["", "www.", "api."].map(
      (host) => `DNS record ${host}chitlaq.com-lb-1 points at lb-1-ipv4, which does not exist`,
    ),
  ],
  [
    "an even number of votes",
    {
      ...sound,
      services: {
        ...sound.services,
        database: {
          ...sound.services.database,
          patroni: withVoters(2),
        },
      },
    },
    "etcd has 2 voters",
  ],
  [
    "memory promised twice",
    { ...shared, services: { ...shared.services, memoryBudgetMiB: { postgresql: 4_000, redis: 97 } } },
    "memory budgets add up to 4097 MiB of 4096",
  ],
];

function withVoters(count: number): Plan["services"]["database"]["patroni"] {
  const { patroni } = sound.services.database;
  return patroni === null
    ? null
    : { ...patroni, etcd: { ...patroni.etcd, members: patroni.etcd.members.slice(0, count) } };
}

describe("a plan is checked for", () => {
  for (const [what, plan, ...messages] of broken) {
    it(what, () => assert.deepEqual(brokenInvariants(plan), messages));
  }
});

it("sound plans break no invariant", () => {
  for (const phase of [1, 2, 3] as const) assert.deepEqual(brokenInvariants(planOf(phase)), []);
});
