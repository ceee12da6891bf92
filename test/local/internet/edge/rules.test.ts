import assert from "node:assert/strict";
import { test } from "node:test";
import type { EdgeRule } from "../../../../local/internet/edge/config.ts";
import { compileExpression, type Facts } from "../../../../local/internet/edge/expression.ts";
import { cacheRule, host, openWorld } from "./support.ts";

const facts: Facts = {
  "http.host": "www.example.com",
  "http.request.method": "POST",
  "http.request.uri": "/api/a?b=1",
  "http.request.uri.path": "/api/a",
  "http.request.uri.query": "b=1",
  "http.request.full_uri": "https://www.example.com/api/a?b=1",
  "http.user_agent": 'say "hi" \\',
  "http.referer": "",
  "http.cookie": "",
  "ip.src": "192.0.2.1",
  "ip.src.country": "XX",
  ssl: true,
  "cf.bot_management.verified_bot": false,
  "cf.client.bot": false,
};

const table: readonly (readonly [string, boolean])[] = [
  ['http.host eq "www.example.com"', true],
  ['http.host == "www.example.com" and ssl', true],
  ['http.host ne "www.example.com"', false],
  ['starts_with(http.request.uri.path, "/api/")', true],
  ['ends_with(http.request.uri.path, ".php")', false],
  ['not http.request.method in {"GET" "HEAD"}', true],
  ['(http.request.uri.path contains "/api") and not starts_with(http.request.uri.path, "/api/")', false],
  // `and` binds more than `or`.
  ['ssl or ssl and http.host eq "no"', true],
  ['(ssl or ssl) and http.host eq "no"', false],
  ["ip.src in {192.0.2.0/24 10.0.0.1}", true],
  ["ip.src in {198.51.100.0/24}", false],
  ["ip.src eq 192.0.2.1", true],
  ["not ssl", false],
  ['http.user_agent eq "say \\"hi\\" \\\\"', true],
  ['http.request.uri.path matches r"^/api/[a-z]$"', true],
  ["len(http.request.uri.path) gt 5", true],
  ["cf.client.bot", false],
];

for (const [expression, expected] of table) {
  test(`${expression} is ${expected}`, () => assert.equal(compileExpression(expression)(facts), expected));
}

test("what the edge does not understand is an error that quotes the rule", () => {
  assert.throws(() => compileExpression("http.request.headers.names[0] eq 1"), /http.request.headers.names/);
  assert.throws(() => compileExpression('http.host eq "a" extra'), /extra: not expected/);
  assert.throws(() => compileExpression("(ssl"), /\) expected/);
});

const url = `https://${host}`;
const rateLimit = (change: Partial<NonNullable<EdgeRule["ratelimit"]>> = {}): EdgeRule => ({
  id: "1",
  action: "block",
  expression: 'starts_with(http.request.uri.path, "/api/auth/")',
  parameters: {},
  ratelimit: {
    characteristics: ["ip.src", "cf.colo.id"],
    period: 60,
    requests_per_period: 3,
    mitigation_timeout: 60,
    ...change,
  },
});

test("a blocked request gets 403 and does not reach the origin", async (t) => {
  const world = await openWorld(t);
  let calls = 0;
  await world.serve("198.18.0.1", (_request, response) => {
    calls += 1;
    response.end();
  });
  const block: EdgeRule = {
    id: "1",
    action: "block",
    expression: 'http.request.uri.path eq "/metrics"',
    parameters: {},
    ratelimit: null,
  };
  await world.configure({ firewall: [block, { ...block, id: "2", action: "log", expression: "ssl" }] });
  assert.equal((await world.get(`${url}/metrics`)).status, 403);
  assert.equal(calls, 0);
  assert.equal((await world.get(`${url}/`)).status, 200);
});

test("who asks too often is told when to come again, and a new configuration pardons nobody", async (t) => {
  const world = await openWorld(t);
  await world.serve("198.18.0.1", (_request, response) => response.end());
  await world.configure({ rateLimits: [rateLimit()] });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count += 1) statuses.push((await world.get(`${url}/api/auth/x`)).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  const refused = await world.get(`${url}/api/auth/x`);
  assert.match(String(refused.headers["retry-after"]), /^(59|60)$/);
  assert.equal((await world.get(`${url}/api/posts`)).status, 200);
  await world.configure({ rateLimits: [rateLimit()], tls13: true, webSockets: false });
  assert.equal((await world.get(`${url}/api/auth/x`)).status, 429);
});

test("a rule that is not understood is reported and the others stay in force", async (t) => {
  const world = await openWorld(t);
  await world.serve("198.18.0.1", (_request, response) => response.end());
  await world.configure({
    rateLimits: [{ ...rateLimit(), expression: "unheard.of" }, rateLimit({ requests_per_period: 1 })],
  });
  assert.ok(world.log.some((line) => line.includes("unheard.of")));
  await world.get(`${url}/api/auth/x`);
  assert.equal((await world.get(`${url}/api/auth/x`)).status, 429);
});

test("answers are cached as rules and origins say", async (t) => {
  const world = await openWorld(t);
  const counts = new Map<string, number>();
  await world.serve("198.18.0.1", (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", url);
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    const control = searchParams.get("control");
    if (control !== null) response.setHeader("cache-control", control);
    if (searchParams.has("cookie")) response.setHeader("set-cookie", "a=b");
    response.setHeader("etag", '"one"').end(`answer ${counts.get(pathname)}`);
  });
  await world.configure({
    cacheRules: [
      cacheRule('starts_with(http.request.uri.path, "/static/")', {
        cache: true,
        edge_ttl: { mode: "override_origin", default: 3600 },
      }),
      cacheRule('starts_with(http.request.uri.path, "/polite/")', {
        cache: true,
        edge_ttl: { mode: "respect_origin" },
      }),
      cacheRule('starts_with(http.request.uri.path, "/static/api/")', { cache: false }),
    ],
  });
  const twice = async (path: string): Promise<readonly string[]> => {
    const first = await world.get(`${url}${path}`);
    const second = await world.get(`${url}${path}`);
    return [String(first.headers["cf-cache-status"]), String(second.headers["cf-cache-status"]), second.text];
  };
  assert.deepEqual(await twice("/static/a"), ["MISS", "HIT", "answer 1"]);
  assert.deepEqual(await twice("/static/b?control=no-store&cookie"), ["MISS", "HIT", "answer 1"]);
  assert.deepEqual(await twice("/static/api/c"), ["DYNAMIC", "DYNAMIC", "answer 2"]);
  assert.deepEqual(await twice("/polite/d?control=max-age=60"), ["MISS", "HIT", "answer 1"]);
  assert.deepEqual(await twice("/polite/e?control=private"), ["BYPASS", "BYPASS", "answer 2"]);
  assert.deepEqual(await twice("/polite/f?control=max-age=60&cookie"), ["BYPASS", "BYPASS", "answer 2"]);
  assert.deepEqual(await twice("/page"), ["DYNAMIC", "DYNAMIC", "answer 2"]);
  assert.deepEqual(await twice("/picture.png"), ["MISS", "HIT", "answer 1"]);
  assert.deepEqual(await twice("/picture.png?other"), ["MISS", "HIT", "answer 2"]);

  const hit = await world.get(`${url}/static/b?control=no-store&cookie`);
  assert.equal(hit.headers["set-cookie"], undefined);
  assert.equal(hit.headers.age, "0");
  const known = await world.get(`${url}/static/a`, { headers: { "if-none-match": '"one"' } });
  assert.equal(known.status, 304);
  assert.equal(known.text, "");
  const posted = await world.get(`${url}/static/a`, { method: "POST", body: "x" });
  assert.equal(posted.headers["cf-cache-status"], "DYNAMIC");
  await world.configure({ developmentMode: true });
  assert.deepEqual(await twice("/picture.png"), ["DYNAMIC", "DYNAMIC", "answer 4"]);
});
