/** The commands that workflows call; each is one line there, so that what runs in CI is what the tests run. */
import type { Command } from "commander";
import type { Progress } from "../progress.ts";
import type { CloudVerb } from "./engine.ts";

type ProgressOf = (command: Command) => Promise<Progress>;

function registerReport(ci: Command, progressOf: ProgressOf): void {
  ci.command("check")
    .description("format, lint and types")
    .action(async () => {
      const [{ run }, { repoRoot }] = await Promise.all([import("../process/run.ts"), import("../paths.ts")]);
      process.exitCode = (await run("npm", ["run", "check"], { cwd: repoRoot, stdio: "inherit" })).code ?? 1;
    });
  ci.command("report")
    .description("price a change and preview it on the local cloud, as files for a comment")
    .requiredOption("--base <commit>", "the older side")
    .requiredOption("--head <commit>", "the newer side")
    .requiredOption("--number <number>", "number of the pull request")
    .requiredOption("--output <folder>", "gets comment.md, cost.json, cost.html and number")
    .option("--at <day>", "prices of that day")
    .action(async (options, command: Command) => {
      const { writeReport } = await import("./report.ts");
      await writeReport(options, await progressOf(command));
    });
  ci.command("gate")
    .description("exit with 3 when the report breaks a budget or a stack's cost policy")
    .requiredOption("--report <folder>", "folder of ci report")
    .action(async (options: { readonly report: string }) => {
      const { gate } = await import("./gate.ts");
      process.exitCode = gate(options.report);
    });
  ci.command("comment")
    .description("write the report as a note of the GitLab merge request, or update it")
    .requiredOption("--report <folder>", "folder of ci report")
    .action(async (options: { readonly report: string }) => {
      const { comment, gitLabOf } = await import("./comment.ts");
      await comment(options.report, gitLabOf(process.env));
    });
}

function registerCloud(ci: Command, verb: CloudVerb, description: string, progressOf: ProgressOf): void {
  ci.command(verb)
    .description(description)
    .argument("<stack>", "stack in the real cloud")
    .action(async (stack: string, _options: unknown, command: Command) => {
      const { onTheCloud } = await import("./engine.ts");
      process.exitCode = await onTheCloud(verb, stack, await progressOf(command));
    });
}

export function registerCiCommands(program: Command, progressOf: ProgressOf): void {
  const ci = program.command("ci").description("what the workflows of .github and .gitlab-ci.yml call");
  registerReport(ci, progressOf);
  registerCloud(ci, "preview", "what would change in the real cloud", progressOf);
  registerCloud(ci, "up", "bring a stack up in the real cloud", progressOf);
  registerCloud(ci, "drift", "fail when the real cloud differs from this repository", progressOf);
  ci.command("prices")
    .description("open a pull request when the live price list differs from the price book")
    .action(async (_options: unknown, command: Command) => {
      const { renewPrices } = await import("./prices.ts");
      await renewPrices(await progressOf(command));
    });
}
