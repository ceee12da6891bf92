/** Baking against the API emulator; the test plays the machine's part, which is to power off when its packages are there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "yaml";
import { bakeImage, type BakeOptions } from "../../../cli/image/bake.ts";
import { bakeUserData, packageSetHash } from "../../../cli/image/package-set.ts";
import { findOnPath } from "../../../cli/engine/probe.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { pause } from "../../../cli/process/pause.ts";
import { createProgress } from "../../../cli/progress.ts";
import { type LocalCloud, startLocalCloud } from "../../support/local-cloud.ts";
import { platformOf } from "../../support/platform.ts";

type Server = {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  readonly server_type: { readonly name: string };
};
type Image = { readonly id: number; readonly labels: object; readonly status: string };

const silent = createProgress({ quiet: true, stream: process.stderr });
const never = new AbortController().signal;

const optionsOf = (cloud: LocalCloud, more: Partial<BakeOptions> = {}): BakeOptions => ({
  access: cloud.endpoints.hetzner,
  location: "fsn1",
  force: false,
  installTimeoutMs: 20_000,
  everyMs: 10,
  signal: never,
  now: Date.now,
  ...more,
});

const serversOf = async (cloud: LocalCloud): Promise<readonly Server[]> =>
  ((await cloud.hetzner.request("GET", "/servers")).body as { servers: Server[] }).servers;

const snapshotsOf = async (cloud: LocalCloud): Promise<readonly Image[]> =>
  ((await cloud.hetzner.request("GET", "/images?type=snapshot")).body as { images: Image[] }).images;

/** The first server that runs. */
async function running(cloud: LocalCloud): Promise<Server> {
  for (;;) {
    const found = (await serversOf(cloud)).find(({ status }) => status === "running");
    if (found !== undefined) return found;
    await pause(5, never);
  }
}

const powerOff = (cloud: LocalCloud, { id }: Server): Promise<unknown> =>
  cloud.hetzner.control("PUT", `servers/${id}/power`, { state: "off" });

const cloudFor = (t: TestContext): Promise<LocalCloud> => startLocalCloud(t);

test("a bake leaves one labelled snapshot and no server; the next finds it, and --force makes another", async (t) => {
  const cloud = await cloudFor(t);
  const first = bakeImage(optionsOf(cloud), silent);
  const server = await running(cloud);
  assert.match(server.name, /^chitlaq-image-[0-9a-f]{12}$/);
  assert.equal(server.server_type.name, "cx23", "the cheapest of the smallest disk in fsn1");
  assert.deepEqual(await snapshotsOf(cloud), [], "no snapshot before the server is off");
  await powerOff(cloud, server);
  const baked = await first;
  assert.deepEqual(await serversOf(cloud), []);
  const [snapshot, ...others] = await snapshotsOf(cloud);
  assert.deepEqual([String(snapshot?.id), snapshot?.status, others], [baked.id, "available", []]);
  assert.deepEqual(snapshot?.labels, {
    project: "chitlaq",
    purpose: "image",
    base: "debian-13",
    packages: packageSetHash(),
  });
  assert.deepEqual([baked.created, baked.packages], [true, packageSetHash()]);

  assert.deepEqual(await bakeImage(optionsOf(cloud), silent), { ...baked, created: false });
  const forced = bakeImage(optionsOf(cloud, { force: true }), silent);
  await powerOff(cloud, await running(cloud));
  const newer = await forced;
  assert.notEqual(newer.id, baked.id);
  assert.equal((await bakeImage(optionsOf(cloud), silent)).id, newer.id, "the newest counts");

  assert.equal(platformOf(2, { image: baked.id }).image, baked.id, "the config takes it");
});

test("a server type that is out of stock is passed over", async (t) => {
  const cloud = await cloudFor(t);
  await cloud.hetzner.control("POST", "faults", {
    effect: { type: "stock_out", serverType: "cx23", location: "fsn1" },
  });
  const baking = bakeImage(optionsOf(cloud), silent);
  const server = await running(cloud);
  assert.notEqual(server.server_type.name, "cx23");
  await powerOff(cloud, server);
  await baking;
});

for (const moment of ["installing", "taking the snapshot"]) {
  test(`Ctrl-C while ${moment} removes the server`, async (t) => {
    const cloud = await cloudFor(t);
    const interruption = new AbortController();
    const baking = bakeImage(optionsOf(cloud, { signal: interruption.signal }), silent);
    const ended = baking.then(
      () => "finished",
      (error: Error) => error.message,
    );
    const server = await running(cloud);
    if (moment !== "installing") {
      await cloud.hetzner.control("PUT", "delays", { commands: { create_image: 800 } });
      await powerOff(cloud, server);
      while ((await snapshotsOf(cloud)).length === 0) await pause(5, never);
    }
    interruption.abort(new Error("interrupted"));
    assert.equal(await ended, "interrupted");
    assert.deepEqual(await serversOf(cloud), []);
  });
}

test("a server that never powers off is given up and removed, and the message says what was waited for", async (t) => {
  const cloud = await cloudFor(t);
  const installTimeoutMs = 600;
  await assert.rejects(bakeImage(optionsOf(cloud, { installTimeoutMs }), silent), /not installed within 0\.01 min/);
  assert.deepEqual([await serversOf(cloud), await snapshotsOf(cloud)], [[], []]);
});

test("a second bake at the same time is refused and does not touch the first one's server; an abandoned one is cleared", async (t) => {
  const cloud = await cloudFor(t);
  const first = bakeImage(optionsOf(cloud), silent);
  const server = await running(cloud);
  await assert.rejects(bakeImage(optionsOf(cloud), silent), /another bake is at work/);
  assert.deepEqual(
    (await serversOf(cloud)).map(({ id }) => id),
    [server.id],
  );
  await powerOff(cloud, server);
  await first;

  // What a run that was killed an hour ago left.
  const { body } = await cloud.hetzner.request("POST", "/servers", {
    name: server.name,
    server_type: "cx23",
    image: "debian-13",
    location: "fsn1",
  });
  const { server: left } = body as { readonly server: Server };
  const now = () => Date.now() + 3_700_000;
  const again = bakeImage(optionsOf(cloud, { force: true, now }), silent);
  let fresh = await running(cloud);
  while (fresh.id === left.id) {
    await pause(5, never);
    fresh = await running(cloud);
  }
  await powerOff(cloud, fresh);
  await again;
  assert.deepEqual(await serversOf(cloud), []);
});

test("the user-data is valid, fits, opens no way in and holds the lists", () => {
  const text = bakeUserData();
  assert.ok(text.startsWith("#cloud-config\n") && Buffer.byteLength(text) < 32_768, String(text.length));
  const { ssh_pwauth: passwords, write_files: written } = parse(text) as {
    readonly ssh_pwauth: boolean;
    readonly write_files: readonly { readonly path: string; readonly content: string }[];
  };
  assert.equal(passwords, false);
  assert.deepEqual(
    written.map(({ path }) => path),
    ["/root/bake/packages.txt", "/root/bake/units.txt", "/root/bake/bake.sh"],
  );
  assert.match(written[0]?.content ?? "", /^postgresql-17$/m);
});

test("the script on the server passes shellcheck and refuses an unknown word", (t) => {
  const script = join(repoRoot, "tools", "image", "bake.sh");
  assert.throws(() => execFileSync(script, ["nonsense"], { stdio: "pipe" }), /usage: bake\.sh install\|finish/);
  if (findOnPath("shellcheck", process.env) === undefined) return t.skip("shellcheck is not installed");
  execFileSync("shellcheck", [script]);
  return undefined;
});
