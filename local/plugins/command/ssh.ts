/** SSH connections, directly or through a jump host, repeated as the official plugin repeats them. */

import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import ssh2, { type Client, type ConnectConfig, type ParsedKey, type ServerHostKeyAlgorithm } from "ssh2";
import type { Environment } from "../core/spec.ts";
import type { Connection, Endpoint } from "./connection.ts";
import { dial, ForbiddenDestination } from "./dial.ts";

/** A connection that was described wrongly; another attempt would end the same way. */
class Misdescribed extends Error {}

export type Shell = { readonly client: Client; close(): void };

/** Words of one line, where quotes keep spaces together. */
const words = /(?:"(?:\\"|[^"])*"|[^\s"])+/g;

/** The first key among lines in the form of authorized_keys, with or without options (golang.org/x/crypto, ssh.ParseAuthorizedKey). */
const authorizedKey = (text: string): ParsedKey | undefined => {
  for (const line of text.split("\n")) {
    if (line.trim().startsWith("#")) continue;
    const [first = "", second = "", third = ""] = line.match(words) ?? [];
    for (const candidate of [`${first} ${second}`, `${second} ${third}`]) {
      const parsed = ssh2.utils.parseKey(candidate);
      if (!(parsed instanceof Error)) return parsed;
    }
  }
  return undefined;
};

const hostKeyOf = (endpoint: Endpoint, expected: string): ParsedKey => {
  const key = authorizedKey(expected);
  if (key === undefined) {
    throw new Misdescribed(`${endpoint.host}: hostKey is no public key in the form of authorized_keys`);
  }
  return key;
};

const credentials = (endpoint: Endpoint, environment: Environment): ConnectConfig => {
  const agent = endpoint.agentSocketPath ?? environment.SSH_AUTH_SOCK;
  return {
    username: endpoint.user,
    ...(endpoint.privateKey === undefined ? {} : { privateKey: endpoint.privateKey }),
    ...(endpoint.privateKeyPassword === undefined ? {} : { passphrase: endpoint.privateKeyPassword }),
    ...(endpoint.password === undefined ? {} : { password: endpoint.password, tryKeyboard: true }),
    ...(agent === undefined || agent === "" ? {} : { agent }),
  };
};

const verifier = (endpoint: Endpoint): ConnectConfig => {
  if (endpoint.hostKey === undefined) {
    return {};
  }
  const expected = hostKeyOf(endpoint, endpoint.hostKey);
  return {
    // The official plugin asks for keys of this type only, so that a server with several shows the one to compare.
    algorithms: { serverHostKey: [expected.type as ServerHostKeyAlgorithm] },
    hostVerifier: (key: Buffer) => key.equals(expected.getPublicSSH()),
  };
};

/** Logs in over `sock`, which belongs to the client from then on. */
const logIn = (endpoint: Endpoint, sock: Duplex, environment: Environment): Promise<Client> =>
  new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once("error", (failure) => {
      client.on("error", () => undefined);
      client.end();
      sock.destroy();
      reject(new Error(`${endpoint.user}@${endpoint.host}: ${failure.message}`));
    });
    client.once("ready", () => {
      client.removeAllListeners("error");
      client.on("error", () => undefined);
      resolve(client);
    });
    client.on("keyboard-interactive", (_name, _text, _language, prompts, answer) =>
      answer(prompts.map(() => endpoint.password ?? "")),
    );
    try {
      const config = { ...credentials(endpoint, environment), ...verifier(endpoint) };
      client.connect({ ...config, sock, readyTimeout: endpoint.dialTimeoutMs });
    } catch (failure) {
      // An unreadable private key; the message never holds any of it.
      sock.destroy();
      reject(new Misdescribed(`${endpoint.host}: ${failure instanceof Error ? failure.message : String(failure)}`));
    }
  });

const firstPauseMs = 100;
const pauseFactor = 1.5;
const longestPauseMs = 5000;

const inVain = (failure: unknown): boolean =>
  failure instanceof Misdescribed || failure instanceof ForbiddenDestination;

/** Repeats with growing pauses (sdk/go/common/util/retry) until it works or failed more often than the limit allows. */
const persistently = async <T>(limit: number, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> => {
  let wait = firstPauseMs;
  for (let failed = 1; ; failed += 1) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (failure) {
      if (inVain(failure)) {
        throw failure;
      }
      if (limit >= 0 && failed > limit) {
        const reason = failure instanceof Error ? failure.message : String(failure);
        throw new Error(`after ${failed} failed attempts: ${reason}`, { cause: failure });
      }
      await pause(wait, undefined, { signal });
      wait = Math.min(wait * pauseFactor, longestPauseMs);
    }
  }
};

const forward = (jump: Client, { host, port }: Endpoint): Promise<Duplex> =>
  new Promise((resolve, reject) => {
    jump.forwardOut("127.0.0.1", 0, host, port, (failure, channel) => {
      if (failure === undefined) {
        resolve(channel);
      } else {
        reject(new Error(`${host}:${port} from the jump host: ${failure.message}`));
      }
    });
  });

/**
 * Connects and logs in. As in the official plugin the way through a jump host is repeated, but not the login at its end,
 * which would go over a connection that is already spent.
 */
export const openShell = async (
  connection: Connection,
  environment: Environment,
  signal: AbortSignal,
): Promise<Shell> => {
  const { proxy } = connection;
  const direct = (endpoint: Endpoint): Promise<Client> =>
    persistently(endpoint.dialErrorLimit, signal, async () =>
      logIn(endpoint, await dial(environment, endpoint, endpoint.dialTimeoutMs), environment),
    );
  if (proxy === undefined) {
    const client = await direct(connection);
    return { client, close: () => client.end() };
  }
  const jump = await direct(proxy);
  try {
    const channel = await persistently(connection.dialErrorLimit, signal, () => forward(jump, connection));
    const client = await logIn(connection, channel, environment);
    return {
      client,
      close: () => {
        client.end();
        jump.end();
      },
    };
  } catch (failure) {
    jump.end();
    throw failure;
  }
};
