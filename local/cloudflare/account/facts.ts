/** Facts that belong to no zone: addresses of the edge, and the token itself. */

import { createHash } from "node:crypto";
import { Hono } from "hono";
import type { Cloud } from "../cloud.ts";
import { answer } from "../http/answers.ts";
import { readQuery } from "../http/requests.ts";

/** Published at cloudflare.com/ips; unchanged since 2021-04-08, read before 2026-11-23. */
const IPV4 = [
  "173.245.48.0/20",
  "103.21.244.0/22",
  "103.22.200.0/22",
  "103.31.4.0/22",
  "141.101.64.0/18",
  "108.162.192.0/18",
  "190.93.240.0/20",
  "188.114.96.0/20",
  "197.234.240.0/22",
  "198.41.128.0/17",
  "162.158.0.0/15",
  "104.16.0.0/13",
  "104.24.0.0/14",
  "172.64.0.0/13",
  "131.0.72.0/22",
];
const IPV6 = [
  "2400:cb00::/32",
  "2606:4700::/32",
  "2803:f800::/32",
  "2405:b500::/32",
  "2405:8100::/32",
  "2a06:98c0::/29",
  "2c0f:f248::/32",
];
const ETAG = createHash("md5")
  .update([...IPV4, ...IPV6].join())
  .digest("hex");

export const factRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.get("/ips", (context) => {
    readQuery(context, cloud.local.observer, ["networks"]);
    return answer(context, { ipv4_cidrs: IPV4, ipv6_cidrs: IPV6, etag: ETAG });
  });
  app.get("/user/tokens/verify", (context) =>
    answer(context, {
      // Stable for a token, and nothing of it can be read back.
      id: createHash("sha256")
        .update(context.req.header("authorization") ?? "")
        .digest("hex")
        .slice(0, 32),
      status: "active",
    }),
  );
  return app;
};
