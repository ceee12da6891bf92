import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedNames, planOf } from "./lifecycle.ts";
import { assertConverged, type Bench, inventory, names, startBench } from "./support.ts";

type FaultSpec = Readonly<Record<string, unknown>>;

const addFault = (bench: Bench, fault: FaultSpec): Promise<unknown> =>
  bench.cloud.hetzner.control("POST", "faults", { api: "hetzner", ...fault });

const clearFaults = (bench: Bench): Promise<unknown> => bench.cloud.hetzner.control("DELETE", "faults");

const struck = async (bench: Bench): Promise<readonly number[]> => {
  const { faults } = (await bench.cloud.hetzner.control("GET", "faults")) as {
    readonly faults: readonly { readonly struck: number }[];
  };
  return faults.map((fault) => fault.struck);
};

const error = (status: number, code: string, more: FaultSpec = {}): FaultSpec => ({
  effect: { type: "error", status, code, message: `made up: ${code}`, ...more },
});

test("no stock in the location: the server and the reason are named, everything else stands, the next up adds it", async (t) => {
  const bench = await startBench(t, "phase1");
  await addFault(bench, { effect: { type: "stock_out", serverType: "cpx21", location: "ash" } });
  const failed = await bench.project.up();
  assert.notEqual(failed.code, 0);
  assert.match(failed.errors(), /resource_unavailable/);
  const culprit = failed.diagnostics.find(({ message }) => message.includes("resource_unavailable"));
  assert.match(culprit?.urn ?? "", /::server-1-server$/);
  const expected = expectedNames(planOf("phase1"));
  assert.deepEqual(await names(bench), { ...expected, servers: [] });
  await clearFaults(bench);
  const second = (await bench.project.up()).succeeded();
  assert.deepEqual(
    second.changes
      .filter(({ op }) => op === "create")
      .map(({ name }) => name)
      .toSorted(),
    ["server-1-data-attachment", "server-1-server"],
  );
  await assertConverged(bench, expected);
});

test("passing trouble, 429 and 409, is waited out", async (t) => {
  const bench = await startBench(t, "phase1");
  await addFault(bench, { method: "POST", path: "/servers", times: 2, ...error(429, "rate_limit_exceeded") });
  await addFault(bench, {
    method: "POST",
    path: "/networks/*/actions/add_subnet",
    times: 2,
    ...error(409, "conflict"),
  });
  (await bench.project.up()).succeeded();
  assert.deepEqual(await struck(bench), [2, 2], "both faults struck as often as they could");
  await clearFaults(bench);
  await assertConverged(bench, expectedNames(planOf("phase1")));
});

test("lasting trouble, 423 and 503, is reported with its resource; the next up goes on from there", async (t) => {
  const bench = await startBench(t, "phase1");
  for (const { path, status, code, resource } of [
    { path: "/firewalls", status: 503, code: "unavailable", resource: "firewalls-server" },
    { path: "/servers", status: 423, code: "locked", resource: "server-1-server" },
  ]) {
    const before = await inventory(bench);
    await addFault(bench, { method: "POST", path, ...error(status, code) });
    const failed = await bench.project.up();
    assert.notEqual(failed.code, 0);
    const culprit = failed.diagnostics.find(({ message }) => message.includes(`made up: ${code}`));
    assert.match(culprit?.urn ?? "", new RegExp(`::${resource}$`), failed.output);
    await clearFaults(bench);
    const after = await inventory(bench);
    for (const [kind, kept] of Object.entries(before)) {
      assert.deepEqual(
        kept.filter((item) => !after[kind]?.includes(item)),
        [],
        `${kind} of the run before are kept`,
      );
    }
  }
  (await bench.project.up()).succeeded();
  await assertConverged(bench, expectedNames(planOf("phase1")));
});

test("an action that fails after its server was made leaves no second server", async (t) => {
  const bench = await startBench(t, "phase1");
  await addFault(bench, { times: 1, effect: { type: "action_failure", command: "attach_volume" } });
  const failed = await bench.project.up();
  assert.notEqual(failed.code, 0);
  assert.match(failed.errors(), /server-1-data-attachment|[Aa]ction failed/);
  await clearFaults(bench);
  (await bench.project.up()).succeeded();
  await assertConverged(bench, expectedNames(planOf("phase1")));
});

test("an API that hangs ends the run with the request that got no answer", async (t) => {
  const bench = await startBench(t, "phase1", { env: { STAND_IN_REQUEST_TIMEOUT_MS: "1500" } });
  await addFault(bench, { method: "POST", path: "/ssh_keys", effect: { type: "hang" } });
  const failed = await bench.project.up({ timeoutMs: 60_000 });
  assert.notEqual(failed.code, 0);
  assert.match(failed.errors(), /POST .*\/ssh_keys: no answer within 1\.5 s/);
  await clearFaults(bench);
});
