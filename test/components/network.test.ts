import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Network } from "../../components/network/network.ts";
import { capture, unknown } from "../support/capture.ts";
import { labels, networkPlan, resource } from "./fixtures.ts";

const captureNetwork = (network = networkPlan, preview = false, protection = true) =>
  capture(() => ({ networkId: new Network("network", { network, phase: 2, protection }).networkId }), { preview });

describe("the private network", () => {
  it("has a subnet per tier and the route to the gateway", async () => {
    const { resources } = await captureNetwork();
    assert.deepEqual(
      resources.map(({ type, name, parent }) => [type, name, parent]),
      [
        ["chitlaq:network:Network", "network", null],
        ["hcloud:index/network:Network", "network-private", "chitlaq:network:Network network"],
        ["hcloud:index/networkSubnet:NetworkSubnet", "network-subnet-edge", "chitlaq:network:Network network"],
        ["hcloud:index/networkSubnet:NetworkSubnet", "network-subnet-data", "chitlaq:network:Network network"],
        ["hcloud:index/networkRoute:NetworkRoute", "network-route-egress", "chitlaq:network:Network network"],
      ],
    );
  });

  it("passes the plan's ranges on, unchanged", async () => {
    const captured = await captureNetwork();
    const { networkId } = captured.outputs;
    assert.equal(typeof networkId, "number", "Hetzner's ids are numbers");
    assert.deepEqual(resource(captured, "network-private").inputs, {
      name: "chitlaq-test-private",
      ipRange: "10.0.0.0/16",
      deleteProtection: true,
      labels,
    });
    assert.deepEqual(resource(captured, "network-subnet-data").inputs, {
      networkId,
      type: "cloud",
      networkZone: "us-east",
      ipRange: "10.0.3.0/24",
    });
    assert.deepEqual(resource(captured, "network-route-egress").inputs, {
      networkId,
      destination: "0.0.0.0/0",
      gateway: "10.0.1.11",
    });
  });

  it("is protected with its subnets; the route may be replaced, after the subnets stand", async () => {
    const captured = await captureNetwork();
    const isProtected = (name: string) => resource(captured, name).options.protect;
    assert.equal(isProtected("network-private"), true);
    assert.equal(isProtected("network-subnet-edge"), true);
    assert.equal(isProtected("network-subnet-data"), true);
    assert.equal(isProtected("network-route-egress"), false);
    assert.deepEqual(resource(captured, "network-route-egress").options.dependsOn, [
      "hcloud:index/networkSubnet:NetworkSubnet network-subnet-edge",
      "hcloud:index/networkSubnet:NetworkSubnet network-subnet-data",
    ]);
  });

  it("can be taken down once its protection is switched off", async () => {
    const captured = await captureNetwork(networkPlan, false, false);
    assert.deepEqual(
      captured.resources.filter(({ options }) => options.protect),
      [],
    );
    assert.equal(resource(captured, "network-private").inputs.deleteProtection, false);
  });

  it("has no route when every machine has its own door", async () => {
    const { resources } = await captureNetwork({ ...networkPlan, routes: [] });
    assert.deepEqual(
      resources.filter((entry) => entry.type.includes("networkRoute")),
      [],
    );
  });

  it("does not know its id in a first preview", async () => {
    const captured = await captureNetwork(networkPlan, true);
    assert.deepEqual(captured.outputs, { networkId: unknown });
    assert.equal(resource(captured, "network-subnet-edge").inputs.networkId, unknown);
  });
});
