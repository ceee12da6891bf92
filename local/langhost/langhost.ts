/**
 * Stand-in for the official Node language host, used where only a self-built engine is at hand: the engine starts it to
 * learn what a program needs and to run the program, policy packs and plugins written in TypeScript.
 *
 * It implements the `LanguageRuntime` service on the stubs that ship with `@pulumi/pulumi`. Programs run under this
 * process's own Node, which must strip types by itself (24 or newer); the SDK's scripts for policy packs and plugins
 * compile TypeScript themselves. Code generation is left to the official host.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import type * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as Pb from "@pulumi/pulumi/proto/language_pb.js";
import pb from "@pulumi/pulumi/proto/language_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { completeService, serve, serverStream, unary } from "../plugins/rpc/server.ts";
import { packageRoot, programDependencies, requiredPlugins } from "./packages.ts";
import { type Command, nodeArguments, outcomeOf, programCommand, sdkScript } from "./program.ts";

const MINIMUM_NODE_MAJOR = 24;

type Running = Set<ChildProcess>;

const start = (running: Running, command: Command, stdio: "inherit" | "pipe"): ChildProcess => {
  const child = spawn(process.execPath, command.args, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ["ignore", stdio, stdio],
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
};

const ended = (child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });

const configOf = (request: Pb.RunRequest): Readonly<Record<string, string>> =>
  Object.fromEntries(request.getConfigMap().toArray());

const runProgram = async (running: Running, engine: string, request: Pb.RunRequest): Promise<Pb.RunResponse> => {
  const info = request.getInfo();
  const programDirectory = info?.getProgramDirectory() ?? request.getPwd();
  const command = programCommand({
    monitor: request.getMonitorAddress(),
    engine,
    project: request.getProject(),
    stack: request.getStack(),
    organization: request.getOrganization(),
    rootDirectory: info?.getRootDirectory() ?? programDirectory,
    programDirectory,
    entryPoint: info?.getEntryPoint() ?? request.getProgram(),
    pwd: request.getPwd(),
    dryRun: request.getDryrun(),
    parallel: request.getParallel(),
    args: request.getArgsList(),
    config: configOf(request),
    configSecretKeys: request.getConfigsecretkeysList(),
    nodeArgs: nodeArguments(info?.getOptions()?.toJavaScript().nodeargs),
  });
  const { code, signal } = await ended(start(running, command, "inherit"));
  const outcome = outcomeOf(code, signal);
  const response = new pb.RunResponse();
  response.setError(outcome.error);
  response.setBail(outcome.bail);
  return response;
};

const pluginCommand = (request: Pb.RunPluginRequest): Command => {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? request.getProgram();
  const analyzer = request.getKind() === "analyzer";
  const script = sdkScript(directory, analyzer ? "run-policy-pack" : "run-plugin");
  const entry = info?.getEntryPoint() ?? ".";
  const program = entry === "" || entry === "." ? directory : entry;
  const args = request.getArgsList();
  const variables = request.getEnvList().map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    args: analyzer ? [script, ...args, program] : [script, program, ...args],
    cwd: request.getPwd(),
    env: Object.fromEntries(variables),
  };
};

type PluginCall = grpc.ServerWritableStream<Pb.RunPluginRequest, Pb.RunPluginResponse>;

const runPlugin = async (running: Running, call: PluginCall): Promise<void> => {
  const child = start(running, pluginCommand(call.request), "pipe");
  // The engine ends a plugin by giving up the call.
  call.once("cancelled", () => child.kill("SIGTERM"));
  const forward = (set: (response: Pb.RunPluginResponse, chunk: Buffer) => void) => (chunk: Buffer) => {
    const response = new pb.RunPluginResponse();
    set(response, chunk);
    call.write(response);
  };
  child.stdout?.on(
    "data",
    forward((response, chunk) => response.setStdout(chunk)),
  );
  child.stderr?.on(
    "data",
    forward((response, chunk) => response.setStderr(chunk)),
  );
  const { code } = await ended(child);
  const last = new pb.RunPluginResponse();
  last.setExitcode(code ?? 1);
  call.write(last);
};

type InstallCall = grpc.ServerWritableStream<Pb.InstallDependenciesRequest, Pb.InstallDependenciesResponse>;

const installDependencies = async (call: InstallCall): Promise<void> => {
  const cwd = packageRoot(call.request.getInfo()?.getProgramDirectory() ?? call.request.getDirectory());
  const child = spawn("npm", ["install", "--loglevel=error"], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const forward = (set: (response: Pb.InstallDependenciesResponse, chunk: Buffer) => void) => (chunk: Buffer) => {
    const response = new pb.InstallDependenciesResponse();
    set(response, chunk);
    call.write(response);
  };
  child.stdout.on(
    "data",
    forward((response, chunk) => response.setStdout(chunk)),
  );
  child.stderr.on(
    "data",
    forward((response, chunk) => response.setStderr(chunk)),
  );
  const { code } = await ended(child);
  if (code !== 0) {
    throw new Error(`npm install in ${cwd} ended with exit code ${code}`);
  }
};

const packagesResponse = (directory: string): Pb.GetRequiredPackagesResponse => {
  const response = new pb.GetRequiredPackagesResponse();
  for (const plugin of requiredPlugins(directory)) {
    const dependency = new pluginPb.PackageDependency();
    dependency.setName(plugin.name);
    dependency.setKind("resource");
    dependency.setVersion(plugin.version);
    dependency.setServer(plugin.server);
    response.addPackages(dependency);
  }
  return response;
};

const dependenciesResponse = (request: Pb.GetProgramDependenciesRequest): Pb.GetProgramDependenciesResponse => {
  const response = new pb.GetProgramDependenciesResponse();
  const directory = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  for (const { name, version } of programDependencies(directory, request.getTransitivedependencies())) {
    const entry = new pb.DependencyInfo();
    entry.setName(name);
    entry.setVersion(version);
    response.addDependencies(entry);
  }
  return response;
};

const aboutResponse = (): Pb.AboutResponse => {
  const response = new pb.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(process.version);
  response.getMetadataMap().set("host", "stand-in of this repository");
  return response;
};

const pluginInfo = () => {
  const info = new pluginPb.PluginInfo();
  info.setVersion("0.0.0");
  return info;
};

/** The handlers of the service for the engine at `engineAddress`. */
export const languageRuntime = (engineAddress: string): grpc.UntypedServiceImplementation => {
  const running: Running = new Set();
  let engine = engineAddress;
  return completeService(LanguageRuntimeService as unknown as grpc.ServiceDefinition, {
    handshake: unary((request: Pb.LanguageHandshakeRequest) => {
      engine = request.getEngineAddress() || engine;
      return new pb.LanguageHandshakeResponse();
    }),
    getPluginInfo: unary(pluginInfo),
    getRequiredPackages: unary((request: Pb.GetRequiredPackagesRequest) =>
      packagesResponse(request.getInfo()?.getProgramDirectory() ?? process.cwd()),
    ),
    run: unary((request: Pb.RunRequest) => runProgram(running, engine, request)),
    runPlugin: serverStream((call: PluginCall) => runPlugin(running, call)),
    installDependencies: serverStream((call: InstallCall) => installDependencies(call)),
    about: unary(aboutResponse),
    getProgramDependencies: unary(dependenciesResponse),
    cancel: unary(() => {
      for (const child of running) {
        child.kill("SIGTERM");
      }
      return new emptyPb.Empty();
    }),
  });
};

const main = async (args: readonly string[]): Promise<void> => {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < MINIMUM_NODE_MAJOR) {
    throw new Error(`language host: Node ${process.version} given, ${MINIMUM_NODE_MAJOR} or newer strips types itself`);
  }
  // The engine's address is the last argument; options such as -typescript=false may stand before it.
  const engineAddress = args.at(-1) ?? "";
  await serve(LanguageRuntimeService as unknown as grpc.ServiceDefinition, languageRuntime(engineAddress));
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await main(process.argv.slice(2));
}
