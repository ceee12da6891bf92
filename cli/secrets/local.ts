/** What a local cloud with machines needs before an update: a way in, and the secrets its machines wait for. */
import { readStackPlatform } from "../../config/stack-file.ts";
import { platformKey } from "../../config/pulumi-key.ts";
import { requiredSecrets } from "../../ops/render/machine.ts";
import type { BackupService } from "../../plan/types.ts";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import type { Local } from "../local/context.ts";
import { seedBucket } from "../local/object-store.ts";
import { stackConfigDir } from "../local/project.ts";
import { mustRun } from "../local/stack.ts";
import type { Progress } from "../progress.ts";
import { ensureSampleApp } from "../sample-app.ts";
import { stackPlan } from "../stack-plan.ts";
import type { Secrets } from "./context.ts";
import { randomText } from "./keys.ts";
import { signAtCloudflare } from "./originCa.ts";
import { SecretStore } from "./store.ts";
import { initSecrets } from "./verbs.ts";
import { wantedSecrets } from "./wanted.ts";

/** Opens port 22 of the gateway to the local cloud's client, in the local copy of the stack file. */
async function openDoor(local: Local, stack: string): Promise<void> {
  const { internetAddress } = await import("../../local/machines/network/apply.ts");
  const address = `${internetAddress.client}/32`;
  const platform = readStackPlatform(stack, stackConfigDir(local.instance)) as {
    readonly ssh?: { readonly allowFrom?: readonly string[] };
  };
  const allowed = platform.ssh?.allowFrom ?? [];
  if (allowed.includes(address)) return;
  const path = `${platformKey}.ssh.allowFrom[${allowed.length}]`;
  await mustRun(local, ["config", "set", "--stack", stack, "--path", path, address], "Opening SSH to this host");
}

/** Keys that Hetzner would give out; the local object storage takes those of the stack. */
const objectStorageKeys = (): ReadonlyMap<string, string> =>
  new Map([
    ["s3-access-key", randomText(20)],
    ["s3-secret-key", randomText(40)],
  ]);

/** Secrets of an instance's copy of the stack. */
export async function localSecrets(local: Local, stack: string): Promise<Secrets> {
  return {
    stack,
    store: new SecretStore(stack, (args, options) => local.pulumi(args, options)),
    wanted: wantedSecrets(await stackPlan(stack, stackConfigDir(local.instance)), requiredSecrets),
    signOrigin: signAtCloudflare(local.endpoints.cloudflare, interruption),
  };
}

/** The bucket that machines back up to, as a customer makes it in Hetzner's Console. */
async function openBucket({ endpoints }: Local, { store }: Secrets, backup: BackupService): Promise<void> {
  if (endpoints.objectStore !== true) return;
  const { values } = await store.read();
  const [accessKey, secretKey] = [values.get("s3-access-key"), values.get("s3-secret-key")];
  if (accessKey === undefined || secretKey === undefined) return;
  await seedBucket(endpoints.hetzner, backup, { accessKey, secretKey }, interruption);
}

/** Makes whatever secret is missing, so that the update that follows delivers all of them. */
export async function prepareDelivery(local: Local, stack: string, progress: Progress): Promise<void> {
  await ensureSampleApp(progress);
  await openDoor(local, stack);
  const secrets = await localSecrets(local, stack);
  const findings = await initSecrets(secrets, progress, { given: objectStorageKeys() });
  if (findings.length === 0) {
    const plan = await stackPlan(stack, stackConfigDir(local.instance));
    await openBucket(local, secrets, plan.services.backup);
    return;
  }
  throw new Fault(
    `Secrets of ${stack}: ${findings.map(({ name, problem }) => `${name} ${problem}`).join("; ")}`,
    findings.map(({ fix }) => `${fix} --instance ${local.instance.name}`),
  );
}
