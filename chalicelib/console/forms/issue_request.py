"""What the form of issuing asks the API for: pure, from what was typed to the request."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509.names import SUBJECT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    Typed = Mapping[str, str]
    Problems = dict[str, str]

# What most people want, each with when to choose it.
COMMON = {
    "EndEntityCertificate": ("Server and client", "For TLS on both sides; subject and names come from the CSR."),
    "EndEntityServerAuthCertificate": ("Server", "For TLS servers alone."),
    "EndEntityClientAuthCertificate": ("Client", "For TLS clients, devices and people."),
    "EndEntityCertificate_APIPassthrough": ("Server and client, names from here", "Subject and names as typed below."),
    "CodeSigningCertificate": ("Code signing", "For programs and packages."),
    "OCSPSigningCertificate": ("OCSP signing", "For a responder of your own."),
    "SubordinateCACertificate_PathLen0": ("Subordinate CA", "For a CA that issues end-entity certificates alone."),
}
DEFAULT_TEMPLATE, OTHER = "EndEntityCertificate", "other"
_KINDS = {
    "_APICSRPassthrough": "Extensions from the CSR, and from here",
    "_APIPassthrough": "Subject and extensions from here",
    "_CSRPassthrough": "Extensions from the CSR",
    "": "As the template has it, names from the CSR",
}
UNITS = {"DAYS": "days", "MONTHS": "months", "YEARS": "years", "END_DATE": "until a date"}
SUBJECT = {
    "CommonName": "Common name (CN)",
    "Organization": "Organization (O)",
    "OrganizationalUnit": "Organizational unit (OU)",
}
# Lists, one name a line or between commas: the member of GeneralName that each one is.
NAMES = {
    "dns": ("DnsName", "DNS names"),
    "ip": ("IpAddress", "IP addresses"),
    "email": ("Rfc822Name", "Email addresses"),
}
KEY_USAGES = {
    "DigitalSignature": "digital signature",
    "KeyEncipherment": "key encipherment",
    "KeyAgreement": "key agreement",
    "NonRepudiation": "non-repudiation",
}
PURPOSES = {
    "SERVER_AUTH": "server authentication",
    "CLIENT_AUTH": "client authentication",
    "CODE_SIGNING": "code signing",
    "EMAIL_PROTECTION": "email protection",
}
FIELDS = (
    "csr",
    "template",
    "other_template",
    "amount",
    "unit",
    "end",
    *SUBJECT,
    *NAMES,
    *(f"usage.{name}" for name in KEY_USAGES),
    *(f"purpose.{name}" for name in PURPOSES),
)
DEFAULTS = {"template": DEFAULT_TEMPLATE, "amount": "90", "unit": "DAYS"}
SHORT_LIVED = {"amount": "7"}
_MOST_NAMES = 100


def groups() -> dict[str, list[str]]:
    """Every template by where what is in a certificate comes from."""
    found: dict[str, list[str]] = {title: [] for title in reversed(_KINDS.values())}
    for name in sorted(TEMPLATES):
        found[next(title for suffix, title in _KINDS.items() if name.endswith(suffix))].append(name)
    return found


def read(fields: Typed) -> dict[str, str]:
    """What a form says: its own fields, without those that are empty."""
    return {name: fields[name].strip() for name in FIELDS if fields.get(name, "").strip()}


def template_of(typed: Typed) -> str:
    """The template that is chosen; may be none that exists."""
    chosen = typed.get("template", "")
    return typed.get("other_template", "") if chosen == OTHER else chosen


def problems_of(typed: Typed) -> Problems:
    """What no request can be made of."""
    found: Problems = {}
    if not typed.get("csr"):
        found["csr"] = "Paste the CSR, or choose its file."
    if template_of(typed) not in TEMPLATES:
        found["template"] = "Choose a template."
    if typed.get("unit") not in UNITS:
        found["unit"] = "Choose one of these units."
    elif _validity(typed) is None:
        ends = typed["unit"] == "END_DATE"
        found["end" if ends else "amount"] = "Choose a date." if ends else "It must be a number from 1 to 99999."
    over = (name for name in NAMES if len(_listed(typed, name)) > _MOST_NAMES)
    return found | dict.fromkeys(over, f"A list here may have {_MOST_NAMES} entries; the AWS CLI takes more.")


def _validity(typed: Typed) -> dict[str, Any] | None:
    """`Validity`; a date lasts until its end in UTC."""
    unit = typed["unit"]
    if unit == "END_DATE":
        try:
            return {"Type": unit, "Value": int(f"{date.fromisoformat(typed.get('end', '')):%Y%m%d}235959")}
        except ValueError:
            return None
    amount = typed.get("amount", "")
    if re.fullmatch("[0-9]{1,5}", amount, re.ASCII) is None or int(amount) < 1:
        return None
    return {"Type": unit, "Value": int(amount)}


def request_of(typed: Typed, ca_arn: str, signing_algorithm: str, template_arn: str) -> dict[str, Any]:
    """IssueCertificate, for what has no problems."""
    request: dict[str, Any] = {
        "CertificateAuthorityArn": ca_arn,
        "Csr": typed["csr"].encode(),
        "SigningAlgorithm": signing_algorithm,
        "TemplateArn": template_arn,
        "Validity": _validity(typed),
    }
    passed = _passthrough(typed)
    return request | ({"ApiPassthrough": passed} if passed else {})


def _passthrough(typed: Typed) -> dict[str, Any]:
    """`ApiPassthrough`: what is typed, and nothing where nothing is."""
    subject = {name: typed[name] for name in SUBJECT if name in typed}
    names = [{member: each} for name, (member, _) in NAMES.items() for each in _listed(typed, name)]
    usages = {name: True for name in KEY_USAGES if f"usage.{name}" in typed}
    purposes = [{"ExtendedKeyUsageType": name} for name in PURPOSES if f"purpose.{name}" in typed]
    members = {"SubjectAlternativeNames": names, "KeyUsage": usages, "ExtendedKeyUsage": purposes}
    extensions = {name: value for name, value in members.items() if value}
    parts = {"Subject": subject, "Extensions": extensions}
    return {name: value for name, value in parts.items() if value}


# What in a sentence of a refusal tells the field that it is about; the first that fits.
_WORDS_OF = (
    *((rf"Attribute {re.escape(SUBJECT_MEMBERS[name])} ", name) for name in SUBJECT),
    (r"DnsName|DNS name", "dns"),
    (r"IpAddress|IP address", "ip"),
    (r"Rfc822Name|email address", "email"),
    (r"validity|for at most 7 days", "amount"),
    (r"template|Path length", "template"),
)


def field_of_refusal(typed: Typed, refusal: Mapping[str, str]) -> str:
    """The field that the refusal of an operation is about; empty where it is none, or more than one."""
    if refusal["Code"] == "MalformedCSRException":
        return "csr"
    found = next((name for words, name in _WORDS_OF if re.search(words, refusal["Message"])), "")
    return _dated(typed, found)


def _dated(typed: Typed, field: str) -> str:
    return "end" if field == "amount" and typed.get("unit") == "END_DATE" else field


_MEMBERS = {"csr": "csr", "value": "amount", "templateArn": "template"} | {
    name[0].lower() + name[1:]: field
    for name, field in [*((name, name) for name in SUBJECT), *((member, name) for name, (member, _) in NAMES.items())]
}


def field_of_member(typed: Typed, path: str) -> str:
    """The field of a member of the request, named by its path as the model's rules name it; else empty."""
    return _dated(typed, _MEMBERS.get(path.rsplit(".", 1)[-1], ""))


def _listed(typed: Typed, name: str) -> list[str]:
    return [each for each in re.split(r"[\s,;]+", typed.get(name, "")) if each]
