import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, runAt } from "./access.ts";
import { isHostName } from "./agents/names.ts";
import { ensureGroups } from "./cgroup.ts";
import { type EnvironmentState, namesFolder } from "./state.ts";

/** A host of the internet of the local cloud: addresses that whoever serves there may bind or send from, and its names. */
export type InternetHost = { readonly addresses: readonly string[]; readonly names: readonly string[] };

const editAddresses = async (
  environment: EnvironmentState,
  verb: "replace" | "del",
  addresses: readonly string[],
): Promise<void> => {
  for (const address of addresses) {
    const { code, stderr } = await runAt(environment, "internet", [
      "ip",
      "address",
      verb,
      `${address}/32`,
      "dev",
      "cloud",
    ]);
    const wasGone = verb === "del" && /Cannot assign|not found/.test(stderr);
    if (code !== 0 && !wasGone) throw new Error(`internet address ${address}: ${stderr.trim()}`);
  }
};

/**
 * Puts a host into the internet: the namespace gets its addresses, and the resolvers that servers use know its names (the first
 * address). Processes that serve there are the caller's, started by {@link commandInInternet}. Adding it again changes nothing.
 */
export const addInternetHost = async (environment: EnvironmentState, host: InternetHost): Promise<void> => {
  const [first] = host.addresses;
  const wrong = host.names.filter((name) => !isHostName(name));
  if (first === undefined || wrong.length > 0) {
    throw new Error(`internet host: needs an address and names like s3.example.com; given ${JSON.stringify(host)}`);
  }
  await editAddresses(environment, "replace", host.addresses);
  const folder = namesFolder(environment);
  mkdirSync(folder, { recursive: true });
  for (const name of host.names) writeFileSync(join(folder, name), `${first}\n`);
};

/** Takes a host out of the internet again; one that is not there is no error. */
export const removeInternetHost = async (environment: EnvironmentState, host: InternetHost): Promise<void> => {
  for (const name of host.names.filter(isHostName)) rmSync(join(namesFolder(environment), name), { force: true });
  await editAddresses(environment, "del", host.addresses);
};

/**
 * The command line that runs a program of the host with the network of the internet, e.g. a server for {@link addInternetHost}.
 * What it starts ends with the environment at the latest.
 */
export const commandInInternet = (environment: EnvironmentState, command: readonly string[]): Command => [
  "sh",
  [
    join(import.meta.dirname, "enter.sh"),
    ...ensureGroups(environment.id, "internet"),
    "--",
    "nsenter",
    `--net=/run/netns/${environment.internet}`,
    ...command,
  ],
];
