import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Firewalls } from "../../components/security/firewalls.ts";
import { SshKeys } from "../../components/security/ssh-keys.ts";
import type { FirewallPlan, SshKeyPlan } from "../../plan/types.ts";
import { capture } from "../support/capture.ts";
import { labels, resource } from "./fixtures.ts";

const firewall: FirewallPlan = {
  name: "load-balancer",
  providerName: "chitlaq-test-load-balancer",
  role: "load-balancer",
  rules: [
    { description: "HTTPS from the edge", protocol: "tcp", port: "443", sourceIps: ["173.245.48.0/20"] },
    { description: "ping", protocol: "icmp", port: null, sourceIps: ["0.0.0.0/0"] },
  ],
  labels,
};

describe("firewalls", () => {
  it("let in what the plan names and nothing else", async () => {
    const captured = await capture(() => {
      const firewalls = new Firewalls("firewalls", { firewalls: [firewall] });
      return { id: firewalls.id("load-balancer") };
    });
    assert.deepEqual(resource(captured, "firewalls-load-balancer").inputs, {
      name: "chitlaq-test-load-balancer",
      rules: [
        {
          direction: "in",
          description: "HTTPS from the edge",
          protocol: "tcp",
          port: "443",
          sourceIps: ["173.245.48.0/20"],
        },
        { direction: "in", description: "ping", protocol: "icmp", sourceIps: ["0.0.0.0/0"] },
      ],
      labels,
    });
    assert.equal(typeof captured.outputs.id, "number");
  });

  it("cannot be asked for a firewall the plan lacks", async () => {
    const program = () => ({ id: new Firewalls("firewalls", { firewalls: [firewall] }).id("api") });
    await assert.rejects(capture(program), /firewall "api" is not in the plan/);
  });
});

describe("SSH keys", () => {
  const key = (name: string): SshKeyPlan => ({
    name,
    providerName: `chitlaq-test-${name}`,
    publicKey: `ssh-ed25519 AAAA ${name}`,
    labels,
  });

  it("are registered one by one, and handed on as ids in the plan's order", async () => {
    const captured = await capture(() => ({
      ids: new SshKeys("ssh", { sshKeys: [key("operations"), key("deploy")] }).ids,
    }));
    assert.deepEqual(resource(captured, "ssh-operations").inputs, {
      name: "chitlaq-test-operations",
      publicKey: "ssh-ed25519 AAAA operations",
      labels,
    });
    const ids = captured.outputs.ids as readonly string[];
    assert.equal(ids.length, 2);
    assert.ok(ids.every((id) => /^\d+$/.test(id)));
    assert.notEqual(ids[0], ids[1]);
  });

  it("must exist, or Hetzner mails root passwords", async () => {
    await assert.rejects(
      capture(() => ({ ids: new SshKeys("ssh", { sshKeys: [] }).ids })),
      /ssh: no SSH key in the plan/,
    );
  });
});
