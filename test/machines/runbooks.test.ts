/**
 * The runbooks and the role pages, executed as written, by the real `./chitlaq` on a booted phase 2 of its own. Proves that
 * their commands work in their order; not that a person finds the right page.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repoRoot } from "../../cli/paths.ts";
import { run as runProgram } from "../../cli/process/run.ts";
import { blocksOf, scriptOf } from "../support/runbook.ts";
import { skip } from "./stage.ts";

/** Always the same, so that what a killed run left behind is cleared by the next one. */
const instance = "runbooks";
const env = { ...process.env, CHITLAQ_INSTANCE: instance, NO_COLOR: "1" };

const script = (page: string): string =>
  scriptOf(page, blocksOf(readFileSync(join(repoRoot, "docs", page), "utf8")), "local");

async function bash(text: string, minutes: number): Promise<string> {
  const { code, stdout, stderr } = await runProgram("bash", ["-euo", "pipefail", "-c", text], {
    cwd: repoRoot,
    env,
    timeoutMs: minutes * 60_000,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

const chitlaq = (args: string, minutes = 10): Promise<string> => bash(`./chitlaq --quiet ${args}`, minutes);

const reset = async (): Promise<void> => {
  await chitlaq(`local reset --instance ${instance}`);
};

/** The page after the definitions of the runbooks' README. */
const run = (page: string, minutes = 10): Promise<string> =>
  bash(`${script("runbooks/README.md")}\n${script(page)}`, minutes);

describe("documentation on booted machines", { skip }, () => {
  before(async () => {
    await reset();
    await chitlaq(`local up phase2 --machines --instance ${instance}`, 20);
  });
  after(reset);

  for (const [role, server] of Object.entries({
    "load-balancer": "lb-1",
    api: "api-1",
    database: "db-1",
    redis: "redis-1",
  })) {
    it(`docs/roles/${role}.md: every command works on ${server}`, async () => {
      for (const page of ["roles/README.md", `roles/${role}.md`]) {
        const commands = script(page).replaceAll("'", `'\\''`);
        await bash(`./chitlaq --quiet local ssh ${server} -- bash -euo pipefail -c '${commands}'`, 2);
      }
    });
  }

  for (const page of ["failover", "replace", "resize", "restore"]) {
    it(`docs/runbooks/${page}.md`, async () => {
      await run(`runbooks/${page}.md`, 15);
    });
  }
});
