/** The command against the real sample application in memory: no proof of any platform's speed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readMeasured } from "../../../cost/forecast/measured.ts";
import type { Figures } from "../../../cli/loadtest/figures.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { type Finished, run } from "../../../cli/process/run.ts";
import { type SampleApp, skip, startSampleApp } from "./sample-app.ts";

const chitlaq = (...args: readonly string[]): Promise<Finished> =>
  run(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(repoRoot, "cli", "main.ts"), "loadtest", ...args],
    { cwd: tmpdir() },
  );

type Json = Figures & { readonly users: number };

async function loadJson(
  app: SampleApp,
  ...more: readonly string[]
): Promise<{ readonly code: number | null; readonly json: Json }> {
  const ended = await chitlaq(app.url, "--rate", "100", "--duration", "3", "--users", "5", "--json", ...more);
  assert.notEqual(ended.stdout, "", ended.stderr);
  return { code: ended.code, json: JSON.parse(ended.stdout) as Json };
}

const kindOf = ({ kinds }: Figures, wanted: string) => {
  const found = kinds.find(({ kind }) => kind === wanted);
  assert.ok(found);
  return found;
};

test("a fast platform passes: every kind reaches the application, in its share", { skip }, async (t) => {
  const app = await startSampleApp(t);
  const { code, json } = await loadJson(app);
  // Time on a busy machine is no test; `open-loop.test.ts` has the verdicts.
  assert.equal(code, json.passed ? 0 : 1);
  assert.deepEqual([json.errorPercent, json.users], [0, 5]);
  assert.equal(
    json.kinds.reduce((sum, { calls }) => sum + calls, 0),
    300,
  );
  assert.deepEqual([app.asked.get("register"), app.asked.get("follow")], [5, 15]);
  assert.equal(app.asked.get("feed"), kindOf(json, "feed").calls);
  assert.equal(app.asked.get("message"), kindOf(json, "message").calls);
  assert.equal(app.asked.get("post"), kindOf(json, "post").calls + 5);
  assert.ok(Math.abs(kindOf(json, "feed").calls - 135) <= 3 && kindOf(json, "message").calls >= 20);
});

test("a slow statement is measured as slow, and the command ends with 1", { skip }, async (t) => {
  const app = await startSampleApp(t);
  app.database = (name) => (name === "feed" || name === "message" ? 230 : 0);
  const { code, json } = await loadJson(app);
  assert.equal(code, 1);
  for (const kind of ["feed", "message"]) {
    const { p50Ms, p95Ms } = kindOf(json, kind);
    assert.ok((p50Ms ?? 0) >= 230 && (p95Ms ?? 0) < 3000, `${kind}: ${p50Ms}, ${p95Ms}`);
  }
  const missed = json.thresholds.filter(({ met }) => met === false).map(({ what }) => what);
  assert.deepEqual(
    missed.filter((what) => /feed|message/.test(what)),
    ["p95 of feed", "p95 of message"],
  );
});

test("refused requests and lost messages are told by their reason, as text too", { skip }, async (t) => {
  const app = await startSampleApp(t);
  app.database = (name) => {
    if (name === "feed") throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    return 0;
  };
  const { code, stdout } = await chitlaq(app.url, "--rate", "40", "--duration", "1", "--users", "3");
  assert.equal(code, 1);
  assert.match(stdout, /│ feed +│ 45\.0 % │ +\d+ │ +\d+ │ .*│ \d+ × status 503 +│/);
  assert.match(stdout, /^MISSED {2}failed calls: [\d.]+ % of 0\.1 % \(capacity plan, Success Metrics: uptime\)$/m);
});

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "loadtest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a ramp finds where the application gives in, and the forecast reads it", { skip }, async (t) => {
  const app = await startSampleApp(t);
  // From here on it is too slow: the fourth step of 20, 30, 45, 68 a second.
  let asked = 0;
  app.database = (name) => {
    if (name === "feed") asked += 1;
    return name === "feed" && asked > 43 ? 300 : 0;
  };
  const file = join(folderFor(t), "measured.yaml");
  writeFileSync(file, "phase1:\n  requestsPerSecond: 900\n  source: an earlier test\n");
  const ended = await chitlaq(
    app.url,
    "--ramp",
    "--rate",
    "20",
    "--duration",
    "1",
    "--users",
    "4",
    "--measured",
    file,
    "--stage",
    "phase2",
  );
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.match(ended.stdout, /requests a second met every threshold; the next step missed a threshold\.\nWritten to /);
  const measured = readMeasured(file);
  assert.equal(measured.phase1?.requestsPerSecond, 900);
  const found = measured.phase2?.requestsPerSecond ?? 0;
  assert.ok(found >= 36 && found <= 45, String(found));
  const forecast = await run(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    join(repoRoot, "cli", "main.ts"),
    "forecast",
    "--measured",
    file,
    "--months",
    "6",
  ]);
  assert.equal(forecast.code, 0, forecast.stderr);
});

test("faults of the caller are told before anything is loaded", async (t) => {
  const { stderr, code } = await chitlaq("http://127.0.0.1:1", "--rate", "many");
  assert.deepEqual([code, stderr], [1, "--rate: many given, it is a number of 0.1 to 100000\n"]);
  const file = join(folderFor(t), "m.yaml");
  assert.match(
    (await chitlaq("http://127.0.0.1:1", "--measured", file)).stderr,
    /a single rate is no limit\n {2}add --ramp/,
  );
  assert.match(
    (await chitlaq("http://127.0.0.1:1", "--ramp", "--measured", file)).stderr,
    /--stage: none given[\s\S]*phase1-upgraded/,
  );
  assert.equal(existsSync(file), false);
  assert.match(
    (await chitlaq("http://127.0.0.1:1")).stderr,
    /^Bringing 16 users online[\s\S]*http:\/\/127\.0\.0\.1:1: /,
  );
  assert.match((await chitlaq("phase2", "--instance", "never-ran")).stderr, /not running, or not with machines/);
});
