import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildDir } from "../../cli/engine/build.ts";
import type { EngineSearch } from "../../cli/engine/probe.ts";
import { findOnPath } from "../../cli/engine/probe.ts";
import { findEngine, resolveEngine } from "../../cli/engine/resolve.ts";
import { isSuitable, parseVersion, pinnedVersion } from "../../cli/engine/version.ts";
import { Fault } from "../../cli/errors.ts";
import { repoRoot } from "../../cli/paths.ts";
import type { Progress } from "../../cli/progress.ts";

/** A machine with nothing but what a test puts on it. */
type Machine = {
  readonly search: EngineSearch;
  readonly bin: string;
  readonly log: () => readonly string[];
  put(name: string, text: string): void;
  steps: string[];
  readonly progress: Progress;
};

const script = (text: string): string => `#!/bin/sh\n${text}\n`;
const fakePulumi = (version: string): string => script(`echo ${version}`);

function executable(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

function machine(t: TestContext): Machine {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "chitlaq-engine-")));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const bin = join(base, "bin");
  mkdirSync(bin);
  mkdirSync(join(base, "cache"));
  for (const tool of ["sh", "mkdir", "cat", "chmod", "cp"])
    symlinkSync(findOnPath(tool, process.env) ?? "", join(bin, tool));
  const steps: string[] = [];
  const logFile = join(base, "log");
  return {
    search: {
      repoRoot,
      cacheDir: join(base, "cache"),
      env: { PATH: bin, HOME: base, LOG: logFile },
      signal: new AbortController().signal,
      killSignal: new AbortController().signal,
    },
    bin,
    log: () => (existsSync(logFile) ? readFileSync(logFile, "utf8").trim().split("\n") : []),
    put: (name, text) => executable(join(bin, name), text),
    steps,
    progress: {
      step: async (title, work) => {
        steps.push(title);
        return work(() => undefined);
      },
      say: (line) => void steps.push(line),
    },
  };
}

/** The installer as every version of it works: into `$HOME/.pulumi/bin`. */
const installer = (version: string): string => `#!/bin/sh
echo "installer $*" >>"$LOG"
mkdir -p "$HOME/.pulumi/bin"
printf '#!/bin/sh\\necho v${version}\\n' >"$HOME/.pulumi/bin/pulumi"
cp "$HOME/.pulumi/bin/pulumi" "$HOME/.pulumi/bin/pulumi-language-nodejs"
chmod +x "$HOME/.pulumi/bin/"*
`;

/** `curl … -o FILE URL` that delivers the installer. */
const curlWith = (body: string): string => `#!/bin/sh
echo "curl $*" >>"$LOG"
while [ "$1" != "-o" ]; do shift; done
cat >"$2" <<'INSTALLER'
${body}INSTALLER
`;

const curlRefused = script('echo "curl $*" >>"$LOG"; exit 7');

/** `go build … -o FILE …` that writes an engine. */
const go = `#!/bin/sh
echo "go $*; $GOFLAGS $GOWORK $PWD" >>"$LOG"
[ "$1" != version ] || { echo "go version go1.26.8 linux/amd64"; exit 0; }
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\necho v${pinnedVersion}\\n' >"$2"
chmod +x "$2"
`;

test("reads versions and knows which will do", () => {
  assert.equal(parseVersion("v3.250.0\n"), "3.250.0");
  assert.equal(parseVersion("3.260.1-alpha.2\n"), "3.260.1-alpha.2");
  assert.equal(parseVersion("warning: newer version\nv3.251.0\n"), "3.251.0");
  assert.equal(parseVersion("\n"), undefined, "an unstamped build prints nothing");
  for (const good of ["3.250.0", "3.999.1"]) assert.equal(isSuitable(good), true, good);
  for (const bad of ["3.249.9", "2.300.0", "4.0.0"]) assert.equal(isSuitable(bad), false, bad);
});

test("the pinned version is the one tools/engine builds", () => {
  const module = readFileSync(join(repoRoot, "tools", "engine", "go.mod"), "utf8");
  assert.match(module, new RegExp(`github\\.com/pulumi/pulumi/pkg/v3 v${pinnedVersion.replaceAll(".", "\\.")}\\b`));
});

test("a suitable engine on PATH is used, and nothing else is tried", async (t) => {
  const host = machine(t);
  host.put("pulumi", fakePulumi("v3.271.0"));
  host.put("pulumi-language-nodejs", script(""));
  host.put("curl", curlWith(installer(pinnedVersion)));
  host.put("go", go);
  const engine = await resolveEngine(host.search, host.progress);
  assert.deepEqual(engine, {
    pulumi: join(host.bin, "pulumi"),
    version: "3.271.0",
    origin: "path",
    languageHost: { path: join(host.bin, "pulumi-language-nodejs"), official: true },
  });
  assert.deepEqual(host.log(), []);
});

test("a later suitable engine on PATH is found behind an unsuitable one", async (t) => {
  const host = machine(t);
  const second = join(host.bin, "second");
  mkdirSync(second);
  host.put("pulumi", fakePulumi("v3.10.0"));
  executable(join(second, "pulumi"), fakePulumi("v3.250.0"));
  executable(join(second, "pulumi-language-nodejs"), script(""));
  const search = { ...host.search, env: { ...host.search.env, PATH: `${host.bin}:${second}` } };
  const { engine, rejected } = await findEngine(search);
  assert.equal(engine?.pulumi, join(second, "pulumi"));
  assert.deepEqual(rejected, [`${join(host.bin, "pulumi")}: version 3.10.0 is not in the range`]);
});

const unsuitable: readonly (readonly [string, string, boolean, RegExp])[] = [
  ["too old", fakePulumi("v3.249.0"), true, /version 3\.249\.0 is not in the range/],
  ["of the next major version", fakePulumi("v4.0.0"), true, /version 4\.0\.0 is not in the range/],
  ["without a version stamp", fakePulumi(""), true, /no version stamp/],
  ["that does not start", script("exit 3"), true, /does not work/],
  ["without a language host", fakePulumi("v3.250.0"), false, /no pulumi-language-nodejs/],
];
for (const [what, text, withHost, reason] of unsuitable) {
  test(`an engine ${what} is passed over with the reason`, async (t) => {
    const host = machine(t);
    host.put("pulumi", text);
    if (withHost) host.put("pulumi-language-nodejs", script(""));
    const { engine, rejected } = await findEngine(host.search);
    assert.equal(engine, undefined);
    assert.match(rejected.join("\n"), reason);
  });
}

test("the installer comes before a build, with a pinned version and a short patience", async (t) => {
  const host = machine(t);
  host.put("curl", curlWith(installer(pinnedVersion)));
  host.put("go", go);
  const engine = await resolveEngine(host.search, host.progress);
  assert.equal(engine.origin, "installer");
  assert.equal(engine.pulumi, join(host.search.cacheDir, "pulumi", pinnedVersion, "bin", "pulumi"));
  assert.equal(engine.languageHost.official, true);
  const [curl, install, ...others] = host.log();
  assert.match(curl ?? "", /--connect-timeout 3 --max-time 15 .* https:\/\/get\.pulumi\.com$/);
  assert.equal(install, `installer --version ${pinnedVersion}`);
  assert.deepEqual(others, []);
  assert.deepEqual(readdirSync(join(host.search.cacheDir, "pulumi")).sort(), [pinnedVersion, "lock"]);

  const again = await resolveEngine(host.search, host.progress);
  assert.deepEqual(again, engine);
  assert.equal(host.log().length, 2, "the second time it is there");
});

test("where the installer does not answer, the engine is built once and gets our language host", async (t) => {
  const host = machine(t);
  host.put("curl", curlRefused);
  host.put("go", go);
  const engine = await resolveEngine(host.search, host.progress);
  assert.equal(engine.origin, "built");
  assert.equal(engine.pulumi, join(buildDir(host.search), "pulumi"));
  assert.equal(engine.languageHost.official, false);
  assert.match(readFileSync(engine.languageHost.path, "utf8"), /langhost\.ts/);
  assert.match(host.steps.join("\n"), /not to be had: https:\/\/get\.pulumi\.com did not answer \(curl exit code 7\)/);
  const build = host.log().find((line) => line.startsWith("go build")) ?? "";
  assert.match(build, new RegExp(`version\\.Version=v${pinnedVersion.replaceAll(".", "\\.")}`));
  assert.match(build, /-trimpath/);
  assert.ok(build.endsWith(`; -mod=readonly off ${join(repoRoot, "tools", "engine")}`), build);

  const calls = host.log().length;
  assert.deepEqual(await resolveEngine(host.search, host.progress), engine);
  assert.equal(host.log().length, calls);
});

test("two first runs at once build one engine", async (t) => {
  const host = machine(t);
  host.put("curl", curlRefused);
  host.put("go", go);
  const [one, two] = await Promise.all([
    resolveEngine(host.search, host.progress),
    resolveEngine(host.search, host.progress),
  ]);
  assert.deepEqual(one, two);
  assert.equal(host.log().filter((line) => line.startsWith("go build")).length, 1);
});

test("our own engine on PATH does not pass for an official one", async (t) => {
  const host = machine(t);
  host.put("curl", curlRefused);
  host.put("go", go);
  const { pulumi } = await resolveEngine(host.search, host.progress);
  const search = { ...host.search, env: { ...host.search.env, PATH: `${join(pulumi, "..")}:${host.bin}` } };
  const { engine } = await findEngine(search);
  assert.equal(engine?.origin, "built");
  assert.equal(engine?.languageHost.official, false);
});

test("without Go, curl or an engine the three ways out are named, with what is wrong with the one that is there", async (t) => {
  const host = machine(t);
  host.put("pulumi", fakePulumi("v3.10.0"));
  await assert.rejects(resolveEngine(host.search, host.progress), (error: unknown) => {
    assert.ok(error instanceof Fault);
    assert.match(error.message, /version 3\.10\.0 is not in the range/);
    assert.match(error.message, /Go is not on PATH/);
    assert.equal(error.fixes.length, 3);
    assert.match(error.fixes.join("\n"), /pulumi\.com\/docs\/install[\s\S]*go\.dev[\s\S]*get\.pulumi\.com/);
    return true;
  });
});

test("a Go that is too old is not tried", async (t) => {
  const host = machine(t);
  host.put("curl", curlRefused);
  host.put("go", script("echo go version go1.19.8 linux/amd64"));
  await assert.rejects(resolveEngine(host.search, host.progress), /Go 1\.24 or newer is needed, found 1\.19\.8/);
});

test("a build that fails shows the compiler's words and leaves nothing half-made", async (t) => {
  const host = machine(t);
  host.put("curl", curlRefused);
  host.put(
    "go",
    script('[ "$1" != version ] || { echo go version go1.26.8; exit 0; }; echo no space left >&2; exit 1'),
  );
  await assert.rejects(resolveEngine(host.search, host.progress), /could not be built:\nno space left/);
  assert.deepEqual(readdirSync(join(host.search.cacheDir, "engine")), ["lock"]);
});
