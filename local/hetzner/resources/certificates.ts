import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Hono } from "hono";
import { z } from "zod";
import { formatStamp } from "../../shared/clock.ts";
import { ActionFailure, type ActionRecord, type AnyJob, defineJob } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, refused } from "../http/errors.ts";
import {
  actionRoute,
  actionView,
  assertLimit,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import { emptyBody, labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { CertificateRecord } from "../records.ts";

const createSchema = z
  .strictObject({
    name: nameSchema,
    labels: labelsSchema.nullish(),
    type: z.enum(["uploaded", "managed"]).default("uploaded"),
    certificate: z.string().nullish(),
    private_key: z.string().nullish(),
    domain_names: z.array(z.string().min(1)).nullish(),
  })
  .superRefine((body, context) => {
    const needed = body.type === "uploaded" ? (["certificate", "private_key"] as const) : (["domain_names"] as const);
    for (const field of needed) {
      if ((body[field] ?? "").length > 0) continue;
      context.addIssue({ code: "custom", path: [field], message: `Needed for type ${body.type}.` });
    }
  });
type CreateBody = z.output<typeof createSchema>;

const usersOf = (cloud: Cloud, certificate: number) =>
  cloud.loadBalancers
    .all()
    .filter(({ services }) => services.some(({ http }) => http?.certificates.includes(certificate)));

export const certificateView = (cloud: Cloud, certificate: CertificateRecord): object => ({
  id: certificate.id,
  name: certificate.name,
  labels: certificate.labels,
  type: certificate.type,
  certificate: certificate.certificate,
  created: certificate.created,
  not_valid_before: certificate.notValidBefore,
  not_valid_after: certificate.notValidAfter,
  domain_names: certificate.domainNames,
  fingerprint: certificate.fingerprint,
  status: certificate.status,
  used_by: usersOf(cloud, certificate.id).map(({ id }) => ({ id, type: "load_balancer" })),
});

const noZone = {
  code: "dns_zone_not_found",
  message: "the domain has no DNS zone in this project, so nobody can vouch for it",
} as const;

/** Managed certificates are issued for zones in the provider's own DNS, which this cloud does not have. */
const issue = defineJob<{ readonly certificate: number }>("certificate.issue", {
  run: () => Promise.reject(new ActionFailure(noZone.code, noZone.message)),
  failed: (cloud, { certificate: id }) => {
    const certificate = cloud.certificates.get(id);
    if (certificate === undefined) return;
    cloud.certificates.put({
      ...certificate,
      status: { issuance: "failed", renewal: "unavailable", error: noZone },
    });
  },
});

export const certificateJobs: readonly AnyJob[] = [issue];

type Facts = Pick<
  CertificateRecord,
  "certificate" | "notValidBefore" | "notValidAfter" | "domainNames" | "fingerprint"
>;

function readCertificate(pem: string, key: string): Facts {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw invalidField("certificate", "Not a PEM certificate.");
  }
  let matches = false;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw invalidField("private_key", "Not a PEM private key.");
  }
  if (!matches) throw invalidField("private_key", "Does not belong to the certificate.");
  const names = (certificate.subjectAltName ?? "").split(", ").flatMap((name) => /^DNS:(.+)$/.exec(name)?.[1] ?? []);
  return {
    certificate: pem,
    notValidBefore: formatStamp(Date.parse(certificate.validFrom)),
    notValidAfter: formatStamp(Date.parse(certificate.validTo)),
    domainNames: names,
    fingerprint: certificate.fingerprint256.toLowerCase(),
  };
}

function create(cloud: Cloud, body: CreateBody): { certificate: CertificateRecord; action: ActionRecord | null } {
  assertUniqueName(cloud.certificates, "certificate", body.name);
  assertLimit(cloud, "certificates", cloud.certificates.size);
  // The private key serves for the check only: nothing here terminates TLS, so it is not kept.
  const facts: Facts =
    body.type === "uploaded"
      ? readCertificate(body.certificate ?? "", body.private_key ?? "")
      : {
          certificate: null,
          notValidBefore: null,
          notValidAfter: null,
          domainNames: body.domain_names ?? [],
          fingerprint: null,
        };
  const certificate = cloud.certificates.put({
    id: cloud.store.nextId("certificate", 1_300_001),
    name: body.name,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    type: body.type,
    ...facts,
    status: body.type === "uploaded" ? null : { issuance: "pending", renewal: "unavailable", error: null },
  });
  return {
    certificate,
    action: body.type === "uploaded" ? null : beginIssue(cloud, certificate, "create_certificate"),
  };
}

function beginIssue(cloud: Cloud, certificate: CertificateRecord, command: string): ActionRecord {
  const self = { id: certificate.id, type: "certificate" };
  return cloud.actions.begin({
    command,
    resources: [self],
    locks: [self],
    job: issue.call({ certificate: certificate.id }),
  });
}

export function certificateRoutes(cloud: Cloud): Hono {
  const { certificates } = cloud;
  const view = (certificate: CertificateRecord): object => certificateView(cloud, certificate);
  const kind: Kind<CertificateRecord> = {
    type: "certificate",
    key: "certificates",
    collection: certificates,
    view,
    labelled: true,
    sorts: namedSorts,
    filters: { type: (certificate, values) => values.includes(certificate.type) },
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { certificate, action } = cloud.change(() => create(cloud, body));
    const shown = action === null ? null : actionView(cloud, action);
    return context.json({ certificate: view(certificate), action: shown }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const certificate = cloud.change(() =>
      certificates.put(renamed(certificates, kind.type, find(certificates, kind.type, pathId(context)), body)),
    );
    return context.json({ certificate: view(certificate) });
  });
  app.delete("/:id", (context) => {
    const certificate = find(certificates, kind.type, pathId(context));
    cloud.actions.assertUnlocked({ id: certificate.id, type: kind.type });
    if (usersOf(cloud, certificate.id).length > 0) {
      throw refused("resource_in_use", `certificate ${certificate.id} is used by a load balancer`);
    }
    certificates.delete(certificate.id);
    return context.body(null, 204);
  });
  actionRoute(app, cloud, kind, "retry", emptyBody, (certificate) => {
    if (certificate.type !== "managed")
      throw refused("unsupported_error", "an uploaded certificate cannot be issued again");
    cloud.actions.assertUnlocked({ id: certificate.id, type: kind.type });
    return beginIssue(cloud, certificate, "issue_certificate");
  });
  return app;
}
