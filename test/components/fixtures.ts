import type { Machine, NetworkPlan, PrimaryIpPlan, VolumePlan } from "../../plan/types.ts";
import type { Capture, Captured } from "../support/capture.ts";

/** Small, made-up pieces of a plan for tests of one component. What real plans hold is tested in `test/stacks`. */

export const labels = { project: "chitlaq", stack: "test", phase: "2" } as const;

export const networkPlan: NetworkPlan = {
  name: "private",
  providerName: "chitlaq-test-private",
  ipRange: "10.0.0.0/16",
  networkZone: "us-east",
  gateway: "10.0.0.1",
  subnets: [
    { name: "edge", ipRange: "10.0.1.0/24" },
    { name: "data", ipRange: "10.0.3.0/24" },
  ],
  routes: [{ name: "egress", destination: "0.0.0.0/0", machine: "lb-1", gateway: "10.0.1.11" }],
  labels,
};

const anyMachine = {
  ordinal: 1,
  serverType: "ccx13",
  vcpu: 2,
  memoryGiB: 8,
  diskGiB: 80,
  cpu: "dedicated",
  profile: { vcpu: 2, memoryGiB: 8, storageGiB: 80 },
  typeChoice: { how: "explicit", serverType: "ccx13", alternatives: [] },
  orderedAt: null,
  keepDisk: false,
  providerBackups: false,
  placementGroup: null,
} as const satisfies Partial<Machine>;

export const privateMachine: Machine = {
  ...anyMachine,
  name: "db-1",
  hostname: "chitlaq-test-db-1",
  role: "database",
  subnet: "data",
  privateIp: "10.0.3.11",
  primaryIp: null,
  firewall: null,
  placementGroup: "data",
  volumes: ["db-1-data"],
  providerBackups: true,
  stateful: true,
  labels: { ...labels, role: "database" },
};

export const publicMachine: Machine = {
  ...anyMachine,
  name: "lb-1",
  hostname: "chitlaq-test-lb-1",
  role: "load-balancer",
  subnet: "edge",
  privateIp: "10.0.1.11",
  primaryIp: "lb-1-ipv4",
  firewall: "load-balancer",
  volumes: [],
  stateful: false,
  labels: { ...labels, role: "load-balancer" },
};

export const primaryIp: PrimaryIpPlan = {
  name: "lb-1-ipv4",
  providerName: "chitlaq-test-lb-1-ipv4",
  machine: "lb-1",
  type: "ipv4",
  labels,
};

export const volume: VolumePlan = {
  name: "db-1-data",
  providerName: "chitlaq-test-db-1-data",
  machine: "db-1",
  sizeGiB: 100,
  format: "ext4",
  mount: "/var/lib/postgresql",
  labels,
};

/** The one resource of this name; fails when it is missing. */
export const resource = (capture: Capture, name: string, type?: string): Captured => {
  const found = capture.resources.filter((entry) => entry.name === name && (type === undefined || entry.type === type));
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(`${found.length} resources called ${name}: ${capture.resources.map((r) => r.name).join(", ")}`);
  }
  return only;
};
