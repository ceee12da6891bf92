import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import type { EdgePlan } from "../../plan/types.ts";
import { type ChildOptions, childOf } from "../options.ts";
import { otherZonePlan, staleOriginRanges } from "./checks.ts";
import { cacheRule, rateLimitRule, wafRule } from "./rules.ts";

export type EdgeArgs = {
  readonly edge: EdgePlan;
  /** Addresses of the platform's public doors by the name of their primary IP. */
  readonly addresses: Readonly<Record<string, pulumi.Input<string>>>;
};

/**
 * The Cloudflare side of the platform: proxied DNS records, zone settings, cache, rate-limit and WAF rules, and the proof
 * of identity towards the origin. The zone itself, its plan and its registration belong to the account and are only read.
 */
export class Edge extends pulumi.ComponentResource {
  /** Addresses under which the platform is reached, in the order of the plan. */
  readonly urls: readonly string[];
  readonly zoneId: pulumi.Output<string>;
  readonly #name: string;
  readonly #child: ChildOptions;

  constructor(name: string, args: EdgeArgs, opts?: pulumi.ComponentResourceOptions) {
    const { edge } = args;
    const unknown = edge.records.filter((record) => !(record.primaryIp in args.addresses));
    if (unknown.length > 0) {
      throw new Error(
        `${name}: no address for ${unknown.map((record) => `${record.fqdn} (${record.primaryIp})`).join(", ")}`,
      );
    }
    super("chitlaq:edge:Edge", name, {}, opts);
    this.#name = name;
    this.#child = childOf(this, opts);

    this.zoneId = this.#zone(edge);
    this.#watchOriginRanges(edge);
    this.#records(args);
    this.#settings(edge);
    this.#ruleset("cache", "http_request_cache_settings", edge.cacheRules.map(cacheRule));
    this.#ruleset("rate-limit", "http_ratelimit", edge.rateLimits.map(rateLimitRule));
    this.#ruleset("waf", "http_request_firewall_custom", edge.wafRules.map(wafRule));
    this.#tieredCache(edge);
    this.#originPulls(edge);

    this.urls = [...new Set(edge.records.map((record) => `https://${record.fqdn}`))];
    this.registerOutputs({ urls: this.urls });
  }

  #zone(edge: EdgePlan): pulumi.Output<string> {
    const zone = cloudflare.getZoneOutput({ filter: { name: edge.zone } }, { parent: this });
    this.#warn(zone.apply(({ plan }) => otherZonePlan(edge.plan, plan?.legacyId)));
    return zone.zoneId;
  }

  #watchOriginRanges({ originRanges }: EdgePlan): void {
    const live = cloudflare.getIpRangesOutput({}, { parent: this });
    this.#warn(live.apply((ranges) => staleOriginRanges(originRanges, [...ranges.ipv4Cidrs, ...ranges.ipv6Cidrs])));
  }

  /** A difference to the world outside stops nothing: the platform keeps working, and the operators decide. */
  #warn(message: pulumi.Output<string | null>): void {
    message.apply((text) => (text === null ? undefined : pulumi.log.warn(text, this)));
  }

  #records({ edge, addresses }: EdgeArgs): void {
    for (const record of edge.records) {
      const content = addresses[record.primaryIp];
      if (content === undefined) continue;
      new cloudflare.DnsRecord(
        `${this.#name}-${record.name}`,
        {
          zoneId: this.zoneId,
          name: record.fqdn,
          type: record.type,
          content,
          proxied: record.proxied,
          // Proxied records have no TTL of their own; 1 stands for automatic.
          ttl: 1,
        },
        this.#child,
      );
    }
  }

  #settings({ settings }: EdgePlan): void {
    for (const [settingId, value] of Object.entries(settings)) {
      new cloudflare.ZoneSetting(
        `${this.#name}-setting-${settingId}`,
        { zoneId: this.zoneId, settingId, value },
        this.#child,
      );
    }
  }

  #ruleset(part: string, phase: string, rules: cloudflare.types.input.RulesetRule[]): void {
    if (rules.length === 0) return;
    new cloudflare.Ruleset(
      `${this.#name}-${part}`,
      { zoneId: this.zoneId, kind: "zone", name: `chitlaq ${part}`, phase, rules },
      // A zone has one ruleset per phase; a second one is refused (error 20217).
      { ...this.#child, deleteBeforeReplace: true },
    );
  }

  #tieredCache({ tieredCache }: EdgePlan): void {
    new cloudflare.TieredCache(
      `${this.#name}-tiered-cache`,
      { zoneId: this.zoneId, value: tieredCache ? "on" : "off" },
      this.#child,
    );
  }

  #originPulls({ authenticatedOriginPulls }: EdgePlan): void {
    new cloudflare.AuthenticatedOriginPullsSettings(
      `${this.#name}-origin-pulls`,
      { zoneId: this.zoneId, enabled: authenticatedOriginPulls },
      this.#child,
    );
  }
}
