/** What the actions of volumes do. */
import { volumePerGbMonth } from "../catalogue/products.ts";
import type { BillingOpening } from "../engine/billing.ts";
import type { Cloud } from "../engine/cloud.ts";
import { type AnyJob, defineJob } from "../engine/jobs.ts";
import type { VolumeRecord } from "../records.ts";

function edit(cloud: Cloud, id: number, change: Partial<VolumeRecord>): void {
  const volume = cloud.volumes.get(id);
  if (volume !== undefined) cloud.volumes.put({ ...volume, ...change });
}

export const makeVolume = defineJob<{ readonly volume: number }>("volume.create", {
  run: async (cloud, { volume: id }) => {
    const volume = cloud.volumes.get(id);
    if (volume === undefined) return;
    await cloud.driver.createVolume({ id, name: volume.name, sizeGiB: volume.size, format: volume.format });
  },
  apply: (cloud, { volume }) => edit(cloud, volume, { status: "available" }),
});

export const attachVolume = defineJob<{
  readonly volume: number;
  readonly server: number;
  readonly automount: boolean;
}>("volume.attach", {
  run: (cloud, { volume, server, automount }) => cloud.driver.attachVolume(volume, server, automount),
  apply: (cloud, { volume, server }) => edit(cloud, volume, { server }),
});

export const detachVolume = defineJob<{ readonly volume: number }>("volume.detach", {
  run: (cloud, { volume }) => cloud.driver.detachVolume(volume),
  apply: (cloud, { volume }) => edit(cloud, volume, { server: null }),
});

export const resizeVolume = defineJob<{ readonly volume: number; readonly size: number }>("volume.resize", {
  run: (cloud, { volume, size }) => cloud.driver.resizeVolume(volume, size),
  apply: (cloud, { volume: id, size }) => {
    const volume = cloud.volumes.get(id);
    if (volume === undefined) return;
    cloud.volumes.put({ ...volume, size });
    cloud.billing.reopen(volumeBilling({ ...volume, size }));
  },
});

export const removeVolume = defineJob<{ readonly volume: number }>("volume.delete", {
  run: (cloud, { volume }) => cloud.driver.deleteVolume(volume),
  apply: (cloud, { volume }) => {
    cloud.volumes.delete(volume);
    cloud.billing.close("volume", volume);
  },
});

export const volumeJobs: readonly AnyJob[] = [makeVolume, attachVolume, detachVolume, resizeVolume, removeVolume];

export const volumeBilling = (volume: VolumeRecord): BillingOpening => ({
  resource: "volume",
  resourceId: volume.id,
  name: volume.name,
  product: "volume_gb",
  location: volume.location,
  quantity: volume.size,
  month: volumePerGbMonth,
  hour: null,
});
