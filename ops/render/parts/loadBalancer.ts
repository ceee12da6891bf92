import type { Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile } from "../assets.ts";
import { type Part, part } from "../types.ts";
import { memoryLimit } from "./postgres.ts";
import { shared } from "./secrets.ts";

const originPullAuthority = "origin-pull-ca.pem";

const door = "/run/haproxy/app.sock";

/**
 * Whether HAProxy stands between nginx and the application. A machine that is alone has no substitute, and every machine of
 * phase 3 hands a request on to whichever container is ready.
 */
const asksUpstreams = (plan: Plan): boolean =>
  plan.services.app !== null && plan.services.loadBalancer.upstreams.length > 1;

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
    upstreams: asksUpstreams(plan)
      ? [{ address: `unix:${door}` }]
      : loadBalancer.upstreams.map(({ ip, port }) => ({ address: `${ip}:${port}` })),
    // Who answered: HAProxy says it in a header, which stays here.
    upstreamVariable: asksUpstreams(plan) ? "upstream_http_x_upstream" : "upstream_addr",
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

/** HAProxy between nginx and the application machines, of which it passes requests to those that are ready. */
export function appDoorPart(plan: Plan, machine: Machine): Part | null {
  const { loadBalancer } = plan.services;
  if (!loadBalancer.machines.includes(machine.name) || !asksUpstreams(plan)) return null;
  const unit = "haproxy.service";
  const configuration = filled("load-balancer/haproxy.cfg.tmpl", "haproxy", {
    upstreams: loadBalancer.upstreams.map(({ machine: name, ip, port }) => ({ machine: name, ip, port })),
  });
  return part({
    packages: ["haproxy"],
    files: [
      file("/etc/haproxy/haproxy.cfg", configuration, { action: `reload:${unit}` }),
      unitFile(`${unit}.d/chitlaq.conf`, asset("common/haproxy.service.conf")),
    ],
    units: [{ when: "boot", unit, refresh: "none" }],
    // Not whether an application machine is ready: those are set up after this one.
    checks: [{ name: "app-door", command: "echo 'show info' | nc -N -U /run/haproxy/admin.sock | grep -q '^Uptime:'" }],
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
