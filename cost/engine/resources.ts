import type { Role } from "../../plan/types.ts";
import {
  type BillLine,
  backupsLine,
  componentOf,
  inOrder,
  primaryIpLine,
  resourceTypes,
  serverLine,
  volumeLine,
} from "../bill-lines.ts";
import { CommandError } from "../commands/io.ts";
import type { CostLine } from "../schema/cost-output.ts";
import { type PreviewDocument, type PreviewStep, parseUrn } from "./document.ts";

/** Resources of the program that cost money, as the engine would leave them. */

/** Day of a machine's order, as the config says. */
type Ordered = (machine: string) => string | null;

type Inputs = Readonly<Record<string, unknown>>;

export type EngineResult = {
  readonly lines: readonly BillLine[];
  /** Ids of lines whose resource the engine destroys and makes anew. */
  readonly replaced: ReadonlySet<string>;
};

const billed: ReadonlySet<string> = new Set(Object.values(resourceTypes));

const creates: ReadonlySet<string> = new Set(["create", "create-replacement", "replace", "update", "import"]);
const deletes: ReadonlySet<string> = new Set(["delete", "discard"]);
const replaces: ReadonlySet<string> = new Set(["replace", "create-replacement"]);

function text(inputs: Inputs, key: string, urn: string): string {
  const value = inputs[key];
  if (typeof value === "string") return value;
  throw new CommandError(`${parseUrn(urn).name}: the preview does not know its ${key}, so its price is not known`);
}

/** Every machine's resources carry its role as a label. */
function roleOf(inputs: Inputs, urn: string): Role {
  const labels = inputs.labels;
  const role = typeof labels === "object" && labels !== null && "role" in labels ? labels.role : undefined;
  if (typeof role === "string" && role in componentOf) return role as Role;
  throw new CommandError(
    `${parseUrn(urn).name}: the preview gives it no label role, so it belongs to no part of the bill`,
  );
}

/** A machine's resources are children of its component. */
const machineOf = (step: PreviewStep): string => parseUrn(step.newState?.parent ?? "").name;

function linesOfStep(step: PreviewStep, orderedAt: Ordered): readonly BillLine[] {
  const { type, name } = parseUrn(step.urn);
  const inputs = step.newState?.inputs ?? {};
  const location = text(inputs, "location", step.urn);
  const machine = machineOf(step);
  switch (type) {
    case resourceTypes.server: {
      const role = roleOf(inputs, step.urn);
      // A server that is made anew is a new order, whatever the config says of the old one.
      const ordered = replaces.has(step.op) ? null : orderedAt(machine);
      const server = { machine, role, serverType: text(inputs, "serverType", step.urn), location, orderedAt: ordered };
      return [serverLine(server), ...(inputs.backups === true ? [backupsLine(server)] : [])];
    }
    case resourceTypes.primaryIp:
      return [primaryIpLine({ name, machine, location })];
    case resourceTypes.volume:
      return [volumeLine({ name, machine, role: roleOf(inputs, step.urn), location, sizeGiB: Number(inputs.size) })];
    default:
      return [];
  }
}

/** A deployed line as a bill line, to be priced again: for what the engine leaves alone. */
function billLineOf(line: CostLine, server: CostLine | undefined, orderedAt: Ordered): BillLine {
  const { item, location } = line.price;
  const ordered = line.machine === null || line.id !== server?.id ? null : orderedAt(line.machine);
  const percentOf =
    line.unit === "percent" && server !== undefined
      ? { item: server.price.item, location: server.price.location, orderedAt: orderedAt(server.name) }
      : null;
  return {
    id: line.id,
    component: line.component as BillLine["component"],
    name: line.name,
    description: line.description,
    resource:
      line.resourceType === null || line.resourceName === null
        ? null
        : { type: line.resourceType, name: line.resourceName },
    external: line.external,
    machine: line.machine,
    item,
    location,
    orderedAt: ordered,
    quantity: line.quantity,
    unit: line.unit,
    percentOf,
  };
}

const key = (type: string, name: string): string => `${type} ${name}`;

/**
 * The bill of the resources after the preview: what is deployed, with the engine's steps carried out.
 *
 * @param deployed lines of the deployed stack's `cost` output; empty for a new stack.
 */
export function resourcesAfter(
  document: PreviewDocument,
  deployed: readonly CostLine[],
  orderedAt: Ordered,
): EngineResult {
  const byResource = new Map<string, readonly BillLine[]>();
  for (const line of deployed) {
    if (line.resourceType === null || line.resourceName === null) continue;
    const resource = key(line.resourceType, line.resourceName);
    const server = deployed.find((other) => other.id === `server:${line.machine}`);
    byResource.set(resource, [...(byResource.get(resource) ?? []), billLineOf(line, server, orderedAt)]);
  }
  const replaced = new Set<string>();
  for (const step of document.steps) {
    const { type, name } = parseUrn(step.urn);
    if (!billed.has(type)) continue;
    if (deletes.has(step.op)) byResource.delete(key(type, name));
    if (!creates.has(step.op)) continue;
    const lines = linesOfStep(step, orderedAt);
    byResource.set(key(type, name), lines);
    if (replaces.has(step.op)) for (const line of lines) replaced.add(line.id);
  }
  const lines = [...byResource.values()].flat().toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  return { lines: inOrder(lines), replaced };
}
