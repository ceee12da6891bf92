/** `ci comment`: one note on a GitLab merge request, updated in place. GitHub's comment needs no code of ours. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";

/** First line of every comment; finds the note to update. */
const marker = "<!-- chitlaq-cost-diff -->";

/** Longest note GitLab takes, in characters (docs.gitlab.com/administration/instance_limits, "Size of comments"). */
const noteLimit = 1_000_000;

/** A request that takes longer has hung. */
const timeoutMs = 30_000;

type Note = { readonly id: number; readonly body: string; readonly author: { readonly id: number } };

type Page<T> = { readonly value: T /** Empty on the last page. */; readonly next: string };

export type GitLab = {
  /** `CI_API_V4_URL` */
  readonly api: string;
  /** `CI_PROJECT_ID` */
  readonly project: string;
  readonly token: string;
};

const settings = ["CI_API_V4_URL", "CI_PROJECT_ID", "CHITLAQ_COMMENT_TOKEN"] as const;

export function gitLabOf(env: NodeJS.ProcessEnv): GitLab {
  const [api = "", project = "", token = ""] = settings.map((name) => env[name]);
  const missing = settings.filter((name) => (env[name] ?? "") === "");
  if (missing.length === 0) return { api, project, token };
  throw new Fault(`ci comment runs in a GitLab job; not set: ${missing.join(", ")}.`, [
    "CHITLAQ_COMMENT_TOKEN is a project access token with the scope api and the role Reporter, as a masked variable; GitLab sets the others",
  ]);
}

/** What a server or a proxy said, which may repeat the request's headers. */
const told = (text: string, token: string): string => text.replaceAll(token, "(token)").slice(0, 300);

async function call<T>({ token }: GitLab, method: string, url: string, body?: string): Promise<Page<T>> {
  const response = await fetch(url, {
    method,
    headers: { "private-token": token, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify({ body }) }),
    signal: AbortSignal.any([interruption, AbortSignal.timeout(timeoutMs)]),
  }).catch((error: unknown) => {
    interruption.throwIfAborted();
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new Fault(`${method} ${url}: no answer (${told(String(cause), token)})`);
  });
  if (!response.ok) {
    const hints = [401, 403].includes(response.status)
      ? ["CHITLAQ_COMMENT_TOKEN needs the scope api and the role Reporter"]
      : [];
    throw new Fault(`${method} ${url}: ${response.status} ${told(await response.text(), token)}`, hints);
  }
  return { value: (await response.json()) as T, next: response.headers.get("x-next-page") ?? "" };
}

/** Our own note: another author's that begins with the marker could not be updated. */
async function findNote(gitLab: GitLab, notes: string): Promise<Note | undefined> {
  const { value: self } = await call<{ readonly id: number }>(gitLab, "GET", `${gitLab.api}/user`);
  for (let page = "1"; page !== ""; ) {
    const { value, next } = await call<readonly Note[]>(gitLab, "GET", `${notes}?per_page=100&page=${page}`);
    const note = value.find(({ body, author }) => author.id === self.id && body.startsWith(marker));
    if (note !== undefined) return note;
    page = next;
  }
  return undefined;
}

function readReport(report: string): { readonly body: string; readonly number: string } {
  const read = (name: string): string => {
    try {
      return readFileSync(join(report, name), "utf8");
    } catch {
      throw new Fault(`--report: ${report} given, there is no ${name} in it`, ["run ./chitlaq ci report before"]);
    }
  };
  const [body, number] = [read("comment.md"), read("number").trim()];
  if (!/^[0-9]+$/.test(number)) throw new Fault(`${report}/number is not a number`);
  if (body.length > noteLimit) {
    throw new Fault(`${report}/comment.md has ${body.length} characters, GitLab takes ${noteLimit} in a note`, [
      "./chitlaq ci report writes no more than 65,536: run it again",
    ]);
  }
  return { body, number };
}

export async function comment(report: string, gitLab: GitLab): Promise<void> {
  const { body, number } = readReport(report);
  const notes = `${gitLab.api}/projects/${encodeURIComponent(gitLab.project)}/merge_requests/${number}/notes`;
  const note = await findNote(gitLab, notes);
  if (note === undefined) await call(gitLab, "POST", notes, body);
  else if (note.body !== body) await call(gitLab, "PUT", `${notes}/${note.id}`, body);
}
