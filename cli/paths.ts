import { dirname, join } from "node:path";

/** Folder of the repository, wherever the command was started. */
export const repoRoot: string = dirname(import.meta.dirname);

/** Everything that can be made again lives here; git ignores it. */
export const cacheDir: string = join(repoRoot, ".cache");

/** Pulumi's home for local runs and tests. A person's own `pulumi` uses `~/.pulumi` and never meets a stand-in. */
export const pulumiHome: string = join(cacheDir, "pulumi-home");
