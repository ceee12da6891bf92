/** Zone-level certificates with which the edge proves itself to an origin. */

import { createHash, X509Certificate } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { type Cloud, newId, zoneOf } from "../cloud.ts";
import { answer, answerList } from "../http/answers.ts";
import { missing, refused } from "../http/errors.ts";
import { pathId, readBody, readQuery } from "../http/requests.ts";
import type { JsonObject, Owned, Zone } from "../records.ts";

const schema = z.strictObject({ certificate: z.string().min(1), private_key: z.string().min(1) });

const parse = (pem: string): X509Certificate => {
  try {
    return new X509Certificate(pem);
  } catch {
    throw refused(1400, "The uploaded certificate could not be parsed.");
  }
};

const isoOf = (text: string): string => `${new Date(text).toISOString().slice(0, 19)}Z`;

export const originPullRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const path = "/zones/:zone/origin_tls_client_auth";
  const { observer } = cloud.local;
  const find = (zone: Zone, id: string): Owned => {
    const found = cloud.data.originPullCertificates.get(id);
    if (found === undefined || found.owner !== zone.id) {
      throw missing(1404, "Certificate not found.");
    }
    return found;
  };
  app.get(path, (context) => {
    const query = readQuery(context, observer);
    const zone = zoneOf(cloud, context);
    return answerList(
      context,
      query,
      cloud.data.originPullCertificates.where("owner", zone.id).map(({ body }) => body),
    );
  });
  app.post(path, async (context) => {
    const zone = zoneOf(cloud, context);
    const { certificate, private_key: privateKey } = await readBody(context, observer, schema);
    const parsed = parse(certificate);
    const id = newId();
    const body: JsonObject = {
      id,
      certificate,
      issuer: parsed.issuer.replaceAll("\n", ", "),
      signature: createHash("sha256").update(parsed.raw).digest("hex").slice(0, 16),
      serial_number: parsed.serialNumber,
      expires_on: isoOf(parsed.validTo),
      uploaded_on: cloud.stamp(),
      status: "active",
      enabled: true,
    };
    cloud.local.store.transaction(() => {
      // For the edge alone: no answer of the API shows it.
      cloud.data.originPullKeys.put({ id, privateKey });
      cloud.data.originPullCertificates.put({ id, owner: zone.id, body });
    });
    return answer(context, body);
  });
  app.get(`${path}/:id`, (context) => answer(context, find(zoneOf(cloud, context), pathId(context, "id")).body));
  app.delete(`${path}/:id`, (context) => {
    const found = find(zoneOf(cloud, context), pathId(context, "id"));
    cloud.local.store.transaction(() => {
      cloud.data.originPullCertificates.delete(found.id);
      cloud.data.originPullKeys.delete(found.id);
    });
    return answer(context, { ...found.body, status: "pending_deletion" });
  });
  return app;
};
