import assert from "node:assert/strict";
import { test } from "node:test";
import { type Api, battery, newServer, serverOf } from "./harness.ts";
import type { FloatingIp, PrimaryIp } from "./shapes.ts";

const primaryOf = async (api: Api, id: number): Promise<PrimaryIp> =>
  (await api.expect(200, "GET", `/primary_ips/${id}`)).primary_ip;
const floatingOf = async (api: Api, id: number): Promise<FloatingIp> =>
  (await api.expect(200, "GET", `/floating_ips/${id}`)).floating_ip;

battery("primary IPs", (api) => {
  let count = 0;
  const newAddress = async (more: object = {}): Promise<PrimaryIp> => {
    count += 1;
    const body = { name: `address-${count}`, type: "ipv4", location: "fsn1", ...more };
    return (await api.done("POST", "/primary_ips", body)).primary_ip;
  };

  test("a free one says unassigned and needs no assignee type; datacenter is gone", async () => {
    const address = await newAddress();
    assert.deepEqual(
      [address.assignee_id, address.assignee_type, address.auto_delete, address.location.name],
      [null, "unassigned", false, "fsn1"],
    );
    const fault = await api.refuse(422, "invalid_input", "POST", "/primary_ips", {
      name: "old client",
      type: "ipv4",
      datacenter: "fsn1-dc14",
    });
    assert.ok(fault.details.fields.some(({ name }) => name === "datacenter"));
    await api.refuse(409, "uniqueness_error", "POST", "/primary_ips", {
      name: address.name,
      type: "ipv4",
      location: "fsn1",
    });
    await api.refuse(422, "invalid_input", "POST", "/primary_ips", { name: "nowhere", type: "ipv4" });
  });

  test("given to a new server it outlives it, and must be unassigned to be deleted", async () => {
    const address = await newAddress();
    const server = await newServer(api, { public_net: { enable_ipv4: true, enable_ipv6: false, ipv4: address.id } });
    assert.deepEqual([server.public_net.ipv4?.ip, server.public_net.ipv6], [address.ip, null]);
    assert.deepEqual((await primaryOf(api, address.id)).assignee_type, "server");
    await api.refuse(422, "must_be_unassigned", "DELETE", `/primary_ips/${address.id}`);
    const body = { name: "greedy", server_type: "cpx22", image: "debian-13", location: "fsn1" };
    await api.refuse(422, "primary_ip_assigned", "POST", "/servers", { ...body, public_net: { ipv4: address.id } });
    await api.done("DELETE", `/servers/${server.id}`);
    assert.equal((await primaryOf(api, address.id)).assignee_id, null);
    await api.expect(204, "DELETE", `/primary_ips/${address.id}`);
  });

  test("with auto_delete it goes with its server", async () => {
    const address = await newAddress({ auto_delete: true });
    const server = await newServer(api, { public_net: { ipv4: address.id } });
    await api.done("DELETE", `/servers/${server.id}`);
    await api.refuse(404, "not_found", "GET", `/primary_ips/${address.id}`);
  });

  test("assign and unassign need the server off and a free slot", async () => {
    const address = await newAddress();
    const server = await newServer(api);
    const assign = { assignee_id: server.id, assignee_type: "server" };
    const path = `/primary_ips/${address.id}/actions`;
    await api.refuse(422, "server_not_stopped", "POST", `${path}/assign`, assign);
    await api.done("POST", `/servers/${server.id}/actions/poweroff`);
    await api.refuse(422, "server_has_ipv4", "POST", `${path}/assign`, assign);
    const old = server.public_net.ipv4?.id;
    await api.done("POST", `/primary_ips/${old}/actions/unassign`);
    assert.equal((await serverOf(api, server.id)).public_net.ipv4, null);
    await api.done("POST", `${path}/assign`, assign);
    assert.equal((await serverOf(api, server.id)).public_net.ipv4?.ip, address.ip);
    await api.refuse(422, "primary_ip_already_assigned", "POST", `${path}/assign`, assign);
    await api.expect(204, "DELETE", `/primary_ips/${old}`);
    await api.done("POST", `/servers/${server.id}/actions/poweron`);
    await api.refuse(422, "server_not_stopped", "POST", `${path}/unassign`);
  });

  test("wrong location, wrong family", async () => {
    const far = await newAddress({ location: "hel1" });
    const six = await newAddress({ type: "ipv6" });
    const body = { name: "mismatch", server_type: "cpx22", image: "debian-13", location: "fsn1" };
    await api.refuse(422, "primary_ip_datacenter_mismatch", "POST", "/servers", {
      ...body,
      public_net: { ipv4: far.id },
    });
    await api.refuse(422, "primary_ip_version_mismatch", "POST", "/servers", { ...body, public_net: { ipv4: six.id } });
    assert.match(six.ip, /::\/64$/);
    assert.deepEqual(six.dns_ptr, []);
  });

  test("update, protection, reverse DNS on the address and through the server", async () => {
    const address = await newAddress();
    const changed = await api.expect(200, "PUT", `/primary_ips/${address.id}`, {
      auto_delete: true,
      labels: { a: "b" },
    });
    assert.deepEqual([changed.primary_ip.auto_delete, changed.primary_ip.labels], [true, { a: "b" }]);
    await api.done("POST", `/primary_ips/${address.id}/actions/change_protection`, { delete: true });
    await api.refuse(423, "protected", "DELETE", `/primary_ips/${address.id}`);

    const server = await newServer(api);
    const { ipv4, ipv6 } = server.public_net;
    const path = `/servers/${server.id}/actions/change_dns_ptr`;
    await api.done("POST", path, { ip: ipv4?.ip, dns_ptr: "one.example.com" });
    const six = ipv6?.ip.replace("::/64", "::1");
    await api.done("POST", path, { ip: six, dns_ptr: "six.example.com" });
    const after = await serverOf(api, server.id);
    assert.equal(after.public_net.ipv4?.dns_ptr, "one.example.com");
    assert.deepEqual(after.public_net.ipv6?.dns_ptr, [{ ip: six, dns_ptr: "six.example.com" }]);
    await api.refuse(422, "invalid_input", "POST", path, { ip: address.ip, dns_ptr: "not.mine" });
    await api.done("POST", path, { ip: ipv4?.ip, dns_ptr: null });
    assert.match((await serverOf(api, server.id)).public_net.ipv4?.dns_ptr ?? "", /^static\./);
  });
});

battery("floating IPs", (api) => {
  test("move between running servers, survive them, and can be protected", async () => {
    const [one, two] = [await newServer(api), await newServer(api)];
    const { floating_ip: address } = await api.done("POST", "/floating_ips", {
      type: "ipv4",
      server: one.id,
      name: "entry",
      description: "entry point",
    });
    assert.equal(address.home_location.name, "fsn1");
    assert.deepEqual((await serverOf(api, one.id)).public_net.floating_ips, [address.id]);
    const path = `/floating_ips/${address.id}`;
    await api.done("POST", `${path}/actions/assign`, { server: two.id });
    assert.deepEqual((await serverOf(api, one.id)).public_net.floating_ips, []);
    await api.done("DELETE", `/servers/${two.id}`);
    assert.equal((await floatingOf(api, address.id)).server, null);
    await api.done("POST", `${path}/actions/change_dns_ptr`, { ip: address.ip, dns_ptr: "entry.example.com" });
    assert.equal((await floatingOf(api, address.id)).dns_ptr[0]?.dns_ptr, "entry.example.com");
    await api.expect(200, "PUT", path, { description: "changed" });
    assert.equal((await floatingOf(api, address.id)).description, "changed");
    await api.done("POST", `${path}/actions/change_protection`, { delete: true });
    await api.refuse(423, "protected", "DELETE", path);
    await api.done("POST", `${path}/actions/change_protection`, { delete: false });
    await api.done("POST", `${path}/actions/unassign`);
    await api.expect(204, "DELETE", path);
  });

  test("needs a home or a server", async () => {
    await api.refuse(422, "invalid_input", "POST", "/floating_ips", { type: "ipv4" });
    const { floating_ip } = await api.done("POST", "/floating_ips", { type: "ipv6", home_location: "hel1" });
    assert.match(floating_ip.ip, /::\/64$/);
  });
});
