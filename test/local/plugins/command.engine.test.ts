import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import type { CloudEndpoints } from "../../../cli/local/cloud.ts";
import { createSshKey } from "../../../cli/secrets/keys.ts";
import { createProject, type PulumiProject } from "../../support/pulumi.ts";
import { type SshServer, sshdMissing, startSshd } from "../../support/sshd.ts";

const skip = sshdMissing();

/** Nothing here talks to an API. */
const nowhere = { endpoint: "http://127.0.0.1:9/v1", token: "x".repeat(64) };
const endpoints: CloudEndpoints = {
  pid: process.pid,
  startedAt: "",
  machines: false,
  hetzner: nowhere,
  cloudflare: nowhere,
};

const secret = "xyzzy-plugh-8472";

/** One command and one copy, with what they say in files that the test changes. */
const program = `
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as command from "@pulumi/command";
const said = JSON.parse(readFileSync(new URL("./said.json", import.meta.url), "utf8"));
const connection = { ...said.connection, privateKey: pulumi.secret(said.connection.privateKey) };
const copy = new command.remote.CopyToRemote("text", {
  connection, remotePath: said.folder + "/text", source: new pulumi.asset.StringAsset(said.text),
});
const run = new command.remote.Command("run", {
  connection,
  create: "cat >> " + said.folder + "/log; echo made",
  update: said.update ?? "cat >> " + said.folder + "/log; echo changed after $PULUMI_COMMAND_STDOUT",
  delete: "echo gone >> " + said.folder + "/log",
  stdin: pulumi.secret(said.stdin),
  triggers: said.triggers,
  logging: "none",
}, { dependsOn: [copy], additionalSecretOutputs: ["stdin"] });
export const stdout = run.stdout;
`;

type Setting = {
  readonly project: PulumiProject;
  readonly folder: string;
  readonly say: (changes: object) => void;
  readonly log: () => readonly string[];
};

const setUp = async (t: TestContext, server: SshServer): Promise<Setting> => {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-command-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const project = await createProject(t, { cloud: { endpoints }, program: { source: program } });
  const { port, user, privateKey } = server;
  const connection = { host: "127.0.0.1", port, user, privateKey, dialErrorLimit: 0 };
  let said: object = { folder, connection, text: "first\n", stdin: `one ${secret}\n`, triggers: ["a"] };
  const say = (changes: object): void => {
    said = { ...said, ...changes };
    writeFileSync(join(project.instance.projectDir, "said.json"), JSON.stringify(said));
  };
  say({});
  return { project, folder, say, log: () => readFileSync(join(folder, "log"), "utf8").trim().split("\n") };
};

it("lives as the official plugin's: create, nothing to do, update, replace, delete", { skip }, async (t) => {
  const server = await startSshd(t, { config: ["AcceptEnv PULUMI_*"] });
  const { project, folder, say, log } = await setUp(t, server);
  const text = (): string => readFileSync(join(folder, "text"), "utf8");

  await project.up();
  assert.equal(text(), "first\n");
  assert.deepEqual(log(), [`one ${secret}`]);
  assert.deepEqual(await project.outputs({ showSecrets: true }), { stdout: "made" });

  const before = server.logins();
  await project.up({ args: ["--expect-no-changes"] });
  assert.equal(server.logins(), before, "nothing to do, so nobody logs in");

  say({ stdin: `two ${secret}\n`, text: "second\n" });
  await project.up();
  assert.equal(text(), "second\n");
  assert.deepEqual(log(), [`one ${secret}`, `two ${secret}`]);
  assert.deepEqual(await project.outputs({ showSecrets: true }), { stdout: "changed after made" });

  say({ triggers: ["b"] });
  const replaced = await project.preview();
  assert.match(JSON.stringify(replaced), /"replace"/);
  await project.up();
  assert.deepEqual(log().slice(2), [`two ${secret}`, "gone"], "the new one is made before the old one goes");
  assert.deepEqual(await project.outputs({ showSecrets: true }), { stdout: "made" });

  await project.destroy();
  assert.equal(log().at(-1), "gone");
  assert.equal(text(), "second\n", "what was copied stays");
});

it("keeps what is secret out of state, logs and output, also when a command fails", { skip }, async (t) => {
  const { project, say, log } = await setUp(t, await startSshd(t));
  await project.up();
  say({ stdin: `two ${secret}\n`, update: "cat > /dev/null; echo it went wrong; exit 7" });
  const failed = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
  assert.notEqual(failed.code, 0);
  const everything = failed.stdout + failed.stderr;
  assert.match(everything, /Process exited with status 7/);
  assert.match(everything, /it went wrong/);
  assert.ok(!everything.includes(secret), "the standard input is shown");
  const files = readdirSync(project.instance.backendDir, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  assert.ok(files.length > 0);
  for (const file of files) {
    const content = readFileSync(join(file.parentPath, file.name), "utf8");
    assert.ok(!content.includes(secret), `${file.name} holds the standard input`);
    assert.ok(!content.includes("BEGIN OPENSSH"), `${file.name} holds the private key`);
  }
  // The failed change was not taken as made: the next run makes it.
  say({ update: undefined });
  await project.up();
  assert.deepEqual(log(), [`one ${secret}`, `two ${secret}`]);
});

it("hands nothing to a server that shows another host key than the expected one", { skip }, async (t) => {
  const server = await startSshd(t);
  const { project, folder, say, log } = await setUp(t, server);
  const { port, user, privateKey } = server;
  const connection = { host: "127.0.0.1", port, user, privateKey, dialErrorLimit: 0 };
  say({ connection: { ...connection, hostKey: createSshKey("other").publicKey } });
  const refused = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stdout, /127\.0\.0\.1: Host denied \(verification failed\)/);
  assert.deepEqual([readdirSync(folder), server.logins()], [[], 0]);
  say({ connection: { ...connection, hostKey: server.hostKey } });
  await project.up();
  assert.deepEqual(log(), [`one ${secret}`]);
  const before = server.logins();
  await project.up({ args: ["--expect-no-changes"] });
  assert.equal(server.logins(), before);
});

it("says what it is, and refuses a machine that is not local", { skip }, async (t) => {
  const server = await startSshd(t);
  const { project, say } = await setUp(t, server);
  const { user, privateKey } = server;
  say({ connection: { host: "203.0.113.9", user, privateKey } });
  const refused = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stdout, /command: stand-in plugin of this repository/);
  assert.match(refused.stdout, /203\.0\.113\.9: a stand-in plugin connects to loopback/);
});
