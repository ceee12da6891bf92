/** The files of a state directory: who this instance is and where it can be reached. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createToken } from "./auth.ts";

const tokenSchema = z.string().regex(/^[A-Za-z0-9]{64}$/);
const apiSchema = z.object({ token: tokenSchema, port: z.int().min(0).max(65_535) });
const identitySchema = z.object({ hetzner: apiSchema, cloudflare: apiSchema });

/** Tokens and ports an instance keeps over restarts. */
export type Identity = z.output<typeof identitySchema>;

export type Endpoints = {
  readonly pid: number;
  readonly startedAt: string;
  readonly machines: boolean;
  /** Whether machines find an object storage. */
  readonly objectStore: boolean;
  readonly hetzner: { readonly endpoint: string; readonly token: string };
  readonly cloudflare: { readonly endpoint: string; readonly token: string };
};

export const stateFile = (directory: string): string => join(directory, "state.sqlite");
const identityFile = (directory: string): string => join(directory, "instance.json");
export const endpointsFile = (directory: string): string => join(directory, "endpoints.json");

/** Readers see the old file or the new one, never half of it. Only the owner may read: it holds tokens. */
function writeAtomically(file: string, content: unknown): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

export function readIdentity(directory: string, token: string | undefined): Identity {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = identityFile(directory);
  const stored = existsSync(file) ? identitySchema.safeParse(parseOrUndefined(file)).data : undefined;
  const api = (known: Identity["hetzner"] | undefined): Identity["hetzner"] => ({
    token: token ?? known?.token ?? createToken(),
    port: known?.port ?? 0,
  });
  return { hetzner: api(stored?.hetzner), cloudflare: api(stored?.cloudflare) };
}

function parseOrUndefined(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch {
    return undefined;
  }
}

export const writeIdentity = (directory: string, identity: Identity): void =>
  writeAtomically(identityFile(directory), identity);
export const writeEndpoints = (directory: string, endpoints: Endpoints): void =>
  writeAtomically(endpointsFile(directory), endpoints);
export const removeEndpoints = (directory: string): void => rmSync(endpointsFile(directory), { force: true });

/** The process that last wrote the endpoints, for the message about a directory in use. */
export function holderOf(directory: string): number | undefined {
  const parsed = z.object({ pid: z.int() }).safeParse(parseOrUndefined(endpointsFile(directory)));
  return parsed.data?.pid;
}
