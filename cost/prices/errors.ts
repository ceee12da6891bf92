/** What was looked for in the price book. */
export type PriceQuestion = {
  /** `server:ccx23`, `volume`, `cloudflare-plan:pro`. */
  readonly item: string;
  /** Null for things that cost the same everywhere. */
  readonly location: string | null;
  /** Day whose prices count, `2026-10-28`. */
  readonly at: string;
  /** Day of the order, for servers that keep an old price. */
  readonly orderedAt: string | null;
};

/** The price book has no figure. Never a zero: a bill with a hole in it is wrong, not cheap. */
export class MissingPriceError extends Error {
  readonly question: PriceQuestion;

  constructor(question: PriceQuestion, why: string) {
    const where = question.location === null ? "" : ` in ${question.location}`;
    const ordered = question.orderedAt === null ? "" : `, ordered on ${question.orderedAt}`;
    super(
      `no price for ${question.item}${where} on ${question.at}${ordered}: ${why}; add a reading with its source to cost/prices/data/prices.jsonl, or run "prices update" with a token`,
    );
    this.name = "MissingPriceError";
    this.question = question;
  }
}
