import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ownRoot } from "../../cost/sides/side.ts";

/** A throwaway git repository with this repository's code and stacks, whose commits have the same ids every time. */
export type Repository = {
  readonly directory: string;
  /** Where its commands keep temporary files. */
  readonly temporary: string;
  readonly git: (...args: readonly string[]) => string;
  readonly edit: (file: string, change: (text: string) => string) => void;
  readonly commit: (message: string) => string;
  /** Runs the copied code's own command line. */
  readonly chitlaq: (...args: readonly string[]) => {
    readonly out: string;
    readonly err: string;
    readonly code: number;
  };
};

const codeFolders = ["config", "plan", "cost", "stacks"] as const;

/** Runs the commands of cost/ without the root command line, which other parts of the repository own. */
const runner = `import { Command } from "commander";
import { registerCostCommands } from "./cost/cli.ts";
const program = new Command();
registerCostCommands(program);
await program.parseAsync();
`;

const identity = {
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
  GIT_AUTHOR_DATE: "2026-11-20T12:00:00Z",
  GIT_COMMITTER_DATE: "2026-11-20T12:00:00Z",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
} as const;

export function makeRepository(t: { readonly after: (work: () => void) => void }): Repository {
  const directory = mkdtempSync(join(tmpdir(), "cost-repository-"));
  const temporary = mkdtempSync(join(tmpdir(), "cost-temporary-"));
  t.after(() => {
    for (const made of [directory, temporary]) rmSync(made, { recursive: true, force: true });
  });
  for (const folder of codeFolders) cpSync(join(ownRoot, folder), join(directory, folder), { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(join(ownRoot, file), join(directory, file));
  symlinkSync(join(ownRoot, "node_modules"), join(directory, "node_modules"));
  writeFileSync(join(directory, "run.ts"), runner);
  writeFileSync(join(directory, ".gitignore"), "node_modules\n");

  const git = (...args: readonly string[]): string =>
    execFileSync("git", [...args], { cwd: directory, env: { ...process.env, ...identity }, encoding: "utf8" }).trim();
  const commit = (message: string): string => {
    git("add", "-A");
    git("commit", "-q", "-m", message);
    return git("rev-parse", "HEAD");
  };
  git("init", "-q", "-b", "main");
  commit("Start");

  return {
    directory,
    temporary,
    git,
    commit,
    edit: (file, change) => {
      const path = join(directory, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, change(readFileSync(path, "utf8")));
    },
    chitlaq: (...args) => runProcess(directory, temporary, args),
  };
}

function runProcess(directory: string, temporary: string, args: readonly string[]) {
  try {
    const out = execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", "run.ts", ...args], {
      cwd: directory,
      env: { ...process.env, ...identity, NO_COLOR: "1", TMPDIR: temporary, SECRET_TOKEN: "not-for-pull-requests" },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { out: out.trimEnd(), err: "", code: 0 };
  } catch (error) {
    const failed = error as { readonly stdout: string; readonly stderr: string; readonly status: number };
    return { out: failed.stdout.trimEnd(), err: failed.stderr.trimEnd(), code: failed.status };
  }
}
