import assert from "node:assert/strict";
import test from "node:test";
import { parsePreview, previewMarkdown } from "../../../cli/ci/preview.ts";

const urn = (type: string, name: string): string =>
  `urn:pulumi:phase2::chitlaq::chitlaq:machine:Machine$${type}::${name}`;
const step = (op: string, name: string) => ({
  op,
  urn: urn("hcloud:index/server:Server", name),
  newState: { inputs: { password: "hidden" } },
});
const document = (steps: readonly object[], same: number): string => JSON.stringify({ steps, changeSummary: { same } });

test("counts each operation once, replacements included, and leaves the stack itself out", () => {
  const steps = [
    { op: "create", urn: "urn:pulumi:phase2::chitlaq::pulumi:pulumi:Stack::chitlaq-phase2" },
    step("create-replacement", "db-1"),
    step("replace", "db-1"),
    step("delete-replaced", "db-1"),
    step("update", "lb-1"),
  ];
  const lines = previewMarkdown([parsePreview("phase2", document(steps, 40))]).split("\n");
  assert.equal(lines[2], "| phase2 | 0 | 1 | 1 | 0 | 40 |");
  assert.deepEqual(lines.slice(4), [
    "- **phase2** updates `hcloud:Server lb-1`",
    "- **phase2** replaces `hcloud:Server db-1`",
  ]);
});

test("shows no property values: they may be secret", () => {
  const shown = previewMarkdown([parsePreview("phase2", document([step("create", "api-3")], 1))]);
  assert.match(shown, /creates `hcloud:Server api-3`/);
  assert.doesNotMatch(shown, /hidden/);
});

test("does not list every resource of a stack that is new", () => {
  const steps = Array.from({ length: 30 }, (_, n) => step("create", `api-${n}`));
  const lines = previewMarkdown([parsePreview("phase2", document(steps, 0))]).split("\n");
  assert.deepEqual(lines.slice(2), ["| phase2 | 30 | 0 | 0 | 0 | 0 |"]);
});

test("names twenty resources of a large change and counts the rest", () => {
  const steps = Array.from({ length: 30 }, (_, n) => step("delete", `api-${n}`));
  assert.match(previewMarkdown([parsePreview("phase2", document(steps, 5))]), /`hcloud:Server api-19`, and 10 more$/);
});
