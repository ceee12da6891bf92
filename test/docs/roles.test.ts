import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repoRoot } from "../../cli/paths.ts";
import { pagePath, rolePage, rolePages } from "../../docs/write-roles.ts";
import { planOf } from "../support/platform.ts";
import { blocksOf, scriptOf } from "../support/runbook.ts";

const read = (path: string): string => readFileSync(join(repoRoot, path), "utf8");

describe("pages of the roles", () => {
  it("exist for every role of the first two phases, and are listed", () => {
    const roles = new Set([planOf(1), planOf(2)].flatMap(({ machines }) => machines.map(({ role }) => role)));
    assert.deepEqual(new Set(rolePages()), roles);
    for (const role of roles) assert.match(read("docs/roles/README.md"), new RegExp(`\\(${role}\\.md\\)`));
  });

  for (const name of rolePages()) {
    it(`${name}: say what the plan and ops say (npm run docs)`, () => {
      const text = readFileSync(pagePath(name), "utf8");
      assert.equal(rolePage(name, text), text);
    });

    it(`${name}: tell how to look inside`, () => {
      assert.ok(blocksOf(readFileSync(pagePath(name), "utf8")).length > 0);
    });
  }

  it("are refused without a place for the facts, or for a role nobody has", () => {
    assert.throws(() => rolePage("api", "# Role"), /needs the lines/);
    const text = readFileSync(pagePath("api"), "utf8");
    assert.throws(() => rolePage("mainframe", text), /no stack has a machine of this role/);
  });
});

describe("commands of a page", () => {
  it("are those of its sh blocks, for the asked place, with their lines", () => {
    const page = [
      "text",
      "```sh",
      "one",
      "```",
      "```sh local",
      "two",
      "```",
      "```ts",
      "no",
      "```",
      "```sh hetzner",
      "three",
      "```",
    ];
    const blocks = blocksOf(page.join("\n"));
    assert.deepEqual(
      blocks.map(({ place, line, text }) => [place, line, text]),
      [
        ["", 3, "one"],
        ["local", 6, "two"],
        ["hetzner", 12, "three"],
      ],
    );
    assert.equal(scriptOf("p.md", blocks, "local"), "echo '# p.md:3' >&2\none\necho '# p.md:6' >&2\ntwo");
  });
});
