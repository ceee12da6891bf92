/** Standalone health checks of a zone. */

import type { Hono } from "hono";
import { z } from "zod";
import { type Cloud, zoneOf } from "../cloud.ts";
import { crudRoutes } from "../http/crud.ts";
import { CloudflareError } from "../http/errors.ts";
import type { PlanName } from "../records.ts";

/** CFD `src/content/plans/index.json`. */
const MOST: Readonly<Record<PlanName, number>> = { free: 0, pro: 10, business: 50 };

const fields = {
  name: z
    .string()
    .min(1)
    .regex(/^[\w-]+$/, "letters, digits, - and _ only"),
  address: z.string().min(1),
  description: z.string().optional(),
  type: z.enum(["HTTP", "HTTPS", "TCP"]).optional(),
  check_regions: z.array(z.string()).nullish(),
  interval: z.int().min(5).max(3600).optional(),
  retries: z.int().min(0).max(5).optional(),
  timeout: z.int().min(1).max(10).optional(),
  consecutive_fails: z.int().min(1).optional(),
  consecutive_successes: z.int().min(1).optional(),
  suspended: z.boolean().optional(),
  http_config: z
    .strictObject({
      method: z.enum(["GET", "HEAD"]).optional(),
      port: z.int().optional(),
      path: z.string().optional(),
      expected_codes: z.array(z.string()).nullish(),
      expected_body: z.string().optional(),
      follow_redirects: z.boolean().optional(),
      allow_insecure: z.boolean().optional(),
      header: z.record(z.string(), z.array(z.string())).nullish(),
    })
    .nullish(),
  tcp_config: z.strictObject({ method: z.string().optional(), port: z.int().optional() }).nullish(),
};

export const healthcheckRoutes = (cloud: Cloud): Hono =>
  crudRoutes(cloud, {
    path: "/zones/:zone/healthchecks",
    collection: cloud.data.healthchecks,
    ownerOf: (context) => zoneOf(cloud, context).id,
    schema: z.strictObject(fields),
    patchSchema: z.strictObject(fields).partial(),
    defaults: () => ({
      description: "",
      type: "HTTP",
      check_regions: ["WNAM"],
      interval: 60,
      retries: 2,
      timeout: 5,
      consecutive_fails: 1,
      consecutive_successes: 1,
      suspended: false,
      status: "unknown",
      failure_reason: "",
    }),
    check: (_body, self, context) => {
      const zone = zoneOf(cloud, context);
      const used = cloud.data.healthchecks.where("owner", zone.id).length;
      return self === undefined && used >= MOST[zone.plan]
        ? new CloudflareError(403, {
            code: 1002,
            message: `quota exceeded: ${MOST[zone.plan]} health checks on this plan`,
          })
        : undefined;
    },
    notFound: { code: 1003, message: "health check not found" },
  });
