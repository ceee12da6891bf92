import assert from "node:assert/strict";
import { test } from "node:test";
import { battery, frozen, keys, newNetwork, newServer, serverOf, subnet } from "./harness.ts";

const basic = { server_type: "cpx22", image: "debian-13", location: "fsn1" };

battery("creating servers", (api) => {
  test("answers 201 with a running action; the server is usable when its actions are over", async () => {
    const answer = await api.call("POST", "/servers", { name: "first", ...basic });
    assert.equal(answer.status, 201);
    const { server, action, next_actions, root_password } = answer.body;
    assert.deepEqual([server.status, server.locked], ["initializing", true]);
    assert.deepEqual([action.command, action.status, action.finished], ["create_server", "running", null]);
    assert.deepEqual(action.resources, [{ id: server.id, type: "server" }]);
    assert.deepEqual(
      next_actions.map((next) => next.command),
      ["start_server"],
    );
    assert.match(root_password ?? "", /^\w{20}$/);
    for (const each of [action, ...next_actions]) assert.equal((await api.settle(each)).status, "success");
    const ready = await serverOf(api, server.id);
    assert.deepEqual([ready.status, ready.locked], ["running", false]);
    assert.equal("datacenter" in ready, false);
    assert.deepEqual([ready.private_net, ready.volumes, ready.load_balancers], [[], [], []]);
    assert.equal(ready.location.name, "fsn1");
    assert.equal(ready.included_traffic, 20 * 2 ** 40);
  });

  test("without public_net both addresses are made and vanish with the server", async () => {
    const server = await newServer(api);
    const { ipv4, ipv6 } = server.public_net;
    assert.match(ipv6?.ip ?? "", /::\/64$/);
    const address = (await api.expect(200, "GET", `/primary_ips/${ipv4?.id}`)).primary_ip;
    assert.deepEqual(
      [address.assignee_id, address.auto_delete, address.name],
      [server.id, true, `primary_ip-${ipv4?.id}`],
    );
    assert.equal(ipv4?.dns_ptr, `static.${ipv4?.ip.split(".").reverse().join(".")}.clients.your-server.de`);
    await api.done("DELETE", `/servers/${server.id}`);
    await api.refuse(404, "not_found", "GET", `/primary_ips/${ipv4?.id}`);
    await api.refuse(404, "not_found", "GET", `/servers/${server.id}`);
  });

  test("an SSH key, by id or name, replaces the root password", async () => {
    const key = (await api.done("POST", "/ssh_keys", { name: "key of servers", public_key: keys.first })).ssh_key;
    for (const wanted of [key.id, key.name]) {
      const { root_password, server } = await api.done("POST", "/servers", {
        name: `with-key-${typeof wanted}`,
        ...basic,
        ssh_keys: [wanted],
      });
      assert.equal(root_password, null);
      assert.equal(server.name, `with-key-${typeof wanted}`);
    }
    await api.refuse(404, "not_found", "POST", "/servers", { name: "no-key", ...basic, ssh_keys: ["missing"] });
  });

  test("the name is unique until the delete action is over", async () => {
    const server = await newServer(api, { name: "taken" });
    const fault = await api.refuse(409, "uniqueness_error", "POST", "/servers", { name: "taken", ...basic });
    assert.deepEqual(fault.details.fields, [{ name: "name" }]);
    const action = await frozen(api, async () => {
      const begun = await api.expect(200, "DELETE", `/servers/${server.id}`);
      assert.equal((await serverOf(api, server.id)).status, "deleting");
      await api.refuse(409, "uniqueness_error", "POST", "/servers", { name: "taken", ...basic });
      return begun.action;
    });
    await api.settle(action);
    await newServer(api, { name: "taken" });
  });

  test("every fault of the body is reported at once, by field", async () => {
    const { details, message } = await api.refuse(422, "invalid_input", "POST", "/servers", {
      name: "-bad-",
      server_type: "cpx22",
      user_data: "x".repeat(32_769),
      labels: { "hetzner.cloud/x": "1" },
      datacenter: "fsn1-dc14",
    });
    const fields = Object.fromEntries(details.fields.map((field) => [field.name, field.messages?.[0]]));
    assert.deepEqual(new Set(Object.keys(fields)), new Set(["datacenter", "image", "labels", "name", "user_data"]));
    assert.equal(fields.user_data, "Length must be between 0 and 32768.");
    assert.equal(fields.image, "Missing data for required field.");
    assert.match(message, /^invalid input in fields /);
  });

  test("user data is measured in bytes", async () => {
    const body = { name: "user-data", ...basic };
    await api.refuse(422, "invalid_input", "POST", "/servers", { ...body, user_data: "ü".repeat(16_385) });
    await api.done("POST", "/servers", { ...body, user_data: "ü".repeat(16_384) });
  });

  test("a type is refused where it is not sold, where it is retired, and when it is out of stock", async () => {
    const body = { name: "placement", ...basic };
    const unsold = await api.refuse(422, "invalid_input", "POST", "/servers", {
      ...body,
      server_type: "cx23",
      location: "ash",
    });
    assert.equal(unsold.message, "unsupported location for server type");
    await api.refuse(422, "invalid_server_type", "POST", "/servers", { ...body, server_type: "cpx21" });
    const effect = { type: "stock_out", serverType: "cpx22", location: "fsn1" };
    const { fault } = await api.expect(201, "POST", "/_local/faults", { effect });
    const out = await api.refuse(412, "resource_unavailable", "POST", "/servers", body);
    assert.equal(out.message, "error during placement");
    const shown = (await api.expect(200, "GET", "/server_types?name=cpx22")).server_types[0];
    assert.equal(shown?.locations.find((location) => location.name === "fsn1")?.available, false);
    assert.equal(shown?.locations.find((location) => location.name === "nbg1")?.available, true);
    await api.done("POST", "/servers", { ...body, location: "nbg1" });
    await api.expect(204, "DELETE", `/_local/faults/${fault.id}`);
    await newServer(api, { server_type: "cpx21", location: "ash" });
  });

  test("a refused creation leaves nothing behind", async () => {
    const before = (await api.expect(200, "GET", "/primary_ips")).meta.pagination.total_entries;
    await api.refuse(404, "not_found", "POST", "/servers", { name: "ghost", ...basic, firewalls: [{ firewall: 1 }] });
    const after = (await api.expect(200, "GET", "/primary_ips")).meta.pagination.total_entries;
    assert.equal(after, before);
    assert.deepEqual((await api.expect(200, "GET", "/servers?name=ghost")).servers, []);
  });

  test("a private-only server needs a network and takes no firewall", async () => {
    const closed = { enable_ipv4: false, enable_ipv6: false };
    const body = { name: "private", ...basic, public_net: closed };
    await api.refuse(422, "invalid_input", "POST", "/servers", body);
    const network = await newNetwork(api);
    const { firewall } = await api.done("POST", "/firewalls", { name: "of private" });
    await api.refuse(422, "private_net_only_server", "POST", "/servers", {
      ...body,
      networks: [network.id],
      firewalls: [{ firewall: firewall.id }],
    });
    const server = await newServer(api, { ...body, networks: [network.id] });
    assert.deepEqual([server.public_net.ipv4, server.public_net.ipv6], [null, null]);
    assert.equal(server.private_net[0]?.network, network.id);
  });

  test("networks, volumes and firewalls of the request are attached before the start", async () => {
    const network = await newNetwork(api, { ip_range: "10.9.0.0/16", subnets: [subnet("10.9.1.0/24")] });
    const { volume } = await api.done("POST", "/volumes", { name: "inline", size: 10, location: "fsn1" });
    const { firewall } = await api.done("POST", "/firewalls", { name: "inline" });
    const created = await api.expect(201, "POST", "/servers", {
      name: "inline",
      ...basic,
      networks: [network.id],
      volumes: [volume.id],
      firewalls: [{ firewall: firewall.id }],
    });
    assert.deepEqual(created.next_actions.map((action) => action.command).sort(), [
      "attach_to_network",
      "attach_volume",
      "start_server",
    ]);
    assert.deepEqual(created.server.private_net, []);
    assert.deepEqual(created.server.public_net.firewalls, [{ id: firewall.id, status: "pending" }]);
    for (const action of created.next_actions) assert.equal((await api.settle(action)).status, "success");
    const server = await serverOf(api, created.server.id);
    assert.equal(server.private_net[0]?.ip, "10.9.1.1");
    assert.deepEqual(server.volumes, [volume.id]);
    assert.deepEqual(server.public_net.firewalls, [{ id: firewall.id, status: "applied" }]);
  });

  test("start_after_create false leaves it off", async () => {
    const { server, next_actions } = await api.done("POST", "/servers", {
      name: "off",
      ...basic,
      start_after_create: false,
    });
    assert.deepEqual(next_actions, []);
    assert.equal((await serverOf(api, server.id)).status, "off");
  });

  test("an image fits the architecture: by name it is chosen, by id it is checked", async () => {
    const server = await newServer(api, { server_type: "cax11" });
    assert.equal(server.image?.architecture, "arm");
    await api.refuse(422, "invalid_input", "POST", "/servers", {
      name: "wrong-arch",
      ...basic,
      image: server.image?.id,
    });
    await api.refuse(422, "invalid_input", "POST", "/servers", { name: "no-image", ...basic, image: "plan9" });
  });

  test("the project limit answers 403 and names the limit", async () => {
    await api.expect(200, "PUT", "/_local/limits", { servers: 1 });
    const fault = await api.refuse(403, "resource_limit_exceeded", "POST", "/servers", { name: "beyond", ...basic });
    assert.deepEqual(fault.details.limits, [{ name: "servers" }]);
    await api.expect(200, "PUT", "/_local/limits", { servers: 1000 });
  });

  test("PUT renames and replaces the whole set of labels", async () => {
    const server = await newServer(api, { labels: { a: "1", b: "2" } });
    const changed = (await api.expect(200, "PUT", `/servers/${server.id}`, { name: "renamed", labels: { c: "" } }))
      .server;
    assert.deepEqual([changed.name, changed.labels], ["renamed", { c: "" }]);
    const other = await newServer(api);
    await api.refuse(409, "uniqueness_error", "PUT", `/servers/${other.id}`, { name: "renamed" });
    assert.deepEqual((await api.expect(200, "PUT", `/servers/${server.id}`, { name: "renamed" })).server.labels, {
      c: "",
    });
  });
});
