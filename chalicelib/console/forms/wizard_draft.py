"""The draft of the wizard, and the requests that it becomes: pure, from the typed text to the API's members."""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from chalicelib.console.fields import SUBJECT
from chalicelib.console.forms import revocation_form
from chalicelib.frozen import dataclass
from chalicelib.operations import permissions
from chalicelib.pki.x509 import algorithms
from chalicelib.regions import named_standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.console.forms.refusals import Problems, Typed

DEFAULT_KEY = "RSA_2048"
# The label of each key algorithm, and when to choose it.
_KEY_HINTS = {
    "RSA_2048": "Works everywhere; the right choice unless you know a reason for another one.",
    "RSA_3072": "128-bit security with RSA, if a policy asks for it.",
    "RSA_4096": "For a root that lives for decades and whose clients know only RSA; slower.",
    "EC_prime256v1": "Small and fast; every client of the last ten years knows it.",
    "EC_secp384r1": "If a policy (CNSA 1.0, for example) asks for 192-bit security.",
    "EC_secp521r1": "The largest curve; some clients refuse it.",
    "ML_DSA_44": "Post-quantum, category 2; only for clients that know RFC 9881.",
    "ML_DSA_65": "Post-quantum, category 3; only for clients that know RFC 9881.",
    "ML_DSA_87": "Post-quantum, category 5 (CNSA 2.0); only for clients that know RFC 9881.",
}
KEYS = {name: (algorithms.LABELS[name], hint) for name, hint in _KEY_HINTS.items()}
_SIGNING = {
    "EC_secp384r1": "SHA384WITHECDSA",
    "EC_secp521r1": "SHA512WITHECDSA",
}
MOST_TAGS = 50
_TAG = re.compile(r"(?:key|value)\.[0-9]{1,2}", re.ASCII)
# The title of each step, by its name in addresses, in order.
STEPS: dict[str, str] = {
    "type": "CA type",
    "subject": "Subject name",
    "key": "Key algorithm",
    "revocation": "Revocation",
    "tags": "Tags",
    "permission": "Renewal permission",
    "review": "Review and create",
}
ORDER = tuple(STEPS)
FIELDS: dict[str, tuple[str, ...]] = {
    "type": ("type", "region"),
    "subject": tuple(SUBJECT),
    "key": ("algorithm",),
    "revocation": revocation_form.FIELDS,
    "permission": ("acm",),
}
DEFAULTS: dict[str, dict[str, str]] = {
    "type": {"type": "SUBORDINATE"},
    "key": {"algorithm": DEFAULT_KEY},
    "revocation": revocation_form.DEFAULTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardDraft:
    """The text that was entered in the wizard; the session stores it as JSON.

    Attributes:
        steps: the text of each field, by the name of the step.
        done: the steps that were checked and have no problem.
        problems: of the last step that was taken, by its name.
        created: the ARN of the CA that was made of the draft; empty before.
    """

    steps: Mapping[str, Typed] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    problems: Mapping[str, Problems] = field(default_factory=dict)
    created: str = ""

    def typed(self, step: str) -> dict[str, str]:
        """The text of the fields of a step, or its defaults before it is taken."""
        return dict(self.steps.get(step, DEFAULTS.get(step, {})))

    def missing(self, step: str) -> str:
        """The first step before this one that is not done; empty if all are."""
        return next((name for name in ORDER[: ORDER.index(step)] if name not in self.done), "")

    def with_step(self, step: str, typed: Typed, problems: Problems, *, checked: bool) -> WizardDraft:
        """The draft after a step was taken; an unchecked step stays done only if its text is the same."""
        stays = not problems and (checked or (step in self.done and self.steps.get(step) == typed))
        done = [name for name in self.done if name != step] + [step] * stays
        return replace(self, steps={**self.steps, step: typed}, done=tuple(done), problems={step: problems})


def decode(stored: Mapping[str, Any] | None) -> WizardDraft:
    """The draft that a session holds; an empty one if it holds none."""
    values = dict(stored or {})
    return WizardDraft(
        steps=values.get("steps", {}),
        done=tuple(values.get("done", ())),
        problems=values.get("problems", {}),
        created=values.get("created", ""),
    )


def encode(draft: WizardDraft) -> dict[str, Any]:
    """The draft as JSON."""
    return {
        "steps": {name: dict(typed) for name, typed in draft.steps.items()},
        "done": list(draft.done),
        "problems": dict(draft.problems),
        "created": draft.created,
    }


def read(step: str, fields: Typed) -> dict[str, str]:
    """The text of the fields of a step, without empty ones."""
    if step == "tags":
        return _numbered({name: value for name, value in fields.items() if _TAG.fullmatch(name)})
    return {name: fields[name].strip() for name in FIELDS.get(step, ()) if fields.get(name, "").strip()}


def _numbered(fields: Typed) -> dict[str, str]:
    """Tags without empty rows, numbered from 0."""
    rows = [(fields.get(f"key.{n}", ""), fields.get(f"value.{n}", "")) for n in range(MOST_TAGS + 10)]
    filled = [row for row in rows if any(row)]
    return {f"{part}.{n}": row[i] for n, row in enumerate(filled) for i, part in enumerate(("key", "value"))}


def tags_of(typed: Typed) -> list[dict[str, str]]:
    """`Tags` of the step of tags."""
    count = len(typed) // 2
    return [{"Key": typed[f"key.{n}"], "Value": typed[f"value.{n}"]} for n in range(count)]


def signing_algorithm(key_algorithm: str) -> str:
    """The algorithm that a CA with such a key signs with by default; that of the default key for an unknown key."""
    known = key_algorithm if key_algorithm in algorithms.KEY_ALGORITHMS else DEFAULT_KEY
    return _SIGNING.get(known) or next(iter(algorithms.valid_signing_algorithms(known)))


def create_request(draft: WizardDraft) -> dict[str, Any]:
    """CreateCertificateAuthority; steps that were not taken yet count with their defaults."""
    key_algorithm = draft.typed("key").get("algorithm", "")
    request: dict[str, Any] = {
        "CertificateAuthorityType": draft.typed("type").get("type", ""),
        "CertificateAuthorityConfiguration": {
            "KeyAlgorithm": key_algorithm,
            "SigningAlgorithm": signing_algorithm(key_algorithm),
            "Subject": draft.typed("subject"),
        },
        "RevocationConfiguration": revocation_form.configuration_of(draft.typed("revocation")),
    }
    tags = tags_of(draft.typed("tags"))
    return request | named_standard(region_of(draft)) | ({"Tags": tags} if tags else {})


def region_of(draft: WizardDraft) -> str:
    """The region of the CA; empty: that of the home."""
    return draft.typed("type").get("region", "")


def permission_request(draft: WizardDraft, ca_arn: str) -> dict[str, Any] | None:
    """CreatePermission; None unless ACM is to renew certificates."""
    if not draft.typed("permission").get("acm"):
        return None
    return {
        "CertificateAuthorityArn": ca_arn,
        "Principal": permissions.PRINCIPAL,
        "Actions": list(permissions.ACTIONS),
    }
