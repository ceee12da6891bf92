import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError } from "../../config/faults.ts";
import { MissingPriceError } from "../../cost/prices/errors.ts";
import { PlanError } from "../../plan/errors.ts";
import { reportFaults } from "../../stacks/faults.ts";

const fault = { field: "api.count", value: "0", rule: "phase 2 needs at least 2", fix: "set platform.api.count" };
const question = { item: "server:cx99", location: "ash", at: "2026-10-28", orderedAt: null };

const caught = (error: Error): unknown => {
  try {
    reportFaults(() => {
      throw error;
    });
  } catch (thrown) {
    return thrown;
  }
  return undefined;
};

describe("faults of the stack's file", () => {
  for (const error of [
    new ConfigError([fault, { ...fault, field: "api.cpu" }]),
    new PlanError("phase2", [fault]),
    new MissingPriceError(question, "never read"),
  ]) {
    it(`reach the engine as a message without a trace: ${error.name}`, () => {
      const thrown = caught(error);
      assert.ok(pulumi.RunError.isInstance(thrown));
      assert.equal(thrown.message, error.message);
    });
  }

  it("are told apart from faults of the program, which keep their trace", () => {
    const bug = new TypeError("x is not a function");
    assert.equal(caught(bug), bug);
  });

  it("do not get in the way of what is right", () => {
    assert.equal(
      reportFaults(() => 7),
      7,
    );
  });
});
