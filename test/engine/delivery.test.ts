import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import type { Secrets } from "../../cli/secrets/context.ts";
import { signAtCloudflare } from "../../cli/secrets/originCa.ts";
import { SecretStore } from "../../cli/secrets/store.ts";
import { initSecrets, secretsRotate } from "../../cli/secrets/verbs.ts";
import { wantedSecrets } from "../../cli/secrets/wanted.ts";
import { ensureSampleApp } from "../../cli/sample-app.ts";
import { createProgress } from "../../cli/progress.ts";
import { fingerprint } from "../../components/delivery/host-key.ts";
import { requiredSecrets } from "../../ops/render/machine.ts";
import { type FakeMachines, startFakeMachines } from "../support/fake-machines.ts";
import { planOf } from "../support/platform.ts";
import { createProject, type PulumiProject } from "../support/pulumi.ts";
import { startLocalCloud } from "../support/local-cloud.ts";

const silent = createProgress({ quiet: true, stream: process.stderr });
const ssh = { allowFrom: ["198.51.100.7/32"] };
const plan = planOf(2);
const nameOf = (host: string): string =>
  plan.machines.find(({ privateIp }) => privateIp === host)?.name ?? plan.network.routes[0]?.machine ?? host;

/** What happened before the health of all machines was looked at, which comes last. */
const changes = (machines: FakeMachines): readonly string[] => {
  const told = story(machines);
  const changed = told.filter((line) => !line.endsWith(" health"));
  assert.deepEqual(told.slice(0, changed.length), changed);
  assert.deepEqual(told.slice(changed.length).toSorted(), plan.rollout.map((name) => `${name} health`).toSorted());
  return changed;
};

/** `db-2 files`, `db-2 first`, `db-2`, `db-2 health`, in the order in which it happened. */
const story = (machines: FakeMachines): readonly string[] =>
  machines.notes().map((note) => {
    const name = nameOf(note.host);
    if (note.kind === "copy") return `${name} ${note.path.endsWith(".sh") ? "files" : "release"}`;
    if (note.command.includes("/etc/ssh/ssh_host_")) return `${name} look`;
    if (note.command.startsWith("chitlaq-secrets retire && chitlaq-health ")) return `${name} health`;
    if (note.command.includes("/metrics")) return `${name} settles`;
    return note.command.startsWith("[ ! -e /var/lib/chitlaq/activated ]") ? `${name} first` : name;
  });

const secretsOf = (
  project: PulumiProject,
  cloudflare: { readonly endpoint: string; readonly token: string },
): Secrets => ({
  stack: project.stack,
  store: new SecretStore(project.stack, (args, options) => project.run(args.slice(0, -1), options)),
  wanted: wantedSecrets(plan, requiredSecrets),
  signOrigin: signAtCloudflare(cloudflare, new AbortController().signal),
});

it("delivers to every machine, then to those that something changed for, one at a time", async (t) => {
  const cloud = await startLocalCloud(t, { zones: [{ name: plan.edge.zone, plan: plan.edge.plan }] });
  await cloud.hetzner.control("PUT", "delays", { default: 5, selectors: 0, health: 0 });
  const machines = await startFakeMachines(t);
  let gateway = "";
  await ensureSampleApp(silent);
  const project = await createProject(t, {
    cloud,
    program: { stack: "phase2" },
    config: {
      "chitlaq:platform": {
        ssh: { publicKeys: Object.fromEntries(plan.sshKeys.map((key) => [key.name, key.publicKey])), ...ssh },
      },
    },
    env: { CHITLAQ_LOCAL_DIAL: machines.socket },
  });
  const secrets = secretsOf(project, cloud.endpoints.cloudflare);

  await t.test("nothing is delivered while the stack has no secrets", async () => {
    await project.up();
    assert.deepEqual(story(machines), []);
  });

  await t.test("secrets are made, and what nobody can make is named", async () => {
    const findings = await initSecrets(secrets, silent);
    assert.deepEqual(
      findings.map(({ name, problem }) => [name, problem.split(" ")[0]]),
      [
        ["s3-access-key", "missing"],
        ["s3-secret-key", "missing"],
      ],
    );
    const refused = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
    assert.match(refused.stdout + refused.stderr, /chitlaq:secret-s3-access-key: missing, machines wait for it/);
    assert.deepEqual(story(machines), []);
    const given = new Map([
      ["s3-access-key", "LOCALACCESSKEY"],
      ["s3-secret-key", "local/secret/key"],
    ]);
    assert.deepEqual(await initSecrets(secrets, silent, { given }), []);
  });

  await t.test(
    "every machine gets its files and its secrets, the gateway last, and health is asked for in the end",
    async () => {
      await project.up();
      const order = plan.rollout.flatMap((name) => [
        `${name} look`,
        `${name} files`,
        ...(name.startsWith("api-") ? [`${name} release`] : []),
        `${name} first`,
        name,
      ]);
      const happened = changes(machines);
      // New machines are set up side by side.
      assert.deepEqual(happened.toSorted(), ["lb-1 settles", ...order].toSorted());
      assert.equal(happened[0], "lb-1 look");
      for (const name of plan.rollout) {
        assert.ok(happened.indexOf(`${name} look`) < happened.indexOf(`${name} files`), name);
        assert.ok(name === "lb-1" || happened.indexOf("lb-1 settles") < happened.indexOf(`${name} look`), name);
        assert.ok(happened.indexOf(`${name} files`) < happened.indexOf(`${name} first`), name);
        assert.ok(name === "lb-1" || happened.indexOf("lb-1 settles") < happened.indexOf(`${name} files`), name);
      }
      assert.deepEqual(
        happened.filter((line) => !line.includes(" ")),
        plan.rollout,
      );
      const [address] = Object.values((await project.outputs()).endpoints as Record<string, Record<string, string>>)
        .filter((value) => typeof value === "object")
        .flatMap((value) => Object.values(value));
      gateway = address ?? "";
      assert.deepEqual([...machines.dialled()], [address], "only the gateway is dialled from outside");
      const database = machines
        .notes()
        .find((note) => note.kind === "run" && nameOf(note.host) === "db-1" && note.stdin !== "");
      assert.ok(database?.kind === "run");
      assert.deepEqual(
        new Set(Object.keys(JSON.parse(database.stdin))),
        new Set(requiredSecrets(plan, "db-1").map(({ name }) => name)),
      );
    },
  );

  await t.test("a second update changes nothing and logs in nowhere", async () => {
    machines.forget();
    await project.up({ args: ["--expect-no-changes"] });
    assert.deepEqual(story(machines), []);
    assert.deepEqual([...machines.dialled()], []);
  });

  await t.test("a change of the load balancer's files reaches the load balancer alone", async () => {
    machines.forget();
    project.setConfig({ "chitlaq:platform": { edge: { hosts: ["@", "www", "api", "status"] } } });
    await project.up();
    assert.deepEqual(changes(machines), ["lb-1 files", "lb-1"]);
  });

  await t.test(
    "a new password reaches those that use it, standby before primary; a machine that suffers ends it",
    async () => {
      machines.forget();
      await secretsRotate(secrets, ["postgres-app-password"], { loseEncrypted: false }, silent);
      machines.failAt("10.0.3.11");
      const failed = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
      assert.notEqual(failed.code, 0);
      assert.match(failed.stdout, /it did not work/);
      assert.deepEqual(story(machines), ["db-2", "db-1"]);
      machines.failAt(null);
      machines.forget();
      await project.up();
      assert.deepEqual(changes(machines), ["db-1", "api-2", "api-1"]);
    },
  );

  await t.test("the host keys on record are those of the machines, and can be read", async () => {
    const { resources = [] } = await project.state();
    for (const { name, privateIp, primaryIp } of plan.machines) {
      const record = resources.find(({ urn }) => urn.endsWith(`::delivery-${name}-host-key`));
      const host = primaryIp === null ? privateIp : gateway;
      assert.equal(record?.outputs?.output, machines.hostKeyOf(host), name);
    }
  });

  await t.test("a machine that shows another host key gets nothing until somebody accepts it", async () => {
    const expected = fingerprint(machines.hostKeyOf("10.0.3.11"));
    machines.rebuild("10.0.3.11");
    machines.forget();
    await secretsRotate(secrets, ["postgres-app-password"], { loseEncrypted: false }, silent);
    const failed = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack]);
    assert.notEqual(failed.code, 0);
    assert.ok(
      failed.stdout.includes(`db-1 (10.0.3.11, ${expected} on record) does not show the host key on record`),
      failed.stdout,
    );
    assert.match(failed.stdout, /pulumi up --stack phase2 --replace '\*\*::delivery-db-1-look'/);
    const others = (lines: readonly string[]) => lines.filter((line) => line !== "db-2");
    assert.deepEqual(others(story(machines)), [], "nothing is sent to it, and the machines after it are left alone");
    machines.forget();
    await project.up({ args: ["--replace", "**::delivery-db-1-look"] });
    const happened = others(changes(machines));
    assert.deepEqual(happened, ["db-1 look", "db-1 files", "db-1 first", "db-1", "api-2", "api-1"]);
    await project.up({ args: ["--expect-no-changes"] });
  });

  await t.test("another gateway is looked at; the machines behind it stay known by the keys they have", async () => {
    const before = machines.hostKeyOf("10.0.3.11");
    machines.rebuild(gateway);
    machines.rebuild("10.0.3.12");
    machines.forget();
    const replace = ["--replace", "**::delivery-lb-1-look"];
    const failed = await project.run(["up", "--yes", "--skip-preview", "--stack", project.stack, ...replace]);
    assert.notEqual(failed.code, 0);
    assert.match(failed.stdout, /db-2 \(10\.0\.3\.12, SHA256:\S+ on record\) does not show the host key on record/);
    assert.ok(!machines.notes().some((note) => note.host === "10.0.3.12" && note.kind === "run" && note.stdin !== ""));
    assert.equal(machines.hostKeyOf("10.0.3.11"), before);
    await project.up({ args: ["--replace", "**::delivery-db-2-look"] });
    await project.up({ args: ["--expect-no-changes", "--refresh"] });
  });

  await t.test("no secret stands in state, in outputs or in any other file of the engine", async () => {
    const { values } = await secrets.store.read();
    const sensitive = [...values].filter(([, value]) => !/BEGIN (CERTIFICATE)/.test(value) && value.length > 12);
    assert.ok(sensitive.length > 10);
    const { backendDir, projectDir } = project.instance;
    const files = [backendDir, join(projectDir, "stacks")].flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    for (const file of files) {
      const content = readFileSync(file, "utf8");
      for (const [name, value] of sensitive) {
        const [line = value] = value.split("\n").filter((part) => !part.startsWith("-----") && part !== "");
        assert.ok(!content.includes(line), `${name} stands in clear in ${file}`);
      }
    }
  });
});
