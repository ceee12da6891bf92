import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Format, fillTemplate, type Values } from "./template.ts";
import type { MachineFile } from "./types.ts";
import { fillYaml, type YamlValue } from "./yamlTemplate.ts";

const root = join(import.meta.dirname, "..");

/** A file of `ops/`, as it stands. */
export function asset(name: string): string {
  return readFileSync(join(root, name), "utf8");
}

/** A template of `ops/` with its values. */
export function filled(name: string, format: Format, values: Values): string {
  return fillTemplate({ name: `ops/${name}`, text: asset(name), format }, values);
}

/** A YAML template of `ops/` with its values. */
export function filledYaml(name: string, values: Readonly<Record<string, YamlValue>>): string {
  return fillYaml(`ops/${name}`, asset(name), values);
}

type FileOptions = Partial<Omit<MachineFile, "path" | "content">>;

/** A file of root's that anybody may read and nobody needs to be told about, unless said otherwise. */
export function file(path: string, content: string, options: FileOptions = {}): MachineFile {
  return {
    path,
    mode: "0644",
    owner: "root",
    group: "root",
    stage: "main",
    action: "none",
    content: content === "" || content.endsWith("\n") ? content : `${content}\n`,
    ...options,
  };
}

/** An executable of root's. */
export function script(path: string, name: string, options: FileOptions = {}): MachineFile {
  return file(path, withoutComments(asset(name), name), { mode: "0755", ...options });
}

/**
 * A shell script as it travels: its comments stay in the repository, because prose hardly compresses and user-data has a
 * limit. Here-documents are left alone.
 */
export function withoutComments(text: string, name: string): string {
  const [interpreter = "", ...lines] = text.split("\n");
  let terminator: string | null = null;
  const kept = lines.filter((line) => {
    if (terminator !== null) {
      if (line === terminator) terminator = null;
      return true;
    }
    terminator = /<<'?([A-Z]+)'?/.exec(line)?.[1] ?? null;
    return !/^\s*#/.test(line);
  });
  return [interpreter, `# Explained in ops/${name}.`, ...kept].join("\n");
}

/**
 * A systemd unit, or a drop-in of one. What it says about a process (its command, limits, environment) holds from that
 * process's next start, so a changed service is restarted when it runs. What runs once and ends, and timers, need it not.
 */
export function unitFile(name: string, content: string, options: FileOptions = {}): MachineFile {
  const service = /^([^/]+\.service)(\.d\/.*)?$/.exec(name)?.[1];
  const runsOn = service !== undefined && !/^Type=oneshot$/m.test(content);
  return file(`/etc/systemd/system/${name}`, content, { action: runsOn ? `restart:${service}` : "units", ...options });
}
