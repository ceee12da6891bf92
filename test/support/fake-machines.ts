/**
 * Machines that only take notes: an SSH server for every address of a local cloud, behind the socket a real one would have.
 * It proves what is sent where and in which order; what a machine does with it is for booted ones to show.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import ssh2, { type Connection, type Server, type Session, type SFTPWrapper } from "ssh2";
import { createSshKey } from "../../cli/secrets/keys.ts";

export type Note =
  | { readonly kind: "copy"; readonly host: string; readonly path: string; readonly text: string }
  | { readonly kind: "run"; readonly host: string; readonly command: string; readonly stdin: string };

export type FakeMachines = {
  /** For `CHITLAQ_LOCAL_DIAL`. */
  readonly socket: string;
  /** Everything so far, in the order in which it ended. */
  readonly notes: () => readonly Note[];
  readonly forget: () => void;
  /** Commands on this address end with 1 from now on; null lifts that. */
  readonly failAt: (host: string | null) => void;
  /** Gives this address another host key, as a machine has that was rebuilt: it is not in service, nor is anything on it. */
  readonly rebuild: (host: string) => void;
  /** Public host key of this address. */
  readonly hostKeyOf: (host: string) => string;
  /** Addresses that were dialled from outside; the others were reached through a jump host. */
  readonly dialled: () => ReadonlySet<string>;
};

class Machine {
  /** Set once secrets were delivered. */
  #inService: boolean = false;
  readonly server: Server;
  readonly hostKey: string;
  readonly #host: string;
  readonly #note: (note: Note) => void;
  readonly #fails: () => boolean;

  constructor(
    host: string,
    hostKey: { readonly privateKey: string; readonly publicKey: string },
    note: (note: Note) => void,
    fails: () => boolean,
    forward: (host: string, stream: Duplex) => void,
  ) {
    this.#host = host;
    this.#note = note;
    this.#fails = fails;
    this.hostKey = hostKey.publicKey.split(" ").slice(0, 2).join(" ");
    this.server = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, (client) => this.#serve(client, forward));
  }

  #serve(client: Connection, forward: (host: string, stream: Duplex) => void): void {
    client.on("error", () => undefined);
    client.on("authentication", (login) =>
      login.method === "publickey" ? login.accept() : login.reject(["publickey"]),
    );
    client.on("tcpip", (accept, _reject, { destIP }) => forward(destIP, accept()));
    client.on("session", (accept) => this.#session(accept()));
  }

  #session(session: Session): void {
    session.on("exec", (accept, _reject, { command }) => {
      const channel = accept();
      void text(channel).then((stdin) => {
        // As on a real one, what is for new machines only does nothing on a machine in service.
        if (this.#inService && command.startsWith("[ ! -e /var/lib/chitlaq/activated ] || exit 0")) {
          channel.exit(0);
          channel.end();
          return;
        }
        const failed = this.#fails();
        this.#inService ||= !failed && stdin !== "";
        this.#note({ kind: "run", host: this.#host, command, stdin });
        channel.write(command.includes("/etc/ssh/ssh_host_ed25519_key.pub") ? `${this.hostKey}\n` : "");
        channel.stderr.write(failed ? "it did not work\n" : "");
        channel.exit(failed ? 1 : 0);
        channel.end();
      });
    });
    session.on("sftp", (accept) => this.#files(accept()));
  }

  /** As much of SFTP as writing one file into a folder that exists takes. */
  #files(sftp: SFTPWrapper): void {
    const { OK, NO_SUCH_FILE } = ssh2.utils.sftp.STATUS_CODE;
    const chunks: Buffer[] = [];
    let path = "";
    sftp.on("STAT", (id, asked) => {
      if (/\.(sh|gz)$/.test(asked)) sftp.status(id, NO_SUCH_FILE);
      else sftp.attrs(id, { mode: 0o040755, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 });
    });
    sftp.on("OPEN", (id, opened) => {
      path = opened;
      sftp.handle(id, Buffer.from([1]));
    });
    sftp.on("FSETSTAT", (id) => sftp.status(id, OK));
    sftp.on("FSTAT", (id) => sftp.attrs(id, { mode: 0o100600, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 }));
    sftp.on("WRITE", (id, _handle, offset, data) => {
      chunks[offset] = Buffer.from(data);
      sftp.status(id, OK);
    });
    sftp.on("CLOSE", (id) => {
      const content = Buffer.concat(Object.values(chunks)).toString();
      this.#note({ kind: "copy", host: this.#host, path, text: content });
      sftp.status(id, OK);
    });
  }
}

/** Starts the notes; everything ends with the test. */
export async function startFakeMachines(t: Pick<TestContext, "after">): Promise<FakeMachines> {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-fake-"));
  const machines = new Map<string, Machine>();
  const dialled = new Set<string>();
  const sockets = new Set<Socket>();
  let notes: Note[] = [];
  let failing: string | null = null;
  const machineAt = (host: string): Machine => {
    const known = machines.get(host);
    if (known !== undefined) return known;
    const machine = new Machine(
      host,
      createSshKey("host"),
      (note) => notes.push(note),
      () => failing === host,
      (to, stream) => serverOf(to).injectSocket(stream as Socket),
    );
    machines.set(host, machine);
    return machine;
  };
  const serverOf = (host: string): Server => machineAt(host).server;
  const entrance = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", (line) => {
      const { host } = JSON.parse(line.toString()) as { readonly host: string };
      dialled.add(host);
      socket.write("ok\n");
      serverOf(host).injectSocket(socket);
    });
  });
  const socket = join(folder, "dial.sock");
  await new Promise<void>((resolve) => entrance.listen(socket, resolve));
  t.after(() => {
    for (const open of sockets) open.destroy();
    entrance.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    socket,
    notes: () => notes,
    forget: () => {
      notes = [];
      dialled.clear();
    },
    failAt: (host) => {
      failing = host;
    },
    rebuild: (host) => void machines.delete(host),
    hostKeyOf: (host) => machineAt(host).hostKey,
    dialled: () => dialled,
  };
}
