/** What `local up` and `local status` print about a stack. */
import type { CostOutput } from "../../cost/schema/cost-output.ts";
import type { Local } from "./context.ts";
import type { Instance } from "./instance.ts";

export type Outputs = Readonly<Record<string, unknown>>;

type Shown = { readonly stack: string; readonly json: boolean; readonly instance: Instance; readonly local: Local };

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `name  value` lines of nested plain values, lists joined by commas. */
export function indentedLines(values: Readonly<Record<string, unknown>>, indent: string): readonly string[] {
  const width = Math.max(0, ...Object.keys(values).map((key) => key.length));
  return Object.entries(values).flatMap(([key, value]) => {
    if (isRecord(value)) return [`${indent}${key}`, ...indentedLines(value, `${indent}  `)];
    const text = Array.isArray(value) ? value.map(String).join(", ") : String(value);
    return [`${indent}${key.padEnd(width)}  ${text}`];
  });
}

const flag = ({ name }: Instance, stack: string): string => (name === stack ? "" : ` --instance ${name}`);

/** Standard output gets the endpoints and the cost table, or the outputs as JSON. */
export async function printStack(outputs: Outputs, { stack, json, instance, local }: Shown): Promise<void> {
  if (json) {
    console.log(JSON.stringify(outputs, null, 2));
    return;
  }
  const { endpoints, cost } = outputs;
  console.log(`\nEndpoints of ${stack}`);
  if (isRecord(endpoints)) console.log(indentedLines(endpoints, "  ").join("\n"));
  const { hetzner, cloudflare } = local.endpoints;
  console.log("\nLocal cloud");
  const apis = { "Hetzner API": hetzner.endpoint, "Cloudflare API": cloudflare.endpoint };
  console.log(indentedLines(apis, "  ").join("\n"));
  if (cost !== undefined) {
    const [{ costTable }, { processIo }] = await Promise.all([
      import("../../cost/format/table.ts"),
      import("../../cost/commands/io.ts"),
    ]);
    console.log(`\n${costTable(cost as CostOutput, processIo())}`);
  }
  console.log(`\nNext: ./chitlaq local pulumi${flag(instance, stack)} -- preview --stack ${stack} --diff`);
}
