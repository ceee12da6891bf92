import * as pulumi from "@pulumi/pulumi";

/** How a login that was refused reads in the official command plugin (golang.org/x/crypto/ssh) and in ssh2. */
const refused = /unable to authenticate|authentication methods failed/i;

/** What to say about a delivery that failed with these errors; null where the machine did not refuse the key. */
export const refusedLogin = (stack: string, resource: string, errors: readonly string[]): string | null =>
  errors.some((error) => refused.test(error))
    ? `${resource}: the machine refuses the delivery key of stack ${stack}. A server takes its SSH keys when it is made; one made before ./chitlaq secrets init ${stack}, or with another key, must be replaced: docs/runbooks/replace.md`
    : null;

/** Adds to the first refused login of a delivery what the plugin cannot know: why, and what to do. */
export const explainRefusedLogin = (name: string, stack: string): pulumi.ResourceHookBinding => {
  let told = false;
  const explain = new pulumi.ErrorHook(`${name}-refused-login`, async ({ name: resource, errors }) => {
    const message = refusedLogin(stack, resource, errors);
    if (message !== null && !told) {
      told = true;
      await pulumi.log.error(message);
    }
    return false;
  });
  return { onError: [explain] };
};
