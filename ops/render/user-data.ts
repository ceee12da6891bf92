import { gzipSync, strToU8 } from "fflate";
import { stringify } from "yaml";
import type { Plan } from "../../plan/types.ts";
import { bootFileSet } from "./machine.ts";

/** Hetzner takes no more (API reference, POST /servers, `user_data`). */
export const userDataLimit = 32_768;

const state = "/var/lib/chitlaq";
const converge = `${state}/fileset/files/usr/local/sbin/chitlaq-converge`;

/**
 * Makes the kernel follow connections before sshd answers. A gateway's packet filter comes minutes later, and a login that
 * went through it until then would be unknown to it: the replies of the machine behind would be dropped as new.
 */
const followConnections = [
  "sh",
  "-c",
  "! command -v nft >/dev/null || nft 'add table inet early; add chain inet early input { type filter hook input priority raw; }; add rule inet early input ct state established accept'",
];

/**
 * Cloud-config of a new machine: unpacks the file set it boots with and runs the same converge step that later changes go
 * through. It holds no secret; those come by SSH, with the rest of the files.
 */
export function renderUserData(plan: Plan, machineName: string): string {
  // Compressed in JavaScript: zlib's output differs between processors. More memory costs time and saves no byte here.
  const set = gzipSync(strToU8(bootFileSet(plan, machineName)), { level: 9, mem: 4, mtime: 0 });
  const cloudConfig = {
    ssh_pwauth: false,
    disable_root: false,
    manage_etc_hosts: false,
    // chitlaq-converge installs packages: a machine without a public address must first be shown the way out.
    package_update: false,
    package_upgrade: false,
    ...(plan.services.natGateways.includes(machineName) ? { bootcmd: [followConnections] } : {}),
    write_files: [
      {
        path: `${state}/fileset.sh`,
        permissions: "0600",
        encoding: "gz+b64",
        content: Buffer.from(set).toString("base64"),
      },
    ],
    runcmd: [
      ["install", "-d", "-m", "0700", `${state}/fileset`],
      ["sh", `${state}/fileset.sh`, `${state}/fileset`],
      // What fails here, such as a gateway that boots for longer than expected, is tried again and still reported.
      ["sh", "-c", `${converge} || { systemctl start --no-block chitlaq-converge.service; exit 1; }`],
    ],
  };
  const text = [
    "#cloud-config",
    `# ${machineName} of stack ${plan.stack}. The content below is one readable script: base64 --decode | gunzip.`,
    stringify(cloudConfig, { lineWidth: 0 }),
  ].join("\n");
  if (Buffer.byteLength(text) >= userDataLimit) {
    throw new Error(
      `user-data of ${machineName}: ${Buffer.byteLength(text)} bytes, Hetzner takes less than ${userDataLimit}; move something out of the file set`,
    );
  }
  return text;
}
