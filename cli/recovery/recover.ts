/**
 * Puts a stack whose update was cut off (kill -9, power) into a state from which the next update converges.
 *
 * Before each creation the engine notes it as pending, and takes the note away when the provider answered. A note that is
 * still there means: the resource may exist, and no state knows it. Creating it again would fail, because names are
 * unique at Hetzner, or make a second one. So whatever such a creation left is removed, and the update makes it anew. It
 * was never recorded, nothing depends on it and it holds no data. Only the local cloud is treated so; on a real account
 * a person decides (docs: `pulumi refresh`, pending creates).
 */
import { isDeepStrictEqual } from "node:util";
import { Fault } from "../errors.ts";
import { until } from "../process/pause.ts";
import { cloudflareFinders, settingTypes } from "./cloudflare.ts";
import { hetznerFinders, settle } from "./hetzner.ts";
import type { Clouds, Finder, Inputs, Orphan } from "./orphan.ts";

/** The parts of `pulumi stack export` that matter here. */
export type Deployment = {
  readonly resources?: readonly ResourceState[];
  readonly pending_operations?: readonly { readonly type: string; readonly resource: ResourceState }[];
};

type ResourceState = {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Inputs;
};

const finders: Readonly<Record<string, Finder>> = { ...hetznerFinders, ...cloudflareFinders };

/** True for the types the recovery knows how to treat. */
export function isRecoverable(type: string): boolean {
  return type in finders || settingTypes.includes(type) || !/^(hcloud|cloudflare):/.test(type);
}

export function pendingCreations(deployment: Deployment): readonly ResourceState[] {
  return (deployment.pending_operations ?? [])
    .filter((operation) => operation.type === "creating")
    .map((operation) => operation.resource);
}

const removal = { everyMs: 100, timeoutMs: 60_000 };

const known = (deployment: Deployment, pending: ResourceState, orphan: Orphan): boolean =>
  (deployment.resources ?? []).some((state) => state.type === pending.type && state.id === orphan.id);

/** Refuses to remove what somebody else made under the same name. */
function requireOurs(pending: ResourceState, orphan: Orphan): void {
  if (orphan.labels === undefined) return;
  const wanted = pending.inputs?.labels ?? {};
  if (isDeepStrictEqual(wanted, orphan.labels)) return;
  throw new Fault(
    `${orphan.what} stands in the way of ${pending.urn}, and its labels say that this stack did not make it.`,
    ["rename or delete it", "start afresh with `./chitlaq local reset`"],
  );
}

/** Removes what the pending creations left. Names each removal through `say`; repeating it does no harm. */
export async function removeOrphans(
  deployment: Deployment,
  apis: Omit<Clouds, "settled">,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const clouds: Clouds = { ...apis, settled: () => settle(apis.hetzner, signal) };
  for (const pending of pendingCreations(deployment)) {
    await clouds.settled();
    const look = async (): Promise<Orphan | undefined> => finders[pending.type]?.(pending.inputs ?? {}, clouds);
    const orphan = await look();
    if (orphan === undefined || known(deployment, pending, orphan)) continue;
    requireOurs(pending, orphan);
    await orphan.remove();
    // Deleting is an action of its own at Hetzner; the name is free when it has ended.
    const gone = await until(async () => ((await look()) === undefined ? true : undefined), removal, signal);
    if (gone === undefined)
      throw new Error(`${orphan.what} is still there ${removal.timeoutMs / 1000} s after its removal`);
    say(`removed ${orphan.what}: its creation was cut off`);
  }
}
