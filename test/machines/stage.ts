/**
 * A phase of the platform on booted machines, for tests of what they do. One stage per test file:
 *
 *     it("…", { skip }, async (t) => {
 *       const stage = await openStage(t, "phase2");
 *       await stage.sh("db-1", "chitlaq-health");
 *       …
 *     });
 *
 * Servers are named as in the plan (`db-1`). The stage is brought up by the same steps as `./chitlaq local up --machines`
 * in a state folder of its own, and is gone when the test ends or its process dies.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readStackPlatform } from "../../config/stack-file.ts";
import { stackConfigDir } from "../../cli/local/project.ts";
import { createProgress } from "../../cli/progress.ts";
import type { Secrets } from "../../cli/secrets/context.ts";
import { localSecrets, prepareDelivery } from "../../cli/secrets/local.ts";
import { stackPlan } from "../../cli/stack-plan.ts";
import { execIn, findMachine, openEnvironment } from "../../local/machines/access.ts";
import { machinesAvailable } from "../../local/machines/capability.ts";
import * as faults from "../../local/machines/faults.ts";
import type { Outcome, RunOptions } from "../../local/machines/run.ts";
import type { EnvironmentState, MachineState } from "../../local/machines/state.ts";
import type { Plan } from "../../plan/types.ts";
import { type LocalCloud, startLocalCloud } from "../support/local-cloud.ts";
import { createProject, type PulumiProject } from "../support/pulumi.ts";
import type { EngineRun } from "../support/pulumi-events.ts";
import { type Answer, createVisitor, type Visit } from "./visitor.ts";

const capability = machinesAvailable();

/** Option of `test`: the reason why machines cannot run here, or false. */
export const skip = capability.ok ? false : `needs ${capability.missing.join(", ")}`;

/** For `prepareDelivery`, which tells the person what it does. */
const silent = createProgress({ quiet: true, stream: process.stderr });

export type Phase = "phase1" | "phase2";

export type StageOptions = {
  /** Fields of `chitlaq:platform` that differ from the committed stack file. */
  readonly platform?: Readonly<Record<string, unknown>>;
  /** Called when cloud and project exist and nothing is on them yet: for hosts of the internet that machines need. */
  readonly prepare?: (stage: Stage) => Promise<void>;
};

export class Stage {
  readonly stack: Phase;
  readonly cloud: LocalCloud;
  readonly project: PulumiProject;

  /** Runs when the test ends: for what would keep its process alive. */
  readonly after: (end: () => unknown) => void;

  constructor(stack: Phase, cloud: LocalCloud, project: PulumiProject, after: Stage["after"]) {
    this.after = after;
    this.stack = stack;
    this.cloud = cloud;
    this.project = project;
  }

  /** The plan of the configuration as it is now. */
  plan(): Promise<Plan> {
    return stackPlan(this.stack, stackConfigDir(this.project.instance));
  }

  /** Names of all servers, as in the plan. */
  async servers(): Promise<readonly string[]> {
    return (await this.plan()).machines.map(({ name }) => name);
  }

  environment(): EnvironmentState {
    return openEnvironment(this.cloud.stateDir);
  }

  /** The machine at this moment: ask again after it was switched off or on. */
  machine(server: string): MachineState {
    return findMachine(this.environment(), `chitlaq-${this.stack}-${server}`);
  }

  /** Runs a line of bash on the server as root, whatever comes of it. */
  run(server: string, line: string, options: RunOptions = {}): Promise<Outcome> {
    return execIn(this.machine(server), ["bash", "-c", line], options);
  }

  /** What a line of bash prints on the server; the test fails when the line does. */
  async sh(server: string, line: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(server, line, options);
    assert.equal(code, 0, `${server}: ${line}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** Asks the server's own PostgreSQL as superuser; columns are separated by `|`, rows by line breaks. */
  sql(server: string, statement: string, database = "chitlaq"): Promise<string> {
    const psql = `runuser -u postgres -- psql -XAtq --set=ON_ERROR_STOP=1 -h /var/run/postgresql ${database}`;
    return this.sh(server, psql, { input: statement });
  }

  /** Secrets of the stack: to read, make and rotate them. */
  secrets(): Promise<Secrets> {
    return localSecrets(this.project.local, this.stack);
  }

  async secret(name: string): Promise<string> {
    const { values } = await (await this.secrets()).store.read();
    const value = values.get(name);
    assert.ok(value !== undefined, `the stack has no secret ${name}`);
    return value;
  }

  /** Changes fields of `chitlaq:platform`; the next {@link up} brings them to the machines. */
  configure(platform: Readonly<Record<string, unknown>>): void {
    this.project.setConfig({ "chitlaq:platform": platform });
  }

  /** `chitlaq:platform` as the stack file has it now. */
  platform(): Readonly<Record<string, unknown>> {
    return readStackPlatform(this.stack, stackConfigDir(this.project.instance)) as Readonly<Record<string, unknown>>;
  }

  /** The only resource of the stack with this name, for `--replace` and `--target`. */
  async urn(name: string): Promise<string> {
    const { resources = [] } = await this.project.state();
    const found = resources.filter(({ urn }) => urn.endsWith(`::${name}`));
    assert.equal(found.length, 1, `resources called ${name}`);
    return found[0]?.urn ?? "";
  }

  /** Updates the stack; the test fails when that fails. */
  async up(...args: readonly string[]): Promise<EngineRun> {
    return (await this.project.up({ args, timeoutMs: 900_000 })).succeeded();
  }

  /** Waits until every check of the servers passes; left out: of all. */
  async healthy(servers?: readonly string[], seconds = 120): Promise<void> {
    const end = Date.now() + seconds * 1000;
    await Promise.all(
      (servers ?? (await this.servers())).map(async (server) => {
        await waitFor(`${server} to boot`, () => this.machine(server).power === "running", end - Date.now());
        const left = Math.ceil(Math.max(1, (end - Date.now()) / 1000));
        await waitFor(
          `${server} to be healthy`,
          async () => {
            const { code, stdout } = await this.run(server, `chitlaq-health ${Math.min(left, 5)}`);
            return code === 0 ? true : stdout;
          },
          left * 1000,
        );
      }),
    );
  }

  /** A request of a visitor to the platform's public address, as the edge passes it on. */
  visit(path: string, visit: Visit = {}): Promise<Answer> {
    return this.#visitor.ask(path, visit);
  }

  readonly #visitor = createVisitor(this);

  /** Name of the database server that leads (phase 2). */
  async leader(): Promise<string | undefined> {
    const asked = ["db-1", "db-2"].map(async (server) => {
      const address = "https://$PRIVATE_IP:8008/primary";
      const line = `. /etc/chitlaq/machine.env; curl -fsS -m 2 -o /dev/null --cacert /etc/chitlaq/secrets/ca.crt ${address}`;
      const answer = await this.run(server, line).catch(() => ({ code: 1 }));
      return answer.code === 0 ? server : undefined;
    });
    return (await Promise.all(asked)).find((server) => server !== undefined);
  }

  /** The power button at the provider. `shutdown` asks the machine, `off` and `reset` do not. */
  async power(server: string, action: "on" | "off" | "shutdown" | "reset"): Promise<void> {
    const verb = { on: "poweron", off: "poweroff", shutdown: "shutdown", reset: "reset" }[action];
    const path = `/servers/${this.machine(server).id}/actions/${verb}`;
    const { status, body } = await this.cloud.hetzner.request("POST", path);
    assert.equal(status, 201, `${verb} of ${server}: ${JSON.stringify(body)}`);
    const { action: started } = body as { readonly action: { readonly id: number } };
    await waitFor(`${server}: ${verb}`, async () => {
      const reply = await this.cloud.hetzner.request("GET", `/actions/${started.id}`);
      return (reply.body as { readonly action: { readonly status: string } }).action.status !== "running";
    });
  }

  /** Death at once: its kernel closes the connections, so peers may see resets. The server is off afterwards. */
  crash(server: string): Promise<void> {
    return faults.crash(this.machine(server));
  }

  /** Silence first, then death: peers learn nothing. The server is off afterwards. */
  powerLoss(server: string): Promise<void> {
    return faults.powerLoss(this.environment(), this.machine(server));
  }

  /** Packets from and to the server vanish until {@link heal}. */
  cut(server: string): Promise<void> {
    return faults.cut(this.environment(), this.machine(server));
  }

  heal(server: string): Promise<void> {
    return faults.heal(this.environment(), this.machine(server));
  }

  /** Reboots in order from inside; resolves when the machine runs again, which is before it is healthy. */
  async reboot(server: string): Promise<void> {
    const before = this.machine(server).startedAt;
    await faults.reboot(this.machine(server));
    await waitFor(`${server} to start again`, () => {
      const { startedAt } = this.machine(server);
      return startedAt !== null && startedAt !== before;
    });
  }
}

/**
 * Looks again and again until `look` returns true, and fails the test with what it returned or threw last.
 * @param milliseconds at most; left out: two minutes
 */
export async function waitFor(what: string, look: () => unknown, milliseconds = 120_000): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const seen = await Promise.resolve()
      .then(look)
      .catch((error: unknown) => String(error));
    if (seen === true) return;
    assert.ok(
      performance.now() < end,
      `waited ${Math.round(milliseconds / 1000)} s for ${what}; last: ${String(seen)}`,
    );
    await sleep(50);
  }
}

/** A cloud with machines and a project for the phase, with nothing on it yet; see {@link openStage}. */
export async function emptyStage(
  t: Pick<TestContext, "after">,
  stack: Phase,
  options: StageOptions = {},
): Promise<Stage> {
  const zone = { name: "chitlaq.com", plan: stack === "phase1" ? "free" : "pro" } as const;
  const cloud = await startLocalCloud(t, { machines: true, zones: [zone] });
  const project = await createProject(t, {
    cloud,
    program: { stack },
    config: { "chitlaq:platform": options.platform ?? {} },
    env: { CHITLAQ_LOCAL_DIAL: openEnvironment(cloud.stateDir).internetSocket },
  });
  const stage = new Stage(stack, cloud, project, (end) => t.after(() => void end()));
  await options.prepare?.(stage);
  return stage;
}

/** As {@link emptyStage}, with secrets made and the sample application built: the next update brings all into service. */
export async function preparedStage(
  t: Pick<TestContext, "after">,
  stack: Phase,
  options: StageOptions = {},
): Promise<Stage> {
  const stage = await emptyStage(t, stack, options);
  await prepareDelivery(stage.project.local, stack, silent);
  return stage;
}

/** The phase up, with secrets made and the sample application in service, everything healthy. */
export async function openStage(
  t: Pick<TestContext, "after">,
  stack: Phase,
  options: StageOptions = {},
): Promise<Stage> {
  const stage = await preparedStage(t, stack, options);
  await stage.up();
  return stage;
}
