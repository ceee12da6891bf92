import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ensurePlugins, type PluginRequest, requiredPlugins } from "../../cli/engine/plugins.ts";
import { findOnPath } from "../../cli/engine/probe.ts";
import { repoRoot } from "../../cli/paths.ts";
import type { Progress } from "../../cli/progress.ts";

const quiet: Progress = { step: (_title, work) => work(() => undefined), say: () => undefined };

/** First bytes of a compiled program, and of a script. */
const compiled = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const scripted = "#!/bin/sh\n";

type Bench = { readonly request: PluginRequest; readonly base: string; readonly standIns: string[] };

function put(home: string, name: string, version: string, content: string | Buffer): string {
  const folder = join(home, "plugins", `resource-${name}-v${version}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `pulumi-resource-${name}`), content);
  return folder;
}

/** A checkout with two provider packages, one other package, and no network. */
function bench(t: TestContext): Bench {
  const base = mkdtempSync(join(tmpdir(), "chitlaq-plugins-"));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const packages = {
    hcloud: { version: "1.41.0", pulumi: { resource: true, name: "hcloud" } },
    cloudflare: { version: "6.22.1", pulumi: { resource: true, version: "v6.22.1" } },
    pulumi: { version: "3.270.0" },
  };
  for (const [name, content] of Object.entries(packages)) {
    const folder = join(base, "node_modules", "@pulumi", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(content));
  }
  const dependencies = {
    zod: "4",
    ...Object.fromEntries(Object.keys(packages).map((name) => [`@pulumi/${name}`, "*"])),
  };
  writeFileSync(join(base, "package.json"), JSON.stringify({ version: "0.0.0", dependencies }));
  const pulumiHome = join(base, "home");
  const standIns: string[] = [];
  const bin = join(base, "bin");
  mkdirSync(bin);
  symlinkSync(findOnPath("sh", process.env) ?? "", join(bin, "sh"));
  const search = {
    repoRoot: base,
    cacheDir: join(base, "cache"),
    env: { PATH: bin, HOME: base },
    signal: new AbortController().signal,
    killSignal: new AbortController().signal,
  };
  return {
    base,
    standIns,
    request: {
      pulumi: join(bin, "pulumi"),
      pulumiHome,
      search,
      installStandIn: async ({ name, version }) => {
        standIns.push(name);
        put(pulumiHome, name, version, scripted);
      },
    },
  };
}

const program = (name: string, text: string, { base }: Bench): void => {
  writeFileSync(join(base, "bin", name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(base, "bin", name), 0o755);
};

test("the plugins are those of the repository's SDKs, at the SDK's version", () => {
  const installed = (name: string): string =>
    (
      JSON.parse(readFileSync(join(repoRoot, "node_modules", "@pulumi", name, "package.json"), "utf8")) as {
        readonly version: string;
      }
    ).version;
  const required = requiredPlugins(repoRoot);
  for (const name of ["hcloud", "cloudflare"]) {
    assert.equal(required.find((plugin) => plugin.name === name)?.version, installed(name));
  }
  assert.equal(
    required.some(({ name }) => name === "pulumi"),
    false,
  );
});

test("where nothing is to be had, every plugin is a stand-in", async (t) => {
  const { request, standIns } = bench(t);
  assert.deepEqual(await ensurePlugins(request, quiet), [
    { name: "hcloud", version: "1.41.0", origin: "stand-in" },
    { name: "cloudflare", version: "6.22.1", origin: "stand-in" },
  ]);
  assert.deepEqual(standIns, ["hcloud", "cloudflare"]);
});

test("an official plugin of the person is copied, and their home is left as it is", async (t) => {
  const { request, standIns, base } = bench(t);
  put(join(base, ".pulumi"), "hcloud", "1.41.0", compiled);
  const plugins = await ensurePlugins(request, quiet);
  assert.deepEqual(
    plugins.map(({ name, origin }) => [name, origin]),
    [
      ["hcloud", "official"],
      ["cloudflare", "stand-in"],
    ],
  );
  assert.deepEqual(standIns, ["cloudflare"]);
  const copy = join(request.pulumiHome, "plugins", "resource-hcloud-v1.41.0", "pulumi-resource-hcloud");
  assert.deepEqual(readFileSync(copy), compiled);
  assert.equal(existsSync(join(base, ".pulumi", "plugins", "resource-cloudflare-v6.22.1")), false);
});

test("an official plugin that turns up later takes the stand-in's place", async (t) => {
  const { request, base } = bench(t);
  await ensurePlugins(request, quiet);
  put(join(base, ".pulumi"), "cloudflare", "6.22.1", compiled);
  const plugins = await ensurePlugins(request, quiet);
  assert.deepEqual(
    plugins.map(({ name, origin }) => [name, origin]),
    [
      ["hcloud", "stand-in"],
      ["cloudflare", "official"],
    ],
  );
});

test("other versions, half-downloaded plugins and stand-ins of another home are no official plugin", async (t) => {
  const { request, standIns, base } = bench(t);
  const home = join(base, ".pulumi");
  put(home, "hcloud", "1.40.0", compiled);
  const half = put(home, "hcloud", "1.41.0", compiled);
  writeFileSync(`${half}.partial`, "");
  put(home, "cloudflare", "6.22.1", scripted);
  await ensurePlugins(request, quiet);
  assert.deepEqual(standIns, ["hcloud", "cloudflare"]);
});

test("official plugins are downloaded when the vendor answers one short question", async (t) => {
  const at = bench(t);
  program("curl", 'echo "$*" >>"$HOME/curl.log"', at);
  const download = [
    'd="$PULUMI_HOME/plugins/resource-$4-v$5"',
    '/bin/mkdir -p "$d"',
    `printf '\\177ELF' >"$d/pulumi-resource-$4"`,
  ].join("\n");
  program("pulumi", download, at);
  const plugins = await ensurePlugins(at.request, quiet);
  assert.deepEqual(
    plugins.map(({ origin }) => origin),
    ["official", "official"],
  );
  const asked = readFileSync(join(at.base, "curl.log"), "utf8").trim().split("\n");
  assert.equal(asked.length, 1);
  assert.match(asked[0] ?? "", /--connect-timeout 3 /);
});

test("a download that brings nothing ends in a stand-in", async (t) => {
  const at = bench(t);
  program("curl", "exit 0", at);
  program("pulumi", "exit 1", at);
  const plugins = await ensurePlugins(at.request, quiet);
  assert.deepEqual(
    plugins.map(({ origin }) => origin),
    ["stand-in", "stand-in"],
  );
});

test("a plugin with neither an official nor a stand-in build is named with the way out; the others are there", async (t) => {
  const { request } = bench(t);
  const said: string[] = [];
  const refuse: PluginRequest = {
    ...request,
    installStandIn: (plugin) =>
      plugin.name === "hcloud" ? Promise.reject(new Error("no such stand-in")) : request.installStandIn(plugin),
  };
  const plugins = await ensurePlugins(refuse, { ...quiet, say: (line) => void said.push(line) });
  assert.deepEqual(
    plugins.map(({ name, origin }) => [name, origin]),
    [
      ["hcloud", "missing"],
      ["cloudflare", "stand-in"],
    ],
  );
  assert.match(said.join("\n"), /hcloud 1\.41\.0 is neither installed nor to be downloaded.*no such stand-in/);
  assert.match(said.join("\n"), /pulumi plugin install resource hcloud 1\.41\.0/);
});
