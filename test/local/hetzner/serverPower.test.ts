import assert from "node:assert/strict";
import { test } from "node:test";
import { battery, frozen, newServer, serverOf } from "./harness.ts";

battery("power, type and disk of servers", (api) => {
  test("a running action locks the server", async () => {
    const { id } = await newServer(api);
    const action = await frozen(api, async () => {
      const begun = await api.expect(201, "POST", `/servers/${id}/actions/poweroff`);
      const during = await serverOf(api, id);
      assert.deepEqual([during.status, during.locked], ["stopping", true]);
      for (const [method, path] of [
        ["POST", `/servers/${id}/actions/poweron`],
        ["POST", `/servers/${id}/actions/change_type`],
        ["DELETE", `/servers/${id}`],
      ] as const) {
        await api.refuse(
          423,
          "locked",
          method,
          path,
          path.endsWith("type") ? { server_type: "cpx32", upgrade_disk: false } : undefined,
        );
      }
      return begun.action;
    });
    assert.equal((await api.settle(action)).command, "stop_server");
    assert.equal((await serverOf(api, id)).status, "off");
  });

  test("power verbs: on, off, shutdown, reboot, reset", async () => {
    const { id } = await newServer(api);
    const verb = async (name: string): Promise<string> => {
      await api.done("POST", `/servers/${id}/actions/${name}`);
      return (await serverOf(api, id)).status;
    };
    assert.equal(await verb("shutdown"), "off");
    assert.equal(await verb("poweroff"), "off");
    await api.refuse(422, "unsupported_error", "POST", `/servers/${id}/actions/reset`);
    assert.equal(await verb("poweron"), "running");
    assert.equal(await verb("poweron"), "running");
    assert.equal(await verb("reboot"), "running");
    assert.equal(await verb("reset"), "running");
  });

  test("change_type: off first, then up without the disk, back down, and never below the disk", async () => {
    const { id } = await newServer(api, { server_type: "cpx21", location: "ash" });
    const change = { server_type: "cpx31", upgrade_disk: false };
    await api.refuse(422, "server_not_stopped", "POST", `/servers/${id}/actions/change_type`, change);
    const off = (): Promise<unknown> => api.done("POST", `/servers/${id}/actions/poweroff`);

    await off();
    const action = await frozen(api, async () => {
      const begun = await api.expect(201, "POST", `/servers/${id}/actions/change_type`, change);
      assert.equal((await serverOf(api, id)).status, "migrating");
      return begun.action;
    });
    assert.equal((await api.settle(action)).command, "change_server_type");
    const up = await serverOf(api, id);
    assert.deepEqual([up.status, up.server_type.name, up.primary_disk_size], ["running", "cpx31", 80]);

    await off();
    await api.done("POST", `/servers/${id}/actions/change_type`, { server_type: "cpx21", upgrade_disk: true });
    assert.equal((await serverOf(api, id)).primary_disk_size, 80);

    await off();
    await api.done("POST", `/servers/${id}/actions/change_type`, { server_type: "cpx31", upgrade_disk: true });
    assert.equal((await serverOf(api, id)).primary_disk_size, 160);

    await off();
    await api.refuse(422, "invalid_server_type", "POST", `/servers/${id}/actions/change_type`, {
      server_type: "cpx21",
      upgrade_disk: false,
    });
  });

  test("change_type keeps to architecture, location, catalogue and stock", async () => {
    const { id } = await newServer(api);
    await api.done("POST", `/servers/${id}/actions/poweroff`);
    const path = `/servers/${id}/actions/change_type`;
    for (const server_type of ["cax31", "cpx22", "cpx31"]) {
      await api.refuse(422, "invalid_server_type", "POST", path, { server_type, upgrade_disk: false });
    }
    await api.refuse(422, "invalid_input", "POST", path, { server_type: "cpx99", upgrade_disk: false });
    await api.expect(201, "POST", "/_local/faults", { times: 1, effect: { type: "stock_out" } });
    await api.refuse(412, "resource_unavailable", "POST", path, { server_type: "cpx32", upgrade_disk: false });
    assert.equal((await serverOf(api, id)).status, "off");
    await api.done("POST", path, { server_type: "cpx32", upgrade_disk: false });
  });

  test("rebuild keeps id and addresses, takes new user data, and is stopped by protection", async () => {
    const before = await newServer(api);
    const path = `/servers/${before.id}/actions`;
    const { action, root_password } = await frozen(api, async () => {
      const body = { image: "debian-12", user_data: "#cloud-config\n" };
      const begun = await api.expect(201, "POST", `${path}/rebuild`, body);
      assert.equal((await serverOf(api, before.id)).status, "rebuilding");
      return begun;
    });
    assert.match(root_password ?? "", /^\w{20}$/);
    await api.settle(action);
    const after = await serverOf(api, before.id);
    assert.deepEqual([after.status, after.image?.name], ["running", "debian-12"]);
    assert.deepEqual(after.public_net.ipv4, before.public_net.ipv4);

    await api.done("POST", `${path}/change_protection`, { delete: true, rebuild: true });
    await api.refuse(423, "protected", "POST", `${path}/rebuild`, { image: "debian-13" });
    await api.refuse(423, "protected", "DELETE", `/servers/${before.id}`);
    await api.refuse(422, "invalid_input", "POST", `${path}/change_protection`, { delete: false });
    await api.done("POST", `${path}/change_protection`, { delete: false, rebuild: false });
    await api.done("DELETE", `/servers/${before.id}`);
  });

  test("ISO, rescue, password and console", async () => {
    const { id } = await newServer(api);
    const path = `/servers/${id}/actions`;
    const iso = (await api.expect(200, "GET", "/isos?architecture=x86")).isos[0];
    await api.done("POST", `${path}/attach_iso`, { iso: iso?.name });
    assert.equal((await serverOf(api, id)).iso?.name, iso?.name);
    await api.done("POST", `${path}/detach_iso`);
    assert.equal((await serverOf(api, id)).iso, null);

    assert.match(
      (await api.done("POST", `${path}/enable_rescue`, { type: "linux64" })).root_password ?? "",
      /^\w{20}$/,
    );
    assert.equal((await serverOf(api, id)).rescue_enabled, true);
    await api.done("POST", `${path}/reset`);
    assert.equal((await serverOf(api, id)).rescue_enabled, false);

    assert.match((await api.done("POST", `${path}/reset_password`)).root_password ?? "", /^\w{20}$/);
    assert.match((await api.done("POST", `${path}/request_console`)).wss_url, /^wss:\/\/127\.0\.0\.1/);
  });

  test("a machine that switches itself off shows as off", async () => {
    const { id } = await newServer(api);
    await api.expect(204, "PUT", `/_local/servers/${id}/power`, { state: "off" });
    assert.equal((await serverOf(api, id)).status, "off");
  });

  test("an action that is made to fail says why and frees the server", async () => {
    const { id } = await newServer(api);
    const effect = { type: "action_failure", command: "stop_server", code: "host_down", message: "host is gone" };
    await api.expect(201, "POST", "/_local/faults", { times: 1, effect });
    const { action } = await api.expect(201, "POST", `/servers/${id}/actions/poweroff`);
    const ended = await api.settle(action);
    assert.deepEqual([ended.status, ended.error], ["error", { code: "host_down", message: "host is gone" }]);
    const server = await serverOf(api, id);
    assert.deepEqual([server.status, server.locked], ["running", false]);
  });
});

battery("snapshots and backups", (api) => {
  test("a snapshot is a creating image first and can make a server afterwards", async () => {
    const { id } = await newServer(api);
    const { image, action } = await frozen(api, async () => {
      const wish = { type: "snapshot", description: "golden", labels: { kind: "golden" } };
      const begun = await api.expect(201, "POST", `/servers/${id}/actions/create_image`, wish);
      const early = { name: "too-early", server_type: "cpx22", image: begun.image.id, location: "fsn1" };
      await api.refuse(422, "service_error", "POST", "/servers", early);
      return begun;
    });
    assert.deepEqual([image.status, image.type, image.name, image.image_size], ["creating", "snapshot", null, null]);
    await api.settle(action);
    const ready = (await api.expect(200, "GET", `/images/${image.id}`)).image;
    assert.deepEqual([ready.status, ready.disk_size], ["available", 80]);
    assert.equal((await newServer(api, { image: image.id })).image?.id, image.id);
    const found = (await api.expect(200, "GET", "/images?type=snapshot&label_selector=kind%3Dgolden")).images;
    assert.deepEqual(
      found.map((one) => one.id),
      [image.id],
    );
  });

  test("a snapshot outlives its server, is protected on demand, and its deletion leaves servers without image", async () => {
    const { id } = await newServer(api);
    const { image } = await api.done("POST", `/servers/${id}/actions/create_image`);
    await api.done("DELETE", `/servers/${id}`);
    const heir = await newServer(api, { image: image.id });
    await api.done("POST", `/images/${image.id}/actions/change_protection`, { delete: true });
    await api.refuse(423, "protected", "DELETE", `/images/${image.id}`);
    await api.done("POST", `/images/${image.id}/actions/change_protection`, { delete: false });
    await api.expect(204, "DELETE", `/images/${image.id}`);
    assert.equal((await serverOf(api, heir.id)).image, null);
  });

  test("backups need to be enabled, are seven at most, and die with the server", async () => {
    const { id } = await newServer(api);
    const backup = { type: "backup" };
    await api.refuse(422, "service_error", "POST", `/servers/${id}/actions/create_image`, backup);
    await api.done("POST", `/servers/${id}/actions/enable_backup`);
    assert.match((await serverOf(api, id)).backup_window ?? "", /^\d\d-\d\d$/);
    const made: number[] = [];
    for (let count = 0; count < 8; count += 1) {
      made.push((await api.done("POST", `/servers/${id}/actions/create_image`, backup)).image.id);
    }
    const list = async (): Promise<number[]> =>
      (await api.expect(200, "GET", `/images?bound_to=${id}&sort=id:asc`)).images.map((image) => image.id);
    assert.deepEqual(await list(), made.slice(1));
    await api.expect(200, "PUT", `/images/${made[7]}`, { type: "snapshot" });
    await api.done("DELETE", `/servers/${id}`);
    assert.deepEqual(await list(), []);
    await api.expect(200, "GET", `/images/${made[7]}`);
  });
});
