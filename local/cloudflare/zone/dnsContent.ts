/** What the DNS API accepts as name, content and flags of a record. */

import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { Json, JsonObject } from "../records.ts";

export type DnsFault = { readonly code: number; readonly message: string };

const PROXIABLE = ["A", "AAAA", "CNAME"];
const WITH_PRIORITY = ["MX", "URI"];
const WITH_DATA = ["CAA", "SRV", "HTTPS", "SVCB", "TLSA", "SSHFP", "DS", "NAPTR", "LOC", "CERT", "DNSKEY", "SMIMEA"];

export const DNS_TYPES = [
  ...PROXIABLE,
  "MX",
  "TXT",
  "NS",
  "PTR",
  "URI",
  "OPENPGPKEY",
  ...WITH_DATA,
] as const satisfies readonly string[];

/** The full name of a record: `@` and relative names are completed with the zone. */
export const fullName = (name: string, zone: string): string => {
  const bare = name.replace(/\.$/, "").toLowerCase();
  if (bare === "@" || bare === zone) {
    return zone;
  }
  return bare.endsWith(`.${zone}`) ? bare : `${bare}.${zone}`;
};

const LABEL = /^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)$/;
const isName = (text: string): boolean => text.length <= 253 && text.split(".").every((label) => LABEL.test(label));
const isHost = (text: string): boolean => isName(text.replace(/\.$/, "").toLowerCase());

const contentFault = (type: string, content: string): DnsFault | undefined => {
  const invalid = (rule: string): DnsFault => ({ code: 9005, message: `Content for ${type} record ${rule}.` });
  switch (type) {
    case "A":
      return isIPv4(content) ? undefined : invalid("must be a valid IPv4 address");
    case "AAAA":
      return isIPv6(content) ? undefined : invalid("must be a valid IPv6 address");
    case "CNAME":
    case "NS":
    case "MX":
    case "PTR":
      return isHost(content) ? undefined : { code: 9007, message: `Content for ${type} record is invalid.` };
    default:
      return content === "" ? invalid("must not be empty") : undefined;
  }
};

const UNREACHABLE = [
  "private",
  "loopback",
  "linkLocal",
  "uniqueLocal",
  "carrierGradeNat",
  "unspecified",
  "broadcast",
  "multicast",
];

/** Addresses the edge cannot reach; it refuses to proxy to them. Test ranges stand for public addresses here. */
const notReachable = (content: string): boolean =>
  ipaddr.isValid(content) && UNREACHABLE.includes(ipaddr.parse(content).range());

export type Candidate = {
  readonly name: string;
  readonly type: string;
  readonly content: string | undefined;
  readonly data: JsonObject | undefined;
  readonly proxied: boolean;
  readonly ttl: number;
  readonly priority: number | undefined;
  readonly tags: readonly Json[];
};

/** Every fault of a record by itself. Codes: Cloudflare community and issue reports of API answers. */
export const recordFaults = (record: Candidate, plan: string): readonly DnsFault[] => {
  const { type, content, data, proxied, ttl } = record;
  const own = content === undefined ? undefined : contentFault(type, content);
  const rules: readonly (readonly [boolean, DnsFault])[] = [
    [!isName(record.name), { code: 9000, message: "DNS name is invalid." }],
    [
      content === undefined && data === undefined,
      { code: 9101, message: WITH_DATA.includes(type) ? "data is a required field." : "content is a required field." },
    ],
    [
      WITH_PRIORITY.includes(type) && record.priority === undefined,
      { code: 9100, message: `Priority is required for ${type} records.` },
    ],
    [proxied && !PROXIABLE.includes(type), { code: 9004, message: "This record type cannot be proxied." }],
    [
      proxied && PROXIABLE.includes(type) && content !== undefined && notReachable(content),
      { code: 9003, message: `Target ${content} is not allowed for a proxied record.` },
    ],
    [
      ttl !== 1 && (ttl < 60 || ttl > 86_400),
      { code: 9021, message: "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic." },
    ],
    // Record tags need a paid plan; the number of the refusal is the emulator's own.
    [
      record.tags.length > 0 && plan === "free",
      { code: 9300, message: "DNS record has 1 tags, exceeding the quota of 0." },
    ],
  ];
  return [...(own === undefined ? [] : [own]), ...rules.flatMap(([broken, fault]) => (broken ? [fault] : []))];
};

/** Faults beside the records that exist under the same name. */
export const neighbourFaults = (
  record: Candidate,
  others: readonly { readonly type: Json; readonly content: Json }[],
): readonly DnsFault[] => {
  const types = others.map(({ type }) => type);
  if (
    others.some((other) => other.type === record.type && record.type !== "CNAME" && other.content === record.content)
  ) {
    return [{ code: 81_058, message: "An identical record already exists." }];
  }
  if (record.type === "CNAME" && others.length > 0) {
    return [{ code: 81_053, message: "An A, AAAA, or CNAME record with that host already exists." }];
  }
  return types.includes("CNAME") ? [{ code: 81_054, message: "A CNAME record with that host already exists." }] : [];
};

export const isProxiable = (record: Candidate): boolean =>
  PROXIABLE.includes(record.type) && !(record.content !== undefined && notReachable(record.content));

/** Content the API derives for records that are given as data. */
export const contentOf = (type: string, data: JsonObject): string => {
  const order: Readonly<Record<string, readonly string[]>> = {
    CAA: ["flags", "tag", "value"],
    SRV: ["weight", "port", "target"],
  };
  return (order[type] ?? Object.keys(data)).map((key) => String(data[key] ?? "")).join(" ");
};
