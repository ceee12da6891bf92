import assert from "node:assert/strict";
import { it } from "node:test";
import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import { capture } from "./capture.ts";

class Area extends pulumi.ComponentResource {
  constructor(name: string) {
    super("chitlaq:test:Area", name);
    this.registerOutputs({});
  }
}

const labels = { project: "chitlaq", stack: "test", phase: "1" };
const group = (name: string, args: Partial<hcloud.PlacementGroupArgs>, parent = new Area("area")) =>
  new hcloud.PlacementGroup(name, { name: "chitlaq-test-x", type: "spread", labels, ...args }, { parent });

const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    "a child without its parent's name",
    () => group("other", {}),
    /other: the name must start with its parent's, area-/,
  ],
  ["a Hetzner name without the stack", () => group("area-x", { name: "x" }), /"x" must start with chitlaq-test-/],
  ["missing labels", () => group("area-x", { labels: { project: "chitlaq" } }), /labels are missing/],
  ["a resource outside of any component", () => new hcloud.SshKey("key", { publicKey: "k" }), /key has no parent/],
  [
    "two resources of one type and name",
    () => {
      const area = new Area("area");
      group("area-x", {}, area);
      group("area-x", {}, area);
    },
    /two resources are called hcloud:index\/placementGroup:PlacementGroup area-x/,
  ],
];

for (const [what, make, message] of refused) {
  it(`the capture helper refuses ${what}`, async () => {
    await assert.rejects(
      capture(() => {
        make();
        return {};
      }),
      message,
    );
  });
}

it("the capture helper tells which inputs are secret, and resolves outputs", async () => {
  const { resources, outputs } = await capture(() => {
    const made = group("area-x", { type: pulumi.secret("spread") });
    return { made: { type: made.type }, plain: 1 };
  });
  assert.deepEqual(resources.at(-1)?.secrets, ["type"]);
  assert.equal(resources.at(-1)?.inputs.type, "spread");
  assert.deepEqual(outputs, { made: { type: "spread" }, plain: 1 });
});

it("a provider function without an answer fails the evaluation", async () => {
  const program = () => ({ key: hcloud.getSshKeyOutput({ name: "x" }).publicKey });
  await assert.rejects(capture(program), /no answer for hcloud:index\/getSshKey:getSshKey/);
});
