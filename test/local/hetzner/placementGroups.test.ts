import assert from "node:assert/strict";
import { test } from "node:test";
import { battery, newServer, serverOf } from "./harness.ts";

battery("placement groups", (api) => {
  test("ten servers fit, the eleventh is refused with the count", async () => {
    const { placement_group: group } = await api.done("POST", "/placement_groups", { name: "ten", type: "spread" });
    for (let count = 0; count < 10; count += 1) await newServer(api, { placement_group: group.id });
    const fault = await api.refuse(422, "placement_group_member_limit_reached", "POST", "/servers", {
      name: "eleventh",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      placement_group: group.id,
    });
    assert.equal(fault.message, `placement group with ID ${group.id} contains already 10 servers`);
    assert.equal((await api.expect(200, "GET", `/placement_groups/${group.id}`)).placement_group.servers.length, 10);
  });

  test("servers move only when off, and are in one group at most", async () => {
    const { placement_group: group } = await api.done("POST", "/placement_groups", { name: "move", type: "spread" });
    const { id } = await newServer(api);
    const path = `/servers/${id}/actions`;
    const join = { placement_group: group.id };
    await api.refuse(422, "server_not_stopped", "POST", `${path}/add_to_placement_group`, join);
    await api.done("POST", `${path}/poweroff`);
    await api.done("POST", `${path}/add_to_placement_group`, join);
    assert.equal((await serverOf(api, id)).placement_group?.id, group.id);
    await api.refuse(422, "server_already_added", "POST", `${path}/add_to_placement_group`, join);
    await api.done("POST", `${path}/poweron`);
    await api.refuse(422, "server_not_stopped", "POST", `${path}/remove_from_placement_group`);
    await api.done("POST", `${path}/poweroff`);
    await api.done("POST", `${path}/remove_from_placement_group`);
    assert.equal((await serverOf(api, id)).placement_group, null);
  });

  test("names are unique, the only type is spread, deletion lets servers go", async () => {
    const { placement_group: group } = await api.done("POST", "/placement_groups", { name: "gone", type: "spread" });
    await api.refuse(409, "uniqueness_error", "POST", "/placement_groups", { name: "gone", type: "spread" });
    await api.refuse(422, "invalid_input", "POST", "/placement_groups", { name: "packed", type: "pack" });
    const { id } = await newServer(api, { placement_group: group.id });
    await api.expect(204, "DELETE", `/placement_groups/${group.id}`);
    assert.equal((await serverOf(api, id)).placement_group, null);
  });
});
