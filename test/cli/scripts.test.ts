import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findOnPath } from "../../cli/engine/probe.ts";
import { repoRoot } from "../../cli/paths.ts";
import { run } from "../../cli/process/run.ts";

for (const script of ["chitlaq", ".ci/run"]) {
  test(`${script} passes shellcheck`, async (t) => {
    if (findOnPath("shellcheck", process.env) === undefined) {
      t.skip("shellcheck is not installed (apt-get install shellcheck)");
      return;
    }
    assert.equal(existsSync(join(repoRoot, script)), true);
    const { code, stdout } = await run("shellcheck", [join(repoRoot, script)]);
    assert.equal(code, 0, stdout);
  });
}
