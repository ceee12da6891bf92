/**
 * Which Pulumi engines will do. 3.250 is what everything here was tried with, and what `tools/engine` builds; the next
 * major version may change the protocol that our stand-ins speak.
 */

/** Version that is installed or built where none is present; must equal the one `tools/engine/go.mod` requires. */
export const pinnedVersion = "3.250.0";

const lowest = [3, 250] as const;
const firstUnsuitableMajor = 4;

export const suitableRange = `${lowest.join(".")} or newer, below ${firstUnsuitableMajor}`;

/**
 * Reads the output of `pulumi version`.
 * @returns the version without its `v`; undefined for an engine built without a version stamp, which prints nothing and
 * which the Automation API refuses.
 */
export function parseVersion(output: string): string | undefined {
  return /^v?(\d+\.\d+\.\d+\S*)$/m.exec(output.trim())?.[1];
}

export function isSuitable(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  if (major >= firstUnsuitableMajor || major < lowest[0]) return false;
  return major > lowest[0] || minor >= lowest[1];
}
