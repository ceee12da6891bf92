/** A fault the reader can mend: printed without a stack trace, with the ways out below the message. */
export class Fault extends Error {
  override name = "Fault";
  /** What to do about it; several entries are alternatives. */
  readonly fixes: readonly string[];

  constructor(message: string, fixes: readonly string[] = []) {
    super(message);
    this.fixes = fixes;
  }
}

/** The run was ended by a signal. Not a failure: everything was put in a state the next run continues from. */
export class Interrupted extends Error {
  override name = "Interrupted";
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Text of anything thrown, for the terminal. */
export function describeError(error: unknown): string {
  if (error instanceof Fault) {
    const [only, ...others] = error.fixes;
    if (only === undefined) return error.message;
    if (others.length === 0) return `${error.message}\n  ${only}`;
    return [error.message, ...error.fixes.map((fix) => `  - ${fix}`)].join("\n");
  }
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}
