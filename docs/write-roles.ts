/**
 * Writes the generated part of every page in `docs/roles/`: what the plan and `ops/` say runs on a machine of the role.
 * `npm run docs` rewrites the pages; a test fails when one is behind.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { loadPriceBook } from "../cost/prices/book.ts";
import { planOfStack } from "../cost/stacks.ts";
import { machineFiles } from "../ops/render/machine.ts";
import { partsOf } from "../ops/render/parts/all.ts";
import type { Flow, Machine, Peer, Plan, Role } from "../plan/types.ts";

const begin = "<!-- facts: written by `npm run docs` -->";
const end = "<!-- end of facts -->";
const stacks = ["phase1", "phase2", "phase3"] as const;

const book = loadPriceBook();
const plans = stacks.map((stack) => planOfStack(stack, book, book.date));

type Row = readonly string[];

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const table = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const code = (text: string): string => `\`${text}\``;

function peerName(peer: Peer): string {
  if (peer.kind === "role") return peer.role;
  return { internet: "the internet", cloudflare: "Cloudflare's ranges", admin: "`ssh.allowFrom`" }[peer.kind];
}

const isDelivered = (mode: string): boolean => mode !== "0755";

function ports(flows: readonly Flow[], machine: Machine): string {
  const rows = flows
    .filter(({ to, toMachines }) => to === machine.role && (toMachines?.includes(machine.name) ?? true))
    .map(({ from, protocol, port, why }) => [port === null ? protocol : `${port}/${protocol}`, peerName(from), why]);
  return table(["port", "from", "why"], rows);
}

function services(plan: Plan, machine: Machine): string {
  const rule = { boot: "from boot", secrets: "once its secrets are there", off: "never" };
  const units = partsOf(plan, machine).flatMap((part) => part.units);
  return table(
    ["unit", "runs", "a changed secret"],
    units.map(({ unit, when, refresh }) => [code(unit), rule[when], when === "off" ? "" : refresh]),
  );
}

function files(plan: Plan, machine: Machine): string {
  const rows = machineFiles(plan, machine.name)
    .filter(({ mode }) => isDelivered(mode))
    .map(({ path, mode, owner, group, action }) => [
      code(path),
      `${mode} ${owner}:${group}`,
      action === "none" ? "" : code(action),
    ]);
  return table(["file", "mode, owner", "a change does"], rows);
}

function tools(plan: Plan, machine: Machine): string {
  const paths = machineFiles(plan, machine.name)
    .filter(({ mode, path }) => !isDelivered(mode) && path.startsWith("/usr/local/sbin/"))
    .map(({ path }) => code(basename(path)));
  return `Commands for operators: ${paths.join(", ")}.`;
}

function secrets(plan: Plan, machine: Machine): string {
  const all = new Map(
    partsOf(plan, machine)
      .flatMap((part) => part.secrets)
      .map(({ name, purpose }) => [name, purpose]),
  );
  const rows = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, purpose]) => [code(name), purpose]);
  return table(["secret in `/etc/chitlaq/secrets`", "what for"], rows);
}

function sizes(plan: Plan, machine: Machine): string {
  const { services: all } = plan;
  const database = all.database.members.find((member) => member.machine === machine.name);
  const redis = all.redis.members.find((member) => member.machine === machine.name);
  const lines: Row[] = [
    [
      "server type",
      `${machine.serverType}: ${machine.vcpu} vCPU, ${machine.memoryGiB} GiB, ${machine.diskGiB} GiB disk`,
    ],
    ...plan.volumes
      .filter((volume) => volume.machine === machine.name)
      .map((volume) => ["volume", `${volume.sizeGiB} GiB at ${volume.mount}`]),
  ];
  if (database !== undefined) {
    const { tuning } = database;
    lines.push(
      [
        "PostgreSQL",
        `shared_buffers ${tuning.sharedBuffersMiB} MiB, effective_cache_size ${tuning.effectiveCacheSizeMiB} MiB, work_mem ${tuning.workMemMiB} MiB, max_connections ${tuning.maxConnections}`,
      ],
      [
        "PgBouncer",
        `${all.database.pgbouncer.maxClientConnections} clients on ${all.database.pgbouncer.poolSize} server connections`,
      ],
    );
  }
  if (redis !== undefined) lines.push(["Valkey", `maxmemory ${redis.maxmemoryMiB} MiB, ${all.redis.maxmemoryPolicy}`]);
  if (all.loadBalancer.machines.includes(machine.name)) {
    lines.push([
      "nginx",
      `${all.loadBalancer.workerConnections} connections a worker, ${all.loadBalancer.limits.requestsPerSecondPerClient} requests/s a client`,
    ]);
  }
  if (all.memoryBudgetMiB !== null && machine.role === "server") {
    lines.push([
      "memory budget",
      Object.entries(all.memoryBudgetMiB)
        .map(([name, value]) => `${name} ${value} MiB`)
        .join(", "),
    ]);
  }
  return table(["size", "value"], lines);
}

function checks(plan: Plan, machine: Machine): string {
  const names = partsOf(plan, machine).flatMap((part) => part.checks.map(({ name }) => name));
  return `\`chitlaq-health\` asks: ${names.join(", ")}.`;
}

/** The facts of a role in one stack, from its first machine. */
function roleFacts(plan: Plan, machine: Machine): string {
  return [
    `## ${machine.name} in \`${plan.stack}\``,
    sizes(plan, machine),
    `### Services`,
    services(plan, machine),
    checks(plan, machine),
    tools(plan, machine),
    `### Ports that are open`,
    ports(plan.flows, machine),
    `### Secrets`,
    secrets(plan, machine),
    `### Files`,
    files(plan, machine),
  ].join("\n\n");
}

/** The page with its generated part renewed. @throws when the page has no place for it, or no machine has its role. */
export function rolePage(name: string, text: string): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`docs/roles/${name}.md: needs the lines ${begin} and ${end}`);
  const found = plans.flatMap((plan) => {
    const machine = plan.machines.find(({ role }) => role === (name as Role));
    return machine === undefined ? [] : [{ plan, machine }];
  });
  const [first, ...later] = found;
  if (first === undefined) throw new Error(`docs/roles/${name}.md: no stack has a machine of this role`);
  const facts = [
    roleFacts(first.plan, first.machine),
    ...later.map(({ plan, machine }) => `## ${machine.name} in \`${plan.stack}\`\n\n${sizes(plan, machine)}`),
  ];
  return `${before}${begin}\n\n${facts.join("\n\n")}\n\n${end}${after}`;
}

const folder = join(import.meta.dirname, "roles");

/** Names of the pages, each a role. */
export const rolePages = (): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .map((file) => basename(file, ".md"))
    .toSorted();

export const pagePath = (name: string): string => join(folder, `${name}.md`);

if (import.meta.main) {
  for (const name of rolePages()) writeFileSync(pagePath(name), rolePage(name, readFileSync(pagePath(name), "utf8")));
}
