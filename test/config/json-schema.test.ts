import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { stackFileSchema } from "../../config/json-schema.ts";
import { listStacks } from "../../config/stack-file.ts";
import type { Phase } from "../../plan/types.ts";
import { rawPlatform } from "../support/platform.ts";

const stacks = join(import.meta.dirname, "..", "..", "stacks");

const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(stackFileSchema());

const accepts = (phase: Phase, overrides: Readonly<Record<string, unknown>> = {}) =>
  validate({ config: { "chitlaq:platform": rawPlatform(phase, overrides), "hcloud:token": { secure: "v1:x" } } });

describe("the JSON Schema for editors", () => {
  it("is the committed one; `npm run schema` writes it", () => {
    const committed: unknown = JSON.parse(readFileSync(join(stacks, "platform.schema.json"), "utf8"));
    assert.deepEqual(committed, stackFileSchema());
  });

  for (const stack of listStacks()) {
    it(`accepts the file of ${stack}, which points at it`, () => {
      const text = readFileSync(join(stacks, `Pulumi.${stack}.yaml`), "utf8");
      assert.ok(text.startsWith("# yaml-language-server: $schema=./platform.schema.json\n"));
      assert.ok(validate(parse(text)), JSON.stringify(validate.errors));
    });
  }

  it("leaves defaults out of what is required", () => {
    assert.ok(accepts(1));
    assert.ok(accepts(3, { k3s: { agents: 0 } }));
  });

  it("refuses unknown keys, keys of another phase and values out of range", () => {
    assert.ok(!accepts(2, { colour: "green" }));
    assert.ok(!accepts(1, { api: { count: 2 } }));
    assert.ok(!accepts(2, { api: { count: 11 } }));
    assert.ok(!validate({ config: {} }));
  });

  it("describes every key, for the editor to show", () => {
    const missing: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== "object" || schema === null) return;
      for (const [name, part] of Object.entries((schema as { properties?: object }).properties ?? {})) {
        const field = `${path}.${name}`;
        const nested = Object.hasOwn(part as object, "properties");
        if (!nested && name !== "phase" && typeof (part as { description?: unknown }).description !== "string")
          missing.push(field);
        walk(part, field);
      }
      for (const branch of (schema as { oneOf?: readonly unknown[] }).oneOf ?? []) walk(branch, path);
    };
    walk(stackFileSchema(), "");
    assert.deepEqual([...new Set(missing)], []);
  });
});
