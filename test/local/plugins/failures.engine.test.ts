/** Programs under the real engine with the stand-ins when the API, the program or the machine fails. */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import type { Answer, LocalCloud } from "./localCloud.ts";
import { engineMissing, openStage, type Project, type Stage } from "./project.ts";

const openFor = async (t: TestContext, extra: Readonly<Record<string, string>> = {}): Promise<Stage> => {
  const stage = await openStage(extra);
  t.after(() => stage.close());
  return stage;
};

const resourcesIn = async (project: Project): Promise<readonly Answer[]> => {
  const { stdout } = await project.pulumi("stack", "export");
  const { deployment } = JSON.parse(stdout) as { deployment: { resources?: readonly Answer[] } };
  return (deployment.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
};

const namesInState = async (project: Project): Promise<readonly string[]> =>
  (await resourcesIn(project)).map(({ urn }) => urn.split("::").at(-1));

const names = async (cloud: LocalCloud, kind: string): Promise<readonly string[]> =>
  (await cloud.hcloud("GET", `/${kind}`))[kind].map(({ name }: Answer) => name);

const destroy = async (project: Project): Promise<void> => {
  const run = await project.pulumi("destroy", "--yes", "--skip-preview");
  assert.equal(run.code, 0, run.output);
};

/** Resolves when the process has printed the text. */
const said = (child: ChildProcess, text: string): Promise<void> =>
  new Promise((resolve) => {
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.includes(text)) {
          resolve();
        }
      });
    }
  });

/** Starts `pulumi up` and waits until the fault has caught one of its requests. */
const upUntilCaught = async (cloud: LocalCloud, project: Project, fault: number) => {
  const engine = project.start("up", "--yes", "--skip-preview");
  let over = false;
  const ended = new Promise<number | null>((resolve) => {
    engine.once("close", (code) => {
      over = true;
      resolve(code);
    });
  });
  while (cloud.struck(fault) === 0) {
    assert.ok(!over, "the engine ended before it made the request");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { engine, ended };
};

const network = (name: string): string =>
  `const ${name} = new hcloud.Network("${name}", { name: "${name}", ipRange: "10.0.0.0/16" });`;

const server = (name: string, more = ""): string => `const ${name} = new hcloud.Server("${name}", {
  name: "${name}", serverType: "cpx22", location: "fsn1", image: "debian-13", ${more}
});`;

/** Processes whose environment points to this project, by the files in /proc. */
const processesOf = async (project: Project): Promise<readonly string[]> => {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(
    ids.map(async (id) => {
      const environment = await readFile(`/proc/${id}/environ`, "utf8").catch(() => "");
      const state = await readFile(`/proc/${id}/stat`, "utf8").catch(() => "");
      const dead = / Z /.test(state);
      return environment.includes(`PULUMI_HOME=${project.directory}/`) && !dead ? [id] : [];
    }),
  );
  return found.flat();
};

describe("a deployment that fails", { skip: await engineMissing() }, () => {
  it("repeats what the API was too busy, locked or in conflict for", async (t) => {
    const { cloud, project } = await openFor(t);
    const refusal = (status: number, code: string) => ({ type: "error", status, code }) as const;
    const ids = [
      cloud.fault({
        api: "hetzner",
        method: "POST",
        path: "/networks",
        times: 2,
        effect: refusal(429, "rate_limit_exceeded"),
      }),
      cloud.fault({ api: "hetzner", method: "POST", path: "/servers", times: 2, effect: refusal(409, "conflict") }),
      cloud.fault({
        api: "hetzner",
        method: "POST",
        path: "/servers/*/actions/attach_to_network",
        times: 2,
        effect: refusal(423, "locked"),
      }),
      cloud.fault({
        api: "cloudflare",
        method: "PATCH",
        path: "/zones/*/settings/*",
        times: 1,
        effect: refusal(429, "971"),
      }),
    ];
    await project.write(`${network("net")}
const subnet = new hcloud.NetworkSubnet("subnet", {
  networkId: net.id.apply(Number), type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24",
});
${server("web", "networks: [{ subnetId: subnet.id }],")}
const zoneId = cloudflare.getZoneOutput({ filter: { name: "example.com" } }).zoneId;
new cloudflare.ZoneSetting("ssl", { zoneId, settingId: "ssl", value: "strict" });`);
    const run = await project.up();
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(ids.map(cloud.struck), [2, 2, 2, 1]);
  });

  it("keeps what was made before a refusal, and makes only the rest in the next run", async (t) => {
    const { cloud, project } = await openFor(t);
    const effect = { type: "error", status: 422, code: "invalid_input", message: "not today" } as const;
    cloud.fault({ api: "hetzner", method: "POST", path: "/servers", effect });
    const program = `${network("net")}\n${server("web", "labels: { net: net.id },")}`;
    await project.write(program);
    const failed = await project.up();
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /POST \/servers: not today \(invalid_input\)/);
    assert.deepEqual(await namesInState(project), ["net"]);
    cloud.liftFaults();
    const before = cloud.requests().length;
    const resumed = await project.up();
    assert.equal(resumed.code, 0, resumed.output);
    assert.equal(
      cloud
        .requests()
        .slice(before)
        .filter((line) => line === "POST /networks").length,
      0,
    );
    assert.deepEqual([await names(cloud, "networks"), await names(cloud, "servers")], [["net"], ["web"]]);

    cloud.fault({ api: "hetzner", method: "PUT", path: "/servers/*", effect });
    await project.write(program.replace("net: net.id", 'net: "other"'));
    assert.notEqual((await project.up()).code, 0);
    assert.deepEqual(await namesInState(project), ["net", "web"], "a failed update loses nothing");
    cloud.liftFaults();
    const updated = await project.up();
    assert.equal(updated.code, 0, updated.output);
    assert.equal((await cloud.hcloud("GET", "/servers")).servers[0].labels.net, "other");

    cloud.fault({ api: "hetzner", method: "DELETE", path: "/servers/*", effect });
    assert.notEqual((await project.pulumi("destroy", "--yes", "--skip-preview")).code, 0);
    assert.ok((await namesInState(project)).includes("web"), "a failed deletion loses nothing");
    cloud.liftFaults();
    await destroy(project);
    assert.deepEqual([await names(cloud, "networks"), await names(cloud, "servers")], [[], []]);
  });

  it("keeps a server whose creation failed half-way, and never makes a second one", async (t) => {
    const { cloud, project } = await openFor(t);
    cloud.fault({
      api: "hetzner",
      times: 1,
      effect: { type: "action_failure", command: "attach_to_network", code: "x", message: "half-way" },
    });
    await project.write(`${network("net")}
const subnet = new hcloud.NetworkSubnet("subnet", {
  networkId: net.id.apply(Number), type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24",
});
${server("web", 'publicNets: [{ ipv4Enabled: false, ipv6Enabled: false }], networks: [{ subnetId: subnet.id, ip: "10.0.1.9" }],')}`);
    const failed = await project.up();
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /half-way/);
    const kept = (await resourcesIn(project)).find(({ urn }) => urn.endsWith("::web"));
    const { servers } = await cloud.hcloud("GET", "/servers");
    assert.equal(kept?.id, String(servers[0].id));
    assert.match(kept.initErrors.join(), /half-way/);
    assert.equal(servers[0].status, "off");
    const resumed = await project.up();
    assert.equal(resumed.code, 0, resumed.output);
    const [only, ...more] = (await cloud.hcloud("GET", "/servers")).servers;
    assert.deepEqual([more, only.id, only.status, only.private_net[0].ip], [[], servers[0].id, "running", "10.0.1.9"]);
    const again = await project.up("--expect-no-changes");
    assert.equal(again.code, 0, again.output);
  });

  it("survives a killed engine: no process stays, the lock can be lifted, what was being made is found again", async (t) => {
    const { cloud, project } = await openFor(t);
    const hang = { type: "hang" } as const;
    // The request is carried out but its answer never comes.
    const id = cloud.fault({ api: "hetzner", method: "POST", path: "/servers", when: "after", effect: hang });
    await project.write(`${network("net")}\n${server("web", "labels: { net: net.id },")}`);
    const { engine, ended } = await upUntilCaught(cloud, project, id);
    engine.kill("SIGKILL");
    await ended;
    const deadline = Date.now() + 15_000;
    while ((await processesOf(project)).length > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(await processesOf(project), [], "plugins and program go with the engine");
    cloud.liftFaults();

    const locked = await project.up();
    assert.notEqual(locked.code, 0);
    assert.match(locked.output, /locked/);
    const cancelled = await project.pulumi("cancel", "--yes", "dev");
    assert.equal(cancelled.code, 0, cancelled.output);

    const { stdout } = await project.pulumi("stack", "export");
    const { deployment } = JSON.parse(stdout) as { deployment: { pending_operations: readonly Answer[] } };
    const [pending] = deployment.pending_operations;
    assert.match(pending.resource.urn, /::web$/);
    assert.equal(pending.type, "creating");
    const [orphan] = (await cloud.hcloud("GET", "/servers")).servers;
    const cleared = await project.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates");
    assert.equal(cleared.code, 0, cleared.output);
    const type = "hcloud:index/server:Server";
    const options = ["--yes", "--skip-preview", "--protect=false", "--generate-code=false"];
    const adopted = await project.pulumi("import", type, "web", String(orphan.id), ...options);
    assert.equal(adopted.code, 0, adopted.output);
    const resumed = await project.up();
    assert.equal(resumed.code, 0, resumed.output);
    assert.deepEqual(
      (await cloud.hcloud("GET", "/servers")).servers.map((live: Answer) => live.id),
      [orphan.id],
    );
    await destroy(project);
    assert.deepEqual(cloud.unhandled(), []);
  });

  it("stops cleanly on an interrupt and keeps what it has made", async (t) => {
    const { cloud, project } = await openFor(t);
    const id = cloud.fault({ api: "hetzner", method: "POST", path: "/servers", effect: { type: "hang" } });
    await project.write(`${network("net")}\n${server("web", "labels: { net: net.id },")}`);
    const { engine, ended } = await upUntilCaught(cloud, project, id);
    // The first interrupt lets running operations end; the second cancels them.
    const heard = said(engine, "^C received");
    engine.kill("SIGINT");
    await heard;
    engine.kill("SIGINT");
    assert.notEqual(await ended, 0);
    assert.ok((await namesInState(project)).includes("net"));
    cloud.liftFaults();
  });

  it("reports every wrong property before anything is made", async (t) => {
    const { cloud, project } = await openFor(t);
    await project.write(`
new hcloud.Network("net", { name: "net", ipRange: "10.0.0.1/16", labels: { "a b": "c" } });`);
    const run = await project.up();
    assert.notEqual(run.code, 0);
    assert.match(run.output, /ipRange: "10\.0\.0\.1\/16" given, host bits must be zero/);
    assert.match(run.output, /labels: key "a b" given/);
    assert.equal(cloud.requests().filter((line) => !line.startsWith("GET")).length, 0);
  });

  it("refuses an endpoint that is not this machine", async (t) => {
    const { project } = await openFor(t, { HCLOUD_ENDPOINT: "https://api.hetzner.cloud/v1" });
    await project.write(network("net"));
    const run = await project.up();
    assert.notEqual(run.code, 0);
    assert.match(run.output, /a stand-in plugin talks to loopback addresses only; install the official plugin/);
  });
});
