/** Programs and policy packs under the real engine and the stand-in language host. */

import assert from "node:assert/strict";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repoRoot } from "../../../cli/paths.ts";
import type { LocalCloud } from "../plugins/localCloud.ts";
import { engineMissing, openStage, type Project, type Stage } from "../plugins/project.ts";

/** A policy pack without a policy library: it serves the analyzer service itself and dislikes networks named "bad". */
const PACK = `
import * as grpc from "@grpc/grpc-js";
import analyzerGrpc from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/analyzer_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";

const LEVELS = { bad: pb.EnforcementLevel.MANDATORY, odd: pb.EnforcementLevel.ADVISORY };
const judge = (call, callback) => {
  const response = new pb.AnalyzeResponse();
  const name = call.request.getProperties().toJavaScript().name;
  if (call.request.getType() === "hcloud:index/network:Network" && name in LEVELS) {
    const diagnostic = new pb.AnalyzeDiagnostic();
    diagnostic.setPolicyname("names");
    diagnostic.setPolicypackname("pack");
    diagnostic.setMessage("a network must not be called " + name);
    diagnostic.setEnforcementlevel(LEVELS[name]);
    diagnostic.setUrn(call.request.getUrn());
    response.addDiagnostics(diagnostic);
  }
  callback(null, response);
};
const server = new grpc.Server();
server.addService(analyzerGrpc.AnalyzerService, {
  handshake: (_call, callback) => callback(null, new pb.AnalyzerHandshakeResponse()),
  configureStack: (_call, callback) => callback(null, new pb.AnalyzerStackConfigureResponse()),
  configure: (_call, callback) => callback(null, new emptyPb.Empty()),
  getPluginInfo: (_call, callback) => callback(null, new pluginPb.PluginInfo()),
  getAnalyzerInfo: (_call, callback) => {
    const info = new pb.AnalyzerInfo();
    info.setName("pack");
    info.setVersion("0.0.1");
    callback(null, info);
  },
  analyze: judge,
  analyzeStack: (_call, callback) => callback(null, new pb.AnalyzeResponse()),
  remediate: (_call, callback) => callback(null, new pb.RemediateResponse()),
  cancel: (_call, callback) => callback(null, new emptyPb.Empty()),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (_error, port) => console.log(port));
`;

const network = (name: string): string => `new hcloud.Network("net", { name: "${name}", ipRange: "10.0.0.0/16" });`;

describe("the language host under the engine", { skip: await engineMissing() }, () => {
  let stage: Stage | undefined;
  let cloud: LocalCloud;
  let project: Project;
  before(async () => {
    stage = await openStage();
    ({ cloud, project } = stage);
  });
  after(() => stage?.close());

  it("runs TypeScript as it stands, with configuration, secrets and outputs", async () => {
    const set = await project.pulumi("config", "set", "--secret", "key", "hidden-value-4711");
    assert.equal(set.code, 0, set.output);
    await project.write(`
type Shape = { readonly dry: boolean };
const config = new pulumi.Config();
export const shape = { dry: pulumi.runtime.isDryRun() } satisfies Shape;
export const stack = pulumi.getStack();
export const project = pulumi.getProject();
export const secret = config.requireSecret("key");
export const cached = process.env.NODE_COMPILE_CACHE;
export const node = process.version;`);
    const run = await project.up();
    assert.equal(run.code, 0, run.output);
    assert.doesNotMatch(run.output, /hidden-value-4711/);
    assert.deepEqual(await project.outputs(), {
      shape: { dry: false },
      stack: "dev",
      project: "p",
      secret: "hidden-value-4711",
      cached: project.environment.NODE_COMPILE_CACHE,
      node: process.version,
    });
  });

  it("fills the compile cache it was given", async () => {
    const { NODE_COMPILE_CACHE = "" } = project.environment;
    assert.ok((await readdir(NODE_COMPILE_CACHE)).length > 0);
  });

  it("shows what a program prints and why it failed, once, without a stack of the host", async () => {
    await project.write(`console.log("printed by the program");\nthrow new Error("the program is wrong");`);
    const run = await project.up();
    assert.notEqual(run.code, 0);
    assert.match(run.output, /printed by the program/);
    assert.match(run.output, /the program is wrong/);
    assert.doesNotMatch(run.output, /exited with non-zero exit code/);
    await project.write("process.exit(5);");
    assert.match((await project.up()).output, /exited with non-zero exit code: 5/);
    await project.write("const broken: = 1;");
    assert.match((await project.up()).output, /SyntaxError|Unexpected|Expression expected/);
  });

  it("tells the engine about itself", async () => {
    const { code, stdout, output } = await project.pulumi("about", "--json");
    assert.equal(code, 0, output);
    const { runtime, plugins } = JSON.parse(stdout) as {
      runtime: { language: string; executable: string };
      plugins: readonly { name: string; version: string }[];
    };
    assert.deepEqual([runtime.language, runtime.executable], ["nodejs", process.execPath]);
    assert.ok(plugins.some(({ name }) => name === "hcloud"));
  });

  it("runs a policy pack: mandatory rules stop the run, advice does not", async () => {
    const pack = join(project.directory, "pack");
    await mkdir(pack);
    await writeFile(join(pack, "PulumiPolicy.yaml"), "description: names\nruntime: nodejs\nversion: 0.0.1\n");
    await writeFile(join(pack, "package.json"), JSON.stringify({ name: "pack", type: "module", main: "index.js" }));
    await writeFile(join(pack, "index.js"), PACK);
    await symlink(join(repoRoot, "node_modules"), join(pack, "node_modules"));
    const preview = async (name: string) => {
      await project.write(network(name));
      return project.pulumi("preview", "--policy-pack", pack);
    };
    const good = await preview("good");
    assert.equal(good.code, 0, good.output);
    const odd = await preview("odd");
    assert.equal(odd.code, 0, odd.output);
    assert.match(odd.output, /a network must not be called odd/);
    const bad = await preview("bad");
    assert.notEqual(bad.code, 0);
    assert.match(bad.output, /mandatory.*names|a network must not be called bad/s);
    const run = await project.pulumi("up", "--yes", "--skip-preview", "--policy-pack", pack);
    assert.notEqual(run.code, 0);
    assert.deepEqual((await cloud.hcloud("GET", "/networks")).networks, []);
  });
});
