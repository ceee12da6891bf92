/** Throw-away certificates and signing requests. */

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const pem = (der: ArrayBuffer): string =>
  `-----BEGIN PRIVATE KEY-----\n${Buffer.from(der).toString("base64")}\n-----END PRIVATE KEY-----\n`;

const makeKeys = async (): Promise<webcrypto.CryptoKeyPair> => {
  x509.cryptoProvider.set(webcrypto);
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
};

/** A certificate for one host name, valid for a day. */
export const selfSigned = async (
  host: string,
): Promise<{ readonly certificate: string; readonly privateKey: string }> => {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${host}`,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }])],
  });
  return {
    certificate: certificate.toString("pem"),
    privateKey: pem(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)),
  };
};

export const signingRequest = async (): Promise<string> => {
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ALGORITHM });
  return request.toString("pem");
};
