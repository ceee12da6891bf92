import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { requiredSecrets } from "../../ops/render/machine.ts";
import type { Plan } from "../../plan/types.ts";
import { type Available, deliver, noDelivery, planDelivery, type ReadSecret } from "../../stacks/delivery.ts";
import { createPlatform } from "../../stacks/platform.ts";
import { capture } from "../support/capture.ts";
import { testKey } from "../support/platform.ts";
import { answersFor, planOf, stacks, type Stack, userDataOf } from "./programs.ts";

const deliveryKey = "delivery-0123abcd";

const reachable = {
  ssh: {
    publicKeys: { operations: testKey, [deliveryKey]: testKey.replace("AAAI", "BBBI") },
    allowFrom: ["203.0.113.4/32"],
  },
};

const namesOf = (plan: Plan): readonly string[] => [
  "delivery-key",
  ...plan.machines.flatMap(({ name }) => requiredSecrets(plan, name).map(({ key }) => key)),
];

/** A config that holds these secrets, each with a value that is recognised wherever it turns up. */
const holding =
  (names: readonly string[]): ReadSecret =>
  (name) =>
    names.includes(name) ? pulumi.secret(`<<${name}>>`) : undefined;

const sampleRelease = { path: "/releases/app.tar.gz", version: "1.0.0", sha256: "ab".repeat(32) };
const available = (names: readonly string[]): Available => ({ secret: holding(names), sampleRelease });

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
};

describe("a stack's delivery", () => {
  it("does not happen without a delivery key, whatever else there is", () => {
    const plan = planOf("phase2");
    assert.equal(planDelivery(plan, available([])), null);
    assert.equal(planDelivery(plan, available(namesOf(plan).filter((name) => name !== "delivery-key"))), null);
    assert.match(
      noDelivery(plan),
      /stack phase2 has no delivery key: .*Run \.\/chitlaq secrets init phase2 before the first up/,
    );
  });

  it("names every missing secret and both locked doors at once", () => {
    const plan = planOf("phase2");
    const message = messageOf(() => planDelivery(plan, available(["delivery-key", "ca.crt"])));
    assert.match(message, /ssh\.allowFrom: \[\] given, .*port 22 is closed/);
    assert.match(message, /ssh\.publicKeys: operations given, the delivery key of the stack is not among them/);
    for (const key of ["machine-db-1.key", "postgres-app-password", "s3-secret-key", "origin.crt"]) {
      assert.equal(message.split(`chitlaq:secret-${key}: missing`).length, 2, key);
    }
    assert.doesNotMatch(message, /secret-ca\.crt/);
    assert.doesNotMatch(message, /<</, "no value is ever shown");
  });

  it("brings the sample application unless the stack names a release, and needs one of the two", () => {
    const plan = planOf("phase2", reachable);
    assert.deepEqual(planDelivery(plan, available(namesOf(plan)))?.release, sampleRelease);
    const without = { ...available(namesOf(plan)), sampleRelease: null };
    assert.match(
      messageOf(() => planDelivery(plan, without)),
      /release: missing, application machines have nothing to run/,
    );
    const release = { url: "https://example.com/app.tar.gz", sha256: "cd".repeat(32), version: "2.0.0" };
    const own = planOf("phase2", { ...reachable, release });
    assert.equal(planDelivery(own, without)?.release, null);
    assert.equal(
      planDelivery(planOf("phase3", reachable), { ...available(namesOf(planOf("phase3"))), sampleRelease: null })
        ?.release,
      null,
    );
  });

  it("hands a machine its secrets under the names of its files", () => {
    const plan = planOf("phase2", reachable);
    const decided = planDelivery(plan, available(namesOf(plan)));
    assert.ok(decided);
    assert.ok("machine.key" in (decided.secrets["db-1"] ?? {}));
    assert.deepEqual(
      new Set(Object.keys(decided.secrets["lb-1"] ?? {})),
      new Set(["origin-pull-ca.pem", "origin.crt", "origin.key"]),
    );
    assert.equal(decided.edge, null, "without a certificate of its own the edge shows Cloudflare's");
  });
});

const captureDelivered = (stack: Stack) => {
  const plan = planOf(stack, reachable);
  const names = [...namesOf(plan), "edge-client.crt", "edge-client.key"];
  return capture(
    () => {
      const decided = planDelivery(plan, available(names));
      assert.ok(decided);
      deliver(plan, createPlatform(plan, userDataOf), decided);
      return {};
    },
    { stack, calls: answersFor(plan) },
  );
};

for (const stack of stacks) {
  it(`${stack}: no secret stands where it is not marked as one`, async () => {
    const { resources } = await captureDelivered(stack);
    let seen = 0;
    for (const { name, inputs, secrets } of resources) {
      for (const [property, value] of Object.entries(inputs)) {
        if (!JSON.stringify(value).includes("<<")) continue;
        seen += 1;
        assert.ok(secrets.includes(property), `${name}: ${property} holds a secret in clear`);
      }
    }
    assert.ok(seen > 0);
  });
}
