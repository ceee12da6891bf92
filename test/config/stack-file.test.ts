import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parsePlatform } from "../../config/parse.ts";
import { listStacks, readStackPlatform, StackFileError } from "../../config/stack-file.ts";
import { rawPlatform } from "../support/platform.ts";

const directory = mkdtempSync(join(tmpdir(), "stack-file-"));
after(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
write(
  "Pulumi.good.yaml",
  "config:\n  hcloud:token:\n    secure: v1:abc\n  chitlaq:platform:\n    phase: 1\n    domain: chitlaq.com\n",
);
write("Pulumi.empty.yaml", "");
write("Pulumi.other.yaml", "config:\n  chitlaq:plaform: {}\n");
write("Pulumi.twice.yaml", "config:\n  chitlaq:platform:\n    phase: 1\n    phase: 2\n");
write("Pulumi.yaml", "name: chitlaq\n");
write("notes.yaml", "");

function refused(stack: string): string {
  try {
    readStackPlatform(stack, directory);
  } catch (error) {
    assert.ok(error instanceof StackFileError);
    return error.message;
  }
  throw new Error("nothing was refused");
}

describe("a stack's file", () => {
  it("gives its platform as it stands there", () => {
    assert.deepEqual(readStackPlatform("good", directory), { phase: 1, domain: "chitlaq.com" });
  });

  it("is one of those listed", () => assert.deepEqual(listStacks(directory), ["empty", "good", "other", "twice"]));

  it("is missed by name, with the names there are", () => {
    assert.equal(refused("prod"), "stack prod: no file Pulumi.prod.yaml; there are empty, good, other, twice");
    assert.equal(refused("../good"), "stack ../good: no file Pulumi.../good.yaml; there are empty, good, other, twice");
  });

  it("needs the platform's key", () => {
    const message = (name: string) =>
      `Pulumi.${name}.yaml: has no chitlaq:platform under config; add it, stacks/Pulumi.phase1.yaml shows how`;
    assert.equal(refused("empty"), message("empty"));
    assert.equal(refused("other"), message("other"));
  });

  it("says a key once", () => {
    assert.match(
      refused("twice"),
      /^Pulumi\.twice\.yaml: not YAML: Map keys must be unique at line 4, column 5.*; correct the file$/,
    );
  });

  it("exists for each phase and says no more than it has to", () => {
    for (const phase of [1, 2, 3] as const) {
      const raw = readStackPlatform(`phase${phase}`);
      assert.deepEqual(parsePlatform(raw).phase, phase);
      assert.deepEqual(Object.keys(raw as object), Object.keys(rawPlatform(phase)));
    }
  });
});
