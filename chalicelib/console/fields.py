"""The fields of all forms, one row each: for templates, the review of the wizard, problems and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.pki.x509.display import LABELS

if TYPE_CHECKING:
    from chalicelib.errors import Member

MOST_CHARACTERS = 4096  # of one field, in a draft
ANY = "*"  # in a member: any position in a list


class Field(NamedTuple):
    """A field of a form.

    Attributes:
        label: the name of the field on every page.
        member: the end of the path of the request's member that the field becomes; empty if there is none.
        hint: the help below the field.
        rule: the lengths and the pattern that the model requires, in one sentence; empty where a general one will do.
        docs: the page and section of the help that explain the field: "console#every-day".
        numbered: the form has rows of the field, named "key.0", "key.1" and so on.
    """

    label: str
    member: tuple[str, ...] = ()
    hint: str = ""
    rule: str = ""
    docs: str = "console#every-day"
    numbered: bool = False


def _wizard(label: str, *member: str, hint: str = "", rule: str = "", docs: str = "console#a-first-ca") -> Field:
    return Field(label, member, hint, rule, docs)


def _crl(label: str, *member: str, hint: str = "", rule: str = "", docs: str = "crl#distribution-points") -> Field:
    return _wizard(label, "CrlConfiguration", *member, hint=hint, rule=rule, docs=docs)


def _principal(label: str, hint: str = "", docs: str = "console#principals") -> Field:
    return Field(label, (), hint, docs=docs)


def _acme(label: str, hint: str = "", docs: str = "acme#what-an-account-may-have") -> Field:
    return Field(label, (), hint, docs=docs)


_TAG_CHARACTERS = "letters, digits, spaces and the characters _ . : / = + - @."
_BUCKET = "It must be a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens."
_HOST = "It must be a host name of at most 253 characters, such as pki.example.com."


# Attributes of a subject, in the order of the wizard; the form of issuing has some of them.
SUBJECT = {
    "Organization": _wizard(LABELS["Organization"], "Subject", "Organization"),
    "OrganizationalUnit": _wizard(LABELS["OrganizationalUnit"], "Subject", "OrganizationalUnit"),
    "Country": _wizard(
        LABELS["Country"],
        "Subject",
        "Country",
        hint="Two letters, such as US.",
        rule="It must be two letters, such as US.",
    ),
    "State": _wizard(LABELS["State"], "Subject", "State"),
    "Locality": _wizard(LABELS["Locality"], "Subject", "Locality"),
    "CommonName": _wizard(
        LABELS["CommonName"], "Subject", "CommonName", hint="What people will call it, such as Example Issuing CA 1."
    ),
}
# Lists of subject alternative names, one name on a line or between commas.
ALTERNATIVE_NAMES = {
    "dns": Field("DNS names", ("SubjectAlternativeNames", ANY, "DnsName")),
    "ip": Field("IP addresses", ("SubjectAlternativeNames", ANY, "IpAddress")),
    "email": Field("Email addresses", ("SubjectAlternativeNames", ANY, "Rfc822Name")),
}
FIELDS: dict[str, Field] = {
    # of a CA
    "type": _wizard("CA type", "CertificateAuthorityType"),
    "region": _wizard("Region"),
    **SUBJECT,
    "algorithm": _wizard("Key algorithm", "KeyAlgorithm"),
    "new_bucket": _wizard("Name of the new bucket", hint="Unique; 3 to 63 lower-case letters, digits and hyphens."),
    "crl": _crl("CRL distribution", "Enabled"),
    "bucket": _crl("CRL bucket", "S3BucketName"),
    "cname": _crl(
        "Custom CRL name",
        "CustomCname",
        hint="A host name of yours that leads to the bucket; certificates then show it instead of the bucket's name.",
        rule=_HOST,
    ),
    "path": _crl(
        "Path in the bucket",
        "CustomPath",
        hint="The folder of the CRL; crl by default. A single / is the bucket's root.",
        rule=(
            "It must be at most 253 letters, digits and the characters - ; : @ & = $ , _ . ! ~ * ( ) ', in parts with "
            "one / between."
        ),
    ),
    "days": _crl(
        "Validity in days", "ExpirationInDays", hint="2 to 7 is usual for CRLs on the network.", docs="crl#freshness"
    ),
    "acl": _crl(
        "Read access to the CRL",
        "S3ObjectAcl",
        hint="With S3 Block Public Access, let the bucket's owner decide, and serve the CRL another way.",
    ),
    "partitioned": _crl("Partitioned CRL", "CrlType", docs="crl#partitions"),
    "omit": _crl(
        "Leave the distribution point out of certificates",
        "CrlDistributionPointExtensionConfiguration",
        "OmitExtension",
    ),
    "ocsp": _wizard("OCSP", "OcspConfiguration", "Enabled", docs="ocsp#responses"),
    "ocsp_cname": _wizard(
        "Custom OCSP name",
        "OcspConfiguration",
        "OcspCustomCname",
        hint="A host name of yours that leads here; certificates then show it.",
        rule=_HOST,
        docs="ocsp#transport",
    ),
    "key": Field(
        "Key",
        ("Tags", ANY, "Key"),
        "Lists show the value of the tag Name as the name of this CA.",
        f"It must be 1 to 128 {_TAG_CHARACTERS}",
        numbered=True,
    ),
    "value": Field("Value", ("Tags", ANY, "Value"), "", f"It must be at most 256 {_TAG_CHARACTERS}", numbered=True),
    "acm": _wizard("Renewal permission"),
    # of the other pages of a CA
    "certificate": Field(
        "Certificate",
        ("Certificate",),
        "In PEM, as your CA issued it for the CSR of this CA; or PKCS #7 (.p7b), which may include the chain.",
        docs="console#a-first-ca",
    ),
    "chain": Field(
        "Certificate chain",
        ("CertificateChain",),
        "In PEM, from the CA that signed it up to the root.",
        docs="console#a-first-ca",
    ),
    "years": _wizard("Valid for (years)"),
    "path_length": _wizard("CAs allowed below it", hint="The path length of its certificate."),
    "parent": _wizard("CA that signs it"),
    "confirm_ca": Field("Name of the CA", (), "Enter it, or the CA's ID, to confirm."),
    "account": Field("Source account", ("SourceAccount",), rule="It must be 12 digits."),
    "policy": Field("Policy (JSON)", ("Policy",), docs="access#resource-policies"),
    "format": Field("Format", ("AuditReportResponseFormat",), docs="compatibility#audit-reports"),
    "report_bucket": Field(
        "Bucket",
        ("S3BucketName",),
        "A private bucket of yours that Signet may write to.",
        _BUCKET,
        "compatibility#audit-reports",
    ),
    "window": Field("Keep restorable for", ("PermanentDeletionTimeInDays",)),
    # of certificates
    "csr": Field(
        "CSR", ("Csr",), "In PEM. It is decoded as soon as you leave the field.", docs="certificate-profiles#csrs"
    ),
    "template": Field("Template", ("TemplateArn",), docs="certificate-profiles"),
    "other_template": Field("Other template", ("TemplateArn",), docs="certificate-profiles"),
    "amount": Field("Valid for", ("Validity", "Value"), "Counted from the moment of issuance."),
    "unit": Field("Unit", ("Validity", "Type")),
    "end": Field("Last day", (), "For “until a date”: until the end of that day, in UTC."),
    **ALTERNATIVE_NAMES,
    "thing": Field("PEM, DER or base64"),
    "reason": Field("Reason", ("RevocationReason",)),
    "serial": Field("Serial number", (), "Hexadecimal, with or without colons."),
    # of lists of certificates
    "q": Field(
        "Search", (), "A name or its beginning, .example.com for its end, CN=…, a serial number, an IP, an ARN."
    ),
    "state": Field("Status"),
    # of the list of CAs
    "status": Field("Status"),
    "tag": Field("Tag", (), "A key, or key=value."),
    "expires": Field("Expires"),
    "of": Field("CA"),
    "requested_by": Field("Requested by", (), "An access key ID, or the name of a principal."),
    "issued_from": Field("Issued from"),
    "issued_to": Field("Issued until"),
    "expires_from": Field("Expires from"),
    "expires_to": Field("Expires until"),
    "revoked_from": Field("Revoked from"),
    "revoked_to": Field("Revoked until"),
    "sort": Field("Order"),
    # of activity
    "scope": Field("Show"),
    "operation": Field("Operation", (), "Such as IssueCertificate.", docs="audit#what-is-recorded"),
    "actor": Field("Who", (), "A principal's name or ARN, or an access key ID.", docs="audit#a-record"),
    "outcome": Field("Outcome"),
    "happened_from": Field("From"),
    "happened_to": Field("Until"),
    # of issuing presets
    "issuing_preset": Field("Preset", (), "", docs="presets"),
    "preset_name": Field("Name", (), "1 to 64 letters, digits or any of _ . -", docs="presets#fields"),
    "preset_description": Field("Description", (), "When to use it.", docs="presets#fields"),
    "preset_template": Field("Template", (), "Its policies apply to the preset, too.", docs="presets#fields"),
    "preset_names": Field(
        "Allowed names",
        (),
        "One on a line: www.example.com, *.example.com, 10.0.0.0/8, @example.com. Empty: every name.",
        docs="presets#names",
    ),
    "preset_days": Field("Valid for at most (days)", (), "A request may be for less.", docs="presets#fields"),
    # of the calendar
    "feed_description": Field("Description", (), "Where you use it, such as Team calendar.", docs="console#calendar"),
    # of access
    "ca": Field(
        "Certificate authority", (), "The ARN of a CA, to see what is allowed there.", docs="console#your-access"
    ),
    "principal_name": _principal("Name", "1 to 64 letters, digits or any of + = , . @ _ -"),
    "description": _principal("Description", "Who or what it is, for the list."),
    "preset": _principal("What it may do", docs="access#presets"),
    "expires_in": _principal("Expires after (days)", "Empty: it never expires."),
    "key_description": _principal("Description", "What the key is for."),
    "policy_name": _principal("Name of the policy", "1 to 64 letters, digits or any of + = , . @ _ -"),
    "document": _principal("Policy (JSON)", "As IAM writes identity policies.", "access#policies"),
    "confirm": _principal("Name of the principal", "Enter it to confirm the deletion."),
    # of ACME
    "acme_name": _acme(
        "Name", "1 to 63 lower-case letters, digits and hyphens. It is part of the URL.", "acme#a-first-certificate"
    ),
    "acme_ca": _acme("Certificate authority", "The ARN of the CA that issues.", "acme#a-first-certificate"),
    "acme_profiles": _acme(
        "Profiles",
        "One on a line, the default first: web=EndEntityServerAuthCertificate:90d, with a template or an issuing "
        "preset, and days or hours. Empty: tlsserver for 90 days, and shortlived for 160 hours.",
    ),
    "acme_terms": _acme("Terms of service", "A URL that accounts must agree to, or empty.", "acme#a-first-certificate"),
    "acme_open": _acme("Accounts need no external account binding"),
    "acme_disabled": _acme("The directory is disabled"),
    "acme_certificates": _acme("Revoke its valid certificates, too", "", "acme#revocation-and-renewal"),
    "acme_names": _acme(
        "Allowed names", "One on a line: www.example.com, *.example.com (every name below), 10.0.0.0/8."
    ),
    "acme_principal": _acme("Principal", "Its policies hold as well. Empty: the administrator."),
    "acme_preauthorized": _acme("These names need no challenge"),
    "acme_allowed": _acme("Allowed profiles", "None ticked: every profile."),
    "acme_orders": _acme("Orders a day", "Of all its accounts together; 0: any number."),
    "acme_accounts": _acme("Accounts", "How many it may bind; 0: any number."),
    "acme_description": _acme("Description", "The client or service that it is for."),
    "acme_compromised": _acme("The present CA is compromised", "", "acme#revocation-and-renewal"),
    "confirm_directory": _acme("Name of the directory", "Enter it to confirm the deletion.", "console#acme"),
}


def label_of(name: str) -> str:
    """The label of a field, with the number of its row if it is numbered, as in "key.0"; empty for unknown names."""
    base, _, row = name.partition(".")
    label = FIELDS[base].label if base in FIELDS else ""
    return f"{label} of tag {int(row) + 1}" if label and row.isdecimal() else label


def hint_of(name: str) -> str:
    """The help below a field; empty if it has none."""
    return FIELDS[name].hint if name in FIELDS else ""


def docs_of(name: str) -> str:
    """The page of the help about a field, with its section; empty for unknown names."""
    return FIELDS[name].docs if name in FIELDS else ""


def field_of(member: Member) -> str:
    """The field that becomes a member of a request, with its number if it is numbered; empty if no field does.

    Args:
        member: the path of the member in the request, or below one of its structures.
    """
    for name, field in FIELDS.items():
        end = member[-len(field.member) :] if field.member else ()
        if len(end) == len(field.member) > 0 and all(
            part in (ANY, actual) for part, actual in zip(field.member, end, strict=True)
        ):
            return f"{name}.{end[field.member.index(ANY)]}" if field.numbered else name
    return ""
