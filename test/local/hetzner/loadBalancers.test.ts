import assert from "node:assert/strict";
import { test } from "node:test";
import { type Api, battery, type Json, newNetwork, newServer, serverOf, until } from "./harness.ts";
import type { LoadBalancer } from "./shapes.ts";

const balancerOf = async (api: Api, id: number): Promise<LoadBalancer> =>
  (await api.expect(200, "GET", `/load_balancers/${id}`)).load_balancer;

battery("load balancers", (api) => {
  let count = 0;
  const newBalancer = async (more: Json = {}): Promise<LoadBalancer> => {
    count += 1;
    const body = { name: `balancer-${count}`, load_balancer_type: "lb11", location: "fsn1", ...more };
    return (await api.done("POST", "/load_balancers", body)).load_balancer;
  };
  const act = (id: number, name: string, body?: Json): Promise<unknown> =>
    api.done("POST", `/load_balancers/${id}/actions/${name}`, body);
  const onServer = (id: number, more: Json = {}): Json => ({ type: "server", server: { id }, ...more });
  const refuseTarget = (id: number, code: string, body: Json): Promise<unknown> =>
    api.refuse(422, code, "POST", `/load_balancers/${id}/actions/add_target`, body);

  test("services get the API's defaults and one listen port each", async () => {
    const { id } = await newBalancer({ services: [{ protocol: "http" }] });
    await act(id, "add_service", { protocol: "tcp", listen_port: 6443, destination_port: 6443 });
    const [http, tcp] = (await balancerOf(api, id)).services;
    assert.deepEqual([http?.listen_port, http?.destination_port], [80, 80]);
    assert.deepEqual(http?.http, {
      cookie_name: "HCLBSTICKY",
      cookie_lifetime: 300,
      certificates: [],
      redirect_http: false,
      sticky_sessions: false,
      timeout_idle: 60,
    });
    assert.deepEqual(http.health_check, {
      protocol: "http",
      port: 80,
      interval: 15,
      timeout: 10,
      retries: 3,
      http: { domain: "", path: "/", response: "", status_codes: ["2??", "3??"], tls: false },
    });
    assert.deepEqual([tcp?.http, tcp?.health_check.http], [null, null]);
    const path = `/load_balancers/${id}/actions/add_service`;
    await api.refuse(422, "source_port_already_used", "POST", path, { protocol: "http" });
    await api.refuse(422, "invalid_input", "POST", path, { protocol: "tcp" });
    await api.refuse(422, "invalid_input", "POST", path, { protocol: "https" });
    const slow = { protocol: "http", listen_port: 81, http: { timeout_idle: 301 } };
    await api.refuse(422, "invalid_input", "POST", path, slow);
  });

  test("update changes what is given, delete takes one away", async () => {
    const { id } = await newBalancer({
      services: [{ protocol: "http", health_check: { protocol: "http", port: 8080 } }],
    });
    await act(id, "update_service", {
      listen_port: 80,
      destination_port: 3000,
      health_check: { interval: 5, timeout: 4 },
    });
    const [service] = (await balancerOf(api, id)).services;
    assert.deepEqual(
      [service?.destination_port, service?.health_check.port, service?.health_check.interval],
      [3000, 8080, 5],
    );
    await act(id, "delete_service", { listen_port: 80 });
    assert.deepEqual((await balancerOf(api, id)).services, []);
    await api.refuse(422, "invalid_input", "POST", `/load_balancers/${id}/actions/delete_service`, { listen_port: 80 });
  });

  test("a public target needs an IPv4 address; health follows the server", async () => {
    const { id } = await newBalancer({ services: [{ protocol: "http" }] });
    const server = await newServer(api);
    const dark = await newServer(api, { public_net: { enable_ipv4: false } });
    await refuseTarget(id, "missing_ipv4", onServer(dark.id));
    await act(id, "add_target", onServer(server.id));
    await refuseTarget(id, "target_already_defined", onServer(server.id));
    assert.deepEqual((await serverOf(api, server.id)).load_balancers, [id]);
    const health = async (): Promise<string | undefined> =>
      (await balancerOf(api, id)).targets[0]?.health_status[0]?.status;
    const seen = new Set<string | undefined>();
    await until(health, (status) => {
      seen.add(status);
      return status !== "unknown";
    });
    assert.deepEqual([...seen].at(-1), "healthy");
    await api.done("POST", `/servers/${server.id}/actions/poweroff`);
    assert.equal(await health(), "unhealthy");
    await api.done("DELETE", `/servers/${server.id}`);
    assert.deepEqual((await balancerOf(api, id)).targets, []);
  });

  test("a private target needs both sides in the network", async () => {
    const network = await newNetwork(api);
    const { id } = await newBalancer();
    const server = await newServer(api);
    const target = onServer(server.id, { use_private_ip: true });
    await refuseTarget(id, "load_balancer_not_attached_to_network", target);
    await act(id, "attach_to_network", { network: network.id, ip: "10.0.1.100" });
    const attach = `/load_balancers/${id}/actions/attach_to_network`;
    await api.refuse(422, "load_balancer_already_attached", "POST", attach, { network: network.id });
    assert.deepEqual((await balancerOf(api, id)).private_net, [{ network: network.id, ip: "10.0.1.100" }]);
    await refuseTarget(id, "server_not_attached_to_network", target);
    await api.done("POST", `/servers/${server.id}/actions/attach_to_network`, { network: network.id });
    await act(id, "add_target", target);
    await api.expect(204, "DELETE", `/networks/${network.id}`);
    const after = await balancerOf(api, id);
    assert.deepEqual([after.private_net, after.targets], [[], []]);
  });

  test("the public interface is closed only without public targets", async () => {
    const network = await newNetwork(api);
    const server = await newServer(api, { networks: [network.id] });
    const elsewhere = { type: "ip", ip: { ip: "192.0.2.9" } };
    const { id, targets } = await newBalancer({ network: network.id, targets: [onServer(server.id), elsewhere] });
    assert.deepEqual(
      targets.map(({ type }) => type),
      ["server", "ip"],
    );
    await act(id, "remove_target", elsewhere);
    await api.refuse(
      422,
      "targets_without_use_private_ip",
      "POST",
      `/load_balancers/${id}/actions/disable_public_interface`,
    );
    await act(id, "remove_target", onServer(server.id));
    await act(id, "add_target", onServer(server.id, { use_private_ip: true }));
    await act(id, "disable_public_interface");
    assert.equal((await balancerOf(api, id)).public_net.enabled, false);
    await act(id, "enable_public_interface");
    await api.refuse(
      422,
      "load_balancer_target_not_found",
      "POST",
      `/load_balancers/${id}/actions/remove_target`,
      elsewhere,
    );
  });

  test("a label selector is evaluated anew each time; a cloud address is no ip target", async () => {
    const { id } = await newBalancer({ services: [{ protocol: "http" }] });
    const selector = { type: "label_selector", label_selector: { selector: "pool=green" } };
    await act(id, "add_target", selector);
    const members = async (): Promise<number[]> =>
      ((await balancerOf(api, id)).targets[0]?.targets ?? []).map((target) => target.server.id);
    assert.deepEqual(await members(), []);
    const server = await newServer(api, { labels: { pool: "green" } });
    assert.deepEqual(await members(), [server.id]);
    await refuseTarget(id, "cloud_resource_ip_not_allowed", { type: "ip", ip: { ip: server.public_net.ipv4?.ip } });
    await act(id, "add_target", { type: "ip", ip: { ip: "192.0.2.9" } });
  });

  test("type, algorithm, protection, reverse DNS; concurrent actions follow one another", async () => {
    const { id, public_net } = await newBalancer({ algorithm: { type: "least_connections" } });
    await Promise.all([
      act(id, "change_type", { load_balancer_type: "lb21" }),
      act(id, "change_algorithm", { type: "round_robin" }),
      act(id, "change_dns_ptr", { ip: public_net.ipv4.ip, dns_ptr: "lb.example.com" }),
      act(id, "change_protection", { delete: true }),
    ]);
    const after = await balancerOf(api, id);
    assert.deepEqual(
      [after.load_balancer_type.name, after.algorithm.type, after.public_net.ipv4.dns_ptr, after.protection.delete],
      ["lb21", "round_robin", "lb.example.com", true],
    );
    await api.refuse(423, "protected", "DELETE", `/load_balancers/${id}`);
    await act(id, "change_protection", { delete: false });
    await api.done("DELETE", `/load_balancers/${id}`);
    await api.refuse(404, "not_found", "GET", `/load_balancers/${id}`);
  });

  test("location or zone, not both; names unique; twenty-one are too many", async () => {
    const body = { name: "zone", load_balancer_type: "lb11", network_zone: "us-east" };
    await api.refuse(422, "invalid_input", "POST", "/load_balancers", { ...body, location: "ash" });
    assert.equal((await newBalancer({ ...body, location: undefined })).location.name, "ash");
    await api.refuse(409, "uniqueness_error", "POST", "/load_balancers", body);
    await api.expect(200, "PUT", "/_local/limits", { load_balancers: 1 });
    await api.refuse(403, "resource_limit_exceeded", "POST", "/load_balancers", { ...body, name: "beyond" });
  });
});
