/** What the engine would do, as one table: the result of `pulumi preview --json` without values, which may be secret. */
import { Fault } from "../errors.ts";

type Step = { readonly op: string; readonly urn: string };
export type Preview = {
  readonly stack: string;
  /** What changes; the engine's JSON leaves out what stays. */
  readonly steps: readonly Step[];
  readonly unchanged: number;
};

/** Operations of a replacement are three steps of one resource; the summary shows one. */
const shownOps = ["create", "update", "replace", "delete"] as const;
type ShownOp = (typeof shownOps)[number];

/** `urn:pulumi:stack::project::parent$type::name` → `hcloud:Server name`. */
function resourceOf(urn: string): string {
  const [, , types = "", name = urn] = urn.split("::");
  const type = types.split("$").at(-1) ?? types;
  return `${type.replace(/:index\/[^:]+:|:index:/, ":")} ${name}`;
}

/** Reads the document that `pulumi preview --json` prints. */
export function parsePreview(stack: string, text: string): Preview {
  const start = text.indexOf("{");
  if (start === -1) throw new Fault(`pulumi preview of ${stack} printed no JSON`);
  const document = JSON.parse(text.slice(start)) as {
    readonly steps?: readonly Step[];
    readonly changeSummary?: { readonly same?: number };
  };
  const steps = (document.steps ?? []).filter(({ urn }) => !urn.includes("::pulumi:pulumi:Stack::"));
  return { stack, steps, unchanged: document.changeSummary?.same ?? 0 };
}

const count = ({ steps }: Preview, op: string): number => steps.filter((step) => step.op === op).length;

/** At most this many names per operation; the table has the full count. */
const named = 20;

function names(preview: Preview, op: ShownOp): string | undefined {
  const all = preview.steps.filter((step) => step.op === op).map((step) => resourceOf(step.urn));
  if (all.length === 0) return undefined;
  const more = all.length > named ? `, and ${all.length - named} more` : "";
  return `- **${preview.stack}** ${op}s ${all
    .slice(0, named)
    .map((name) => `\`${name}\``)
    .join(", ")}${more}`;
}

/** Markdown of all stacks: a table of counts, then the resources that change, in the order of the stacks. */
export function previewMarkdown(previews: readonly Preview[]): string {
  const rows = previews.map((preview) => {
    const cells = [...shownOps.map((op) => count(preview, op)), preview.unchanged];
    return `| ${preview.stack} | ${cells.join(" | ")} |`;
  });
  const changed = previews.flatMap((preview) =>
    shownOps.flatMap((op) => (op === "create" && preview.unchanged === 0 ? [] : (names(preview, op) ?? []))),
  );
  return [
    `| stack | ${shownOps.join(" | ")} | unchanged |`,
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    ...rows,
    ...(changed.length > 0 ? ["", ...changed] : []),
  ].join("\n");
}
