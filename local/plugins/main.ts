/** Entry of a stand-in plugin process: `main.ts <package> [options of the engine] <engine address>`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tellEngine } from "./core/engine.ts";
import { serve } from "./rpc/server.ts";
import { STAND_INS } from "./standIns.ts";

const versionOf = (name: string): string => {
  const manifest = join(import.meta.dirname, "..", "..", "node_modules", "@pulumi", name, "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
};

const main = async ([name = "", ...rest]: readonly string[]): Promise<void> => {
  const load = STAND_INS[name];
  if (load === undefined) {
    throw new Error(`stand-in plugin: "${name}" given, one of ${Object.keys(STAND_INS).join(", ")} is needed`);
  }
  const engine = rest.at(-1) ?? "";
  const { service, implementation } = await load({
    version: versionOf(name),
    environment: process.env,
    announce: (message) => (engine === "" ? Promise.resolve() : tellEngine(engine, message)),
  });
  await serve(service, implementation);
};

await main(process.argv.slice(2));
