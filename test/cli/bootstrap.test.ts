import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findOnPath } from "../../cli/engine/probe.ts";
import { changeLock, createCheckout, recorded } from "./support/checkout.ts";

const concurrency = { concurrency: 2 };

describe("first run", concurrency, () => {
  test("installs Node and the packages once, and passes the arguments on", async (t) => {
    const checkout = createCheckout(t);
    const args = ["local", "up", "two words", "$HOME", "--", "--json", ""];
    const first = await checkout.run({ args });
    assert.deepEqual(recorded(first).args, args);
    assert.equal(checkout.npmCalls().length, 2);
    for (const call of checkout.npmCalls()) assert.match(call, /ci --ignore-scripts/);
    assert.match(first.stderr, /Installing Node\.js 24/);

    const second = await checkout.run({ args: ["cost"] });
    assert.deepEqual(recorded(second).args, ["cost"]);
    assert.equal(second.stderr, "");
    assert.equal(checkout.npmCalls().length, 2, "nothing is installed twice");
    assert.deepEqual(checkout.leftovers(), []);
  });

  test("uses a Node 24 on PATH", async (t) => {
    const checkout = createCheckout(t);
    checkout.nodeOnPath();
    recorded(await checkout.run());
    assert.equal(checkout.npmCalls().length, 1);
    assert.equal(existsSync(join(checkout.root, ".cache", "node")), false);
  });

  for (const version of ["v22.19.0", "v9.1.0", "no version"]) {
    test(`passes over a node on PATH that says ${version}`, async (t) => {
      const checkout = createCheckout(t);
      checkout.nodeOnPath(version);
      recorded(await checkout.run());
      assert.equal(existsSync(join(checkout.root, ".cache", "node", "node_modules")), true);
    });
  }

  test("says nothing with --quiet", async (t) => {
    const outcome = await createCheckout(t).run({ args: ["cost", "--quiet"] });
    recorded(outcome);
    assert.equal(outcome.stderr, "");
  });
});

describe("places", concurrency, () => {
  test("works in a path with spaces, from another folder, and keeps that folder", async (t) => {
    const checkout = createCheckout(t, { name: "a folder with spaces" });
    const elsewhere = join(checkout.root, "..", "else where");
    mkdirSync(elsewhere);
    const { cwd, script } = recorded(await checkout.run({ cwd: elsewhere }));
    assert.equal(cwd, elsewhere);
    assert.equal(script, join(checkout.root, "cli", "main.ts"));
  });

  test("works through links, absolute and relative", async (t) => {
    const checkout = createCheckout(t);
    symlinkSync(join(checkout.root, "chitlaq"), join(checkout.bin, "absolute"));
    symlinkSync("absolute", join(checkout.bin, "relative"));
    const { script } = recorded(await checkout.run({ script: join(checkout.bin, "relative") }));
    assert.equal(script, join(checkout.root, "cli", "main.ts"));
  });

  test("works without a home, and gives npm one in the cache", async (t) => {
    const checkout = createCheckout(t);
    const { home } = recorded(await checkout.run({ env: { HOME: "" } }));
    assert.equal(home, join(checkout.root, ".cache", "home"));
    for (const call of checkout.npmCalls()) assert.match(call, new RegExp(`^HOME=${home} `));
  });
});

describe("two at once", concurrency, () => {
  for (const [tool, without] of [
    ["flock", "perl"],
    ["perl", "flock"],
  ] as const) {
    test(`install once, and both run (${tool})`, async (t) => {
      if (findOnPath(tool, process.env) === undefined) {
        t.skip(`${tool} is not installed`);
        return;
      }
      const checkout = createCheckout(t, { without: [without] });
      const env = { FAKE_NPM_WAIT: "0.5" };
      const first = checkout.start({ args: ["first"], env });
      await first.npmCalled(1);
      const second = checkout.start({ args: ["second"], env });
      const [one, two] = await Promise.all([first.ended, second.ended]);
      assert.deepEqual([recorded(one).args, recorded(two).args], [["first"], ["second"]]);
      assert.equal(checkout.npmCalls().length, 2);
      assert.match(two.stderr, /Waiting for another/);
    });
  }
});

describe("an installation that is cut off", concurrency, () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`by ${signal} leaves nothing, and the next run installs`, async (t) => {
      const checkout = createCheckout(t);
      const running = checkout.start({ env: { FAKE_NPM_WAIT: "60" } });
      await running.npmCalled(1);
      process.kill(-running.pid, signal);
      const { code } = await running.ended;
      assert.equal(code, signal === "SIGINT" ? 130 : 143);
      assert.deepEqual(checkout.leftovers(), []);
      assert.equal(existsSync(join(checkout.root, ".cache", "node")), false);
      assert.equal(existsSync(join(checkout.root, "node_modules")), false);
      recorded(await checkout.run());
    });
  }

  test("by kill -9 leaves a folder that the next run clears away", async (t) => {
    const checkout = createCheckout(t);
    const running = checkout.start({ env: { FAKE_NPM_WAIT: "60" } });
    await running.npmCalled(1);
    process.kill(-running.pid, "SIGKILL");
    await running.ended;
    assert.equal(checkout.leftovers().length, 1);
    recorded(await checkout.run());
    assert.deepEqual(checkout.leftovers(), []);
  });

  test("by npm's own failure says so and keeps what was there", async (t) => {
    const checkout = createCheckout(t);
    recorded(await checkout.run());
    writeFileSync(join(checkout.root, "node_modules", "old"), "");
    changeLock(checkout);
    const failed = await checkout.run({ env: { FAKE_NPM_FAIL: "1" } });
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /registry unreachable[\s\S]*npm could not install the locked packages/);
    assert.equal(existsSync(join(checkout.root, "node_modules", "old")), true);
    assert.deepEqual(checkout.leftovers(), []);
    recorded(await checkout.run());
    assert.equal(existsSync(join(checkout.root, "node_modules", "old")), false, "the new lock file was installed");
  });
});

describe("locked packages", concurrency, () => {
  test("are not installed again after somebody's own npm ci", async (t) => {
    const checkout = createCheckout(t);
    recorded(await checkout.run());
    rmSync(join(checkout.root, "node_modules", ".chitlaq-lock"));
    recorded(await checkout.run());
    assert.equal(checkout.npmCalls().length, 2);
  });

  test("are installed again when the lock file changed", async (t) => {
    const checkout = createCheckout(t);
    recorded(await checkout.run());
    changeLock(checkout);
    recorded(await checkout.run());
    assert.equal(checkout.npmCalls().length, 3);
  });
});

describe("what cannot be had", concurrency, () => {
  test("npm: the message says where to get it", async (t) => {
    const { code, stderr } = await createCheckout(t, { npm: false }).run();
    assert.equal(code, 1);
    assert.match(stderr, /npm is missing[\s\S]*Node\.js 24 or newer with npm \(https:/);
  });

  test("a Node for this platform: the message says what to install", async (t) => {
    const checkout = createCheckout(t);
    const { code, stderr } = await checkout.run({ env: { FAKE_NPM_NO_PLATFORM: "1" } });
    assert.equal(code, 1);
    assert.match(stderr, /no pinned Node\.js for[\s\S]*Install Node\.js 24 or newer yourself/);
  });
});
