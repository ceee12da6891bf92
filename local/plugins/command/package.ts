/** The stand-in for `pulumi-resource-command` 1.2. */

import type { PackageDefinition } from "../core/spec.ts";
import type { CommandClient } from "./client.ts";
import { localCommand, remoteCommand } from "./commands.ts";
import { copyToRemote } from "./copy.ts";

/** `announce` shows a line to the person who runs the engine. */
export const commandPackage = (announce: (message: string) => Promise<void>): PackageDefinition<CommandClient> => ({
  name: "command",
  settings: {},
  // It never was a Terraform provider: no defaults are written into inputs, and nothing has a name to make up.
  bridge: () => "framework",
  settingFaults: () => [],
  connect: (_settings, environment, signal) => ({
    environment,
    signal,
    show: (line) => void announce(line),
    outputs: new Map(),
  }),
  resources: [remoteCommand, copyToRemote, localCommand],
  functions: [],
});
