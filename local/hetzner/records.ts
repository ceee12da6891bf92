/** What the emulator stores, one type per collection. The API's JSON is made from these by each resource's `view`. */

export type Labels = Readonly<Record<string, string>>;
export type DeleteProtection = { readonly delete: boolean };
export type ResourceRef = { readonly id: number; readonly type: string };

/** Common to everything that has a name and labels in a project. */
export type Named = { readonly id: number; readonly name: string; readonly labels: Labels; readonly created: string };

export type ServerStatus =
  | "initializing"
  | "starting"
  | "running"
  | "stopping"
  | "off"
  | "deleting"
  | "migrating"
  | "rebuilding"
  | "unknown";

export type PrivateNet = {
  readonly network: number;
  readonly ip: string;
  readonly aliasIps: readonly string[];
  readonly macAddress: string;
  readonly status: "attaching" | "ok" | "detaching" | "updating";
};

export type ServerRecord = Named & {
  readonly status: ServerStatus;
  readonly location: string;
  readonly serverType: number;
  /** Null once the image is deleted. */
  readonly image: number | null;
  readonly primaryDiskSize: number;
  readonly userData: string;
  readonly sshKeys: readonly string[];
  readonly rootPassword: string | null;
  readonly protection: { readonly delete: boolean; readonly rebuild: boolean };
  readonly backupWindow: string | null;
  readonly rescueEnabled: boolean;
  readonly iso: number | null;
  readonly placementGroup: number | null;
  readonly primaryIpv4: number | null;
  readonly primaryIpv6: number | null;
  readonly publicMacAddress: string;
  readonly privateNets: readonly PrivateNet[];
};

export type SshKeyRecord = Named & { readonly fingerprint: string; readonly publicKey: string };

export type Subnet = {
  readonly type: "cloud" | "server" | "vswitch";
  readonly ipRange: string;
  readonly networkZone: string;
  readonly vswitchId: number | null;
};
export type Route = { readonly destination: string; readonly gateway: string };

export type NetworkRecord = Named & {
  readonly ipRange: string;
  readonly subnets: readonly Subnet[];
  readonly routes: readonly Route[];
  readonly protection: DeleteProtection;
  readonly exposeRoutesToVswitch: boolean;
};

export type FirewallRuleRecord = {
  readonly direction: "in" | "out";
  readonly protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  readonly port: string | null;
  readonly source_ips: readonly string[];
  readonly destination_ips: readonly string[];
  readonly description: string | null;
};

export type FirewallTarget =
  | { readonly type: "server"; readonly server: number; readonly status: "pending" | "applied" }
  | {
      readonly type: "label_selector";
      readonly selector: string;
      /** Servers the last evaluation found. */
      readonly servers: readonly number[];
      readonly status: "pending" | "applied";
    };

export type FirewallRecord = Named & {
  readonly rules: readonly FirewallRuleRecord[];
  readonly appliedTo: readonly FirewallTarget[];
};

export type PlacementGroupRecord = Named & { readonly type: "spread" };

/** Reverse DNS entries by address; an address without one shows the provider's default. */
export type DnsPointers = Readonly<Record<string, string>>;

export type PrimaryIpRecord = Named & {
  readonly type: "ipv4" | "ipv6";
  readonly ip: string;
  readonly location: string;
  readonly assignee: number | null;
  readonly autoDelete: boolean;
  readonly protection: DeleteProtection;
  readonly dnsPtr: DnsPointers;
};

export type FloatingIpRecord = Named & {
  readonly type: "ipv4" | "ipv6";
  readonly ip: string;
  readonly description: string;
  readonly homeLocation: string;
  readonly server: number | null;
  readonly protection: DeleteProtection;
  readonly dnsPtr: DnsPointers;
};

export type VolumeRecord = Named & {
  readonly size: number;
  readonly location: string;
  readonly server: number | null;
  readonly format: "ext4" | "xfs" | null;
  readonly status: "creating" | "available";
  readonly protection: DeleteProtection;
};

export type ImageRecord = {
  readonly id: number;
  readonly type: "snapshot" | "backup";
  readonly status: "creating" | "available";
  readonly description: string;
  readonly labels: Labels;
  readonly created: string;
  readonly createdFrom: { readonly id: number; readonly name: string };
  /** A backup lives and dies with its server. */
  readonly boundTo: number | null;
  readonly imageSize: number | null;
  readonly diskSize: number;
  readonly osFlavor: string;
  readonly osVersion: string | null;
  readonly architecture: "x86" | "arm";
  readonly protection: DeleteProtection;
};

export type HealthCheck = {
  readonly protocol: "tcp" | "http" | "https";
  readonly port: number;
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly http: {
    readonly domain: string;
    readonly path: string;
    readonly response: string;
    readonly status_codes: readonly string[];
    readonly tls: boolean;
  } | null;
};

export type ServiceHttp = {
  readonly cookie_name: string;
  readonly cookie_lifetime: number;
  readonly certificates: readonly number[];
  readonly redirect_http: boolean;
  readonly sticky_sessions: boolean;
  readonly timeout_idle: number;
};

export type LoadBalancerServiceRecord = {
  readonly protocol: "tcp" | "http" | "https";
  readonly listen_port: number;
  readonly destination_port: number;
  readonly proxyprotocol: boolean;
  readonly http: ServiceHttp | null;
  readonly health_check: HealthCheck;
};

export type LoadBalancerTargetRecord =
  | { readonly type: "server"; readonly server: number; readonly usePrivateIp: boolean; readonly since: number }
  | {
      readonly type: "label_selector";
      readonly selector: string;
      readonly usePrivateIp: boolean;
      readonly since: number;
    }
  | { readonly type: "ip"; readonly ip: string; readonly usePrivateIp: false; readonly since: number };

export type LoadBalancerRecord = Named & {
  readonly location: string;
  readonly loadBalancerType: number;
  readonly algorithm: "round_robin" | "least_connections";
  readonly publicEnabled: boolean;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly dnsPtr: DnsPointers;
  readonly privateNets: readonly { readonly network: number; readonly ip: string }[];
  readonly services: readonly LoadBalancerServiceRecord[];
  readonly targets: readonly LoadBalancerTargetRecord[];
  readonly protection: DeleteProtection;
};

export type CertificateRecord = Named & {
  readonly type: "uploaded" | "managed";
  readonly certificate: string | null;
  readonly notValidBefore: string | null;
  readonly notValidAfter: string | null;
  readonly domainNames: readonly string[];
  readonly fingerprint: string | null;
  readonly status: {
    readonly issuance: "pending" | "completed" | "failed";
    readonly renewal: "scheduled" | "pending" | "failed" | "unavailable";
    readonly error: { readonly code: string; readonly message: string } | null;
  } | null;
};
