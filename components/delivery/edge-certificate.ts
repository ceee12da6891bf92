import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";

export type EdgeCertificateArgs = {
  readonly zoneId: pulumi.Input<string>;
  readonly certificate: pulumi.Output<string>;
  readonly privateKey: pulumi.Output<string>;
};

/**
 * The zone's own certificate, which the edge shows to the origin. Without it the edge shows one that is the same for all
 * customers of Cloudflare. Machines must trust its authority before the edge uses it: `dependsOn` their delivery.
 */
export class EdgeCertificate extends pulumi.ComponentResource {
  constructor(name: string, args: EdgeCertificateArgs, opts?: pulumi.ComponentResourceOptions) {
    super("chitlaq:delivery:EdgeCertificate", name, {}, opts);
    new cloudflare.AuthenticatedOriginPullsCertificate(
      `${name}-upload`,
      { zoneId: args.zoneId, certificate: args.certificate, privateKey: pulumi.secret(args.privateKey) },
      { parent: this, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );
    this.registerOutputs({});
  }
}
