import { stripVTControlCharacters } from "node:util";

/** Where a command writes and what it writes on. Tests hand in their own. */
export type Io = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Width of the terminal in columns. */
  readonly columns: number;
  readonly color: boolean;
  /** Sets the exit code of the process; 0 unless said otherwise. */
  readonly exit: (code: number) => void;
};

/** Width of a terminal nobody told us about, such as a pipe or a CI log. */
const defaultColumns = 120;

/** NO_COLOR (no-color.org): any value that is not empty turns colour off. */
const wantsColor = (): boolean =>
  process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";

/** The process's own streams. */
export const processIo = (): Io => ({
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  columns: process.stdout.columns ?? (Number(process.env.COLUMNS) || defaultColumns),
  color: wantsColor(),
  exit: (code) => {
    process.exitCode = code;
  },
});

/** A wrong argument or an expected failure: its message is all the reader needs. */
export class CommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CommandError";
  }
}

const expected = new Set(["CommandError", "ConfigError", "PlanError", "MissingPriceError", "StackFileError"]);

/** Runs a command; expected failures print their message and exit with 1, others are faults of ours and stay loud. */
export async function guarded(io: Io, command: () => void | Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    if (!(error instanceof Error) || !expected.has(error.name)) throw error;
    io.err(stripVTControlCharacters(error.message));
    io.exit(1);
  }
}
