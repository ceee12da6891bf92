import type { Machine, Plan } from "../../plan/types.ts";
import { file, filled } from "./assets.ts";
import { partsOf } from "./parts/all.ts";
import type { MachineFile, Part, RequiredSecret } from "./types.ts";

/**
 * Every file of ours on a machine, sorted by path. The same set is brought to every machine, new or running, so
 * that both end up equal.
 */
export function machineFiles(plan: Plan, machineName: string): readonly MachineFile[] {
  const machine = machineOf(plan, machineName);
  const parts = partsOf(plan, machine);
  const files = [...parts.flatMap((part) => part.files), ...listFiles(parts)];
  return uniqueBy(files, ({ path }) => path).toSorted((a, b) => byCodeUnits(a.path, b.path));
}

/** Secrets the machine waits for before its services start, sorted by name. */
export function requiredSecrets(plan: Plan, machineName: string): readonly RequiredSecret[] {
  return secretsOf(partsOf(plan, machineOf(plan, machineName)));
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Ends a file in the file set; no file may hold it as a line. */
const endOfFile = "END-OF-FILE";

/**
 * The machine's file set as `chitlaq-converge` takes it: one shell script that holds every file as a here-document, so that
 * people and machines read the same text. Equal plans give equal text.
 */
export function fileSet(plan: Plan, machineName: string): string {
  return packed(plan, machineName, machineFiles(plan, machineName));
}

/** The part of the file set that a machine boots with: without what has to wait for its secrets. */
export function bootFileSet(plan: Plan, machineName: string): string {
  return packed(
    plan,
    machineName,
    machineFiles(plan, machineName).filter(({ stage }) => stage !== "late"),
  );
}

function packed(plan: Plan, machine: string, files: readonly MachineFile[]): string {
  const head = filled("common/fileset.sh.tmpl", "text", { machine, stack: plan.stack });
  return [head, ...files.map(hereDocument)].join("\n");
}

function hereDocument({ stage, mode, owner, group, action, path, content }: MachineFile): string {
  const words = [stage, mode, owner, group, action, path];
  const odd = words.find((word) => !/^[A-Za-z0-9@_.:/-]+$/.test(word));
  if (odd !== undefined) throw new Error(`${path}: ${JSON.stringify(odd)} is no word of a file set`);
  if (content.split("\n").includes(endOfFile)) throw new Error(`${path}: a line of it is ${endOfFile}`);
  return `put ${words.join(" ")} <<'${endOfFile}'\n${content}${endOfFile}\n`;
}

function machineOf(plan: Plan, machineName: string): Machine {
  const machine = plan.machines.find(({ name }) => name === machineName);
  if (machine === undefined) throw new Error(`${machineName}: no such machine in stack ${plan.stack}`);
  return machine;
}

/** The lists the scripts work through, merged from all parts. */
function listFiles(parts: readonly Part[]): readonly MachineFile[] {
  const secrets = secretsOf(parts);
  const users = uniqueBy(
    parts.flatMap((part) => part.users),
    ({ name }) => name,
  );
  const readers = [...new Set(parts.flatMap(({ tlsReaders }) => tlsReaders))].toSorted(byCodeUnits);
  const directories = uniqueBy(
    parts.flatMap((part) => part.directories),
    ({ path }) => path,
  );
  const units = parts.flatMap((part) => part.units);
  const checks = parts.flatMap((part) => part.checks);
  const packages = [...new Set(parts.flatMap((part) => part.packages))].toSorted(byCodeUnits);
  return [
    file("/etc/chitlaq/packages", table(packages.map((name) => [name])), { stage: "early" }),
    file("/etc/chitlaq/units.tsv", table(units.map(({ when, unit, refresh }) => [when, unit, refresh]))),
    file("/etc/chitlaq/secrets.tsv", table(secrets.map(({ name, mode, owner, group }) => [name, mode, owner, group]))),
    file("/etc/chitlaq/health.tsv", table(checks.map(({ name, command }) => [name, command]))),
    file(
      "/etc/sysusers.d/chitlaq.conf",
      filled("common/sysusers.conf.tmpl", "text", {
        users: users.map(({ name, what, home }) => ({ name, what, home })),
        tlsReaders: readers,
      }),
    ),
    file(
      "/etc/tmpfiles.d/chitlaq.conf",
      filled("common/tmpfiles.conf.tmpl", "text", {
        directories: directories.map(({ path, mode, owner, group }) => ({ path, mode, owner, group })),
      }),
    ),
  ];
}

/** One entry per secret; when two parts need it, the group that must read it wins over root alone. */
function secretsOf(parts: readonly Part[]): readonly RequiredSecret[] {
  const byName = new Map<string, RequiredSecret>();
  for (const secret of parts.flatMap((part) => part.secrets)) {
    const known = byName.get(secret.name);
    if (known === undefined || known.group === "root") byName.set(secret.name, secret);
  }
  return [...byName.values()].toSorted((a, b) => byCodeUnits(a.name, b.name));
}

/** Equal twins are one; two different things under one name are a fault of the parts. */
function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const known = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    const twin = known.get(key);
    if (twin !== undefined && JSON.stringify(twin) !== JSON.stringify(item)) {
      throw new Error(`${key}: two parts of the machine disagree about it`);
    }
    known.set(key, item);
  }
  return [...known.values()];
}

/** Tab-separated lines, as the scripts read them. */
function table(rows: readonly (readonly string[])[]): string {
  for (const cell of rows.flat()) {
    if (/[\t\n]/.test(cell)) throw new Error(`a table cell may hold no tab and no line break: ${JSON.stringify(cell)}`);
  }
  return rows.map((row) => `${row.join("\t")}\n`).join("");
}
