/**
 * The runbooks and the role pages, executed as written, by the real `./chitlaq` on a booted phase 2 of its own. Proves that
 * their commands work in their order; not that a person finds the right page. The page of the server is executed with phase 1.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { lastEndpoints } from "../../cli/local/cloud.ts";
import { instanceNamed } from "../../cli/local/instance.ts";
import { repoRoot } from "../../cli/paths.ts";
import { run as runProgram } from "../../cli/process/run.ts";
import { pagesScript } from "../support/runbook.ts";
import { skip } from "./stage.ts";

/** Always the same, so that what a killed run left behind is cleared by the next one. */
const instance = "runbooks";
const env = { ...process.env, CHITLAQ_INSTANCE: instance, NO_COLOR: "1" };

async function execute(program: string, args: readonly string[], minutes: number): Promise<void> {
  const { code, stdout, stderr } = await runProgram(program, args, { cwd: repoRoot, env, timeoutMs: minutes * 60_000 });
  assert.equal(code, 0, `${ending(stderr, 20)}\nprinted:\n${ending(stdout, 40)}`);
}

/** The reason stands at the end; an update alone prints hundreds of lines before it. */
const ending = (text: string, lines: number): string => text.trimEnd().split("\n").slice(-lines).join("\n");

const chitlaq = (args: readonly string[], minutes = 2): Promise<void> =>
  execute("./chitlaq", ["--quiet", ...args], minutes);

const reset = (): Promise<void> => chitlaq(["local", "reset", "--instance", instance]);

/** Known once the local cloud runs. */
const hasObjectStore = (): boolean => lastEndpoints(instanceNamed(instance).cloudDir)?.objectStore === true;

/** Pages that back up and restore. */
const needObjectStore: readonly string[] = ["restore"];

const roles = { "load-balancer": "lb-1", api: "api-1", database: "db-1", redis: "redis-1" };

describe("documentation on booted machines", { skip }, () => {
  before(async () => {
    await reset();
    await chitlaq(["local", "up", "phase2", "--machines", "--instance", instance], 10);
  });
  after(reset);

  for (const [role, server] of Object.entries(roles)) {
    it(`docs/roles/${role}.md: every command works on ${server}`, () =>
      chitlaq(["local", "ssh", server, "--", "bash", "-c", pagesScript("roles/README.md", `roles/${role}.md`)]));
  }

  for (const page of ["failover", "replace", "resize", "restore"]) {
    it(`docs/runbooks/${page}.md`, async (t) => {
      if (needObjectStore.includes(page) && !hasObjectStore()) return t.skip("needs Go to build the object store");
      await execute("bash", ["-c", pagesScript("runbooks/README.md", `runbooks/${page}.md`)], 10);
    });
  }
});
