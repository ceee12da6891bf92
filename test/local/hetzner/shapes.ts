/** The parts of the API's answers the tests look at. Every key an answer may have is here; the cast happens once. */

export type Ref = { readonly id: number; readonly type: string };
export type Action = {
  readonly id: number;
  readonly command: string;
  readonly status: "running" | "success" | "error";
  readonly progress: number;
  readonly started: string;
  readonly finished: string | null;
  readonly resources: readonly Ref[];
  readonly error: { readonly code: string; readonly message: string } | null;
};
type Named = {
  readonly id: number;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly created: string;
};
type Located = { readonly location: { readonly name: string; readonly network_zone: string } };
type Protected = { readonly protection: { readonly delete: boolean; readonly rebuild?: boolean } };
type Pointer = { readonly ip: string; readonly dns_ptr: string };
type Price = { readonly net: string; readonly gross: string };

export type ServerType = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly prices: readonly {
    readonly location: string;
    readonly price_hourly: Price;
    readonly price_monthly: Price;
    readonly included_traffic: number;
    readonly price_per_tb_traffic: Price;
  }[];
  readonly locations: readonly {
    readonly name: string;
    readonly available: boolean;
    readonly deprecation: { readonly announced: string; readonly unavailable_after: string } | null;
  }[];
};

export type Image = Named &
  Protected & {
    readonly type: string;
    readonly status: string;
    readonly description: string;
    readonly architecture: string;
    readonly bound_to: number | null;
    readonly image_size: number | null;
    readonly disk_size: number;
  };

export type Server = Named &
  Located &
  Protected & {
    readonly status: string;
    readonly locked: boolean;
    readonly server_type: ServerType;
    readonly image: Image | null;
    readonly iso: { readonly name: string } | null;
    readonly rescue_enabled: boolean;
    readonly backup_window: string | null;
    readonly primary_disk_size: number;
    readonly included_traffic: number;
    readonly volumes: readonly number[];
    readonly load_balancers: readonly number[];
    readonly placement_group: { readonly id: number } | null;
    readonly private_net: readonly {
      readonly network: number;
      readonly ip: string;
      readonly alias_ips: readonly string[];
      readonly mac_address: string;
    }[];
    readonly public_net: {
      readonly ipv4: { readonly id: number; readonly ip: string; readonly dns_ptr: string } | null;
      readonly ipv6: { readonly id: number; readonly ip: string; readonly dns_ptr: readonly Pointer[] } | null;
      readonly floating_ips: readonly number[];
      readonly firewalls: readonly { readonly id: number; readonly status: string }[];
    };
  };

export type Network = Named &
  Protected & {
    readonly ip_range: string;
    readonly subnets: readonly { readonly ip_range: string; readonly gateway: string; readonly network_zone: string }[];
    readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
    readonly servers: readonly number[];
    readonly load_balancers: readonly number[];
  };

export type FirewallTarget = {
  readonly type: string;
  readonly server?: { readonly id: number };
  readonly label_selector?: { readonly selector: string };
  readonly applied_to_resources?: readonly FirewallTarget[];
};
export type Firewall = Named & {
  readonly rules: readonly Record<string, unknown>[];
  readonly applied_to: readonly FirewallTarget[];
};
export type PlacementGroup = Named & { readonly type: string; readonly servers: readonly number[] };
export type PrimaryIp = Named &
  Located &
  Protected & {
    readonly ip: string;
    readonly type: string;
    readonly assignee_id: number | null;
    readonly assignee_type: string;
    readonly auto_delete: boolean;
    readonly dns_ptr: readonly Pointer[];
  };
export type FloatingIp = Named &
  Protected & {
    readonly ip: string;
    readonly server: number | null;
    readonly description: string;
    readonly home_location: { readonly name: string };
    readonly dns_ptr: readonly Pointer[];
  };
export type Volume = Named &
  Located &
  Protected & {
    readonly size: number;
    readonly server: number | null;
    readonly status: string;
    readonly format: string | null;
    readonly linux_device: string;
  };
export type Health = readonly { readonly listen_port: number; readonly status: string }[];
export type Target = {
  readonly type: string;
  readonly use_private_ip: boolean;
  readonly health_status: Health;
  readonly targets: readonly Target[];
  readonly server: { readonly id: number };
};
export type LoadBalancer = Named &
  Located &
  Protected & {
    readonly public_net: { readonly enabled: boolean; readonly ipv4: Pointer; readonly ipv6: Pointer };
    readonly private_net: readonly { readonly network: number; readonly ip: string }[];
    readonly services: readonly {
      readonly listen_port: number;
      readonly destination_port: number;
      readonly protocol: string;
      readonly http: Record<string, unknown> | null;
      readonly health_check: Record<string, unknown>;
    }[];
    readonly targets: readonly Target[];
    readonly algorithm: { readonly type: string };
    readonly load_balancer_type: { readonly name: string };
  };
export type Certificate = Named & {
  readonly type: string;
  readonly certificate: string | null;
  readonly domain_names: readonly string[];
  readonly fingerprint: string | null;
  readonly not_valid_after: string | null;
  readonly status: { readonly issuance: string; readonly error: { readonly code: string } | null } | null;
  readonly used_by: readonly Ref[];
};
export type SshKey = Named & { readonly fingerprint: string; readonly public_key: string };
export type Pagination = {
  readonly page: number;
  readonly per_page: number;
  readonly previous_page: number | null;
  readonly next_page: number | null;
  readonly last_page: number;
  readonly total_entries: number;
};
export type ApiFault = {
  readonly code: string;
  readonly message: string;
  readonly details: {
    readonly fields: readonly { readonly name: string; readonly messages?: readonly string[] }[];
    readonly limits: readonly { readonly name: string }[];
    readonly announcement: string;
  };
};
type PricesByLocation = readonly { readonly location: string; readonly price_monthly: Price }[];

export type Body = {
  readonly action: Action;
  readonly actions: readonly Action[];
  readonly next_actions: readonly Action[];
  readonly error: ApiFault;
  readonly meta: { readonly pagination: Pagination };
  readonly root_password: string | null;
  readonly wss_url: string;
  readonly server: Server;
  readonly servers: readonly Server[];
  readonly network: Network;
  readonly networks: readonly Network[];
  readonly members: readonly {
    readonly id: number;
    readonly type: string;
    readonly subnet: string;
    readonly status: string;
  }[];
  readonly firewall: Firewall;
  readonly firewalls: readonly Firewall[];
  readonly placement_group: PlacementGroup;
  readonly primary_ip: PrimaryIp;
  readonly primary_ips: readonly PrimaryIp[];
  readonly floating_ip: FloatingIp;
  readonly floating_ips: readonly FloatingIp[];
  readonly volume: Volume;
  readonly volumes: readonly Volume[];
  readonly image: Image;
  readonly images: readonly Image[];
  readonly isos: readonly { readonly id: number; readonly name: string; readonly architecture: string }[];
  readonly load_balancer: LoadBalancer;
  readonly load_balancers: readonly LoadBalancer[];
  readonly load_balancer_types: readonly { readonly name: string; readonly max_targets: number }[];
  readonly certificate: Certificate;
  readonly ssh_key: SshKey;
  readonly ssh_keys: readonly SshKey[];
  readonly server_type: ServerType;
  readonly server_types: readonly ServerType[];
  readonly location: { readonly id: number; readonly name: string; readonly network_zone: string };
  readonly locations: readonly { readonly id: number; readonly name: string; readonly network_zone: string }[];
  readonly pricing: {
    readonly currency: string;
    readonly server_types: readonly ServerType[];
    readonly load_balancer_types: readonly { readonly name: string; readonly prices: PricesByLocation }[];
    readonly volume: { readonly price_per_gb_month: Price };
    readonly image: { readonly price_per_gb_month: Price };
    readonly server_backup: { readonly percentage: string };
    readonly primary_ips: readonly { readonly type: string; readonly prices: PricesByLocation }[];
  };
  // Of `/_local`.
  readonly fault: { readonly id: number };
  readonly unhandled: readonly {
    readonly kind: string;
    readonly field: string;
    readonly path: string;
    readonly count: number;
  }[];
  readonly count: number;
  readonly lines: readonly {
    readonly resource: string;
    readonly id: number;
    readonly product: string;
    readonly price_monthly: string;
    readonly price_hourly: string | null;
    readonly quantity: number;
    readonly to: string | null;
    readonly charges: readonly { readonly month: string; readonly hours: number; readonly net: string }[];
  }[];
  readonly net_total: string;
};
