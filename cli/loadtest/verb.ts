/** `./chitlaq loadtest` */
import { readFileSync } from "node:fs";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import type { Progress } from "../progress.ts";
import type { Figures } from "./figures.ts";
import { measure, ramp } from "./measure.ts";
import { checkStage, writeMeasured } from "./measured.ts";
import { disperse, gather } from "./people.ts";
import { report } from "./report.ts";
import { directTransport, type Transport } from "./transport.ts";

export type LoadtestFlags = {
  readonly rate: string;
  readonly duration: string;
  readonly users: string;
  readonly json?: boolean;
  readonly insecure?: boolean;
  readonly ca?: string;
  readonly from?: readonly string[];
  readonly instance?: string;
  readonly ramp?: boolean;
  readonly measured?: string;
  readonly stage?: string;
};

function positive(option: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new Fault(`${option}: ${given} given, it is a number of ${least} to ${most}`);
}

type Plan = { readonly users: number; readonly rate: number; readonly seconds: number };

const planOf = (flags: LoadtestFlags): Plan => ({
  users: Math.round(positive("--users", flags.users, 2, 20_000)),
  rate: positive("--rate", flags.rate, 0.1, 100_000),
  seconds: positive("--duration", flags.duration.replace(/s$/, ""), 1, 86_400),
});

type Way = { readonly transport: Transport; readonly stage?: string; close(): Promise<void> };

const isUrl = (target: string): boolean => /^https?:\/\//.test(target);

function originOf(target: string): string {
  if (!URL.canParse(target)) throw new Fault(`target: ${target} given, it is no URL such as https://api.chitlaq.com`);
  return new URL(target).origin;
}

async function wayTo(target: string, flags: LoadtestFlags, plan: Plan): Promise<Way> {
  if (!isUrl(target)) {
    const { localWay } = await import("./local.ts");
    // A ramp ends somewhere above: as many addresses as there are users' homes.
    const load = flags.ramp === true ? { ...plan, rate: plan.rate * 100 } : plan;
    const way = await localWay(target, flags.instance, load);
    return { ...way, stage: `phase${way.phase}` };
  }
  const ca = flags.ca === undefined ? undefined : readFileSync(flags.ca, "utf8");
  const options = { origin: originOf(target), insecure: flags.insecure === true, from: flags.from ?? [] };
  return {
    transport: directTransport({ ...options, ...(ca === undefined ? {} : { ca }) }),
    close: async () => undefined,
  };
}

const line = ({ rate, achieved, errorPercent, passed }: Figures): string =>
  `${rate} calls a second: ${achieved} answered, ${errorPercent} % failed, ${passed ? "every threshold met" : "threshold missed"}`;

const ends = {
  threshold: "the next step missed a threshold",
  generator: "this host cannot make more calls in time: the platform's limit is higher",
  steps: "the last step was reached",
} as const;

/** @returns the process's exit code: 1 when a threshold is missed. */
export async function loadtest(target: string, flags: LoadtestFlags, progress: Progress): Promise<number> {
  const plan = planOf(flags);
  if (flags.measured !== undefined && flags.ramp !== true) {
    throw new Fault("--measured: a single rate is no limit", ["add --ramp, which looks for it"]);
  }
  if (flags.measured !== undefined && isUrl(target)) checkStage(flags.stage);
  const way = await wayTo(target, flags, plan);
  try {
    const people = await progress.step(`Bringing ${plan.users} users online`, () =>
      gather(way.transport, plan.users, interruption),
    );
    try {
      const run = (rate: number): Promise<Figures> =>
        progress.step(`${rate} calls a second for ${plan.seconds} s`, () =>
          measure(people, { rate, seconds: plan.seconds }, interruption),
        );
      if (flags.ramp !== true) return show(target, plan.users, await run(plan.rate), flags);
      const found = await ramp(plan.rate, run, (figures) => progress.say(line(figures)));
      const { best } = found;
      if (best !== null && flags.measured !== undefined) {
        const stage = checkStage(flags.stage ?? way.stage);
        const day = new Date().toISOString().slice(0, 10);
        writeMeasured(flags.measured, { stage, figures: best, target, day });
      }
      return showRamp(target, plan.users, found, flags);
    } finally {
      disperse(people);
    }
  } finally {
    way.transport.close();
    await way.close();
  }
}

function show(target: string, users: number, figures: Figures, flags: LoadtestFlags): number {
  if (flags.json === true) console.log(JSON.stringify({ version: 1, target, users, ...figures }, null, 2));
  else console.log(report(target, users, figures));
  return figures.passed ? 0 : 1;
}

function showRamp(
  target: string,
  users: number,
  found: Awaited<ReturnType<typeof ramp>>,
  flags: LoadtestFlags,
): number {
  const { best, end, steps } = found;
  if (flags.json === true) console.log(JSON.stringify({ version: 1, target, users, end, best, steps }, null, 2));
  else {
    const last = steps.at(-1);
    if (last !== undefined) console.log(report(target, users, last));
    if (best === null) console.log(`No rate met every threshold: ${ends[end]}.`);
    else console.log(`${best.requestsPerSecond} requests a second met every threshold; ${ends[end]}.`);
    if (best !== null && flags.measured !== undefined) {
      console.log(`Written to ${flags.measured}: ./chitlaq forecast --measured ${flags.measured}`);
    }
  }
  return best === null ? 1 : 0;
}
