/** Programs under the real engine with the stand-ins: what a deployment goes through when nothing fails. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { UNKNOWN } from "../../../local/plugins/core/values.ts";
import type { Answer, LocalCloud } from "./localCloud.ts";
import { engineMissing, openStage, type Project, type Stage, type Step } from "./project.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test";

type Wishes = {
  readonly type?: string;
  readonly location?: string;
  readonly labels?: string;
  readonly options?: string;
};

/** Everything hangs on something that exists only after its own creation. */
const program = ({
  type = "cpx22",
  location = "fsn1",
  labels = '{ role: "web" }',
  options = "{}",
}: Wishes = {}): string => `
const password = new pulumi.Config().requireSecret("password");
const key = new hcloud.SshKey("key", { publicKey: ${JSON.stringify(KEY)} });
const network = new hcloud.Network("net", { name: "net", ipRange: "10.0.0.0/16" });
const subnet = new hcloud.NetworkSubnet("subnet", {
  networkId: network.id.apply(Number),
  type: "cloud",
  networkZone: "eu-central",
  ipRange: "10.0.1.0/24",
});
const server = new hcloud.Server("web", {
  name: "web",
  serverType: ${JSON.stringify(type)},
  location: ${JSON.stringify(location)},
  image: "debian-13",
  keepDisk: true,
  sshKeys: [key.id],
  userData: pulumi.interpolate\`#cloud-config password \${password}\`,
  networks: [{ subnetId: subnet.id, ip: "10.0.1.5" }],
  labels: ${labels},
}, ${options});
const zone = cloudflare.getZoneOutput({ filter: { name: "example.com" } });
const record = new cloudflare.DnsRecord("www", {
  zoneId: zone.zoneId,
  name: "www.example.com",
  type: "A",
  content: server.ipv4Address,
  ttl: 1,
  proxied: true,
});
export const serverId = server.id;
export const address = server.ipv4Address;
export const recordId = record.id;
export const zoneId = zone.zoneId;
export const hidden = server.userData;
`;

describe("a deployment with stand-ins", { skip: await engineMissing() }, () => {
  let stage: Stage | undefined;
  let cloud: LocalCloud;
  let project: Project;
  before(async () => {
    stage = await openStage();
    ({ cloud, project } = stage);
    const set = await project.pulumi("config", "set", "--secret", "password", "vErYsEcReT-0815");
    assert.equal(set.code, 0, set.output);
  });
  after(() => stage?.close());

  const upWith = async (wishes: Wishes, ...args: readonly string[]): Promise<string> => {
    await project.write(program(wishes));
    const run = await project.up(...args);
    assert.equal(run.code, 0, run.output);
    return run.output;
  };
  const server = async (): Promise<Answer> => (await cloud.hcloud("GET", "/servers?name=web")).servers[0];
  const changesOf = (steps: readonly Step[]): readonly string[] =>
    steps.filter(({ op }) => op !== "same").map(({ op, name }) => `${op} ${name}`);

  it("previews the chain without touching anything", async () => {
    await project.write(program());
    const steps = await project.steps();
    const expected = ["p-dev", "key", "net", "subnet", "web", "www"].map((name) => `create ${name}`);
    assert.deepEqual(new Set(changesOf(steps)), new Set(expected));
    const record = steps.find(({ name }) => name === "www")?.newState?.inputs;
    assert.deepEqual([record?.name, record?.content], ["www.example.com", UNKNOWN]);
    assert.equal(cloud.requests().filter((line) => !line.startsWith("GET")).length, 0);
  });

  it("creates it, says what it is, and finds nothing to change afterwards", async () => {
    const output = await upWith({});
    const [, diagnostics = ""] = output.split("Diagnostics:");
    for (const name of ["hcloud", "cloudflare"]) {
      assert.equal(diagnostics.split(`${name}: stand-in plugin`).length, 2, output);
    }
    const { serverId, address, recordId, zoneId } = await project.outputs();
    const live = await server();
    assert.deepEqual(
      [String(live.id), live.public_net.ipv4.ip, live.private_net[0].ip],
      [serverId, address, "10.0.1.5"],
    );
    assert.equal((await cloud.cf("GET", `/zones/${zoneId}/dns_records/${recordId}`)).content, address);
    const again = await project.up("--expect-no-changes");
    assert.equal(again.code, 0, again.output);
    const refreshed = await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    assert.equal(refreshed.code, 0, refreshed.output);
  });

  it("keeps secrets out of state and of what it prints", async () => {
    const secret = /vErYsEcReT-0815/;
    const { stdout } = await project.pulumi("stack", "export");
    assert.doesNotMatch(stdout, secret);
    const { resources } = (JSON.parse(stdout) as { deployment: { resources: readonly Answer[] } }).deployment;
    const web = resources.find(({ urn }) => urn.endsWith("::web"));
    assert.ok(web.inputs.userData.ciphertext, "the input is encrypted");
    assert.ok(web.outputs.userData.ciphertext, "and so is the output of the same name");
    const entries = await readdir(join(project.directory, "state"), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((item) => item.isFile())) {
      assert.doesNotMatch(await readFile(join(entry.parentPath, entry.name), "utf8"), secret, entry.name);
    }
    const shown = await project.pulumi("preview", "--diff");
    assert.doesNotMatch(shown.output, secret);
  });

  it("changes the type in place: power off, change, power on", async () => {
    await project.write(program({ type: "cpx32" }));
    const steps = await project.steps();
    assert.deepEqual(changesOf(steps), ["update web"]);
    assert.deepEqual(Object.keys(steps.find(({ name }) => name === "web")?.detailedDiff ?? {}), ["serverType"]);
    const { id } = await server();
    const before = cloud.requests().length;
    await upWith({ type: "cpx32" });
    const calls = cloud
      .requests()
      .slice(before)
      .filter((line) => line.includes("/actions/"));
    assert.deepEqual(calls.slice(0, 2), [
      `POST /servers/${id}/actions/poweroff`,
      `POST /servers/${id}/actions/change_type`,
    ]);
    const live = await server();
    assert.deepEqual(
      [live.id, live.server_type.name, live.status, live.primary_disk_size],
      [id, "cpx32", "running", 80],
    );
  });

  it("leaves alone what the program tells it to ignore", async () => {
    const options = '{ ignoreChanges: ["labels", "userData"] }';
    await upWith({ type: "cpx32", labels: '{ role: "db" }', options }, "--expect-no-changes");
    assert.deepEqual((await server()).labels, { role: "web" });
  });

  it("sees drift in a refresh and puts it right", async () => {
    const { id } = await server();
    await cloud.hcloud("PUT", `/servers/${id}`, { labels: { role: "stolen" } });
    const { zoneId, recordId } = await project.outputs();
    await cloud.cf("PATCH", `/zones/${zoneId}/dns_records/${recordId}`, { content: "192.0.2.66" });
    await project.write(program({ type: "cpx32" }));
    const refreshed = await project.pulumi("refresh", "--yes", "--skip-preview", "--diff");
    assert.match(refreshed.output, /stolen/);
    assert.match(refreshed.output, /192\.0\.2\.66/);
    assert.deepEqual(changesOf(await project.steps()), ["update web", "update www"]);
    await upWith({ type: "cpx32" });
    assert.deepEqual((await server()).labels, { role: "web" });
    assert.notEqual((await cloud.cf("GET", `/zones/${zoneId}/dns_records/${recordId}`)).content, "192.0.2.66");
  });

  it("makes again what was deleted behind its back", async () => {
    const { zoneId, recordId } = await project.outputs();
    await cloud.cf("DELETE", `/zones/${zoneId}/dns_records/${recordId}`);
    const run = await project.up("--refresh");
    assert.equal(run.code, 0, run.output);
    const renewed = (await project.outputs()).recordId;
    assert.notEqual(renewed, recordId);
    assert.equal((await cloud.cf("GET", `/zones/${zoneId}/dns_records/${renewed}`)).name, "www.example.com");
  });

  it("replaces a server that carries a fixed name by deleting it first", async () => {
    const { id } = await server();
    await project.write(program({ type: "cpx32", location: "nbg1" }));
    const steps = await project.steps();
    const web = steps.filter(({ name }) => name === "web");
    assert.deepEqual(
      web.map(({ op, replaceReasons }) => [op, replaceReasons]),
      [["replace", ["location"]]],
    );
    const before = cloud.requests().length;
    await upWith({ type: "cpx32", location: "nbg1" });
    const calls = cloud.requests().slice(before);
    const [gone, made] = [calls.indexOf(`DELETE /servers/${id}`), calls.indexOf("POST /servers")];
    assert.ok(gone >= 0 && made > gone, calls.join("\n"));
    const live = await server();
    assert.notEqual(live.id, id);
    assert.equal(live.location.name, "nbg1");
    const { zoneId, recordId, address } = await project.outputs();
    assert.equal((await cloud.cf("GET", `/zones/${zoneId}/dns_records/${recordId}`)).content, address);
  });

  it("does not delete what the program protects", async () => {
    await upWith({ type: "cpx32", location: "nbg1", options: "{ protect: true }" });
    const { id } = await server();
    const destroyed = await project.pulumi("destroy", "--yes", "--skip-preview");
    assert.notEqual(destroyed.code, 0);
    assert.match(destroyed.output, /protect/);
    await project.write(program({ type: "cpx32", location: "hel1", options: "{ protect: true }" }));
    const moved = await project.up();
    assert.notEqual(moved.code, 0);
    assert.equal((await server()).id, id);
  });

  it("destroys everything and leaves nothing", async () => {
    await upWith({ type: "cpx32", location: "nbg1" });
    const destroyed = await project.pulumi("destroy", "--yes", "--skip-preview");
    assert.equal(destroyed.code, 0, destroyed.output);
    for (const kind of ["servers", "networks", "ssh_keys", "primary_ips"]) {
      assert.deepEqual((await cloud.hcloud("GET", `/${kind}`))[kind], [], kind);
    }
    assert.deepEqual(cloud.unhandled(), []);
  });
});
