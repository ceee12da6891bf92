import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kill, launch, type LocalCloud, startLocalCloud } from "./process.ts";
import type { Action, Body } from "./shapes.ts";

function stateDir(t: { after(hook: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), "local-cloud-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function call(cloud: LocalCloud, method: string, path: string, body?: unknown): Promise<Body> {
  const { endpoint, token } = cloud.endpoints.hetzner;
  const base = path.startsWith("/_local") ? endpoint.replace(/\/v1$/, "") : endpoint;
  const response = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as Body;
}

async function settle(cloud: LocalCloud, action: Action): Promise<Action> {
  for (;;) {
    const current = (await call(cloud, "GET", `/actions/${action.id}`)).action;
    if (current.status !== "running") return current;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const body = { server_type: "cpx22", image: "debian-13", location: "fsn1" };

test("what was answered is there after kill -9, at the same address, and running actions go on", async (t) => {
  const directory = stateDir(t);
  const first = await startLocalCloud(directory);
  await call(first, "PUT", "/_local/delays", { commands: { stop_server: 700 } });
  const done = await call(first, "POST", "/servers", { name: "done", ...body });
  for (const action of done.next_actions) await settle(first, action);
  const { action } = await call(first, "POST", `/servers/${done.server.id}/actions/poweroff`);
  const answered: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    answered.push((await call(first, "POST", "/servers", { name: `s-${count}`, ...body })).server.id);
  }
  await kill(first, "SIGKILL");

  const second = await startLocalCloud(directory);
  t.after(() => kill(second, "SIGTERM"));
  assert.deepEqual(second.endpoints.hetzner, first.endpoints.hetzner);
  assert.deepEqual(second.endpoints.cloudflare, first.endpoints.cloudflare);
  const { servers } = await call(second, "GET", "/servers?per_page=50&sort=id:asc");
  assert.deepEqual(
    servers.map(({ id }) => id),
    [done.server.id, ...answered],
  );
  const ended = await settle(second, action);
  assert.deepEqual([ended.status, ended.command], ["success", "stop_server"]);
  assert.equal((await call(second, "GET", `/servers/${done.server.id}`)).server.status, "off");
  for (const id of answered) {
    for (const each of (await call(second, "GET", `/servers/${id}/actions`)).actions) {
      assert.equal((await settle(second, each)).status, "success");
    }
    assert.equal((await call(second, "GET", `/servers/${id}`)).server.status, "running");
  }
});

test("a directory serves one instance; the lock of a killed one is free at once", async (t) => {
  const directory = stateDir(t);
  const first = await startLocalCloud(directory);
  const refused = await launch(directory).ended;
  assert.equal(refused.code, 2);
  assert.match(refused.errors, new RegExp(`is in use by another local cloud \\(process ${first.process.pid}\\)`));
  await kill(first, "SIGKILL");
  const next = await startLocalCloud(directory);
  assert.equal((await kill(next, "SIGTERM")).code, 0);
});

test("SIGTERM and SIGINT end it cleanly: exit 0, no endpoints left, state kept", async (t) => {
  const directory = stateDir(t);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const cloud = await startLocalCloud(directory);
    assert.equal(statSync(join(directory, "endpoints.json")).mode & 0o777, 0o600);
    await call(cloud, "POST", "/placement_groups", { name: signal, type: "spread" });
    assert.equal((await kill(cloud, signal)).code, 0);
    assert.equal(existsSync(join(directory, "endpoints.json")), false);
  }
  const cloud = await startLocalCloud(directory);
  assert.equal((await call(cloud, "GET", "/placement_groups")).meta.pagination.total_entries, 2);
  await kill(cloud, "SIGTERM");
});

test("it ends when its parent does", async (t) => {
  const parent = spawn("sleep", ["60"]);
  t.after(() => parent.kill());
  const cloud = await startLocalCloud(stateDir(t), ["--parent-pid", String(parent.pid)]);
  parent.kill("SIGKILL");
  assert.equal((await cloud.ended).code, 0);
});

test("two instances side by side have different ports and tokens, and both take a given one", async (t) => {
  const token = "Z".repeat(64);
  const [one, two] = await Promise.all([
    startLocalCloud(stateDir(t)),
    startLocalCloud(stateDir(t), ["--token", token]),
  ]);
  t.after(() => Promise.all([kill(one, "SIGTERM"), kill(two, "SIGTERM")]));
  assert.match(one.endpoints.hetzner.token, /^[A-Za-z0-9]{64}$/);
  assert.notEqual(one.endpoints.hetzner.token, one.endpoints.cloudflare.token);
  assert.deepEqual([two.endpoints.hetzner.token, two.endpoints.cloudflare.token], [token, token]);
  assert.equal(
    new Set([one, two].flatMap(({ endpoints }) => [endpoints.hetzner.endpoint, endpoints.cloudflare.endpoint])).size,
    4,
  );
  assert.ok(one.endpoints.hetzner.endpoint.startsWith("http://127.0.0.1:"));
  await call(one, "POST", "/placement_groups", { name: "same", type: "spread" });
  await call(two, "POST", "/placement_groups", { name: "same", type: "spread" });
});

test("wrong options are refused with the option, the value and the rule", async (t) => {
  const directory = stateDir(t);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--hetzner-port", "abc"], /--hetzner-port: 'abc' given, needs an integer/],
    [["--token", "short"], /--token: needs exactly 64/],
    [["--colour"], /Unknown option '--colour'/],
  ];
  for (const [args, message] of cases) {
    const { code, errors } = await launch(directory, args).ended;
    assert.equal(code, 2);
    assert.match(errors, message);
  }
});
