/** From samples to figures and a verdict. */
import { slo, triggers } from "../../plan/capacity.ts";
import type { Sample } from "./open-loop.ts";
import { type Kind, kinds } from "./mix.ts";

/** The smallest value that at least `share` of the values do not exceed (nearest rank); null of nothing. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

export type KindFigures = {
  readonly kind: Kind;
  readonly calls: number;
  readonly errors: number;
  /** Reasons of failures and how often each. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Milliseconds of the successful calls, from their scheduled time; null without one. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
};

export type Threshold = {
  readonly what: string;
  readonly limit: number;
  readonly unit: "ms" | "%";
  readonly measured: number | null;
  /** Null where too few calls say nothing. */
  readonly met: boolean | null;
  readonly source: string;
};

export type Figures = {
  readonly seconds: number;
  /** Calls a second: asked for, and answered without error. */
  readonly rate: number;
  readonly achieved: number;
  /** The same of HTTP requests alone, which the plan's limit counts. */
  readonly requestsPerSecond: number;
  readonly kinds: readonly KindFigures[];
  readonly errorPercent: number;
  /** How late the generator itself was, p95. Figures of an overloaded generator say nothing of the server. */
  readonly generatorLagMs: number;
  readonly thresholds: readonly Threshold[];
  readonly passed: boolean;
};

/** Above this the generator's own delay is a good part of the plan's 150 ms. */
export const lagLimitMs = 30;

const round = (value: number | null): number | null => (value === null ? null : Number(value.toFixed(1)));

function figuresOf(kind: Kind, samples: readonly Sample<Kind>[]): KindFigures {
  const own = samples.filter((sample) => sample.kind === kind);
  const failed = own.flatMap(({ error }) => error ?? []);
  const latencies = own.filter(({ error }) => error === undefined).map(({ latencyMs }) => latencyMs);
  const reasons = Object.fromEntries(
    [...Map.groupBy(failed, (reason) => reason)].map(([reason, all]) => [reason, all.length]),
  );
  return {
    kind,
    calls: own.length,
    errors: failed.length,
    reasons,
    p50Ms: round(percentile(latencies, 0.5)),
    p95Ms: round(percentile(latencies, 0.95)),
    p99Ms: round(percentile(latencies, 0.99)),
    maxMs: round(percentile(latencies, 1)),
  };
}

/** With fewer calls the p95 is the slowest one. */
export const fewestCalls = 20;

const webSocketP95Ms = triggers.find(({ metric }) => metric === "websocket-latency-p95")?.threshold ?? slo.p95Ms;

const p95Limit = (kind: Kind): Pick<Threshold, "limit" | "source"> =>
  kind === "message"
    ? { limit: webSocketP95Ms, source: "capacity plan, Performance Triggers: WebSocket latency p95" }
    : { limit: slo.p95Ms, source: "capacity plan, Success Metrics: p95 for all endpoints" };

function thresholdsOf(measured: readonly KindFigures[], errorPercent: number): readonly Threshold[] {
  const called = measured.filter(({ calls }) => calls > 0);
  // A short test is judged by what there is.
  const isEnough = (calls: number): boolean => calls >= fewestCalls || called.every((kind) => kind.calls < fewestCalls);
  const latency = called.map(({ kind, calls, p95Ms }): Threshold => {
    const { limit, source } = p95Limit(kind);
    const met = isEnough(calls) ? p95Ms !== null && p95Ms <= limit : null;
    return { what: `p95 of ${kind}`, limit, unit: "ms", measured: p95Ms, met, source };
  });
  const limit = Number((100 - slo.availabilityPercent).toFixed(3));
  const errors: Threshold = {
    what: "failed calls",
    limit,
    unit: "%",
    measured: errorPercent,
    met: errorPercent <= limit,
    source: "capacity plan, Success Metrics: uptime",
  };
  return [...latency, errors];
}

export function summarise(samples: readonly Sample<Kind>[], rate: number, seconds: number): Figures {
  const measured = kinds.map((kind) => figuresOf(kind, samples));
  const good = samples.filter(({ error }) => error === undefined);
  const errorPercent =
    samples.length === 0 ? 100 : Number((((samples.length - good.length) / samples.length) * 100).toFixed(3));
  const thresholds = thresholdsOf(measured, errorPercent);
  const perSecond = (count: number): number => Number((count / seconds).toFixed(1));
  return {
    seconds,
    rate,
    achieved: perSecond(good.length),
    requestsPerSecond: perSecond(good.filter(({ kind }) => kind !== "message").length),
    kinds: measured,
    errorPercent,
    generatorLagMs:
      round(
        percentile(
          samples.map(({ lagMs }) => lagMs),
          0.95,
        ),
      ) ?? 0,
    thresholds,
    passed: thresholds.every(({ met }) => met !== false),
  };
}
