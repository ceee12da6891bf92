import assert from "node:assert/strict";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { startAptCache } from "../../../local/machines/aptCache.ts";

type Answer = { readonly status: number | undefined; readonly body: string };

const start = async (context: TestContext, answer: (url: string) => Promise<Response>) => {
  const folder = await mkdtemp(join(tmpdir(), "apt-"));
  const socket = join(folder, "apt.sock");
  const asked: string[] = [];
  const fetchFile = (url: string): Promise<Response> => {
    asked.push(url);
    return answer(url);
  };
  const cache = await startAptCache({ socket, folder, fetchFile, log: () => undefined });
  context.after(async () => {
    await cache.close();
    await rm(folder, { recursive: true, force: true });
  });
  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      request({ socketPath: socket, path, headers: { host: "deb.debian.org", ...headers } }, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
      })
        .on("error", reject)
        .end();
    });
  return { folder, asked, get };
};

const deb = "/debian/pool/main/n/nginx/nginx_1_amd64.deb";
const index = "/debian/dists/trixie/InRelease";

test("a package is fetched once, also when many ask at the same time", async (context) => {
  const { asked, get } = await start(context, async () => new Response("bytes"));
  const answers = await Promise.all([get(deb), get(deb), get(deb)]);
  assert.deepEqual(
    answers.map(({ body }) => body),
    ["bytes", "bytes", "bytes"],
  );
  await get(deb);
  assert.deepEqual(asked, [`http://deb.debian.org${deb}`]);
});

test("an old index is fetched again, and served as it is when that fails; an old package is not", async (context) => {
  const bodies: (string | null)[] = ["package", "first", "second", null];
  const { asked, folder, get } = await start(context, async () => {
    const body = bodies.shift();
    if (body == null) throw new Error("no network");
    return new Response(body);
  });
  const age = (path: string) => utimes(join(folder, "deb.debian.org", path), 0, 0);
  await get(deb);
  await age(deb);
  assert.equal((await get(deb)).body, "package");
  assert.equal((await get(index)).body, "first");
  assert.equal((await get(index)).body, "first", "fresh enough");
  await age(index);
  assert.equal((await get(index)).body, "second");
  await age(index);
  assert.equal((await get(index)).body, "second");
  assert.equal(asked.length, 4);
  assert.deepEqual(await get("/debian/never/seen"), { status: 502, body: "" });
});

test("unchanged is said in one line, a missing file is passed on, and other hosts are refused", async (context) => {
  const { asked, get } = await start(context, async (url) =>
    url.endsWith("/missing") ? new Response("", { status: 404 }) : new Response("bytes"),
  );
  await get(index);
  assert.equal((await get(index, { "if-modified-since": new Date(Date.now() + 1000).toUTCString() })).status, 304);
  assert.equal((await get("/debian/missing")).status, 404);
  assert.equal((await get("/", { host: "example.com" })).status, 403);
  assert.equal((await get("/../../../etc/passwd")).status, 200, "the path stays below the mirror");
  assert.equal(asked.at(-1), "http://deb.debian.org/etc/passwd");
});
