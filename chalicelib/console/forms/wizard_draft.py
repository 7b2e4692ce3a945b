"""What a draft of the wizard asks the API for: pure, from what was typed to the requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chalicelib.console.forms import revocation_form
from chalicelib.operations import permissions
from chalicelib.pki.x509 import algorithms

if TYPE_CHECKING:
    from collections.abc import Mapping

    Typed = Mapping[str, str]  # the fields of one step, by name
    Draft = Mapping[str, Any]  # the fields of each step, by the step's name; and "done", the steps that were checked

SUBJECT = {
    "Organization": "Organization (O)",
    "OrganizationalUnit": "Organizational unit (OU)",
    "Country": "Country (C)",
    "State": "State or province (ST)",
    "Locality": "Locality (L)",
    "CommonName": "Common name (CN)",
}
DEFAULT_KEY = "RSA_2048"
# What is offered, and when to choose it.
KEYS = {
    "RSA_2048": ("RSA 2048", "Works everywhere; right unless you know a reason for another one."),
    "RSA_3072": ("RSA 3072", "128-bit security with RSA, where a policy asks for it."),
    "RSA_4096": ("RSA 4096", "For a root that lives for decades and whose clients know RSA only; slower."),
    "EC_prime256v1": ("ECDSA P-256", "Small and fast; every client of the last ten years knows it."),
    "EC_secp384r1": ("ECDSA P-384", "Where a policy (CNSA 1.0, say) asks for 192-bit security."),
    "EC_secp521r1": ("ECDSA P-521", "The largest curve; some clients refuse it."),
    "ML_DSA_44": ("ML-DSA-44", "Post-quantum, category 2; only for clients that know RFC 9881."),
    "ML_DSA_65": ("ML-DSA-65", "Post-quantum, category 3; only for clients that know RFC 9881."),
    "ML_DSA_87": ("ML-DSA-87", "Post-quantum, category 5 (CNSA 2.0); only for clients that know RFC 9881."),
}
_SIGNING = {
    "EC_secp384r1": "SHA384WITHECDSA",
    "EC_secp521r1": "SHA512WITHECDSA",
}
MOST_TAGS = 50
_TAG = re.compile(r"(?:key|value)\.[0-9]{1,2}", re.ASCII)
FIELDS: dict[str, tuple[str, ...]] = {
    "type": ("type",),
    "subject": tuple(SUBJECT),
    "key": ("algorithm",),
    "revocation": revocation_form.FIELDS,
    "tags": (),
    "permission": ("acm",),
    "review": (),
}
DEFAULTS: dict[str, dict[str, str]] = {
    "type": {"type": "SUBORDINATE"},
    "key": {"algorithm": DEFAULT_KEY},
    "revocation": revocation_form.DEFAULTS,
    "permission": {"acm": "yes"},
}


def read(step: str, fields: Mapping[str, str]) -> dict[str, str]:
    """What a form of a step says: its own fields, without those that are empty."""
    if step == "tags":
        return _numbered({name: value for name, value in fields.items() if _TAG.fullmatch(name)})
    return {name: fields[name].strip() for name in FIELDS[step] if fields.get(name, "").strip()}


def _numbered(fields: Typed) -> dict[str, str]:
    """Tags without those that are empty, numbered from 0."""
    pairs = [(fields.get(f"key.{n}", ""), fields.get(f"value.{n}", "")) for n in range(MOST_TAGS + 10)]
    kept = [pair for pair in pairs if any(pair)]
    return {f"{part}.{n}": pair[i] for n, pair in enumerate(kept) for i, part in enumerate(("key", "value"))}


def tags_of(typed: Typed) -> list[dict[str, str]]:
    """The tags of that step."""
    count = len(typed) // 2
    return [{"Key": typed[f"key.{n}"], "Value": typed[f"value.{n}"]} for n in range(count)]


def step_of(draft: Draft, step: str) -> dict[str, str]:
    """What was typed in a step, or its defaults."""
    return dict(draft.get(step, DEFAULTS.get(step, {})))


def signing_algorithm(key_algorithm: str) -> str:
    """What a CA with such a key signs with, unless it is told otherwise."""
    named = _SIGNING.get(key_algorithm)
    return named or next(iter(algorithms.valid_signing_algorithms(key_algorithm)), "")


def create_request(draft: Draft) -> dict[str, Any]:
    """CreateCertificateAuthority; steps that are not there yet count with their defaults."""
    key_algorithm = step_of(draft, "key").get("algorithm", "")
    known = key_algorithm in algorithms.KEY_ALGORITHMS
    request: dict[str, Any] = {
        "CertificateAuthorityType": step_of(draft, "type").get("type", ""),
        "CertificateAuthorityConfiguration": {
            "KeyAlgorithm": key_algorithm,
            "SigningAlgorithm": signing_algorithm(key_algorithm) if known else "",
            "Subject": step_of(draft, "subject"),
        },
        "RevocationConfiguration": revocation_form.configuration_of(step_of(draft, "revocation")),
    }
    tags = tags_of(step_of(draft, "tags"))
    return request | ({"Tags": tags} if tags else {})


def permission_request(draft: Draft, ca_arn: str) -> dict[str, Any] | None:
    """CreatePermission; None where ACM is not to renew."""
    if not step_of(draft, "permission").get("acm"):
        return None
    return {
        "CertificateAuthorityArn": ca_arn,
        "Principal": permissions.PRINCIPAL,
        "Actions": list(permissions.ACTIONS),
    }
