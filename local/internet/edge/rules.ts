import type { CacheSettings } from "./cache.ts";
import type { EdgeRule, EdgeZone } from "./config.ts";
import { compileExpression, type Facts, type Predicate } from "./expression.ts";

type Compiled = { readonly rule: EdgeRule; readonly matches: Predicate };

/** Why a request goes no further. */
export type Refusal = { readonly status: 403 | 429; readonly code: 1015 | 1020; readonly retryAfter?: number };

/** Actions that stop a visitor; a program cannot pass a challenge. */
const stopping = new Set(["block", "challenge", "js_challenge", "managed_challenge"]);

type Window = { count: number; endsAt: number; blockedUntil: number };

const mostWindows = 10_000;

const shownBy = (characteristic: string, facts: Facts): string =>
  // There is one data centre.
  characteristic === "cf.colo.id" ? "LOC" : String((facts as Readonly<Record<string, unknown>>)[characteristic] ?? "");

/** Custom rules, rate limits and cache rules of one zone. A rule that is not understood is reported and left out. */
export class ZoneRules {
  readonly #firewall: readonly Compiled[];
  readonly #rateLimits: readonly Compiled[];
  readonly #cache: readonly Compiled[];
  readonly #windows: Map<string, Window>;

  /** `before` hands its counts on, so that a change elsewhere in the zone does not pardon anybody. */
  constructor(zone: EdgeZone, log: (line: string) => void, before?: ZoneRules) {
    const compile = (rules: readonly EdgeRule[]): Compiled[] =>
      rules.flatMap((rule) => {
        try {
          return [{ rule, matches: compileExpression(rule.expression) }];
        } catch (error) {
          log(`${zone.name}: ${(error as Error).message}; the rule is left out`);
          return [];
        }
      });
    this.#firewall = compile(zone.firewall);
    this.#rateLimits = compile(zone.rateLimits);
    this.#cache = compile(zone.cacheRules);
    this.#windows = before === undefined ? new Map() : before.#windows;
  }

  refusal(facts: Facts, now: number): Refusal | null {
    const stopped = this.#firewall.some(({ rule, matches }) => stopping.has(rule.action) && matches(facts));
    if (stopped) return { status: 403, code: 1020 };
    const waits = this.#rateLimits
      .filter(({ matches }) => matches(facts))
      .map(({ rule }) => this.#wait(rule, facts, now));
    const longest = Math.max(0, ...waits);
    return longest === 0 ? null : { status: 429, code: 1015, retryAfter: Math.ceil(longest / 1000) };
  }

  cacheSettings(facts: Facts): CacheSettings {
    const matching = this.#cache.filter(({ matches }) => matches(facts)).map(({ rule }) => rule.parameters);
    return Object.assign({}, ...matching) as CacheSettings;
  }

  /** Counts the request; milliseconds until its sender may come again, 0 when it may pass. */
  #wait({ id, action, ratelimit }: EdgeRule, facts: Facts, now: number): number {
    if (ratelimit === null || !stopping.has(action)) return 0;
    const key = JSON.stringify([id, ...ratelimit.characteristics.map((name) => shownBy(name, facts))]);
    const known = this.#windows.get(key);
    const isCurrent = known !== undefined && (known.endsAt > now || known.blockedUntil > now);
    const window = isCurrent ? known : { count: 0, endsAt: now + ratelimit.period * 1000, blockedUntil: 0 };
    if (!isCurrent) this.#remember(key, window);
    if (window.blockedUntil > now) return window.blockedUntil - now;
    window.count += 1;
    if (window.count <= ratelimit.requests_per_period) return 0;
    window.blockedUntil = now + Math.max(1, ratelimit.mitigation_timeout) * 1000;
    return window.blockedUntil - now;
  }

  #remember(key: string, window: Window): void {
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= mostWindows && oldest !== undefined) this.#windows.delete(oldest);
    this.#windows.set(key, window);
  }
}
