import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../plan/types.ts";
import { endpoints, machineOutputs, planSummary } from "../../stacks/outputs.ts";
import { createPlatform } from "../../stacks/platform.ts";
import { capture, unknown } from "../support/capture.ts";
import { answersFor, planOf, userDataOf } from "./programs.ts";

const outputsOf = async (plan: Plan, preview = false) => {
  const { outputs } = await capture(
    () => {
      const platform = createPlatform(plan, userDataOf);
      return { endpoints: endpoints(plan, platform), machines: machineOutputs(platform), plan: planSummary(plan) };
    },
    { stack: plan.stack, calls: answersFor(plan), preview },
  );
  return outputs;
};

const open = { ssh: { publicKeys: { ops: "ssh-ed25519 AAAA" }, allowFrom: ["198.51.100.7/32"] } };

describe("endpoints", () => {
  it("name the sites and the public addresses", async () => {
    const outputs = await outputsOf(planOf("phase3"));
    assert.deepEqual(outputs.endpoints, {
      urls: ["https://chitlaq.com", "https://www.chitlaq.com", "https://api.chitlaq.com"],
      addresses: { "lb-1": "192.0.2.1", "lb-2": "192.0.2.2" },
      ssh: "closed: name your addresses in platform.ssh.allowFrom",
    });
  });

  it("reach private machines through the public one", async () => {
    const outputs = await outputsOf(planOf("phase2", open));
    assert.deepEqual((outputs.endpoints as { readonly ssh: unknown }).ssh, {
      "lb-1": "ssh root@192.0.2.1",
      "api-1": "ssh -J root@192.0.2.1 root@10.0.2.11",
      "api-2": "ssh -J root@192.0.2.1 root@10.0.2.12",
      "db-1": "ssh -J root@192.0.2.1 root@10.0.3.11",
      "db-2": "ssh -J root@192.0.2.1 root@10.0.3.12",
      "redis-1": "ssh -J root@192.0.2.1 root@10.0.4.11",
    });
  });

  it("are unknown in a first preview where the provider decides them, and known elsewhere", async () => {
    const outputs = await outputsOf(planOf("phase1"), true);
    assert.deepEqual(outputs.endpoints, {
      urls: ["https://chitlaq.com", "https://www.chitlaq.com", "https://api.chitlaq.com"],
      addresses: { "server-1": unknown },
      ssh: "closed: name your addresses in platform.ssh.allowFrom",
    });
  });
});

describe("machines", () => {
  it("are listed with type and addresses, private ones without a public address", async () => {
    const plan = planOf("phase2", { database: { serverType: "ccx33" } });
    const { machines } = await outputsOf(plan);
    const listed = machines as Readonly<Record<string, unknown>>;
    assert.deepEqual(Object.keys(listed), ["lb-1", "api-1", "api-2", "db-1", "db-2", "redis-1"]);
    assert.deepEqual(listed["db-1"], { role: "database", serverType: "ccx33", privateIp: "10.0.3.11", publicIp: null });
    assert.equal((listed["lb-1"] as { readonly publicIp: unknown }).publicIp, "192.0.2.1");
  });
});

describe("the plan's summary", () => {
  it("adds up the machines", async () => {
    const plan = planOf("phase1", { server: { serverType: "cpx41" } });
    assert.deepEqual((await outputsOf(plan)).plan, {
      phase: 1,
      location: "ash",
      image: "debian-13",
      zone: "chitlaq.com",
      cloudflarePlan: "free",
      machines: 1,
      vcpu: 8,
      memoryGiB: 16,
      expectedUsers: plan.usage.expectedUsers,
      catalogueDate: "2026-09-29",
    });
  });
});
