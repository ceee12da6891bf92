import { parse } from "yaml";
import type { DatabaseService, Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, filledYaml, script, unitFile } from "../assets.ts";
import { type Part, part } from "../types.ts";
import type { YamlValue } from "../yamlTemplate.ts";
import {
  clusterParameters,
  dataDirectory,
  hostBasedAccess,
  identityMap,
  memberParameters,
  poolerPackages,
} from "./postgres.ts";
import { machineCertificate, password, shared } from "./secrets.ts";

const libraries = "/usr/local/lib/chitlaq";

type Patroni = NonNullable<DatabaseService["patroni"]>;
type Member = DatabaseService["members"][number];

/** PostgreSQL under Patroni: it starts, stops, follows and promotes the server by what etcd says. */
export function patroniPart(plan: Plan, machine: Machine): Part | null {
  const { database } = plan.services;
  const member = database.members.find((candidate) => candidate.machine === machine.name);
  if (member === undefined || database.patroni === null) return null;
  const dcs = sharedConfiguration(database.patroni, member);
  const ca = "/etc/chitlaq/secrets/ca.crt";
  const url = `https://${member.ip}:${database.patroni.restPort}`;
  return part({
    packages: [...poolerPackages, "patroni", "python3-etcd", "python3-psycopg2"],
    files: [
      file("/etc/patroni/config.yml", memberConfiguration(database, database.patroni, member, dcs), {
        mode: "0640",
        group: "postgres",
        action: "reload:patroni.service",
      }),
      file("/etc/chitlaq/patroni-dcs.json", JSON.stringify(dcs, null, 2), {
        action: "restart:chitlaq-database.service",
      }),
      script(`${libraries}/archive-get`, "database/archive-get.sh"),
      script(`${libraries}/step-aside`, "database/step-aside.sh"),
      script(`${libraries}/hand-over`, "database/hand-over.sh"),
      script(`${libraries}/last-turn`, "database/last-turn.sh"),
      unitFile("chitlaq-hand-over.service", asset("database/chitlaq-hand-over.service")),
      script(`${libraries}/etcd-yield`, "database/etcd-yield.sh"),
      unitFile("chitlaq-etcd-yield.service", asset("database/chitlaq-etcd-yield.service")),
      unitFile("chitlaq-etcd-yield.timer", asset("database/chitlaq-etcd-yield.timer")),
      unitFile("patroni.service.d/chitlaq.conf", asset("database/patroni.service.conf")),
    ],
    units: [
      { when: "off", unit: "postgresql.service", refresh: "none" },
      { when: "secrets", unit: "patroni.service", refresh: "reload" },
      { when: "secrets", unit: "chitlaq-hand-over.service", refresh: "none" },
      { when: "secrets", unit: "chitlaq-etcd-yield.timer", refresh: "none" },
    ],
    secrets: [
      shared("postgres-superuser-password", "PostgreSQL login postgres, used by Patroni", password),
      shared("postgres-replication-password", "PostgreSQL login of standbys", password),
      shared("postgres-rewind-password", "PostgreSQL login of pg_rewind", password),
    ],
    directories: [{ path: "/etc/chitlaq/patroni", mode: "0750", owner: "root", group: "postgres" }],
    checks: [{ name: "patroni", command: `curl -fsS -o /dev/null --cacert ${ca} ${url}/health` }],
  });
}

function sharedConfiguration(patroni: Patroni, member: Member): YamlValue {
  const rendered = filledYaml("database/dcs.yaml", {
    ttl: patroni.ttlSeconds,
    loopWait: patroni.loopWaitSeconds,
    retryTimeout: patroni.retryTimeoutSeconds,
    synchronous: patroni.synchronous,
    parameters: clusterParameters(member.tuning),
  });
  return parse(rendered) as YamlValue;
}

function memberConfiguration(database: DatabaseService, patroni: Patroni, member: Member, dcs: YamlValue): string {
  const { members, clientPort } = patroni.etcd;
  return filledYaml("database/patroni.yaml", {
    scope: patroni.scope,
    name: member.machine,
    restAddress: `${member.ip}:${patroni.restPort}`,
    etcdHosts: members.map(({ ip }) => `${ip}:${clientPort}`),
    dcs,
    // Loopback too, for Patroni's own look at the timeline; nobody else reaches it there.
    listen: `${member.ip},127.0.0.1:${database.port}`,
    address: `${member.ip}:${database.port}`,
    dataDirectory: dataDirectory(database),
    parameters: memberParameters(database, member.tuning),
    hba: hostBasedAccess(database),
    identities: identityMap,
  });
}

/** One vote of the cluster that remembers who leads; also on a machine that holds no database. */
export function etcdPart(plan: Plan, machine: Machine): Part | null {
  const { patroni } = plan.services.database;
  const member = patroni?.etcd.members.find((candidate) => candidate.machine === machine.name);
  if (patroni === null || member === undefined) return null;
  const { clientPort, peerPort, members } = patroni.etcd;
  const environment = filled("database/etcd.env.tmpl", "systemd", {
    name: member.machine,
    ip: member.ip,
    clientPort,
    peerPort,
    cluster: members.map(({ machine: name, ip }) => `${name}=https://${ip}:${peerPort}`).join(","),
    token: `${plan.project}-${plan.stack}`,
  });
  const tls =
    "--cacert=/etc/chitlaq/secrets/ca.crt --cert=/etc/chitlaq/secrets/machine.crt --key=/etc/chitlaq/secrets/machine.key";
  return part({
    packages: ["etcd-client", "etcd-server"],
    files: [
      file("/etc/chitlaq/etcd.env", environment, { action: "restart:etcd.service" }),
      script(`${libraries}/etcd-join`, "database/etcd-join.sh"),
      script(`${libraries}/activate.d/15-etcd`, "database/etcd-activate.sh"),
      script("/usr/local/sbin/chitlaq-etcd-reset", "database/etcd-reset.sh"),
      unitFile("etcd.service.d/chitlaq.conf", asset("database/etcd.service.conf")),
    ],
    units: [{ when: "secrets", unit: "etcd.service", refresh: "none" }],
    secrets: machineCertificate(machine),
    checks: [
      { name: "etcd", command: `etcdctl --endpoints=https://${member.ip}:${clientPort} ${tls} endpoint health` },
    ],
    tlsReaders: ["etcd"],
  });
}
