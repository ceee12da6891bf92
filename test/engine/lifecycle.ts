import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Plan } from "../../plan/types.ts";
import { costOutput } from "../../cost/estimate.ts";
import { loadPriceBook } from "../../cost/prices/book.ts";
import { planOfStack } from "../../cost/stacks.ts";
import { noDelivery } from "../../stacks/delivery.ts";
import {
  type Bench,
  configure,
  inventory,
  listHetzner,
  names,
  nothing,
  nothingUnhandled,
  type Stack,
  startBench,
} from "./support.ts";

const sorted = (values: readonly string[]): readonly string[] => values.toSorted((a, b) => (a < b ? -1 : 1));

const providerNames = (entries: readonly { readonly providerName: string }[]): readonly string[] =>
  sorted(entries.map((entry) => entry.providerName));

/** What must exist once a plan is carried out. */
export const expectedNames = (plan: Plan): Readonly<Record<string, readonly string[]>> => ({
  servers: sorted(plan.machines.map((machine) => machine.hostname)),
  volumes: providerNames(plan.volumes),
  primary_ips: providerNames(plan.primaryIps),
  networks: [plan.network.providerName],
  firewalls: providerNames(plan.firewalls),
  placement_groups: providerNames(plan.placementGroups),
  ssh_keys: providerNames(plan.sshKeys),
  dns_records: sorted(plan.edge.records.map((record) => record.fqdn)),
  rulesets: sorted(["chitlaq", "chitlaq", "chitlaq"]),
});

export const book = loadPriceBook();

/** Plan of a committed stack, as the program makes it. */
export const planOf = (stack: Stack): Plan => planOfStack(stack, book, book.date);

/**
 * A stack's life on the real engine: preview, up, a second up, refresh, `between`, a destroy that is refused, and one that
 * is not.
 */
export const liveThrough = async (
  t: TestContext,
  stack: Stack,
  between: (bench: Bench) => Promise<void> = async () => {},
): Promise<void> => {
  const bench = await startBench(t, stack);
  const { project } = bench;
  const plan = planOf(stack);

  await t.test("a preview makes nothing", async () => {
    const preview = (await project.preview()).succeeded();
    assert.ok(Number(preview.summary.create) > plan.machines.length);
    assert.deepEqual(await names(bench), nothing);
  });

  await t.test("up makes what the plan says, and asks nothing the APIs do not know", async () => {
    const up = (await project.up()).succeeded();
    assert.deepEqual(Object.keys(up.summary), ["create"], up.output);
    assert.deepEqual(await names(bench), expectedNames(plan));
    assert.deepEqual(
      up.diagnostics.filter(({ severity }) => severity !== "info").map(({ message }) => message.trim()),
      [noDelivery(plan)],
      "one warning, since the committed stacks have no delivery key",
    );
    await nothingUnhandled(bench);
  });

  await t.test("its outputs are the addresses of the cloud and the cost of the plan", async () => {
    const outputs = await project.outputs();
    assert.deepEqual(outputs.cost, JSON.parse(JSON.stringify(costOutput(plan, book))));
    const { addresses, urls } = outputs.endpoints as { readonly addresses: unknown; readonly urls: unknown };
    const ips = await listHetzner(bench, "primary_ips");
    const expected = plan.primaryIps.map(({ machine, providerName }) => [
      machine,
      ips.find((ip) => ip.name === providerName)?.ip,
    ]);
    assert.deepEqual(addresses, Object.fromEntries(expected));
    assert.deepEqual(urls, [...new Set(plan.edge.records.map((record) => `https://${record.fqdn}`))]);
    assert.deepEqual(Object.keys(outputs.machines as object).length, plan.machines.length);
    assert.deepEqual(outputs.limits, plan.currentLimits);
    assert.deepEqual(outputs.notes, plan.notes);
  });

  await t.test("a second up changes nothing", async () => {
    const before = await inventory(bench);
    const again = (await project.up({ args: ["--expect-no-changes"] })).succeeded();
    assert.deepEqual(again.changes, []);
    assert.deepEqual(await inventory(bench), before);
  });

  await t.test("a refresh finds no drift", async () => {
    const refresh = (await project.refresh({ args: ["--expect-no-changes"] })).succeeded();
    assert.deepEqual(refresh.changes, []);
  });

  await between(bench);

  await t.test("destroy is refused while data and addresses are protected, and takes nothing away", async () => {
    const before = await inventory(bench);
    const refused = await project.run(["destroy", "--stack", project.stack, "--yes"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stdout + refused.stderr, /cannot be deleted/);
    assert.deepEqual(await inventory(bench), before);
  });

  await t.test("a stack whose protection is switched off goes without a trace", async () => {
    configure(bench, { protection: false });
    const up = (await project.up()).succeeded();
    assert.deepEqual(
      up.changes.filter(({ op }) => op !== "update"),
      [],
      "the switch changes nothing but protections",
    );
    (await project.destroy()).succeeded();
    assert.deepEqual(await names(bench), nothing);
    await nothingUnhandled(bench);
  });
};
