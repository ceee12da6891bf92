import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { costDiffSchema } from "../../cost/schema/cost-diff.ts";
import { assertGolden } from "./golden.ts";
import { makeRepository } from "./repository.ts";
import { run } from "./support.ts";

const thirdApi = (text: string): string => `${text}    api:\n      count: 3\n`;

test("cost diff in a repository: commits, the working tree, each side's own code", async (t) => {
  const repository = makeRepository(t);

  await t.test("a clean tree on the main branch costs what it costs", () => {
    const { out, code } = repository.chitlaq("cost", "diff");
    assert.equal(code, 0);
    assert.match(out, /^[0-9a-f]{7}, where this branch left main → working tree/);
    assert.match(out, /^phase1 \(phase 1 in ash\), unchanged: 49\.95 EUR a month: 0\.00 EUR/m);
    assert.match(out, /^All stacks: 2219\.14 EUR a month, 0\.00 EUR = 0\.00 USD$/m);
  });

  await t.test("an edited stack in the working tree is compared before it is committed", () => {
    repository.git("switch", "-q", "-c", "third-api");
    repository.edit("stacks/Pulumi.phase2.yaml", thirdApi);
    const { out } = repository.chitlaq("cost", "diff", "--stack", "phase2");
    assert.match(out, /^phase2 \(phase 2 in ash\): 573\.33 → 660\.82 EUR a month: \+87\.49 EUR = \+97\.40 USD/m);
    assert.doesNotMatch(out, /phase1/);
  });

  await t.test("a branch is compared with where it left main, not with what main became since", () => {
    repository.commit("A third API server");
    repository.git("switch", "-q", "main");
    repository.edit("stacks/Pulumi.phase3.yaml", (text) => `${text}    loadBalancer:\n      count: 3\n`);
    repository.commit("A third load balancer");
    repository.git("switch", "-q", "third-api");
    const { out } = repository.chitlaq("cost", "diff");
    assert.match(out, /^phase2 .*\+87\.49 EUR/m);
    assert.match(out, /^phase3 \(phase 3 in ash\), unchanged/m);
  });

  await t.test("two named commits", () => {
    const { out } = repository.chitlaq("cost", "diff", "third-api", "main");
    assert.match(out, /^third-api \([0-9a-f]{7}\) → main \([0-9a-f]{7}\)/);
    assert.match(out, /^phase2 .*-87\.49 EUR/m);
    assert.match(out, /^phase3 .*\+59\.99 EUR/m); // cpx31 and an address, less 3 TB of traffic it includes
  });

  await t.test("the comment of the pull request, byte for byte, and again the same", () => {
    const comment = repository.chitlaq("cost", "diff", "main~1", "third-api", "--markdown").out;
    // The ids of commits depend on every file of this repository.
    assertGolden("diff-comment.md", comment.replaceAll(/\([0-9a-f]{7}\)/g, "(0000000)"));
    assert.equal(repository.chitlaq("cost", "diff", "main~1", "third-api", "--markdown").out, comment);
  });

  await t.test("gates exit with 3 and say which stack and how much", () => {
    const allowed = repository.chitlaq("cost", "diff", "main~1", "third-api", "--max-increase", "100eur");
    assert.equal(allowed.code, 0);
    const refused = repository.chitlaq("cost", "diff", "main~1", "third-api", "--max-increase", "10%");
    assert.equal(refused.code, 3);
    assert.match(refused.out, /^Gate {5}phase2 rises by 15\.3 % a month, allowed is 10%$/m);
  });

  await t.test("the policy in a stack's own file is a gate too", () => {
    repository.edit("stacks/Pulumi.phase2.yaml", (text) => `${text}    billing:\n      maxIncrease: 50usd\n`);
    const { out, code } = repository.chitlaq("cost", "diff");
    assert.equal(code, 3);
    assert.match(out, /^Gate {5}phase2 rises by 97\.40 USD a month, allowed is 50usd$/m);
    repository.git("checkout", "-q", "--", "stacks");
  });

  await t.test("changed plan code prices its own side in its own process, and it is said so", () => {
    repository.edit("plan/capacity.ts", (text) =>
      text.replace(
        "redis: { vcpu: 2, memoryGiB: 8, storageGiB: 40 }",
        "redis: { vcpu: 4, memoryGiB: 16, storageGiB: 40 }",
      ),
    );
    repository.commit("Twice the Redis");
    const { out, err, code } = repository.chitlaq("cost", "diff", "main~1", "third-api", "--stack", "phase2");
    assert.equal(code, 0, err);
    // api-3 and redis-1 from ccx13 to ccx23: 87.49 + 87.49 - 43.49
    assert.match(out, /^phase2 .*\+131\.49 EUR/m);
    assert.match(out, /^the base is planned and priced by its own code \(plan\/capacity\.ts differ\)$/m);
  });

  await t.test("an own process sees no environment but its path", () => {
    repository.edit(
      "cost/snapshot/main.ts",
      (text) => `${text}\nif (process.env.SECRET_TOKEN) throw new Error("leaked");\n`,
    );
    const leaking = repository.commit("Look for tokens");
    repository.edit("plan/capacity.ts", (text) => `${text}\n`);
    const { err, code } = repository.chitlaq("cost", "diff", leaking, "--stack", "phase2");
    assert.deepEqual([err, code], ["", 0]);
    repository.git("checkout", "-q", "--", "plan");
  });

  await t.test("own code that fails is reported with what it said", () => {
    repository.edit("plan/build.ts", (text) => `${text}\nthrow new Error("broken on purpose");\n`);
    const broken = repository.commit("Break the plan");
    repository.git("revert", "--no-edit", broken);
    const { err, code } = repository.chitlaq("cost", "diff", broken);
    assert.equal(code, 1);
    assert.match(err, /its own plan code failed:[\s\S]*broken on purpose/);
  });

  await t.test("a commit from before these commands is priced by the newer code, and it is said so", () => {
    repository.git("rm", "-q", "-r", "cost/snapshot");
    const old = repository.commit("Before snapshots");
    repository.git("revert", "--no-edit", old);
    const { out } = repository.chitlaq("cost", "diff", old, "--stack", "phase1");
    assert.match(out, /^the base is planned and priced by the newer code: its own is too old to be asked/m);
    assert.match(out, /unchanged: 49\.95 EUR/);
  });

  await t.test("a new reading in the price book reprices the stacks that use it", () => {
    repository.edit("cost/prices/data/prices.jsonl", (text) =>
      text.replace(
        '"item":"volume","locations":["fsn1","nbg1","hel1","ash","hil","sin"],"currency":"EUR","unit":"GB-month","net":"0.0572"',
        '"item":"volume","locations":["fsn1","nbg1","hel1","ash","hil","sin"],"currency":"EUR","unit":"GB-month","net":"0.0600"',
      ),
    );
    const { out } = repository.chitlaq("cost", "diff", "HEAD", "--stack", "phase3");
    assert.match(out, /€ │ database │ 250 GB volume, 0\.0572 EUR\/GB → 0\.0600 EUR\/GB/);
    assert.match(out, /^phase3 .*\+2\.10 EUR/m); // 3 * 250 * 0.0028
  });

  await t.test("nothing is left in the temporary folder", () => {
    assert.deepEqual(readdirSync(repository.temporary), []);
  });
});

test("folders are sides too: a checkout, or a folder with nothing but stack files", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "cost-stacks-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync("stacks/Pulumi.phase1.yaml", join(folder, "Pulumi.phase1.yaml"));
  const { out, code } = await run(["cost", "diff", folder, "."]);
  assert.equal(code, 0);
  assert.match(out, /^phase1 \(phase 1 in ash\), unchanged/m);
  assert.match(out, /^phase2 \(phase 2 in ash\), new: 573\.33 EUR a month: \+573\.33 EUR/m);
});

test("a faulty stack fails the comparison with every fault, and leaves the other stacks alone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "cost-stacks-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync("stacks/Pulumi.phase1.yaml", join(folder, "Pulumi.phase1.yaml"));
  writeFileSync(
    join(folder, "Pulumi.phase2.yaml"),
    "config:\n  chitlaq:platform:\n    phase: 2\n    api:\n      count: 0\n",
  );
  writeFileSync(join(folder, "Pulumi.phase3.yaml"), "config: [\n");
  const { out, code } = await run(["cost", "diff", ".", folder]);
  assert.equal(code, 3);
  assert.match(out, /^phase1 .*unchanged/m);
  assert.match(out, /^head: .*faults in chitlaq:platform:/m);
  assert.match(out, /api\.count: 0 given/);
  assert.match(out, /^head: Pulumi\.phase3\.yaml: not YAML/m);
  assert.match(out, /^Without phase2 and phase3: 49\.95 EUR a month/m);
  const markdown = (await run(["cost", "diff", ".", folder, "--markdown"])).out;
  assert.match(markdown, /- :no_entry: phase2 cannot be planned/);
});

test("cost diff --json fits its published schema", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "cost-stacks-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "Pulumi.phase3.yaml"), "config: {}\n");
  for (const [base, head] of [
    [".", folder],
    [folder, "."],
    [".", "."],
  ] as const) {
    const value: unknown = JSON.parse((await run(["cost", "diff", base, head, "--json"])).out);
    assert.deepEqual(costDiffSchema.parse(value), value);
  }
});

test("wrong arguments are told what was given and what would do", async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["nowhere"], /^base: nowhere given, it is neither a commit nor a folder/],
    [[".", "nowhere"], /^head: nowhere given/],
    [[".", ".", "--max-increase", "ten"], /^--max-increase: ten given, .* write it as 50eur, 50usd or 10%$/],
    [
      [".", ".", "--stack", "phase9"],
      /^--stack: phase9 given, neither side has it; choose from phase1, phase2, phase3$/,
    ],
    [[".", ".", "--at", "soon"], /^--at: soon given/],
  ];
  for (const [args, message] of wrong) {
    const { err, code } = await run(["cost", "diff", ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.match(err, message);
  }
});
