import type { Lease } from "./config.ts";

/** What a client asks (RFC 2131): the fields an answer has to repeat. */
export type Request = {
  readonly kind: "discover" | "request";
  readonly transaction: Buffer;
  readonly flags: Buffer;
  readonly mac: string;
  /** Address the client uses already (renewal), or 0.0.0.0. */
  readonly clientAddress: string;
  /** Address it asks for (option 50), or null. */
  readonly wanted: string | null;
};

const magicCookie = Buffer.from([99, 130, 83, 99]);
const headerLength = 236;
const option = {
  mask: 1,
  router: 3,
  dns: 6,
  mtu: 26,
  wanted: 50,
  leaseTime: 51,
  kind: 53,
  serverId: 54,
  routes: 121,
  end: 255,
};
const messageKind = { offer: 2, ack: 5, nak: 6 };
/** One day, as Hetzner's servers give. */
const leaseSeconds = 86_400;

const bytesOf = (address: string): number[] => address.split(".").map(Number);
const addressAt = (packet: Buffer, offset: number): string => [...packet.subarray(offset, offset + 4)].join(".");

const readOptions = (packet: Buffer): ReadonlyMap<number, Buffer> => {
  const options = new Map<number, Buffer>();
  let at = headerLength + magicCookie.length;
  while (at + 1 < packet.length) {
    const code = packet.readUInt8(at);
    if (code === option.end) break;
    if (code === 0) {
      at += 1;
      continue;
    }
    const length = packet.readUInt8(at + 1);
    options.set(code, packet.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
};

/** The client's question, or null for what is not a DISCOVER or REQUEST of an Ethernet client. */
export const parseRequest = (packet: Buffer): Request | null => {
  if (packet.length < headerLength + magicCookie.length) return null;
  const isEthernetQuestion = packet[0] === 1 && packet[1] === 1 && packet[2] === 6;
  if (!isEthernetQuestion || !packet.subarray(headerLength, headerLength + 4).equals(magicCookie)) return null;
  const options = readOptions(packet);
  const kind = options.get(option.kind)?.[0];
  if (kind !== 1 && kind !== 3) return null;
  const wanted = options.get(option.wanted);
  return {
    kind: kind === 1 ? "discover" : "request",
    transaction: packet.subarray(4, 8),
    flags: packet.subarray(10, 12),
    mac: [...packet.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    clientAddress: addressAt(packet, 12),
    wanted: wanted?.length === 4 ? addressAt(wanted, 0) : null,
  };
};

/** RFC 3442: prefix length, the significant bytes of the destination, gateway. */
const encodeRoutes = (routes: Lease["routes"]): number[] =>
  routes.flatMap(({ destination, gateway }) => {
    const [network = "0.0.0.0", length = "32"] = destination.split("/");
    return [Number(length), ...bytesOf(network).slice(0, Math.ceil(Number(length) / 8)), ...bytesOf(gateway)];
  });

const uint32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

const encodeOptions = (options: readonly (readonly [number, readonly number[]])[]): Buffer =>
  Buffer.from([...options.flatMap(([code, bytes]) => [code, bytes.length, ...bytes]), option.end]);

/** The answer: OFFER, ACK, or NAK when the client insists on an address that is not its own. */
export const answer = (request: Request, lease: Lease): Buffer => {
  const insists = request.wanted ?? (request.clientAddress === "0.0.0.0" ? null : request.clientAddress);
  const refused = request.kind === "request" && insists !== null && insists !== lease.address;
  const kind = refused ? messageKind.nak : request.kind === "discover" ? messageKind.offer : messageKind.ack;
  const header = Buffer.alloc(headerLength);
  header.set([2, 1, 6, 0], 0);
  header.set(request.transaction, 4);
  header.set(request.flags, 10);
  if (!refused) {
    header.set(bytesOf(request.clientAddress), 12);
    header.set(bytesOf(lease.address), 16);
  }
  header.set(bytesOf(lease.gateway), 20);
  header.set(
    request.mac.split(":").map((byte) => Number.parseInt(byte, 16)),
    28,
  );
  const identification: (readonly [number, readonly number[]])[] = [
    [option.kind, [kind]],
    [option.serverId, bytesOf(lease.gateway)],
  ];
  if (refused) return Buffer.concat([header, magicCookie, encodeOptions(identification)]);
  const options: (readonly [number, readonly number[]])[] = [
    ...identification,
    [option.leaseTime, uint32(leaseSeconds)],
    [option.mask, [255, 255, 255, 255]],
    ...(lease.defaultRoute ? [[option.router, bytesOf(lease.gateway)] as const] : []),
    ...(lease.dns.length > 0 ? [[option.dns, lease.dns.flatMap(bytesOf)] as const] : []),
    ...(lease.mtu === null ? [] : [[option.mtu, uint32(lease.mtu).slice(2)] as const]),
    [option.routes, encodeRoutes(lease.routes)],
  ];
  return Buffer.concat([header, magicCookie, encodeOptions(options)]);
};
