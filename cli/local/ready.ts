/** Waits for the machines of an instance: after a `local down` they boot again while nothing in the stack changes. */
import { setTimeout as pause } from "node:timers/promises";
import { execIn, findMachine, openEnvironment } from "../../local/machines/access.ts";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import type { Note } from "../progress.ts";
import type { Instance } from "./instance.ts";

const patienceMs = 300_000;

/** Whether every health check of the machine passes; what it prints when not. */
async function check(instance: Instance, server: string): Promise<true | string> {
  try {
    const found = findMachine(openEnvironment(instance.cloudDir), server);
    const { code, stdout, stderr } = await execIn(found, ["chitlaq-health"], { timeoutMs: 60_000 });
    return code === 0 ? true : stdout.trim() || stderr.trim();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** @throws naming the machines that are not healthy after five minutes, with what their checks said. */
export async function waitForMachines(instance: Instance, note: Note): Promise<void> {
  const servers = openEnvironment(instance.cloudDir).machines.map(({ name }) => name);
  const end = performance.now() + patienceMs;
  let healthy = 0;
  const results = servers.map(async (server) => {
    for (;;) {
      const result = await check(instance, server);
      if (result === true) {
        healthy += 1;
        note(`${healthy} of ${servers.length} healthy`);
        return [];
      }
      if (performance.now() > end) return [`${server}: ${result}`];
      await pause(500, undefined, { signal: interruption });
    }
  });
  const failed = (await Promise.all(results)).flat();
  if (failed.length > 0) throw new Fault(`Not healthy after ${patienceMs / 1000} s:\n${failed.join("\n")}`);
}
