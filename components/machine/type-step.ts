import { setTimeout as pause } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { type HetznerAccess, hetznerPower, type ServerPower } from "./power.ts";
import type { Turns } from "./turns.ts";

/** What an update hook is told about a server, as far as it counts here. */
export type ServerChange = Pick<pulumi.ResourceHookArgs, "oldInputs" | "oldOutputs" | "newInputs">;

export type TypeStep = { readonly from: string; readonly to: string };

/**
 * The change of type an update is about to make, or null when it makes none. What the server was last seen with counts more
 * than what it was once asked for: that is what the provider compares with.
 */
export const typeStep = ({ oldInputs, oldOutputs, newInputs }: ServerChange): TypeStep | null => {
  const from: unknown = oldOutputs?.serverType ?? oldInputs?.serverType;
  const to: unknown = newInputs?.serverType;
  return typeof from === "string" && typeof to === "string" && from !== to ? { from, to } : null;
};

/** Milliseconds a server has to stop or to start before the update goes on without it. */
export const patienceMs = 60_000;

/**
 * Asks a server to shut down and waits until it is off.
 *
 * @returns false when it is still on after `limitMs`.
 */
export const shutDown = async (power: ServerPower, limitMs: number): Promise<boolean> => {
  if ((await power.status()) === "off") return true;
  await power.act("shutdown");
  return reaches(power, "off", limitMs);
};

/**
 * Starts a server that is off and waits until it runs.
 *
 * @returns false when it does not run after `limitMs`.
 */
export const start = async (power: ServerPower, limitMs: number): Promise<boolean> => {
  if ((await power.status()) === "off") await power.act("poweron");
  return reaches(power, "running", limitMs);
};

const reaches = async (power: ServerPower, wanted: string, limitMs: number): Promise<boolean> => {
  const deadline = performance.now() + limitMs;
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 1.5, 2_000)) {
    if ((await power.status()) === wanted) return true;
    if (performance.now() + waitMs > deadline) return false;
    await pause(waitMs);
  }
};

/**
 * Makes a change of a server's type a graceful one. The provider switches a running server off the hard way and never on
 * again; it leaves one alone that is off already (terraform-provider-hcloud, internal/server/resource.go). So the server is
 * shut down before, and started after unless Hetzner did; also when the change failed, for lack of stock for example.
 * Servers of a stack change one at a time; a database server that leads hands over while it shuts down.
 *
 * The callbacks run in the program while the engine applies the update, never in a preview.
 *
 * @param access null when the program knows no token: then the provider does as it likes, and a warning says so.
 */
export const gracefulStep = (name: string, hostname: string, access: HetznerAccess | null, turns: Turns) =>
  ({
    beforeUpdate: [
      async (change) => {
        const step = typeStep(change);
        if (step === null) return;
        const what = `server ${hostname}: ${step.from} to ${step.to}:`;
        await turns.take(hostname);
        try {
          await prepare(what, access === null ? null : hetznerPower(access, hostname, change.id));
        } catch (error) {
          turns.give(hostname, { failed: true });
          throw error;
        }
      },
    ],
    afterUpdate: [
      async (change) => {
        if (typeStep(change) === null) return;
        const runs = access === null || (await startAgain(hostname, change.id, access));
        turns.give(hostname, { failed: !runs });
      },
    ],
    onError: [
      new pulumi.ErrorHook(`${name}-start-again`, async (change) => {
        if (change.failedOperation === "update" && typeStep(change) !== null) {
          if (access !== null) await startAgain(hostname, change.id, access);
          turns.give(hostname, { failed: true });
        }
        return false;
      }),
    ],
  }) satisfies pulumi.ResourceHookBinding;

const prepare = async (what: string, power: ServerPower | null): Promise<void> => {
  if (power === null) {
    await pulumi.log.warn(
      `${what} switched off without a shutdown, because the program has no API token; set HCLOUD_TOKEN or hcloud:token`,
    );
  } else if (!(await shutDown(power, patienceMs))) {
    await pulumi.log.warn(`${what} still on ${patienceMs / 1000} s after the shutdown, so it is switched off now`);
  }
};

/** @returns whether the server runs; when not, a warning says so. */
const startAgain = async (hostname: string, id: string, access: HetznerAccess): Promise<boolean> => {
  if (await start(hetznerPower(access, hostname, id), patienceMs)) return true;
  await pulumi.log.warn(
    `server ${hostname}: not running ${patienceMs / 1000} s after its change of type; look at its console at Hetzner`,
  );
  return false;
};
