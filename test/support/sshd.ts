/** OpenSSH's own server on a free loopback port, with keys of its own. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createSshKey } from "../../cli/secrets/keys.ts";

const sshd = "/usr/sbin/sshd";

/** Why a test that needs the server cannot run here, or false. */
export const sshdMissing = (): string | false =>
  existsSync(sshd) ? false : `no ${sshd}; apt-get install openssh-server`;

export type SshServer = {
  readonly port: number;
  readonly user: string;
  /** Private key that may log in. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** Public key of the server. */
  readonly hostKey: string;
  /** Addresses and ports that clients asked this server to connect to, in order. */
  readonly forwards: () => readonly string[];
  /** Logins so far. */
  readonly logins: () => number;
};

export type SshServerOptions = {
  /** Lines of sshd_config. */
  readonly config?: readonly string[];
  /** So many connections are dropped before the first one is served. */
  readonly dropFirst?: number;
};

/** The server needs this folder when it starts as root; packages make it at boot. */
const prepareHost = (): void => {
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
};

const configuration = (folder: string, extra: readonly string[]): string =>
  [
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "LogLevel DEBUG1",
    "Subsystem sftp internal-sftp",
    ...extra,
    "",
  ].join("\n");

/** Starts the server; it and all it started end with the test. */
export async function startSshd(t: Pick<TestContext, "after">, options: SshServerOptions = {}): Promise<SshServer> {
  prepareHost();
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-sshd-"));
  const host = createSshKey("host");
  const client = createSshKey("test");
  const config = join(folder, "sshd_config");
  writeFileSync(join(folder, "host_key"), host.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "authorized_keys"), `${client.publicKey}\n`, { mode: 0o600 });
  writeFileSync(config, configuration(folder, options.config ?? []));
  const checked = spawnSync(sshd, ["-t", "-f", config], { encoding: "utf8" });
  if (checked.status !== 0) throw new Error(`sshd -t: ${checked.stderr}`);
  const log = join(folder, "log");
  const lines = (): string => (existsSync(log) ? readFileSync(log, "utf8") : "");
  let toDrop = options.dropFirst ?? 0;
  const sockets = new Set<Socket>();
  // One server per connection, on a socket that is ours: no port to guess and no daemon to stop.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (toDrop > 0) {
      toDrop -= 1;
      socket.destroy();
      return;
    }
    sockets.add(socket);
    const child = spawn(sshd, ["-i", "-E", log, "-f", config], { stdio: [socket, socket, "ignore"] });
    child.once("exit", () => {
      sockets.delete(socket);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    // One that was hung up on may still write its log.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return {
    port: (server.address() as AddressInfo).port,
    user: userInfo().username,
    privateKey: client.privateKey,
    publicKey: client.publicKey,
    hostKey: host.publicKey,
    forwards: () =>
      [...lines().matchAll(/server_request_direct_tcpip: .* target (\S+) port (\d+)/g)].map(
        ([, to, on]) => `${to}:${on}`,
      ),
    logins: () => [...lines().matchAll(/^Accepted publickey/gm)].length,
  };
}
