import assert from "node:assert/strict";
import { test } from "node:test";
import { type Api, battery, frozen, newServer, serverOf } from "./harness.ts";
import type { Volume } from "./shapes.ts";

const volumeOf = async (api: Api, id: number): Promise<Volume> =>
  (await api.expect(200, "GET", `/volumes/${id}`)).volume;

battery("volumes", (api) => {
  let count = 0;
  const newVolume = async (more: object = {}): Promise<Volume> => {
    count += 1;
    const created = await api.done("POST", "/volumes", {
      name: `volume-${count}`,
      size: 10,
      location: "fsn1",
      ...more,
    });
    return volumeOf(api, created.volume.id);
  };

  test("sizes, locations and names within the rules", async () => {
    const volume = await newVolume({ format: "ext4" });
    assert.deepEqual([volume.status, volume.format, volume.server], ["available", "ext4", null]);
    assert.equal(volume.linux_device, `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`);
    const bad = { name: "bad", size: 10, location: "fsn1" };
    for (const wrong of [
      { size: 9 },
      { size: 10_241 },
      { location: "mars" },
      { format: "btrfs" },
      { name: "x".repeat(65) },
    ]) {
      await api.refuse(422, "invalid_input", "POST", "/volumes", { ...bad, ...wrong });
    }
    await api.refuse(422, "invalid_input", "POST", "/volumes", { name: "bad", size: 10 });
    await api.refuse(409, "uniqueness_error", "POST", "/volumes", { ...bad, name: volume.name });
  });

  test("made for a server it is attached by a next action, and locks both while it is", async () => {
    const server = await newServer(api);
    const created = await frozen(api, async () => {
      const body = { name: "for-server", size: 10, server: server.id, format: "xfs", automount: true };
      const begun = await api.expect(201, "POST", "/volumes", body);
      assert.deepEqual(
        [begun.action.command, begun.next_actions.map((action) => action.command), begun.volume.server],
        ["create_volume", ["attach_volume"], null],
      );
      await api.refuse(423, "locked", "POST", `/volumes/${begun.volume.id}/actions/detach`);
      await api.refuse(423, "locked", "POST", `/servers/${server.id}/actions/poweroff`);
      return begun;
    });
    for (const action of created.next_actions) await api.settle(action);
    assert.equal((await volumeOf(api, created.volume.id)).server, server.id);
    assert.deepEqual((await serverOf(api, server.id)).volumes, [created.volume.id]);
  });

  test("attach: same location, one server at a time; delete only when detached", async () => {
    const [here, far] = [await newServer(api), await newServer(api, { location: "nbg1" })];
    const volume = await newVolume();
    const path = `/volumes/${volume.id}`;
    await api.refuse(422, "invalid_input", "POST", `${path}/actions/attach`, { server: far.id });
    await api.done("POST", `${path}/actions/attach`, { server: here.id });
    await api.refuse(422, "volume_already_attached", "POST", `${path}/actions/attach`, { server: here.id });
    await api.refuse(422, "volume_already_attached", "DELETE", path);
    await api.done("POST", `${path}/actions/detach`);
    await api.expect(204, "DELETE", path);
    await api.refuse(404, "not_found", "GET", path);
  });

  test("sixteen per server", async () => {
    const server = await newServer(api);
    for (let number = 0; number < 16; number += 1) await newVolume({ location: undefined, server: server.id });
    const more = await newVolume();
    await api.refuse(403, "resource_limit_exceeded", "POST", `/volumes/${more.id}/actions/attach`, {
      server: server.id,
    });
  });

  test("grows, never shrinks; survives its server; protection", async () => {
    const server = await newServer(api);
    const volume = await newVolume({ location: undefined, server: server.id });
    const path = `/volumes/${volume.id}`;
    await api.done("POST", `${path}/actions/resize`, { size: 20 });
    for (const size of [20, 10]) await api.refuse(422, "invalid_input", "POST", `${path}/actions/resize`, { size });
    await api.done("DELETE", `/servers/${server.id}`);
    assert.deepEqual([(await volumeOf(api, volume.id)).server, (await volumeOf(api, volume.id)).size], [null, 20]);
    await api.done("POST", `${path}/actions/change_protection`, { delete: true });
    await api.refuse(423, "protected", "DELETE", path);
  });
});
