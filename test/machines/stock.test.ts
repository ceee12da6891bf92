/**
 * Every role of the first two phases on Debian as Hetzner ships it: user-data alone must bring the packages and start what
 * needs no secret, and nothing else. The other tests boot an image that has the packages already; this one proves the package
 * step, with the mirrors reached through the NAT gateway by machines without a public address. The local image stands for
 * Hetzner's by its list of packages (`tools/image/stock.txt`); that this list is complete is not proven here.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { ensureBase } from "../../local/machines/image.ts";
import { must } from "../../local/machines/run.ts";
import type { FirewallRule, ServerTopology, Topology } from "../../local/hetzner/driver.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import type { Machine, Plan } from "../../plan/types.ts";
import { type Cloud, cloudFor, skip, until } from "../local/machines/support.ts";
import { machineOf, planOf } from "../support/platform.ts";

type Booted = { readonly id: number; readonly plan: Plan; readonly machine: Machine };

const first = (plan: Plan, names: readonly string[]): readonly Booted[] =>
  names.map((name, index) => ({ id: index + 1, plan, machine: machineOf(plan, name) }));

/** Each role once, in the phase that has it. A cloud per phase, as for stacks: their private ranges are the same. */
const phases = [first(planOf(1), ["server-1"]), first(planOf(2), ["lb-1", "api-1", "db-1", "redis-1"])];

/** About three times what it takes alone on two cores, so that only a fault runs into it. */
const bootLimitMs = 240_000;

const rulesOf = (plan: Plan, machine: Machine): readonly FirewallRule[] | null =>
  plan.firewalls
    .find(({ name }) => name === machine.firewall)
    ?.rules.map(({ protocol, port, sourceIps }) => ({
      direction: "in",
      protocol,
      port,
      sourceIps,
      destinationIps: [],
    })) ?? null;

const serverOf = ({ id, plan, machine }: Booted): ServerTopology => ({
  id,
  name: machine.hostname,
  publicIpv4: machine.primaryIp === null ? null : `5.75.1.${id}`,
  publicIpv6: null,
  publicMacAddress: `96:00:00:00:01:0${id}`,
  floatingIps: [],
  privateNets: [{ networkId: plan.phase, ip: machine.privateIp, aliasIps: [], macAddress: `96:00:00:00:02:0${id}` }],
  firewall: rulesOf(plan, machine),
});

const topologyOf = (booted: readonly Booted[]): Topology => ({
  servers: booted.map(serverOf),
  networks: booted.slice(0, 1).map(({ plan: { phase, network } }) => ({
    id: phase,
    ipRange: network.ipRange,
    gateway: network.gateway,
    subnets: network.subnets.map(({ ipRange }) => ipRange),
    routes: network.routes.map(({ destination, gateway }) => ({ destination, gateway })),
  })),
  loadBalancers: [],
});

async function provision({ driver, spec }: Cloud, { id, plan, machine }: Booted): Promise<void> {
  const { hostname: name, vcpu: cores, memoryGiB, diskGiB } = machine;
  const size = { cores, memoryGiB, diskGiB };
  await driver.provision({ ...spec(id, renderUserData(plan, machine.name)), name, size });
  for (const [index, { name: volume, sizeGiB, format }] of volumesOf(plan, machine).entries()) {
    const volumeId = id * 10 + index;
    await driver.createVolume({ id: volumeId, name: volume, sizeGiB, format });
    await driver.attachVolume(volumeId, id, false);
  }
}

const volumesOf = (plan: Plan, machine: Machine) => plan.volumes.filter(({ machine: name }) => name === machine.name);

/** Boots all side by side; rejects with the errors of cloud-init. */
async function bootAll(cloud: Cloud, booted: readonly Booted[]): Promise<void> {
  await Promise.all(booted.map((entry) => provision(cloud, entry)));
  await cloud.driver.syncNetwork(topologyOf(booted));
  await Promise.all(booted.map(({ id }) => cloud.driver.start(id)));
  await Promise.all(booted.map(({ id }) => ready(cloud, id)));
}

async function ready(cloud: Cloud, id: number): Promise<void> {
  await cloud.ready(id, bootLimitMs).catch((error: unknown) => {
    const log = readFileSync(join(cloud.machine(id).root, "var/log/cloud-init-output.log"), "utf8");
    throw new Error(`${String(error)}\n${log.split("\n").slice(-15).join("\n")}`);
  });
}

type Rule = { readonly when: string; readonly unit: string };

const rulesOn = async (cloud: Cloud, id: number): Promise<readonly Rule[]> =>
  (await cloud.sh(id, "cat /etc/chitlaq/units.tsv")).split("\n").map((line) => {
    const [when = "", unit = ""] = line.split("\t");
    return { when, unit };
  });

/** What systemd says of a unit. */
async function unitOf(cloud: Cloud, id: number, unit: string): Promise<Readonly<Record<string, string>>> {
  const properties = "LoadState,ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic";
  const lines = (await cloud.sh(id, `systemctl show -p ${properties} ${unit}`)).split("\n");
  return Object.fromEntries(lines.map((line) => line.split("=", 2) as [string, string]));
}

/** A unit whose condition was looked at and does not hold here is where it should be: not running, and no failure. */
const runs = (unit: Readonly<Record<string, string>>): boolean =>
  unit.ActiveState === "active" ||
  (unit.ActiveState === "inactive" && unit.ConditionResult === "no" && unit.ConditionTimestampMonotonic !== "0");

/** Units systemd was asked to start in this boot, by whomever. */
const startsOf = async (cloud: Cloud, id: number, unit: string): Promise<string> =>
  cloud.sh(id, `journalctl --quiet --no-pager --output=cat JOB_TYPE=start UNIT=${unit}`);

const enabledIn = (listed: string): readonly string[] =>
  listed
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/)[0] ?? "");

const listEnabled = "list-unit-files --state=enabled --no-legend --no-pager";

it("every role of phases 1 and 2 comes up on Hetzner's own Debian image", { skip }, async (t) => {
  const stock = enabledIn(
    await must("systemctl", [`--root=${await ensureBase("stock", () => undefined)}`, ...listEnabled.split(" ")]),
  );
  const began = performance.now();
  const clouds = await Promise.all(
    phases.map(async (booted) => {
      const cloud = await cloudFor(t, "stock");
      await bootAll(cloud, booted);
      return booted.map((entry) => ({ ...entry, cloud }));
    }),
  );
  t.diagnostic(`all stock machines ready after ${((performance.now() - began) / 1000).toFixed(0)} s`);

  for (const { id, plan, machine, cloud } of clouds.flat()) {
    const sh = (line: string) => cloud.sh(id, line);
    await t.test(`${machine.name}: every package of its role was installed by its first boot`, async () => {
      const states = await sh(`xargs dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' </etc/chitlaq/packages`);
      const wanted = (await sh("cat /etc/chitlaq/packages")).split("\n");
      assert.deepEqual(states.split("\n").toSorted(), wanted.map((name) => `ii  ${name}`).toSorted());
      assert.equal(await sh("dpkg --audit"), "");
      if (machine.primaryIp === null) {
        const [destination, via, gateway] = (await sh("ip -4 route show default")).split(" ");
        assert.deepEqual([destination, via, gateway], ["default", "via", plan.network.gateway]);
      }
      assert.match(await sh("cat /var/log/cloud-init-output.log"), /chitlaq-converge: installing [^\n]*\bchrony\b/);
    });

    await t.test(`${machine.name}: what needs no secret runs, what needs one was never started`, async () => {
      for (const { when, unit } of await rulesOn(cloud, id)) {
        if (when === "boot") {
          await until(`${machine.name}: ${unit} runs`, async () => runs(await unitOf(cloud, id, unit)));
          continue;
        }
        const { LoadState, ActiveState, UnitFileState } = await unitOf(cloud, id, unit);
        assert.deepEqual([unit, LoadState, ActiveState], [unit, "loaded", "inactive"]);
        assert.notEqual(UnitFileState, "enabled", unit);
        assert.equal(await startsOf(cloud, id, unit), "", unit);
      }
      assert.equal(await sh("systemctl --failed --no-legend --plain"), "");
    });

    await t.test(`${machine.name}: a reboot would start nothing that the role does not name`, async () => {
      const boot = (await rulesOn(cloud, id)).filter(({ when }) => when === "boot").map(({ unit }) => unit);
      const known = new Set([...stock, ...boot]);
      const added = enabledIn(await sh(`systemctl ${listEnabled}`)).filter((unit) => !known.has(unit));
      assert.deepEqual(added, ["chitlaq-converge.service", "chitlaq-network.service"]);
    });
  }
});
