import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { namesIn } from "../../../local/machines/image.ts";

const list = (name: string): string[] =>
  namesIn(readFileSync(join(import.meta.dirname, "../../../tools/image", name), "utf8"));

test("comments and empty lines are no names", () => {
  assert.deepEqual(namesIn("# why\n\nnginx\n  curl # fetches\n"), ["nginx", "curl"]);
});

test("the lists name each package once, and units are services", () => {
  const packages = [...list("stock.txt"), ...list("packages.txt")];
  // nftables is on Hetzner's image by Debian's own priorities and named for the roles that need it.
  assert.deepEqual(
    packages.filter((name, index) => packages.indexOf(name) !== index),
    [],
  );
  assert.ok(packages.every((name) => /^[a-z0-9][a-z0-9+.-]+$/.test(name)));
  assert.ok(list("units.txt").every((name) => name.endsWith(".service")));
});

test("Patroni comes with the client of the store it is configured for", () => {
  const packages = list("packages.txt");
  assert.ok(packages.includes("patroni") && packages.includes("python3-etcd"));
});
