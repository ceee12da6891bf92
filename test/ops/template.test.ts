import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { type Format, fillTemplate, quoteShell } from "../../ops/render/template.ts";
import { fillYaml } from "../../ops/render/yamlTemplate.ts";

const fill = (text: string, values: Parameters<typeof fillTemplate>[1], format: Format = "ini") =>
  fillTemplate({ name: "test.conf", text, format }, values);

test("values take the place of their placeholders", () => {
  assert.equal(fill("a = {{one}}\nb = {{one}}{{two}}\n", { one: 1, two: "x" }), "a = 1\nb = 1x\n");
});

test("a line that names a list is written once per element, and not at all for none", () => {
  const text = "begin\nserver {{hosts.name}} {{hosts.ip}}:{{port}}\nend";
  const hosts = [
    { name: "a", ip: "10.0.0.1" },
    { name: "b", ip: "10.0.0.2" },
  ];
  assert.equal(fill(text, { hosts, port: 80 }), "begin\nserver a 10.0.0.1:80\nserver b 10.0.0.2:80\nend");
  assert.equal(fill(text, { hosts: [], port: 80 }), "begin\nend");
});

test("unknown and unused placeholders are faults, all reported at once", () => {
  assert.throws(
    () => fill("a {{missing}}\nb {{list.nofield}}\n", { spare: 1, list: [{ name: "x" }] }),
    (error: Error) => {
      assert.match(error.message, /test\.conf: line 1: unknown placeholder \{\{missing\}\}/);
      assert.match(error.message, /line 2: unknown placeholder \{\{list\.nofield\}\}/);
      assert.match(error.message, /value spare has no placeholder/);
      return true;
    },
  );
  assert.throws(() => fill("a {{ spaced }}", {}), /holds \{\{ that is no placeholder/);
  assert.throws(() => fill("{{a}} {{b}}", { a: [1], b: [2] }), /two lists in one line \(a, b\)/);
});

test("a value that could end its setting or start another is refused", () => {
  const dangerous: Readonly<Record<Exclude<Format, "shell">, readonly string[]>> = {
    ini: ["a\nb", "a;b", "a#b", '"'],
    nginx: ["a;b", "a  b", "a /b", "a{", "a}", "a\nb", "$x", "'", '"'],
    haproxy: ["a b", "a\nb", "a#b", '"'],
    systemd: ["a\nb", "%n", '"', "'", "\\"],
    nftables: ["a\nb", "a;b", "{", "}", '"', "#"],
    pgconf: ["a\nb", "'", "#", "\\"],
    text: ["a\nb", "#", "'"],
  };
  for (const [format, values] of Object.entries(dangerous)) {
    for (const value of values) {
      assert.throws(() => fill("x {{v}}", { v: value }, format as Format), /does not fit/, `${format}: ${value}`);
    }
  }
});

test("the shell reads a quoted word back as it was", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary-ascii" }).filter((text) => !text.includes("\0")),
      (text) => {
        const read = execFileSync("sh", ["-c", `printf %s ${quoteShell(text)}`], { encoding: "utf8" });
        assert.equal(read, text);
      },
    ),
    { numRuns: 25 },
  );
  assert.throws(() => fill("A=x{{v}}", { v: "1" }, "shell"), /must be the whole value/);
  assert.equal(fill("A={{v}}", { v: "it's" }, "shell"), String.raw`A='it'\''s'`);
});

test("YAML values keep their type and comments stay", () => {
  const text = '# why\nttl: "{{ttl}}"\nhosts: "{{hosts}}"\nname: "{{name}}"\n';
  const rendered = fillYaml("t.yaml", text, { ttl: 20, hosts: ["a:1", "b:2"], name: "yes" });
  assert.deepEqual(parse(rendered), { ttl: 20, hosts: ["a:1", "b:2"], name: "yes" });
  assert.match(rendered, /^# why\n/);
});

test("YAML templates report unknown, unused and partial placeholders", () => {
  assert.throws(() => fillYaml("t.yaml", 'a: "{{x}}"\n', { y: 1 }), /unknown placeholder \{\{x\}\}.*value y has no/);
  assert.throws(() => fillYaml("t.yaml", 'a: "is {{x}}"\n', {}), /no whole scalar/);
});

test("any string survives YAML", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      fc.pre(!value.includes("{{"));
      assert.deepEqual(parse(fillYaml("t.yaml", 'a: "{{v}}"\n', { v: value })), { a: value });
    }),
  );
});
