/**
 * `ci prices` in a throwaway repository with a bare origin, against the emulator's price list with a changed price. `gh` is a
 * recorder: it does not prove what GitHub answers.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import test, { type TestContext } from "node:test";
import { repoRoot } from "../../../cli/paths.ts";
import { createHetznerApp } from "../../../local/hetzner/app.ts";
import { noMachines } from "../../../local/hetzner/driver.ts";
import { closeContext, createContext } from "../../../local/shared/context.ts";
import { makeRepository } from "../../cost/repository.ts";

const token = "0123456789abcdef".repeat(4);
const branch = "refs/heads/prices/update";

/** The emulator's price list with `changes` made to its figures. */
async function startPriceList(t: TestContext, changes: Map<string, string>): Promise<string> {
  const context = createContext({ stateFile: ":memory:", log: () => {} });
  const hetzner = createHetznerApp({ context, token, driver: noMachines });
  const server = createServer((request, response) => {
    void (async () => {
      const headers = { authorization: request.headers.authorization ?? "" };
      const answer = await hetzner.app.request(request.url ?? "/", { headers });
      let body = await answer.text();
      for (const [from, to] of changes) body = body.replaceAll(`"${from}`, `"${to}`);
      response.writeHead(answer.status, { "content-type": "application/json" }).end(body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await hetzner.close();
    closeContext(context);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

/** Records its arguments; `pr list` answers the number in `$GH_FOLDER/open`, which `pr create` writes. */
const fakeGh = `#!/usr/bin/env node
const fs = require("node:fs");
const folder = process.env.GH_FOLDER;
const args = process.argv.slice(2);
fs.appendFileSync(folder + "/calls", JSON.stringify(args) + "\\n");
if (args[1] === "list") console.log(fs.existsSync(folder + "/open") ? "41" : "");
if (args[1] === "create") { fs.writeFileSync(folder + "/open", ""); console.log("https://github.example/pull/41"); }
`;

/** A month's price and the hour's that belongs to it, as one change. */
const raised = (): Map<string, string> =>
  new Map([
    ["85.9900000000", "99.9900000000"],
    ["0.1378000000", "0.1602000000"],
  ]);

type Checkout = {
  readonly git: (...args: readonly string[]) => string;
  /** Runs `ci prices`; answers what it said. */
  readonly run: (env?: Readonly<Record<string, string>>) => Promise<{ readonly code: number; readonly said: string }>;
  readonly ghCalls: () => readonly (readonly string[])[];
  /** The request was merged or refused. */
  readonly closeRequest: () => void;
  readonly origin: string;
};

function makeCheckout(t: TestContext, endpoint: string): Checkout {
  const repository = makeRepository(t);
  const folder = mkdtempSync(join(tmpdir(), "ci-prices-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(repoRoot, "cli"), join(repository.directory, "cli"), { recursive: true });
  repository.commit("The command line");
  const origin = join(folder, "origin.git");
  repository.git("clone", "--quiet", "--bare", repository.directory, origin);
  repository.git("remote", "add", "origin", origin);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "gh"), fakeGh);
  chmodSync(join(bin, "gh"), 0o755);
  return {
    origin,
    git: repository.git,
    async run(env = {}) {
      const child = spawn(process.execPath, ["cli/main.ts", "ci", "prices"], {
        cwd: repository.directory,
        env: {
          PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
          TMPDIR: folder,
          HCLOUD_TOKEN: token,
          HCLOUD_ENDPOINT: endpoint,
          GH_FOLDER: folder,
          GIT_CONFIG_GLOBAL: "/dev/null",
          ...env,
        },
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const [code] = (await once(child, "close")) as [number];
      return { code, said };
    },
    ghCalls: () => {
      const file = join(folder, "calls");
      if (!existsSync(file)) return [];
      const lines = readFileSync(file, "utf8").trim().split("\n");
      rmSync(file);
      return lines.map((line) => JSON.parse(line) as readonly string[]);
    },
    closeRequest: () => rmSync(join(folder, "open")),
  };
}

const bookFiles = ["prices.jsonl", "server-types.jsonl", "sources.jsonl"] as const;

/** Lines of the book at `to` that it does not have at `from`; fails when a line of `from` is not there any more. */
function addedLines(checkout: Checkout, from: string, to: string): readonly string[] {
  return bookFiles.flatMap((file) => {
    const at = (ref: string): string =>
      checkout.git("--git-dir", checkout.origin, "show", `${ref}:cost/prices/data/${file}`);
    const [before, after] = [at(from), at(to)];
    assert.ok(after.startsWith(before), `${file} only grows`);
    return after
      .slice(before.length)
      .split("\n")
      .filter((line) => line !== "");
  });
}

test("a changed list opens one pull request, a further change is added to it, and an agreeing list does nothing", async (t) => {
  const changes = raised();
  const checkout = makeCheckout(t, await startPriceList(t, changes));
  const head = checkout.git("rev-parse", "HEAD");

  const first = await checkout.run();
  assert.equal(first.code, 0, first.said);
  assert.match(first.said, /https:\/\/github\.example\/pull\/41/);
  const [list, create, ...others] = checkout.ghCalls();
  assert.deepEqual(
    [list?.slice(0, 2), create?.slice(0, 4), others],
    [["pr", "list"], ["pr", "create", "--head", "prices/update"], []],
  );
  assert.match(create?.at(-1) ?? "", /^server:ccx23 in fsn1: 85\.99 → 99\.99$/m);
  const added = addedLines(checkout, "main", branch);
  assert.equal(
    added.filter((line) => line.includes('"item":"server:ccx23"') && line.includes('"net":"99.99"')).length,
    1,
  );
  assert.ok(added.some((line) => /"id":"hetzner-api-\d{4}-\d\d-\d\d","read":"\d{4}-\d\d-\d\d"/.test(line)));
  assert.deepEqual(
    [
      checkout.git("rev-parse", "HEAD"),
      checkout.git("status", "--porcelain"),
      checkout.git("worktree", "list").split("\n").length,
    ],
    [head, "", 1],
    "the checkout is as it was",
  );

  const pushed = checkout.git("ls-remote", "origin", branch);
  const again = await checkout.run();
  assert.match(again.said, /pull request 41 has these prices already/);
  assert.deepEqual(
    [checkout.git("ls-remote", "origin", branch), checkout.ghCalls().length],
    [pushed, 1],
    "only looked",
  );

  changes.set("138.4900000000", "150.4900000000").set("0.2219000000", "0.2412000000");
  const changed = await checkout.run();
  assert.equal(changed.code, 0, changed.said);
  const calls = checkout.ghCalls();
  assert.deepEqual(
    calls.map((call) => call.slice(0, 3)),
    [
      ["pr", "list", "--head"],
      ["pr", "edit", "41"],
    ],
  );
  assert.match(calls[1]?.at(-1) ?? "", /server:ccx23[\s\S]*server:ccx33/);
  const both = addedLines(checkout, "main", branch);
  assert.deepEqual(both.filter((line) => added.includes(line)).length, added.length, "what was read first stays");
  assert.ok(both.some((line) => line.includes('"net":"150.49"')));

  checkout.git("fetch", "--quiet", "origin", "prices/update");
  checkout.git("merge", "--quiet", "--ff-only", "FETCH_HEAD");
  checkout.closeRequest();
  const agreed = await checkout.run();
  assert.deepEqual([agreed.code, checkout.ghCalls()], [0, []]);
  assert.match(agreed.said, /The price book equals the live list/);
});

test("a branch whose request was refused is begun anew from the main line", async (t) => {
  const changes = raised();
  const checkout = makeCheckout(t, await startPriceList(t, changes));
  await checkout.run();
  checkout.closeRequest();
  changes.set("85.9900000000", "89.9900000000").set("0.1378000000", "0.1442000000");
  const { code, said } = await checkout.run();
  assert.equal(code, 0, said);
  const added = addedLines(checkout, "main", branch);
  assert.deepEqual(
    ["99.99", "89.99"].map((net) => added.some((line) => line.includes(`"net":"${net}"`))),
    [false, true],
  );
});

test("on GitLab the push itself asks for the merge request", async (t) => {
  const checkout = makeCheckout(t, await startPriceList(t, raised()));
  checkout.git("--git-dir", checkout.origin, "config", "receive.advertisePushOptions", "true");
  const hook = join(checkout.origin, "hooks", "post-receive");
  mkdirSync(join(checkout.origin, "hooks"), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION_ >'${checkout.origin}/options'\n`);
  chmodSync(hook, 0o755);
  const { code, said } = await checkout.run({ GITLAB_CI: "true" });
  assert.equal(code, 0, said);
  const options = readFileSync(join(checkout.origin, "options"), "utf8");
  for (const option of [
    "=merge_request.create\n",
    "=merge_request.remove_source_branch\n",
    "=merge_request.title=Hetzner's price",
  ]) {
    assert.ok(options.includes(option), options);
  }
  assert.match(
    options,
    /=merge_request\.description=\d+ differences from [\d.:]+; \.\/chitlaq prices check names them\.$/m,
  );
  assert.match((await checkout.run({ GITLAB_CI: "true" })).said, /has these prices already/);
  assert.deepEqual(checkout.ghCalls(), []);
});

test("a failing push is told with what git said, and leaves no worktree behind", async (t) => {
  const checkout = makeCheckout(t, await startPriceList(t, raised()));
  rmSync(checkout.origin, { recursive: true });
  const { code, said } = await checkout.run();
  assert.equal(code, 1);
  assert.match(said, /git push .* failed:\n.*origin\.git/);
  assert.equal(checkout.git("worktree", "list").split("\n").length, 1);
});
