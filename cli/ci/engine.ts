/** `ci preview`, `ci up` and `ci drift`: the real cloud, the person's own backend, official plugins only. */
import { homedir } from "node:os";
import { join } from "node:path";
import { pathPrefix } from "../engine/environment.ts";
import { pluginOrigin, requiredPlugins } from "../engine/plugins.ts";
import { resolveEngine } from "../engine/resolve.ts";
import { Fault } from "../errors.ts";
import { impatience, interruption } from "../interrupt.ts";
import { search } from "../local/context.ts";
import { requireStack } from "../local/project.ts";
import { repoRoot } from "../paths.ts";
import { run } from "../process/run.ts";
import type { Progress } from "../progress.ts";

const arguments_ = {
  preview: ["preview", "--diff"],
  up: ["up", "--yes", "--skip-preview"],
  drift: ["preview", "--refresh", "--expect-no-changes"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type CloudVerb = keyof typeof arguments_;

/** Settings without which a run would fail half-way or, worse, start a new state beside the real one. */
const needed = ["HCLOUD_TOKEN", "CLOUDFLARE_API_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"] as const;

function requireSettings(env: NodeJS.ProcessEnv): void {
  const missing = needed.filter((name) => (env[name] ?? "") === "");
  if (missing.length === 0) return;
  throw new Fault(`${missing.join(", ")}: not set, the real cloud needs ${missing.length === 1 ? "it" : "them"}`, [
    "add them to the environment's secrets (README, pull requests)",
  ]);
}

/** Without the official plugin the engine would not find one, and a stand-in must never meet the real cloud. */
function requireOfficialPlugins(home: string): void {
  const standIns = requiredPlugins(repoRoot).filter((plugin) => pluginOrigin(home, plugin) === "stand-in");
  if (standIns.length === 0) return;
  throw new Fault(`${home} holds stand-ins for ${standIns.map(({ name }) => name).join(", ")}`, [
    "remove them; the engine then downloads the official ones",
  ]);
}

/** Runs the engine on the terminal. @returns its exit code. */
export async function onTheCloud(verb: CloudVerb, stack: string, progress: Progress): Promise<number> {
  requireStack(repoRoot, stack);
  requireSettings(process.env);
  requireOfficialPlugins(process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"));
  const { pulumi } = await resolveEngine(search, progress);
  const env = { ...process.env, PATH: [...pathPrefix(pulumi), process.env.PATH ?? ""].join(":") };
  const options = { cwd: repoRoot, env, signal: interruption, killSignal: impatience, stopSignal: "SIGINT" as const };
  const args = [...arguments_[verb], "--stack", stack, "--non-interactive"];
  const ended = await run(pulumi, args, { ...options, stdio: "inherit", graceMs: 60_000 });
  return ended.code ?? 1;
}
