import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { buildProgram } from "../../../cli/program.ts";
import { repoRoot } from "../../../cli/paths.ts";

type Step = { readonly uses?: string; readonly run?: string; readonly with?: Readonly<Record<string, unknown>> };
type Job = { readonly steps: readonly Step[]; readonly permissions?: object; readonly environment?: string };
type Workflow = { readonly on: object; readonly permissions?: object; readonly jobs: Readonly<Record<string, Job>> };

const folder = join(repoRoot, ".github", "workflows");
const workflows = readdirSync(folder).map((name) => {
  const text = readFileSync(join(folder, name), "utf8");
  return { name, text, workflow: parse(text) as Workflow };
});
const stepsOf = (workflow: Workflow): readonly Step[] => Object.values(workflow.jobs).flatMap(({ steps }) => steps);

for (const { name, text, workflow } of workflows) {
  test(`${name}: every action is pinned by commit and says its version`, () => {
    for (const line of text.split("\n").filter((candidate) => candidate.includes("uses:"))) {
      assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  test(`${name}: states its permissions`, () => assert.notEqual(workflow.permissions, undefined));

  test(`${name}: no expression stands inside a shell line, where an outsider's text would run`, () => {
    for (const { run } of stepsOf(workflow)) assert.doesNotMatch(run ?? "", /\$\{\{/);
  });
}

test("the workflow that may write comments checks nothing out and calls no code of the repository", () => {
  const comment = workflows.find(({ name }) => name === "pull-request-comment.yml");
  assert.ok(comment);
  for (const step of stepsOf(comment.workflow)) {
    assert.doesNotMatch(step.uses ?? "", /checkout/);
    assert.doesNotMatch(step.run ?? "", /chitlaq|npm|node/);
  }
});

test("the report for pull requests holds no secret, so forks can run it", () => {
  const report = workflows.find(({ name }) => name === "pull-request.yml")?.workflow.jobs.report;
  assert.ok(report);
  assert.doesNotMatch(JSON.stringify(report), /secrets\./);
  assert.equal(report.environment, undefined);
});

test("every ./chitlaq line of the workflows is a command of the command line, with options it knows", async () => {
  const gitLab = parse(readFileSync(join(repoRoot, ".gitlab-ci.yml"), "utf8")) as Record<string, { script?: string[] }>;
  const lines = [
    ...workflows.flatMap(({ workflow }) => stepsOf(workflow).map(({ run }) => run ?? "")),
    ...Object.values(gitLab).flatMap(({ script }) => script ?? []),
  ].filter((line) => line.startsWith("./chitlaq "));
  assert.ok(lines.length >= 10, `${lines.length} lines`);
  const program = await buildProgram(["ci"]);
  const ci = program.commands.find((command) => command.name() === "ci");
  for (const line of lines) {
    const [group, verb, ...rest] = line.replace("./chitlaq ", "").split(" ");
    assert.equal(group, "ci", line);
    const command = ci?.commands.find((candidate) => candidate.name() === verb);
    assert.ok(command, `${line}: no such command`);
    for (const option of rest.filter((word) => word.startsWith("--"))) {
      assert.ok(
        command.options.some(({ long }) => long === option),
        `${line}: no option ${option}`,
      );
    }
  }
});

test("actionlint finds nothing in the workflows", (t) => {
  const binary = join(repoRoot, ".cache", "bin", "actionlint");
  if (!existsSync(binary))
    return t.skip("actionlint is not built: go -C tools/actionlint build -o ../../.cache/bin/ …");
  execFileSync(
    binary,
    workflows.map(({ name }) => join(folder, name)),
    { stdio: "pipe" },
  );
});
