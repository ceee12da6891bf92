import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { CommandClient, Job } from "../../../local/plugins/command/client.ts";
import { copyToRemote } from "../../../local/plugins/command/copy.ts";
import { DIAL_VARIABLE } from "../../../local/plugins/command/dial.ts";
import { runHere } from "../../../local/plugins/command/here.ts";
import { runRemotely } from "../../../local/plugins/command/remote.ts";
import { checkInputs } from "../../../local/plugins/core/check.ts";
import type { Properties } from "../../../local/plugins/core/values.ts";
import { type SshServer, type SshServerOptions, sshdMissing, startSshd } from "../../support/sshd.ts";

const skip = sshdMissing();

const clientWith = (environment: Readonly<Record<string, string>> = {}) => {
  const shown: string[] = [];
  const client: CommandClient = {
    environment,
    signal: new AbortController().signal,
    show: (line) => shown.push(line),
    outputs: new Map(),
  };
  return { client, shown };
};

const loginAt = ({ port, user, privateKey }: SshServer): Properties => ({
  host: "127.0.0.1",
  port,
  user,
  privateKey,
  dialErrorLimit: 0,
});

const job = (command: string, more: Partial<Job> = {}): Job => ({
  command,
  environment: {},
  stdin: "",
  logging: "none",
  ...more,
});

const folderOf = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-command-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** A way to the port on which answers arrive together, a few times a second. */
const collecting = async (t: TestContext, port: number): Promise<number> => {
  const way = createServer((socket) => {
    const far = connect(port, "127.0.0.1");
    let waiting: Buffer[] = [];
    const timer = setInterval(() => {
      if (waiting.length > 0) socket.write(Buffer.concat(waiting));
      waiting = [];
    }, 150);
    far.on("data", (data: Buffer) => void waiting.push(data));
    far.on("error", () => socket.destroy()).on("close", () => socket.end(Buffer.concat(waiting)));
    socket.on("data", (data) => far.write(data));
    socket
      .on("error", () => far.destroy())
      .on("close", () => {
        clearInterval(timer);
        far.destroy();
      });
  });
  way.listen(0, "127.0.0.1");
  await once(way, "listening");
  t.after(() => way.close());
  const address = way.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
};

describe("a remote command", { skip }, () => {
  it("gets its standard input, and its output comes back without the last line break", async (t) => {
    const server = await startSshd(t);
    const { client } = clientWith();
    const connection = loginAt(server);
    const printed = await runRemotely(client, { connection }, job("cat; echo to-stderr >&2", { stdin: "a\nb\n" }));
    assert.equal(printed.stdout, "a\nb");
    assert.equal(printed.stderr, "to-stderr");
  });

  it("shows the lines of the streams it is told to show, and no others", async (t) => {
    const server = await startSshd(t);
    for (const [logging, expected] of [
      ["stdout", ["out 1", "out 2"]],
      ["stderr", ["err"]],
      ["none", []],
    ] as const) {
      const { client, shown } = clientWith();
      const command = "echo out 1; echo err >&2; printf 'out 2'";
      await runRemotely(client, { connection: loginAt(server) }, job(command, { logging }));
      assert.deepEqual(shown, expected);
    }
  });

  it("fails with its status and everything it printed", async (t) => {
    const server = await startSshd(t);
    const { client } = clientWith();
    await assert.rejects(
      runRemotely(client, { connection: loginAt(server) }, job("echo half; echo broken >&2; exit 3")),
      /^Error: Process exited with status 3: running "echo half.*":\n(half\nbroken|broken\nhalf)/,
    );
    await assert.rejects(
      runRemotely(client, { connection: loginAt(server) }, job("kill -9 $$")),
      /Process exited with status 128 from signal KILL/,
    );
  });

  it("is told apart from a lost one when it ends before anybody looks: start and end come in one packet", async (t) => {
    const server = await startSshd(t);
    const { client } = clientWith();
    const port = await collecting(t, server.port);
    const connection = { ...loginAt(server), port };
    await runRemotely(client, { connection }, job("exit 0", { stdin: "nobody reads this" }));
    await assert.rejects(runRemotely(client, { connection }, job("exit 3")), /Process exited with status 3/);
  });

  it("gets variables the server accepts, and refuses to run without one it does not", async (t) => {
    const server = await startSshd(t, { config: ["AcceptEnv GREETING"] });
    const { client } = clientWith();
    const inputs = { connection: loginAt(server) };
    const told = await runRemotely(client, inputs, job("echo $GREETING", { environment: { GREETING: "good day" } }));
    assert.equal(told.stdout, "good day");
    const marker = join(folderOf(t), "ran");
    await assert.rejects(
      runRemotely(client, inputs, job(`touch ${marker}`, { environment: { OTHER: "x" } })),
      /could not set environment variable OTHER.*AcceptEnv/,
    );
    assert.throws(() => readFileSync(marker), /ENOENT/);
  });

  it("goes through a jump host when it has one", async (t) => {
    const [jump, target] = [await startSshd(t), await startSshd(t)];
    const { client } = clientWith();
    const connection = { ...loginAt(target), proxy: loginAt(jump) };
    const printed = await runRemotely(client, { connection }, job("echo there"));
    assert.equal(printed.stdout, "there");
    assert.deepEqual(jump.forwards(), [`127.0.0.1:${target.port}`]);
    assert.deepEqual([jump.logins(), target.logins()], [1, 1]);
  });
});

describe("a connection", { skip }, () => {
  const attempt = async (server: SshServer, changes: Properties, environment = {}) => {
    const { client } = clientWith(environment);
    return await runRemotely(client, { connection: { ...loginAt(server), ...changes } }, job("echo in"));
  };

  it("is tried again while the server does not answer, up to the limit", async (t) => {
    const options: SshServerOptions = { dropFirst: 2 };
    assert.equal((await attempt(await startSshd(t, options), { dialErrorLimit: 2 })).stdout, "in");
    await assert.rejects(attempt(await startSshd(t, options), { dialErrorLimit: 1 }), /after 2 failed attempts/);
  });

  it("is refused by a server with another host key than the expected one, and nothing is sent there", async (t) => {
    const [server, other] = [await startSshd(t), await startSshd(t)];
    assert.equal((await attempt(server, { hostKey: server.hostKey })).stdout, "in");
    await assert.rejects(
      attempt(server, { hostKey: other.hostKey }),
      /127\.0\.0\.1: Host denied \(verification failed\)/,
    );
    assert.equal(server.logins(), 1);
  });

  it("is refused by a jump host with another host key, before anything goes through it", async (t) => {
    const [jump, target] = [await startSshd(t), await startSshd(t)];
    const through = (hostKey: string) =>
      attempt(target, { hostKey: target.hostKey, proxy: { ...loginAt(jump), hostKey } });
    assert.equal((await through(jump.hostKey)).stdout, "in");
    await assert.rejects(through(target.hostKey), /verification failed/);
    assert.deepEqual([jump.logins(), jump.forwards().length, target.logins()], [1, 1, 1]);
    await assert.rejects(attempt(target, { hostKey: jump.hostKey, proxy: loginAt(jump) }), /verification failed/);
    assert.equal(target.logins(), 1);
  });

  it("asks a server that has several keys for one of the expected type", async (t) => {
    const folder = folderOf(t);
    const made = spawnSync("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", join(folder, "ecdsa")]);
    assert.equal(made.status, 0);
    const server = await startSshd(t, { config: [`HostKey ${join(folder, "ecdsa")}`] });
    const ecdsa = readFileSync(join(folder, "ecdsa.pub"), "utf8");
    assert.equal((await attempt(server, { hostKey: ecdsa })).stdout, "in");
    assert.equal((await attempt(server, { hostKey: server.hostKey })).stdout, "in");
    await assert.rejects(attempt(await startSshd(t), { hostKey: ecdsa }), /no matching host key format/);
  });

  it("takes an expected host key as authorized_keys has it, and nothing else", async (t) => {
    const server = await startSshd(t);
    const bare = server.hostKey.split(" ").slice(0, 2).join(" ");
    for (const hostKey of [bare, `${bare} a comment`, `# known\n\n${bare}\n`, `command="say \\"no\\" now" ${bare}`]) {
      assert.equal((await attempt(server, { hostKey })).stdout, "in", hostKey);
    }
    for (const hostKey of ["", "SHA256:abc", bare.split(" ")[1] ?? "", server.privateKey]) {
      await assert.rejects(attempt(server, { hostKey }), /hostKey is no public key in the form of authorized_keys/);
    }
  });

  it("needs a key the server knows, and never shows one that it cannot read", async (t) => {
    const [server, other] = [await startSshd(t), await startSshd(t)];
    await assert.rejects(attempt(server, { privateKey: other.privateKey }), /authentication methods failed/);
    const broken = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----";
    await assert.rejects(attempt(server, { privateKey: broken }), (error: Error) => {
      assert.match(error.message, /privateKey/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });

  it("goes nowhere but to loopback without a local cloud", async (t) => {
    const server = await startSshd(t);
    await assert.rejects(
      attempt(server, { host: "203.0.113.9" }),
      /203\.0\.113\.9: a stand-in plugin connects to loopback/,
    );
    const { client } = clientWith();
    const connection = { ...loginAt(server), host: "203.0.113.9", proxy: { ...loginAt(server), host: "203.0.113.8" } };
    await assert.rejects(runRemotely(client, { connection }, job("true")), /203\.0\.113\.8: a stand-in/);
  });

  it("goes through the local cloud's socket when there is one, whatever the address", async (t) => {
    const server = await startSshd(t);
    const socket = join(folderOf(t), "dial");
    const asked: unknown[] = [];
    const entrance = createServer((from) => {
      from.once("data", (line) => {
        asked.push(JSON.parse(line.toString()));
        const to = connect(server.port, "127.0.0.1", () => {
          from.write("ok\n");
          from.pipe(to).pipe(from);
        });
      });
    });
    await new Promise<void>((resolve) => entrance.listen(socket, resolve));
    t.after(() => entrance.close());
    const printed = await attempt(server, { host: "203.0.113.9", port: 22 }, { [DIAL_VARIABLE]: socket });
    assert.equal(printed.stdout, "in");
    assert.deepEqual(asked, [{ host: "203.0.113.9", port: 22 }]);
  });
});

describe("a copy", { skip }, () => {
  const signature = "4dabf18193072939515e22adb298388d";
  const textAsset = (text: string): Properties => ({
    [signature]: "c44067f5952c0a294b673a41bacd8c17",
    text,
    hash: text,
  });
  const pathAsset = (path: string): Properties => ({ [signature]: "c44067f5952c0a294b673a41bacd8c17", path });
  const archive = (path: string): Properties => ({ [signature]: "0def7320c3a5731c473e5ecbe6d01bc7", path });

  const copyTo = async (t: TestContext, source: Properties, remotePath: string): Promise<void> => {
    const { client } = clientWith();
    const connection = loginAt(await startSshd(t));
    let id = "";
    await copyToRemote.create(client, { connection, source, remotePath }, (given) => {
      id = given;
    });
    assert.match(id, /^[0-9a-f]{8}$/);
  };

  it("writes a text to a file, and makes the folders above it", async (t) => {
    const folder = folderOf(t);
    const long = "line\n".repeat(40_000);
    await copyTo(t, textAsset(long), join(folder, "a/b/c.txt"));
    assert.equal(readFileSync(join(folder, "a/b/c.txt"), "utf8"), long);
  });

  it("puts a file into a directory that exists, and a text nowhere but into a file", async (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, "from"), "x");
    mkdirSync(join(folder, "to"));
    await copyTo(t, pathAsset(join(folder, "from")), join(folder, "to"));
    assert.equal(readFileSync(join(folder, "to/from"), "utf8"), "x");
    await assert.rejects(
      copyTo(t, textAsset("y"), join(folder, "to")),
      /is a directory; a text needs the path of a file/,
    );
  });

  it("copies a directory with its name, or its content after a trailing slash", async (t) => {
    const folder = folderOf(t);
    mkdirSync(join(folder, "tree/deep"), { recursive: true });
    writeFileSync(join(folder, "tree/deep/leaf"), "z");
    await copyTo(t, archive(join(folder, "tree")), join(folder, "whole"));
    await copyTo(t, archive(`${join(folder, "tree")}/`), join(folder, "content"));
    assert.equal(readFileSync(join(folder, "whole/tree/deep/leaf"), "utf8"), "z");
    assert.equal(readFileSync(join(folder, "content/deep/leaf"), "utf8"), "z");
  });

  it("is refused without a source it can read", () => {
    const { properties, contradictions } = copyToRemote;
    const check = (source: Properties) =>
      checkInputs(properties, contradictions, {
        olds: {},
        news: { connection: { host: "127.0.0.1" }, remotePath: "/x", source },
        recordDefaults: false,
      }).faults.map(({ property }) => property);
    assert.deepEqual(check({ [signature]: "c44067f5952c0a294b673a41bacd8c17", uri: "https://example.com" }), [
      "source",
    ]);
    assert.deepEqual(check(textAsset("t")), []);
    assert.deepEqual(check(archive("/tmp")), []);
  });
});

describe("a local command", () => {
  it("runs with its interpreter, folder, variables and input", async (t) => {
    const folder = folderOf(t);
    const { client } = clientWith({ PATH: process.env.PATH ?? "" });
    const inputs = { interpreter: ["/bin/bash", "-c"], dir: folder };
    const printed = await runHere(
      client,
      inputs,
      job("[[ $PWD == */chitlaq-command-* ]] && cat && echo $WHO", { stdin: "in ", environment: { WHO: "me" } }),
    );
    assert.equal(printed.stdout, "in me");
  });

  it("fails with its status and what it printed", async () => {
    const { client } = clientWith();
    await assert.rejects(
      runHere(client, {}, job("echo why; exit 4")),
      /exit status 4: running "echo why; exit 4":\nwhy/,
    );
  });
});
