/**
 * The stack file of a local run, made from the committed one. Pulumi writes into stack files (salt, `config set`,
 * `preview -c key=value`), so a local run must never be pointed at the committed ones.
 */
import { isDeepStrictEqual } from "node:util";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Config = { readonly [key: string]: Json };

/** A parsed `Pulumi.<stack>.yaml`. */
export type StackFile = { readonly config?: Config; readonly encryptionsalt?: string };

/**
 * Provider settings that say where the provider connects and as whom. They would win over the environment, and a local
 * run would meet a real account.
 */
const connection = new Set([
  "hcloud:token",
  "hcloud:endpoint",
  "cloudflare:apiToken",
  "cloudflare:apiKey",
  "cloudflare:apiUserServiceKey",
  "cloudflare:email",
  "cloudflare:baseUrl",
]);

const isSecret = (value: Json): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 1 && "secure" in value;

/** The value without its secrets, which only the owner's key can read; undefined when nothing is left. */
function readable(value: Json): Json | undefined {
  if (isSecret(value)) return undefined;
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((item) => readable(item) ?? []);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).flatMap(([key, inner]) => {
    const part = readable(inner);
    return part === undefined ? [] : [[key, part] as const];
  });
  return Object.fromEntries(kept);
}

/** What a local run takes over from a committed file: neither secrets nor connections, nor the owner's encryption. */
export function withoutSecrets(committed: StackFile): StackFile {
  const config: Record<string, Json> = {};
  for (const [key, value] of Object.entries(committed.config ?? {})) {
    const kept = connection.has(key) ? undefined : readable(value);
    if (kept !== undefined) config[key] = kept;
  }
  return { config };
}

const isMap = (value: Json | undefined): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isSecret(value);

/** One value, or the maps below it key by key; undefined when it is to be absent. */
function mergeValue(now: Json | undefined, before: Json | undefined, local: Json | undefined): Json | undefined {
  // What the local run removed stays removed until the repository changes it.
  if (local === undefined) return isDeepStrictEqual(now, before) ? undefined : now;
  if (isMap(now) && isMap(local)) return mergeMap(now, isMap(before) ? before : {}, local);
  return isDeepStrictEqual(local, before) ? now : local;
}

function mergeMap(now: Config, before: Config, local: Config): Config {
  const keys = [...new Set([...Object.keys(now), ...Object.keys(local)])];
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = mergeValue(now[key], before[key], local[key]);
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
}

/**
 * Three-way merge, down to the fields of maps: what the local run changed since it last took over the committed file stays
 * (a key it added to `chitlaq:platform`, for one), all else follows the committed file.
 *
 * @param committed the committed file now.
 * @param base the committed file at the last merge; undefined at the first.
 * @param local the local run's file; undefined at the first.
 */
export function mergeStackFile(
  committed: StackFile,
  base: StackFile | undefined,
  local: StackFile | undefined,
): StackFile {
  const now = withoutSecrets(committed).config ?? {};
  if (local === undefined) return { config: now };
  const config = mergeMap(now, withoutSecrets(base ?? {}).config ?? {}, local.config ?? {});
  return { ...(local.encryptionsalt === undefined ? {} : { encryptionsalt: local.encryptionsalt }), config };
}
