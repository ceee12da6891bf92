import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { Delivery, type DeliveryArgs } from "../../components/delivery/delivery.ts";
import { EdgeCertificate } from "../../components/delivery/edge-certificate.ts";
import { Turns } from "../../components/machine/turns.ts";
import { Machine } from "../../components/machine/machine.ts";
import type { Plan } from "../../plan/types.ts";
import { type Capture, capture, unknown } from "../support/capture.ts";
import { planOf } from "../support/platform.ts";
import { resource } from "./fixtures.ts";

const commandType = "command:remote:Command";
const copyType = "command:remote:CopyToRemote";

const machineOf = (plan: Plan, name: string): Machine => {
  const machine = plan.machines.find((candidate) => candidate.name === name);
  assert.ok(machine);
  return new Machine(name, {
    machine: { ...machine, hostname: `chitlaq-test-${name}` },
    location: plan.location,
    image: plan.image,
    userData: "#cloud-config\n",
    sshKeyIds: [],
    networkId: 5,
    primaryIp: plan.primaryIps.find(({ name: address }) => address === machine.primaryIp) ?? null,
    firewallId: machine.firewall === null ? null : 8,
    placementGroupId: null,
    volumes: [],
    protection: true,
    turns: new Turns(),
  });
};

type Changes = {
  readonly fileSet?: (machine: string) => string;
  readonly secrets?: DeliveryArgs["secrets"];
  readonly rollout?: readonly string[];
};

const release = { path: "/releases/app.tar.gz", version: "1.2.3", sha256: "ab".repeat(32) };

const fileSetOf = (machine: string): string => `# files of ${machine}\n`;

const captureDelivery = (whole: Plan, changes: Changes = {}, preview = false): Promise<Capture> => {
  const plan = {
    ...whole,
    primaryIps: whole.primaryIps.map((address) => ({ ...address, providerName: `chitlaq-test-${address.name}` })),
  };
  return capture(
    () => {
      const machines = plan.machines.map(({ name }) => machineOf(plan, name));
      new Delivery("delivery", {
        plan: { ...plan, rollout: changes.rollout ?? plan.rollout },
        machines,
        fileSet: changes.fileSet ?? fileSetOf,
        secrets: changes.secrets ?? ((machine) => ({ "some-password": pulumi.secret(`password of ${machine}`) })),
        release: (machine) => (machine.startsWith("api-") ? release : null),
        privateKey: pulumi.secret("PRIVATE KEY"),
      });
      return {};
    },
    { preview },
  );
};

const phase2 = planOf(2, { redis: { replica: true }, api: { count: 2 } });

type Connection = Readonly<Record<string, unknown>>;
const connectionOf = (captured: Capture, name: string, type = commandType): Connection =>
  resource(captured, name, type).inputs.connection as Connection;

describe("the delivery of phase 2", () => {
  it("copies the file set of each machine and hands it its secrets, and looks at the health of all in the end", async () => {
    const { resources } = await captureDelivery(phase2);
    const below = resources.filter(({ parent }) => parent === "chitlaq:delivery:Delivery delivery");
    const known = (machine: string) => [`delivery-${machine}-look`, `delivery-${machine}-host-key`];
    const order = ["redis-2", "redis-1", "db-2", "db-1", "api-2", "api-1", "lb-1"];
    assert.deepEqual(
      below.map(({ name }) => name),
      [
        ...known("lb-1"),
        "delivery-gateway",
        ...order.filter((machine) => machine !== "lb-1").flatMap(known),
        ...order.flatMap((machine) => [
          `delivery-${machine}-files`,
          ...(machine.startsWith("api-") ? [`delivery-${machine}-release`] : []),
          `delivery-${machine}-first`,
          `delivery-${machine}`,
        ]),
        ...order.map((machine) => `delivery-${machine}-health`),
      ],
    );
  });

  it("goes from one machine to the next only when the one before is done: standby, then primary", async () => {
    const captured = await captureDelivery(phase2);
    const waits = (name: string, type: string) => resource(captured, name, type).options.dependsOn;
    assert.deepEqual(waits("delivery-redis-2-files", copyType), [
      "chitlaq:machine:Machine redis-2",
      `${commandType} delivery-gateway`,
    ]);
    assert.deepEqual(waits("delivery-lb-1-files", copyType), ["chitlaq:machine:Machine lb-1"]);
    assert.deepEqual(waits("delivery-db-1", commandType), [
      `${copyType} delivery-db-1-files`,
      `${commandType} delivery-db-1-first`,
      `${commandType} delivery-db-2`,
    ]);
    assert.equal(waits("delivery-db-1-health", commandType).length, phase2.machines.length);
  });

  it("sets new machines up side by side, and does nothing in that step where services run", async () => {
    const captured = await captureDelivery(phase2);
    const { inputs, options } = resource(captured, "delivery-db-1-first", commandType);
    assert.deepEqual(options.dependsOn, [`${copyType} delivery-db-1-files`]);
    assert.deepEqual(resource(captured, "delivery-db-1-files", copyType).options.dependsOn, [
      "chitlaq:machine:Machine db-1",
      `${commandType} delivery-gateway`,
    ]);
    assert.match(String(inputs.create), /^\[ ! -e \/var\/lib\/chitlaq\/activated \] \|\| exit 0\nset -eu\n/);
    assert.doesNotMatch(String(inputs.create), /file set/, "changed files are no reason to run it");
  });

  it("reaches private machines through the gateway and the gateway directly", async () => {
    const captured = await captureDelivery(phase2);
    const direct = connectionOf(captured, "delivery-lb-1");
    assert.match(String(direct.host), /^192\.0\.2\.\d+$/);
    assert.equal(direct.proxy, undefined);
    const through = connectionOf(captured, "delivery-db-1-files", copyType);
    assert.equal(through.host, "10.0.3.11");
    const proxy = through.proxy as Connection;
    assert.deepEqual([proxy.host, proxy.user, proxy.privateKey], [direct.host, "root", "PRIVATE KEY"]);
  });

  it("looks at each machine's host key first, and tells it nothing", async () => {
    const captured = await captureDelivery(phase2);
    for (const { name } of phase2.machines) {
      const { inputs, secrets, options } = resource(captured, `delivery-${name}-look`, commandType);
      assert.match(String(inputs.create), /^set -eu\n.*\ncut -d ' ' -f 1,2 \/etc\/ssh\/ssh_host_ed25519_key\.pub\n$/);
      assert.equal(inputs.stdin, undefined, name);
      assert.deepEqual(secrets, ["connection"], "the private key of the login; what is printed is public");
      assert.equal((inputs.connection as Connection).hostKey, undefined, "nobody knows it yet");
      const server = captured.names.get(String((inputs.triggers as readonly unknown[])[0]));
      assert.equal(server, `${name}-server`, "another server is looked at anew");
      const behind = name === "lb-1" ? [] : [`${commandType} delivery-gateway`];
      assert.deepEqual(options.dependsOn, [`chitlaq:machine:Machine ${name}`, ...behind]);
    }
  });

  it("sends everything else only to machines that show this host key, through a gateway that shows its own", async () => {
    const { resources } = await captureDelivery(phase2);
    const others = resources.filter(({ type, name }) => type.startsWith("command:") && !name.endsWith("-look"));
    assert.equal(others.length, phase2.machines.length * 4 + 3);
    for (const { name, inputs } of resources.filter(({ type }) => type.startsWith("command:"))) {
      const machine = phase2.machines.find((each) => `${name}-`.startsWith(`delivery-${each.name}-`))?.name ?? "lb-1";
      const connection = inputs.connection as Connection;
      if (!name.endsWith("-look")) assert.equal(connection.hostKey, `printed by delivery-${machine}-look`, name);
      const proxy = connection.proxy as Connection | undefined;
      assert.equal(proxy?.hostKey, machine === "lb-1" ? undefined : "printed by delivery-lb-1-look", name);
    }
  });

  it("copies everything again to a machine that had to be looked at again", async () => {
    const captured = await captureDelivery(phase2);
    for (const name of ["delivery-api-1-files", "delivery-api-1-release"]) {
      const [look] = resource(captured, name, copyType).inputs.triggers as readonly unknown[];
      assert.equal(captured.names.get(String(look)), "delivery-api-1-look");
    }
  });

  it("waits at the gateway until it and the machines behind it have set up their networks", async () => {
    const { inputs, options } = resource(await captureDelivery(phase2), "delivery-gateway", commandType);
    assert.match(
      String(inputs.create),
      /^set -- 9100 10\.0\.4\.12 10\.0\.4\.11 10\.0\.3\.12 10\.0\.3\.11 10\.0\.2\.12 10\.0\.2\.11\nset -eu\n/,
    );
    assert.equal((inputs.connection as Connection).proxy, undefined);
    assert.equal(options.dependsOn.length, phase2.machines.length, "every machine has a server by then");
    assert.equal(inputs.stdin, undefined);
  });

  it("keeps secrets out of everything but standard input, and that secret", async () => {
    const captured = await captureDelivery(phase2);
    const { inputs, secrets } = resource(captured, "delivery-db-1", commandType);
    assert.equal(inputs.stdin, JSON.stringify({ "some-password": "password of db-1" }));
    assert.deepEqual(secrets.toSorted(), ["connection", "stdin"]);
    assert.equal(inputs.logging, "none");
    assert.equal(inputs.addPreviousOutputInEnv, false);
    for (const { name, inputs: all } of captured.resources) {
      const { stdin: _stdin, connection: _connection, ...visible } = all;
      assert.doesNotMatch(JSON.stringify(visible), /password of|PRIVATE KEY/, name);
    }
  });

  it("runs again on a machine whose files or server are others, and on no other machine", async () => {
    const createOf = async (changes: Changes) => {
      const captured = await captureDelivery(phase2, changes);
      return Object.fromEntries(
        phase2.machines.map(({ name }) => {
          const files = resource(captured, `delivery-${name}-files`, copyType);
          const asset = files.inputs.source as { readonly text: unknown };
          return [name, [resource(captured, `delivery-${name}`, commandType).inputs.create, String(asset.text)]];
        }),
      );
    };
    const before = await createOf({});
    const after = await createOf({ fileSet: (name) => (name === "db-2" ? "# changed\n" : fileSetOf(name)) });
    const changed = phase2.machines.filter(({ name }) => before[name]?.[0] !== after[name]?.[0]);
    assert.deepEqual(
      changed.map(({ name }) => name),
      ["db-2"],
    );
    assert.match(String(before["db-2"]?.[0]), /# server \d+, file set [0-9a-f]{64}\n$/);
  });

  it("looks at the health of all machines again when anything changed for one of them", async () => {
    const healthOf = async (changes: Changes) =>
      resource(await captureDelivery(phase2, changes), "delivery-lb-1-health", commandType).inputs.create;
    const before = await healthOf({});
    assert.equal(await healthOf({}), before);
    assert.match(String(before), /^chitlaq-secrets retire && chitlaq-health 600 # [0-9a-f]{32}$/);
    const files = await healthOf({ fileSet: (name) => (name === "db-2" ? "# changed\n" : fileSetOf(name)) });
    const secrets = await healthOf({ secrets: (name) => ({ password: pulumi.secret(`other of ${name}`) }) });
    assert.equal(new Set([before, files, secrets]).size, 3);
  });

  it("sends the command without its comments and without a word of a secret", async () => {
    const captured = await captureDelivery(phase2);
    const [first, ...rest] = String(resource(captured, "delivery-db-1", commandType).inputs.create).split("\n");
    assert.equal(first, "set -eu");
    assert.ok(rest.some((line) => line.includes("chitlaq-deliver")));
  });

  it("brings the release to application machines before it is put into service there", async () => {
    const captured = await captureDelivery(phase2);
    const copy = resource(captured, "delivery-api-1-release", copyType);
    assert.equal(copy.inputs.remotePath, "/var/lib/chitlaq/release.tar.gz");
    const { inputs, options } = resource(captured, "delivery-api-1", commandType);
    assert.match(String(inputs.create), /^set -- \/var\/lib\/chitlaq\/release\.tar\.gz 1\.2\.3 (ab){32}\nset -eu\n/);
    assert.deepEqual(options.dependsOn.slice(0, 2), [
      `${copyType} delivery-api-1-files`,
      `${copyType} delivery-api-1-release`,
    ]);
  });

  it("can be previewed before any server exists", async () => {
    const captured = await captureDelivery(phase2, {}, true);
    assert.equal(resource(captured, "delivery-lb-1", commandType).inputs.connection, unknown);
    assert.equal(resource(captured, "delivery-db-1", commandType).inputs.create, unknown);
    assert.deepEqual(resource(captured, "delivery-db-1-files", copyType).inputs.triggers, [unknown]);
  });
});

it("phase 1 is reached without a jump host", async () => {
  const captured = await captureDelivery(planOf(1));
  const connection = connectionOf(captured, "delivery-server-1");
  assert.match(String(connection.host), /^192\.0\.2\.\d+$/);
  assert.equal(connection.proxy, undefined);
});

it("refuses a rollout that names a machine nobody made", async () => {
  await assert.rejects(
    captureDelivery(planOf(1), { rollout: ["server-1", "db-9"] }),
    /the plan's rollout: "db-9" is not in the plan's machines \(server-1\)/,
  );
});

it("uploads the edge's own certificate with a secret key, after the machines trust it", async () => {
  const captured = await capture(() => {
    const delivered = new pulumi.ComponentResource("chitlaq:test:Delivered", "delivered");
    new EdgeCertificate(
      "edge-certificate",
      { zoneId: "z", certificate: pulumi.output("CERT"), privateKey: pulumi.output("KEY") },
      { dependsOn: [delivered] },
    );
    return {};
  });
  const upload = resource(captured, "edge-certificate-upload");
  assert.deepEqual(upload.inputs, { zoneId: "z", certificate: "CERT", privateKey: "KEY" });
  assert.deepEqual(upload.secrets, ["privateKey"]);
  assert.deepEqual(upload.options.dependsOn, ["chitlaq:test:Delivered delivered"]);
});
