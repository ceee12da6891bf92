/** Pulumi project, and namespace of its config keys. */
export const configNamespace = "chitlaq";

/** Key of the platform's description in a stack file. */
export const platformKey = `${configNamespace}:platform`;
