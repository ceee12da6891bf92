import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSelector, selects } from "../../../local/hetzner/http/selector.ts";

const matches = (text: string, labels: Record<string, string>): boolean => {
  const selector = parseSelector(text);
  assert.ok(selector, `not a selector: ${text}`);
  return selects(selector, labels);
};

test("every form of the language", () => {
  const labels = { env: "prod", "team.io/name": "api", empty: "" };
  const table: readonly [string, boolean][] = [
    ["env=prod", true],
    ["env==prod", true],
    ["env == prod", true],
    ["env=test", false],
    ["env!=test", true],
    ["env!=prod", false],
    ["missing!=x", true],
    ["env", true],
    ["missing", false],
    ["!missing", true],
    ["!env", false],
    ["env in (test,prod)", true],
    ["env in (test)", false],
    ["env notin (test, dev)", true],
    ["missing notin (a)", true],
    ["env notin (prod)", false],
    ["empty=", true],
    ["empty", true],
    ["team.io/name=api", true],
    ["env=prod,team.io/name", true],
    ["env in (a,prod),!missing, empty=", true],
    ["env=prod,missing", false],
  ];
  for (const [text, expected] of table) assert.equal(matches(text, labels), expected, text);
});

test("what is no selector is told apart", () => {
  for (const text of ["", "=x", "a=b c", "a in b", "a in (b", "a,,b", "-a", "a in (b;c)", "a=b,"]) {
    assert.equal(parseSelector(text), undefined, text);
  }
});

test("equality, its negation, presence and lists agree with one another for any labels", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  fc.assert(
    fc.property(fc.dictionary(word, word), word, word, word, (labels, key, one, two) => {
      const has = Object.hasOwn(labels, key);
      assert.equal(matches(key, labels), has);
      assert.equal(matches(`!${key}`, labels), !has);
      assert.equal(matches(`${key}=${one}`, labels), labels[key] === one && has);
      assert.equal(matches(`${key}!=${one}`, labels), !matches(`${key}=${one}`, labels));
      const either = matches(`${key}=${one}`, labels) || matches(`${key}=${two}`, labels);
      assert.equal(matches(`${key} in (${one},${two})`, labels), either);
      assert.equal(matches(`${key} notin (${one},${two})`, labels), !either);
    }),
  );
});
