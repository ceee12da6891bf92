/** Booted machines: how long they take to boot, how long the platform is without its database, and how long a restore takes. */
import { bootAll, type Host, startCloud } from "../local/machines/support.ts";
import { backTo, loseDatabases, loseServer } from "../machines/disaster.ts";
import { failLeader, failures, switchLeader } from "../machines/failures.ts";
import { assertArchived, makeHistory } from "../machines/history.ts";
import { openStage, type Phase, preparedStage, skip } from "../machines/stage.ts";
import type { Written } from "../machines/writer.ts";
import { slo } from "../../plan/capacity.ts";
import { type Benchmark, type Cleanup, median, milliseconds, type Row, timed, times, withCleanup } from "./measure.ts";

const rounds = 3;
const inSeconds = (seconds: number): string => `${seconds.toFixed(1)} s`;

const host = (id: number): Host => ({ id, publicIpv4: `5.75.1.${id}`, privateIp: `10.0.1.${id}` });

/** Milliseconds until `count` machines of a cloud of their own have done their cloud-init. */
async function bootTime(count: number): Promise<number> {
  const cloud = await startCloud();
  try {
    return await timed(() =>
      bootAll(
        cloud,
        Array.from({ length: count }, (_, index) => host(index + 1)),
      ),
    );
  } finally {
    await cloud.close();
  }
}

async function bootRows(): Promise<readonly Row[]> {
  const counts = [1, 6, 10] as const;
  const figures = new Map<number, number[]>(counts.map((count) => [count, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const count of counts) figures.get(count)?.push(await bootTime(count));
  }
  const one = median(figures.get(1) ?? []);
  return counts.map((count) => {
    const value = median(figures.get(count) ?? []);
    return {
      what: `${count} ${count === 1 ? "machine boots" : "machines boot"}, cloud-init done`,
      measured: milliseconds(value),
      baseline: `one machine ${milliseconds(one)}`,
      ratio: times(value / one),
      goal: count === 6 ? "≤ 60 s" : "",
      met: count === 6 ? value <= 60_000 : null,
    };
  });
}

/** Median of several rounds, one after the other. */
async function inRounds(seconds: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) values.push(await seconds());
  return median(values);
}

const gaps = (work: () => Promise<Written>): Promise<number> => inRounds(async () => (await work()).longestGapSeconds);

/** Seconds without a write on the application's way; rows that were acknowledged and lost end the benchmark. */
async function databaseRows(cleanup: Cleanup): Promise<readonly Row[]> {
  const stage = await openStage(cleanup, "phase2");
  await stage.healthy();
  const switchover = await gaps(() => switchLeader(stage));
  const rows: Row[] = [
    {
      what: "planned switchover of the database",
      measured: inSeconds(switchover),
      baseline: "",
      ratio: "",
      goal: "≤ 3 s",
      met: switchover <= 3,
    },
  ];
  for (const failure of failures) {
    const seconds = await gaps(() => failLeader(stage, failure));
    rows.push({
      what: `database leader: ${failure.name}`,
      measured: inSeconds(seconds),
      baseline: `switchover ${inSeconds(switchover)}`,
      ratio: times(seconds / switchover),
      goal: "≤ 25 s",
      met: seconds <= 25,
    });
  }
  return rows;
}

/** From the start of an update on nothing to a platform whose services are all healthy. */
async function phaseRow(phase: Phase): Promise<Row> {
  const whole: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await withCleanup(async (cleanup) => {
      const stage = await preparedStage(cleanup, phase);
      whole.push(
        await timed(async () => {
          await stage.up();
          await stage.healthy();
        }),
      );
      again.push(await timed(() => stage.up("--expect-no-changes")));
    });
  }
  const value = median(whole);
  return {
    what: `${phase}: update on nothing until all services are healthy`,
    measured: milliseconds(value),
    baseline: `an update without changes ${milliseconds(median(again))}`,
    ratio: times(value / median(again)),
    goal: phase === "phase2" ? "≤ 60 s" : "",
    met: phase === "phase2" ? value <= 60_000 : null,
  };
}

/** From the loss of all that held the database to a visitor's first answer, and back to a point in time. */
async function restoreRows(cleanup: Cleanup, phase: Phase): Promise<readonly Row[]> {
  const stage = await openStage(cleanup, phase);
  if (stage.cloud.endpoints.objectStore !== true) return [notMeasured("needs Go to build the object store")];
  await stage.healthy();
  const server = phase === "phase1" ? "server-1" : "db-1";
  const history = await makeHistory(stage, phase === "phase1" ? server : ((await stage.leader()) ?? server));
  const recovery = await inRounds(async () => {
    const { serviceSeconds } = await (phase === "phase1" ? loseServer(stage) : loseDatabases(stage));
    await assertArchived(stage, server, history);
    return serviceSeconds;
  });
  const moment = await inRounds(() => backTo(stage, history.target));
  const goal = `≤ ${slo.rtoHours} h`;
  const limit = slo.rtoHours * 3600;
  return [
    {
      what: `${phase}: back to a point in time`,
      measured: inSeconds(moment),
      baseline: "",
      ratio: "",
      goal,
      met: moment <= limit,
    },
    {
      what: `${phase}: ${phase === "phase1" ? "the server" : "both database machines"} lost, in service again`,
      measured: inSeconds(recovery),
      baseline: `point in time ${inSeconds(moment)}`,
      ratio: times(recovery / moment),
      goal,
      met: recovery <= limit,
    },
  ];
}

const notMeasured = (why: string): Row => ({
  what: `not measured: ${why}`,
  measured: "",
  baseline: "",
  ratio: "",
  goal: "",
  met: null,
});

/** Runs the benchmark where machines can boot. */
const onMachines = (name: string, rows: (cleanup: Cleanup) => Promise<readonly Row[]>): Benchmark => ({
  name,
  rows: async (cleanup) => (skip === false ? rows(cleanup) : [notMeasured(skip)]),
});

export const machineBenchmarks: readonly Benchmark[] = [
  onMachines("boot", async () => [...(await bootRows()), await phaseRow("phase1"), await phaseRow("phase2")]),
  onMachines("failover", databaseRows),
  onMachines("restore", async () => [
    ...(await withCleanup((cleanup) => restoreRows(cleanup, "phase1"))),
    ...(await withCleanup((cleanup) => restoreRows(cleanup, "phase2"))),
  ]),
];
