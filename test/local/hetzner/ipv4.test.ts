import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  contains,
  firstFreeAddress,
  firstFreeBlock,
  formatCidr,
  formatIpv4,
  includes,
  isAssignable,
  isPrivate,
  overlap,
  parseCidr,
  parseIpv4,
} from "../../../local/hetzner/engine/ipv4.ts";

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
};
const blocks = fc
  .tuple(fc.integer({ min: 8, max: 30 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  .map(([prefix, address]) => {
    const size = 2 ** (32 - prefix);
    return { base: address - (address % size), prefix, size };
  });

test("addresses and blocks survive being written and read", () => {
  fc.assert(
    fc.property(blocks, (block) => {
      assert.deepEqual(parseCidr(formatCidr(block)), block);
      assert.equal(parseIpv4(formatIpv4(block.base)), block.base);
    }),
  );
  for (const bad of ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "256.0.0.0/8", "10.0.0.0/"]) {
    assert.equal(parseCidr(bad), undefined, bad);
  }
});

test("containment implies overlap, and overlap is symmetric", () => {
  fc.assert(
    fc.property(blocks, blocks, (a, b) => {
      assert.equal(overlap(a, b), overlap(b, a));
      if (contains(a, b)) assert.ok(overlap(a, b));
      // Blocks are aligned: two that meet are nested.
      if (overlap(a, b)) assert.ok(contains(a, b) || contains(b, a));
      assert.equal(includes(a, b.base), b.base >= a.base && b.base < a.base + a.size);
    }),
  );
});

test("private means RFC 1918", () => {
  for (const text of ["10.0.0.0/8", "172.16.0.0/12", "172.31.255.0/24", "192.168.1.0/24"])
    assert.ok(isPrivate(cidr(text)), text);
  for (const text of ["172.32.0.0/16", "192.169.0.0/16", "0.0.0.0/0", "8.0.0.0/7"])
    assert.ok(!isPrivate(cidr(text)), text);
});

test("the first free block is free, inside, and the lowest", () => {
  const network = cidr("10.0.0.0/16");
  const taken = [cidr("10.0.0.0/24"), cidr("10.0.2.0/24")];
  assert.equal(formatCidr(firstFreeBlock(network, 24, taken) ?? cidr("0.0.0.0/0")), "10.0.1.0/24");
  assert.equal(firstFreeBlock(cidr("10.0.0.0/24"), 24, [cidr("10.0.0.0/24")]), undefined);
});

test("handed-out addresses are never the gateway, the edges or taken ones", () => {
  const network = cidr("10.0.0.0/24");
  const taken = new Set<number>();
  for (;;) {
    const address = firstFreeAddress(network, network, taken);
    if (address === undefined) break;
    assert.ok(isAssignable(network, network, address) && !taken.has(address));
    taken.add(address);
  }
  assert.equal(taken.size, 253);
  assert.ok(!taken.has(network.base + 1));
  assert.ok(!isAssignable(cidr("172.31.1.0/24"), cidr("172.16.0.0/12"), parseIpv4("172.31.1.1") ?? 0));
});
