/** `ci comment`: one note on a GitLab merge request, updated in place. GitHub's comment needs no code of ours. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";

/** First line of every comment; finds the note to update. */
const marker = "<!-- chitlaq-cost-diff -->";

type Note = { readonly id: number; readonly body: string };

export type GitLab = {
  /** `CI_API_V4_URL` */
  readonly api: string;
  /** `CI_PROJECT_ID` */
  readonly project: string;
  readonly token: string;
};

export function gitLabOf(env: NodeJS.ProcessEnv): GitLab {
  const { CI_API_V4_URL: api, CI_PROJECT_ID: project, CHITLAQ_COMMENT_TOKEN: token } = env;
  if (!api || !project || !token) {
    throw new Fault(
      "ci comment runs in GitLab: CI_API_V4_URL, CI_PROJECT_ID and CHITLAQ_COMMENT_TOKEN are not all set",
    );
  }
  return { api, project, token };
}

async function call<T>({ token }: GitLab, method: string, url: string, body?: string): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: { "private-token": token, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify({ body }) }),
    signal: interruption,
  });
  if (!response.ok) throw new Fault(`${method} ${url}: ${response.status} ${(await response.text()).slice(0, 300)}`);
  return (await response.json()) as T;
}

/** Notes of a merge request come in pages of at most 100. */
async function findNote(gitLab: GitLab, notes: string): Promise<Note | undefined> {
  for (let page = 1; ; page += 1) {
    const found = await call<readonly Note[]>(gitLab, "GET", `${notes}?per_page=100&page=${page}`);
    const note = found.find(({ body }) => body.startsWith(marker));
    if (note !== undefined || found.length < 100) return note;
  }
}

export async function comment(report: string, gitLab: GitLab): Promise<void> {
  const body = readFileSync(join(report, "comment.md"), "utf8");
  const number = readFileSync(join(report, "number"), "utf8").trim();
  if (!/^[0-9]+$/.test(number)) throw new Fault(`${report}/number is not a number`);
  const notes = `${gitLab.api}/projects/${encodeURIComponent(gitLab.project)}/merge_requests/${number}/notes`;
  const note = await findNote(gitLab, notes);
  if (note === undefined) await call(gitLab, "POST", notes, body);
  else if (note.body !== body) await call(gitLab, "PUT", `${notes}/${note.id}`, body);
}
