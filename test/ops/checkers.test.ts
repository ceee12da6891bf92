import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fileSet, machineFiles } from "../../ops/render/machine.ts";
import { renderUserData } from "../../ops/render/user-data.ts";
import type { Phase } from "../../plan/types.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot, tryIn } from "./support/root.ts";

/** Every role once, with the variants that change its files. */
const machines: readonly (readonly [Phase, string, Readonly<Record<string, unknown>>])[] = [
  [1, "server-1", {}],
  [2, "lb-1", {}],
  [2, "api-1", {}],
  [2, "db-1", { redis: { replica: true } }],
  [2, "redis-1", { redis: { replica: true } }],
  [3, "lb-1", {}],
  [3, "k3s-server-1", {}],
  [3, "k3s-agent-1", {}],
  [3, "db-3", {}],
];

/** What to run when a machine has the file; Debian 13's own programs, so that versions are those of the machines. */
const checksByFile: Readonly<Record<string, readonly [name: string, command: string]>> = {
  "/etc/nftables.conf": ["nft", "nft -c -f /etc/nftables.conf"],
  "/etc/ssh/sshd_config.d/10-chitlaq.conf": ["sshd", "sshd -t"],
  "/etc/chrony/conf.d/chitlaq.conf": ["chrony", "chronyd -p -f /etc/chrony/chrony.conf"],
  "/etc/apt/apt.conf.d/60chitlaq": ["apt", "apt-config dump"],
  "/etc/nginx/nginx.conf": ["nginx", "nginx -t"],
  "/etc/logrotate.d/nginx": ["logrotate", "logrotate -d /etc/logrotate.d/nginx"],
  "/etc/haproxy/haproxy.cfg": ["haproxy", "haproxy -c -f /etc/haproxy/haproxy.cfg"],
  "/etc/patroni/config.yml": ["patroni", "runuser -u postgres -- patroni --validate-config /etc/patroni/config.yml"],
  "/etc/pgbackrest/pgbackrest.conf": [
    "pgbackrest",
    "/usr/local/lib/chitlaq/activate.d/10-backup && runuser -u postgres -- pgbackrest --stanza=chitlaq start",
  ],
  "/etc/chitlaq/postgresql/settings.conf": [
    "postgresql",
    "runuser -u postgres -- /usr/lib/postgresql/17/bin/postgres -D /tmp -C shared_buffers -c config_file=/etc/chitlaq/postgresql/settings.conf",
  ],
  "/etc/pgbouncer/pgbouncer.ini": [
    "pgbouncer",
    // It has no check of its own: it must get as far as serving.
    "/usr/local/lib/chitlaq/activate.d/20-database && ip link set lo up && sed -i 's/^listen_addr = .*/listen_addr = 127.0.0.1/' /etc/pgbouncer/pgbouncer.ini && ! timeout 1 runuser -u postgres -- pgbouncer /etc/pgbouncer/pgbouncer.ini",
  ],
  "/etc/chitlaq/valkey.conf": [
    "valkey",
    "/usr/local/lib/chitlaq/activate.d/40-redis && ip link set lo up && sed -i 's/^bind .*/bind 127.0.0.1/' /etc/chitlaq/valkey.conf && { timeout 2 runuser -u valkey -- valkey-server --include /etc/chitlaq/valkey.conf & sleep 1; VALKEYCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-admin-password) REDISCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-admin-password) valkey-cli --user admin PING; } | grep PONG",
  ],
  // A Sentinel that has rewritten its own copy keeps it while nothing changes, and follows when something does.
  "/etc/chitlaq/sentinel.conf": [
    "sentinel",
    `own=/var/lib/valkey/sentinel.conf activate=/usr/local/lib/chitlaq/activate.d/40-redis
ip link set lo up
run() { timeout 2 runuser -u valkey -- valkey-sentinel "$own" >/dev/null; }
$activate && sed -i 's/^bind .*/bind 127.0.0.1/' "$own"
run || true
cp "$own" /tmp/before && $activate && cmp "$own" /tmp/before
sed -i -E 's/(down-after-milliseconds .*) [0-9]+$/\\1 7777/; s/(monitor .*) [0-9]+$/\\1 3/' /etc/chitlaq/sentinel.conf
$activate
run & sleep 1
export VALKEYCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password) REDISCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password)
valkey-cli -p 26379 SENTINEL MASTERS | grep -A 1 -xE 'quorum|down-after-milliseconds' | tr '\\n' ' ' | grep -E '7777 .*quorum 3'`,
  ],
};

/** Lines that say nothing against our files. */
const tolerated: Readonly<Record<string, RegExp>> = {
  // Other machines do not exist here.
  patroni: /is not reachable$/,
  // The root has no manual pages; the application and k3s are brought later.
  units: /man .*failed|Command \/(opt\/chitlaq\/current\/start|usr\/local\/bin\/k3s) is not executable/,
};

const root = debianRoot();

suite("the services' own checkers", { concurrency: 2 }, () => {
  for (const [phase, name, overrides] of machines) {
    test(`phase ${phase} ${name}: the services accept their files`, async (t) => {
      if ("missing" in root) return t.skip(root.missing);
      const plan = planOf(phase, overrides);
      const paths = machineFiles(plan, name).map(({ path }) => path);
      const checks: Record<string, string> = {
        "cloud-init": "cloud-init schema -c /root/user-data",
        units: `systemd-analyze verify --man=no ${paths.filter((path) => /^\/etc\/systemd\/system\/[^/]+$/.test(path)).join(" ")}`,
        again: "/root/fileset/files/usr/local/sbin/chitlaq-apply /root/fileset | grep '0 files changed'",
        ...Object.fromEntries(paths.flatMap((path) => (checksByFile[path] === undefined ? [] : [checksByFile[path]]))),
      };
      const verdicts = await tryIn(root.root, {
        fileSet: fileSet(plan, name),
        userData: renderUserData(plan, name),
        checks,
      });
      for (const check of Object.keys(checks)) {
        await t.test(check, () => {
          const verdict = verdicts.get(check);
          assert.ok(verdict, "the check did not run");
          const pattern = tolerated[check];
          const complaints = verdict.output.split("\n").filter((line) => line !== "" && !pattern?.test(line));
          if (pattern !== undefined) assert.deepEqual(complaints, []);
          else assert.equal(verdict.status, 0, verdict.output);
        });
      }
      return undefined;
    });
  }
});
