/** One measurement, or a row of them with rising rates that ends at the platform's limit. */
import { type Figures, lagLimitMs, summarise } from "./figures.ts";
import { type Kind, kindAt } from "./mix.ts";
import { runOpenLoop } from "./open-loop.ts";
import { act, type Person } from "./people.ts";

export type Load = { readonly rate: number; readonly seconds: number };

/** Steps of the golden ratio: spread evenly over the mix and over the users however short the test is. */
const golden = 0.618_033_988_749_895;
const at = (index: number, factor: number): number => (index * factor) % 1;

export async function measure(people: readonly Person[], load: Load, signal: AbortSignal): Promise<Figures> {
  const call = (kind: Kind, index: number): Promise<void> => {
    const sender = Math.floor(at(index, Math.SQRT2) * people.length);
    const distance = 1 + Math.floor(at(index, Math.E) * (people.length - 1));
    const [one, other] = [people[sender], people[(sender + distance) % people.length]];
    if (one === undefined || other === undefined) return Promise.reject(new Error("nobody is online"));
    return act(kind, one, other);
  };
  const kindOf = (index: number): Kind => kindAt(at(index, golden));
  return summarise(await runOpenLoop({ ...load, kindOf, call, signal }), load.rate, load.seconds);
}

export type Ramp = {
  readonly steps: readonly Figures[];
  /** The last rate that kept every threshold; null when the first did not. */
  readonly best: Figures | null;
  /** Why it ended. */
  readonly end: "threshold" | "generator" | "steps";
};

const factor = 1.5;
const mostSteps = 20;

/** Raises the rate by half until a threshold is missed, or until this host cannot make more calls. */
export async function ramp(
  first: number,
  run: (rate: number) => Promise<Figures>,
  note: (figures: Figures) => void,
): Promise<Ramp> {
  const steps: Figures[] = [];
  let best: Figures | null = null;
  for (let rate = first; steps.length < mostSteps; rate = Math.round(rate * factor)) {
    const figures = await run(rate);
    steps.push(figures);
    note(figures);
    if (figures.generatorLagMs > lagLimitMs) return { steps, best, end: "generator" };
    if (!figures.passed) return { steps, best, end: "threshold" };
    best = figures;
  }
  return { steps, best, end: "steps" };
}
