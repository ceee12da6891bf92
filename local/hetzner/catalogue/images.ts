/**
 * System images and ISOs. Names, flavours and versions are the provider's. The ids of debian-12 and ubuntu-24.04 are the
 * provider's own; those of debian-13 and of the ISOs were not found and are this emulator's.
 */
export type SystemImage = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly osFlavor: string;
  readonly osVersion: string;
  readonly architecture: "x86" | "arm";
  readonly created: string;
};

export const systemImages: readonly SystemImage[] = [
  {
    id: 114690387,
    name: "debian-12",
    description: "Debian 12",
    osFlavor: "debian",
    osVersion: "12",
    architecture: "x86",
    created: "2023-06-13T06:00:00+00:00",
  },
  {
    id: 114690389,
    name: "debian-12",
    description: "Debian 12",
    osFlavor: "debian",
    osVersion: "12",
    architecture: "arm",
    created: "2023-06-13T06:00:00+00:00",
  },
  {
    id: 310000013,
    name: "debian-13",
    description: "Debian 13",
    osFlavor: "debian",
    osVersion: "13",
    architecture: "x86",
    created: "2025-08-11T06:00:00+00:00",
  },
  {
    id: 310000014,
    name: "debian-13",
    description: "Debian 13",
    osFlavor: "debian",
    osVersion: "13",
    architecture: "arm",
    created: "2025-08-11T06:00:00+00:00",
  },
  {
    id: 161547269,
    name: "ubuntu-24.04",
    description: "Ubuntu 24.04",
    osFlavor: "ubuntu",
    osVersion: "24.04",
    architecture: "x86",
    created: "2024-04-25T13:00:00+00:00",
  },
  {
    id: 161547270,
    name: "ubuntu-24.04",
    description: "Ubuntu 24.04",
    osFlavor: "ubuntu",
    osVersion: "24.04",
    architecture: "arm",
    created: "2024-04-25T13:00:00+00:00",
  },
];

export type Iso = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly type: "public";
  readonly architecture: "x86" | "arm";
};

export const isos: readonly Iso[] = [
  {
    id: 90013,
    name: "debian-13-amd64-netinst.iso",
    description: "Debian 13 (amd64/netinstall)",
    type: "public",
    architecture: "x86",
  },
  {
    id: 90014,
    name: "debian-13-arm64-netinst.iso",
    description: "Debian 13 (arm64/netinstall)",
    type: "public",
    architecture: "arm",
  },
];
