import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedNames, liveThrough, planOf } from "./lifecycle.ts";
import { type Bench, inventory, listHetzner, names } from "./support.ts";

/** Which server holds which volume. */
const attachments = async (bench: Bench): Promise<readonly unknown[]> =>
  (await listHetzner(bench, "volumes")).map(({ name, server }) => [name, server]);

/** A load balancer holds nothing but its address, so it is rebuilt when it is broken. */
const rebuildLoadBalancer = async (bench: Bench): Promise<void> => {
  const before = await inventory(bench);
  const { resources = [] } = await bench.project.state();
  const urn = resources.find((resource) => resource.urn.endsWith("::lb-1-server"))?.urn ?? "";
  const up = (await bench.project.up({ args: ["--replace", urn] })).succeeded();
  assert.deepEqual(new Set(up.changes.map(({ name }) => name)), new Set(["lb-1-server"]), up.output);
  const after = await inventory(bench);
  assert.deepEqual({ ...after, servers: before.servers }, before, "addresses, volumes and records are those of before");
  const others = (list: readonly string[] | undefined) => list?.filter((entry) => !entry.includes("lb-1"));
  assert.deepEqual(others(after.servers), others(before.servers));
  assert.notDeepEqual(after.servers, before.servers, "it is another server");
};

/** The engine skips what is protected and goes on with the rest, unless its preview has refused first. */
const destroyWithoutPreview = async (bench: Bench): Promise<void> => {
  const plan = planOf("phase2");
  const stateful = plan.machines.filter((machine) => machine.stateful).map((machine) => machine.hostname);
  const attached = await attachments(bench);
  const refused = await bench.project.destroy();
  assert.notEqual(refused.code, 0);
  const left = await names(bench);
  assert.deepEqual(
    stateful.filter((hostname) => !left.servers?.includes(hostname)),
    [],
  );
  assert.deepEqual(await attachments(bench), attached);
  for (const kind of ["volumes", "primary_ips", "networks"]) assert.deepEqual(left[kind], expectedNames(plan)[kind]);
  (await bench.project.up()).succeeded();
  assert.deepEqual(await names(bench), expectedNames(plan), "and an up brings the rest back");
};

test("phase 2 on the real engine", async (t) => {
  await liveThrough(t, "phase2", async (bench) => {
    await t.test("a load balancer is rebuilt behind its own address, and nothing else moves", () =>
      rebuildLoadBalancer(bench),
    );
    await t.test("a destroy without preview leaves every server with data, its volume and every address", () =>
      destroyWithoutPreview(bench),
    );
  });
});
