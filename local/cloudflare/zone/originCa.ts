/**
 * Origin certificates: a certificate authority of the local cloud that really signs the requests it gets, so that TLS to
 * an origin works as long as the client trusts this authority (`GET /_local/origin-ca`).
 */

import { Hono } from "hono";
import { z } from "zod";
import { type Cloud, newId } from "../cloud.ts";
import { answer, answerList } from "../http/answers.ts";
import { CloudflareError, missing } from "../http/errors.ts";
import { createAuthority, dayMs, sign, x509 } from "../../shared/authority.ts";
import { readBody, readQuery } from "../http/requests.ts";
import type { JsonObject, SigningAuthority } from "../records.ts";

/** Days the API offers (15 years by default). */
const VALIDITIES = [7, 30, 90, 365, 730, 1095, 5475] as const;
const DEFAULT_VALIDITY = 5475;

const makeAuthority = async (cloud: Cloud): Promise<SigningAuthority> => {
  const made = await createAuthority("Local Origin SSL Certificate Authority", cloud.local.clock.now());
  return { id: "origin", certificate: made.certificate, privateKey: made.key };
};

/** The authority of this local cloud; made when it is first needed. */
export const originAuthority = async (cloud: Cloud): Promise<SigningAuthority> => {
  const made = cloud.data.authorities.get("origin") ?? (await makeAuthority(cloud));
  // Two first requests at once: the one stored first wins.
  return cloud.data.authorities.get("origin") ?? cloud.data.authorities.put(made);
};

const readRequest = async (csr: string): Promise<x509.Pkcs10CertificateRequest> => {
  try {
    const request = new x509.Pkcs10CertificateRequest(csr);
    if (await request.verify()) {
      return request;
    }
  } catch {
    // Not a certificate request at all; refused below like one with a wrong signature.
  }
  throw new CloudflareError(400, { code: 1003, message: "Failed to parse the certificate signing request (CSR)." });
};

const issuedSchema = z.strictObject({
  csr: z.string().min(1),
  hostnames: z
    .array(z.string().regex(/^(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}$/, "a host name is needed"))
    .min(1)
    .max(100),
  request_type: z.enum(["origin-rsa", "origin-ecc", "keyless-certificate"]),
  requested_validity: z.literal(VALIDITIES).optional(),
});

type Wanted = z.output<typeof issuedSchema>;

const issue = async (cloud: Cloud, wanted: Wanted): Promise<{ readonly pem: string; readonly until: Date }> => {
  const { publicKey } = await readRequest(wanted.csr);
  const { certificate, privateKey } = await originAuthority(cloud);
  const now = cloud.local.clock.now();
  const days = wanted.requested_validity ?? DEFAULT_VALIDITY;
  const pem = await sign(
    { certificate, key: privateKey },
    {
      subject: "CN=CloudFlare Origin Certificate, O=Local cloud",
      names: wanted.hostnames,
      publicKey,
      usages: x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
      now,
      days,
    },
  );
  return { pem, until: new Date(now + days * dayMs) };
};

/** The form of Go's `time.String`, which this endpoint uses for dates. */
const goTime = (date: Date): string =>
  `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} +0000 UTC`;

export const originCaRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const { observer } = cloud.local;
  app.get("/certificates", (context) => {
    const query = readQuery(context, observer, ["zone_id", "limit", "offset"]);
    const zone = cloud.data.zones.get(query.get("zone_id") ?? "");
    const ofZone = ({ body }: { readonly body: JsonObject }): boolean =>
      zone === undefined || (body.hostnames as readonly string[]).some((name) => name.endsWith(zone.name));
    return answerList(
      context,
      query,
      cloud.data.originCertificates
        .all()
        .filter(ofZone)
        .map(({ body }) => body),
    );
  });
  app.post("/certificates", async (context) => {
    const wanted = await readBody(context, observer, issuedSchema);
    const foreign = wanted.hostnames.filter(
      (host) => !cloud.data.zones.all().some(({ name }) => host === name || host.endsWith(`.${name}`)),
    );
    if (foreign.length > 0) {
      throw new CloudflareError(400, {
        code: 1010,
        message: `Failed to validate requested hostname ${foreign.join(", ")}: This zone is either not part of your account, or you do not have access to it.`,
      });
    }
    const { pem, until } = await issue(cloud, wanted);
    // The real ids are serial numbers of up to 48 digits.
    const id = BigInt(`0x${newId()}`).toString();
    const body: JsonObject = {
      id,
      certificate: pem,
      csr: wanted.csr,
      hostnames: wanted.hostnames,
      request_type: wanted.request_type,
      requested_validity: wanted.requested_validity ?? DEFAULT_VALIDITY,
      expires_on: goTime(until),
    };
    cloud.data.originCertificates.put({ id, owner: "origin", body });
    return answer(context, body);
  });
  const find = (id: string): JsonObject => {
    const found = cloud.data.originCertificates.get(id);
    if (found === undefined) {
      throw missing(1101, "Failed to read certificate from Database.");
    }
    return found.body;
  };
  app.get("/certificates/:id", (context) => answer(context, find(context.req.param("id"))));
  app.delete("/certificates/:id", (context) => {
    const id = context.req.param("id");
    find(id);
    cloud.data.originCertificates.delete(id);
    return answer(context, { id, revoked_at: cloud.stamp() });
  });
  return app;
};
