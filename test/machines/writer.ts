/** A writer that takes the application's way to the database and remembers every row that was acknowledged. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { insideCommand } from "../../local/machines/access.ts";
import { type Stage, waitFor } from "./stage.ts";

type Ack = { readonly key: string; readonly at: number };

/** What a disaster took: rows that were acknowledged and are not there any more. */
export type Loss = {
  readonly rows: number;
  /** From the newest row that is there to the last one that was acknowledged. */
  readonly seconds: number;
};

export type Written = {
  readonly acknowledged: number;
  /** From the last acknowledged row before it to the first one after it. */
  readonly longestGapSeconds: number;
  /** The last few errors, for a failure message. */
  readonly errors: readonly string[];
  /** How many acknowledged rows this server does not have. Ask some seconds after a fault was healed. */
  lostOn(server: string): Promise<number>;
  /** Like {@link lostOn}, after a restore: fails unless what is lost is the end, without a hole before it. */
  lossOn(server: string): Promise<Loss>;
};

export type Writer = {
  /** Resolves once `rows` more rows than now were acknowledged. */
  more(rows?: number): Promise<void>;
  stop(): Promise<Written>;
};

const client = readFileSync(join(import.meta.dirname, "writer-client.js"), "utf8");
const environment = "set -a; . /etc/chitlaq/app.env; . /etc/chitlaq/rendered/app.env; set +a";

function readAcks(output: string): readonly Ack[] {
  return output.split("\n").flatMap((line) => {
    const [kind, key, , at] = line.split(" ");
    return kind === "ack" && key !== undefined && at !== undefined ? [{ key, at: Number(at) }] : [];
  });
}

const longestGap = (acks: readonly Ack[]): number =>
  acks.reduce((longest, { at }, index) => Math.max(longest, at - (acks[index - 1]?.at ?? at)), 0);

function lossOf(acks: readonly Ack[], there: ReadonlySet<string>): Loss {
  const end = acks.findLastIndex(({ key }) => there.has(key));
  const newest = acks[end];
  assert.ok(newest !== undefined, "no acknowledged row is there");
  const holes = acks.slice(0, end).filter(({ key }) => !there.has(key));
  assert.equal(holes.length, 0, "rows older than the newest one are missing");
  return { rows: acks.length - end - 1, seconds: ((acks.at(-1)?.at ?? 0) - newest.at) / 1000 };
}

/** Starts writing on an application machine, until the test ends; `leader` is where the table is made. */
export async function startWriter(stage: Stage, leader: string, on = "api-1"): Promise<Writer> {
  await stage.sql(
    leader,
    "SET ROLE chitlaq; CREATE TABLE IF NOT EXISTS writer_rows (key uuid PRIMARY KEY, at timestamptz DEFAULT now());",
  );
  await stage.sh(on, "cat >/run/writer-client.mjs", { input: client });
  const [program, args] = insideCommand(stage.machine(on), [
    "bash",
    "-c",
    `${environment}; exec node /run/writer-client.mjs`,
  ]);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  stage.after(() => child.kill("SIGKILL"));
  // Asked for at once: a writer on a machine that dies ends before anybody waits for it.
  const ended = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const more = async (rows = 50): Promise<void> => {
    const wanted = readAcks(output).length + rows;
    await waitFor(`${rows} more rows`, () => readAcks(output).length >= wanted || output.slice(-200), 60_000);
  };
  await more();
  return {
    more,
    async stop() {
      child.stdin.end();
      await ended;
      const acks = readAcks(output);
      const keysOn = async (server: string): Promise<ReadonlySet<string>> =>
        new Set((await stage.sql(server, "SELECT key FROM writer_rows")).split("\n"));
      return {
        acknowledged: acks.length,
        longestGapSeconds: longestGap(acks) / 1000,
        errors: output
          .split("\n")
          .filter((line) => line.startsWith("err"))
          .slice(-5),
        async lostOn(server) {
          const there = await keysOn(server);
          return acks.filter(({ key }) => !there.has(key)).length;
        },
        lossOn: async (server) => lossOf(acks, await keysOn(server)),
      };
    },
  };
}
