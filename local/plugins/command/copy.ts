/** `command:remote:CopyToRemote`: a file, a text or a directory, copied over SFTP. */

import { createReadStream, readdirSync, statSync } from "node:fs";
import { basename, join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import type { SFTPWrapper, Stats } from "ssh2";
import { type Fault, anything, type ResourceDefinition, text } from "../core/spec.ts";
import { isObject, type Properties, type Value } from "../core/values.ts";
import type { CommandClient } from "./client.ts";
import { newId, triggers } from "./commands.ts";
import { connectionOf, connectionProperty } from "./connection.ts";
import { openShell } from "./ssh.ts";

/** How the engine marks values of its own kinds (sdk/go/common/resource/sig). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

type Source = { readonly kind: "text"; readonly text: string } | { readonly kind: "path"; readonly path: string };

const sourceOf = (value: Value | undefined): Source | undefined => {
  if (!isObject(value)) {
    return undefined;
  }
  if (typeof value.path === "string" && value.path !== "") {
    return { kind: "path", path: value.path };
  }
  return value[SIGNATURE] === ASSET && typeof value.text === "string" ? { kind: "text", text: value.text } : undefined;
};

const sourceFaults = ({ source }: Properties): readonly Fault[] => {
  const isKnown = isObject(source) && (source[SIGNATURE] === ASSET || source[SIGNATURE] === ARCHIVE);
  return isKnown && sourceOf(source) !== undefined
    ? []
    : [{ property: "source", reason: "source: a FileAsset, a StringAsset or a FileArchive with a path is needed" }];
};

const missing = 2; // SSH_FX_NO_SUCH_FILE (draft-ietf-secsh-filexfer-02)

class Remote {
  readonly #sftp: SFTPWrapper;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
  }

  stat(path: string): Promise<Stats | undefined> {
    return new Promise((resolve, reject) => {
      this.#sftp.stat(path, (failure, stats) => {
        if (failure === undefined) resolve(stats);
        else if ((failure as Error & { readonly code?: number }).code === missing) resolve(undefined);
        else reject(new Error(`${path}: ${failure.message}`));
      });
    });
  }

  /** Makes the directory and those above it; rejects when something else is in the way. */
  async directory(path: string): Promise<void> {
    const found = await this.stat(path);
    if (found?.isDirectory() === true) {
      return;
    }
    if (found !== undefined) {
      throw new Error(`remote path ${path} exists but is not a directory`);
    }
    await this.directory(posix.dirname(path));
    await new Promise<void>((resolve, reject) => {
      this.#sftp.mkdir(path, (failure) => {
        if (failure === undefined || failure === null) resolve();
        else reject(new Error(`${path}: ${failure.message}`));
      });
    });
  }

  async text(content: string, path: string): Promise<void> {
    await this.directory(posix.dirname(path));
    if ((await this.stat(path))?.isDirectory() === true) {
      throw new Error(`remote path ${path} is a directory; a text needs the path of a file`);
    }
    await pipeline([Buffer.from(content)], this.#sftp.createWriteStream(path));
  }

  async file(from: string, path: string): Promise<void> {
    const isDirectory = (await this.stat(path))?.isDirectory() === true;
    const target = isDirectory ? posix.join(path, basename(from)) : path;
    await this.directory(posix.dirname(target));
    await pipeline(createReadStream(from), this.#sftp.createWriteStream(target));
  }

  /** A trailing slash on the source means its content; without one the directory itself is copied, as rsync does. */
  async tree(from: string, path: string): Promise<void> {
    const target = from.endsWith("/") ? path : posix.join(path, basename(from));
    await this.directory(target);
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const source = join(from, entry.name);
      await (entry.isDirectory()
        ? this.tree(`${source}/`, posix.join(target, entry.name))
        : this.file(source, posix.join(target, entry.name)));
    }
  }
}

const copy = async ({ environment, signal }: CommandClient, inputs: Properties): Promise<void> => {
  const source = sourceOf(inputs.source);
  const path = String(inputs.remotePath);
  const shell = await openShell(connectionOf(inputs), environment, signal);
  try {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      shell.client.sftp((failure, opened) => (failure === undefined ? resolve(opened) : reject(failure)));
    });
    const remote = new Remote(sftp);
    if (source?.kind === "text") await remote.text(source.text, path);
    else if (source !== undefined && statSync(source.path).isDirectory()) await remote.tree(source.path, path);
    else if (source !== undefined) await remote.file(source.path, path);
  } finally {
    shell.close();
  }
};

export const copyToRemote: ResourceDefinition<CommandClient> = {
  token: "command:remote:CopyToRemote",
  properties: {
    connection: connectionProperty,
    source: anything("required"),
    remotePath: text("required"),
    triggers,
  },
  contradictions: sourceFaults,
  create: async (client, inputs, created) => {
    await copy(client, inputs);
    created(newId());
  },
  read: (_client, _id, known) => Promise.resolve(known.remotePath === undefined ? undefined : known),
  update: async (client, { inputs, changed }) => {
    if (changed("source") || changed("remotePath")) {
      await copy(client, inputs);
    }
  },
  failsWhole: true,
  // What was copied stays: the official plugin leaves it too.
  remove: () => Promise.resolve(),
};
