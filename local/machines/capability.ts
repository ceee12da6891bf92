import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { rootExists } from "./image.ts";

export type Capability = { readonly ok: true } | { readonly ok: false; readonly missing: readonly string[] };

const packageOf = {
  "systemd-nspawn": "systemd-container",
  ip: "iproute2",
  nft: "nftables",
  losetup: "mount",
  nsenter: "util-linux",
  setpriv: "util-linux",
  "mkfs.ext4": "e2fsprogs",
  sysctl: "procps",
  ssh: "openssh-client",
} as const satisfies Record<string, string>;

const onPath = (program: string): boolean =>
  [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const knowsOverlay = (): boolean => {
  try {
    return /\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8"));
  } catch {
    return false;
  }
};

/** Bits of capabilities(7) that mounting, namespaces and devices take. A root without them is in a container. */
const capabilityBits = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n, CAP_MKNOD: 27n } as const;

const missingCapabilities = (): string[] => {
  const [, hex = "0"] = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  const effective = BigInt(`0x${hex}`);
  return Object.entries(capabilityBits)
    .filter(([, bit]) => ((effective >> bit) & 1n) === 0n)
    .map(([name]) => name);
};

const canMakeGroups = (): boolean => {
  try {
    accessSync("/sys/fs/cgroup", constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

/**
 * Whether this host can run the machines of the local cloud, and if not, everything that is missing, each as a phrase that
 * says how to get it. Looks only; starts and installs nothing.
 */
export const machinesAvailable = (): Capability => {
  if (process.platform !== "linux") return { ok: false, missing: [`Linux (this is ${process.platform})`] };
  const missing: string[] = [];
  if (process.getuid?.() !== 0) missing.push("root (run it with sudo)");
  else for (const name of missingCapabilities()) missing.push(`${name} (a privileged container or a virtual machine)`);
  if (!canMakeGroups()) missing.push("a writable /sys/fs/cgroup (a privileged container or a virtual machine)");
  if (!knowsOverlay()) missing.push("overlayfs in the kernel (modprobe overlay)");
  for (const [program, name] of Object.entries(packageOf)) {
    if (!onPath(program)) missing.push(`${program} (apt-get install ${name})`);
  }
  if (!rootExists("baked") && !onPath("mmdebstrap")) missing.push("mmdebstrap (apt-get install mmdebstrap)");
  return missing.length === 0 ? { ok: true } : { ok: false, missing };
};
