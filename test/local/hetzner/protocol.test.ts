import assert from "node:assert/strict";
import { test } from "node:test";
import { battery, frozen, type Json, newServer, startApi } from "./harness.ts";

battery("protocol", (api) => {
  test("a missing or wrong token is 401 and still counts against the rate limit", async () => {
    const before = Number((await api.call("GET", "/locations")).headers.get("ratelimit-remaining"));
    for (const authorization of ["", "Bearer wrong", `Basic ${api.token}`]) {
      const answer = await api.call("GET", "/servers", undefined, { authorization });
      assert.deepEqual([answer.status, answer.body.error.code], [401, "unauthorized"]);
    }
    const after = Number((await api.call("GET", "/locations")).headers.get("ratelimit-remaining"));
    assert.ok(before - after >= 3, `${before} → ${after}`);
  });

  test("an unknown route, field or query parameter is refused, logged and counted", async () => {
    await api.refuse(404, "not_found", "GET", "/servers/12/metrics");
    await api.refuse(404, "not_found", "POST", "/servers/13/metrics");
    await api.refuse(404, "not_found", "GET", "/nothing");
    const field = await api.refuse(422, "invalid_input", "POST", "/ssh_keys", { name: "x", public_key: "y", color: 1 });
    assert.ok(
      field.details.fields.some(({ name, messages }) => name === "color" && messages?.[0] === "Unknown field."),
    );
    await api.refuse(422, "invalid_input", "GET", "/servers?colour=red");
    const { unhandled } = await api.expect(200, "GET", "/_local/unhandled");
    assert.deepEqual(
      unhandled.map(({ kind, path, field: name }) => `${kind} ${path} ${name}`.trim()),
      [
        "route /v1/servers/{id}/metrics",
        "route /v1/servers/{id}/metrics",
        "route /v1/nothing",
        "field /v1/ssh_keys color",
        "query /v1/servers colour",
      ],
    );
    assert.equal(api.lines.filter((line) => line.startsWith("unknown ")).length, 5);
  });

  test("broken JSON is 400, a wrong id 422, an unknown id 404", async () => {
    await api.refuse(400, "json_error", "POST", "/networks", "{");
    await api.refuse(422, "invalid_input", "GET", "/servers/abc");
    await api.refuse(404, "not_found", "GET", "/servers/1");
    await api.refuse(422, "invalid_input", "POST", "/networks", "[]");
  });

  test("pages: 25 by default, 50 at most, links and nulls at the ends", async () => {
    for (let count = 0; count < 53; count += 1) {
      await api.expect(201, "POST", "/placement_groups", { name: `group-${count}`, type: "spread" });
    }
    const pages = async (query: string) => (await api.expect(200, "GET", `/placement_groups${query}`)).meta.pagination;
    assert.deepEqual(await pages(""), {
      page: 1,
      per_page: 25,
      previous_page: null,
      next_page: 2,
      last_page: 3,
      total_entries: 53,
    });
    assert.deepEqual(
      [(await pages("?page=2&per_page=100")).per_page, (await pages("?page=2&per_page=100")).last_page],
      [50, 2],
    );
    const last = await api.call("GET", "/placement_groups?page=3");
    assert.equal(last.body.meta.pagination.next_page, null);
    const link = last.headers.get("link") ?? "";
    assert.match(link, /<[^>]*page=2[^>]*>; rel="prev"/);
    assert.match(link, /<[^>]*page=3[^>]*>; rel="last"/);
    assert.doesNotMatch(link, /rel="next"/);
    await api.refuse(422, "invalid_input", "GET", "/placement_groups?page=0");
  });

  test("sort by several fields, filter by name and status", async () => {
    const body = { server_type: "cpx22", image: "debian-13", location: "fsn1" };
    const ask = async (more: Json) => await api.expect(201, "POST", "/servers", { ...body, ...more });
    // `created` counts whole seconds: only time that stands still makes two of them equal for certain.
    const answers = await frozen(api, async () => {
      const pair = [await ask({ name: "sort-a" }), await ask({ name: "sort-b", start_after_create: false })];
      await api.expect(200, "POST", "/_local/clock", { advanceSeconds: 2 });
      return [...pair, await ask({ name: "sort-c" })];
    });
    for (const { action, next_actions } of answers)
      for (const each of [action, ...next_actions]) assert.equal((await api.settle(each)).status, "success");
    const [a, b, c] = answers.map(({ server }) => server.id);
    const ids = async (query: string) =>
      (await api.expect(200, "GET", `/servers?${query}`)).servers.map(({ id }) => id);
    assert.deepEqual(await ids("sort=name:desc"), [c, b, a]);
    assert.deepEqual(await ids("sort=created:asc&sort=id:desc"), [b, a, c]);
    assert.deepEqual(await ids("status=off"), [b]);
    assert.deepEqual(await ids("status=off&status=running&sort=id"), [a, b, c]);
    assert.deepEqual(await ids("name=sort-a"), [a]);
    await api.refuse(422, "invalid_input", "GET", "/servers?sort=colour");
  });

  test("actions: by ids, per resource, over all of a kind; the bare list is gone", async () => {
    const { id } = await newServer(api);
    const { action } = await api.done("POST", `/servers/${id}/actions/poweroff`);
    const path = `/servers/${id}/actions`;
    const commands = (await api.expect(200, "GET", `${path}?sort=id:asc`)).actions.map(({ command }) => command);
    assert.deepEqual(commands, ["create_server", "start_server", "stop_server"]);
    assert.equal((await api.expect(200, "GET", `${path}/${action.id}`)).action.command, "stop_server");
    const many = await api.expect(200, "GET", `/actions?id=${action.id}&id=1&sort=status&sort=id`);
    assert.deepEqual(
      many.actions.map((one) => one.id),
      [action.id],
    );
    assert.ok((await api.expect(200, "GET", "/servers/actions?status=success")).meta.pagination.total_entries >= 3);
    await api.refuse(410, "deprecated_api_endpoint", "GET", "/actions");
    await api.done("DELETE", `/servers/${id}`);
    assert.ok((await api.expect(200, "GET", `${path}?sort=id:desc`)).actions[0]?.command === "delete_server");
  });

  test("the progress of an action follows the clock", async () => {
    await api.expect(200, "PUT", "/_local/delays", { commands: { stop_server: 10_000 } });
    const { id } = await newServer(api);
    await frozen(api, async () => {
      const { action } = await api.expect(201, "POST", `/servers/${id}/actions/poweroff`);
      const progress = async () => (await api.expect(200, "GET", `/actions/${action.id}`)).action.progress;
      assert.equal(await progress(), 0);
      await api.expect(200, "POST", "/_local/clock", { advanceSeconds: 5 });
      assert.equal(await progress(), 50);
      await api.expect(200, "POST", "/_local/clock", { advanceSeconds: 5 });
    });
    await api.expect(200, "PUT", "/_local/delays", { commands: {} });
  });
});

battery("rate limit and faults", (api) => {
  test("an empty bucket answers 429 with the headers, and refills by the second", async () => {
    await api.expect(200, "PUT", "/_local/rate-limit", { size: 3 });
    await frozen(api, async () => {
      const statuses: number[] = [];
      for (let count = 0; count < 4; count += 1) statuses.push((await api.call("GET", "/locations")).status);
      assert.deepEqual(statuses, [200, 200, 200, 429]);
      const refused = await api.call("GET", "/locations");
      assert.equal(refused.body.error.code, "rate_limit_exceeded");
      assert.equal(refused.headers.get("ratelimit-limit"), "3");
      assert.equal(refused.headers.get("ratelimit-remaining"), "0");
      assert.ok(Number(refused.headers.get("ratelimit-reset")) * 1000 > Date.now());
      await api.expect(200, "POST", "/_local/clock", { advanceSeconds: 1 });
      assert.equal((await api.call("GET", "/locations")).status, 200);
      assert.equal((await api.call("GET", "/locations")).status, 429);
    });
    await api.expect(200, "PUT", "/_local/rate-limit", { size: 100_000 });
  });

  test("an injected error has the API's body; after the work, the work is done", async () => {
    const strike = (body: object) => api.expect(201, "POST", "/_local/faults", { times: 1, ...body });
    for (const [status, code] of [
      [409, "conflict"],
      [423, "locked"],
      [429, "rate_limit_exceeded"],
      [503, "unavailable"],
    ] as const) {
      await strike({ method: "POST", path: "/networks", effect: { type: "error", status, code } });
      await api.refuse(status, code, "POST", "/networks", { name: "fault", ip_range: "10.0.0.0/16" });
    }
    assert.deepEqual((await api.expect(200, "GET", "/networks")).networks, []);
    await strike({
      method: "POST",
      path: "/networks",
      when: "after",
      effect: { type: "error", status: 504, code: "timeout" },
    });
    await api.refuse(504, "timeout", "POST", "/networks", { name: "fault", ip_range: "10.0.0.0/16" });
    assert.equal((await api.expect(200, "GET", "/networks?name=fault")).networks.length, 1);
  });

  test("reset empties the project", async () => {
    await newServer(api);
    await api.expect(204, "POST", "/_local/reset");
    assert.deepEqual((await api.expect(200, "GET", "/servers")).servers, []);
    assert.deepEqual((await api.expect(200, "GET", "/primary_ips")).primary_ips, []);
    await newServer(api);
  });
});

test("two emulators side by side know nothing of each other", async (t) => {
  const [one, two] = [await startApi(), await startApi()];
  t.after(() => Promise.all([one.close(), two.close()]));
  await one.expect(201, "POST", "/_local/faults", { effect: { type: "stock_out" } });
  await newServer(two, { name: "same" });
  assert.deepEqual((await one.expect(200, "GET", "/servers")).servers, []);
  const body = { name: "same", server_type: "cpx22", image: "debian-13", location: "fsn1" };
  await one.refuse(412, "resource_unavailable", "POST", "/servers", body);
});
