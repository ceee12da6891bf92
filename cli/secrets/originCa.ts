/** Cloudflare's Origin CA signs the certificate that nginx shows to the edge; its key never leaves this process. */
import { z } from "zod";
import { Fault } from "../errors.ts";
import type { SignOrigin } from "./make.ts";

export type CloudflareAccess = { readonly endpoint: string; readonly token: string };

const defaultEndpoint = "https://api.cloudflare.com/client/v4";

/** The longest the API offers: fifteen years (developers.cloudflare.com/api, origin_ca_certificates, `requested_validity`). */
const validityDays = 5475;

const answerSchema = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result: z.object({ certificate: z.string() }).nullish(),
});

/** Access of the environment, as the Cloudflare provider reads it; undefined without a token. */
export function cloudflareAccess(env: NodeJS.ProcessEnv): CloudflareAccess | undefined {
  const { CLOUDFLARE_API_TOKEN: token, CLOUDFLARE_BASE_URL: endpoint } = env;
  return token === undefined || token === "" ? undefined : { endpoint: endpoint || defaultEndpoint, token };
}

export const signAtCloudflare =
  ({ endpoint, token }: CloudflareAccess, signal: AbortSignal): SignOrigin =>
  async (csr, hostnames) => {
    const response = await fetch(`${endpoint.replace(/\/$/, "")}/certificates`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ csr, hostnames, request_type: "origin-ecc", requested_validity: validityDays }),
      signal,
    });
    const answer = answerSchema.safeParse(await response.json().catch(() => undefined));
    const certificate = answer.data?.result?.certificate;
    if (response.ok && certificate !== undefined) return `${certificate.trimEnd()}\n`;
    const said = answer.data?.errors.map(({ code, message }) => `${message} (${code})`).join("; ") || response.status;
    throw new Fault(`Cloudflare's Origin CA did not sign the certificate for ${hostnames.join(", ")}: ${said}`, [
      "give the API token the permission SSL and Certificates: Edit for the zone",
      "or make the certificate in the dashboard and store it: ./chitlaq secrets set <stack> origin.crt --file <path>",
    ]);
  };
