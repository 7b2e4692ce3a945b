// A two-tier PKI by CDK's own constructs: a root and a subordinate CA, installed, and a permission for ACM.
const { App, CfnOutput, DefaultStackSynthesizer, Stack, Tags, aws_acmpca: acmpca } = require("aws-cdk-lib");

const app = new App({ analyticsReporting: false });
const stack = new Stack(app, "PrivateCa", {
  synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
});
const template = (name) => `arn:aws:acm-pca:::template/${name}/V1`;

const root = new acmpca.CfnCertificateAuthority(stack, "Root", {
  type: "ROOT",
  keyAlgorithm: "EC_prime256v1",
  signingAlgorithm: "SHA256WITHECDSA",
  subject: { commonName: "Example Root", organization: "Example Corp", country: "US" },
});
const rootCertificate = new acmpca.CfnCertificate(stack, "RootCertificate", {
  certificateAuthorityArn: root.attrArn,
  certificateSigningRequest: root.attrCertificateSigningRequest,
  signingAlgorithm: "SHA256WITHECDSA",
  templateArn: template("RootCACertificate"),
  validity: { type: "YEARS", value: 10 },
});
const rootActivation = new acmpca.CfnCertificateAuthorityActivation(stack, "RootActivation", {
  certificateAuthorityArn: root.attrArn,
  certificate: rootCertificate.attrCertificate,
});

const issuing = new acmpca.CfnCertificateAuthority(stack, "Issuing", {
  type: "SUBORDINATE",
  keyAlgorithm: "EC_prime256v1",
  signingAlgorithm: "SHA256WITHECDSA",
  subject: { commonName: "Example Issuing CA" },
  csrExtensions: { keyUsage: { keyCertSign: true, crlSign: true, digitalSignature: true } },
});
Tags.of(issuing).add("Owner", "platform");
const issuingCertificate = new acmpca.CfnCertificate(stack, "IssuingCertificate", {
  certificateAuthorityArn: root.attrArn,
  certificateSigningRequest: issuing.attrCertificateSigningRequest,
  signingAlgorithm: "SHA256WITHECDSA",
  templateArn: template("SubordinateCACertificate_PathLen0"),
  validity: { type: "DAYS", value: 1825 },
});
issuingCertificate.addResourceDependency(rootActivation);
const issuingActivation = new acmpca.CfnCertificateAuthorityActivation(stack, "IssuingActivation", {
  certificateAuthorityArn: issuing.attrArn,
  certificate: issuingCertificate.attrCertificate,
  certificateChain: rootActivation.attrCompleteCertificateChain,
  status: "ACTIVE",
});
const permission = new acmpca.CfnPermission(stack, "Renewal", {
  certificateAuthorityArn: issuing.attrArn,
  principal: "acm.amazonaws.com",
  actions: ["IssueCertificate", "GetCertificate", "ListPermissions"],
});

// The construct by which other constructs of CDK know a private CA.
const known = acmpca.CertificateAuthority.fromCertificateAuthorityArn(stack, "Known", issuing.attrArn);

new CfnOutput(stack, "RootArn", { value: root.ref });
new CfnOutput(stack, "IssuingArn", { value: known.certificateAuthorityArn });
new CfnOutput(stack, "Csr", { value: issuing.attrCertificateSigningRequest });
new CfnOutput(stack, "CertificateArn", { value: issuingCertificate.attrArn });
new CfnOutput(stack, "Chain", { value: issuingActivation.attrCompleteCertificateChain });
new CfnOutput(stack, "ActivationRef", { value: issuingActivation.ref });
new CfnOutput(stack, "PermissionRef", { value: permission.ref });

process.stdout.write(JSON.stringify(app.synth().getStackByName("PrivateCa").template, null, 2) + "\n");
