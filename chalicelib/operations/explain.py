"""Explain: what an IssueCertificate request would sign, or the rule that refuses it. An extension beside AWS's API.

The steps are those of issuing, up to the plan; nothing is recorded and nothing is signed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, TypedDict

from chalicelib import errors
from chalicelib.access import sharing
from chalicelib.operations import certificates
from chalicelib.pki.x509 import extensions

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib import shapes
    from chalicelib.pki.issuing.specification import Plan
    from chalicelib.runtime import Caller, Runtime


class PlannedExtension(TypedDict):
    """An extension of the certificate; `Value` is base64 of its DER."""

    ObjectIdentifier: str
    Name: str
    Critical: bool
    Source: str
    Value: str


class PlannedCertificate(TypedDict):
    """The certificate that would be signed."""

    TemplateArn: str
    SigningAlgorithm: str
    Subject: str
    SubjectAlternativeNames: list[str]
    NotBefore: datetime
    NotAfter: datetime
    Extensions: list[PlannedExtension]


class Explanation(TypedDict):
    """The certificate that would be signed, and the accounts that may ask for it."""

    Plan: PlannedCertificate
    MayIssue: list[str]


def explain(rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest) -> dict[str, Any]:
    """Explain what a request would sign, and who may issue it; or the refusal that IssueCertificate would give.

    Raises:
        ResourceNotFoundException: the caller has no such CA.
    """
    try:
        return {"WouldIssue": True, **explained(rt, caller, request)}
    except errors.ResourceNotFoundException:
        raise
    except errors.ApiError as error:
        refusal = {"Code": error.code, "Message": error.message}
        if error.member:
            refusal["Member"] = ".".join(map(str, error.member))
        return {"WouldIssue": False, "Refusal": refusal}


def explained(rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest) -> Explanation:
    """Describe the plan of a request, and who may issue it.

    Raises:
        ApiError: what IssueCertificate would refuse it with.
    """
    ca, template_arn, plan = certificates.planned(rt, caller, request)
    return {"Plan": _described(plan, template_arn), "MayIssue": sharing.issuing_accounts(rt, ca.arn, template_arn)}


def _described(plan: Plan, template_arn: str) -> PlannedCertificate:
    summary = plan.summary()
    return {
        "TemplateArn": template_arn,
        "SigningAlgorithm": plan.signing_algorithm,
        "Subject": summary.subject,
        "SubjectAlternativeNames": list(summary.alternative_names),
        "NotBefore": plan.not_before,
        "NotAfter": plan.not_after,
        "Extensions": [
            {
                "ObjectIdentifier": extension.oid,
                "Name": extensions.NAMES.get(extension.oid, extension.oid),
                "Critical": extension.critical,
                "Source": source,
                "Value": base64.b64encode(extension.value_der).decode(),
            }
            for extension, source, _ in plan.extensions
        ],
    }
