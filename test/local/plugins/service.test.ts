/** What the engine sees of a stand-in beside its resources: handshake, configuration, refusals, cancellation. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import { cloudflarePackage } from "../../../local/plugins/cloudflare/package.ts";
import { hcloudPackage } from "../../../local/plugins/hcloud/package.ts";
import { type LocalCloud, startCloud, TOKEN } from "./localCloud.ts";
import { hcloudProvider, openProvider, type Provider, keptBy } from "./provider.ts";

type Callback<T> = (error: grpc.ServiceError | null, response: T) => void;

const asked = <T>(call: (callback: Callback<T>) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });

const withCode = (code: grpc.status, pattern: RegExp) => (error: unknown) => {
  const { code: actual, details } = error as grpc.ServiceError;
  assert.equal(actual, code, details);
  assert.match(details, pattern);
  return true;
};

/** A port on which nothing listens any more. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

describe("a stand-in without an endpoint", () => {
  let hcloud: Provider;
  let cloudflare: Provider;
  before(async () => {
    hcloud = await openProvider(hcloudPackage);
    cloudflare = await openProvider(cloudflarePackage);
  });
  after(async () => {
    await hcloud.close();
    await cloudflare.close();
  });

  it("declines secrets in the handshake, so that the engine keeps them", async () => {
    const response = await asked((callback: Callback<InstanceType<typeof pb.ProviderHandshakeResponse>>) =>
      hcloud.client.handshake(new pb.ProviderHandshakeRequest(), callback),
    );
    assert.deepEqual(
      [response.getAcceptSecrets(), response.getAcceptResources(), response.getSupportsAutonamingConfiguration()],
      [false, false, true],
    );
  });

  it("names every fault of its configuration and never the token", async () => {
    const short = "secret-but-short";
    const faults = await hcloud.checkConfig({
      endpoint: "https://api.hetzner.cloud/v1",
      token: short,
      pollInterval: "soon",
    });
    assert.deepEqual(
      faults.map(({ property }) => property),
      ["endpoint", "token", "pollInterval"],
    );
    assert.ok(!JSON.stringify(faults).includes(short));
    assert.match(faults[1]?.reason ?? "", /16 characters given, exactly 64/);
    assert.deepEqual(
      (await cloudflare.checkConfig({})).map(({ property }) => property),
      ["baseUrl", "apiToken"],
    );
    assert.deepEqual(
      (await hcloud.checkConfig({ colour: "red" })).map(({ property }) => property),
      ["colour"],
    );
  });

  it("waits for values that are not known yet", async () => {
    assert.deepEqual(await hcloud.checkConfig({ endpoint: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" }), []);
  });

  it("does not start with a foreign endpoint", async () => {
    const settings = { endpoint: "https://api.hetzner.cloud/v1", token: TOKEN };
    await assert.rejects(hcloud.configure(settings), withCode(grpc.status.INVALID_ARGUMENT, /loopback/));
    const foreign = { baseUrl: "https://api.cloudflare.com/client/v4", apiToken: TOKEN };
    await assert.rejects(cloudflare.configure(foreign), withCode(grpc.status.INVALID_ARGUMENT, /loopback/));
    assert.deepEqual(hcloud.announced, []);
  });

  it("does nothing before it is configured", async () => {
    const key = { name: "k", publicKey: "ssh-ed25519 AAAA" };
    await assert.rejects(
      hcloud.create("hcloud:index/sshKey:SshKey", key),
      withCode(grpc.status.FAILED_PRECONDITION, /not configured/),
    );
  });

  it("refuses types and functions it does not know, and says which it knows", async () => {
    await assert.rejects(
      hcloud.check("hcloud:index/zone:Zone", {}),
      withCode(grpc.status.UNIMPLEMENTED, /zone:Zone: .*does not know.*Server/),
    );
    await assert.rejects(
      cloudflare.invoke("cloudflare:index/getUser:getUser", {}),
      withCode(grpc.status.UNIMPLEMENTED, /getUser/),
    );
    await assert.rejects(
      asked((callback) => hcloud.client.construct(new pb.ConstructRequest(), callback)),
      withCode(grpc.status.UNIMPLEMENTED, /Construct/),
    );
    await assert.rejects(
      asked((callback) => hcloud.client.call(new pb.CallRequest(), callback)),
      withCode(grpc.status.UNIMPLEMENTED, /Call/),
    );
  });

  it("has a schema with every type and function", async () => {
    for (const [provider, definition] of [
      [hcloud, hcloudPackage],
      [cloudflare, cloudflarePackage],
    ] as const) {
      const response = await asked((callback: Callback<InstanceType<typeof pb.GetSchemaResponse>>) =>
        provider.client.getSchema(new pb.GetSchemaRequest(), callback),
      );
      const schema = JSON.parse(response.getSchema()) as Readonly<Record<"resources" | "functions", object>>;
      assert.deepEqual(
        Object.keys(schema.resources),
        definition.resources.map(({ token }) => token),
      );
      assert.deepEqual(
        Object.keys(schema.functions),
        definition.functions.map(({ token }) => token),
      );
    }
  });
});

describe("a configured stand-in", () => {
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startCloud();
  });
  after(() => cloud.close());

  it("says once that it is one", async (t) => {
    const provider = await hcloudProvider(cloud);
    t.after(() => provider.close());
    assert.equal(provider.announced.length, 1);
    assert.match(provider.announced[0] ?? "", /^hcloud: stand-in plugin .*not the official one/);
  });

  const struck = async (id: number): Promise<void> => {
    while (cloud.struck(id) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const key = {
    name: "k",
    publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj",
  };

  it("stops waiting for an answer to a question when the run is cancelled", async (t) => {
    const provider = await hcloudProvider(cloud);
    t.after(() => provider.close());
    const made = await provider.create("hcloud:index/sshKey:SshKey", key);
    const id = cloud.fault({ api: "hetzner", method: "GET", path: `/ssh_keys/${made.id}`, effect: { type: "hang" } });
    const pending = provider.read("hcloud:index/sshKey:SshKey", made);
    const refused = assert.rejects(pending, withCode(grpc.status.UNAVAILABLE, /cancelled while waiting/));
    await struck(id);
    await provider.cancel();
    await refused;
    cloud.liftFaults();
    const other = await hcloudProvider(cloud);
    t.after(() => other.close());
    await other.remove("hcloud:index/sshKey:SshKey", made);
  });

  it("waits for the answer to a change, which would happen all the same", async (t) => {
    const provider = await hcloudProvider(cloud);
    t.after(() => provider.close());
    const id = cloud.fault({ api: "hetzner", method: "POST", path: "/ssh_keys", effect: { type: "hang" } });
    const pending = provider.create("hcloud:index/sshKey:SshKey", key);
    await struck(id);
    await provider.cancel();
    cloud.liftFaults();
    // The look at the result is a question again; what was made goes to the engine all the same.
    await assert.rejects(pending, (failure) => keptBy(failure)?.id !== undefined);
  });

  it("says so when nothing listens", async (t) => {
    const provider = await openProvider(hcloudPackage);
    t.after(() => provider.close());
    const endpoint = `http://127.0.0.1:${await freePort()}/v1`;
    await provider.configure({ endpoint, token: TOKEN, pollInterval: "1ms" });
    await assert.rejects(
      provider.create("hcloud:index/sshKey:SshKey", { name: "k", publicKey: "ssh-ed25519 AAAA" }),
      withCode(grpc.status.UNAVAILABLE, /nothing listens there/),
    );
  });
});
