/** An action of Hetzner's API: begun by a request, over when its status says so (docs.hetzner.cloud, "Actions"). */
import { z } from "zod";
import { Fault } from "./errors.ts";
import { until } from "./process/pause.ts";
import type { Api } from "./recovery/api.ts";

const action = z.object({
  id: z.int(),
  command: z.string(),
  status: z.enum(["running", "success", "error"]),
  error: z.object({ code: z.string(), message: z.string() }).nullish(),
});

const answer = z.object({ action });

export type Waiting = { readonly signal: AbortSignal; readonly timeoutMs: number; readonly everyMs: number };

/** Posts a request that begins an action and waits for its end. @returns the first answer. */
export async function act(api: Api, path: string, body: unknown, waiting: Waiting): Promise<unknown> {
  const first = await api.post(path, body);
  await actionEnded(api, answer.parse(first).action, waiting);
  return first;
}

/** Waits for the end of an action that a request began. */
export async function actionEnded(api: Api, begun: unknown, { signal, ...timing }: Waiting): Promise<void> {
  const { id, command } = action.parse(begun);
  const look = async (): Promise<z.output<typeof action> | undefined> => {
    const { action: now } = answer.parse(await api.get(`/actions/${id}`));
    return now.status === "running" ? undefined : now;
  };
  const ended = await until(look, timing, signal);
  if (ended === undefined) throw new Fault(`${command} (action ${id}) still runs after ${timing.timeoutMs / 1000} s`);
  if (ended.status === "error")
    throw new Fault(`${command} (action ${id}) failed: ${ended.error?.message ?? "no reason given"}`);
}
