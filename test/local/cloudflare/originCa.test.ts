/** Certificates: an origin certificate must carry a real TLS connection. */

import assert from "node:assert/strict";
import { generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { it } from "node:test";
import { connect, createServer } from "node:tls";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { battery } from "./harness.ts";

x509.cryptoProvider.set(webcrypto);

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;

type Pair = { readonly key: string; readonly csr: string };

const makeRequest = async (algorithm: typeof ECDSA | typeof RSA): Promise<Pair> => {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=origin",
    keys,
    signingAlgorithm: algorithm,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { csr: csr.toString("pem"), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
};

/** The same request with another last byte, which belongs to the signature. */
const forged = (csr: string): string => {
  const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ""), "base64");
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
};

/** Serves the certificate on loopback; the error of a client that trusts only `ca`, or undefined. */
const handshake = async (cert: string, key: string, ca: string, servername: string): Promise<string | undefined> => {
  const server = createServer({ cert, key }, (socket) => socket.end("hello")).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", ca, servername });
    return await new Promise<string | undefined>((resolve) => {
      socket.once("secureConnect", () => resolve(undefined));
      socket.once("error", (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    }).finally(() => socket.destroy());
  } finally {
    server.close();
  }
};

battery("certificates", "pro", (api, { zone }) => {
  const authority = async (): Promise<string> => (await api.call("GET", "/_local/origin-ca")).body.certificate;

  for (const [type, algorithm] of [
    ["origin-ecc", ECDSA],
    ["origin-rsa", RSA],
  ] as const) {
    it(`sign ${type} requests so that TLS to the origin verifies`, async () => {
      const { csr, key } = await makeRequest(algorithm);
      const hostnames = ["example.com", "*.example.com"];
      const made = await api.result("POST", "/certificates", { csr, hostnames, request_type: type });
      assert.equal(made.requested_validity, 5475);
      assert.match(made.expires_on, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
      const ca = await authority();
      assert.ok(new X509Certificate(made.certificate).verify(new X509Certificate(ca).publicKey));
      assert.equal(await handshake(made.certificate, key, ca, "www.example.com"), undefined);
      assert.equal(await handshake(made.certificate, key, ca, "www.other.org"), "ERR_TLS_CERT_ALTNAME_INVALID");
      assert.deepEqual(await api.result("GET", `/certificates/${made.id}`), made);
      const listed = await api.result("GET", `/certificates?zone_id=${zone}`);
      assert.ok(listed.some(({ id }: { id: string }) => id === made.id));
      assert.equal((await api.result("DELETE", `/certificates/${made.id}`)).id, made.id);
      await api.refuse(404, 1101, "GET", `/certificates/${made.id}`);
    });
  }

  it("refuse a broken request, a changed one, and hosts of somebody else", async () => {
    const { csr } = await makeRequest(ECDSA);
    const body = { csr, hostnames: ["example.com"], request_type: "origin-ecc" };
    await api.refuse(400, 1003, "POST", "/certificates", { ...body, csr: "not a request" });
    await api.refuse(400, 1003, "POST", "/certificates", { ...body, csr: forged(csr) });
    const [message = ""] = await api.refuse(400, 1010, "POST", "/certificates", {
      ...body,
      hostnames: ["example.com", "example.org"],
    });
    assert.match(message, /example\.org/);
    await api.refuse(400, 10_001, "POST", "/certificates", { ...body, requested_validity: 42 });
  });

  it("keep zone certificates for origin pulls and never show their key", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { csr } = await makeRequest(ECDSA);
    const { certificate } = await api.result("POST", "/certificates", {
      csr,
      hostnames: ["example.com"],
      request_type: "origin-ecc",
      requested_validity: 365,
    });
    const path = `/zones/${zone}/origin_tls_client_auth`;
    const made = await api.result("POST", path, {
      certificate,
      private_key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    });
    assert.deepEqual([made.status, made.enabled, made.private_key], ["active", true, undefined]);
    assert.deepEqual(await api.result("GET", `${path}/${made.id}`), made);
    assert.equal((await api.result("GET", path)).length, 1);
    await api.refuse(400, 1400, "POST", path, { certificate: "x", private_key: "y" });
    assert.equal((await api.result("DELETE", `${path}/${made.id}`)).status, "pending_deletion");
    await api.refuse(404, 1404, "GET", `${path}/${made.id}`);
  });
});
