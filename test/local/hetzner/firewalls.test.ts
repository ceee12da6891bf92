import assert from "node:assert/strict";
import { test } from "node:test";
import { type Api, battery, newNetwork, newServer, serverOf, until } from "./harness.ts";
import type { Firewall } from "./shapes.ts";

const ssh = { direction: "in", protocol: "tcp", port: "22", source_ips: ["10.0.0.0/8", "2001:db8::/32"] };
const firewallOf = async (api: Api, id: number): Promise<Firewall> =>
  (await api.expect(200, "GET", `/firewalls/${id}`)).firewall;

battery("firewalls", (api) => {
  const onServer = (id: number) => ({ type: "server", server: { id } });
  const onLabel = (selector: string) => ({ type: "label_selector", label_selector: { selector } });

  test("rules come back complete, and are replaced as a whole", async () => {
    const { firewall } = await api.done("POST", "/firewalls", { name: "rules", rules: [ssh] });
    assert.deepEqual(firewall.rules, [{ ...ssh, destination_ips: [], description: null }]);
    const icmp = { direction: "out", protocol: "icmp", destination_ips: ["0.0.0.0/0"], description: "ping" };
    await api.done("POST", `/firewalls/${firewall.id}/actions/set_rules`, { rules: [icmp] });
    assert.deepEqual((await firewallOf(api, firewall.id)).rules, [{ ...icmp, port: null, source_ips: [] }]);
  });

  test("every kind of wrong rule is named", async () => {
    const wrong: readonly [object, string][] = [
      [{ ...ssh, port: undefined }, "rules.0.port"],
      [{ ...ssh, port: "80-22" }, "rules.0.port"],
      [{ ...ssh, port: "65536" }, "rules.0.port"],
      [{ ...ssh, protocol: "icmp" }, "rules.0.port"],
      [{ ...ssh, protocol: "sctp" }, "rules.0.protocol"],
      [{ ...ssh, source_ips: [] }, "rules.0.source_ips"],
      [{ ...ssh, source_ips: ["10.0.0.1/8"] }, "rules.0.source_ips.0"],
      [{ ...ssh, source_ips: ["10.0.0.0"] }, "rules.0.source_ips.0"],
      [{ ...ssh, direction: "out" }, "rules.0.destination_ips"],
      [{ ...ssh, comment: "x" }, "rules.0.comment"],
    ];
    for (const [rule, field] of wrong) {
      const fault = await api.refuse(422, "invalid_input", "POST", "/firewalls", { name: "wrong", rules: [rule] });
      assert.ok(
        fault.details.fields.some(({ name }) => name === field),
        `${field}: ${JSON.stringify(fault)}`,
      );
    }
    const rules = Array.from({ length: 51 }, () => ssh);
    await api.refuse(422, "invalid_input", "POST", "/firewalls", { name: "many", rules });
    await api.done("POST", "/firewalls", { name: "fifty", rules: rules.slice(1) });
  });

  test("applied to a server it is in use; removing it twice succeeds", async () => {
    const server = await newServer(api);
    const { firewall } = await api.done("POST", "/firewalls", { name: "used", apply_to: [onServer(server.id)] });
    assert.deepEqual((await serverOf(api, server.id)).public_net.firewalls, [{ id: firewall.id, status: "applied" }]);
    assert.deepEqual((await firewallOf(api, firewall.id)).applied_to, [onServer(server.id)]);
    await api.refuse(422, "resource_in_use", "DELETE", `/firewalls/${firewall.id}`);
    const path = `/firewalls/${firewall.id}/actions`;
    await api.refuse(422, "firewall_already_applied", "POST", `${path}/apply_to_resources`, {
      apply_to: [onServer(server.id)],
    });
    await api.refuse(422, "firewall_resource_not_found", "POST", `${path}/apply_to_resources`, {
      apply_to: [onServer(1)],
    });
    for (let time = 0; time < 2; time += 1) {
      await api.done("POST", `${path}/remove_from_resources`, { remove_from: [onServer(server.id)] });
    }
    await api.expect(204, "DELETE", `/firewalls/${firewall.id}`);
    assert.deepEqual((await serverOf(api, server.id)).public_net.firewalls, []);
  });

  test("deleting the server frees the firewall", async () => {
    const server = await newServer(api);
    const { firewall } = await api.done("POST", "/firewalls", { name: "freed", apply_to: [onServer(server.id)] });
    await api.done("DELETE", `/servers/${server.id}`);
    await api.expect(204, "DELETE", `/firewalls/${firewall.id}`);
  });

  test("a label selector follows labels a moment later, and leaves private-only servers out", async () => {
    const network = await newNetwork(api);
    const matching = await newServer(api, { labels: { role: "web" } });
    const closed = { enable_ipv4: false, enable_ipv6: false };
    await newServer(api, { labels: { role: "web" }, networks: [network.id], public_net: closed });
    const later = await newServer(api, { labels: { role: "db" } });
    const { firewall } = await api.done("POST", "/firewalls", { name: "by label", apply_to: [onLabel("role=web")] });
    const covered = async (): Promise<(number | undefined)[]> =>
      ((await firewallOf(api, firewall.id)).applied_to[0]?.applied_to_resources ?? []).map((one) => one.server?.id);
    assert.deepEqual(await covered(), [matching.id]);

    await api.expect(200, "PUT", `/servers/${later.id}`, { labels: { role: "web" } });
    assert.deepEqual(await until(covered, (ids) => ids.length === 2), [matching.id, later.id]);
    await api.refuse(
      422,
      "firewall_managed_by_label_selector",
      "POST",
      `/firewalls/${firewall.id}/actions/remove_from_resources`,
      { remove_from: [onServer(later.id)] },
    );
    await api.refuse(422, "resource_in_use", "DELETE", `/firewalls/${firewall.id}`);
    await api.done("POST", `/firewalls/${firewall.id}/actions/remove_from_resources`, {
      remove_from: [onLabel("role=web")],
    });
    await api.expect(204, "DELETE", `/firewalls/${firewall.id}`);
  });

  test("a server takes 500 rules, counted by their blocks", async () => {
    const server = await newServer(api);
    const blocks = Array.from({ length: 100 }, (_, index) => `10.${index}.0.0/16`);
    const rules = (count: number) => Array.from({ length: count }, () => ({ ...ssh, source_ips: blocks }));
    const wide = { name: "wide", rules: rules(5), apply_to: [onServer(server.id)] };
    await api.refuse(403, "resource_limit_exceeded", "POST", "/firewalls", { ...wide, rules: rules(6) });
    const { firewall } = await api.done("POST", "/firewalls", wide);
    const path = `/firewalls/${firewall.id}/actions/set_rules`;
    await api.refuse(403, "resource_limit_exceeded", "POST", path, { rules: rules(6) });
    assert.equal((await firewallOf(api, firewall.id)).rules.length, 5);
    await api.done("POST", path, { rules: rules(1) });
  });

  test("a server takes five firewalls, a private-only one none", async () => {
    const server = await newServer(api);
    const apply = async (name: string): Promise<number> =>
      (await api.call("POST", "/firewalls", { name, apply_to: [onServer(server.id)] })).status;
    for (let count = 1; count <= 5; count += 1) assert.equal(await apply(`five-${count}`), 201);
    assert.equal(await apply("sixth"), 403);
    const network = await newNetwork(api);
    const closed = { enable_ipv4: false, enable_ipv6: false };
    const hidden = await newServer(api, { networks: [network.id], public_net: closed });
    await api.refuse(422, "private_net_only_server", "POST", "/firewalls", {
      name: "hidden",
      apply_to: [onServer(hidden.id)],
    });
  });
});
