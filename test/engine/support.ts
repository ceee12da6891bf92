import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Api, type LocalCloud, startLocalCloud } from "../support/local-cloud.ts";
import { createProject, type PulumiProject } from "../support/pulumi.ts";

export type Stack = "phase1" | "phase2" | "phase3";

export type Bench = { readonly cloud: LocalCloud; readonly project: PulumiProject };

export const zoneName = "chitlaq.com";

export type BenchOptions = {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
};

/** The repository's program for one stack on a local cloud and a backend of its own. */
export const startBench = async (
  t: Pick<TestContext, "after">,
  stack: Stack,
  options: BenchOptions = {},
): Promise<Bench> => {
  const zone = { name: zoneName, plan: stack === "phase1" ? "free" : "pro" } as const;
  const cloud = await startLocalCloud(t, { zones: [zone] });
  const project = await createProject(t, { cloud, program: { stack }, ...options });
  return { cloud, project };
};

/** Changes fields of `chitlaq:platform` in the stack's file. */
export const configure = ({ project }: Bench, platform: Readonly<Record<string, unknown>>): void =>
  project.setConfig({ "chitlaq:platform": platform });

type Item = { readonly id: number | string; readonly name?: string; readonly [key: string]: unknown };

const hetznerCollections = [
  "servers",
  "volumes",
  "primary_ips",
  "networks",
  "firewalls",
  "placement_groups",
  "ssh_keys",
] as const;

export type HetznerCollection = (typeof hetznerCollections)[number];

export const listHetzner = async ({ cloud }: Pick<Bench, "cloud">, collection: HetznerCollection) => {
  const items: Item[] = [];
  for (let page: number | null = 1; page !== null; ) {
    const body: unknown = await get(cloud.hetzner, `/${collection}?per_page=50&page=${page}`);
    const { meta, ...rest } = body as { readonly meta: { readonly pagination: { readonly next_page: number | null } } };
    items.push(...((rest as Readonly<Record<string, readonly Item[]>>)[collection] ?? []));
    page = meta.pagination.next_page;
  }
  return items;
};

const get = async (api: Api, path: string): Promise<unknown> => {
  const { status, body } = await api.request("GET", path);
  assert.equal(status, 200, `GET ${path}: ${JSON.stringify(body)}`);
  return body;
};

export const zoneIdOf = async ({ cloud }: Pick<Bench, "cloud">): Promise<string> => {
  const body = (await get(cloud.cloudflare, `/zones?name=${zoneName}`)) as { readonly result: readonly Item[] };
  assert.equal(body.result.length, 1, `zone ${zoneName}`);
  return String(body.result[0]?.id);
};

export const listZone = async (
  bench: Pick<Bench, "cloud">,
  collection: "dns_records" | "rulesets",
): Promise<readonly Item[]> => {
  const path = `/zones/${await zoneIdOf(bench)}/${collection}?per_page=100`;
  return ((await get(bench.cloud.cloudflare, path)) as { readonly result: readonly Item[] }).result;
};

/** Names and ids of everything that exists in both clouds, and that an `up` made. */
export const inventory = async (bench: Pick<Bench, "cloud">): Promise<Readonly<Record<string, readonly string[]>>> => {
  const describe = ({ id, name }: Item): string => `${name ?? ""} ${id}`;
  const hetzner = await Promise.all(
    hetznerCollections.map(
      async (name) => [name, (await listHetzner(bench, name)).map(describe).sort(byText)] as const,
    ),
  );
  const zone = await Promise.all(
    (["dns_records", "rulesets"] as const).map(
      async (name) => [name, (await listZone(bench, name)).map(describe).sort(byText)] as const,
    ),
  );
  return Object.fromEntries([...hetzner, ...zone]);
};

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The inventory without ids: what exists, however it came to be. */
export const names = async (bench: Pick<Bench, "cloud">): Promise<Readonly<Record<string, readonly string[]>>> =>
  Object.fromEntries(
    Object.entries(await inventory(bench)).map(([kind, items]) => [
      kind,
      items.map((item) => item.split(" ")[0] ?? ""),
    ]),
  );

export const nothing: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [...hetznerCollections, "dns_records", "rulesets"].map((kind) => [kind, []]),
);

/** Fails when the emulators were sent a route or a field that they do not know: their answer would be made up. */
export const nothingUnhandled = async ({ cloud }: Pick<Bench, "cloud">): Promise<void> => {
  for (const api of [cloud.hetzner, cloud.cloudflare]) {
    assert.deepEqual(await api.control("GET", "unhandled"), { unhandled: [] });
  }
};

/** What every run that converged leaves: each resource once, none pending, and a next `up` that has nothing to do. */
export const assertConverged = async (
  bench: Bench,
  expected: Readonly<Record<string, readonly string[]>>,
): Promise<void> => {
  assert.deepEqual(await names(bench), expected);
  const state = await bench.project.state();
  assert.deepEqual(state.pending_operations ?? [], []);
  const again = (await bench.project.up({ args: ["--expect-no-changes"] })).succeeded();
  assert.deepEqual(again.changes, []);
};
