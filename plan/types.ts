/**
 * The platform plan: everything about a stack that is decided before any resource exists, as plain JSON data.
 *
 * Nothing in here is an Output, a secret or a function. Components turn it into resources, `ops/` renders machine files
 * from it, `cost/` prices it; none of them decides anything itself.
 */

export type Phase = 1 | 2 | 3;

/** What a machine is for. One role has one user-data, one firewall and one host filter. */
export type Role = "server" | "load-balancer" | "api" | "database" | "redis" | "k3s-server" | "k3s-agent";

export type CpuKind = "shared" | "dedicated";

/** The least a role needs. Memory and disk in GiB, as Hetzner states them. */
export type Profile = { readonly vcpu: number; readonly memoryGiB: number; readonly storageGiB: number };

/** One server type as the catalogue offers it; `plan/` gets the catalogue as an argument and never looks it up. */
export type ServerTypeOffer = {
  readonly name: string;
  readonly vcpu: number;
  readonly memoryGiB: number;
  readonly diskGiB: number;
  readonly cpu: CpuKind;
  readonly architecture: "x86" | "arm";
  /** Locations in which it was ever sold. `orderable: false` means only existing servers have it there. */
  readonly locations: Readonly<Record<string, LocationOffer>>;
};

export type LocationOffer = {
  readonly orderable: boolean;
  /** Net EUR per month for a new order, as a decimal string: money is never a binary float. */
  readonly monthlyNet: string;
  /** Outgoing traffic included, in TB (2^40 bytes). */
  readonly includedTrafficTB: number;
};

export type Catalogue = { readonly date: string; readonly serverTypes: readonly ServerTypeOffer[] };

/** How a machine came to its server type, with the next best ones for reports. */
export type TypeChoice = {
  readonly how: "auto" | "explicit" | "adopted";
  readonly serverType: string;
  /** Other orderable types that satisfy the profile in the location, cheapest first. */
  readonly alternatives: readonly string[];
};

export type Machine = {
  /** `db-1`: role prefix and ordinal. Names are contract: adding or retiring a machine renames no other. */
  readonly name: string;
  /** Name of the server at Hetzner and its host name: `chitlaq-phase2-db-1`. */
  readonly hostname: string;
  readonly role: Role;
  readonly ordinal: number;
  readonly serverType: string;
  readonly vcpu: number;
  readonly memoryGiB: number;
  /** Disk of the machine itself: the type's, in phase 1 the kept one. */
  readonly diskGiB: number;
  readonly cpu: CpuKind;
  readonly profile: Profile;
  readonly typeChoice: TypeChoice;
  /** Day of the order that decides the price; null means today's price. */
  readonly orderedAt: string | null;
  /**
   * Keep the disk when the type changes, so that the way back stays open: phase 1's server, and databases, whose data lies on
   * a volume.
   */
  readonly keepDisk: boolean;
  /** Name of the subnet in {@link NetworkPlan}. */
  readonly subnet: string;
  readonly privateIp: string;
  /** Name of its entry in `primaryIps`; null for a machine without a public door. */
  readonly primaryIp: string | null;
  /** Name of its entry in `firewalls`; null without a public door: Hetzner's firewalls filter public traffic only. */
  readonly firewall: string | null;
  readonly placementGroup: string | null;
  readonly volumes: readonly string[];
  /** Hetzner's daily server backups. */
  readonly providerBackups: boolean;
  /** Holds data or an address that must survive: protected in Pulumi and at Hetzner. */
  readonly stateful: boolean;
  readonly labels: Labels;
};

export type Labels = Readonly<Record<string, string>>;

export type Subnet = {
  /** `edge`, `app`, `data`, `cache`. */
  readonly name: string;
  readonly ipRange: string;
};

export type NetworkPlan = {
  readonly name: string;
  /** Name at Hetzner, unique in a project that several stacks share: `chitlaq-phase2-private`. */
  readonly providerName: string;
  readonly ipRange: string;
  readonly networkZone: string;
  /** First address of the range: Hetzner's router. */
  readonly gateway: string;
  readonly subnets: readonly Subnet[];
  /** `0.0.0.0/0` through the machine that does NAT; empty in phase 1. */
  readonly routes: readonly {
    readonly name: string;
    readonly destination: string;
    readonly machine: string;
    readonly gateway: string;
  }[];
  readonly labels: Labels;
};

/** Where traffic may come from. `machines` are named by role. */
export type Peer =
  | { readonly kind: "internet" }
  | { readonly kind: "cloudflare" }
  | { readonly kind: "admin" }
  | { readonly kind: "role"; readonly role: Role };

/**
 * One permitted direction of traffic. Firewalls at Hetzner, host filters on the machines and the reachability matrix of
 * the tests all derive from this list; what is not in it is closed.
 */
export type Flow = {
  readonly from: Peer;
  readonly to: Role;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** `443`, or `30000-32767`; null for icmp. */
  readonly port: string | null;
  /** Only these machines of the role `to`; left out: all of them. */
  readonly toMachines?: readonly string[];
  readonly why: string;
};

export type FirewallRulePlan = {
  readonly description: string;
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly port: string | null;
  readonly sourceIps: readonly string[];
};

/** A Hetzner firewall: inbound rules only, so everything outgoing is allowed and everything else incoming is dropped. */
export type FirewallPlan = {
  readonly name: string;
  /** Name at Hetzner. */
  readonly providerName: string;
  readonly role: Role;
  readonly rules: readonly FirewallRulePlan[];
  readonly labels: Labels;
};

/** A spread group: Hetzner keeps its machines (10 at most) on different hosts. `edge`, `app`, `k3s`, `data`. */
export type PlacementGroupPlan = {
  readonly name: string;
  /** Name at Hetzner. */
  readonly providerName: string;
  readonly machines: readonly string[];
  readonly labels: Labels;
};

export type PrimaryIpPlan = {
  readonly name: string;
  /** Name at Hetzner. */
  readonly providerName: string;
  readonly machine: string;
  readonly type: "ipv4";
  readonly labels: Labels;
};

export type VolumePlan = {
  readonly name: string;
  /** Name at Hetzner. */
  readonly providerName: string;
  readonly machine: string;
  readonly sizeGiB: number;
  readonly format: "ext4";
  /** Where the machine mounts it. */
  readonly mount: string;
  readonly labels: Labels;
};

export type SshKeyPlan = {
  readonly name: string;
  /** Name at Hetzner. */
  readonly providerName: string;
  readonly publicKey: string;
  readonly labels: Labels;
};

// ---- Edge ------------------------------------------------------------------------------------------------------------

export type DnsRecordPlan = {
  /** `chitlaq.com-lb-1`: resource name. */
  readonly name: string;
  /** Fully qualified: the provider has a history of drift with short names. */
  readonly fqdn: string;
  readonly type: "A";
  /** Name of the primary IP the record points at. */
  readonly primaryIp: string;
  readonly proxied: true;
};

export type EdgeRule = {
  /** Stable reference of the rule; Cloudflare keeps its id across updates by it. */
  readonly ref: string;
  readonly description: string;
  readonly expression: string;
};

export type CacheRulePlan = EdgeRule & {
  readonly cache: boolean;
  /** Null respects the origin's Cache-Control. Free plans allow no less than 7,200 s, Pro 3,600 s. */
  readonly edgeTtlSeconds: number | null;
  readonly browserTtlSeconds: number | null;
};

export type RateLimitRulePlan = EdgeRule & {
  readonly characteristics: readonly string[];
  readonly periodSeconds: number;
  readonly requestsPerPeriod: number;
  readonly mitigationTimeoutSeconds: number;
};

export type WafRulePlan = EdgeRule & { readonly action: "block" | "managed_challenge" };

export type EdgePlan = {
  readonly zone: string;
  readonly plan: "free" | "pro" | "business";
  readonly records: readonly DnsRecordPlan[];
  /** Zone settings by id, in Cloudflare's own words: `ssl: strict`. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly cacheRules: readonly CacheRulePlan[];
  readonly rateLimits: readonly RateLimitRulePlan[];
  readonly wafRules: readonly WafRulePlan[];
  /** Smart tiered caching, on every plan. */
  readonly tieredCache: boolean;
  /** The edge proves itself to the origin with a client certificate. */
  readonly authenticatedOriginPulls: boolean;
  /** Cloudflare's address ranges the origin firewall lets in, and the day they were read. */
  readonly originRanges: { readonly date: string; readonly ranges: readonly string[] };
};

// ---- Services on the machines ---------------------------------------------------------------------------------------

/** PostgreSQL settings of one machine. Memory in MiB. */
export type PostgresTuning = {
  readonly sharedBuffersMiB: number;
  readonly effectiveCacheSizeMiB: number;
  readonly maintenanceWorkMemMiB: number;
  readonly workMemMiB: number;
  readonly walBuffersMiB: number;
  readonly minWalSizeMiB: number;
  readonly maxWalSizeMiB: number;
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxParallelWorkersPerGather: number;
  readonly hugePages: "try" | "off";
};

export type EtcdMember = { readonly machine: string; readonly ip: string };

export type DatabaseService = {
  /** Machines that run PostgreSQL, in order; the first is the primary of a new cluster. */
  readonly members: readonly { readonly machine: string; readonly ip: string; readonly tuning: PostgresTuning }[];
  readonly version: 17;
  readonly port: 5432;
  readonly pgbouncer: {
    readonly port: 6432;
    /** Client connections PgBouncer accepts: the phase's limit. */
    readonly maxClientConnections: number;
    /** Server connections per database and user. */
    readonly poolSize: number;
  };
  /** Null in phase 1: one server has nothing to fail over to. */
  readonly patroni: {
    readonly scope: string;
    readonly restPort: 8008;
    readonly ttlSeconds: number;
    readonly loopWaitSeconds: number;
    readonly retryTimeoutSeconds: number;
    /** A commit waits for a standby while there is one. */
    readonly synchronous: boolean;
    readonly etcd: { readonly clientPort: 2379; readonly peerPort: 2380; readonly members: readonly EtcdMember[] };
  } | null;
  readonly archiveTimeoutSeconds: number;
  readonly dataMount: string;
  /** Private addresses that may log in as the application. */
  readonly clientRanges: readonly string[];
};

export type RedisService = {
  readonly members: readonly { readonly machine: string; readonly ip: string; readonly maxmemoryMiB: number }[];
  readonly port: 6379;
  readonly maxmemoryPolicy: "noeviction";
  /** Null without a replica. */
  readonly sentinel: {
    readonly port: 26379;
    readonly masterName: string;
    readonly quorum: 2;
    readonly downAfterMs: number;
    readonly failoverTimeoutMs: number;
    readonly members: readonly { readonly machine: string; readonly ip: string }[];
  } | null;
};

export type LoadBalancerService = {
  readonly machines: readonly string[];
  readonly upstreams: readonly { readonly machine: string; readonly ip: string; readonly port: number }[];
  readonly serverNames: readonly string[];
  /** nginx limits behind the edge's own two rules. */
  readonly limits: {
    readonly requestsPerSecondPerClient: number;
    readonly burst: number;
    /** Requests under way; WebSockets have a limit of their own. */
    readonly connectionsPerClient: number;
    readonly webSocketsPerClient: number;
  };
  readonly workerConnections: number;
};

export type AppService = {
  readonly port: 8080;
  readonly release: { readonly url: string; readonly sha256: string; readonly version: string } | null;
  readonly memoryMaxMiB: number | null;
};

export type K3sService = {
  readonly version: string;
  readonly servers: readonly { readonly machine: string; readonly ip: string }[];
  readonly agents: readonly { readonly machine: string; readonly ip: string }[];
  /** The server that starts the cluster; the others join through it. */
  readonly firstServer: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly ingressNodePort: number;
  /** `schedule` is a cron line, as k3s takes it. */
  readonly etcdSnapshot: { readonly schedule: string; readonly retention: number };
  /** The six services of the capacity plan. */
  readonly services: readonly string[];
};

export type BackupService = {
  readonly bucket: string;
  /** Host name without a scheme: `fsn1.your-objectstorage.com`. */
  readonly endpoint: string;
  readonly region: string;
  readonly retentionDays: number;
  /** When, in systemd's OnCalendar words: `Sun *-*-* 02:00:00 UTC`. */
  readonly fullSchedule: string;
  readonly differentialSchedule: string;
};

export type Services = {
  readonly database: DatabaseService;
  readonly redis: RedisService;
  readonly loadBalancer: LoadBalancerService;
  /** Null in phase 3: the services run in k3s. */
  readonly app: AppService | null;
  readonly k3s: K3sService | null;
  readonly backup: BackupService;
  /** Memory each service of a shared machine may use, in MiB; null where a service has the machine for itself. */
  readonly memoryBudgetMiB: Readonly<Record<string, number>> | null;
  /** Resolvers of machines that reach the internet through the gateway. */
  readonly nameservers: readonly string[];
  /** Machines that can do NAT and are SSH jump hosts; the network's route names the active one. Empty in phase 1. */
  readonly natGateways: readonly string[];
};

// ---- The capacity plan's numbers --------------------------------------------------------------------------------------

export type Range = { readonly from: number; readonly to: number | null };

/** Limits of a phase as the capacity plan states them. */
export type Limits = {
  readonly users: Range;
  readonly concurrentUsers: Range;
  readonly requestsPerSecond: number;
  readonly databaseConnections: number;
  readonly webSocketConnections: number;
};

export type Budget = {
  /** USD per month, the capacity plan's figure; a range in phase 1. */
  readonly planUsd: Range;
  /** The figure reports measure against. */
  readonly usd: number;
  /** Cost per user the plan promises, in USD, and the number of users it promises it for. */
  readonly costPerUserUsd: { readonly from: number; readonly to: number; readonly atUsers: number };
};

export type Trigger = {
  readonly metric: string;
  readonly threshold: number;
  readonly unit: string;
  readonly forMinutes: number | null;
};

export type Slo = {
  readonly availabilityPercent: number;
  readonly p95Ms: number;
  readonly rtoHours: number;
  readonly rpoHours: number;
};

export type Usage = {
  readonly expectedUsers: number;
  /** Outgoing gigabytes (10^9 bytes) per month at the origin, after what the edge answers. */
  readonly originEgressGB: number;
  readonly databaseGB: number;
  readonly imageGB: number;
  /** Compressed, encrypted, as kept for the whole retention. */
  readonly backupGB: number;
};

export type Plan = {
  readonly project: "chitlaq";
  readonly stack: string;
  readonly phase: Phase;
  readonly location: string;
  readonly image: string;
  readonly labels: Labels;
  readonly catalogueDate: string;
  readonly network: NetworkPlan;
  readonly sshKeys: readonly SshKeyPlan[];
  readonly adminRanges: readonly string[];
  readonly flows: readonly Flow[];
  readonly firewalls: readonly FirewallPlan[];
  readonly placementGroups: readonly PlacementGroupPlan[];
  readonly primaryIps: readonly PrimaryIpPlan[];
  readonly volumes: readonly VolumePlan[];
  readonly machines: readonly Machine[];
  /** Names of all machines in the order in which a change reaches them: standby before primary, gateways last. */
  readonly rollout: readonly string[];
  readonly edge: EdgePlan;
  readonly services: Services;
  /** The phase's limits by the capacity plan. */
  readonly limits: Limits;
  /** What these machines carry by the capacity plan: in phase 1 the baseline's limits until the server is upgraded. */
  readonly currentLimits: Limits;
  readonly budget: Budget;
  readonly triggers: readonly Trigger[];
  readonly slo: Slo;
  readonly usage: Usage;
  readonly billing: { readonly vatPercent: number };
  /** What holds data or an address is protected in Pulumi and at Hetzner; false only on the way to taking a stack down. */
  readonly protection: boolean;
  /** Things a reader should know and that stop nothing, e.g. that the capacity plan's CPX21 does not exist. */
  readonly notes: readonly string[];
};
