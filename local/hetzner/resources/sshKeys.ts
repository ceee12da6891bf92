import { createHash } from "node:crypto";
import type { Hono } from "hono";
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, notUnique } from "../http/errors.ts";
import { assertLimit, assertUniqueName, find, type Kind, namedSorts, readRoutes, renamed } from "../http/routes.ts";
import { labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { SshKeyRecord } from "../records.ts";

const createSchema = z.strictObject({ name: nameSchema, public_key: z.string(), labels: labelsSchema.nullish() });

const keyTypes = /^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** MD5 of the key blob in colon form, the fingerprint the API compares keys by. */
function fingerprint(publicKey: string): string {
  const [type = "", encoded = ""] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(encoded, "base64");
  // The blob starts with the length and text of its own type (RFC 4253, section 6.6).
  const inner = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") : "";
  if (!keyTypes.test(type) || inner !== type) {
    throw invalidField("public_key", "SSH key is not in OpenSSH format.");
  }
  return createHash("md5").update(blob).digest("hex").match(/../g)?.join(":") ?? "";
}

export const sshKeyView = (key: SshKeyRecord): object => ({
  id: key.id,
  name: key.name,
  fingerprint: key.fingerprint,
  public_key: key.publicKey,
  labels: key.labels,
  created: key.created,
});

export function sshKeyRoutes(cloud: Cloud): Hono {
  const kind: Kind<SshKeyRecord> = {
    type: "ssh_key",
    key: "ssh_keys",
    collection: cloud.sshKeys,
    view: sshKeyView,
    labelled: true,
    sorts: namedSorts,
    filters: { fingerprint: (key, values) => values.includes(key.fingerprint) },
  };
  const app = readRoutes(cloud, kind, false);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const key = cloud.change(() => {
      assertUniqueName(cloud.sshKeys, kind.type, body.name);
      const print = fingerprint(body.public_key);
      if (cloud.sshKeys.where("fingerprint", print).length > 0) throw notUnique(kind.type, "fingerprint");
      assertLimit(cloud, "ssh_keys", cloud.sshKeys.size);
      return cloud.sshKeys.put({
        id: cloud.store.nextId("ssh_key", 21_000_001),
        name: body.name,
        labels: body.labels ?? {},
        created: cloud.clock.stamp(),
        fingerprint: print,
        publicKey: body.public_key.trim(),
      });
    });
    return context.json({ ssh_key: sshKeyView(key) }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const key = cloud.change(() => {
      const old = find(cloud.sshKeys, kind.type, pathId(context));
      return cloud.sshKeys.put(renamed(cloud.sshKeys, kind.type, old, body));
    });
    return context.json({ ssh_key: sshKeyView(key) });
  });
  app.delete("/:id", (context) => {
    const key = find(cloud.sshKeys, kind.type, pathId(context));
    cloud.sshKeys.delete(key.id);
    return context.body(null, 204);
  });
  return app;
}
