import type * as pulumi from "@pulumi/pulumi";

/** What a component's child is given: its place in the tree, and what it has to wait for. */
export type ChildOptions = Pick<pulumi.CustomResourceOptions, "parent" | "dependsOn">;

/**
 * Options of a component's children. They wait for what the component was told to wait for: Pulumi's Node SDK does not
 * hand `dependsOn` down by itself.
 */
export const childOf = (
  parent: pulumi.ComponentResource,
  opts: pulumi.ComponentResourceOptions | undefined,
): ChildOptions => (opts?.dependsOn === undefined ? { parent } : { parent, dependsOn: opts.dependsOn });
