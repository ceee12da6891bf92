/** Pulumi's own installer, given a few seconds to answer. */
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Note } from "../progress.ts";
import { run } from "../process/run.ts";
import { withIncoming } from "./incoming.ts";
import { type EngineSearch, findOnPath, type Probed, probeEngine } from "./probe.ts";
import { pinnedVersion } from "./version.ts";

const installerUrl = "https://get.pulumi.com";
const connectSeconds = 3;
/** The script itself is a few kilobytes; a network that needs longer for it will not deliver 90 MB. */
const scriptSeconds = 15;
const downloadSeconds = 300;

const installDir = (search: EngineSearch): string => join(search.cacheDir, "pulumi", pinnedVersion);

/** The engine an earlier run installed, if it is there and works. */
export async function installedEngine(search: EngineSearch): Promise<Probed | undefined> {
  const pulumi = join(installDir(search), "bin", "pulumi");
  return existsSync(pulumi) ? probeEngine(pulumi, search) : undefined;
}

/**
 * Downloads and runs the installer.
 * @returns why it could not be had; undefined when it was installed.
 */
export async function installOfficialEngine(search: EngineSearch, note: Note): Promise<string | undefined> {
  const curl = findOnPath("curl", search.env);
  if (curl === undefined) return "curl is missing";
  const target = installDir(search);
  const waiting = { onWait: () => note("another run is downloading it"), signal: search.signal };
  return withIncoming(dirname(target), waiting, async (home) => {
    if ((await installedEngine(search))?.kind === "suitable") return undefined;
    const script = join(home, "install.sh");
    note(`asking ${installerUrl}`);
    const limits = ["--connect-timeout", String(connectSeconds), "--max-time", String(scriptSeconds)];
    const fetched = await run(curl, ["-fsSL", ...limits, "-o", script, installerUrl], search);
    if (fetched.code !== 0) return `${installerUrl} did not answer (curl exit code ${fetched.code})`;
    note(`downloading ${pinnedVersion}`);
    // Every version of the installer puts the engine below HOME, and edits a shell profile only when HOME has one.
    const installed = await run("sh", [script, "--version", pinnedVersion], {
      cwd: home,
      env: { ...search.env, HOME: home },
      timeoutMs: downloadSeconds * 1000,
      signal: search.signal,
      killSignal: search.killSignal,
    });
    if (installed.timedOut) return `the download took longer than ${downloadSeconds} s`;
    const probed = await probeEngine(join(home, ".pulumi", "bin", "pulumi"), search);
    if (probed.kind === "unsuitable") return `the installer ended with code ${installed.code}; ${probed.reason}`;
    await rm(target, { recursive: true, force: true });
    await rename(join(home, ".pulumi"), target);
    return undefined;
  });
}
