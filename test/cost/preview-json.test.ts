import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { costOutput } from "../../cost/estimate.ts";
import { costDiffSchema, type CostDiff } from "../../cost/schema/cost-diff.ts";
import type { Plan } from "../../plan/types.ts";
import { book, planOf, type Raw, rawPlatform, run } from "./support.ts";

/**
 * Previews as the engine prints them, made up from plans: the engine's own are compared in preview-json.engine.test.ts.
 */

type Step = {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: unknown;
  readonly newState?: { readonly inputs?: Readonly<Record<string, unknown>>; readonly parent?: string };
};

const urn = (types: string, name: string): string => `urn:pulumi:test::chitlaq::${types}::${name}`;

const server = "hcloud:index/server:Server";
const volume = "hcloud:index/volume:Volume";

const machineUrn = (machine: string): string => urn("chitlaq:tier:Tier$chitlaq:machine:Machine", machine);

const serverStep = (op: string, machine: string, inputs: Readonly<Record<string, unknown>>): Step => ({
  op,
  urn: urn(`chitlaq:machine:Machine$${server}`, `${machine}-server`),
  newState: {
    parent: machineUrn(machine),
    inputs: { location: "fsn1", backups: false, labels: { role: "api" }, ...inputs },
  },
});

const outputsOf = (plan: Plan) => ({
  cost: costOutput(plan, book),
  limits: plan.currentLimits,
  machines: Object.fromEntries(plan.machines.map(({ name, role, serverType }) => [name, { role, serverType }])),
});

const documentOf = (raw: Raw, deployed: Plan | null, steps: readonly Step[], more: object = {}): string =>
  JSON.stringify({
    config: { "chitlaq:platform": JSON.stringify(raw) },
    steps: [
      {
        op: "same",
        urn: urn("pulumi:pulumi:Stack", "chitlaq-test"),
        ...(deployed === null ? {} : { oldState: { outputs: outputsOf(deployed) } }),
        newState: {},
      },
      ...steps,
    ],
    diagnostics: null,
    ...more,
  });

const phase2 = (overrides: Raw = {}): Raw =>
  rawPlatform(2, { location: "fsn1", backups: { objectStorage: "hel1" }, ...overrides });

type Cleanup = { readonly after: (work: () => void) => void };

function fileOf(t: Cleanup, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "preview-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "preview.json");
  writeFileSync(path, text);
  return path;
}

async function priced(t: Cleanup, text: string): Promise<CostDiff["stacks"][number]> {
  const { out, err } = await run(["cost", "preview-json", fileOf(t, text), "--json"]);
  assert.equal(err, "");
  const [stack] = costDiffSchema.parse(JSON.parse(out)).stacks;
  assert.ok(stack);
  return stack;
}

test("a preview that changes nothing costs nothing", async (t) => {
  const raw = phase2();
  const stack = await priced(t, documentOf(raw, planOf(raw), []));
  assert.deepEqual([stack.state, stack.delta.monthlyNet.eur], ["unchanged", "0.0000"]);
});

test("what is priced is what the engine would do, not what the plan says", async (t) => {
  const raw = phase2({ api: { serverType: "ccx23" } });
  // The plan has two ccx23; the engine reports one of them as a ccx33 and leaves a third machine behind.
  const steps = [
    serverStep("update", "api-1", { serverType: "ccx33" }),
    serverStep("create", "api-9", { serverType: "ccx13", backups: true }),
  ];
  const stack = await priced(t, documentOf(raw, planOf(raw), steps));
  assert.deepEqual(
    stack.lines.map((line) => [line.kind, line.id, line.delta.monthlyNet.eur]),
    [
      ["resized", "server:api-1", "52.5000"], // 138.49 - 85.99
      ["added", "server:api-9", "42.9900"],
      ["added", "server-backups:api-9", "8.5980"], // 20 %
    ],
  );
});

test("a replacement costs a day of two machines even when the new one costs the same", async (t) => {
  const raw = phase2({ api: { serverType: "ccx23" } });
  const stack = await priced(
    t,
    documentOf(raw, planOf(raw), [serverStep("replace", "api-1", { serverType: "ccx23" })]),
  );
  assert.deepEqual(
    stack.lines.map((line) => [line.kind, line.id, line.delta.monthlyNet.eur, line.oneTime.eur]),
    [["replaced", "server:api-1", "0.0000", "3.3072"]], // 24 * 0.1378
  );
});

test("a replaced server is a new order: it loses the price it kept", async (t) => {
  const raw = phase2({ api: { serverType: "ccx23", orderedAt: "2026-05-02" } });
  const stack = await priced(
    t,
    documentOf(raw, planOf(raw), [serverStep("replace", "api-1", { serverType: "ccx23" })]),
  );
  const [line] = stack.lines;
  assert.deepEqual([line?.kind, line?.delta.monthlyNet.eur], ["replaced", "54.5000"]); // 85.99 - 31.49
  assert.match(stack.warnings.map((warning) => warning.message).join("\n"), /api-1 leaves 31\.49 EUR a month/);
});

test("deleted machines and grown volumes", async (t) => {
  const raw = phase2();
  const deployed = planOf(phase2({ api: { count: 3, serverType: "ccx23" } }));
  const steps: readonly Step[] = [
    { op: "delete", urn: urn(`chitlaq:machine:Machine$${server}`, "api-3-server") },
    {
      op: "update",
      urn: urn(`chitlaq:machine:Machine$${volume}`, "db-1-data"),
      newState: { parent: machineUrn("db-1"), inputs: { location: "fsn1", size: 150, labels: { role: "database" } } },
    },
  ];
  const stack = await priced(t, documentOf(raw, deployed, steps));
  assert.deepEqual(
    stack.lines.map((line) => [line.kind, line.id, line.delta.monthlyNet.eur]),
    [
      ["resized", "volume:db-1-data", "2.8600"], // 50 * 0.0572
      ["removed", "server:api-3", "-85.9900"],
    ],
  );
});

test("what no resource stands for comes from the config: Cloudflare's plan, traffic at the expected users", async (t) => {
  const before = phase2();
  const after = phase2({ edge: { plan: "business" }, users: { expected: 1_000_000 } });
  const stack = await priced(t, documentOf(after, planOf(before), []));
  assert.deepEqual(
    stack.lines.map((line) => [line.kind, line.id]),
    [
      ["resized", "cloudflare-plan:chitlaq.com"],
      ["added", "traffic:overage"],
    ],
  );
});

test("a stack that does not exist yet is new", async (t) => {
  const stack = await priced(t, documentOf(phase2(), null, [serverStep("create", "api-1", { serverType: "ccx23" })]));
  assert.equal(stack.state, "added");
  assert.ok(stack.lines.some((line) => line.id === "server:api-1"));
});

test("several previews make one report, and two of one stack are refused", async (t) => {
  const raw = phase2();
  const first = fileOf(t, documentOf(raw, planOf(raw), []));
  const second = fileOf(t, documentOf(raw, planOf(raw), []).replaceAll("urn:pulumi:test::", "urn:pulumi:other::"));
  const { out } = await run(["cost", "preview-json", first, second]);
  assert.match(out, /^test \(phase 2 in fsn1\), unchanged/m);
  assert.match(out, /^other \(phase 2 in fsn1\), unchanged/m);
  const twice = await run(["cost", "preview-json", first, first]);
  assert.deepEqual([twice.code, twice.err], [1, "test: two previews of one stack; give one of each"]);
});

test("gates hold for previews as they do for commits", async (t) => {
  const raw = phase2({ billing: { maxIncrease: "10eur" } });
  const file = fileOf(t, documentOf(raw, planOf(raw), [serverStep("create", "api-9", { serverType: "ccx13" })]));
  const { out, code } = await run(["cost", "preview-json", file]);
  assert.equal(code, 3);
  assert.match(out, /^Gate {5}test rises by 42\.99 EUR a month, allowed is 10eur$/m);
});

test("a preview that failed, or is none, is not priced", async (t) => {
  const raw = phase2();
  const failed = { diagnostics: [{ severity: "error", message: "unable to replace db-1: it is protected" }] };
  const unknown = serverStep("create", "api-9", { serverType: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" });
  const cases: readonly (readonly [string, RegExp])[] = [
    [documentOf(raw, planOf(raw), [], failed), /the preview ended with errors[\s\S]*unable to replace db-1/],
    ["Previewing update", /is not JSON; write it with pulumi preview --json/],
    ['{"steps": 1}', /is not a preview/],
    [JSON.stringify({ config: { "chitlaq:platform": "{}" }, steps: [] }), /has no stack in it/],
    [
      JSON.stringify({ config: {}, steps: [{ op: "same", urn: urn("pulumi:pulumi:Stack", "chitlaq-test") }] }),
      /has no chitlaq:platform in its config/,
    ],
    [documentOf(raw, planOf(raw), [unknown]), /^no price for server:04da6b54/],
    [
      documentOf(raw, planOf(raw), [{ ...serverStep("create", "api-9", {}), newState: { inputs: {} } }]),
      /^api-9-server: the preview does not know its location/,
    ],
    [documentOf({ ...raw, phase: 7 }, planOf(raw), []), /phase: 7 given/],
    [
      documentOf(raw, planOf(raw), []).replaceAll('"version":1', '"version":0'),
      /the deployed stack has no cost output that this version can read/,
    ],
  ];
  for (const [text, message] of cases) {
    const { err, code } = await run(["cost", "preview-json", fileOf(t, text)]);
    assert.equal(code, 1, String(message));
    assert.match(err, message);
  }
  const missing = await run(["cost", "preview-json", "nowhere.json"]);
  assert.match(missing.err, /^nowhere\.json: cannot be read/);
});
