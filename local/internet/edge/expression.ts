import { BlockList, isIPv6 } from "node:net";

/**
 * The part of Cloudflare's rules language that the emulator's rulesets may use at the local edge: comparisons, sets,
 * `starts_with` and its like, and the logic between them (CFD ruleset-engine/rules-language). What is not understood is an
 * error, never a rule that silently does not match.
 */
export type Predicate = (facts: Facts) => boolean;

/** Values of the fields of one request, by the names the language gives them. */
export type Facts = Readonly<Record<Field, string | boolean>>;

export const fields = [
  "http.host",
  "http.request.method",
  "http.request.uri",
  "http.request.uri.path",
  "http.request.uri.query",
  "http.request.full_uri",
  "http.user_agent",
  "http.referer",
  "http.cookie",
  "ip.src",
  "ip.src.country",
  "ssl",
  "cf.bot_management.verified_bot",
  "cf.client.bot",
] as const;
export type Field = (typeof fields)[number];

type Token = { readonly kind: "string" | "word" | "literal" | "symbol"; readonly text: string };
type Value = string | boolean | number;
type Reader = (facts: Facts) => Value;

const pattern =
  /\s*(?:r#?"([^"]*)"#?|"((?:\\.|[^"\\])*)"|(==|!=|<=|>=|&&|\|\||\^\^|[(){},<>!~])|([A-Za-z_][\w.]*)|([0-9a-fA-F:.]+(?:\/\d+)?))/y;

const tokenise = (text: string): Token[] => {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < end) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw new Error(`cannot read ${JSON.stringify(text.slice(from, from + 20))}`);
    const [, raw, quoted, symbol, word, literal] = match;
    if (raw !== undefined) tokens.push({ kind: "string", text: raw });
    else if (quoted !== undefined) tokens.push({ kind: "string", text: quoted.replace(/\\(.)/g, "$1") });
    else if (symbol !== undefined) tokens.push({ kind: "symbol", text: symbol });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "literal", text: literal ?? "" });
  }
  return tokens;
};

const isField = (text: string): text is Field => (fields as readonly string[]).includes(text);

type Comparison = (left: Value, right: Value) => boolean;

const comparisons: Readonly<Record<string, Comparison>> = {
  eq: (a, b) => String(a) === String(b),
  ne: (a, b) => String(a) !== String(b),
  lt: (a, b) => Number(a) < Number(b),
  le: (a, b) => Number(a) <= Number(b),
  gt: (a, b) => Number(a) > Number(b),
  ge: (a, b) => Number(a) >= Number(b),
  contains: (a, b) => String(a).includes(String(b)),
  matches: (a, b) => new RegExp(String(b)).test(String(a)),
};

const signs: Readonly<Record<string, string>> = {
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  "~": "matches",
};

const functions: Readonly<Record<string, (...values: readonly Value[]) => Value>> = {
  starts_with: (text = "", start = "") => String(text).startsWith(String(start)),
  ends_with: (text = "", end = "") => String(text).endsWith(String(end)),
  lower: (text = "") => String(text).toLowerCase(),
  upper: (text = "") => String(text).toUpperCase(),
  len: (text = "") => String(text).length,
};

/** Whether an address is in a set of addresses and ranges. */
const addressSet = (members: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList();
  for (const member of members) {
    const [address = "", bits] = member.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
};

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenise(text);
  }

  parse(): Predicate {
    const whole = this.#or();
    if (this.#at < this.#tokens.length) throw new Error(`${this.#tokens[this.#at]?.text}: not expected here`);
    return whole;
  }

  #take(...texts: readonly string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "string" || !texts.includes(token.text)) return undefined;
    this.#at += 1;
    return token.text;
  }

  #expect(text: string): void {
    if (this.#take(text) === undefined) throw new Error(`${text} expected before ${this.#tokens[this.#at]?.text}`);
  }

  #next(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Error("ends too early");
    this.#at += 1;
    return token;
  }

  #or(): Predicate {
    let left = this.#xor();
    while (this.#take("or", "||") !== undefined) {
      const [a, b] = [left, this.#xor()];
      left = (facts) => a(facts) || b(facts);
    }
    return left;
  }

  #xor(): Predicate {
    let left = this.#and();
    while (this.#take("xor", "^^") !== undefined) {
      const [a, b] = [left, this.#and()];
      left = (facts) => a(facts) !== b(facts);
    }
    return left;
  }

  #and(): Predicate {
    let left = this.#not();
    while (this.#take("and", "&&") !== undefined) {
      const [a, b] = [left, this.#not()];
      left = (facts) => a(facts) && b(facts);
    }
    return left;
  }

  #not(): Predicate {
    if (this.#take("not", "!") !== undefined) {
      const inner = this.#not();
      return (facts) => !inner(facts);
    }
    if (this.#take("(") !== undefined) {
      const inner = this.#or();
      this.#expect(")");
      return inner;
    }
    return this.#comparison();
  }

  #comparison(): Predicate {
    const left = this.#value();
    if (this.#take("in") !== undefined) return this.#set(left);
    const sign = this.#take(...Object.keys(signs), ...Object.keys(comparisons));
    if (sign === undefined) return (facts) => left(facts) === true;
    const compare = comparisons[signs[sign] ?? sign];
    const right = this.#value();
    return (facts) => compare?.(left(facts), right(facts)) ?? false;
  }

  #set(left: Reader): Predicate {
    this.#expect("{");
    const members: Token[] = [];
    while (this.#take("}") === undefined) members.push(this.#next());
    const texts = members.map(({ text }) => text);
    if (members.some(({ kind, text }) => kind === "literal" && /[.:]/.test(text))) {
      const has = addressSet(texts);
      return (facts) => has(String(left(facts)));
    }
    return (facts) => texts.includes(String(left(facts)));
  }

  #value(): Reader {
    const { kind, text } = this.#next();
    if (kind === "string") return () => text;
    if (kind === "literal") return () => text;
    const call = functions[text];
    if (kind === "word" && call !== undefined) return this.#call(call);
    if (kind === "word" && (text === "true" || text === "false")) return () => text === "true";
    if (kind === "word" && isField(text)) return (facts) => facts[text];
    throw new Error(`${text}: the local edge does not know this field or function`);
  }

  #call(call: (...values: readonly Value[]) => Value): Reader {
    this.#expect("(");
    const values = [this.#value()];
    while (this.#take(",") !== undefined) values.push(this.#value());
    this.#expect(")");
    return (facts) => call(...values.map((value) => value(facts)));
  }
}

/** Throws with the reason when the expression cannot be understood. */
export const compileExpression = (text: string): Predicate => {
  try {
    return new Parser(text).parse();
  } catch (error) {
    throw new Error(`rule expression ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
};
