import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const directory = join(import.meta.dirname, "..", "golden");

/** Compares text with a file below `test/golden`; `UPDATE_GOLDEN=1` writes it instead, for review in the diff. */
export const assertGolden = (name: string, actual: string): void => {
  const path = join(directory, name);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
  }
  assert.equal(actual, readFileSync(path, "utf8"));
};
