"""Ready policies for principals, by the work that they do.

Source: AWS Private CA User Guide, "AWS managed policies": AWSPrivateCAAuditor, AWSPrivateCAReadOnly, AWSPrivateCAUser.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_READ = (
    "DescribeCertificateAuthority",
    "DescribeCertificateAuthorityAuditReport",
    "GetCertificate",
    "GetCertificateAuthorityCertificate",
    "GetCertificateAuthorityCsr",
    "GetPolicy",
    "ListPermissions",
    "ListTags",
    "SearchCertificates",
    "ReadAuditRecord",
)
# Each preset: the actions on CAs, and those that are about none.
_ACTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "administrator": (("*", "acm:*"), ("iam:PassRole", "sts:AssumeRole")),
    "auditor": ((*_READ, "CreateCertificateAuthorityAuditReport"), ("ListCertificateAuthorities",)),
    "issuer": (("GetCertificate",), ()),
    "read-only": (_READ, ("ListCertificateAuthorities",)),
    "revoker": (("DescribeCertificateAuthority", "GetCertificate", "RevokeCertificate", "SearchCertificates"), ()),
}
PRESETS = tuple(_ACTIONS)


class PresetError(ValueError):
    """The preset needs something else; the text says what."""


def policy_of(preset: str, ca_arns: Sequence[str] = (), template_arns: Sequence[str] = ()) -> str:
    """The text of a preset's policy, for these CAs; for all if none is given.

    Raises:
        PresetError: an issuer without CAs or templates, a template for others, CAs for an administrator.
    """
    if preset == "issuer" and not (ca_arns and template_arns):
        raise PresetError("An issuer needs a CA and the templates that it may issue by.")
    if preset != "issuer" and template_arns:
        raise PresetError("Only an issuer has templates.")
    if preset == "administrator" and ca_arns:
        raise PresetError("An administrator has all CAs.")
    on_authorities, on_none = _ACTIONS[preset]
    resources = list(ca_arns) or ["*"]
    statements = [_allow("Authorities", on_authorities, resources)]
    if on_none:
        statements.append(_allow("Account", on_none, ["*"]))
    if template_arns:
        condition = {"StringEquals": {"acm-pca:TemplateArn": list(template_arns)}}
        statements.append(_allow("Issue", ("IssueCertificate",), resources) | {"Condition": condition})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def templates_at(ca_arns: Iterable[str], names: Sequence[str]) -> list[str]:
    """The ARNs of templates, by their names, in the partitions of some CAs; without any in that of most regions."""
    partitions = sorted({arns.parse_ca_arn(arn).partition for arn in ca_arns}) or ["aws"]
    return [str(arns.TemplateArn(partition, name)) for partition in partitions for name in names]


def _allow(sid: str, actions: Sequence[str], resources: list[str]) -> dict[str, Any]:
    named = [name if ":" in name else f"acm-pca:{name}" for name in actions]
    return {"Sid": sid, "Effect": "Allow", "Action": named, "Resource": resources}
