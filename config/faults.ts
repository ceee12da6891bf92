/** One thing that is wrong with an input, in the four parts every message has. */
export type Fault = {
  /** Path of the field below `chitlaq:platform`, such as `api.count`; empty for the whole. */
  readonly field: string;
  /** The value as given, already safe to print; null when nothing was given. */
  readonly value: string | null;
  /** The rule it breaks. */
  readonly rule: string;
  /** What to do about it. */
  readonly fix: string;
};

/** `api.count: 0 given, phase 2 needs at least 2; set platform.api.count or use phase 1` */
export function formatFault(fault: Fault): string {
  const given = fault.value === null ? "missing" : `${fault.value} given`;
  return `${fault.field === "" ? "platform" : fault.field}: ${given}, ${fault.rule}; ${fault.fix}`;
}

/** `2 faults in chitlaq:platform:` and one line for each. */
export function formatFaults(what: string, faults: readonly Fault[]): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return [`${count} in ${what}:`, ...faults.map((fault) => `  - ${formatFault(fault)}`)].join("\n");
}

/** Every fault of a `chitlaq:platform` value. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(formatFaults("chitlaq:platform", faults));
    this.name = "ConfigError";
    this.faults = faults;
  }
}
