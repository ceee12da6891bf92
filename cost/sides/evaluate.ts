import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CommandError } from "../commands/io.ts";
import { bookDirectory, loadPriceBook } from "../prices/book.ts";
import { takeSnapshot } from "../snapshot/take.ts";
import { type Snapshot, snapshotVersion } from "../snapshot/types.ts";
import { changedSince, extract, holds } from "./git.ts";
import { ownRoot, type Side } from "./side.ts";

/** Which code planned and priced a side. */
export type CodeUsed =
  /** The code that is running: the side's own is the same, or the side has none. */
  | { readonly kind: "running" }
  /** The side's own code, in a process of its own, because these files differ. */
  | { readonly kind: "own"; readonly changed: readonly string[] }
  /** The running code, although the side's own differs: it is too old to be asked. */
  | { readonly kind: "substitute"; readonly changed: readonly string[]; readonly why: string };

export type Evaluated = { readonly snapshot: Snapshot; readonly code: CodeUsed };

export type EvaluateOptions = { readonly at: string | null; readonly usdPerEur: string | null };

/** What decides about a plan and its cost. Prices are data: each side uses its own. */
const codePaths = ["config", "plan", "cost", "package-lock.json", ":(exclude)cost/prices/data"] as const;

const pricePath = "cost/prices/data";
const snapshotProgram = "cost/snapshot/main.ts";

/** A process of a side's own code gets no more than this, so that no token reaches the code of a pull request. */
const bareEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, HOME: process.env.HOME });

/** A snapshot of a few stacks takes a second; a process that needs a minute hangs. */
const timeoutMs = 60_000;

const withTemporary = async <T>(work: (directory: string) => T | Promise<T>): Promise<T> => {
  const directory = mkdtempSync(join(tmpdir(), "chitlaq-cost-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await work(directory);
  } finally {
    process.off("exit", remove);
    remove();
  }
};

/** This code over the stack files and, where it has one, the price book of a folder. */
function withRunningCode(directory: string, stacks: string, options: EvaluateOptions): Snapshot {
  const prices = join(directory, pricePath);
  const book = loadPriceBook(existsSync(prices) ? prices : bookDirectory);
  if (!existsSync(stacks)) return { version: snapshotVersion, bookDate: book.date, stacks: [] };
  return takeSnapshot({ stacksDirectory: stacks, book, ...options });
}

const run = promisify(execFile);

/** A checkout's own code over its own files, in a process of its own. */
async function withOwnCode(directory: string, label: string, options: EvaluateOptions): Promise<Snapshot> {
  const args = [
    join(directory, snapshotProgram),
    "--stacks",
    join(directory, "stacks"),
    ...(options.at === null ? [] : ["--at", options.at]),
    ...(options.usdPerEur === null ? [] : ["--usd-per-eur", options.usdPerEur]),
  ];
  const { stdout } = await run(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    cwd: directory,
    env: bareEnvironment(),
    timeout: timeoutMs,
    maxBuffer: 1 << 28,
  }).catch((error: unknown) => {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new CommandError(`${label}: its own plan code failed:\n${said}`);
  });
  return checkVersion(JSON.parse(stdout), label);
}

function checkVersion(value: unknown, label: string): Snapshot {
  if (typeof value === "object" && value !== null && "version" in value && value.version === snapshotVersion) {
    return value as Snapshot;
  }
  throw new CommandError(
    `${label}: its own code prints another version of the snapshot than ${snapshotVersion}; compare with a newer commit`,
  );
}

async function evaluateCommit(
  side: Extract<Side, { readonly kind: "commit" }>,
  options: EvaluateOptions,
): Promise<Evaluated> {
  const { repository, commit, label } = side;
  const ours = realpathSync(repository) === realpathSync(ownRoot);
  const changed = ours ? changedSince(repository, commit, codePaths) : [];
  return withTemporary(async (directory) => {
    if (changed.length > 0 && holds(repository, commit, snapshotProgram)) {
      extract(repository, commit, directory);
      symlinkSync(join(ownRoot, "node_modules"), join(directory, "node_modules"));
      return { snapshot: await withOwnCode(directory, label, options), code: { kind: "own", changed } };
    }
    extract(repository, commit, directory, ["stacks", pricePath]);
    const snapshot = withRunningCode(directory, join(directory, "stacks"), options);
    if (changed.length === 0) return { snapshot, code: { kind: "running" } };
    return { snapshot, code: { kind: "substitute", changed, why: `it has no ${snapshotProgram}` } };
  });
}

async function evaluateCheckout(directory: string, label: string, options: EvaluateOptions): Promise<Evaluated> {
  const own = realpathSync(directory) !== realpathSync(ownRoot) && existsSync(join(directory, snapshotProgram));
  if (!own) {
    return { snapshot: withRunningCode(directory, join(directory, "stacks"), options), code: { kind: "running" } };
  }
  if (!existsSync(join(directory, "node_modules"))) {
    throw new CommandError(`${label}: has code of its own but no node_modules; run npm ci there`);
  }
  return {
    snapshot: await withOwnCode(directory, label, options),
    code: { kind: "own", changed: ["a checkout of its own"] },
  };
}

/** Plans and prices every stack of a side with the code that belongs to it. No engine, no network, no secret. */
export async function evaluate(side: Side, options: EvaluateOptions): Promise<Evaluated> {
  switch (side.kind) {
    case "commit":
      return evaluateCommit(side, options);
    case "checkout":
      return evaluateCheckout(side.directory, side.label, options);
    case "files":
      return { snapshot: withRunningCode(side.directory, side.directory, options), code: { kind: "running" } };
  }
}
