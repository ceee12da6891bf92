import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { namesIn } from "../../../local/machines/image.ts";
import { bootAll, cloudConfig, cloudFor, skip } from "./support.ts";

const list = (name: string): string[] =>
  namesIn(readFileSync(join(import.meta.dirname, "../../../tools/image", name), "utf8"));

test("a stock image installs every package of the roles from the mirrors, and what is baked runs there too", {
  skip,
}, async (context) => {
  const cloud = await cloudFor(context, "stock");
  const packages = list("packages.txt");
  await bootAll(cloud, [{ id: 1, publicIpv4: "5.75.1.1" }], {}, cloudConfig({ packages }), 400_000);
  const installed = await cloud.sh(1, `dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\n' ${packages.join(" ")}`);
  assert.deepEqual(
    installed.split("\n").filter((line) => !line.startsWith("ii ")),
    [],
  );
  assert.match(
    await cloud.sh(1, "cat /var/log/cloud-init-output.log"),
    /Get:\d+ http:\/\/deb\.debian\.org\/debian trixie/,
  );
  // Every unit that the baked image switches off is one that Debian switches on.
  const states = await cloud.sh(1, `systemctl is-enabled ${list("units.txt").join(" ")} || true`);
  assert.deepEqual([...new Set(states.split("\n"))], ["enabled"]);
});
