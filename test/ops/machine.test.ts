import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { bootFileSet, fileSet, machineFiles, requiredSecrets } from "../../ops/render/machine.ts";
import { renderUserData, userDataLimit } from "../../ops/render/user-data.ts";
import type { Plan } from "../../plan/types.ts";
import { assertGolden } from "../support/golden.ts";
import { planOf } from "../support/platform.ts";
import { debianRoot } from "./support/root.ts";

const withReplica = { redis: { replica: true } };
const plans: Readonly<Record<string, Plan>> = {
  phase1: planOf(1),
  phase2: planOf(2),
  "phase2-replica": planOf(2, withReplica),
  phase3: planOf(3),
};
const every = Object.values(plans).flatMap((plan) => plan.machines.map(({ name }) => ({ plan, name })));

/** Content of one file of a machine. */
function contentOf(plan: Plan, machine: string, path: string): string {
  const found = machineFiles(plan, machine).find((file) => file.path === path);
  assert.ok(found, `${machine} has no ${path}`);
  return found.content;
}

const has = (plan: Plan, machine: string, path: string): boolean =>
  machineFiles(plan, machine).some((file) => file.path === path);

const secretNames = (plan: Plan, machine: string): readonly string[] =>
  requiredSecrets(plan, machine).map(({ name }) => name);

const phase1 = planOf(1);
const phase2 = planOf(2);
const phase2r = planOf(2, withReplica);
const phase3 = planOf(3);

suite("user-data", () => {
  test("is equal for equal plans", () => {
    for (const { name } of phase2.machines) assert.equal(renderUserData(planOf(2), name), renderUserData(phase2, name));
  });

  test("stays a twentieth below Hetzner's limit for every machine", () => {
    for (const { plan, name } of every) {
      const bytes = Buffer.byteLength(renderUserData(plan, name));
      assert.ok(bytes < userDataLimit * 0.95, `${plan.stack} ${name}: ${bytes} bytes`);
    }
  });

  test("holds the file set to boot with and nothing else, and runs converge", () => {
    const config = parse(renderUserData(phase2, "db-1")) as {
      readonly write_files: readonly {
        readonly content: string;
        readonly encoding: string;
        readonly permissions: string;
      }[];
      readonly runcmd: readonly (readonly string[])[];
    };
    const [file] = config.write_files;
    assert.equal(config.write_files.length, 1);
    assert.equal(file?.encoding, "gz+b64");
    assert.equal(file?.permissions, "0600");
    assert.equal(gunzipSync(Buffer.from(file?.content ?? "", "base64")).toString(), bootFileSet(phase2, "db-1"));
    assert.match(
      config.runcmd.at(-1)?.[2] ?? "",
      /^\/var\/lib\/chitlaq\/fileset\/files\/usr\/local\/sbin\/chitlaq-converge /,
    );
  });

  test("what waits for secrets is not in it: scripts only, which no boot needs", () => {
    for (const { plan, name } of every) {
      const late = machineFiles(plan, name).filter(({ stage }) => stage === "late");
      for (const { path } of late) {
        assert.match(path, /^\/usr\/local\/(sbin|lib\/chitlaq)\/[a-z-]+$/);
        assert.ok(!bootFileSet(plan, name).includes(` ${path} <<`), path);
        assert.ok(fileSet(plan, name).includes(` ${path} <<`), path);
      }
    }
    const late = machineFiles(phase1, "server-1").filter(({ stage }) => stage === "late");
    assert.ok(late.some(({ path }) => path === "/usr/local/sbin/chitlaq-restore"));
  });

  test("a gateway follows connections from before its sshd answers; logins through it would stall otherwise", () => {
    for (const { plan, name } of every) {
      const { bootcmd } = parse(renderUserData(plan, name)) as { readonly bootcmd?: readonly (readonly string[])[] };
      assert.equal(/ct state/.test(bootcmd?.[0]?.at(-1) ?? ""), plan.services.natGateways.includes(name), name);
    }
  });

  test("the file set of each role, for review", () => {
    const reviewed: readonly (readonly [string, string])[] = [
      ["phase1", "server-1"],
      ["phase2", "lb-1"],
      ["phase2", "api-1"],
      ["phase2", "db-1"],
      ["phase2", "redis-1"],
      ["phase2-replica", "redis-2"],
      ["phase3", "k3s-server-1"],
      ["phase3", "k3s-agent-1"],
    ];
    for (const [variant, name] of reviewed) {
      const plan = plans[variant];
      assert.ok(plan);
      assertGolden(join("ops", `${variant}-${name}.sh`), fileSet(plan, name));
    }
  });

  test("holds no secret: no key material, no password, no token", () => {
    const suspicious = [
      /-----BEGIN/,
      /PRIVATE KEY/,
      // A literal after password= and the like; variables, file names and option names are no values.
      /(password|passphrase|secret|token|key)\s*[=:]\s*["']?[A-Za-z0-9+][A-Za-z0-9+/]{15,}/i,
      /\b[0-9a-f]{40,}\b/,
      /\beyJ[A-Za-z0-9_-]{10,}/,
    ];
    for (const { plan, name } of every) {
      const text = fileSet(plan, name);
      // The release is public and named by its sum; k3s likewise.
      const lines = text.split("\n").filter((line) => !/sha256/i.test(line));
      for (const pattern of suspicious) {
        const line = lines.find((candidate) => pattern.test(candidate));
        assert.equal(line, undefined, `${plan.stack} ${name}: ${line}`);
      }
    }
  });
});

suite("the file set", () => {
  test("unpacks to exactly the machine's files, with their modes and their manifest", () => {
    const directory = mkdtempSync(join(tmpdir(), "chitlaq-fileset-"));
    try {
      writeFileSync(join(directory, "fileset.sh"), fileSet(phase2, "db-1"));
      execFileSync("sh", [join(directory, "fileset.sh"), join(directory, "out")]);
      const files = machineFiles(phase2, "db-1");
      for (const { path, content } of files) {
        assert.equal(readFileSync(join(directory, "out", "files", path), "utf8"), content, path);
      }
      const manifest = readFileSync(join(directory, "out", "manifest.tsv"), "utf8")
        .trim()
        .split("\n");
      assert.deepEqual(
        manifest,
        files.map(({ stage, mode, owner, group, action, path }) =>
          [stage, mode, owner, group, action, path].join("\t"),
        ),
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("names each file once", () => {
    for (const { plan, name } of every) {
      const paths = machineFiles(plan, name).map(({ path }) => path);
      assert.equal(new Set(paths).size, paths.length);
    }
  });

  test("has an owner group for every file and secret that the system or its packages bring", () => {
    const known = new Set(["root", "postgres", "valkey", "chitlaq-tls"]);
    for (const { plan, name } of every) {
      for (const { group, path } of machineFiles(plan, name)) assert.ok(known.has(group), `${path}: ${group}`);
      for (const { group, name: secret } of requiredSecrets(plan, name))
        assert.ok(known.has(group), `${secret}: ${group}`);
    }
  });

  test("starts after its secrets what reads them, and nothing waits for secrets that is not listed", () => {
    const units = contentOf(phase2, "db-1", "/etc/chitlaq/units.tsv");
    assert.match(units, /^secrets\tpatroni\.service\treload$/m);
    assert.match(units, /^secrets\tetcd\.service\tnone$/m);
    assert.match(units, /^boot\tchitlaq-volume\.service\tnone$/m);
    assert.match(units, /^off\tpostgresql\.service\tnone$/m);
  });

  test("a changed unit or drop-in of a running service restarts it; one that runs once, and timers, are only read", () => {
    const actionOf = (plan: Plan, name: string, path: string) =>
      machineFiles(plan, name).find((file) => file.path === `/etc/systemd/system/${path}`)?.action;
    for (const unit of ["etcd.service", "patroni.service", "pgbouncer.service"])
      assert.equal(actionOf(phase2, "db-1", `${unit}.d/chitlaq.conf`), `restart:${unit}`);
    assert.equal(actionOf(phase2, "redis-1", "valkey-server.service.d/chitlaq.conf"), "restart:valkey-server.service");
    assert.equal(actionOf(phase2, "lb-1", "nginx.service.d/chitlaq.conf"), "restart:nginx.service");
    assert.equal(actionOf(phase2, "api-1", "chitlaq-app.service"), "restart:chitlaq-app.service");
    assert.equal(actionOf(phase3, "k3s-agent-1", "k3s-agent.service"), "restart:k3s-agent.service");
    for (const path of ["chitlaq-volume.service", "chitlaq-network.service", "apt-daily-upgrade.timer.d/chitlaq.conf"])
      assert.equal(actionOf(phase2, "db-1", path), "units");
  });

  test("a database machine steps aside before what restarts its database or its pool", () => {
    const pattern = /grep -qE '([^']+)'/.exec(contentOf(phase2, "db-1", "/usr/local/lib/chitlaq/step-aside"))?.[1];
    for (const words of [
      "restart:patroni.service",
      "restart:pgbouncer.service",
      "patroni.service.d/chitlaq.conf differ",
    ])
      assert.match(words, new RegExp(pattern ?? "^$"));
  });

  test("an unknown machine is a clear error", () => {
    assert.throws(() => machineFiles(phase2, "db-9"), /db-9: no such machine in stack phase2/);
  });
});

suite("network", () => {
  test("a machine without a public address goes out through the network's router and uses the plan's resolvers", () => {
    const environment = contentOf(phase2, "db-1", "/etc/chitlaq/machine.env");
    assert.match(environment, /^PUBLIC='no'$/m);
    assert.match(environment, /^NETWORK_GATEWAY='10\.0\.0\.1'$/m);
    assert.match(
      contentOf(phase2, "db-1", "/etc/resolv.conf"),
      /^nameserver 185\.12\.64\.1\nnameserver 185\.12\.64\.2$/m,
    );
    assert.ok(!has(phase2, "lb-1", "/etc/resolv.conf"), "a public machine keeps what DHCP gave it");
    assert.ok(!has(phase1, "server-1", "/etc/resolv.conf"));
  });

  test("only the gateway translates addresses, and only the plan's range", () => {
    assert.match(
      contentOf(phase2, "lb-1", "/etc/nftables.d/nat.nft"),
      /ip saddr 10\.0\.0\.0\/16 ip daddr != 10\.0\.0\.0\/16 masquerade/,
    );
    for (const name of ["api-1", "db-1", "redis-1"]) assert.ok(!has(phase2, name, "/etc/nftables.d/nat.nft"));
    assert.ok(!has(phase1, "server-1", "/etc/nftables.d/nat.nft"));
  });

  test("sshd listens on the private address behind the gateway, and only the gateway tunnels", () => {
    const sshd = "/etc/ssh/sshd_config.d/10-chitlaq.conf";
    assert.match(contentOf(phase2, "db-1", sshd), /^ListenAddress 10\.0\.3\.11$/m);
    assert.match(contentOf(phase2, "db-1", sshd), /^AllowTcpForwarding no$/m);
    assert.match(contentOf(phase2, "lb-1", sshd), /^AllowTcpForwarding local$/m);
    assert.match(contentOf(phase2, "lb-1", sshd), /^ListenAddress 0\.0\.0\.0\nListenAddress ::$/m);
    for (const name of ["lb-1", "db-1"]) {
      assert.match(contentOf(phase2, name, sshd), /^PasswordAuthentication no$/m);
      assert.match(contentOf(phase2, name, sshd), /^PermitRootLogin prohibit-password$/m);
    }
  });

  test("the packet filter lets in what the plan's flows say and drops the rest", () => {
    const filter = contentOf(phase2, "db-1", "/etc/nftables.conf");
    assert.match(filter, /hook input priority filter; policy drop;/);
    assert.match(filter, /ip saddr \{ 10\.0\.2\.11, 10\.0\.2\.12 \} tcp dport 6432 accept/);
    assert.ok(!/dport 5432 accept.*\n.*10\.0\.2\./.test(filter));
    const postgres = filter.split("\n").filter((line) => line.includes("dport 5432"));
    assert.deepEqual(
      postgres.map((line) => /\{ (.*) \}/.exec(line)?.[1]),
      ["10.0.3.12"],
      "only the other database machine reaches PostgreSQL itself",
    );
    assert.match(filter, /ip daddr 169\.254\.169\.254 meta skuid != 0 reject/);
  });

  test("HTTPS comes from the edge's ranges of both families only", () => {
    const filter = contentOf(phase2, "lb-1", "/etc/nftables.conf");
    const lines = filter.split("\n").filter((line) => line.includes("dport 443"));
    assert.equal(lines.length, 2);
    const sources = lines.flatMap((line) => /\{ (.*) \}/.exec(line)?.[1]?.split(", ") ?? []);
    assert.deepEqual(new Set(sources), new Set(phase2.edge.originRanges.ranges));
  });
});

suite("connection tracking", () => {
  const entries = (plan: Plan, name: string) =>
    Number(
      /^-net\.netfilter\.nf_conntrack_max = (\d+)$/m.exec(
        contentOf(plan, name, "/etc/sysctl.d/62-chitlaq-conntrack.conf"),
      )?.[1],
    );

  test("has room for the phase's requests on one load balancer, in a fiftieth of its memory", () => {
    assert.equal(entries(phase2, "lb-1"), 262_144);
    assert.equal(entries(phase3, "lb-1"), 524_288);
    assert.equal(entries(phase2, "db-1"), 1_048_576);
    for (const plan of [phase1, phase2, phase3]) {
      const [name = ""] = plan.services.loadBalancer.machines;
      const memoryGiB = plan.machines.find((machine) => machine.name === name)?.memoryGiB ?? 0;
      // A finished connection stays for ten seconds.
      assert.ok(entries(plan, name) >= 10 * plan.limits.requestsPerSecond, `${plan.stack}: ${entries(plan, name)}`);
      assert.ok(entries(plan, name) * 320 <= (memoryGiB * 2 ** 30) / 50);
    }
  });

  test("is loaded before its settings are made, and a kernel without them boots all the same", () => {
    const settings = contentOf(phase2, "lb-1", "/etc/sysctl.d/62-chitlaq-conntrack.conf").trim().split("\n");
    assert.ok(settings.every((line) => line.startsWith("#") || line.startsWith("-net.netfilter.")));
    assert.match(contentOf(phase2, "lb-1", "/etc/modules-load.d/chitlaq.conf"), /^nf_conntrack$/m);
  });

  test("leaves out a machine's talk with itself, except where k3s translates addresses", () => {
    const filter = contentOf(phase1, "server-1", "/etc/nftables.conf");
    assert.match(filter, /hook prerouting priority raw; policy accept;\n\s*iifname "lo" notrack/);
    assert.match(filter, /hook output priority raw; policy accept;\n\s*oifname "lo" notrack/);
    assert.doesNotMatch(contentOf(phase3, "k3s-agent-1", "/etc/nftables.conf"), /notrack/);
  });
});

test("no two machines of a stack upgrade at the same time", () => {
  for (const plan of Object.values(plans)) {
    const times = plan.machines.map(
      ({ name }) =>
        /^OnCalendar=(.+)$/m.exec(
          contentOf(plan, name, "/etc/systemd/system/apt-daily-upgrade.timer.d/chitlaq.conf"),
        )?.[1],
    );
    assert.equal(new Set(times).size, plan.machines.length, times.join(", "));
  }
});

suite("database", () => {
  type Patroni = {
    readonly bootstrap: {
      readonly dcs: Readonly<Record<string, unknown>> & {
        readonly postgresql: { readonly parameters: Readonly<Record<string, unknown>> };
      };
    };
    readonly postgresql: {
      readonly parameters: Readonly<Record<string, unknown>>;
      readonly pg_hba: readonly string[];
      readonly pg_ident: readonly string[];
      readonly data_dir: string;
    };
    readonly etcd3: { readonly hosts: readonly string[]; readonly protocol: string };
  };
  const patroni = (plan: Plan, name: string): Patroni =>
    parse(contentOf(plan, name, "/etc/patroni/config.yml"), { version: "1.1" }) as Patroni;

  test("Patroni's lease is what the plan says: ttl 20, loop 2, retry 5, synchronous, failsafe", () => {
    const { dcs } = patroni(phase2, "db-1").bootstrap;
    assert.equal(dcs.ttl, 20);
    assert.equal(dcs.loop_wait, 2);
    assert.equal(dcs.retry_timeout, 5);
    assert.equal(dcs.synchronous_mode, true);
    assert.equal(dcs.failsafe_mode, true);
    assert.equal(dcs.maximum_lag_on_failover, 1_048_576);
    // Patroni's own rule: a leader must be able to try twice within its lease.
    assert.ok(Number(dcs.loop_wait) + 2 * Number(dcs.retry_timeout) <= Number(dcs.ttl));
  });

  test("switches stay words when Patroni's YAML 1.1 reads them", () => {
    const { parameters } = patroni(phase2, "db-1").postgresql;
    for (const name of ["ssl", "jit", "archive_mode", "hot_standby_feedback"])
      assert.equal(typeof parameters[name], "string", name);
  });

  test("sizes come from the plan", () => {
    const tuning = phase2.services.database.members[0]?.tuning;
    const { parameters } = patroni(phase2, "db-1").postgresql;
    assert.equal(parameters.shared_buffers, `${tuning?.sharedBuffersMiB}MB`);
    assert.equal(parameters.work_mem, `${tuning?.workMemMiB}MB`);
    assert.equal(patroni(phase2, "db-1").bootstrap.dcs.postgresql.parameters.max_connections, tuning?.maxConnections);
    assert.ok(!("max_connections" in parameters), "Patroni takes it from the shared configuration only");
  });

  test("the application gets in through PgBouncer alone, from its own addresses, by SCRAM over TLS", () => {
    const { pg_hba: rules, pg_ident: identities } = patroni(phase2, "db-1").postgresql;
    const application = rules.filter((rule) => / chitlaq /.test(rule));
    assert.deepEqual(application, ["local chitlaq chitlaq peer map=pooler"]);
    assert.deepEqual(identities, ["pooler postgres chitlaq"]);
    const pool = contentOf(phase2, "db-1", "/etc/chitlaq/pgbouncer/hba.conf").split("\n");
    assert.deepEqual(
      pool.filter((line) => line !== "" && !line.startsWith("#")),
      ["hostssl chitlaq all 10.0.2.0/24 scram-sha-256"],
    );
    assert.ok(rules.every((rule) => !/\b(trust|md5|password)$/.test(rule)));
    assert.ok(rules.every((rule) => !/ (0\.0\.0\.0\/0|::\/0|all) scram/.test(rule) || rule.startsWith("local")));
  });

  test("Patroni can read its own timeline", () => {
    assert.ok(
      patroni(phase2, "db-2").postgresql.pg_hba.includes("host replication replicator 127.0.0.1/32 scram-sha-256"),
    );
  });

  test("a pair of database machines votes with the Redis machine, over TLS", () => {
    assert.deepEqual(patroni(phase2, "db-1").etcd3.hosts, ["10.0.3.11:2379", "10.0.3.12:2379", "10.0.4.11:2379"]);
    assert.equal(patroni(phase2, "db-1").etcd3.protocol, "https");
    const witness = contentOf(phase2, "redis-1", "/etc/chitlaq/etcd.env");
    assert.match(
      witness,
      /^ETCD_INITIAL_CLUSTER=db-1=https:\/\/10\.0\.3\.11:2380,db-2=https:\/\/10\.0\.3\.12:2380,redis-1=https:\/\/10\.0\.4\.11:2380$/m,
    );
    assert.match(witness, /^ETCD_CLIENT_CERT_AUTH=true$/m);
    assert.ok(!has(phase2, "api-1", "/etc/chitlaq/etcd.env"));
    assert.deepEqual(patroni(phase3, "db-2").etcd3.hosts, ["10.0.3.11:2379", "10.0.3.12:2379", "10.0.3.13:2379"]);
  });

  test("phase 1 runs Debian's cluster on loopback, with the same settings mechanism and the same backups", () => {
    const settings = contentOf(phase1, "server-1", "/etc/chitlaq/postgresql/settings.conf");
    assert.match(settings, /^listen_addresses = '127\.0\.0\.1'$/m);
    assert.match(settings, /^archive_command = '\/usr\/local\/lib\/chitlaq\/pgbackrest-push "%p"'$/m);
    assert.match(
      settings,
      new RegExp(`^shared_buffers = '${phase1.services.database.members[0]?.tuning.sharedBuffersMiB}MB'$`, "m"),
    );
    assert.ok(!has(phase1, "server-1", "/etc/patroni/config.yml"));
    assert.ok(has(phase1, "server-1", "/etc/pgbackrest/pgbackrest.conf"));
  });

  test("memory that runs out costs a connection or a rewritten log, never the server; a long log may be read for long", () => {
    assert.match(
      contentOf(phase2, "db-1", "/etc/systemd/system/patroni.service.d/chitlaq.conf"),
      /^Environment=PG_OOM_ADJUST_FILE=/m,
    );
    assert.match(contentOf(phase2, "redis-1", "/etc/chitlaq/valkey.conf"), /^oom-score-adj-values 0 0 800$/m);
    const server = contentOf(phase2, "redis-1", "/etc/systemd/system/valkey-server.service.d/chitlaq.conf");
    assert.match(server, /^TimeoutStartSec=infinity$/m);
  });

  test("PgBouncer pools by transaction within the phase's limit and keeps protocol-level prepared statements", () => {
    const settings = contentOf(phase2, "db-1", "/etc/pgbouncer/pgbouncer.ini");
    assert.match(settings, /^pool_mode = transaction$/m);
    assert.match(settings, /^max_client_conn = 1000$/m);
    assert.match(settings, /^max_prepared_statements = 200$/m);
    assert.match(settings, /^client_tls_sslmode = require$/m);
  });

  test("the database never starts beside its volume", () => {
    for (const [plan, name, unit] of [
      [phase2, "db-1", "patroni.service.d/chitlaq.conf"],
      [phase1, "server-1", "chitlaq-cluster.service"],
    ] as const) {
      assert.match(contentOf(plan, name, `/etc/systemd/system/${unit}`), /^Requires=chitlaq-volume\.service$/m);
    }
  });

  test("backups: encrypted, archived asynchronously, 30 days, on storage in another place", () => {
    const settings = contentOf(phase2, "db-1", "/etc/pgbackrest/pgbackrest.conf");
    assert.match(settings, /^repo1-cipher-type=aes-256-cbc$/m);
    assert.match(settings, /^archive-async=y$/m);
    assert.match(settings, /^repo1-retention-full-type=time\nrepo1-retention-full=30$/m);
    assert.ok(!settings.includes("archive-push-queue-max"), "it would drop log segments");
    assert.match(
      contentOf(phase2, "db-1", "/etc/systemd/system/chitlaq-backup-full.timer"),
      /^Unit=chitlaq-backup@full\.service$/m,
    );
  });
});

suite("redis", () => {
  test("a primary stops taking writes alone only where two replicas exist", () => {
    assert.match(contentOf(phase2, "redis-1", "/etc/chitlaq/valkey.conf"), /^min-replicas-to-write 0$/m);
    assert.match(contentOf(phase2r, "redis-1", "/etc/chitlaq/valkey.conf"), /^min-replicas-to-write 0$/m);
    assert.match(contentOf(phase3, "redis-1", "/etc/chitlaq/valkey.conf"), /^min-replicas-to-write 1$/m);
  });

  test("maxmemory, policy and the log file follow the plan", () => {
    const settings = contentOf(phase2, "redis-1", "/etc/chitlaq/valkey.conf");
    assert.match(settings, new RegExp(`^maxmemory ${phase2.services.redis.members[0]?.maxmemoryMiB}mb$`, "m"));
    assert.match(settings, /^maxmemory-policy noeviction$/m);
    assert.match(settings, /^appendonly yes$/m);
  });

  test("three Sentinels watch a pair, one of them from a database machine", () => {
    for (const name of ["redis-1", "redis-2", "db-1"]) {
      const settings = contentOf(phase2r, name, "/etc/chitlaq/sentinel.conf");
      assert.match(settings, /^sentinel monitor chitlaq PRIMARY 6379 2$/m);
      assert.match(settings, /^sentinel down-after-milliseconds chitlaq 2000$/m);
    }
    assert.ok(!has(phase2r, "db-2", "/etc/chitlaq/sentinel.conf"));
    assert.ok(
      !has(phase2, "redis-1", "/etc/chitlaq/sentinel.conf"),
      "without a replica there is nothing to fail over to",
    );
  });
});

suite("load balancer", () => {
  const site = contentOf(phase2, "lb-1", "/etc/nginx/chitlaq.conf");
  const main = contentOf(phase2, "lb-1", "/etc/nginx/nginx.conf");

  test("believes the client header of the edge's addresses alone", () => {
    const ranges = [...main.matchAll(/set_real_ip_from (\S+);/g)].map((match) => match[1]);
    assert.deepEqual(ranges, phase2.edge.originRanges.ranges);
    assert.match(main, /real_ip_header CF-Connecting-IP;/);
  });

  test("asks the edge for its certificate and never repeats a POST", () => {
    assert.match(site, /ssl_verify_client on;/);
    assert.match(site, /proxy_next_upstream error timeout http_503;/);
    assert.ok(!/proxy_next_upstream .*non_idempotent/.test(site));
  });

  test("keeps no connection to the application, and gives a silent machine a second", () => {
    assert.doesNotMatch(/upstream app \{[^}]*\}/.exec(main)?.[0] ?? "keepalive", /^\s*keepalive /m);
    assert.match(contentOf(phase2, "lb-1", "/etc/nginx/chitlaq.conf"), /^\s*proxy_connect_timeout 1s;/m);
  });

  test("waits with as many new connections as the kernel lets it, on every door", () => {
    assert.equal([...site.matchAll(/^\s*listen \S+( ssl)? default_server backlog=4096;/gm)].length, 4);
    assert.match(contentOf(phase2, "lb-1", "/etc/sysctl.d/60-chitlaq.conf"), /^net\.core\.somaxconn = 4096$/m);
  });

  test("counts WebSockets of one address for themselves: a campus may hold a tenth of the phase's", () => {
    const location = /location = \/ws \{[^}]*\}/.exec(site)?.[0] ?? "";
    assert.match(location, /^\s*limit_conn websockets 1000;$/m);
    assert.doesNotMatch(location, /limit_conn connections/);
    assert.match(contentOf(phase1, "server-1", "/etc/nginx/chitlaq.conf"), /^\s*limit_conn websockets 200;$/m);
    assert.match(site, /^ {2}limit_conn connections 50;$/m);
  });

  test("looks at the size of its logs every hour", () => {
    const timer = contentOf(phase2, "lb-1", "/etc/systemd/system/logrotate.timer.d/chitlaq.conf");
    assert.match(timer, /^OnCalendar=\nOnCalendar=hourly$/m);
    assert.match(contentOf(phase2, "lb-1", "/etc/chitlaq/units.tsv"), /^boot\tlogrotate\.timer\tnone$/m);
  });

  test("drains by closing its doors, not by dropping packets", () => {
    const unit = contentOf(phase2, "lb-1", "/etc/systemd/system/nginx.service.d/chitlaq.conf");
    assert.match(unit, /^ExecStop=-.*--retry QUIT\//m);
    const drain = contentOf(phase2, "lb-1", "/usr/local/sbin/chitlaq-drain");
    assert.ok(!/nft|iptables/.test(drain));
  });

  test("passes requests to the API machines through HAProxy, which asks whether they are ready", () => {
    const servers = (plan: Plan, name: string) =>
      [...contentOf(plan, name, "/etc/nginx/nginx.conf").matchAll(/^ {4}server (\S+) /gm)].map((match) => match[1]);
    const settings = contentOf(phase2, "lb-1", "/etc/haproxy/haproxy.cfg");
    const door = /^ {2}bind unix@(\S+) user www-data /m.exec(settings)?.[1];
    assert.deepEqual(servers(phase2, "lb-1"), [`unix:${door}`]);
    const ready = /^backend ready\n((?: .*\n)+)/m.exec(settings)?.[1] ?? "";
    assert.match(ready, /default-server check /);
    assert.match(ready, /server api-1 10\.0\.2\.11:8080\n {2}server api-2 10\.0\.2\.12:8080\n/);
    assert.match(contentOf(phase2, "lb-1", "/etc/chitlaq/units.tsv"), /^boot\thaproxy\.service\tnone$/m);
  });

  test("one machine alone is asked directly, and so are those of phase 3", () => {
    const own = contentOf(phase1, "server-1", "/etc/nginx/nginx.conf");
    assert.match(own, /^ {4}server 127\.0\.0\.1:8080 /m);
    assert.match(own, /"upstream":"\$upstream_addr"/);
    for (const [plan, name] of [
      [phase1, "server-1"],
      [phase3, "lb-1"],
    ] as const) {
      assert.ok(!has(plan, name, "/etc/haproxy/haproxy.cfg"));
    }
  });

  test("phase 3 balances over the ingress of every k3s machine", () => {
    const upstreams = [...contentOf(phase3, "lb-2", "/etc/nginx/nginx.conf").matchAll(/server (\S+):30080 /g)];
    assert.equal(upstreams.length, 5);
  });
});

suite("application", () => {
  test("finds the leading database through HAProxy on its own machine, in phase 1 PgBouncer itself", () => {
    for (const [plan, name] of [
      [phase1, "server-1"],
      [phase2, "api-2"],
    ] as const) {
      const environment = contentOf(plan, name, "/etc/chitlaq/app.env");
      assert.match(environment, /^DATABASE_HOST='127\.0\.0\.1'\nDATABASE_PORT='6432'$/m);
      assert.match(environment, /^DATABASE_SSLMODE='?verify-full'?$/m);
    }
    const door = contentOf(phase2, "api-1", "/etc/haproxy/haproxy.cfg");
    assert.match(door, /http-check send meth OPTIONS uri \/primary/);
    assert.match(door, /on-marked-down shutdown-sessions/);
    assert.match(door, /^\s+server db-1 10\.0\.3\.11:6432\n\s+server db-2 10\.0\.3\.12:6432$/m);
    assert.ok(!has(phase1, "server-1", "/etc/haproxy/haproxy.cfg"));
  });

  test("asks the Sentinels for Redis when there are any, else has a fixed address", () => {
    assert.match(
      contentOf(phase2, "api-1", "/etc/chitlaq/app.env"),
      /^REDIS_HOST='10\.0\.4\.11'\nREDIS_PORT='6379'\nREDIS_SENTINELS=''$/m,
    );
    assert.match(
      contentOf(phase2r, "api-1", "/etc/chitlaq/app.env"),
      /^REDIS_SENTINELS='10\.0\.4\.11:26379,10\.0\.4\.12:26379,10\.0\.3\.11:26379'$/m,
    );
  });

  test("names the configured release, or none when it is brought to the machine", () => {
    const release = { url: "https://releases.example/app.tar.gz", sha256: "a".repeat(64), version: "2.1.0" };
    const named = contentOf(planOf(2, { release }), "api-1", "/etc/chitlaq/release.env");
    assert.match(named, /^RELEASE_URL='https:\/\/releases\.example\/app\.tar\.gz'$/m);
    assert.match(contentOf(phase2, "api-1", "/etc/chitlaq/release.env"), /^RELEASE_URL=''$/m);
  });

  test("phase 1 keeps each service within its memory budget", () => {
    const budget = phase1.services.memoryBudgetMiB;
    const limit = (unit: string) =>
      /^MemoryMax=(\d+)M$/m.exec(contentOf(phase1, "server-1", `/etc/systemd/system/${unit}`))?.[1];
    assert.equal(limit("chitlaq-app.service"), String(budget?.app));
    assert.equal(limit("postgresql@17-main.service.d/chitlaq.conf"), String(budget?.postgresql));
    assert.equal(limit("valkey-server.service.d/chitlaq.conf"), String(budget?.redis));
    assert.equal(limit("nginx.service.d/chitlaq.conf"), String(budget?.nginx));
  });
});

suite("k3s", () => {
  type Server = Readonly<Record<string, unknown>> & { readonly "kube-apiserver-arg": readonly string[] };
  const server = (name: string) => parse(contentOf(phase3, name, "/etc/rancher/k3s/config.yaml")) as Server;

  test("servers agree on everything but their own name and address", () => {
    const shared = (name: string) => {
      const { "node-name": _name, "node-ip": _ip, "advertise-address": _address, ...rest } = server(name);
      return rest;
    };
    assert.deepEqual(shared("k3s-server-2"), shared("k3s-server-1"));
    assert.deepEqual(shared("k3s-server-3"), shared("k3s-server-1"));
  });

  test("secrets are encrypted, pods restricted, requests logged, snapshots taken every half hour off the machine", () => {
    const settings = server("k3s-server-1");
    assert.equal(settings["secrets-encryption"], true);
    assert.equal(settings["protect-kernel-defaults"], true);
    assert.equal(settings["etcd-snapshot-schedule-cron"], "*/30 * * * *");
    assert.equal(settings["etcd-s3"], true);
    assert.ok(!JSON.stringify(settings).includes("etcd-s3-access-key"));
    assert.ok(settings["kube-apiserver-arg"].includes("audit-policy-file=/etc/rancher/k3s/audit.yaml"));
    assert.match(contentOf(phase3, "k3s-server-1", "/etc/rancher/k3s/admission.yaml"), /enforce: restricted/);
  });

  test("the first server alone may start the cluster; the others wait for it", () => {
    const environment = (name: string) => contentOf(phase3, name, "/etc/chitlaq/k3s.env");
    assert.match(environment("k3s-server-1"), /^FIRST='yes'$/m);
    assert.match(environment("k3s-server-3"), /^FIRST='no'$/m);
    const first = phase3.services.k3s?.servers[0]?.ip ?? "";
    assert.match(environment("k3s-server-3"), new RegExp(`^OTHER_SERVERS='${first} `, "m"));
    assert.ok(!("cluster-init" in server("k3s-server-1")), "a rebuilt first server must not start a second cluster");
  });

  test("the binary is pinned and checked before it is installed", () => {
    const install = contentOf(phase3, "k3s-agent-1", "/usr/local/lib/chitlaq/activate.d/50-k3s");
    assert.match(contentOf(phase3, "k3s-agent-1", "/etc/chitlaq/k3s.env"), /^K3S_VERSION='v\d+\.\d+\.\d+\+k3s\d+'$/m);
    assert.ok(install.indexOf("sha256sum --check") < install.indexOf("install -m 0755"));
  });

  test("agents hold the agent token only", () => {
    assert.deepEqual(secretNames(phase3, "k3s-agent-1"), ["k3s-agent-token"]);
    assert.ok(secretNames(phase3, "k3s-server-1").includes("k3s-server-token"));
  });

  test("pods cannot ask the metadata service", () => {
    const filter = contentOf(phase3, "k3s-agent-1", "/etc/nftables.conf");
    assert.match(filter, /ip saddr 10\.42\.0\.0\/16 ip daddr 169\.254\.169\.254 drop/);
    assert.ok(!contentOf(phase2, "api-1", "/etc/nftables.conf").includes("169.254.169.254 drop"));
  });
});

suite("secrets", () => {
  test("each machine needs its own and no other's", () => {
    assert.deepEqual(secretNames(phase2, "lb-1"), ["origin-pull-ca.pem", "origin.crt", "origin.key"]);
    assert.deepEqual(secretNames(phase2, "api-1"), [
      "app-session-secret",
      "ca.crt",
      "postgres-app-password",
      "valkey-app-password",
    ]);
    assert.deepEqual(
      secretNames(phase2, "redis-1").filter((name) => name.startsWith("postgres")),
      [],
    );
    assert.deepEqual(
      secretNames(phase2, "db-1").filter((name) => name.startsWith("valkey")),
      [],
    );
    const exposed = ["lb-1", "api-1", "api-2"].flatMap((name) => secretNames(phase2, name));
    assert.ok(
      !exposed.some((name) => name.startsWith("s3-")),
      "machines that face the internet cannot reach the backups",
    );
  });

  test("one value per key: equal keys ask for equal sources", () => {
    for (const plan of Object.values(plans)) {
      const sources = new Map<string, string>();
      for (const { name } of plan.machines) {
        for (const { key, source } of requiredSecrets(plan, name)) {
          const known = sources.get(key);
          if (known !== undefined) assert.equal(JSON.stringify(source), known, key);
          sources.set(key, JSON.stringify(source));
        }
      }
    }
  });

  test("a machine's certificate names it and its addresses, and its key is closed", () => {
    const key = requiredSecrets(phase2, "db-1").find(({ name }) => name === "machine.key");
    assert.equal(key?.mode, "0640");
    assert.equal(key?.group, "chitlaq-tls");
    assert.deepEqual(key?.source, {
      kind: "private-key",
      pair: "machine-db-1",
      names: ["db-1", "chitlaq-phase2-db-1", "localhost"],
      addresses: ["10.0.3.11", "127.0.0.1"],
    });
  });

  test("only root reads passwords, except the one PostgreSQL's owner sets", () => {
    for (const { plan, name } of every) {
      for (const secret of requiredSecrets(plan, name)) {
        if (secret.source.kind !== "password" || secret.name === "postgres-app-password") continue;
        assert.equal(`${secret.owner}:${secret.group} ${secret.mode}`, "root:root 0600", secret.name);
      }
    }
  });
});

test("phases 1 and 2 find every package in the baked image, so that a boot there fetches nothing", (t) => {
  const base = debianRoot();
  if ("missing" in base) return t.skip(base.missing);
  const status = readFileSync(join(base.root, "var", "lib", "dpkg", "status"), "utf8");
  const installed = new Set([...status.matchAll(/^Package: (.*)$/gm)].map((match) => match[1]));
  for (const plan of [phase1, phase2r]) {
    for (const { name } of plan.machines) {
      const packages = contentOf(plan, name, "/etc/chitlaq/packages").trim().split("\n");
      assert.deepEqual(
        packages.filter((wanted) => !installed.has(wanted)),
        [],
        `${plan.stack} ${name}`,
      );
    }
  }
  return undefined;
});

test("every shell script of ops passes shellcheck", (t) => {
  if (spawnSync("shellcheck", ["--version"]).status !== 0) return t.skip("shellcheck is not installed");
  const root = join(import.meta.dirname, "..", "..", "ops");
  const scripts = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (name) => (name.endsWith(".sh") || name === "sample-app/start") && !name.includes("node_modules"),
  );
  assert.ok(scripts.length > 20);
  // SC1091: sourced files have their place on the machine.
  const { status, stdout } = spawnSync("shellcheck", ["-e", "SC1091", ...scripts], { cwd: root, encoding: "utf8" });
  assert.equal(status, 0, stdout);
  return undefined;
});
