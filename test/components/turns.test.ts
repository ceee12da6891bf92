import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Turns } from "../../components/machine/turns.ts";

/** Takes turns for these machines at once, and notes who has one; `work` ends a turn. */
const queue = (turns: Turns, machines: readonly string[], work: (machine: string) => Promise<boolean>) => {
  const having = new Set<string>();
  const seen: string[] = [];
  const runs = machines.map(async (machine) => {
    await turns.take(machine);
    having.add(machine);
    assert.equal(having.size, 1, [...having].join(" and "));
    seen.push(machine);
    const failed = await work(machine);
    having.delete(machine);
    turns.give(machine, { failed });
  });
  return { seen, done: Promise.allSettled(runs) };
};

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("turns of machines", () => {
  it("come one after the other, in the order they were asked for", async () => {
    const { seen, done } = queue(new Turns(0), ["a", "b", "c"], () => soon().then(() => false));
    assert.deepEqual(new Set((await done).map(({ status }) => status)), new Set(["fulfilled"]));
    assert.deepEqual(seen, ["a", "b", "c"]);
  });

  it("leave time between two machines, and none before the first", async () => {
    const settleMs = 100;
    const turns = new Turns(settleMs);
    const began = performance.now();
    await turns.take("a");
    assert.ok(performance.now() - began < settleMs / 2);
    turns.give("a");
    await turns.take("b");
    assert.ok(performance.now() - began >= settleMs - 1);
  });

  it("end with the first that went wrong: the others stay as they are and are told which one", async () => {
    const { seen, done } = queue(new Turns(0), ["a", "b", "c", "d"], async (machine) => machine === "b");
    const results = await done;
    assert.deepEqual(seen, ["a", "b"]);
    for (const result of results.slice(2)) {
      assert.ok(result.status === "rejected");
      assert.match(String(result.reason), /server [cd]: left as it is, because the change of b went wrong/);
    }
  });

  it("may be given back by who has none", () => {
    new Turns(0).give("a");
  });
});
