import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createSshKey } from "../../cli/secrets/keys.ts";
import { repoRoot } from "../../cli/paths.ts";
import { startLocalCloud } from "../support/local-cloud.ts";
import { createProject } from "../support/pulumi.ts";
import { sshdMissing, startSshd } from "../support/sshd.ts";

test("a machine that refuses the delivery key: the update says why and what to do", {
  skip: sshdMissing(),
}, async (t) => {
  const { port, user } = await startSshd(t);
  const { privateKey } = createSshKey("another");
  const connection = { host: "127.0.0.1", port, user, privateKey, dialErrorLimit: 0 };
  const source = `
import * as command from "@pulumi/command";
import { explainRefusedLogin } from ${JSON.stringify(join(repoRoot, "components/delivery/refused-login.ts"))};
const hooks = explainRefusedLogin("delivery", "phase2");
for (const name of ["one", "two"]) {
  new command.remote.Command(name, { connection: ${JSON.stringify(connection)}, create: "true" }, { hooks });
}
`;
  const project = await createProject(t, { cloud: await startLocalCloud(t), program: { source } });
  const failed = await project.up();
  assert.notEqual(failed.code, 0);
  assert.match(failed.errors(), /(one|two): the machine refuses the delivery key of stack phase2\..*replace\.md/);
  assert.equal(failed.errors().split("refuses the delivery key").length, 2, "said once");
});
