/** `./chitlaq backup status`: what `chitlaq-backup-status` says on each machine that holds data. */
import { homedir } from "node:os";
import { z } from "zod";
import { execIn, findMachine } from "../../local/machines/access.ts";
import { providerName } from "../../plan/names.ts";
import type { Plan, Role } from "../../plan/types.ts";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { machineTargets } from "../local/machines.ts";
import { stackConfigDir } from "../local/project.ts";
import { run } from "../process/run.ts";
import { createApi } from "../recovery/api.ts";
import { stackPlan } from "../stack-plan.ts";

const program = "chitlaq-backup-status";

/** What `ops/backup/status.sh` prints. */
const reportSchema = z.object({
  /** null: the machine holds no database. */
  database: z
    .object({
      backups: z.int(),
      last: z
        .object({
          label: z.string(),
          type: z.string(),
          finished: z.string(),
          ageSeconds: z.number(),
          databaseBytes: z.number(),
          repositoryBytes: z.number().nullable(),
          pageErrors: z.boolean(),
        })
        .nullable(),
      archive: z.object({ ageSeconds: z.number().nullable(), failures: z.number(), failing: z.boolean() }).nullable(),
      verifiedRestore: z.looseObject({ at: z.string(), result: z.string() }).nullable(),
    })
    .nullable(),
  /** null: nothing was copied yet. */
  files: z
    .object({
      result: z.string(),
      ageSeconds: z.number().nullable(),
      check: z.string().nullable(),
      checkAgeSeconds: z.number().nullable(),
    })
    .nullable(),
  problems: z.array(z.string()),
});

export type BackupReport = z.output<typeof reportSchema>;

type Database = NonNullable<BackupReport["database"]>;

export type MachineBackups = { readonly machine: string; readonly report: BackupReport };

/** Runs the program on a machine of the stack, by its name in the plan. */
export type Ask = (
  machine: string,
) => Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;

const rolesWithData: ReadonlySet<Role> = new Set(["server", "database", "redis"]);

/** Machines that are copied elsewhere; the others are rebuilt from the plan. */
export const dataMachines = (plan: Pick<Plan, "machines">): readonly string[] =>
  plan.machines.filter(({ role }) => rolesWithData.has(role)).map(({ name }) => name);

/** Asks all machines at once. @throws Fault that names each which did not answer. */
export async function backupReports(machines: readonly string[], ask: Ask): Promise<readonly MachineBackups[]> {
  const answers = await Promise.all(
    machines.map(async (machine) => {
      const { code, stdout, stderr } = await ask(machine);
      const line = stdout.trim().split("\n").at(-1) ?? "";
      const parsed = line.startsWith("{") ? reportSchema.safeParse(JSON.parse(line)) : undefined;
      if (parsed?.success === true) return { machine, report: parsed.data };
      return `${machine}: ${program} ended with ${code}: ${(stderr || stdout).trim().slice(0, 500)}`;
    }),
  );
  const failures = answers.filter((answer) => typeof answer === "string");
  if (failures.length > 0) throw new Fault(failures.join("\n"));
  return answers.filter((answer) => typeof answer !== "string");
}

/** Machines of a local cloud. */
async function askLocal(
  stack: string,
  instanceName: string | undefined,
): Promise<{ readonly plan: Plan; readonly ask: Ask }> {
  const [target] = await machineTargets(instanceName ?? stack);
  if (target === undefined) throw new Fault(`No local cloud runs ${stack}.`);
  const plan = await stackPlan(stack, stackConfigDir(target.instance));
  const ask: Ask = (name) => execIn(findMachine(target.environment, providerName(stack, name)), [program]);
  return { plan, ask };
}

const serversSchema = z.object({
  servers: z.array(
    z.object({
      name: z.string(),
      public_net: z.object({ ipv4: z.object({ ip: z.string() }).nullable() }),
      private_net: z.array(z.object({ ip: z.string() })),
    }),
  ),
});

const realEndpoint = "https://api.hetzner.cloud/v1";

/** `ssh` as the person uses it, with their agent and known hosts: through the machine with a public address to the others. */
export function sshArguments(servers: unknown, name: string): readonly string[] {
  const known = serversSchema.parse(servers).servers;
  const server = known.find((candidate) => candidate.name === name);
  if (server === undefined) {
    throw new Fault(
      `${name}: not in the project of HCLOUD_TOKEN, which has ${known.map((one) => one.name).join(", ") || "no servers of the stack"}`,
    );
  }
  const options = ["-oBatchMode=yes", "-oConnectTimeout=15"];
  const open = server.public_net.ipv4?.ip;
  if (open !== undefined) return [...options, `root@${open}`];
  const jump = known.find((candidate) => candidate.public_net.ipv4 !== null)?.public_net.ipv4?.ip;
  const inside = server.private_net[0]?.ip;
  if (jump === undefined || inside === undefined)
    throw new Fault(`${name}: there is no way in, no server of the stack has a public address`);
  return [...options, "-J", `root@${jump}`, `root@${inside}`];
}

/** Machines at Hetzner, by the addresses the API tells. */
async function askReal(stack: string): Promise<{ readonly plan: Plan; readonly ask: Ask }> {
  const token = process.env.HCLOUD_TOKEN ?? "";
  if (token === "") {
    throw new Fault("HCLOUD_TOKEN: not set, the addresses of the stack's machines come from the API", [
      "export a token of the project, read-only is enough",
      `or ask the local cloud: ./chitlaq backup status ${stack} --local`,
    ]);
  }
  const plan = await stackPlan(stack, undefined);
  const api = createApi({ endpoint: process.env.HCLOUD_ENDPOINT ?? realEndpoint, token }, interruption);
  const servers = await api.get(`/servers?per_page=50&label_selector=${encodeURIComponent(`stack=${stack}`)}`);
  const ask: Ask = (name) =>
    run("ssh", [...sshArguments(servers, providerName(stack, name)), program], {
      cwd: homedir(),
      signal: interruption,
      timeoutMs: 60_000,
    });
  return { plan, ask };
}

export type StatusFlags = { readonly local?: boolean; readonly instance?: string; readonly json?: boolean };

const ago = (seconds: number | null): string => {
  if (seconds === null) return "never";
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${(seconds / 3600).toFixed(1)} h ago`;
};

const megabytes = (bytes: number | null): string => (bytes === null ? "?" : `${(bytes / 1e6).toFixed(1)} MB`);

const databaseLines = ({ last, backups, archive, verifiedRestore: verified }: Database): readonly string[] => [
  `  backups           ${backups}${last === null ? "" : `, newest ${last.type} ${last.label}, ${ago(last.ageSeconds)}`}`,
  ...(last === null
    ? []
    : [`  size              ${megabytes(last.databaseBytes)}, stored as ${megabytes(last.repositoryBytes)}`]),
  `  log archive       ${archive === null ? "on the primary" : `${ago(archive.ageSeconds)}${archive.failing ? ", failing" : ""}`}`,
  `  verified restore  ${verified === null ? "never" : `${verified.result}, ${verified.at}`}`,
];

const fileLines = (files: BackupReport["files"]): readonly string[] => [
  `  files             ${files === null ? "never" : `${ago(files.ageSeconds)}${files.result === "ok" ? "" : `, last try ${files.result}`}`}`,
  ...(files === null ? [] : [`  files checked     ${ago(files.checkAgeSeconds)}`]),
];

/** Lines of one machine. */
export const statusLines = ({ machine, report }: MachineBackups): readonly string[] => [
  machine,
  ...(report.database === null ? [] : databaseLines(report.database)),
  ...fileLines(report.files),
  ...report.problems.map((problem) => `  PROBLEM           ${problem}`),
];

/** @returns 1 when something is older than it may be. */
export async function backupStatus(stack: string, flags: StatusFlags): Promise<number> {
  const local = flags.local === true || flags.instance !== undefined;
  const { plan, ask } = local ? await askLocal(stack, flags.instance) : await askReal(stack);
  const reports = await backupReports(dataMachines(plan), ask);
  if (flags.json === true) console.log(JSON.stringify(reports, null, 2));
  else console.log(reports.flatMap(statusLines).join("\n"));
  return reports.some(({ report }) => report.problems.length > 0) ? 1 : 0;
}
