/** `./chitlaq image` */
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { runningCloud } from "../local/cloud.ts";
import { instanceNamed } from "../local/instance.ts";
import type { Progress } from "../progress.ts";
import { type ApiAccess, ApiError } from "../recovery/api.ts";
import { bakeImage } from "./bake.ts";

export type ImageFlags = {
  readonly location: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly instance?: string;
};

const realEndpoint = "https://api.hetzner.cloud/v1";

async function accessOf(instance: string | undefined): Promise<ApiAccess> {
  if (instance !== undefined) {
    const running = await runningCloud(instanceNamed(instance).cloudDir);
    if (running !== undefined) return running.hetzner;
    throw new Fault(`The local cloud ${instance} is not running.`, ["start it: ./chitlaq local up phase2 --machines"]);
  }
  const token = process.env.HCLOUD_TOKEN ?? "";
  if (token !== "") return { endpoint: process.env.HCLOUD_ENDPOINT ?? realEndpoint, token };
  throw new Fault("HCLOUD_TOKEN: not set, an image is baked in a Hetzner project", [
    "export a token of the project with read and write access",
    "or bake in a local cloud: --instance phase2",
  ]);
}

const installTimeoutMs = 20 * 60_000;

export async function image(flags: ImageFlags, progress: Progress): Promise<void> {
  const access = await accessOf(flags.instance);
  const { location, force = false } = flags;
  const options = { access, location, force, installTimeoutMs, everyMs: 1000, signal: interruption, now: Date.now };
  const baked = await bakeImage(options, progress).catch((error: unknown) => {
    interruption.throwIfAborted();
    throw error instanceof ApiError ? new Fault(`Hetzner's API: ${error.message}`) : error;
  });
  if (flags.json === true) {
    console.log(JSON.stringify(baked, null, 2));
    return;
  }
  const what = baked.created ? "was made" : "was there already";
  console.log(`Snapshot ${baked.id} with the packages ${baked.packages} ${what}.`);
  console.log(`New machines of a stack use it with chitlaq:platform.image: "${baked.id}" (in quotes).`);
}
