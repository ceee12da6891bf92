import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import fc from "fast-check";
import { openStore, StoreLockedError } from "../../../local/shared/store.ts";

const directory = mkdtempSync(join(tmpdir(), "local-store-"));
after(() => rmSync(directory, { recursive: true, force: true }));

type Item = { readonly id: number; readonly group: string; readonly value: number };
const byGroup = { group: (item: Item) => item.group };

test("documents, order and indexes are there again after reopening", () => {
  const file = join(directory, "reopen.sqlite");
  const first = openStore(file);
  const items = first.collection("items", byGroup);
  for (const id of [3, 1, 2]) items.put({ id, group: id === 1 ? "odd one" : "rest", value: id * 10 });
  items.put({ id: 3, group: "rest", value: 99 });
  items.delete(2);
  assert.equal(first.nextId("item", 100), 100);
  first.close();

  const second = openStore(file);
  const again = second.collection("items", byGroup);
  assert.deepEqual(
    again.all().map((item) => [item.id, item.value]),
    [
      [3, 99],
      [1, 10],
    ],
  );
  assert.deepEqual(
    again.where("group", "rest").map((item) => item.id),
    [3],
  );
  assert.equal(second.nextId("item", 100), 101);
  second.close();
});

test("a transaction that throws leaves no trace in memory, indexes or file", () => {
  const file = join(directory, "rollback.sqlite");
  const store = openStore(file);
  const items = store.collection("items", byGroup);
  items.put({ id: 1, group: "a", value: 1 });
  assert.throws(
    () =>
      store.transaction(() => {
        items.put({ id: 1, group: "b", value: 2 });
        items.put({ id: 2, group: "b", value: 2 });
        store.transaction(() => items.delete(1));
        throw new Error("stop");
      }),
    /stop/,
  );
  assert.deepEqual(items.all(), [{ id: 1, group: "a", value: 1 }]);
  assert.deepEqual(items.where("group", "b"), []);
  store.close();
  const reopened = openStore(file);
  assert.deepEqual(reopened.collection("items", byGroup).all(), [{ id: 1, group: "a", value: 1 }]);
  reopened.close();
});

test("an asynchronous transaction is refused", () => {
  const store = openStore(":memory:");
  assert.throws(() => store.transaction(async () => undefined), /synchronous/);
  store.close();
});

test("any sequence of operations gives what a plain map gives, also after reopening", () => {
  const operation = fc.record({
    verb: fc.constantFrom("put", "delete", "fail"),
    id: fc.integer({ min: 1, max: 5 }),
    group: fc.constantFrom("a", "b"),
    value: fc.integer(),
  });
  let run = 0;
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      run += 1;
      const file = join(directory, `model-${run}.sqlite`);
      const store = openStore(file);
      const items = store.collection("items", byGroup);
      const model = new Map<number, Item>();
      for (const { verb, id, group, value } of operations) {
        if (verb === "put") {
          items.put({ id, group, value });
          model.set(id, { id, group, value });
        } else if (verb === "delete") {
          assert.equal(items.delete(id), model.delete(id));
        } else {
          assert.throws(() =>
            store.transaction(() => {
              items.put({ id, group, value });
              throw new Error("undo");
            }),
          );
        }
      }
      const sorted = (all: readonly Item[]): readonly Item[] => [...all].sort((a, b) => a.id - b.id);
      const expected = sorted([...model.values()]);
      assert.deepEqual(sorted(items.all()), expected);
      store.close();
      const reopened = openStore(file);
      const again = reopened.collection("items", byGroup);
      assert.deepEqual(sorted(again.all()), expected);
      for (const group of ["a", "b"]) {
        assert.deepEqual(
          sorted(again.where("group", group)),
          expected.filter((item) => item.group === group),
        );
      }
      reopened.close();
    }),
    { numRuns: 30 },
  );
});

test("what a killed process had committed is all there, in whole transactions", async () => {
  const file = join(directory, "killed.sqlite");
  const script = `
    import { openStore } from ${JSON.stringify(new URL("../../../local/shared/store.ts", import.meta.url).href)};
    const store = openStore(${JSON.stringify(file)});
    const left = store.collection("left"), right = store.collection("right");
    for (let id = 1; ; id += 1) {
      store.transaction(() => { left.put({ id }); right.put({ id }); });
      console.log(id);
    }`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (acknowledged === 200) {
      assert.throws(() => openStore(file), StoreLockedError);
      child.kill("SIGKILL");
      break;
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const store = openStore(file);
  const left = store.collection("left").all();
  assert.ok(left.length >= acknowledged, `${left.length} of ${acknowledged} acknowledged documents`);
  assert.deepEqual(left, store.collection("right").all());
  store.close();
});
