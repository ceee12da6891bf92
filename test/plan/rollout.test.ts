import assert from "node:assert/strict";
import { it } from "node:test";
import { planOf } from "../support/platform.ts";

it("brings a change to standbys before primaries and to the gateway in use last", () => {
  const phase2 = planOf(2, { redis: { replica: true }, api: { count: 2 } });
  assert.deepEqual(phase2.rollout, ["redis-2", "redis-1", "db-2", "db-1", "api-2", "api-1", "lb-1"]);
  assert.deepEqual(planOf(1).rollout, ["server-1"]);
});

it("ends at the machine the network's route goes through", () => {
  const plan = planOf(3);
  assert.deepEqual(plan.rollout.at(-1), plan.network.routes[0]?.machine);
  const { rollout } = plan;
  assert.ok(rollout.indexOf("k3s-agent-1") > rollout.indexOf("k3s-server-1"), "servers are upgraded before agents");
});

it("names every machine once", () => {
  for (const phase of [1, 2, 3] as const) {
    const plan = planOf(phase);
    assert.deepEqual(plan.rollout.toSorted(), plan.machines.map(({ name }) => name).toSorted());
  }
});
