/** The environment in which an engine meets the local cloud and nothing else. */
import { delimiter, dirname } from "node:path";
import { pathToFileURL } from "node:url";

export type Endpoints = {
  readonly hetzner: { readonly endpoint: string; readonly token: string };
  readonly cloudflare: { readonly endpoint: string; readonly token: string };
};

export type EnvironmentInput = {
  readonly endpoints: Endpoints;
  readonly pulumi: string;
  readonly pulumiHome: string;
  readonly backendDir: string;
  readonly passphrase: string;
  /** Socket that leads into the network of the local cloud's machines; undefined when it has none. */
  readonly dialSocket?: string | undefined;
};

/**
 * Variables of the person's own set-up that would lead a local run to a real account, another backend or another
 * engine; all of them are dropped.
 */
const foreign = /^(PULUMI|HCLOUD|CLOUDFLARE|CF)_|^(SSH_AUTH_SOCK|CHITLAQ_LOCAL_DIAL)$/;

export function withoutForeign(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && !foreign.test(name)) kept[name] = value;
  return kept;
}

/**
 * The stacks' states as files. Beside each one the backend would keep a file of attributes, which it does not write in one
 * piece: an engine killed between its two steps leaves an empty one, and the state cannot be read any more ("failed to load
 * checkpoint: EOF"; `setAttrs` of gocloud.dev/blob/fileblob 0.46.0).
 */
const backendUrl = (folder: string): string => `${pathToFileURL(folder).href}?metadata=skip`;

/** What a person has to export to work against the local cloud with their own tools. */
export function localExports(input: EnvironmentInput): Readonly<Record<string, string>> {
  const { hetzner, cloudflare } = input.endpoints;
  return {
    HCLOUD_ENDPOINT: hetzner.endpoint,
    HCLOUD_TOKEN: hetzner.token,
    CLOUDFLARE_BASE_URL: cloudflare.endpoint,
    CLOUDFLARE_API_TOKEN: cloudflare.token,
    PULUMI_HOME: input.pulumiHome,
    PULUMI_BACKEND_URL: backendUrl(input.backendDir),
    PULUMI_CONFIG_PASSPHRASE: input.passphrase,
    // A missing plugin must be an error at once; the engine would search the network for seconds on every run.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The stand-in command plugin reaches the machines' addresses through it.
    ...(input.dialSocket === undefined ? {} : { CHITLAQ_LOCAL_DIAL: input.dialSocket }),
  };
}

/** Folders that must come first on PATH: the engine, and the Node that the official language host is to run. */
export function pathPrefix(pulumi: string): readonly string[] {
  return [dirname(pulumi), dirname(process.execPath)];
}

/** Complete environment of an engine that we start. */
export function engineEnvironment(input: EnvironmentInput, env: NodeJS.ProcessEnv): Record<string, string> {
  const path = [...pathPrefix(input.pulumi), env.PATH ?? ""].join(delimiter);
  return { ...withoutForeign(env), ...localExports(input), PATH: path };
}
