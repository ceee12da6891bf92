import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { comment, type GitLab, gitLabOf } from "../../../cli/ci/comment.ts";
import { Fault } from "../../../cli/errors.ts";
import { repoRoot } from "../../../cli/paths.ts";

type Note = { readonly id: number; body: string; readonly author: { readonly id: number } };

const token = "glpat-0123456789";
const marker = "<!-- chitlaq-cost-diff -->";

type Fake = {
  readonly gitLab: GitLab;
  readonly notes: Note[];
  readonly calls: string[];
  answer: { status: number } | null;
};

/** The notes of merge request 7 of project group/infra, as GitLab's API pages, adds and changes them. */
async function startGitLab(t: TestContext): Promise<Fake> {
  const notes: Note[] = [];
  const calls: string[] = [];
  const path = "/api/v4/projects/group%2Finfra/merge_requests/7/notes";
  const handle = (method: string, url: URL, body: string): { status: number; json: unknown; next?: string } => {
    const text = body === "" ? "" : (JSON.parse(body) as { readonly body: string }).body;
    if (method === "GET" && url.pathname === "/api/v4/user") return { status: 200, json: { id: 5 } };
    if (method === "GET" && url.pathname === path) {
      const [size, page] = [Number(url.searchParams.get("per_page")), Number(url.searchParams.get("page"))];
      const next = notes.length > size * page ? String(page + 1) : "";
      return { status: 200, json: notes.slice(size * (page - 1), size * page), next };
    }
    if (method === "POST" && url.pathname === path) {
      const note = { id: 1000 + notes.length, body: text, author: { id: 5 } };
      notes.unshift(note);
      return { status: 201, json: note };
    }
    const note = notes.find(({ id }) => url.pathname === `${path}/${id}`);
    if (method !== "PUT" || note === undefined) return { status: 404, json: { message: "404 Not found" } };
    note.body = text;
    return { status: 200, json: note };
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", "http://gitlab");
    calls.push(`${request.method} ${url.pathname.replace("/api/v4", "")}${url.search}`);
    const known = request.headers["private-token"] === token;
    const refused = fake.answer ?? (known ? null : { status: 401 });
    const { status, json, next } =
      refused === null
        ? handle(request.method ?? "", url, Buffer.concat(chunks).toString())
        : { status: refused.status, json: { message: "refused", headers: request.headers } };
    response.writeHead(status, {
      "content-type": "application/json",
      ...(next === undefined ? {} : { "x-next-page": next }),
    });
    response.end(JSON.stringify(json));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v4`;
  const fake: Fake = { gitLab: { api, project: "group/infra", token }, notes, calls, answer: null };
  return fake;
}

const golden = readFileSync(join(repoRoot, "test", "golden", "ci", "comment.md"), "utf8");

function makeReport(t: TestContext, body: string = golden, number = "7\n"): string {
  const folder = mkdtempSync(join(tmpdir(), "ci-comment-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "comment.md"), body);
  writeFileSync(join(folder, "number"), number);
  return folder;
}

const others = (count: number): readonly Note[] =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1, body: `Looks good ${index}`, author: { id: 9 } }));

test("the first run writes the note, the next updates it in place, and an equal one writes nothing", async (t) => {
  const { gitLab, notes, calls } = await startGitLab(t);
  const report = makeReport(t);
  await comment(report, gitLab);
  assert.deepEqual(
    notes.map(({ id, body }) => [id, body]),
    [[1000, golden]],
  );
  await comment(report, gitLab);
  assert.deepEqual(
    calls.filter((call) => !call.startsWith("GET")),
    ["POST /projects/group%2Finfra/merge_requests/7/notes"],
  );
  await comment(makeReport(t, `${marker}\nnew`), gitLab);
  assert.deepEqual(
    notes.map(({ id, body }) => [id, body]),
    [[1000, `${marker}\nnew`]],
  );
  assert.equal(calls.at(-1), "PUT /projects/group%2Finfra/merge_requests/7/notes/1000");
});

test("a note on the third page is found; a person who wrote the marker is not overwritten", async (t) => {
  const { gitLab, notes, calls } = await startGitLab(t);
  const ours = { id: 777, body: `${marker}\nold`, author: { id: 5 } };
  notes.push({ id: 500, body: `${marker}\nmine`, author: { id: 9 } }, ...others(240), ours);
  await comment(makeReport(t, `${marker}\nnew`), gitLab);
  assert.deepEqual([ours.body, notes[0]?.body, notes.length], [`${marker}\nnew`, `${marker}\nmine`, 242]);
  assert.deepEqual(
    calls.flatMap((call) => /page=(\d)$/.exec(call)?.[1] ?? []),
    ["1", "2", "3"],
  );
});

test("the search ends after exactly full pages", async (t) => {
  const { gitLab, notes, calls } = await startGitLab(t);
  notes.push(...others(200));
  await comment(makeReport(t), gitLab);
  assert.equal(notes.length, 201);
  assert.deepEqual(
    calls.flatMap((call) => /page=(\d)$/.exec(call)?.[1] ?? []),
    ["1", "2"],
  );
});

test("no error tells the token, even when the server repeats it", async (t) => {
  const fake = await startGitLab(t);
  const faultOf = async (gitLab: GitLab): Promise<Fault> => {
    const failed = await comment(makeReport(t), gitLab).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(failed instanceof Fault, String(failed));
    assert.ok(![failed.message, ...failed.fixes].join("\n").includes(token), failed.message);
    return failed;
  };
  fake.answer = { status: 403 };
  const refused = await faultOf(fake.gitLab);
  assert.match(refused.message, /^GET .*\/user: 403 .*"private-token":"\(token\)"/);
  assert.match(refused.fixes.join(), /scope api/);
  fake.answer = { status: 502 };
  assert.match((await faultOf(fake.gitLab)).message, /: 502 /);
  const silent = await faultOf({ ...fake.gitLab, api: "http://127.0.0.1:1/api/v4" });
  assert.match(silent.message, /no answer \(.*(ECONNREFUSED|bad port)/);
});

test("a report that no note can hold, one that is incomplete and a job without its variables are told before any request", async (t) => {
  const { gitLab, calls } = await startGitLab(t);
  await assert.rejects(
    comment(makeReport(t, "x".repeat(1_000_001)), gitLab),
    /has 1000001 characters, GitLab takes 1000000/,
  );
  await assert.rejects(comment(makeReport(t, golden, "../7"), gitLab), /number is not a number/);
  await assert.rejects(comment(tmpdir(), gitLab), /there is no comment\.md in it/);
  assert.deepEqual(calls, []);
  assert.throws(() => gitLabOf({ CI_PROJECT_ID: "7" }), /not set: CI_API_V4_URL, CHITLAQ_COMMENT_TOKEN/);
  assert.deepEqual(gitLabOf({ CI_API_V4_URL: "https://x/api/v4", CI_PROJECT_ID: "7", CHITLAQ_COMMENT_TOKEN: token }), {
    api: "https://x/api/v4",
    project: "7",
    token,
  });
});
