import assert from "node:assert/strict";
import { test } from "node:test";
import { type MachineDriver, noMachines, type Topology } from "../../../local/hetzner/driver.ts";
import { type Api, newNetwork, newServer, serverOf, startApi, until } from "./harness.ts";

type Recorder = {
  readonly driver: MachineDriver;
  readonly calls: string[];
  readonly topologies: Topology[];
  failNext(verb: string, message: string): void;
  power(id: number, state: "running" | "off"): void;
};

/** A driver that writes down what it is asked, in order, and fails on demand. */
function recorder(): Recorder {
  const calls: string[] = [];
  const topologies: Topology[] = [];
  const failures = new Map<string, string>();
  let listener: (id: number, power: "running" | "off") => void = () => undefined;
  const verb =
    (name: string) =>
    (...args: readonly unknown[]): Promise<void> => {
      const [first, ...rest] = args.map((arg) =>
        typeof arg === "object" && arg !== null && "id" in arg ? arg.id : arg,
      );
      calls.push([name, first, ...rest.map((arg) => JSON.stringify(arg))].join(" "));
      const failure = failures.get(name);
      failures.delete(name);
      return failure === undefined ? Promise.resolve() : Promise.reject(new Error(failure));
    };
  const names = Object.keys(noMachines).filter((name) => name !== "onPowerChange" && name !== "syncNetwork");
  const driver = {
    ...noMachines,
    ...(Object.fromEntries(names.map((name) => [name, verb(name)])) as Partial<MachineDriver>),
    syncNetwork: (topology: Topology) => {
      topologies.push(structuredClone(topology));
      const failure = failures.get("syncNetwork");
      failures.delete("syncNetwork");
      return failure === undefined ? Promise.resolve() : Promise.reject(new Error(failure));
    },
    onPowerChange: (callback: typeof listener) => {
      listener = callback;
    },
  } satisfies MachineDriver;
  return {
    driver,
    calls,
    topologies,
    failNext: (name, message) => void failures.set(name, message),
    power: (id, state) => listener(id, state),
  };
}

async function withDriver(work: (api: Api, machines: Recorder) => Promise<void>): Promise<void> {
  const machines = recorder();
  const api = await startApi({ transport: "in process", driver: machines.driver });
  try {
    await work(api, machines);
  } finally {
    await api.close();
  }
}

const drain = (calls: string[]): string[] => calls.splice(0);

test("a server's life reaches the driver in the order its machine needs", () =>
  withDriver(async (api, { calls }) => {
    const { volume } = await api.done("POST", "/volumes", { name: "data", size: 10, location: "fsn1", format: "ext4" });
    const { id } = await newServer(api, { volumes: [volume.id] });
    assert.deepEqual(drain(calls), [
      `createVolume ${volume.id}`,
      `provision ${id}`,
      `attachVolume ${volume.id} ${id} false`,
      `start ${id}`,
    ]);
    const act = (name: string, body?: object) => api.done("POST", `/servers/${id}/actions/${name}`, body);

    await act("reboot");
    await act("reset");
    await act("shutdown");
    assert.deepEqual(drain(calls), [`stop ${id} "graceful"`, `start ${id}`, `reset ${id}`, `stop ${id} "graceful"`]);

    await act("change_type", { server_type: "cpx32", upgrade_disk: false });
    assert.deepEqual(drain(calls), [`resize ${id} {"cores":4,"memoryGiB":8,"diskGiB":80}`, `start ${id}`]);

    await act("rebuild", { image: "debian-12" });
    assert.deepEqual(drain(calls), [`stop ${id} "hard"`, `rebuild ${id}`, `start ${id}`]);

    const { image } = await api.done("POST", `/servers/${id}/actions/create_image`);
    await api.done("DELETE", `/servers/${id}`);
    await api.expect(204, "DELETE", `/images/${image.id}`);
    await api.expect(204, "DELETE", `/volumes/${volume.id}`);
    assert.deepEqual(drain(calls), [
      `snapshot ${id} ${image.id}`,
      `detachVolume ${volume.id}`,
      `destroy ${id}`,
      `deleteSnapshot ${image.id}`,
      `deleteVolume ${volume.id}`,
    ]);
  }));

test("the driver's failure ends the action with its message and leaves a usable server", () =>
  withDriver(async (api, { failNext }) => {
    failNext("start", "no memory left on this host");
    const created = await api.expect(201, "POST", "/servers", {
      name: "unlucky",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
    });
    assert.equal((await api.settle(created.action)).status, "success");
    const start = created.next_actions[0];
    assert.ok(start);
    const { status, error } = await api.settle(start);
    assert.deepEqual([status, error], ["error", { code: "action_failed", message: "no memory left on this host" }]);
    const { id } = created.server;
    assert.deepEqual([(await serverOf(api, id)).status, (await serverOf(api, id)).locked], ["off", false]);
    await api.done("POST", `/servers/${id}/actions/poweron`);
    assert.equal((await serverOf(api, id)).status, "running");
  }));

test("actions that build on a failed one fail as well, without touching the machine", () =>
  withDriver(async (api, { failNext, calls }) => {
    failNext("provision", "image is broken");
    const created = await api.expect(201, "POST", "/servers", {
      name: "stillborn",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
    });
    const ended = [created.action, ...created.next_actions].map((action) => api.settle(action));
    assert.deepEqual(
      (await Promise.all(ended)).map(({ command, status, error }) => [command, status, error?.message]),
      [
        ["create_server", "error", "image is broken"],
        ["start_server", "error", "create_server failed"],
      ],
    );
    assert.ok(!calls.some((call) => call.startsWith("start")));
    await api.done("DELETE", `/servers/${created.server.id}`);
  }));

test("a request refused after its first action had begun leaves nothing to be carried out", () =>
  withDriver(async (api, { calls }) => {
    const server = await newServer(api);
    const make = { size: 10, server: server.id };
    for (let count = 0; count < 16; count += 1) await api.done("POST", "/volumes", { name: `full-${count}`, ...make });
    await api.refuse(403, "resource_limit_exceeded", "POST", "/volumes", { name: "seventeenth", ...make });
    drain(calls);
    // The next volume gets the id the refused one gave back; work left behind would touch it.
    const { volume } = await api.done("POST", "/volumes", { name: "next", size: 10, location: "fsn1" });
    assert.deepEqual(drain(calls), [`createVolume ${volume.id}`]);
  }));

test("a request without an action answers with the driver's failure", () =>
  withDriver(async (api, { failNext }) => {
    const { volume } = await api.done("POST", "/volumes", { name: "stuck", size: 10, location: "fsn1" });
    failNext("deleteVolume", "device is busy");
    const fault = await api.refuse(422, "service_error", "DELETE", `/volumes/${volume.id}`);
    assert.equal(fault.message, "device is busy");
    await api.expect(204, "DELETE", `/volumes/${volume.id}`);
  }));

test("the topology holds addresses, routes, firewall rules and load balancers, before the machine starts", () =>
  withDriver(async (api, { topologies, failNext }) => {
    const network = await newNetwork(api);
    const rule = { direction: "in", protocol: "tcp", port: "443", source_ips: ["0.0.0.0/0"] };
    const { firewall } = await api.done("POST", "/firewalls", { name: "web", rules: [rule] });
    const server = await newServer(api, { networks: [network.id], firewalls: [{ firewall: firewall.id }] });
    await api.done("POST", `/networks/${network.id}/actions/add_route`, {
      destination: "0.0.0.0/0",
      gateway: "10.0.1.1",
    });
    await api.done("POST", "/floating_ips", { type: "ipv4", server: server.id });
    const open = await newServer(api);
    await api.done("POST", "/load_balancers", {
      name: "front",
      load_balancer_type: "lb11",
      location: "fsn1",
      network: network.id,
      services: [{ protocol: "tcp", listen_port: 80, destination_port: 8080 }],
      targets: [{ type: "server", server: { id: server.id }, use_private_ip: true }],
    });
    const last = topologies.at(-1);
    const [machine] = last?.servers ?? [];
    assert.deepEqual(
      [machine?.publicIpv4, machine?.publicIpv6],
      [server.public_net.ipv4?.ip, server.public_net.ipv6?.ip],
    );
    assert.deepEqual(
      machine?.privateNets.map(({ networkId, ip }) => [networkId, ip]),
      [[network.id, "10.0.1.1"]],
    );
    assert.equal(machine.floatingIps.length, 1);
    assert.deepEqual(machine.firewall, [
      { direction: "in", protocol: "tcp", port: "443", sourceIps: ["0.0.0.0/0"], destinationIps: [] },
    ]);
    assert.equal(last?.servers.find(({ id }) => id === open.id)?.firewall, null);
    assert.deepEqual(last?.networks, [
      {
        id: network.id,
        ipRange: "10.0.0.0/16",
        gateway: "10.0.0.1",
        subnets: ["10.0.1.0/24"],
        routes: [{ destination: "0.0.0.0/0", gateway: "10.0.1.1" }],
      },
    ]);
    const [balancer] = last?.loadBalancers ?? [];
    assert.deepEqual(
      [balancer?.privateIps, balancer?.targets],
      [[{ networkId: network.id, ip: "10.0.1.2" }], [{ ip: "10.0.1.1" }]],
    );

    failNext("syncNetwork", "nft said no");
    const { actions } = await api.expect(201, "POST", `/firewalls/${firewall.id}/actions/set_rules`, { rules: [] });
    const ended = await Promise.all(actions.map((action) => api.settle(action)));
    assert.ok(ended.some(({ error }) => error?.message === "nft said no"));
    await until(
      async () => topologies.at(-1)?.servers[0]?.firewall?.length,
      (rules) => rules === 0,
    );
  }));

test("a machine that stops by itself shows as off, but not while an action holds it", () =>
  withDriver(async (api, { power }) => {
    const { id } = await newServer(api);
    power(id, "off");
    assert.equal((await serverOf(api, id)).status, "off");
    power(id, "running");
    assert.equal((await serverOf(api, id)).status, "running");
  }));

test("reset destroys every machine, volume and snapshot", () =>
  withDriver(async (api, { calls }) => {
    const server = await newServer(api);
    const { volume } = await api.done("POST", "/volumes", { name: "data", size: 10, server: server.id });
    const { image } = await api.done("POST", `/servers/${server.id}/actions/create_image`);
    drain(calls);
    await api.expect(204, "POST", "/_local/reset");
    assert.deepEqual(drain(calls), [
      `detachVolume ${volume.id}`,
      `destroy ${server.id}`,
      `deleteVolume ${volume.id}`,
      `deleteSnapshot ${image.id}`,
    ]);
  }));

test("the root password leaves the records once the machine is made, and dumps never show user data", () =>
  withDriver(async (api) => {
    const created = await api.done("POST", "/servers", {
      name: "secretive",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      user_data: "#cloud-config\nsecret: hunter2\n",
    });
    const state = JSON.stringify((await api.call("GET", "/_local/state")).body);
    assert.ok(!state.includes("hunter2") && !state.includes(created.root_password ?? "?"));
    assert.ok(state.includes('"rootPassword":null'));
  }));
