import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { Turns } from "../../components/machine/turns.ts";
import { Machine, type MachineArgs } from "../../components/machine/machine.ts";
import { capture, unknown } from "../support/capture.ts";
import { labels, primaryIp, privateMachine, publicMachine, resource, volume } from "./fixtures.ts";

const shared = {
  location: "ash",
  image: "debian-13",
  userData: "#cloud-config\n",
  sshKeyIds: ["7"],
  networkId: 5,
  protection: true,
  turns: new Turns(),
} as const satisfies Partial<MachineArgs>;

const database: MachineArgs = {
  ...shared,
  machine: privateMachine,
  primaryIp: null,
  firewallId: null,
  placementGroupId: 9,
  volumes: [volume],
};

const door: MachineArgs = {
  ...shared,
  machine: publicMachine,
  primaryIp,
  firewallId: 8,
  placementGroupId: null,
  volumes: [],
};

const captureMachine = (args: MachineArgs, preview = false) =>
  capture(
    () => {
      const machine = new Machine(args.machine.name, args);
      return { publicIp: machine.publicIp };
    },
    { preview },
  );

describe("a private machine with data", () => {
  it("registers the server, its volume and the attachment, each below the machine", async () => {
    const { resources } = await captureMachine(database);
    assert.deepEqual(
      resources.map(({ type, name, parent }) => [type, name, parent]),
      [
        ["chitlaq:machine:Machine", "db-1", null],
        ["hcloud:index/server:Server", "db-1-server", "chitlaq:machine:Machine db-1"],
        ["hcloud:index/volume:Volume", "db-1-data", "chitlaq:machine:Machine db-1"],
        ["hcloud:index/volumeAttachment:VolumeAttachment", "db-1-data-attachment", "chitlaq:machine:Machine db-1"],
      ],
    );
  });

  it("asks Hetzner for exactly this server", async () => {
    const server = resource(await captureMachine(database), "db-1-server");
    assert.deepEqual(server.inputs, {
      name: "chitlaq-test-db-1",
      serverType: "ccx13",
      keepDisk: false,
      location: "ash",
      image: "debian-13",
      userData: "#cloud-config\n",
      sshKeys: ["7"],
      publicNets: [{ ipv4Enabled: false, ipv6Enabled: false }],
      networks: [{ networkId: 5, ip: "10.0.3.11", aliasIps: [] }],
      placementGroupId: 9,
      backups: true,
      shutdownBeforeDeletion: true,
      deleteProtection: true,
      rebuildProtection: true,
      labels: { ...labels, role: "database" },
    });
    assert.deepEqual(server.secrets, []);
  });

  it("keeps its volume apart from the server's life", async () => {
    const captured = await captureMachine(database);
    const disk = resource(captured, "db-1-data");
    assert.deepEqual(disk.inputs, {
      name: "chitlaq-test-db-1-data",
      location: "ash",
      size: 100,
      format: "ext4",
      deleteProtection: true,
      labels,
    });
    assert.equal(disk.options.protect, true);
    const attachment = resource(captured, "db-1-data-attachment");
    assert.deepEqual(new Set(Object.keys(attachment.inputs)), new Set(["automount", "serverId", "volumeId"]));
    assert.equal(typeof attachment.inputs.serverId, "number", "Hetzner's ids are numbers");
    assert.equal(typeof attachment.inputs.volumeId, "number", "Hetzner's ids are numbers");
    assert.equal(attachment.options.protect, true, "a refused destroy must not pull the volume off a running database");
  });

  it("is protected, and running servers ignore what only a new one can take", async () => {
    const server = resource(await captureMachine(database), "db-1-server");
    assert.deepEqual(server.options, {
      protect: true,
      deleteBeforeReplace: true,
      ignoreChanges: ["image", "userData", "sshKeys"],
      dependsOn: [],
    });
  });

  it("knows its inputs in a preview, except the ids of what is not made yet", async () => {
    const captured = await captureMachine(database, true);
    assert.equal(resource(captured, "db-1-server").inputs.serverType, "ccx13");
    assert.equal(resource(captured, "db-1-data-attachment").inputs.serverId, unknown);
    assert.deepEqual(captured.outputs, { publicIp: null });
  });
});

describe("a machine with a public door", () => {
  it("gets an address that outlives it", async () => {
    const captured = await captureMachine(door);
    const address = resource(captured, "lb-1-ipv4");
    assert.deepEqual(address.inputs, {
      name: "chitlaq-test-lb-1-ipv4",
      type: "ipv4",
      location: "ash",
      autoDelete: false,
      deleteProtection: true,
      labels,
    });
    assert.equal(address.options.protect, true);
    assert.match(String(captured.outputs.publicIp), /^192\.0\.2\.\d+$/);
  });

  it("stands behind its firewall with that address and no IPv6", async () => {
    const captured = await captureMachine(door);
    const { inputs, options } = resource(captured, "lb-1-server");
    assert.deepEqual(inputs.firewallIds, [8]);
    const [publicNet] = inputs.publicNets as readonly Readonly<Record<string, unknown>>[];
    assert.equal(typeof publicNet?.ipv4, "number");
    assert.deepEqual({ ...publicNet, ipv4: 1 }, { ipv4Enabled: true, ipv4: 1, ipv6Enabled: false });
    assert.ok(!("placementGroupId" in inputs), "no placement group was planned");
    assert.equal(inputs.deleteProtection, false);
    assert.equal(inputs.rebuildProtection, false);
    assert.equal(options.protect, false, "it holds nothing and can be replaced");
  });
});

it("what is to be taken down is protected nowhere", async () => {
  for (const args of [database, door]) {
    const { resources } = await captureMachine({ ...args, protection: false });
    assert.deepEqual(
      resources.filter(({ inputs, options }) => options.protect || inputs.deleteProtection || inputs.rebuildProtection),
      [],
    );
  }
});

describe("a machine that contradicts itself", () => {
  const refused: readonly (readonly [string, MachineArgs, RegExp])[] = [
    [
      "an address for a private machine",
      { ...database, primaryIp, firewallId: 8 },
      /db-1: wants the primary IP none, was given lb-1-ipv4/,
    ],
    [
      "no address for a public machine",
      { ...door, primaryIp: null },
      /lb-1: wants the primary IP lb-1-ipv4, was given none/,
    ],
    ["a public door without a firewall", { ...door, firewallId: null }, /lb-1: a public address needs a firewall/],
    ["somebody else's volume", { ...door, volumes: [volume] }, /lb-1: the volume db-1-data belongs to db-1/],
  ];
  for (const [what, args, message] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(captureMachine(args), message);
    });
  }
});

it("every part of a machine waits for what the machine waits for", async () => {
  const captured = await capture(() => {
    const before = new pulumi.ComponentResource("chitlaq:test:Before", "before");
    return { machine: new Machine("db-1", database, { dependsOn: before }).publicIp };
  });
  for (const name of ["db-1-server", "db-1-data", "db-1-data-attachment"]) {
    assert.deepEqual(resource(captured, name).options.dependsOn, ["chitlaq:test:Before before"], name);
  }
});
