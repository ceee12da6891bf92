/**
 * What the person sees while a step runs. Progress goes to standard error, results to standard output, so that
 * `./chitlaq local env` and `--json` can be piped.
 */
import { styleText } from "node:util";
import type { Ora } from "ora";

export type Note = (text: string) => void;

export type Progress = {
  /** Runs `work` under a title; `note` replaces the detail behind the title. Errors pass through. */
  step<T>(title: string, work: (note: Note) => Promise<T>): Promise<T>;
  /** One line that stays. */
  say(line: string): void;
};

/** What progress needs of a stream; a test passes a list. */
export type Terminal = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

export type ProgressOptions = {
  readonly quiet: boolean;
  readonly stream: NodeJS.WriteStream | Terminal;
  /** Seconds between two detail lines of one step where there is no terminal. */
  readonly plainEverySeconds?: number;
};

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const silent: Progress = {
  step: (_title, work) => work(() => undefined),
  say: () => undefined,
};

/** Lines without control characters, for logs and pipes: one at the start, one per interval, one at the end. */
function plainProgress(stream: Terminal, everySeconds: number): Progress {
  const say = (line: string): void => void stream.write(`${line}\n`);
  return {
    say,
    async step(title, work) {
      const begin = performance.now();
      say(`${title}…`);
      let shown = begin;
      const note: Note = (text) => {
        if (performance.now() - shown < everySeconds * 1000) return;
        shown = performance.now();
        say(`  ${text}`);
      };
      try {
        const result = await work(note);
        say(`  done in ${seconds(begin)}`);
        return result;
      } catch (error) {
        say(`  stopped after ${seconds(begin)}`);
        throw error;
      }
    },
  };
}

function spinnerProgress(stream: NodeJS.WriteStream): Progress {
  let spinner: Ora | undefined;
  const say = (line: string): void => {
    if (spinner === undefined) stream.write(`${line}\n`);
    else {
      spinner.clear();
      stream.write(`${line}\n`);
      spinner.render();
    }
  };
  return {
    say,
    async step(title, work) {
      const { default: ora } = await import("ora");
      const begin = performance.now();
      const dim = (text: string): string => styleText("dim", text, { stream });
      // Standard input is left alone: Ctrl-C must arrive as a signal, and a child may want to read it.
      const shown = ora({
        text: title,
        stream,
        discardStdin: false,
        color: process.env.NO_COLOR ? false : "cyan",
      }).start();
      spinner = shown;
      try {
        const result = await work((text) => {
          shown.text = `${title} ${dim(text)}`;
        });
        shown.succeed(`${title} ${dim(seconds(begin))}`);
        return result;
      } catch (error) {
        shown.fail(`${title} ${dim(`stopped after ${seconds(begin)}`)}`);
        throw error;
      } finally {
        spinner = undefined;
      }
    },
  };
}

export function createProgress({ quiet, stream, plainEverySeconds = 5 }: ProgressOptions): Progress {
  if (quiet) return silent;
  // A terminal that does not know its width (some containers, `script` in a pipe) would have the spinner clear for ever.
  if (stream.isTTY === true && (stream.columns ?? 0) > 0 && process.env.TERM !== "dumb")
    return spinnerProgress(stream as NodeJS.WriteStream);
  return plainProgress(stream, plainEverySeconds);
}
