import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { checkConventions } from "./conventions.ts";

/** One registered resource as the engine would have been asked for it. */
export type Captured = {
  readonly type: string;
  readonly name: string;
  /** `type name` of the parent; null directly below the stack. */
  readonly parent: string | null;
  /** Inputs as the provider gets them; a key is absent when the program left it out. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Paths of the inputs that are secret, such as `rules.0.token`. */
  readonly secrets: readonly string[];
  readonly options: {
    readonly protect: boolean;
    readonly deleteBeforeReplace: boolean;
    readonly ignoreChanges: readonly string[];
    /** `type name` of everything named by `dependsOn`; components are not taken apart. */
    readonly dependsOn: readonly string[];
  };
};

export type Capture = {
  /** In the order in which the program made them. */
  readonly resources: readonly Captured[];
  /** Names of the resources by the id they were given. */
  readonly names: ReadonlyMap<string, string>;
  readonly calls: readonly { readonly token: string; readonly inputs: unknown }[];
  /** Warnings the program logged. */
  readonly warnings: readonly string[];
  /** What the program returned, with every Output resolved, or {@link unknown} where a preview cannot know. */
  readonly outputs: Readonly<Record<string, unknown>>;
};

export type CaptureOptions = {
  readonly project?: string;
  readonly stack?: string;
  /** Evaluate as a preview: nothing exists yet, so ids and computed values are unknown. */
  readonly preview?: boolean;
  /** Answers of provider functions by token; a call without an answer fails the test. */
  readonly calls?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

type Values = Readonly<Record<string, unknown>>;

type Program = () => Values;

/** Stands for an output that a preview cannot know. */
export const unknown = "(unknown)";

/**
 * Evaluates a program without an engine and tells what it registered. Refuses two resources of one type and name, a child
 * whose name does not start with its parent's, a Hetzner name without the stack's prefix and missing labels.
 *
 * It proves neither that a provider accepts the values nor what would change between two runs: that is for the engine
 * tests. A process holds one evaluation at a time; await one before the next.
 */
export const capture = async (program: Program, options: CaptureOptions = {}): Promise<Capture> => {
  const { project = "chitlaq", stack = "test", preview = false, calls: answers = {} } = options;
  const inputs = new Map<string, Values>();
  const names = new Map<string, string>();
  const calls: { readonly token: string; readonly inputs: unknown }[] = [];
  const failures: unknown[] = [];
  const newResource = (args: pulumi.runtime.MockResourceArgs): pulumi.runtime.MockResourceResult => {
    inputs.set(keyOf(args.type, args.name), args.inputs);
    if (preview) return { id: undefined, state: args.inputs };
    const addresses = [...inputs.keys()].filter((key) => key.startsWith(`${primaryIpType} `)).length;
    const result = created(args, inputs.size, addresses);
    names.set(String(result.id), args.name);
    return result;
  };
  const call = ({ token, inputs: given }: pulumi.runtime.MockCallArgs): Values => {
    calls.push({ token, inputs: given });
    // Recorded rather than thrown: the program would get an error without its message.
    if (answers[token] === undefined) failures.push(new Error(`the test has no answer for ${token}`));
    return answers[token] ?? {};
  };
  await pulumi.runtime.setMocks({ newResource, call }, project, stack, preview);
  acceptHooks();
  const { seen, ...result } = await evaluate(program, failures);
  const resources = await Promise.all(seen.map((args) => toCaptured(args, inputs)));
  checkConventions(resources, `${project}-${stack}-`);
  return { resources, names, calls, ...result };
};

/** The SDK's mocks claim to know hooks and lack the calls that register them (3.270, runtime/mocks.js). */
const acceptHooks = (): void => {
  const accept = (_request: unknown, callback: (error: null, answer: object) => void) => callback(null, {});
  Object.assign(pulumi.runtime.getMonitor() ?? {}, { registerResourceHook: accept, registerErrorHook: accept });
};

const evaluate = async (program: Program, failures: unknown[]) => {
  const seen: pulumi.ResourceTransformationArgs[] = [];
  const warnings: string[] = [];
  const warn = console.warn;
  // Without an engine Pulumi writes warnings to the console.
  console.warn = (message: string) => warnings.push(message.replace(/^warning: (\[runtime\] )?/, ""));
  let returned: Values = {};
  await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation((args) => {
      seen.push(args);
      return undefined;
    });
    try {
      returned = program();
    } catch (error) {
      // Thrown from here it would also surface as an unhandled rejection of the stack's own promise.
      failures.push(error);
    }
    return {};
  });
  const outputs = (await resolved(returned).catch((error: unknown) => failures.push(error))) as Values;
  // Waits for the registrations that are still under way; without it a test can end before they are made.
  await pulumi.runtime.disconnect();
  console.warn = warn;
  if (failures.length > 0) throw failures[0];
  return { seen, warnings, outputs };
};

const primaryIpType = "hcloud:index/primaryIp:PrimaryIp";

/**
 * A new resource as its provider would return it: with an id, and with the values only the provider knows. Ids are larger
 * than any number of a plan, so that a number in an input is recognised as an id.
 */
const created = (
  { type, name, inputs }: pulumi.runtime.MockResourceArgs,
  ordinal: number,
  addresses: number,
): pulumi.runtime.MockResourceResult => {
  if (type.startsWith("cloudflare:")) return { id: ordinal.toString(16).padStart(32, "0"), state: inputs };
  const id = String(7_000_000 + ordinal);
  if (type === "pulumi:index:Stash") return { id, state: { ...inputs, output: inputs.input } };
  if (type === "command:remote:Command") return { id, state: { ...inputs, stdout: `printed by ${name}` } };
  return { id, state: { ...inputs, ...(type === primaryIpType ? { ipAddress: `192.0.2.${addresses}` } : {}) } };
};

const toCaptured = async (
  { type, name, opts }: pulumi.ResourceTransformationArgs,
  inputs: ReadonlyMap<string, Values>,
): Promise<Captured> => {
  const registered = inputs.get(keyOf(type, name));
  assert.ok(registered, `${keyOf(type, name)} was never registered`);
  return {
    type,
    name,
    parent: opts.parent === undefined ? null : await resourceKey(opts.parent),
    inputs: (await resolved(registered)) as Values,
    secrets: secretPaths(registered),
    options: {
      protect: opts.protect ?? false,
      deleteBeforeReplace: "deleteBeforeReplace" in opts && opts.deleteBeforeReplace === true,
      ignoreChanges: opts.ignoreChanges ?? [],
      dependsOn: await Promise.all([opts.dependsOn ?? []].flat().map(resourceKey)),
    },
  };
};

const keyOf = (type: string, name: string): string => `${type} ${name}`;

const resourceKey = async (resource: unknown): Promise<string> => {
  assert.ok(pulumi.Resource.isInstance(resource), "the capture helper reads only plain resources in dependsOn");
  const [types = "", name = ""] = String(await resolved(resource.urn))
    .split("::")
    .slice(2);
  return keyOf(types.split("$").at(-1) ?? "", name);
};

const secretPaths = (value: unknown, path = ""): readonly string[] => {
  if (pulumi.runtime.isRpcSecret(value)) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => secretPaths(entry, path === "" ? key : `${path}.${key}`));
};

/** Replaces every Output inside a value by what it holds. */
const resolved = async (value: unknown): Promise<unknown> => {
  if (pulumi.Output.isInstance(value)) {
    // Both exist on every Output; the type declarations leave them out.
    const output = value as unknown as { isKnown: Promise<boolean>; promise(): Promise<unknown> };
    return (await output.isKnown) ? resolved(await output.promise()) : unknown;
  }
  if (pulumi.isUnknown(value)) return unknown;
  if (pulumi.runtime.isRpcSecret(value)) return resolved(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return Promise.all(value.map(resolved));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(async ([key, entry]) => [key, await resolved(entry)] as const);
  return Object.fromEntries(await Promise.all(entries));
};
