import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { hetznerPower, type ServerPower } from "../../components/machine/power.ts";
import { type ServerChange, shutDown, start, typeStep } from "../../components/machine/type-step.ts";

describe("a change of type", () => {
  const inputs = (serverType: unknown) => ({ serverType });
  const table: readonly (readonly [string, ServerChange, ReturnType<typeof typeStep>])[] = [
    [
      "another type",
      { oldInputs: inputs("a"), oldOutputs: inputs("a"), newInputs: inputs("b") },
      { from: "a", to: "b" },
    ],
    ["the same type", { oldInputs: inputs("a"), oldOutputs: inputs("a"), newInputs: inputs("a") }, null],
    [
      "changed by hand and set back",
      { oldInputs: inputs("a"), oldOutputs: inputs("b"), newInputs: inputs("a") },
      { from: "b", to: "a" },
    ],
    [
      "changed by hand to what is wanted",
      { oldInputs: inputs("a"), oldOutputs: inputs("b"), newInputs: inputs("b") },
      null,
    ],
    ["nothing known of before", { newInputs: inputs("b") }, null],
  ];
  for (const [what, change, expected] of table) it(what, () => assert.deepEqual(typeStep(change), expected));
});

/** A server that shows these states one after the other, and the last one for good. */
const showing = (...states: readonly string[]): ServerPower & { readonly acts: readonly string[] } => {
  const acts: string[] = [];
  let asked = 0;
  return {
    acts,
    status: async () => states[Math.min(asked++, states.length - 1)] ?? "",
    act: async (action) => void acts.push(action),
  };
};

describe("the power button", () => {
  it("is pressed once, and the update waits until the server is off", async () => {
    const power = showing("running", "stopping", "stopping", "off");
    assert.equal(await shutDown(power, 10_000), true);
    assert.deepEqual(power.acts, ["shutdown"]);
  });
  it("is left alone on a server that is off", async () => {
    const power = showing("off");
    assert.equal(await shutDown(power, 10_000), true);
    assert.deepEqual(power.acts, []);
  });
  it("does not hold the update up for ever", async () => {
    assert.equal(await shutDown(showing("running"), 150), false);
    assert.equal(await start(showing("off"), 150), false);
  });
  it("starts what is off, and nothing that Hetzner has started by itself", async () => {
    const [off, starting] = [showing("off", "starting", "running"), showing("starting", "running")];
    assert.equal(await start(off, 10_000), true);
    assert.equal(await start(starting, 10_000), true);
    assert.deepEqual([off.acts, starting.acts], [["poweron"], []]);
  });
});

const token = "s".repeat(64);

/** Hetzner's API as far as one request goes: answers with these statuses, one after the other. */
const hetzner = async (t: TestContext, ...answers: readonly (readonly [number, object])[]) => {
  const seen: string[] = [];
  const server = createServer((request, response: ServerResponse) => {
    assert.equal(request.headers.authorization, `Bearer ${token}`);
    const [status, body] = answers[Math.min(seen.length, answers.length - 1)] ?? [500, {}];
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return { seen, power: hetznerPower({ endpoint, token }, "chitlaq-test-db-1", "7") };
};

describe("a server's power at Hetzner", () => {
  it("is asked for and changed by its id", async (t) => {
    const { seen, power } = await hetzner(t, [200, { server: { status: "running" } }], [201, { action: {} }]);
    assert.equal(await power.status(), "running");
    await power.act("shutdown");
    assert.deepEqual(seen, ["GET /v1/servers/7", "POST /v1/servers/7/actions/shutdown"]);
  });
  it("is tried again while another action holds the server", async (t) => {
    const { seen, power } = await hetzner(t, [423, { error: { code: "locked" } }], [201, {}]);
    await power.act("poweron");
    assert.equal(seen.length, 2);
  });
  it("says which server, which action, why, and what to do, and never the token", async (t) => {
    const { seen, power } = await hetzner(t, [401, { error: { code: "unauthorized", message: token } }]);
    await assert.rejects(power.act("shutdown"), (error: Error) => {
      const fix = "give the token of the server's project in HCLOUD_TOKEN or hcloud:token";
      assert.equal(error.message, `server chitlaq-test-db-1: shutdown: 401 unauthorized; ${fix}`);
      return true;
    });
    assert.equal(seen.length, 1, "a wrong token stays wrong");
  });
});
