import type { Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile } from "../assets.ts";
import { type Part, part } from "../types.ts";
import { memoryLimit } from "./postgres.ts";
import { shared } from "./secrets.ts";

const originPullAuthority = "origin-pull-ca.pem";

/** nginx towards the edge. */
export function loadBalancerPart(plan: Plan, machine: Machine): Part | null {
  const { loadBalancer, memoryBudgetMiB } = plan.services;
  if (!loadBalancer.machines.includes(machine.name)) return null;
  const unit = "nginx.service";
  // A proxied request holds two connections and now and then a cache file.
  const openFiles = loadBalancer.workerConnections * 2;
  const main = filled("load-balancer/nginx.conf.tmpl", "nginx", {
    openFiles,
    workerConnections: loadBalancer.workerConnections,
    edgeRanges: plan.edge.originRanges.ranges,
    requestsPerSecond: loadBalancer.limits.requestsPerSecondPerClient,
    upstreams: loadBalancer.upstreams.map(({ ip, port }) => ({ ip, port })),
  });
  const memoryMax = memoryLimit(memoryBudgetMiB?.nginx ?? null);
  return part({
    packages: ["logrotate", "nginx"],
    files: [
      file("/etc/nginx/nginx.conf", main, { action: `reload:${unit}` }),
      file("/etc/nginx/chitlaq.conf", siteConfiguration(plan), { action: `reload:${unit}` }),
      file("/etc/logrotate.d/nginx", asset("load-balancer/logrotate.conf")),
      unitFile(
        `${unit}.d/chitlaq.conf`,
        filled("load-balancer/nginx.service.conf.tmpl", "systemd", { openFiles, memoryMax }),
      ),
      unitFile("logrotate.timer.d/chitlaq.conf", asset("load-balancer/logrotate.timer.conf")),
      script("/usr/local/sbin/chitlaq-drain", "load-balancer/drain.sh"),
    ],
    units: [
      { when: "boot", unit: "logrotate.timer", refresh: "none" },
      { when: "secrets", unit, refresh: "reload" },
    ],
    secrets: originSecrets,
    checks: [{ name: "nginx", command: "curl -fsS -o /dev/null http://127.0.0.1:8081/status" }],
    directories: [{ path: "/var/cache/nginx", mode: "0755", owner: "root", group: "root" }],
  });
}

function siteConfiguration(plan: Plan): string {
  const { loadBalancer } = plan.services;
  return filled("load-balancer/site.conf.tmpl", "nginx", {
    // nginx takes any number of words here, each of which is a host name.
    serverNames: loadBalancer.serverNames.join(" "),
    originPullAuthority,
    verifyClient: plan.edge.authenticatedOriginPulls ? "on" : "off",
    burst: loadBalancer.limits.burst,
    connectionsPerClient: loadBalancer.limits.connectionsPerClient,
    webSocketsPerClient: loadBalancer.limits.webSocketsPerClient,
  });
}

/** What nginx shows to the edge, and by what it knows the edge. */
const originSecrets = [
  shared(
    "origin.crt",
    "certificate the edge expects of the origin",
    { kind: "given", hint: "Cloudflare → SSL/TLS → Origin Server: the certificate with its chain" },
    { mode: "0644" },
  ),
  shared("origin.key", "private key of the origin certificate", {
    kind: "given",
    hint: "Cloudflare → SSL/TLS → Origin Server: shown once beside the certificate",
  }),
  shared(
    originPullAuthority,
    "authority of the certificate the edge shows to the origin",
    {
      kind: "given",
      hint: "Cloudflare's authenticated origin pull authority (developers.cloudflare.com/ssl/origin-configuration/authenticated-origin-pull)",
    },
    { mode: "0644" },
  ),
];
