import assert from "node:assert/strict";
import { it } from "node:test";
import { describeValue } from "../../config/describe.ts";

const cases: readonly (readonly [unknown, string | null])[] = [
  [undefined, null],
  [null, "null"],
  [0, "0"],
  [true, "true"],
  ["ccx33", "ccx33"],
  ["10.0.0.0/16", "10.0.0.0/16"],
  ["2", `"2"`],
  ["true", `"true"`],
  ["", `""`],
  ["two words", `"two words"`],
  ["line\nbreak", `"line\\nbreak"`],
  ["a b ".repeat(30), `${JSON.stringify(`${"a b ".repeat(15)}…`)}`],
  [[], "an empty list"],
  [[1], "a list"],
  [{}, "a group of keys"],
  [() => 1, "a function"],
];

for (const [value, text] of cases) {
  it(`shows ${text ?? "nothing"}`, () => assert.equal(describeValue("field", value), text));
}

for (const field of ["password", "hcloudToken", "backups.secretKey", "apiKey", "ssh.privateKey"]) {
  it(`shows nothing of ${field}`, () => assert.equal(describeValue(field, "x"), "a value not repeated here"));
}
