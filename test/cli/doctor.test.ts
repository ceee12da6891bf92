import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseAptPackages, readAptPackages } from "../../cli/doctor/apt.ts";
import { type Check, runChecks } from "../../cli/doctor/checks.ts";
import { reportLines } from "../../cli/doctor/doctor.ts";
import { repoRoot } from "../../cli/paths.ts";

/** Checks on a machine whose PATH is empty. */
async function checksOnBareMachine(t: TestContext): Promise<readonly Check[]> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "chitlaq-doctor-")));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  mkdirSync(join(base, "cache"));
  const signal = new AbortController().signal;
  const search = {
    repoRoot,
    cacheDir: join(base, "cache"),
    env: { PATH: join(base, "bin"), HOME: base },
    signal,
    killSignal: signal,
  };
  return runChecks(search, join(base, "home"));
}

test("a bare machine: what is missing, and a way to get each of it", async (t) => {
  const checks = await checksOnBareMachine(t);
  const named = (name: string): Check => {
    const found = checks.find((check) => check.name === name);
    assert.ok(found, `no check named ${name}`);
    return found;
  };
  assert.equal(named("node").status, "present");
  assert.equal(named("packages").status, "present");
  assert.equal(named("engine").status, "missing");
  assert.match(named("engine").found, /no pulumi on PATH; Go is not on PATH/);
  assert.match(named("engine").fix ?? "", /pulumi\.com\/docs\/install.*go\.dev/);
  assert.equal(named("plugin hcloud").status, "optional");
  assert.match(named("plugin hcloud").fix ?? "", /pulumi plugin install resource hcloud \d/);
  for (const { status, fix } of checks) assert.equal(fix === null, status === "present");
});

test("programs of the Debian packages are looked for by purpose, with one command for all that is missing", async (t) => {
  for (const { name, status, found, fix } of (await checksOnBareMachine(t)).filter((check) =>
    check.name.startsWith("for "),
  )) {
    if (status === "present") continue;
    assert.match(fix ?? "", /^apt-get install --no-install-recommends \S+/, name);
    assert.match(found, /not found$/);
  }
});

test("the report shows a mark, the finding and the way out on a line of its own", () => {
  const checks: readonly Check[] = [
    { name: "node", status: "present", found: "v24", fix: null },
    { name: "engine", status: "missing", found: "none", fix: "install it" },
  ];
  const lines = reportLines(checks, (status, mark) => `<${status}:${mark}>`);
  assert.deepEqual(lines, ["<present:ok>  node    v24", "<missing:!!>  engine  none", "            install it"]);
});

test("the package list: headings give the purpose, faults give file, line and text", () => {
  const text = "# comment\n\n[tests] judges the emulator\nhcloud-cli hcloud\nlibc6.x+y prog-ram\n";
  assert.deepEqual(parseAptPackages(text), [
    {
      purpose: "tests",
      use: "judges the emulator",
      packages: [
        { name: "hcloud-cli", program: "hcloud" },
        { name: "libc6.x+y", program: "prog-ram" },
      ],
    },
  ]);
  assert.throws(() => parseAptPackages("[tests] use\nhcloud-cli"), /apt-packages\.txt:2: "hcloud-cli"/);
  assert.throws(() => parseAptPackages("hcloud-cli hcloud"), /apt-packages\.txt:1/);
});

test("the repository's list names no package twice", () => {
  const names = readAptPackages(repoRoot).flatMap(({ packages }) => packages.map(({ name }) => name));
  assert.deepEqual(names, [...new Set(names)]);
});
