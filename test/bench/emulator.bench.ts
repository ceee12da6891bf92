import { readFileSync } from "node:fs";
import { type LocalCloud, startLocalCloud } from "../support/local-cloud.ts";
import { type Benchmark, type Cleanup, median, milliseconds, timed, times } from "./measure.ts";

/** Resident memory of a process in MiB (`VmRSS` of proc(5)). */
function residentMiB(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return found === null ? Number.NaN : Number(found[1]) / 1024;
}

/** Creates servers one after the other through HTTP and waits until every action has ended. */
async function createServers(cloud: LocalCloud, count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    const reply = await cloud.hetzner.request("POST", "/servers", {
      name: `bench-${n}`,
      server_type: "cpx21",
      image: "debian-13",
      location: "ash",
    });
    if (reply.status !== 201) throw new Error(`server ${n}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }
  for (;;) {
    const reply = await cloud.hetzner.request("GET", "/servers/actions?status=running");
    if ((reply.body as { readonly actions: readonly unknown[] }).actions.length === 0) return;
  }
}

const steered = async (cleanup: Cleanup): Promise<LocalCloud> => {
  const cloud = await startLocalCloud(cleanup);
  await cloud.hetzner.control("PUT", "limits", { servers: 200, primary_ips: 400 });
  await cloud.hetzner.control("PUT", "rate-limit", { size: 0 });
  return cloud;
};

/** How the emulator's time grows with the number of servers, and what it holds in memory. */
export const emulatorBenchmark: Benchmark = {
  name: "emulator",
  async rows(cleanup) {
    const small: number[] = [];
    const large: number[] = [];
    let idle = 0;
    let full = 0;
    for (let round = 0; round < 3; round += 1) {
      const few = await steered(cleanup);
      small.push(await timed(() => createServers(few, 10)));
      await few.stop();
      const cloud = await steered(cleanup);
      idle = residentMiB(cloud.endpoints.pid);
      large.push(await timed(() => createServers(cloud, 100)));
      full = residentMiB(cloud.endpoints.pid);
      await cloud.stop();
    }
    const ratio = median(large) / median(small);
    return [
      {
        what: "100 servers through the Hetzner API",
        measured: milliseconds(median(large)),
        baseline: `10 servers ${milliseconds(median(small))}`,
        ratio: times(ratio),
        goal: "≤ 10 ×",
        met: ratio <= 10,
      },
      {
        what: "memory of the local cloud, 100 servers",
        measured: `${full.toFixed(0)} MiB`,
        baseline: `idle ${idle.toFixed(0)} MiB`,
        ratio: times(full / idle),
        goal: "",
        met: null,
      },
    ];
  },
};
