import assert from "node:assert/strict";
import { test } from "node:test";
import { type Api, battery, frozen, type Json, newNetwork, newServer, serverOf, subnet } from "./harness.ts";
import type { Network } from "./shapes.ts";

const networkOf = async (api: Api, id: number): Promise<Network> =>
  (await api.expect(200, "GET", `/networks/${id}`)).network;

battery("networks", (api) => {
  const closed = { enable_ipv4: false, enable_ipv6: false };
  const attach = (server: number, body: Json): Promise<unknown> =>
    api.done("POST", `/servers/${server}/actions/attach_to_network`, body);

  test("subnets show the network's first address as gateway; the default subnet is the first free /24", async () => {
    const { id, subnets } = await newNetwork(api, { ip_range: "10.20.0.0/16", subnets: [subnet("10.20.0.0/24")] });
    assert.deepEqual([subnets[0]?.gateway, subnets[0]?.network_zone], ["10.20.0.1", "eu-central"]);
    await api.done("POST", `/networks/${id}/actions/add_subnet`, { type: "cloud", network_zone: "us-east" });
    assert.deepEqual(
      (await networkOf(api, id)).subnets.map((one) => [one.ip_range, one.gateway]),
      [
        ["10.20.0.0/24", "10.20.0.1"],
        ["10.20.1.0/24", "10.20.0.1"],
      ],
    );
  });

  test("ranges must be private, aligned, inside the network and apart from one another", async () => {
    for (const ip_range of ["8.8.8.0/24", "10.0.0.1/16", "10.0.0.0/25", "fd00::/64"]) {
      await api.refuse(422, "invalid_input", "POST", "/networks", { name: "bad", ip_range });
    }
    const { id } = await newNetwork(api);
    for (const bad of [
      subnet("10.0.1.128/25"),
      subnet("10.1.0.0/24"),
      subnet("10.0.2.0/31"),
      subnet("10.0.2.0/24", "moon"),
    ]) {
      await api.refuse(422, "invalid_input", "POST", `/networks/${id}/actions/add_subnet`, bad);
    }
    await api.refuse(422, "invalid_input", "POST", "/networks", {
      name: "bad",
      ip_range: "10.0.0.0/16",
      colour: "red",
    });
  });

  test("the range can only grow", async () => {
    const { id } = await newNetwork(api);
    await api.refuse(422, "invalid_input", "POST", `/networks/${id}/actions/change_ip_range`, {
      ip_range: "10.0.0.0/17",
    });
    await api.done("POST", `/networks/${id}/actions/change_ip_range`, { ip_range: "10.0.0.0/8" });
    assert.equal((await networkOf(api, id)).ip_range, "10.0.0.0/8");
  });

  test("a second change during the first is a conflict, an attachment as well", async () => {
    const { id } = await newNetwork(api);
    const server = await newServer(api);
    const first = await frozen(api, async () => {
      const begun = await api.expect(201, "POST", `/networks/${id}/actions/add_subnet`, subnet("10.0.2.0/24"));
      await api.refuse(409, "conflict", "POST", `/networks/${id}/actions/add_subnet`, subnet("10.0.3.0/24"));
      await api.refuse(409, "conflict", "DELETE", `/networks/${id}`);
      await api.refuse(409, "conflict", "POST", `/servers/${server.id}/actions/attach_to_network`, { network: id });
      return begun;
    });
    await api.settle(first.action);
    await api.done("POST", `/networks/${id}/actions/add_subnet`, subnet("10.0.3.0/24"));
    await attach(server.id, { network: id });
  });

  test("routes: a gateway inside, a destination outside the subnets, no duplicates", async () => {
    const { id } = await newNetwork(api);
    const path = `/networks/${id}/actions`;
    const nat = { destination: "0.0.0.0/0", gateway: "10.0.1.2" };
    for (const bad of [
      { ...nat, gateway: "10.9.0.1" },
      { ...nat, gateway: "10.0.0.1" },
      { ...nat, destination: "10.0.1.0/25" },
      { ...nat, destination: "0.0.0.1/0" },
    ]) {
      await api.refuse(422, "invalid_input", "POST", `${path}/add_route`, bad);
    }
    await api.done("POST", `${path}/add_route`, nat);
    await api.refuse(422, "invalid_input", "POST", `${path}/add_route`, nat);
    assert.deepEqual((await networkOf(api, id)).routes, [nat]);
    await api.done("POST", `${path}/delete_route`, nat);
    assert.deepEqual((await networkOf(api, id)).routes, []);
    await api.refuse(422, "invalid_input", "POST", `${path}/delete_route`, nat);
  });

  test("an attached subnet cannot be deleted, a deleted network detaches its members", async () => {
    const { id } = await newNetwork(api);
    const server = await newServer(api);
    await attach(server.id, { network: id });
    assert.deepEqual((await networkOf(api, id)).servers, [server.id]);
    const range = { ip_range: "10.0.1.0/24" };
    await api.refuse(422, "resource_in_use", "POST", `/networks/${id}/actions/delete_subnet`, range);
    const { members } = await api.expect(200, "GET", `/networks/${id}/members?type=server`);
    assert.deepEqual(
      members.map(({ id: member, subnet: range_, status }) => [member, range_, status]),
      [[server.id, "10.0.1.0/24", "ok"]],
    );
    await api.done("POST", `/networks/${id}/actions/change_protection`, { delete: true });
    await api.refuse(423, "protected", "DELETE", `/networks/${id}`);
    await api.done("POST", `/networks/${id}/actions/change_protection`, { delete: false });
    await api.expect(204, "DELETE", `/networks/${id}`);
    assert.deepEqual((await serverOf(api, server.id)).private_net, []);
  });

  test("addresses: wished, first free, last subnet by default, aliases, and what is refused", async () => {
    const { id } = await newNetwork(api, { subnets: [subnet("10.0.0.0/24"), subnet("10.0.5.0/24")] });
    const [a, b, c] = [await newServer(api), await newServer(api), await newServer(api)];
    await attach(a.id, { network: id, ip: "10.0.5.7", alias_ips: ["10.0.5.8"] });
    assert.deepEqual((await serverOf(api, a.id)).private_net[0]?.alias_ips, ["10.0.5.8"]);
    const path = `/servers/${b.id}/actions/attach_to_network`;
    for (const ip of ["10.0.5.7", "10.0.5.8", "10.0.0.1", "10.0.0.0", "10.0.5.255", "10.0.9.9"]) {
      await api.refuse(422, "ip_not_available", "POST", path, { network: id, ip });
    }
    await attach(b.id, { network: id });
    assert.equal((await serverOf(api, b.id)).private_net[0]?.ip, "10.0.5.1");
    await attach(c.id, { network: id, ip_range: "10.0.0.0/24" });
    assert.equal((await serverOf(api, c.id)).private_net[0]?.ip, "10.0.0.2");
    await api.refuse(422, "server_already_attached", "POST", path, { network: id });

    await api.done("POST", `/servers/${a.id}/actions/change_alias_ips`, { network: id, alias_ips: [] });
    assert.deepEqual((await serverOf(api, a.id)).private_net[0]?.alias_ips, []);
    await api.done("POST", `/servers/${a.id}/actions/detach_from_network`, { network: id });
    assert.deepEqual((await serverOf(api, a.id)).private_net, []);
  });

  test("no subnet in the zone, overlapping networks, too many networks", async () => {
    const empty = await newNetwork(api, { subnets: [] });
    const server = await newServer(api);
    const path = `/servers/${server.id}/actions/attach_to_network`;
    await api.refuse(422, "no_subnet_available", "POST", path, { network: empty.id });
    await api.done("POST", `/networks/${empty.id}/actions/add_subnet`, subnet("10.0.1.0/24", "us-east"));
    await api.refuse(422, "no_subnet_available", "POST", path, { network: empty.id });
    const [one, two] = [await newNetwork(api), await newNetwork(api, { ip_range: "10.0.0.0/15" })];
    await attach(server.id, { network: one.id });
    await api.refuse(422, "networks_overlap", "POST", path, { network: two.id });
    for (const block of ["10.30", "10.31"]) {
      const next = await newNetwork(api, { ip_range: `${block}.0.0/16`, subnets: [subnet(`${block}.1.0/24`)] });
      await attach(server.id, { network: next.id });
    }
    const fourth = await newNetwork(api, { ip_range: "10.32.0.0/16", subnets: [subnet("10.32.1.0/24")] });
    await api.refuse(403, "resource_limit_exceeded", "POST", path, { network: fourth.id });
  });

  test("a given-up address stays taken for the configured time", async () => {
    const { id } = await newNetwork(api);
    await api.expect(200, "PUT", "/_local/delays", { privateIpRelease: 60_000 });
    const first = await newServer(api, { networks: [id], public_net: closed });
    const ip = first.private_net[0]?.ip;
    await api.done("DELETE", `/servers/${first.id}`);
    const second = await newServer(api);
    const wish = { network: id, ip };
    await api.refuse(422, "ip_not_available", "POST", `/servers/${second.id}/actions/attach_to_network`, wish);
    await api.expect(200, "POST", "/_local/clock", { advanceSeconds: 61 });
    await attach(second.id, wish);
    await api.expect(200, "PUT", "/_local/delays", { privateIpRelease: 0 });
  });
});
