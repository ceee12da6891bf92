/** Booted machines: how long they take to boot, and how long the platform is without its database. */
import { bootAll, type Host, startCloud } from "../local/machines/support.ts";
import { failLeader, failures, switchLeader } from "../machines/failures.ts";
import { openStage, skip } from "../machines/stage.ts";
import type { Written } from "../machines/writer.ts";
import { type Benchmark, type Cleanup, median, milliseconds, type Row, timed, times } from "./measure.ts";

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

async function gaps(work: () => Promise<Written>): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round += 1) seconds.push((await work()).longestGapSeconds);
  return median(seconds);
}

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

/** From the start of an update on nothing to a healthy platform. */
async function phaseRow(cleanup: Cleanup): Promise<Row> {
  const begin = performance.now();
  const stage = await openStage(cleanup, "phase1");
  await stage.healthy();
  const whole = performance.now() - begin;
  const again = await timed(() => stage.up("--expect-no-changes"));
  return {
    what: "phase 1 from nothing to healthy",
    measured: milliseconds(whole),
    baseline: `an update without changes ${milliseconds(again)}`,
    ratio: times(whole / again),
    goal: "",
    met: null,
  };
}

const needsHost: Row = { what: `not measured: ${skip}`, measured: "", baseline: "", ratio: "", goal: "", met: null };

export const bootBenchmark: Benchmark = {
  name: "boot",
  rows: async (cleanup) => (skip === false ? [...(await bootRows()), await phaseRow(cleanup)] : [needsHost]),
};

export const failoverBenchmark: Benchmark = {
  name: "failover",
  rows: async (cleanup) => (skip === false ? databaseRows(cleanup) : [needsHost]),
};
