/** Links between files of the repository lead somewhere. Links to the web are not followed. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { repoRoot } from "../../cli/paths.ts";

const pages = globSync(["*.md", "{docs,local,ops,stacks,policy,tools}/**/*.md"], {
  cwd: repoRoot,
  exclude: (path) => path.includes("node_modules"),
});

it("finds the pages", () => assert.ok(pages.length > 10, `${pages.length} pages`));

for (const page of pages) {
  it(`${page}: every relative link leads to a file`, () => {
    const text = readFileSync(join(repoRoot, page), "utf8");
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target.replace(/#.*$/, ""));
    const missing = targets.filter(
      (target) => target !== "" && !/^[a-z]+:/.test(target) && !existsSync(join(repoRoot, dirname(page), target)),
    );
    assert.deepEqual(missing, []);
  });
}
