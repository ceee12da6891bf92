import assert from "node:assert/strict";
import { it } from "node:test";
import { type Body, battery } from "./harness.ts";

const fullyQualified = (label: string): string => `${label}.example.com`;

battery("DNS records", "pro", (api, { zone }) => {
  const records = `/zones/${zone}/dns_records`;
  const create = (body: object): Promise<Body> => api.result("POST", records, body);

  it("completes names, echoes the defaults and keeps what it was given", async () => {
    const made = await create({ name: "a1", type: "A", content: "192.0.2.1", comment: "main", tags: ["team:web"] });
    const { id, created_on, modified_on, comment_modified_on, tags_modified_on, ...rest } = made;
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.match(created_on, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(modified_on === created_on && comment_modified_on === created_on && tags_modified_on === created_on);
    assert.deepEqual(rest, {
      name: fullyQualified("a1"),
      type: "A",
      content: "192.0.2.1",
      proxiable: true,
      proxied: false,
      ttl: 1,
      settings: {},
      meta: {},
      comment: "main",
      tags: ["team:web"],
    });
    assert.deepEqual(await api.result("GET", `${records}/${id}`), made);
  });

  it("takes the apex as @ and as its full name", async () => {
    assert.equal((await create({ name: "@", type: "TXT", content: '"one"' })).name, "example.com");
    assert.equal((await create({ name: "example.com", type: "TXT", content: '"two"' })).name, "example.com");
  });

  it("gives a proxied record an automatic TTL", async () => {
    const made = await create({ name: "prox", type: "CNAME", content: "example.net", proxied: true, ttl: 300 });
    assert.deepEqual([made.proxied, made.ttl, made.settings], [true, 1, { flatten_cname: false }]);
  });

  it("replaces with PUT, changes with PATCH and forgets with DELETE", async () => {
    const made = await create({ name: "life", type: "A", content: "192.0.2.2", ttl: 120, comment: "x" });
    const path = `${records}/${made.id}`;
    const put = await api.result("PUT", path, { name: "life", type: "A", content: "192.0.2.3" });
    assert.deepEqual([put.id, put.content, put.ttl, put.comment], [made.id, "192.0.2.3", 1, null]);
    const patched = await api.result("PATCH", path, { comment: "y" });
    assert.deepEqual([patched.content, patched.comment], ["192.0.2.3", "y"]);
    assert.equal(patched.created_on, made.created_on);
    assert.deepEqual(await api.result("DELETE", path), { id: made.id });
    await api.refuse(404, 81_044, "GET", path);
    await api.refuse(404, 81_044, "DELETE", path);
  });

  it("answers MX, CAA and SRV with priority, data and derived content", async () => {
    const mx = await create({ name: "m", type: "MX", content: "mail.example.net", priority: 10 });
    assert.equal(mx.priority, 10);
    const data = { flags: 0, tag: "issue", value: "letsencrypt.org" };
    const caa = await create({ name: "c", type: "CAA", data });
    assert.deepEqual([caa.data, caa.content], [data, "0 issue letsencrypt.org"]);
    await api.refuse(400, 9100, "POST", records, { name: "m2", type: "MX", content: "mail.example.net" });
    await api.refuse(400, 9101, "POST", records, { name: "c2", type: "CAA" });
  });

  it("refuses twins and names that a CNAME does not share", async () => {
    const twin = { name: "twin", type: "A", content: "192.0.2.4" };
    await create(twin);
    await api.refuse(400, 81_058, "POST", records, twin);
    await api.refuse(400, 81_053, "POST", records, { name: "twin", type: "CNAME", content: "example.net" });
    await create({ name: "alias", type: "CNAME", content: "example.net" });
    await api.refuse(400, 81_054, "POST", records, { name: "alias", type: "A", content: "192.0.2.5" });
    const second = await create({ ...twin, content: "192.0.2.6" });
    await api.refuse(400, 81_058, "PATCH", `${records}/${second.id}`, { content: "192.0.2.4" });
  });

  it("refuses every content, TTL, name and target that the edge cannot serve", async () => {
    const refused: readonly (readonly [number, object])[] = [
      [9005, { name: "b1", type: "A", content: "fe80::1" }],
      [9005, { name: "b1", type: "AAAA", content: "192.0.2.1" }],
      [9007, { name: "b1", type: "CNAME", content: "not a host" }],
      [9021, { name: "b1", type: "A", content: "192.0.2.1", ttl: 30 }],
      [9021, { name: "b1", type: "A", content: "192.0.2.1", ttl: 86_401 }],
      [9000, { name: "b 1", type: "A", content: "192.0.2.1" }],
      [9004, { name: "b1", type: "TXT", content: '"x"', proxied: true }],
      [9003, { name: "b1", type: "A", content: "10.0.0.5", proxied: true }],
      [9003, { name: "b1", type: "AAAA", content: "fd00::5", proxied: true }],
    ];
    for (const [code, body] of refused) {
      await api.refuse(400, code, "POST", records, body);
    }
    await api.refuse(400, [9005, 9021], "POST", records, { name: "b1", type: "A", content: "x", ttl: 2 });
    assert.equal((await create({ name: "inner", type: "A", content: "10.0.0.5" })).proxiable, false);
  });

  it("finds records by type, exact and partial name, and content", async () => {
    await create({ name: "find-1", type: "A", content: "192.0.2.61" });
    await create({ name: "find-2", type: "A", content: "192.0.2.62" });
    await create({ name: "find-1", type: "TXT", content: '"f"' });
    const names = async (query: string): Promise<readonly string[]> =>
      (await api.result("GET", `${records}?${query}`))
        .map((record: Body) => `${record.type} ${record.name}`)
        .toSorted();
    assert.deepEqual(await names(`type=A&name.exact=${fullyQualified("find-1")}`), ["A find-1.example.com"]);
    assert.deepEqual(await names(`name=${fullyQualified("find-2")}`), ["A find-2.example.com"]);
    assert.deepEqual(await names("name.startswith=find-&type=A"), ["A find-1.example.com", "A find-2.example.com"]);
    assert.deepEqual(await names("content.contains=2.62&name.contains=find-1&match=any"), [
      "A find-1.example.com",
      "A find-2.example.com",
      "TXT find-1.example.com",
    ]);
    assert.deepEqual(await names("name.exact=absent.example.com"), []);
  });

  it("keeps the records of two zones apart", async () => {
    const other = await api.zone("other.example", "free");
    const { id } = await api.result("POST", `/zones/${other}/dns_records`, {
      name: "www",
      type: "A",
      content: "192.0.2.9",
    });
    await api.refuse(404, 81_044, "GET", `${records}/${id}`);
    await api.refuse(400, 9300, "POST", `/zones/${other}/dns_records`, {
      name: "tagged",
      type: "A",
      content: "192.0.2.9",
      tags: ["a:b"],
    });
  });

  it("stops at the quota of a Free zone", async () => {
    const small = await api.zone("small.example", "free");
    for (let count = 0; count < 200; count += 1) {
      await api.result("POST", `/zones/${small}/dns_records`, { name: `r${count}`, type: "A", content: "192.0.2.1" });
    }
    await api.refuse(400, 81_045, "POST", `/zones/${small}/dns_records`, {
      name: "more",
      type: "A",
      content: "192.0.2.1",
    });
  });
});
