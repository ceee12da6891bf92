import { checkSecrets, type Finding } from "../../../cli/secrets/check.ts";
import { makeMissing, type Making, type SignOrigin, type Values } from "../../../cli/secrets/make.ts";
import { rotateSecrets, type Rotated } from "../../../cli/secrets/rotate.ts";
import { deliveryPublicKeys } from "../../../cli/secrets/store.ts";
import { type Wanted, wantedSecrets } from "../../../cli/secrets/wanted.ts";
import { createAuthority, issue } from "../../../cli/secrets/keys.ts";
import { requiredSecrets } from "../../../ops/render/machine.ts";
import type { Phase } from "../../../plan/types.ts";
import { planOf } from "../../support/platform.ts";

export const now = Date.parse("2026-11-23T12:00:00Z");
export const days = (count: number): number => now + count * 86_400_000;

export const wantedOf = (phase: Phase, overrides: Readonly<Record<string, unknown>> = {}): readonly Wanted[] =>
  wantedSecrets(planOf(phase, overrides), requiredSecrets);

export const given: Values = new Map([
  ["s3-access-key", "ACCESSKEY01"],
  ["s3-secret-key", "secret/key+01"],
]);

/** An authority that the edge trusts, as Cloudflare's is. */
export const originAuthority = await createAuthority("test origin authority", now);
export const signOrigin: SignOrigin = async (_request, hosts) =>
  (await issue(originAuthority, { commonName: hosts[0] ?? "", names: hosts, addresses: [] }, now)).certificate;

export const making = (wanted: readonly Wanted[], existing: Values, at = now): Making => ({
  stack: "test",
  wanted,
  existing,
  now: at,
});

/** Values of a stack that lacks nothing. The origin's certificate is the stack's own. */
export const complete = async (wanted: readonly Wanted[]): Promise<Values> =>
  new Map([...given, ...(await makeMissing(making(wanted, given))).values]);

export const findings = (wanted: readonly Wanted[], values: Values, at = now): readonly Finding[] =>
  checkSecrets({
    stack: "test",
    wanted,
    values,
    plain: [],
    publicKeys: deliveryPublicKeys("test", values),
    now: at,
  });

/** Without the one fault every stack of these tests has: nobody signed its origin certificate. */
export const faults = (wanted: readonly Wanted[], values: Values, at = now): readonly string[] =>
  findings(wanted, values, at)
    .filter(({ problem }) => !problem.includes("which Cloudflare refuses"))
    .map(({ name, problem }) => `${name}: ${problem}`);

export const rotate = async (
  wanted: readonly Wanted[],
  existing: Values,
  chosen: readonly string[],
  options: { readonly loseEncrypted?: boolean; readonly at?: number } = {},
): Promise<{ readonly values: Values; readonly rotated: Rotated }> => {
  const { loseEncrypted = false, at = now } = options;
  const rotated = await rotateSecrets({ ...making(wanted, existing, at), loseEncrypted }, chosen);
  const values = new Map([...existing, ...rotated.values]);
  for (const name of rotated.removed) values.delete(name);
  return { values, rotated };
};
