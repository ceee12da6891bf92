import assert from "node:assert/strict";
import type { Captured } from "./capture.ts";

/** Label keys by which every resource of a stack can be found at Hetzner. */
const requiredLabels = ["project", "stack", "phase"];

/** Hetzner's types that have neither name nor labels. */
const nameless: ReadonlySet<string> = new Set([
  "hcloud:index/networkSubnet:NetworkSubnet",
  "hcloud:index/networkRoute:NetworkRoute",
  "hcloud:index/volumeAttachment:VolumeAttachment",
]);

/** Fails when resources break the repository's rules for names, parents and labels. */
export const checkConventions = (resources: readonly Captured[], providerPrefix: string): void => {
  checkUnique(resources);
  for (const resource of resources) {
    checkParent(resource);
    if (resource.type.startsWith("hcloud:") && !nameless.has(resource.type))
      checkProviderData(resource, providerPrefix);
  }
};

const checkUnique = (resources: readonly Captured[]): void => {
  const seen = new Set<string>();
  for (const { type, name } of resources) {
    const key = `${type} ${name}`;
    assert.ok(!seen.has(key), `two resources are called ${key}`);
    seen.add(key);
  }
};

const checkParent = ({ type, name, parent }: Captured): void => {
  if (parent === null) {
    assert.ok(
      type.startsWith("chitlaq:"),
      `${type} ${name} has no parent; only components stand directly in the stack`,
    );
    return;
  }
  const parentName = parent.slice(parent.indexOf(" ") + 1);
  assert.ok(
    name.startsWith(`${parentName}-`),
    `${type} ${name}: the name must start with its parent's, ${parentName}-`,
  );
};

const checkProviderData = ({ type, name, inputs }: Captured, providerPrefix: string): void => {
  const providerName = String(inputs.name);
  assert.ok(
    providerName.startsWith(providerPrefix),
    `${type} ${name}: the provider's name "${providerName}" must start with ${providerPrefix}`,
  );
  const labels = Object.keys((inputs.labels ?? {}) as Readonly<Record<string, unknown>>);
  const missing = requiredLabels.filter((key) => !labels.includes(key));
  assert.deepEqual(missing, [], `${type} ${name}: labels are missing`);
};
