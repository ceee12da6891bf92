import { amountsOf, Dec } from "../money.ts";
import type { CostLine } from "../schema/cost-output.ts";
import type { PlannedStack } from "../snapshot/types.ts";

/** A server line that claims the price of an old order for a type the server did not have then. */
export type Correction = {
  readonly machine: string;
  /** What the config's `orderedAt` claims, net a month. */
  readonly claimed: string;
  /** What Hetzner will charge, net a month. */
  readonly real: string;
  readonly orderedAt: string | null;
};

const rescaledMachines = (base: PlannedStack, head: PlannedStack): ReadonlySet<string> => {
  const types = new Map(base.machines.map((machine) => [machine.name, machine.serverType]));
  return new Set(
    head.machines
      .filter(({ name, serverType }) => types.has(name) && types.get(name) !== serverType)
      .map((machine) => machine.name),
  );
};

/**
 * Rescaling a server, in either direction, moves it to today's rate, whatever `orderedAt` says (Hetzner's announcement for
 * 2026-06-15: new orders and rescales). Returns the newer side's lines with such servers, and the backups that follow
 * their price, at today's rate.
 */
export function correctRescales(
  base: PlannedStack,
  head: PlannedStack,
): { readonly lines: readonly CostLine[]; readonly corrections: readonly Correction[] } {
  const rescaled = rescaledMachines(base, head);
  const rate = new Dec(head.cost.exchangeRate.usdPerEur);
  const wrong = new Map<string, CostLine>();
  for (const line of head.cost.lines) {
    const { locked, newOrderNet, newOrderHourlyNet } = line.price;
    if (line.machine === null || !rescaled.has(line.machine) || !locked) continue;
    if (line.id === `server:${line.machine}` && newOrderNet !== null && newOrderHourlyNet !== null) {
      wrong.set(line.machine, line);
    }
  }
  const priced = (line: CostLine, server: CostLine, share: Dec): CostLine => {
    const { newOrderNet, newOrderHourlyNet } = server.price;
    const exact = { monthly: share.times(newOrderNet ?? 0), hourly: share.times(newOrderHourlyNet ?? 0) };
    return { ...line, ...amountsOf(exact, server.price.currency, rate, head.cost.vatPercent) };
  };
  const lines = head.cost.lines.map((line) => {
    const server = line.machine === null ? undefined : wrong.get(line.machine);
    if (server === undefined) return line;
    if (line.unit === "percent") return priced(line, server, new Dec(line.price.net).dividedBy(100));
    if (line.id !== server.id) return line;
    const { newOrderNet, newOrderHourlyNet } = line.price;
    const price = { ...line.price, net: newOrderNet ?? line.price.net, hourlyNet: newOrderHourlyNet, locked: false };
    return priced({ ...line, price }, server, new Dec(line.quantity));
  });
  const corrections = [...wrong].map(([machine, line]) => ({
    machine,
    claimed: line.price.net,
    real: line.price.newOrderNet ?? line.price.net,
    orderedAt: line.orderedAt,
  }));
  return { lines, corrections };
}
