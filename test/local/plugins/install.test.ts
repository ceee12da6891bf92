import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repoRoot } from "../../../cli/paths.ts";
import { installStandIn } from "../../../local/plugins/install.ts";

const version = (
  JSON.parse(readFileSync(join(repoRoot, "node_modules/@pulumi/hcloud/package.json"), "utf8")) as { version: string }
).version;

describe("installing a stand-in", () => {
  let directory = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "stand-in-install-"));
  });
  after(() => rm(directory, { recursive: true }));

  const install = (pulumiHome: string, more: { name?: string; version?: string } = {}): Promise<{ path: string }> =>
    installStandIn({ pulumiHome, name: "hcloud", version, nodePath: process.execPath, repoRoot, ...more });

  it("writes one executable where the engine looks, again and again", async () => {
    const home = join(directory, "home with ' quote");
    const { path } = await install(home);
    assert.equal(path, join(home, "plugins", `resource-hcloud-v${version}`, "pulumi-resource-hcloud"));
    assert.equal((await stat(path)).mode & 0o777, 0o755);
    await install(home);
    assert.deepEqual(await readdir(join(home, "plugins")), [`resource-hcloud-v${version}`]);
    assert.deepEqual(await readdir(join(home, "plugins", `resource-hcloud-v${version}`)), ["pulumi-resource-hcloud"]);
  });

  it("refuses the person's own Pulumi home, by whatever name", async () => {
    await assert.rejects(install(join(homedir(), ".pulumi")), /own home/);
    await assert.rejects(install(join(homedir(), "x", "..", ".pulumi", "inner")), /own home/);
    const link = join(directory, "link");
    await symlink(homedir(), link);
    await assert.rejects(install(join(link, ".pulumi")), /own home/);
  });

  it("refuses a version that is not installed and a package without a stand-in, both at once", async () => {
    const failure = await install(join(directory, "other"), { name: "aws", version: "7.0.0" }).catch(
      (error: unknown) => error,
    );
    assert.ok(failure instanceof Error);
    assert.match(failure.message, /name: "aws" given, stand-ins exist for hcloud, cloudflare/);
    assert.match(failure.message, /version: 7\.0\.0 given, @pulumi\/aws is not installed/);
    await assert.rejects(install(join(directory, "other"), { version: "0.0.1" }), /version: 0\.0\.1 given/);
    await assert.rejects(readdir(join(directory, "other")), { code: "ENOENT" });
  });

  it("leaves an official plugin alone", async () => {
    const home = join(directory, "official");
    const plugin = join(home, "plugins", `resource-hcloud-v${version}`);
    await mkdir(plugin, { recursive: true });
    await writeFile(join(plugin, "pulumi-resource-hcloud"), "\x7fELF binary");
    await assert.rejects(install(home), /official plugin is installed/);
    assert.equal(await readFile(join(plugin, "pulumi-resource-hcloud"), "utf8"), "\x7fELF binary");
  });

  it("gives a plugin that announces its port and goes away with the process that started it", async () => {
    const { path } = await install(join(directory, "run"));
    // A shell stands for the engine: it starts the plugin, says its process id, and is then killed.
    const engine = spawn("/bin/sh", ["-c", '"$0" 127.0.0.1:1 & echo "pid $!"; wait', path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    for await (const chunk of engine.stdout) {
      text += String(chunk);
      if (/^\d+$/m.test(text)) {
        break;
      }
    }
    const plugin = Number(/^pid (\d+)$/m.exec(text)?.[1]);
    assert.ok(process.kill(plugin, 0));
    engine.kill("SIGKILL");
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      try {
        process.kill(plugin, 0);
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.kill(plugin, "SIGKILL");
    assert.fail("the plugin outlived its parent");
  });
});
