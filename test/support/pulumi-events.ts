/** What an update, preview, refresh or destroy did, read from the engine's event stream (`--json`). */
import assert from "node:assert/strict";
import type { Finished } from "../../cli/process/run.ts";

export type Step = {
  /** `create`, `update`, `replace`, `create-replacement`, `delete`, `same`, `refresh`, `read`, … */
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Changed property paths with the kind of change: `{ serverType: "update" }`. */
  readonly diff: Readonly<Record<string, string>>;
};

export type Diagnostic = { readonly severity: string; readonly message: string; readonly urn: string };

export type EngineRun = {
  readonly code: number | null;
  /** Steps in the order the engine began them; the stack and component resources are among them. */
  readonly steps: readonly Step[];
  /** Without the steps that change nothing. */
  readonly changes: readonly Step[];
  /** Everything of severity info, warning or error. */
  readonly diagnostics: readonly Diagnostic[];
  /** The engine's own count of operations; empty when it stopped early. */
  readonly summary: Readonly<Record<string, number>>;
  /** Both streams, for a failure message. */
  readonly output: string;
  /** The same run, or a failed test that shows what the engine said. */
  succeeded(): EngineRun;
  /** All error messages in one text. */
  errors(): string;
};

type Metadata = {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly detailedDiff?: Readonly<Record<string, { readonly diffKind: string }>> | null;
};

type Event = {
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly diagnosticEvent?: { readonly severity: string; readonly message: string; readonly urn?: string };
  readonly summaryEvent?: { readonly resourceChanges?: Readonly<Record<string, number>> };
};

const unchanged = new Set(["same", "read", "refresh"]);

function parseLine(line: string): readonly Event[] {
  if (!line.startsWith("{")) return [];
  return [JSON.parse(line) as Event];
}

function stepOf({ op, urn, type, detailedDiff }: Metadata): Step {
  const diff = Object.entries(detailedDiff ?? {}).map(([path, { diffKind }]) => [path, diffKind] as const);
  return { op, urn, type, name: urn.split("::").at(-1) ?? urn, diff: Object.fromEntries(diff) };
}

/** A message that arrives in pieces is one diagnostic per piece; colours are the engine's mark-up `<{%...%}>`. */
const plain = (message: string): string => message.replaceAll(/<\{%.*?%\}>/g, "");

export function parseEvents(result: Finished): EngineRun {
  const events = result.stdout.split("\n").flatMap(parseLine);
  const steps = events.flatMap((event) =>
    event.resourcePreEvent === undefined ? [] : [stepOf(event.resourcePreEvent.metadata)],
  );
  const diagnostics = events.flatMap(({ diagnosticEvent: found }) =>
    found === undefined || found.severity === "debug"
      ? []
      : [{ severity: found.severity, message: plain(found.message), urn: found.urn ?? "" }],
  );
  const readable = diagnostics.map(({ severity, message }) => `${severity}: ${message}`).join("\n");
  const run: EngineRun = {
    code: result.code,
    steps,
    changes: steps.filter(({ op }) => !unchanged.has(op)),
    diagnostics,
    summary: events.findLast((event) => event.summaryEvent !== undefined)?.summaryEvent?.resourceChanges ?? {},
    output: `${readable}\n${result.stderr}`,
    succeeded() {
      assert.equal(run.code, 0, run.output);
      return run;
    },
    errors: () =>
      [...diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message), result.stderr].join(
        "\n",
      ),
  };
  return run;
}
