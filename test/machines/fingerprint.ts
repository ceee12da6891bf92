/** What a machine consists of, in words in which two machines of one role can be compared. */
import type { Stage } from "./stage.ts";

/** Made anew by every machine for itself, or a log of what happened to it. */
const ownFiles = [
  "/etc/machine-id",
  "/etc/hostname",
  "/etc/ssh/ssh_host_*",
  "/etc/chitlaq/secrets/machine.*",
  "/etc/resolvconf/*",
  "/etc/network/*",
  "/etc/.pwd.lock",
  "/etc/passwd-",
  "/etc/group-",
  "/etc/shadow*",
  "/etc/gshadow*",
  "/etc/*.dpkg-*",
  "/etc/cloud/*",
  "/opt/chitlaq/deploy.lock",
  // Machines take turns, by the plan.
  "/etc/systemd/system/apt-daily-upgrade.timer.d/chitlaq.conf",
];

const parts = {
  files: `find /etc /usr/local /opt -xdev \\( -type f -o -type l \\) ${ownFiles.map((path) => `! -path '${path}'`).join(" ")} -printf '%p %m %u %g %l\\n' | sort`,
  contents: `find /etc /usr/local /opt -xdev -type f ${ownFiles.map((path) => `! -path '${path}'`).join(" ")} ! -path '/etc/ssl/certs/*' -print0 | sort -z | xargs -0 -n 1 sh -c 'printf "%s %s\\n" "$0" "$(sed -e "s/$OWN_NAME/NAME/g" -e "s/$OWN_ADDRESS/ADDRESS/g" "$0" | sha256sum)"'`,
  packages: "dpkg-query --show",
  units: "systemctl list-unit-files --state=enabled,masked --no-legend | awk '{ print $1, $2 }' | sort",
  running:
    "systemctl list-units --type=service --state=running --no-legend --plain | awk '{ print $1 }' | grep -v @ | sort",
  listening: "ss -Hlntu | awk '{ print $1, $5 }' | sort -u",
  users: "getent passwd; getent group; cut -d: -f1,2 /etc/shadow",
  // The others are the host's own: a machine of the local cloud has no kernel.
  sysctls:
    "sysctl --all --pattern '^net\\.' 2>/dev/null | grep -vE 'conntrack_count|netfilter.nf_log|stable_secret' | sort",
  postgresql: `[ ! -e /etc/chitlaq/database.env ] || echo "SELECT name, setting, pending_restart FROM pg_settings ORDER BY name" | runuser -u postgres -- psql -XAtq -h /var/run/postgresql postgres`,
  filter: "nft list ruleset | sed -e 's/packets [0-9]* bytes [0-9]*//' -e 's/ # handle.*//'",
} as const;

/** Lines by the name of the part. */
export type Fingerprint = ReadonlyMap<string, readonly string[]>;

/** Names and private addresses of the servers that are compared are replaced, wherever they stand. */
export async function fingerprintOf(stage: Stage, server: string, compared: readonly string[]): Promise<Fingerprint> {
  const addresses = compared.flatMap((name) => stage.machine(name).privateIps);
  const patterns = `OWN_NAME='\\(${compared.join("\\|")}\\)' OWN_ADDRESS='\\(${addresses.join("\\|")}\\)'`;
  const same = (line: string): string =>
    [...compared, ...addresses].reduce((text, word) => text.replaceAll(word, "NAME"), line);
  const entries = Object.entries(parts).map(async ([part, line]) => {
    const output = await stage.sh(server, `export ${patterns}; ${line}`);
    return [part, output.split("\n").map(same)] as const;
  });
  return new Map(await Promise.all(entries));
}

/** Lines that only one of the two has, by part; empty when they are alike. */
export const differences = (a: Fingerprint, b: Fingerprint): readonly string[] =>
  Object.keys(parts).flatMap((part) => {
    const left = new Set(a.get(part));
    const right = new Set(b.get(part));
    return [
      ...[...left].filter((line) => !right.has(line)).map((line) => `${part} - ${line}`),
      ...[...right].filter((line) => !left.has(line)).map((line) => `${part} + ${line}`),
    ];
  });
