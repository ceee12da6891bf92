/** What tests of servers start from: a cloud with a key and two networks, and the provider in front of it. */
import { type Answer, type LocalCloud, startCloud } from "../localCloud.ts";
import { hcloudProvider, type Provider, type Resource } from "../provider.ts";

export const SERVER = "hcloud:index/server:Server";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test";

/** The least a server is made of. */
export const base = { serverType: "cpx22", image: "debian-13", location: "fsn1" };

export type ServerStage = {
  readonly cloud: LocalCloud;
  readonly provider: Provider;
  /** 10.1.0.0/16 with the subnet 10.1.1.0/24. */
  readonly networkId: number;
  /** 10.2.0.0/16 with the subnet 10.2.1.0/24. */
  readonly otherNetworkId: number;
  /** The server as the API shows it. */
  live(server: Pick<Resource, "id">): Promise<Answer>;
  /** Calls of an operation on servers, without reads. */
  callsOf(operation: () => Promise<unknown>): Promise<readonly string[]>;
  close(): Promise<void>;
};

export const openServerStage = async (): Promise<ServerStage> => {
  const cloud = await startCloud();
  const provider = await hcloudProvider(cloud);
  const network = async (name: string, octet: number): Promise<number> => {
    const subnet = { type: "cloud", ip_range: `10.${octet}.1.0/24`, network_zone: "eu-central" };
    const body = { name, ip_range: `10.${octet}.0.0/16`, subnets: [subnet] };
    return (await cloud.hcloud("POST", "/networks", body)).network.id;
  };
  const networkId = await network("one", 1);
  const otherNetworkId = await network("two", 2);
  await cloud.hcloud("POST", "/ssh_keys", { name: "admin", public_key: KEY });
  return {
    cloud,
    provider,
    networkId,
    otherNetworkId,
    live: async ({ id }) => (await cloud.hcloud("GET", `/servers/${id}`)).server,
    callsOf: async (operation) => {
      const before = cloud.requests().length;
      await operation();
      return cloud
        .requests()
        .slice(before)
        .filter((line) => !line.startsWith("GET"))
        .map((line) => line.replace(/\/\d+/g, ""));
    },
    close: async () => {
      await provider.close();
      await cloud.close();
    },
  };
};
