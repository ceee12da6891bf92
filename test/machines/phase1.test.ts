/** Phase 1 on a booted machine: into service, changed, resized, rebooted. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { createProgress } from "../../cli/progress.ts";
import { secretsRotate } from "../../cli/secrets/verbs.ts";
import { pagesScript } from "../support/runbook.ts";
import { registerPerson } from "./person.ts";
import { startProbe } from "./probe.ts";
import { openStage, skip, waitFor } from "./stage.ts";
import { traces } from "./traces.ts";

const silent = createProgress({ quiet: true, stream: process.stderr });
const server = "server-1";

it("phase 1 on a booted machine", { skip }, async (t) => {
  const stage = await openStage(t, "phase1");
  const sh = (line: string, input?: string) => stage.sh(server, line, input === undefined ? {} : { input });
  const nothingToDo = () => stage.up("--expect-no-changes");

  await t.test("everything is delivered, and a second update changes nothing", async () => {
    assert.doesNotMatch(await sh("chitlaq-health"), /failed/);
    assert.equal(await sh("chitlaq-secrets status | grep -c missing || true"), "0");
    assert.equal(
      await sh("journalctl -u valkey-server | grep -ci oom || true"),
      "0",
      "Valkey may set its children's score",
    );
    await nothingToDo();
  });

  await t.test("every command of docs/roles/server.md works", async () => {
    await sh(pagesScript("roles/README.md", "roles/server.md"));
  });

  await t.test("requests reach the application through the edge, and nobody else gets in", async () => {
    const person = await registerPerson(stage);
    assert.equal(await person.read(await person.post("first")), "first");
    assert.equal((await stage.visit("/healthz", { bare: true })).status, 400, "no certificate, no service");
    assert.equal((await stage.visit("/metrics")).status, 404);
    await assert.rejects(stage.visit("/healthz", { host: "elsewhere.example" }), /alert|handshake|ECONNRESET|closed/i);
  });

  await t.test("a changed file reaches the machine, and only the service it belongs to takes notice", async () => {
    const processes = () => sh(`systemctl show postgresql@17-main chitlaq-app -p MainPID --value`);
    const before = await processes();
    stage.configure({ edge: { hosts: ["@", "www", "api", "status"] } });
    await stage.up();
    assert.match(await sh("nginx -T 2>/dev/null | grep -m 1 'server_name chitlaq'"), /status\.chitlaq\.com/);
    assert.equal(await processes(), before);
  });

  await t.test("a release that cannot be had stops the update and leaves the old one in service", async () => {
    const version = await sh("chitlaq-deploy status");
    stage.configure({ release: { url: "file:///nowhere/app.tar.gz", sha256: "ab".repeat(32), version: "9.9.9" } });
    const failed = await stage.project.up();
    assert.notEqual(failed.code, 0);
    assert.match(failed.errors(), /chitlaq-activate\.service failed/);
    assert.equal((await stage.visit("/healthz")).status, 200);
    stage.configure({ release: undefined });
    await stage.up();
    assert.equal(await sh("chitlaq-deploy status"), version);
  });

  await t.test(
    "a step to cpx41 and back: shut down in order, same disk, same address, all data, a short absence",
    async (u) => {
      const person = await registerPerson(stage);
      const post = await person.post("still here");
      const address = stage.machine(server).publicIpv4;
      const disk = await sh("cat /etc/machine-id; findmnt -no SOURCE /var/lib/postgresql");
      const starts = (how: string) =>
        sh(`cat /var/log/postgresql/* | grep -c 'database system was ${how}' || true`).then(Number);
      for (const serverType of ["cpx41", "cpx21"]) {
        const clean = await starts("shut down");
        const probe = startProbe(stage, "/healthz");
        stage.configure({ server: { serverType } });
        await stage.up();
        await stage.healthy();
        const { longestGapSeconds } = await probe.stop();
        u.diagnostic(`${serverType}: ${longestGapSeconds.toFixed(1)} s without an answer`);
        assert.ok(longestGapSeconds > 0 && longestGapSeconds < 120, `${longestGapSeconds} s`);
        const stops = (await starts("shut down")) - clean;
        assert.equal(stops, 2, "PostgreSQL was stopped in order, with the machine and for its new settings");
        assert.equal(await starts("interrupted"), 0, "and had nothing to recover");
        const tuning = (await stage.plan()).services.database.members[0]?.tuning;
        assert.equal(
          await stage.sql(server, "SELECT setting::int / 128 FROM pg_settings WHERE name = 'shared_buffers'"),
          String(tuning?.sharedBuffersMiB),
        );
        assert.equal(await stage.sql(server, "SHOW max_connections"), String(tuning?.maxConnections));
        assert.equal(stage.machine(server).publicIpv4, address);
        assert.equal(await sh("cat /etc/machine-id; findmnt -no SOURCE /var/lib/postgresql"), disk);
        assert.equal(await person.read(post), "still here");
        assert.ok(await person.isLoggedIn(), "the session of before");
      }
      await nothingToDo();
    },
  );

  await t.test("new passwords everywhere, and the application goes on with them", async () => {
    await secretsRotate(await stage.secrets(), [], { loseEncrypted: false }, silent);
    await stage.up();
    assert.doesNotMatch(await sh("chitlaq-health"), /failed/);
    const person = await registerPerson(stage);
    assert.ok(await person.isLoggedIn());
  });

  await t.test("after a reboot it comes back by itself", async (u) => {
    const person = await registerPerson(stage);
    const probe = startProbe(stage, "/healthz");
    await stage.reboot(server);
    await waitFor("the machine to boot", async () => (await sh("systemctl is-active nginx || true")) === "active");
    await stage.healthy();
    u.diagnostic(`${(await probe.stop()).longestGapSeconds.toFixed(1)} s without an answer`);
    assert.ok(await person.isLoggedIn());
    await nothingToDo();
  });

  await t.test("no secret stands in a log, an argument or a file that everybody may read", async () => {
    const found = traces(await (await stage.secrets()).store.read());
    assert.ok(found.length > 10);
    const search = (what: string) => sh(`cat >/run/traces; ${what}; rm -f /run/traces`, found.join("\n"));
    assert.equal(await search("journalctl --no-pager | grep -cFf /run/traces || true"), "0");
    assert.equal(await search("grep -lFf /run/traces /proc/[0-9]*/cmdline 2>/dev/null || true"), "");
    const readable = "find /etc /opt /var/lib/chitlaq /var/log -type f -perm -o=r -print0";
    assert.equal(await search(`${readable} | xargs -0 grep -lFf /run/traces || true`), "");
  });
});
