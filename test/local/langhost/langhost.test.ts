/** The language host over gRPC, as the engine calls it. */

import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeClient, LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as Pb from "@pulumi/pulumi/proto/language_pb.js";
import pb from "@pulumi/pulumi/proto/language_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { repoRoot } from "../../../cli/paths.ts";
import { installLanguageHost } from "../../../local/langhost/install.ts";
import { languageRuntime } from "../../../local/langhost/langhost.ts";

type Callback<T> = (error: grpc.ServiceError | null, response: T) => void;

const ask = <T>(call: (callback: Callback<T>) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });

const collect = <T>(stream: grpc.ClientReadableStream<T>): Promise<readonly T[]> =>
  new Promise((resolve, reject) => {
    const items: T[] = [];
    stream.on("data", (item: T) => items.push(item));
    stream.once("error", reject);
    stream.once("end", () => resolve(items));
  });

describe("the language host", () => {
  let server: grpc.Server;
  let client: LanguageRuntimeClient;
  let directory = "";
  before(async () => {
    server = new grpc.Server();
    server.addService(LanguageRuntimeService as unknown as grpc.ServiceDefinition, languageRuntime("127.0.0.1:1"));
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    client = new LanguageRuntimeClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    directory = await mkdtemp(join(tmpdir(), "langhost-"));
    await symlink(join(repoRoot, "node_modules"), join(directory, "node_modules"));
  });
  after(async () => {
    client.close();
    server.forceShutdown();
    await rm(directory, { recursive: true });
  });

  const infoFor = (programDirectory: string, entryPoint = "."): Pb.ProgramInfo => {
    const info = new pb.ProgramInfo();
    info.setRootDirectory(programDirectory);
    info.setProgramDirectory(programDirectory);
    info.setEntryPoint(entryPoint);
    return info;
  };

  it("introduces itself", async () => {
    await ask((callback: Callback<Pb.LanguageHandshakeResponse>) =>
      client.handshake(new pb.LanguageHandshakeRequest(), callback),
    );
    const about = await ask((callback: Callback<Pb.AboutResponse>) => client.about(new pb.AboutRequest(), callback));
    assert.deepEqual([about.getExecutable(), about.getVersion()], [process.execPath, process.version]);
  });

  it("names plugins and dependencies of a program", async () => {
    const request = new pb.GetRequiredPackagesRequest();
    request.setInfo(infoFor(repoRoot));
    const response = await ask((callback: Callback<Pb.GetRequiredPackagesResponse>) =>
      client.getRequiredPackages(request, callback),
    );
    const names = response.getPackagesList().map((item) => `${item.getKind()} ${item.getName()}`);
    assert.ok(names.includes("resource hcloud") && names.includes("resource cloudflare"), names.join());
    const dependencies = new pb.GetProgramDependenciesRequest();
    dependencies.setInfo(infoFor(repoRoot));
    const found = await ask((callback: Callback<Pb.GetProgramDependenciesResponse>) =>
      client.getProgramDependencies(dependencies, callback),
    );
    assert.ok(found.getDependenciesList().some((item) => item.getName() === "@pulumi/pulumi"));
  });

  it("streams what a plugin prints, in its directory, with its arguments and variables, and its exit code", async () => {
    const plugin = join(directory, "plugin");
    await mkdir(plugin);
    await writeFile(join(plugin, "package.json"), JSON.stringify({ name: "x", type: "module", main: "index.js" }));
    await writeFile(
      join(plugin, "index.js"),
      `const shown = JSON.stringify({ cwd: process.cwd(), mark: process.env.MARK, args: process.argv.slice(2) });
process.stdout.write(shown + "\\n");
process.stderr.write("complaint\\n");
process.exitCode = 7;
`,
    );
    // A policy pack's own script takes the engine's address for itself.
    for (const [kind, seen] of [
      ["resource", ["127.0.0.1:1"]],
      ["analyzer", []],
    ] as const) {
      const request = new pb.RunPluginRequest();
      request.setPwd(directory);
      request.setKind(kind);
      request.setInfo(infoFor(plugin));
      request.setArgsList(["127.0.0.1:1"]);
      request.setEnvList(["MARK=a=b"]);
      const parts = await collect<Pb.RunPluginResponse>(client.runPlugin(request));
      const text = (get: (part: Pb.RunPluginResponse) => Uint8Array): string =>
        Buffer.concat(parts.map(get)).toString("utf8");
      const { cwd, mark, args } = JSON.parse(text((part) => part.getStdout_asU8())) as Record<string, unknown>;
      assert.deepEqual([cwd, mark, args], [directory, "a=b", seen], kind);
      assert.match(
        text((part) => part.getStderr_asU8()),
        /complaint/,
      );
      assert.equal(parts.at(-1)?.getExitcode(), 7);
    }
  });

  it("ends a plugin when the engine gives up the call", async () => {
    const plugin = join(directory, "lasting");
    await mkdir(plugin);
    await writeFile(join(plugin, "package.json"), JSON.stringify({ name: "x", type: "module", main: "index.js" }));
    await writeFile(
      join(plugin, "index.js"),
      `process.stdout.write(String(process.pid) + "\\n");\nsetInterval(() => {}, 1000);\n`,
    );
    const request = new pb.RunPluginRequest();
    request.setPwd(directory);
    request.setKind("resource");
    request.setInfo(infoFor(plugin));
    const stream: grpc.ClientReadableStream<Pb.RunPluginResponse> = client.runPlugin(request);
    const pid = await new Promise<number>((resolve) => {
      stream.once("data", (part: Pb.RunPluginResponse) =>
        resolve(Number(Buffer.from(part.getStdout_asU8()).toString())),
      );
    });
    stream.on("error", () => undefined);
    stream.cancel();
    for (;;) {
      try {
        process.kill(pid, 0);
      } catch {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  it("says which packages to install when the SDK is missing", async () => {
    const bare = await mkdtemp(join(tmpdir(), "bare-"));
    const request = new pb.RunPluginRequest();
    request.setPwd(bare);
    request.setKind("analyzer");
    request.setInfo(infoFor(bare));
    await assert.rejects(
      collect(client.runPlugin(request)),
      /Cannot find module '@pulumi\/pulumi\/cmd\/run-policy-pack'/,
    );
    await rm(bare, { recursive: true });
  });

  it("installs dependencies and streams what npm says; a failure names the directory", async () => {
    const project = join(directory, "project");
    await mkdir(project);
    await writeFile(join(project, "package.json"), JSON.stringify({ name: "p", version: "1.0.0" }));
    const request = new pb.InstallDependenciesRequest();
    request.setInfo(infoFor(project));
    await collect(client.installDependencies(request));
    await access(join(project, "package-lock.json"));
    await writeFile(join(project, "package.json"), "{ broken");
    await assert.rejects(collect(client.installDependencies(request)), /npm install in .*project ended with exit code/);
  });

  it("answers what it does not do with UNIMPLEMENTED, and keeps serving", async () => {
    const calls = [
      (callback: Callback<unknown>) => client.generateProgram(new pb.GenerateProgramRequest(), callback),
      (callback: Callback<unknown>) => client.generatePackage(new pb.GeneratePackageRequest(), callback),
      (callback: Callback<unknown>) => client.pack(new pb.PackRequest(), callback),
      (callback: Callback<unknown>) => client.link(new pb.LinkRequest(), callback),
      (callback: Callback<unknown>) => client.runtimeOptionsPrompts(new pb.RuntimeOptionsRequest(), callback),
    ];
    for (const call of calls) {
      await assert.rejects(ask(call), { code: grpc.status.UNIMPLEMENTED });
    }
    await ask((callback: Callback<unknown>) => client.cancel(new emptyPb.Empty(), callback));
    await ask((callback: Callback<unknown>) => client.getPluginInfo(new emptyPb.Empty(), callback));
  });

  it("is installed as one executable, also twice at once", async () => {
    const binDir = join(directory, "bin 'quoted'");
    const options = { binDir, nodePath: process.execPath, repoRoot };
    const [{ path }] = await Promise.all([installLanguageHost(options), installLanguageHost(options)]);
    assert.equal(path, join(binDir, "pulumi-language-nodejs"));
    assert.equal((await stat(path)).mode & 0o777, 0o755);
    assert.match(await readFile(path, "utf8"), /^#!\/bin\/sh\n/);
  });
});
