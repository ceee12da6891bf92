// The internet of the local cloud with one plain Debian machine in front of it: Cloudflare's edge and Hetzner's object storage.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { search } from "../../../cli/local/context.ts";
import { ensureObjectStore } from "../../../cli/local/object-store.ts";
import { createProgress } from "../../../cli/progress.ts";
import { createCloudflareApp } from "../../../local/cloudflare/app.ts";
import { openCollections } from "../../../local/cloudflare/records.ts";
import { openInternetClient } from "../../../local/internet/client.ts";
import { edgeAddress, type Internet, startInternet } from "../../../local/internet/internet.ts";
import { openAuthority } from "../../../local/internet/authority.ts";
import { createControlApp } from "../../../local/shared/control.ts";
import { closeContext, createContext, type LocalContext } from "../../../local/shared/context.ts";
import { openEnvironment } from "../../../local/machines/access.ts";
import { addInternetHost } from "../../../local/machines/internet.ts";
import { startLocalCloud } from "../../support/local-cloud.ts";
import { bootAll, type Cloud, skip, startCloud, until } from "../machines/support.ts";

const host = { id: 1, publicIpv4: "198.18.0.21" };
const silent = createProgress({ quiet: true, stream: process.stderr });
const token = "t".repeat(64);

const siteConfiguration = `
server {
  listen 443 ssl;
  server_name www.example.com;
  ssl_certificate /etc/nginx/origin.crt;
  ssl_certificate_key /etc/nginx/origin.key;
  ssl_client_certificate /etc/nginx/pulls.crt;
  ssl_verify_client on;
  set_real_ip_from 173.245.48.0/20;
  real_ip_header CF-Connecting-IP;
  location / { default_type text/plain; return 200 "$remote_addr $ssl_client_s_dn"; }
}
`;

describe("the internet of the local cloud", { skip }, () => {
  let cloud: Cloud;
  let context: LocalContext;
  let internet: Internet;
  let objectStore: string | undefined;
  let app: ReturnType<typeof createCloudflareApp>;
  let authorities: string;
  const log: string[] = [];

  const openInternet = async (): Promise<void> => {
    internet = await startInternet({
      stateDir: cloud.stateDir,
      context,
      log: (line) => log.push(line),
      ...(objectStore === undefined ? {} : { objectStore }),
    });
  };

  const api = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly result: Record<string, string> }> => {
    const response = await app.app.request(`/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as { readonly result: Record<string, string> };
  };

  before(async () => {
    objectStore = await ensureObjectStore(search, silent);
    authorities = await mkdtemp(join(tmpdir(), "internet-"));
    cloud = await startCloud();
    context = createContext({ stateFile: ":memory:", log: () => undefined });
    await openInternet();
    app = createCloudflareApp({
      context,
      token,
      zones: [{ name: "example.com", plan: "pro" }],
      onChange: () => internet.refresh(),
    });
    await bootAll(cloud, [host]);
  });

  after(async () => {
    // What a failed start did not get to is missing.
    await (internet as Internet | undefined)?.close();
    await (cloud as Cloud | undefined)?.close();
    if ((context as LocalContext | undefined) !== undefined) closeContext(context);
    await rm(authorities, { recursive: true, force: true });
  });

  const give = (accessKey: string, secretKey: string, bucket = "backups"): Promise<Response> =>
    Promise.resolve(
      createControlApp(context, token, internet.control).request("/object-storage", {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ location: "fsn1", bucket, accessKey, secretKey }),
      }),
    );

  const noStore = (): string | undefined =>
    objectStore === undefined ? "needs Go to build the object store" : undefined;

  it("a machine keeps files in the object storage by its public name, with nothing said about certificates", async (t) => {
    const reason = noStore();
    if (reason !== undefined) return t.skip(reason);
    assert.equal((await give("firstaccesskey", "firstsecretkey")).status, 204);
    const environment =
      "export AWS_ACCESS_KEY_ID=firstaccesskey AWS_SECRET_ACCESS_KEY=firstsecretkey AWS_DEFAULT_REGION=fsn1 RESTIC_PASSWORD=x " +
      "RESTIC_REPOSITORY=s3:https://fsn1.your-objectstorage.com/backups/test";
    await cloud.sh(1, `${environment}; restic init -q && restic backup -q /etc/debian_version`);
    const listed = await cloud.sh(1, `${environment}; restic ls -q latest`);
    assert.match(listed, /debian_version/);

    // OpenSSL's view of the same name, without a word about authorities.
    await cloud.sh(1, "curl -sS -o /dev/null https://fsn1.your-objectstorage.com/");
    const tls = await cloud.sh(
      1,
      "openssl s_client -verify_return_error -brief -connect fsn1.your-objectstorage.com:443 </dev/null 2>&1",
    );
    assert.match(tls, /Verification: OK/);
  });

  it("a key that nobody let in opens nothing, and a bucket is not made twice", async (t) => {
    const reason = noStore();
    if (reason !== undefined) return t.skip(reason);
    const list = (user: string): Promise<string> =>
      cloud.sh(
        1,
        `curl -s -o /dev/null -w '%{http_code}' --user ${user} --aws-sigv4 aws:amz:fsn1:s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' https://fsn1.your-objectstorage.com/backups`,
      );
    assert.equal(await list("strangerkey:strangersecret"), "403");
    assert.equal((await give("secondaccesskey", "secondsecretkey")).status, 204);
    assert.equal(await list("secondaccesskey:secondsecretkey"), "200");
    assert.equal(await list("firstaccesskey:firstsecretkey"), "200");
    const refused = await give("thirdaccesskey", "thirdsecretkey", "Not_A_Bucket");
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), /3 to 63 lower-case letters/);
  });

  it("what is in the object storage survives a restart of the cloud's internet", async (t) => {
    const reason = noStore();
    if (reason !== undefined) return t.skip(reason);
    await internet.close();
    await openInternet();
    const listed = await cloud.sh(
      1,
      "AWS_ACCESS_KEY_ID=firstaccesskey AWS_SECRET_ACCESS_KEY=firstsecretkey AWS_DEFAULT_REGION=fsn1 RESTIC_PASSWORD=x restic -r s3:https://fsn1.your-objectstorage.com/backups/test ls -q latest",
    );
    assert.match(listed, /debian_version/);
  });

  it("a visitor reaches an origin that demands the zone's certificate, through the edge alone", async () => {
    const [zone] = openCollections(context.store).zones.where("name", "example.com");
    assert.ok(zone);
    const csr = await cloud.sh(
      1,
      "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /etc/nginx/origin.key -subj /CN=x 2>/dev/null",
    );
    const { result: signed } = await api("POST", "/certificates", {
      csr,
      hostnames: ["www.example.com"],
      request_type: "origin-ecc",
    });
    const pulls = await openAuthority(join(authorities, "pulls"));
    const pair = await pulls.issue(["edge of example.com"]);
    await cloud.sh(1, `cat > /etc/nginx/origin.crt <<'E'\n${signed.certificate}\nE`);
    await cloud.sh(1, `cat > /etc/nginx/pulls.crt <<'E'\n${pulls.certificate}E`);
    await cloud.sh(
      1,
      `cat > /etc/nginx/conf.d/site.conf <<'E'\n${siteConfiguration}E\nnginx -t -q && systemctl restart nginx`,
    );

    await api("POST", `/zones/${zone.id}/dns_records`, {
      name: "www.example.com",
      type: "A",
      content: host.publicIpv4,
      proxied: true,
      ttl: 1,
    });
    await api("PATCH", `/zones/${zone.id}/settings/ssl`, { value: "strict" });
    await internet.settled();
    const client = await openInternetClient(cloud.stateDir);
    assert.equal(client.lookup("www.example.com"), edgeAddress);
    const bare = await client.request("https://www.example.com/");
    assert.equal(bare.status, 400, String(bare.body));

    await api("POST", `/zones/${zone.id}/origin_tls_client_auth`, {
      certificate: pair.certificate,
      private_key: pair.key,
    });
    await api("PUT", `/zones/${zone.id}/origin_tls_client_auth/settings`, { enabled: true });
    await internet.settled();
    const reply = await client.request("https://www.example.com/");
    assert.equal(reply.status, 200, String(reply.body));
    assert.equal(String(reply.body), "192.0.2.1 CN=edge of example.com");
    assert.equal(reply.headers.server, "cloudflare");

    // A machine is a visitor too: the name and the certificate are public.
    assert.equal(await cloud.sh(1, "curl -sS -o /dev/null -w '%{http_code}' https://www.example.com/"), "200");
  });

  it("the origin sees each visitor's own address", async () => {
    await addInternetHost(cloud.environment(), { addresses: ["198.51.100.7"], names: [] });
    const client = await openInternetClient(cloud.stateDir);
    const reply = await client.request("https://www.example.com/", { from: "198.51.100.7" });
    assert.equal(String(reply.body), "198.51.100.7 CN=edge of example.com");
    await assert.rejects(client.request("https://nowhere.example.com/"), /no such name/);
  });

  it("an origin that does not listen is one the edge cannot connect to", async () => {
    const client = await openInternetClient(cloud.stateDir);
    await cloud.sh(1, "systemctl stop nginx");
    assert.equal((await client.request("https://www.example.com/")).status, 521);
  });

  it("nothing of it is left when the cloud closes", async () => {
    await internet.close();
    const { stdout } = await cloud.at("internet", "ss", "-Hltn", "sport = :443");
    assert.equal(stdout, "");
    assert.equal(
      existsSync(join(cloud.stateDir, "object-storage", "fsn1", "buckets", "backups")),
      objectStore !== undefined,
    );
    await openInternet();
  });
});

describe("the local cloud's process with its internet", { skip }, () => {
  it("leaves nothing behind when it is killed, and finds its buckets again", async (t) => {
    const cloud = await startLocalCloud(t, { machines: true });
    if (cloud.endpoints.objectStore !== true) return t.skip("needs Go to build the object store");
    const wish = { location: "hel1", bucket: "kept", accessKey: "someaccesskey", secretKey: "somesecretkey" };
    await cloud.hetzner.control("PUT", "object-storage", wish);
    const answer = async (): Promise<number> => {
      const client = await openInternetClient(cloud.stateDir);
      return (await client.request("https://hel1.your-objectstorage.com/kept")).status;
    };
    // Who does not sign is told that the bucket is not for him; who asks for no bucket is told that there is none.
    assert.equal(await answer(), 403);
    const group = `/chitlaq/${openEnvironment(cloud.stateDir).id}/`;
    const processes = (): readonly string[] =>
      readdirSync("/proc").filter((name) => /^\d+$/.test(name) && groupsOf(name).includes(group));
    assert.ok(processes().length > 0);
    const before = new Set(processes());
    await cloud.kill();
    await until("the processes of the killed cloud end", () => !processes().some((pid) => before.has(pid)));
    await cloud.restart();
    assert.equal(await answer(), 403);
    await cloud.hetzner.control("POST", "reset");
    await assert.rejects(answer(), /ECONNREFUSED|refused|no such name/);
  });
});

const groupsOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return "";
  }
};
