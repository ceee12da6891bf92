/** Machines as a whole: brought back after a restart, destroyed at a reset. */
import type { Cloud } from "./cloud.ts";

/**
 * A new process finds records of running servers whose machines may have gone with the old one. Every driver verb is
 * idempotent, so all of it is simply asked for again; servers with a running action are that action's business.
 */
export async function reviveMachines(cloud: Cloud): Promise<void> {
  const running = cloud.servers
    .all()
    .filter((server) => server.status === "running" && !cloud.actions.isLocked({ id: server.id, type: "server" }));
  if (running.length === 0) return;
  await cloud.network.sync();
  await Promise.all(
    running.map(async ({ id }) => {
      try {
        for (const volume of cloud.volumes.where("server", id)) await cloud.driver.attachVolume(volume.id, id, false);
        await cloud.driver.start(id);
      } catch (error) {
        cloud.local.log(`server ${id} did not come back: ${String(error)}`);
        cloud.powerChanged(id, "off");
      }
    }),
  );
}

export async function destroyMachines(cloud: Cloud): Promise<void> {
  await Promise.all(
    cloud.servers.all().map(async ({ id }) => {
      for (const volume of cloud.volumes.where("server", id)) await cloud.driver.detachVolume(volume.id);
      await cloud.driver.destroy(id);
    }),
  );
  for (const { id } of cloud.volumes.all()) await cloud.driver.deleteVolume(id);
  for (const { id } of cloud.images.all()) await cloud.driver.deleteSnapshot(id);
}
