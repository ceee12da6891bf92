/** Token bucket: `size` requests at once, refilled by `perSecond`. */
import type { Clock } from "./clock.ts";

export type RateLimitState = {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Unix time (seconds) at which the bucket will be full again. */
  readonly resetAt: number;
};

export interface RateLimit {
  /** Takes one token when there is one. */
  take(): RateLimitState;
  /** A new size starts full; a size of 0 switches the limit off. */
  configure(size: number, perSecond: number): void;
  setting(): { readonly size: number; readonly perSecond: number };
}

export function createRateLimit(clock: Clock, initialSize: number, initialPerSecond: number): RateLimit {
  let size = initialSize;
  let perSecond = initialPerSecond;
  let level = size;
  let filledAt = clock.now();
  return {
    take: () => {
      const now = clock.now();
      level = Math.min(size, level + Math.max(0, ((now - filledAt) / 1000) * perSecond));
      filledAt = now;
      const allowed = size === 0 || level >= 1;
      if (allowed && size > 0) level -= 1;
      return {
        allowed,
        limit: size,
        remaining: Math.floor(level),
        resetAt: Math.ceil(now / 1000 + (size - level) / perSecond),
      };
    },
    configure: (nextSize, nextPerSecond) => {
      size = nextSize;
      perSecond = nextPerSecond;
      level = size;
      filledAt = clock.now();
    },
    setting: () => ({ size, perSecond }),
  };
}
