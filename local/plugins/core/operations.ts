/** Create, read, update and delete of one resource, and what is kept when they fail half-way. */

import { differs } from "./compare.ts";
import type { ResourceDefinition } from "./spec.ts";
import { inputsAfterRead, outputsAfter, outputsAfterRead } from "./state.ts";
import type { Properties } from "./values.ts";

/**
 * The resource exists but the operation on it did not finish. The engine stores it with these outputs and calls update
 * in its next run, so that nothing is orphaned and nothing is made twice.
 */
export class Unfinished extends Error {
  readonly id: string;
  readonly outputs: Properties;
  readonly inputs: Properties;

  constructor(id: string, outputs: Properties, inputs: Properties, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = "Unfinished";
    this.id = id;
    this.outputs = outputs;
    this.inputs = inputs;
  }
}

type Found = { readonly kind: "live"; readonly live: Properties } | { readonly kind: "gone" | "unreachable" };

const look = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  id: string,
  known: Properties,
): Promise<Found> => {
  try {
    const live = await definition.read(client, id, known);
    return live === undefined ? { kind: "gone" } : { kind: "live", live };
  } catch {
    return { kind: "unreachable" };
  }
};

/** What to report after a failure: the resource as far as it can be known, or the bare failure when it is gone. */
const afterFailure = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  target: {
    readonly id: string;
    readonly known: Properties;
    readonly inputs: Properties;
    readonly unfinished: Properties;
  },
  failure: unknown,
): Promise<unknown> => {
  const { id, known, inputs, unfinished } = target;
  const found = await look(client, definition, id, known);
  if (found.kind === "gone") {
    return failure;
  }
  const outputs = found.kind === "live" ? outputsAfter(definition.properties, inputs, found.live) : known;
  return new Unfinished(id, { ...outputs, ...unfinished }, inputs, failure);
};

const requireLive = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  id: string,
  inputs: Properties,
): Promise<Properties> => {
  const live = await definition.read(client, id, inputs);
  if (live === undefined) {
    throw new Error(`${definition.token} ${id}: gone; somebody deleted it. Run pulumi refresh, then pulumi up`);
  }
  return outputsAfter(definition.properties, inputs, live);
};

export const createResource = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  inputs: Properties,
): Promise<{ readonly id: string; readonly outputs: Properties }> => {
  let made: { readonly id: string; readonly unfinished: Properties } | undefined;
  try {
    await definition.create(client, inputs, (id, unfinished = {}) => {
      made = { id, unfinished };
    });
    if (made === undefined) {
      throw new Error(`${definition.token}: the API gave no id`);
    }
    return { id: made.id, outputs: await requireLive(client, definition, made.id, inputs) };
  } catch (failure) {
    throw made === undefined
      ? failure
      : await afterFailure(client, definition, { ...made, known: inputs, inputs }, failure);
  }
};

export type UpdateRequest = {
  readonly id: string;
  readonly state: Properties;
  readonly oldInputs: Properties;
  readonly inputs: Properties;
};

export const updateResource = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  request: UpdateRequest,
): Promise<Properties> => {
  const { id, state, oldInputs, inputs } = request;
  const changed = (property: string): boolean => {
    const spec = definition.properties[property];
    if (spec === undefined) {
      throw new Error(`${definition.token}: ${property} is not one of its properties`);
    }
    return differs(spec, inputs[property], spec.unread === true ? oldInputs[property] : state[property]);
  };
  try {
    await definition.update?.(client, { id, state, oldInputs, inputs, changed });
    return await requireLive(client, definition, id, inputs);
  } catch (failure) {
    if (definition.failsWhole === true) {
      throw failure;
    }
    const unfinished = Object.fromEntries(Object.entries(state).filter(([key]) => key.startsWith("__")));
    throw await afterFailure(client, definition, { id, known: state, inputs, unfinished }, failure);
  }
};

/** Live state for a refresh (`inputs` given) or an import (`inputs` undefined); undefined when it is gone. */
export const readResource = async <Client>(
  client: Client,
  definition: ResourceDefinition<Client>,
  request: { readonly id: string; readonly state: Properties; readonly inputs: Properties | undefined },
): Promise<{ readonly id: string; readonly outputs: Properties; readonly inputs: Properties } | undefined> => {
  const { id, state, inputs } = request;
  const live = await definition.read(client, id, { ...inputs, ...state });
  if (live === undefined) {
    return undefined;
  }
  return {
    id: definition.idAfterRead?.(id, live) ?? id,
    outputs: outputsAfterRead(definition.properties, state, live),
    inputs: inputsAfterRead(definition.properties, inputs, live),
  };
};
