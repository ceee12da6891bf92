/** Whether an instance's servers are machines. They are made as one or the other, so an instance never changes. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import type { Progress } from "../progress.ts";
import type { Instance } from "./instance.ts";

type Kind = "machines" | "api";

const fileOf = (instance: Instance): string => join(instance.dir, "kind");

function knownKind(instance: Instance): Kind | undefined {
  if (!existsSync(fileOf(instance))) return undefined;
  return readFileSync(fileOf(instance), "utf8").trim() === "machines" ? "machines" : "api";
}

/** @throws when the instance is of the other kind than the one asked for. */
export function requireKind(machines: boolean, asked: boolean | "kept" | undefined): void {
  if (typeof asked !== "boolean" || asked === machines) return;
  const why = asked
    ? "--machines: this local cloud runs without machines, and its servers cannot become any."
    : "--no-machines: the servers of this local cloud are machines, and cannot become anything else.";
  throw new Fault(why, ["forget it and start again: ./chitlaq local reset", "or use another one: --instance <name>"]);
}

async function missingHere(): Promise<readonly string[]> {
  const { machinesAvailable } = await import("../../local/machines/capability.ts");
  const host = machinesAvailable();
  return host.ok ? [] : host.missing;
}

async function kindOfNew(asked: boolean | "kept" | undefined, progress: Progress): Promise<Kind> {
  if (asked === false || asked === "kept") return "api";
  const missing = await missingHere();
  if (missing.length === 0) return "machines";
  if (asked === true) throw new Fault(`--machines: this host cannot run machines, it lacks ${missing.join(", ")}.`);
  progress.say(`Servers are not booted, only the APIs answer: this host lacks ${missing.join(", ")}.`);
  return "api";
}

/** Whether the cloud that is to be started boots machines; remembered for the next time. */
export async function chooseKind(
  instance: Instance,
  asked: boolean | "kept" | undefined,
  progress: Progress,
): Promise<boolean> {
  const known = knownKind(instance);
  if (known !== undefined) requireKind(known === "machines", asked);
  const kind = known ?? (await kindOfNew(asked, progress));
  writeFileSync(fileOf(instance), `${kind}\n`);
  return kind === "machines";
}
