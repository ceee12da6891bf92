/** Whether an instance's servers are machines. They are made as one or the other, so with a server it never changes. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stateFile } from "../../local/shared/instance.ts";
import { Fault } from "../errors.ts";
import type { CloudEndpoints } from "./cloud.ts";
import type { Instance } from "./instance.ts";

type Kind = "machines" | "api";
type Asked = boolean | "kept" | undefined;

const fileOf = (instance: Instance): string => join(instance.dir, "kind");

/** What it was last started as. */
function lastKind(instance: Instance): Kind | undefined {
  if (!existsSync(fileOf(instance))) return undefined;
  return readFileSync(fileOf(instance), "utf8").trim() === "machines" ? "machines" : "api";
}

/** @throws when the instance is of the other kind than the one asked for. */
export function requireKind(machines: boolean, asked: Asked): void {
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

/** Whether the cloud, which is stopped, knows a server. */
async function hasServers(instance: Instance): Promise<boolean> {
  const file = stateFile(instance.cloudDir);
  if (!existsSync(file)) return false;
  const { openStore } = await import("../../local/shared/store.ts");
  const store = openStore(file);
  try {
    return store.collection("hetzner.servers").size > 0;
  } finally {
    store.close();
  }
}

async function runningServers({ hetzner }: CloudEndpoints, signal: AbortSignal): Promise<number> {
  const headers = { authorization: `Bearer ${hetzner.token}` };
  const response = await fetch(`${hetzner.endpoint}/servers?per_page=1`, { headers, signal });
  if (!response.ok) throw new Fault(`The local cloud answered ${response.status} when asked for its servers.`);
  const { meta } = (await response.json()) as { meta: { pagination: { total_entries: number } } };
  return meta.pagination.total_entries;
}

async function kindOfNew(asked: Asked): Promise<Kind> {
  if (asked === false || asked === "kept") return "api";
  const missing = await missingHere();
  if (missing.length === 0) return "machines";
  if (asked === true) throw new Fault(`--machines: this host cannot run machines, it lacks ${missing.join(", ")}.`);
  return "api";
}

/** Whether the cloud that is to be started boots machines. What an earlier start chose binds once there is a server. */
export async function chooseKind(instance: Instance, asked: Asked): Promise<boolean> {
  const last = lastKind(instance);
  const binds = last !== undefined && (asked === "kept" || (await hasServers(instance)));
  if (binds) requireKind(last === "machines", asked);
  const kind = binds ? last : await kindOfNew(asked);
  writeFileSync(fileOf(instance), `${kind}\n`);
  return kind === "machines";
}

/** Whether a running cloud has to start again to be what is asked for, and may, because nothing runs on it yet. */
export async function shouldRestart(running: CloudEndpoints, asked: Asked, signal: AbortSignal): Promise<boolean> {
  if (asked === "kept" || (await runningServers(running, signal)) > 0) return false;
  return ((await kindOfNew(asked)) === "machines") !== running.machines;
}

/** Why a local cloud boots no servers although nobody said that it should not. */
export async function apiOnlyReason({ name }: Instance): Promise<string> {
  const missing = await missingHere();
  const why =
    missing.length > 0
      ? `this host lacks ${missing.join(", ")}.`
      : `this local cloud was started without machines. To boot them: ./chitlaq local reset --instance ${name}, and up again.`;
  return `Servers are not booted, only the APIs answer: ${why}`;
}
