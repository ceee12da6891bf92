import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, parseDocument } from "yaml";
import { platformKey } from "./pulumi-key.ts";

const stacksDirectory = join(import.meta.dirname, "..", "stacks");

/** A stack file that cannot be used; the message names the file and what to do. */
export class StackFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "StackFileError";
  }
}

/** Names of the stacks that have a file in `dir` (this repository's `stacks/` when left out), sorted. */
export function listStacks(dir: string = stacksDirectory): readonly string[] {
  return readdirSync(dir)
    .map((file) => /^Pulumi\.([^.]+)\.yaml$/.exec(file)?.[1])
    .filter((stack) => stack !== undefined)
    .sort((a, b) => (a < b ? -1 : 1));
}

/**
 * The raw `chitlaq:platform` of a stack, read from `Pulumi.<stack>.yaml` in `dir` (this repository's `stacks/` when left
 * out), for callers that run without the engine. Throws {@link StackFileError}.
 */
export function readStackPlatform(stack: string, dir: string = stacksDirectory): unknown {
  if (!listStacks(dir).includes(stack)) throw new StackFileError(missingStack(stack, dir));
  const file = `Pulumi.${stack}.yaml`;
  const document = parseDocument(readFileSync(join(dir, file), "utf8"));
  const [fault] = document.errors;
  if (fault !== undefined)
    throw new StackFileError(`${file}: not YAML: ${fault.message.split("\n")[0]}; correct the file`);
  const config = entryOf(plainValue(document, file), "config");
  const platform = entryOf(config, platformKey);
  if (platform === undefined) {
    throw new StackFileError(
      `${file}: has no ${platformKey} under config; add it, stacks/Pulumi.phase1.yaml shows how`,
    );
  }
  return platform;
}

/** Aliases are resolved only here: one without an anchor, or one that multiplies itself, is a fault of the file too. */
function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new StackFileError(`${file}: not YAML: ${message}; correct the file`);
  }
}

function missingStack(stack: string, dir: string): string {
  const known = listStacks(dir);
  const have = known.length === 0 ? "there is none yet" : `there are ${known.join(", ")}`;
  return `stack ${stack}: no file Pulumi.${stack}.yaml; ${have}`;
}

function entryOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
