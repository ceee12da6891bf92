import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Hono } from "hono";
import { closeContext, createContext } from "../../../local/shared/context.ts";
import { createControlApp } from "../../../local/shared/control.ts";
import { pathPattern } from "../../../local/shared/faults.ts";
import { observeRequests } from "../../../local/shared/requests.ts";
import { listen } from "../../../local/shared/serve.ts";

const token = "t".repeat(64);
const lines: string[] = [];
const local = createContext({ stateFile: ":memory:", log: (line) => lines.push(line) });
let handled = 0;
const app = new Hono();
app.use(
  observeRequests(local, {
    api: "hetzner",
    prefix: "/v1",
    renderError: (context, effect) => context.json({ code: effect.code }, effect.status as 500),
  }),
);
app.all("/v1/things/:id", (context) => {
  handled += 1;
  return context.json({ id: context.req.param("id") });
});
app.route("/_local", createControlApp(local, token));
const listener = await listen(app, 0);
const base = `http://127.0.0.1:${listener.port}`;
after(async () => {
  closeContext(local);
  await listener.close();
});

const control = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${base}/_local${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function addFault(body: unknown): Promise<number> {
  const response = await control("POST", "/faults", body);
  assert.equal(response.status, 201);
  const { fault } = (await response.json()) as { fault: { id: number } };
  return fault.id;
}

test("path patterns: one star is one segment, two are any rest", () => {
  assert.ok(pathPattern("/servers/*/actions/*").test("/servers/12/actions/poweron"));
  assert.ok(!pathPattern("/servers/*").test("/servers/12/actions/poweron"));
  assert.ok(pathPattern("/servers/**").test("/servers/12/actions/poweron"));
  assert.ok(!pathPattern("/a.b").test("/acb"));
});

test("the control API refuses a wrong token and unknown fields by name", async () => {
  assert.equal((await fetch(`${base}/_local/clock`)).status, 401);
  const response = await control("POST", "/faults", { effect: { type: "hang" }, tiems: 3 });
  assert.equal(response.status, 422);
  assert.match(((await response.json()) as { error: string }).error, /tiems/);
});

test("an error fault strikes as often as told, before or after the work", async () => {
  const id = await addFault({
    method: "get",
    path: "/things/*",
    times: 1,
    effect: { type: "error", status: 503, code: "gone" },
  });
  const before = handled;
  assert.equal((await fetch(`${base}/v1/things/1`, { method: "POST" })).status, 200);
  assert.equal((await fetch(`${base}/v1/things/1`)).status, 503);
  assert.equal((await fetch(`${base}/v1/things/1`)).status, 200);
  assert.equal(handled - before, 2);
  await control("DELETE", `/faults/${id}`);

  await addFault({ times: 1, when: "after", effect: { type: "error", status: 504, code: "timeout" } });
  assert.equal((await fetch(`${base}/v1/things/2`)).status, 504);
  assert.equal(handled - before, 3);
  await control("DELETE", "/faults");
});

test("hang holds the request until its fault is removed; drop cuts the connection", async () => {
  const id = await addFault({ times: 1, effect: { type: "hang" } });
  let answered = false;
  const hanging = fetch(`${base}/v1/things/3`).then((response) => {
    answered = true;
    return response.status;
  });
  assert.equal((await fetch(`${base}/v1/things/4`)).status, 200);
  assert.equal(answered, false);
  await control("DELETE", `/faults/${id}`);
  assert.equal(await hanging, 200);

  await addFault({ times: 1, effect: { type: "drop" } });
  await assert.rejects(fetch(`${base}/v1/things/5`));
  await control("DELETE", "/faults");
});

test("requests are logged without bodies or headers, unknown things are counted by shape", async () => {
  await fetch(`${base}/v1/things/9?x=1`, { method: "POST", body: "secret", headers: { "x-key": "secret" } });
  const logged = (await (await control("GET", "/requests")).json()) as { count: number; requests: { path: string }[] };
  assert.equal(logged.requests.at(-1)?.path, "/v1/things/9?x=1");
  assert.doesNotMatch(JSON.stringify(logged), /secret/);

  for (const id of [1, 2]) {
    local.observer.unknown({ api: "hetzner", kind: "route", method: "GET", path: `/nothing/${id}`, field: "" });
  }
  const { unhandled } = (await (await control("GET", "/unhandled")).json()) as { unhandled: unknown[] };
  assert.deepEqual(unhandled, [
    { api: "hetzner", kind: "route", method: "GET", path: "/nothing/{id}", field: "", count: 2 },
  ]);
  assert.deepEqual(lines, ["unknown route: hetzner GET /nothing/{id}"]);
});

test("reset empties state, faults and log, and runs the hooks around it", async () => {
  const order: string[] = [];
  local.resetHooks.before.add(async () => void order.push(`before ${local.store.collection("x").size}`));
  local.resetHooks.after.add(() => void order.push(`after ${local.store.collection("x").size}`));
  local.store.collection("x").put({ id: 1 });
  await addFault({ path: "/nowhere", effect: { type: "hang" } });
  assert.equal((await control("POST", "/reset")).status, 204);
  assert.deepEqual(order, ["before 1", "after 0"]);
  assert.deepEqual(local.faults.list(), []);
  assert.deepEqual(local.observer.unhandled(), []);
});
