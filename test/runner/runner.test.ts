import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { repoRoot } from "../../cli/paths.ts";
import { run } from "../../cli/process/run.ts";
import { batches, findTestFiles, tierOf } from "./files.ts";
import { count, type FileResult, fileReport, finalReport } from "./result.ts";
import { runFile } from "./run-file.ts";

/** Runs a test file with this text. */
async function resultOf(t: TestContext, text: string, limitSeconds = 30): Promise<FileResult> {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-runner-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const head = 'import { test, describe, it } from "node:test";\n';
  writeFileSync(join(root, "sample.test.ts"), `${head}${text}`);
  return runFile({ root, file: "sample.test.ts", limitSeconds, scratch: root });
}

const outcomes = ({ tests }: FileResult) => tests.map(({ path, outcome, detail }) => [path.join("/"), outcome, detail]);

test("every test counts once, with its reason when it is skipped; suites do not count", async (t) => {
  const result = await resultOf(
    t,
    `test("plain", () => {});
     test("by call", (t) => t.skip("no nginx"));
     test("by option", { skip: "not on macOS" }, () => {});
     test("unfinished", { todo: "next week" }, () => {});
     describe("suite", () => { it("inner", () => {}); it.skip("left out", () => {}); });
     describe.skip("whole suite", () => { it("never seen", () => {}); });
     test("outer", async (t) => { await t.test("inner", () => {}); });`,
  );
  assert.deepEqual(outcomes(result), [
    ["plain", "passed", ""],
    ["by call", "skipped", "no nginx"],
    ["by option", "skipped", "not on macOS"],
    ["unfinished", "skipped", "to do: next week"],
    ["suite/inner", "passed", ""],
    ["suite/left out", "skipped", "no reason given"],
    ["whole suite", "skipped", "no reason given"],
    ["outer/inner", "passed", ""],
    ["outer", "passed", ""],
  ]);
});

test("a failure shows its message and what the file printed", async (t) => {
  const result = await resultOf(t, 'console.log("hint"); test("bad", () => { throw new Error("no room"); });');
  assert.equal(result.tests[0]?.outcome, "failed");
  const report = fileReport(result);
  assert.match(report, /^FAIL sample\.test\.ts {2}0 passed, 1 failed \(\d+\.\d s\)\n {2}✗ bad\n {6}Error: no room\n/);
  assert.match(report, /printed:\n {6}hint$/);
});

test("what tests measured stands below their file, also when it passed", async (t) => {
  const result = await resultOf(t, 'test("fine", (t) => { t.diagnostic("failover: 22.4 s"); });');
  assert.match(fileReport(result), /^ok {3}sample\.test\.ts {2}1 passed \(\d+\.\d s\)\n {7}failover: 22\.4 s$/);
});

const faults: readonly (readonly [string, string, RegExp])[] = [
  ["that holds no test", "", /^no test ended \(exit code 0/],
  ["that cannot be loaded", 'throw new Error("broken");', /^no test ended \(exit code 1/],
  [
    "that ends before its tests",
    'test("one", () => {}); test("two", () => process.exit(5));',
    /exit code 5|no test ended/,
  ],
  [
    "that never ends",
    'test("hangs", () => new Promise(() => { setInterval(() => {}, 1000); }));',
    /still running after 4 s and was ended, in "hangs"/,
  ],
  [
    "that leaves the event loop busy",
    'test("fine", () => { setInterval(() => {}, 1000); });',
    /still running after 4 s and was ended, after "fine"/,
  ],
];
/** Long enough for Node to begin the tests on a busy machine. */
const limitSeconds = 4;
for (const [what, text, message] of faults) {
  test(`a file ${what} is a failure`, async (t) => {
    const { tests } = await resultOf(t, text, limitSeconds);
    const own = tests.find(({ path }) => path[0] === "the file itself");
    assert.equal(own?.outcome, "failed");
    assert.match(own.detail, message);
  });
}

test("the final report lists skips with reasons and failures, and ends with the counts alone on a line", () => {
  const results: readonly FileResult[] = [
    {
      file: "a.test.ts",
      notes: [],
      seconds: 1,
      output: "",
      tests: [
        { path: ["x"], outcome: "passed", detail: "" },
        { path: ["s", "y"], outcome: "skipped", detail: "no root" },
        { path: ["z"], outcome: "failed", detail: "boom" },
      ],
    },
    { file: "b.test.ts", notes: [], seconds: 1, output: "", tests: [{ path: ["x"], outcome: "passed", detail: "" }] },
  ];
  assert.deepEqual(count(results), { passed: 2, failed: 1, skipped: 1 });
  assert.deepEqual(finalReport(results).split("\n"), [
    "",
    "Skipped:",
    "  a.test.ts: s › y (no root)",
    "",
    "Failed:",
    "  a.test.ts: z",
    "",
    "2 passed, 1 failed, 1 skipped",
  ]);
});

test("a file's tier is its folder's unless its name says otherwise", () => {
  assert.equal(tierOf("test/plan/network.test.ts"), "quick");
  assert.equal(tierOf("test/engine/phase1.test.ts"), "engine");
  assert.equal(tierOf("test/cli/local.engine.test.ts"), "engine");
  assert.equal(tierOf("test/machines/boot.test.ts"), "machines");
  assert.equal(tierOf("test/local/machines/life.machines.test.ts"), "machines");
});

test("files are found below test/, sorted, and filtered by parts of their names", (t) => {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-files-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ["test/b", "test/a", "src"]) mkdirSync(join(root, folder), { recursive: true });
  for (const file of ["test/b/x.test.ts", "test/a/y.test.ts", "test/a/help.ts", "src/z.test.ts"]) {
    writeFileSync(join(root, file), "");
  }
  assert.deepEqual(findTestFiles(root), ["test/a/y.test.ts", "test/b/x.test.ts"]);
  assert.deepEqual(findTestFiles(root, ["b/"]), ["test/b/x.test.ts"]);
});

test("files that measure run before the others, and they exist", () => {
  const files = findTestFiles(repoRoot);
  const [first, others, ...more] = batches(files);
  assert.deepEqual(first, ["test/machines/failover.test.ts", "test/machines/service.test.ts"]);
  assert.equal(others?.[0], "test/machines/restore.test.ts");
  assert.deepEqual([...(first ?? []), ...(others ?? [])].toSorted(), [...files]);
  assert.deepEqual(more, []);
  assert.deepEqual(batches([]), []);
});

const command = (args: readonly string[]) =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", join(repoRoot, "test", "run.ts"), ...args]);

test("a run in which nothing ran is no success", async () => {
  const { code, stdout } = await command(["no-such-file"]);
  assert.equal(code, 1);
  assert.equal(stdout.trimEnd().split("\n").at(-1), "0 passed, 0 failed, 0 skipped");
});

test("an unknown tier is refused with the known ones", async () => {
  const { code, stderr } = await command(["--tier", "fast"]);
  assert.equal(code, 1);
  assert.match(stderr, /--tier: fast given, use quick, engine, machines/);
});
