/** Notification policies of an account. */

import type { Hono } from "hono";
import { z } from "zod";
import { accountOf, type Cloud } from "../cloud.ts";
import { crudRoutes } from "../http/crud.ts";

const targets = z.array(z.strictObject({ id: z.string() })).optional();

const fields = {
  name: z.string().min(1),
  description: z.string().optional(),
  alert_type: z.string().regex(/^[a-z0-9_]+$/, "an alert type such as http_alert_origin_error is needed"),
  alert_interval: z.string().optional(),
  enabled: z.boolean().optional(),
  mechanisms: z.strictObject({ email: targets, pagerduty: targets, webhooks: targets }),
  filters: z.record(z.string(), z.array(z.string())).optional(),
};

export const notificationRoutes = (cloud: Cloud): Hono =>
  crudRoutes(cloud, {
    path: "/accounts/:account/alerting/v3/policies",
    collection: cloud.data.policies,
    ownerOf: (context) => accountOf(cloud, context).id,
    schema: z.strictObject(fields),
    defaults: () => ({ description: "", enabled: true, filters: {} }),
    // This API calls its time stamps otherwise than the rest.
    stamps: { created: "created", modified: "modified" },
    notFound: { code: 17_000, message: "policy not found" },
  });
