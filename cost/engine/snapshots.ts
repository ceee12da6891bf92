import { parsePlatform } from "../../config/parse.ts";
import { buildPlan } from "../../plan/build.ts";
import type { Limits, Role } from "../../plan/types.ts";
import { inOrder } from "../bill-lines.ts";
import { buildBill } from "../bill.ts";
import { serverTypeCatalogue } from "../catalogue.ts";
import { CommandError } from "../commands/io.ts";
import { priceLines } from "../estimate.ts";
import type { PriceBook } from "../prices/book.ts";
import { type CostLine, type CostOutput, costOutputSchema } from "../schema/cost-output.ts";
import { plannedStack, policyOf, soldMachine } from "../snapshot/take.ts";
import type { PlannedStack } from "../snapshot/types.ts";
import type { PreviewDocument } from "./document.ts";
import { resourcesAfter } from "./resources.ts";

export type PreviewSides = {
  readonly base: PlannedStack | null;
  readonly head: PlannedStack;
  /** Ids of lines whose resource the engine destroys and makes anew. */
  readonly replaced: ReadonlySet<string>;
};

export type PreviewPricing = {
  readonly book: PriceBook;
  readonly at: string | null;
  readonly usdPerEur: string | null;
};

function deployedCost(document: PreviewDocument): CostOutput | null {
  if (document.deployed === null) return null;
  const result = costOutputSchema.safeParse(document.deployed.cost);
  if (result.success) return result.data;
  throw new CommandError(
    `${document.stack}: the deployed stack has no cost output that this version can read; run pulumi up once, or use cost diff`,
  );
}

const serverTypeOf = (line: CostLine): string => line.price.item.replace("server:", "");

/** The deployed side, from the outputs of its last `up`: what stood in its config and policy is not known any more. */
function deployedStack(document: PreviewDocument, cost: CostOutput, head: PlannedStack, book: PriceBook): PlannedStack {
  const outputs = document.deployed ?? {};
  const roles = (outputs.machines ?? {}) as Readonly<Record<string, { readonly role: Role }>>;
  const volumes = cost.lines.filter((line) => line.id.startsWith("volume:"));
  return {
    kind: "planned",
    stack: document.stack,
    cost,
    machines: cost.lines
      .filter((line) => line.id === `server:${line.machine}`)
      .map((line) =>
        soldMachine(
          {
            name: line.name,
            role: roles[line.name]?.role ?? "server",
            serverType: serverTypeOf(line),
            orderedAt: line.orderedAt,
          },
          cost.location,
          book,
          cost.prices.at,
        ),
      ),
    volumes: volumes.map((line) => ({ name: line.name, machine: line.machine ?? "", sizeGiB: Number(line.quantity) })),
    limits: (outputs.limits ?? head.limits) as Limits,
    databaseVolumeGiB: Math.min(...volumes.map((line) => Number(line.quantity)), Number.MAX_SAFE_INTEGER),
    policy: head.policy,
  };
}

/** Both sides of a preview: what is deployed, and what the engine would make of it. */
export function previewSides(document: PreviewDocument, pricing: PreviewPricing): PreviewSides {
  const { book, at, usdPerEur } = pricing;
  const config = parsePlatform(document.platform);
  const catalogue = serverTypeCatalogue(book, at ?? book.date);
  const plan = buildPlan(config, { stack: document.stack, catalogue });
  const planned = plannedStack(plan, policyOf(config), pricing);
  const before = deployedCost(document);
  const orders = new Map(plan.machines.map((machine) => [machine.name, machine.orderedAt]));
  const { lines, replaced } = resourcesAfter(document, before?.lines ?? [], (name) => orders.get(name) ?? null);
  const external = buildBill(plan, book).lines.filter((line) => line.external);
  const priced = priceLines(inOrder([...lines, ...external]), {
    book,
    at: at ?? undefined,
    usdPerEur: usdPerEur ?? undefined,
    vatPercent: plan.billing.vatPercent,
  });
  const head: PlannedStack = { ...planned, cost: { ...planned.cost, lines: [...priced] } };
  return { base: before === null ? null : deployedStack(document, before, head, book), head, replaced };
}
