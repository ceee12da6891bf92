import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenDirectory } from "./support.ts";

/** Compares text with a golden file; `UPDATE_GOLDEN=1` writes it instead, for review in the diff. */
export function assertGolden(name: string, actual: string): void {
  const path = join(goldenDirectory, name);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, `${actual}\n`);
  assert.equal(`${actual}\n`, readFileSync(path, "utf8"));
}
