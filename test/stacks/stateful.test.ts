import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Captured } from "../support/capture.ts";
import { captureProgram, planOf, type Stack } from "./programs.ts";

/**
 * Everything that holds data or an address, by stack. A resource that is missing here can be deleted or replaced by an
 * `up`; one that is new here cannot be, without `pulumi state unprotect`.
 */
const protectedResources: Readonly<Record<Stack, readonly string[]>> = {
  phase1: [
    "network-private",
    "network-subnet-edge",
    "server-1-ipv4",
    "server-1-server",
    "server-1-data",
    "server-1-data-attachment",
  ],
  phase2: [
    "network-private",
    "network-subnet-edge",
    "network-subnet-app",
    "network-subnet-data",
    "network-subnet-cache",
    "lb-1-ipv4",
    "db-1-server",
    "db-1-data",
    "db-1-data-attachment",
    "db-2-server",
    "db-2-data",
    "db-2-data-attachment",
    "redis-1-server",
  ],
  phase3: [
    "network-private",
    "network-subnet-edge",
    "network-subnet-app",
    "network-subnet-data",
    "network-subnet-cache",
    "lb-1-ipv4",
    "lb-2-ipv4",
    "db-1-server",
    "db-1-data",
    "db-1-data-attachment",
    "db-2-server",
    "db-2-data",
    "db-2-data-attachment",
    "db-3-server",
    "db-3-data",
    "db-3-data-attachment",
    "redis-1-server",
    "redis-2-server",
    "redis-3-server",
    "k3s-server-1-server",
    "k3s-server-2-server",
    "k3s-server-3-server",
  ],
};

/** Types whose provider knows a delete protection of its own. */
const canBeProtected = (resource: Captured): boolean =>
  ["hcloud:index/server:Server", "hcloud:index/volume:Volume", "hcloud:index/primaryIp:PrimaryIp"].includes(
    resource.type,
  ) || resource.type === "hcloud:index/network:Network";

for (const stack of ["phase1", "phase2", "phase3"] as const) {
  describe(`stateful resources of ${stack}`, () => {
    it("are exactly these", async () => {
      const { resources } = await captureProgram(planOf(stack));
      const found = resources.filter(({ options }) => options.protect).map(({ name }) => name);
      assert.deepEqual(found, protectedResources[stack]);
    });

    it("are protected at Hetzner as well, and nothing else is", async () => {
      const { resources } = await captureProgram(planOf(stack));
      for (const { name, type, inputs, options } of resources.filter(canBeProtected)) {
        assert.equal(inputs.deleteProtection, options.protect, `${name}: both protections go together`);
        if (type === "hcloud:index/server:Server")
          assert.equal(inputs.rebuildProtection, inputs.deleteProtection, name);
      }
    });

    it("keep their servers when image, boot document or keys change, but never pass over a move", async () => {
      const { resources } = await captureProgram(planOf(stack));
      const ignored = resources.filter(({ options }) => options.ignoreChanges.length > 0);
      const servers = resources.filter(({ type }) => type === "hcloud:index/server:Server");
      assert.deepEqual(ignored, servers, "servers alone ignore changes");
      for (const { options } of servers) assert.deepEqual(options.ignoreChanges, ["image", "userData", "sshKeys"]);
    });

    it("are free to go once the protection is switched off for a farewell", async () => {
      const { resources } = await captureProgram(planOf(stack, { protection: false }));
      assert.deepEqual(
        resources.filter(
          ({ inputs, options }) => options.protect || inputs.deleteProtection || inputs.rebuildProtection,
        ),
        [],
      );
    });

    it("keep their addresses when a server goes", async () => {
      const { resources } = await captureProgram(planOf(stack));
      const addresses = resources.filter(({ type }) => type === "hcloud:index/primaryIp:PrimaryIp");
      assert.ok(addresses.length > 0);
      for (const { name, inputs } of addresses) assert.equal(inputs.autoDelete, false, name);
    });
  });
}
