/** Lists: filters, sorting, pages, `meta.pagination` and the `Link` header. */
import type { Context } from "hono";
import type { Observer } from "../../shared/observe.ts";
import type { Labels } from "../records.ts";
import { invalidField } from "./errors.ts";
import { parseSelector, selects } from "./selector.ts";
import { readQuery } from "./validate.ts";

export type Listable = { readonly id: number; readonly name?: string | null; readonly labels?: Labels };

export type ListOptions<T> = {
  /** Response key, and path segment: `servers`. */
  readonly key: string;
  readonly items: readonly T[];
  readonly view: (item: T) => unknown;
  readonly labelled?: boolean;
  readonly named?: boolean;
  readonly sorts?: Readonly<Record<string, (item: T) => string | number>>;
  /** Extra parameters; each may be given several times and an item must match one of the values. */
  readonly filters?: Readonly<Record<string, (item: T, values: readonly string[]) => boolean>>;
};

const defaultPerPage = 25;
const maxPerPage = 50;

type Query = ReadonlyMap<string, readonly string[]>;

function positive(query: Query, name: string, fallback: number): number {
  const text = query.get(name)?.at(-1);
  if (text === undefined || text === "") return fallback;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw invalidField(name, `'${text}' is not a positive integer.`);
  return number;
}

function filtered<T extends Listable>(query: Query, options: ListOptions<T>): T[] {
  let items = [...options.items];
  const names = query.get("name");
  if (names !== undefined) items = items.filter((item) => names.includes(item.name ?? ""));
  const selectorText = query.get("label_selector")?.at(-1);
  if (selectorText !== undefined && selectorText !== "") {
    const selector = parseSelector(selectorText);
    if (selector === undefined) throw invalidField("label_selector", `'${selectorText}' is not a label selector.`);
    items = items.filter((item) => selects(selector, item.labels ?? {}));
  }
  for (const [name, matches] of Object.entries(options.filters ?? {})) {
    const values = query.get(name);
    if (values !== undefined) items = items.filter((item) => matches(item, values));
  }
  return items;
}

function sorted<T extends Listable>(query: Query, items: T[], sorts: ListOptions<T>["sorts"]): T[] {
  const orders = (query.get("sort") ?? []).flatMap((value) => value.split(",")).filter((value) => value !== "");
  const keys = orders.map((order) => {
    const [field = "", direction = "asc"] = order.split(":");
    const keyOf = sorts?.[field];
    if (keyOf === undefined || (direction !== "asc" && direction !== "desc")) {
      throw invalidField("sort", `'${order}' is not one of ${Object.keys(sorts ?? {}).join(", ")} with :asc or :desc.`);
    }
    return { keyOf, sign: direction === "asc" ? 1 : -1 };
  });
  return items.sort((a, b) => {
    for (const { keyOf, sign } of keys) {
      const [left, right] = [keyOf(a), keyOf(b)];
      if (left !== right) return left < right ? -sign : sign;
    }
    return a.id - b.id;
  });
}

export type Pagination = {
  readonly page: number;
  readonly per_page: number;
  readonly previous_page: number | null;
  readonly next_page: number | null;
  readonly last_page: number;
  readonly total_entries: number;
};

export function pagination(page: number, perPage: number, total: number): Pagination {
  const last = Math.max(1, Math.ceil(total / perPage));
  return {
    page,
    per_page: perPage,
    previous_page: page > 1 ? page - 1 : null,
    next_page: page < last ? page + 1 : null,
    last_page: last,
    total_entries: total,
  };
}

function linkHeader(url: string, pages: Pagination): string {
  const link = (page: number | null, relation: string): string[] => {
    if (page === null) return [];
    const target = new URL(url);
    target.searchParams.set("page", String(page));
    target.searchParams.set("per_page", String(pages.per_page));
    return [`<${target}>; rel="${relation}"`];
  };
  return [
    ...link(pages.previous_page, "prev"),
    ...link(pages.next_page, "next"),
    ...link(pages.last_page, "last"),
  ].join(", ");
}

export function list<T extends Listable>(context: Context, observer: Observer, options: ListOptions<T>): Response {
  const allowed = [
    "page",
    "per_page",
    ...(options.named === false ? [] : ["name"]),
    ...(options.labelled === true ? ["label_selector"] : []),
    ...(options.sorts === undefined ? [] : ["sort"]),
    ...Object.keys(options.filters ?? {}),
  ];
  const query = readQuery(context, observer, allowed);
  const items = sorted(query, filtered(query, options), options.sorts);
  const page = positive(query, "page", 1);
  const perPage = Math.min(positive(query, "per_page", defaultPerPage), maxPerPage);
  const pages = pagination(page, perPage, items.length);
  context.header("Link", linkHeader(context.req.url, pages));
  return context.json({
    [options.key]: items.slice((page - 1) * perPage, page * perPage).map(options.view),
    meta: { pagination: pages },
  });
}
