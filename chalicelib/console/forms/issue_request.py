"""The form of issuing, its draft, and the request that it becomes: pure, from the typed text to the API's members."""

from __future__ import annotations

import re
from dataclasses import field
from datetime import date
from typing import TYPE_CHECKING, Any

from chalicelib.console.fields import ALTERNATIVE_NAMES, MOST_CHARACTERS
from chalicelib.console.forms.refusals import problems_of as refusal_of
from chalicelib.console.forms.refusals import violations_of
from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import pem
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import csr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Form
    from chalicelib.errors import ApiError
    from chalicelib.pki.issuing.templates import Template

# The usual templates: the label of each, and when to choose it.
COMMON = {
    "EndEntityCertificate": ("Server and client", "For TLS on both sides; subject and names come from the CSR."),
    "EndEntityServerAuthCertificate": ("Server", "Only for TLS servers."),
    "EndEntityClientAuthCertificate": ("Client", "For TLS clients, devices and people."),
    "EndEntityCertificate_APIPassthrough": (
        "Server and client, names from here",
        "Subject and names as entered below.",
    ),
    "CodeSigningCertificate": ("Code signing", "For programs and packages."),
    "OCSPSigningCertificate": ("OCSP signing", "For your own responder."),
    "SubordinateCACertificate_PathLen0": ("Subordinate CA", "For a CA that issues only end-entity certificates."),
}
DEFAULT_TEMPLATE, OTHER = "EndEntityCertificate", "other"
_KINDS = {
    "_APICSRPassthrough": "Extensions from the CSR, and from here",
    "_APIPassthrough": "Subject and extensions from here",
    "_CSRPassthrough": "Extensions from the CSR",
    "": "Extensions from the template, names from the CSR",
}
_VALIDITY = {"amount", "unit", "end"}
UNITS = {"DAYS": "days", "MONTHS": "months", "YEARS": "years", "END_DATE": "until a date"}
SUBJECT = ("CommonName", "Organization", "OrganizationalUnit")
# The member of GeneralName that each list of names becomes.
NAMES = {name: field.member[-1] for name, field in ALTERNATIVE_NAMES.items()}
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
    "issuing_preset",
    "renews",
    "supersede",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDraft:
    """A request that was previewed; the session stores it as JSON.

    Attributes:
        ca_id: of the CA that it is for.
        typed: the text of the form.
        issued: the serial number of the certificate that was issued; empty before.
    """

    ca_id: str
    typed: Typed = field(default_factory=dict)
    issued: str = ""


def decode(stored: Mapping[str, Any] | None, ca_id: str) -> IssueDraft | None:
    """The draft for a CA that a session holds; None if it holds none, or one for another CA."""
    if stored is None or stored.get("ca_id") != ca_id:
        return None
    return IssueDraft(ca_id=ca_id, typed=stored.get("typed", {}), issued=stored.get("issued", ""))


def encode(draft: IssueDraft) -> dict[str, Any]:
    """The draft as JSON."""
    return {"ca_id": draft.ca_id, "typed": dict(draft.typed), "issued": draft.issued}


def groups() -> dict[str, list[str]]:
    """Every template, grouped by the source of the certificate's contents."""
    grouped: dict[str, list[str]] = {title: [] for title in reversed(_KINDS.values())}
    for name in sorted(TEMPLATES):
        grouped[next(title for suffix, title in _KINDS.items() if name.endswith(suffix))].append(name)
    return grouped


def read(form: Form) -> dict[str, str]:
    """The text of a form, without empty fields; a CSR that was uploaded comes before one that was pasted."""
    typed = {name: form.get(name) for name in FIELDS if form.get(name)}
    uploaded = form.files.get("csr_file")
    return typed | {"csr": _text(uploaded)} if uploaded else typed


def _text(uploaded: bytes) -> str:
    """A file with a CSR as PEM."""
    content = uploaded if b"-----BEGIN" in uploaded else pem.encode(uploaded, "CERTIFICATE REQUEST").encode()
    return content.decode("utf-8", "replace").strip()


def template_of(typed: Typed) -> str:
    """The chosen template, which may not exist."""
    chosen = typed.get("template", "")
    return typed.get("other_template", "") if chosen == OTHER else chosen


def problems_of(typed: Typed) -> Problems:
    """The problems of a form that no request can be made of."""
    problems = _too_long(typed)
    if problems:
        return problems
    if not typed.get("csr"):
        problems["csr"] = "Paste the CSR, or choose its file."
    if not typed.get("issuing_preset") and template_of(typed) not in TEMPLATES:
        problems["template"] = "Choose a template."
    if typed.get("unit") not in UNITS:
        problems["unit"] = "Choose one of these units."
    elif _validity(typed) is None:
        is_date = typed["unit"] == "END_DATE"
        problems |= {"end": "Choose a date."} if is_date else {"amount": "It must be a number from 1 to 99999."}
    over = (name for name in NAMES if len(_listed(typed, name)) > _MOST_NAMES)
    return problems | dict.fromkeys(over, f"A list here may have {_MOST_NAMES} entries; the AWS CLI takes more.")


def _too_long(typed: Typed) -> Problems:
    limits = {name: csr.MAX_BYTES if name == "csr" else MOST_CHARACTERS for name in typed}
    return {
        name: f"This is longer than {limit} characters." for name, limit in limits.items() if len(typed[name]) > limit
    }


def _validity(typed: Typed) -> dict[str, Any] | None:
    """`Validity`; a date includes the whole day, in UTC."""
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
    """IssueCertificate, for a form without problems."""
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
    """`ApiPassthrough`; empty if none of its fields is filled in."""
    subject = {name: typed[name] for name in SUBJECT if name in typed}
    names = [{member: text} for name, member in NAMES.items() for text in _listed(typed, name)]
    usages = {name: True for name in KEY_USAGES if f"usage.{name}" in typed}
    purposes = [{"ExtendedKeyUsageType": name} for name in PURPOSES if f"purpose.{name}" in typed]
    members = {"SubjectAlternativeNames": names, "KeyUsage": usages, "ExtendedKeyUsage": purposes}
    extensions = {name: value for name, value in members.items() if value}
    parts = {"Subject": subject, "Extensions": extensions}
    return {name: value for name, value in parts.items() if value}


def _listed(typed: Typed, name: str) -> list[str]:
    return [text for text in re.split(r"[\s,;]+", typed.get(name, "")) if text]


def is_possible(template: Template, path_length: int | None, *, is_root: bool) -> bool:
    """Tell whether a CA can issue by a template at all.

    Args:
        template: in question.
        path_length: of the CA's own certificate; None: it sets no limit.
        is_root: the CA is a root; only roots sign by templates for roots.
    """
    if template.is_root:
        return is_root
    below = template.path_length or 0
    return not template.is_ca or path_length is None or below < path_length


def without_problems(typed: Typed, defaults: Typed) -> dict[str, str]:
    """The text of the form, with a default or nothing for each field with a problem; a validity counts as one field."""
    bad = set(problems_of(typed))
    bad |= _VALIDITY if bad & _VALIDITY else set()
    return {**defaults, **{name: text for name, text in typed.items() if name not in bad}}


def beside_fields(typed: Typed, error: ApiError) -> Problems:
    """The problems of a refusal beside their fields; a validity until a date stands beside the date."""
    validity = "end" if typed.get("unit") == "END_DATE" else "amount"
    code = "" if violations_of(error) else f" ({error.code})"
    refusal = refusal_of(error)
    return {validity if name == "amount" else name: f"{words}{code}" for name, words in refusal.items()}
