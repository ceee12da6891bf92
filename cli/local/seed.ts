/** What must exist in a Cloudflare account before the program runs: its zone, with the plan it pays for. */
import { controlUrl } from "./cloud.ts";

export type Zone = { readonly name: string; readonly plan: "free" | "pro" | "business" };

/** Makes the zone in the local Cloudflare account, or sets its plan when it is there. */
export async function seedZone(
  cloudflare: { readonly endpoint: string; readonly token: string },
  zone: Zone,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(controlUrl(cloudflare.endpoint, "zones"), {
    method: "POST",
    headers: { authorization: `Bearer ${cloudflare.token}`, "content-type": "application/json" },
    body: JSON.stringify(zone),
    signal,
  });
  if (!response.ok) {
    throw new Error(`the zone ${zone.name} could not be made: ${response.status} ${await response.text()}`);
  }
}
