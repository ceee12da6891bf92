import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cloudConfig, type Identity, type Lease } from "../../../local/machines/agents/config.ts";
import { answer, parseRequest, type Request } from "../../../local/machines/agents/dhcp.ts";
import { topologyOf } from "./support.ts";

const identity: Identity = { id: 1, name: "s", location: "ash", userData: "", sshKeys: [], rootPassword: null };
const leaseOf = (kind: "public" | "private", host: Parameters<typeof topologyOf>[0][number]): Lease => {
  const { leases } = cloudConfig(topologyOf([host]), new Map([[1, identity]]));
  const found = leases.find(({ defaultRoute }) => defaultRoute === (kind === "public"));
  assert.ok(found);
  return found;
};
const both = { id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1" };

/** A client's packet, put together by RFC 2131 and not by the code under test. */
const packet = (kind: number, fields: { readonly wanted?: string; readonly client?: string } = {}): Buffer => {
  const header = Buffer.alloc(236);
  header.set([1, 1, 6, 0, 1, 2, 3, 4], 0);
  header.set((fields.client ?? "0.0.0.0").split(".").map(Number), 12);
  header.set([0x96, 0, 0, 0, 1, 1], 28);
  const wanted = fields.wanted === undefined ? [] : [50, 4, ...fields.wanted.split(".").map(Number)];
  return Buffer.concat([header, Buffer.from([99, 130, 83, 99, 0, 53, 1, kind, ...wanted, 255])]);
};

const requestOf = (bytes: Buffer): Request => {
  const request = parseRequest(bytes);
  assert.ok(request);
  return request;
};

const optionsOf = (bytes: Buffer): Map<number, number[]> => {
  const options = new Map<number, number[]>();
  for (let at = 240; bytes[at] !== 255; at += 2 + (bytes[at + 1] ?? 0)) {
    options.set(bytes[at] ?? 0, [...bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0))]);
  }
  return options;
};

test("a public interface gets its address, the router on its link, a default route and Hetzner's resolvers", () => {
  const offer = answer(requestOf(packet(1)), leaseOf("public", both));
  assert.deepEqual([...offer.subarray(0, 8)], [2, 1, 6, 0, 1, 2, 3, 4]);
  assert.equal([...offer.subarray(16, 20)].join("."), "5.75.1.1");
  const options = optionsOf(offer);
  assert.deepEqual(options.get(53), [2]);
  assert.deepEqual(options.get(1), [255, 255, 255, 255]);
  assert.deepEqual(options.get(3), [172, 31, 1, 1]);
  assert.deepEqual(options.get(6), [185, 12, 64, 2, 185, 12, 64, 1]);
  assert.deepEqual(options.get(51), [0, 1, 81, 128]);
  assert.deepEqual(options.get(121), [32, 172, 31, 1, 1, 0, 0, 0, 0, 0, 172, 31, 1, 1]);
});

test("a private interface gets the way to its network, and no default route or resolver", () => {
  const options = optionsOf(answer(requestOf(packet(1)), leaseOf("private", both)));
  assert.equal(options.has(3), false);
  assert.equal(options.has(6), false);
  assert.deepEqual(options.get(26), [5, 170], "1450");
  assert.deepEqual(options.get(121), [32, 10, 0, 0, 1, 0, 0, 0, 0, 16, 10, 0, 10, 0, 0, 1]);
});

test("a server without a public interface is told to ask for metadata the private way", () => {
  const options = optionsOf(answer(requestOf(packet(1)), leaseOf("private", { id: 1, privateIp: "10.0.1.1" })));
  assert.deepEqual(options.get(121)?.slice(-9), [32, 169, 254, 169, 254, 10, 0, 0, 1]);
});

test("a request is acknowledged, one for a foreign address refused", () => {
  const lease = leaseOf("public", both);
  const kindOf = (bytes: Buffer) => optionsOf(answer(requestOf(bytes), lease)).get(53)?.[0];
  assert.equal(kindOf(packet(3, { wanted: "5.75.1.1" })), 5);
  assert.equal(kindOf(packet(3, { client: "5.75.1.1" })), 5, "a renewal");
  assert.equal(kindOf(packet(3, { wanted: "5.75.1.2" })), 6);
  assert.equal(kindOf(packet(3, { client: "10.9.9.9" })), 6);
  assert.equal([...answer(requestOf(packet(3, { wanted: "5.75.1.2" })), lease).subarray(16, 20)].join("."), "0.0.0.0");
});

test("whatever is no question of a client is passed over", () => {
  assert.equal(parseRequest(packet(4)), null, "a DECLINE");
  assert.equal(parseRequest(answer(requestOf(packet(1)), leaseOf("public", both))), null, "an answer");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), (bytes, cutAt) => {
      parseRequest(Buffer.from(bytes));
      const request = parseRequest(packet(3, { wanted: "5.75.1.1" }).subarray(0, cutAt));
      assert.ok(request === null || request.mac === "96:00:00:00:01:01");
    }),
  );
});
