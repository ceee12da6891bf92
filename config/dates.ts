/**
 * Pulumi's YAML reader takes an unquoted `2025-11-01` for a timestamp and hands on, and on `pulumi stack init` even writes
 * back, `2025-11-01 00:00:00 +0000 UTC` (seen with pulumi 3.270.0). Midnight UTC in either spelling means the day.
 */
const midnight = /^(\d{4}-\d{2}-\d{2})(T| )00:00:00(Z| \+0000 UTC)$/;

/** A copy of plain data in which every `orderedAt` that is midnight UTC has become its day. */
export function withPlainDates(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return raw;
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]: readonly [string, unknown]) => {
      if (key !== "orderedAt") return [key, withPlainDates(value)];
      return [key, typeof value === "string" ? value.replace(midnight, "$1") : value];
    }),
  );
}
