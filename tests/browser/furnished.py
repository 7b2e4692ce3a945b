"""A home in which every page has something to show: CAs in each state, certificates, a policy, a report, a draft."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from authority_steps import active_root, create, install_subordinate, issue, serial_of
from builders import CRL_CONFIGURATION, csr

from chalicelib.console import pages, views_wizard
from chalicelib.operations import permissions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Page

STRANGER = "111122223333"
STEPS: dict[str, dict[str, str]] = {
    "type": {"type": "SUBORDINATE"},
    "subject": {"CommonName": "Draft"},
    "key": {"algorithm": "EC_prime256v1"},
    "revocation": {"crl": "yes", "choice": "new", "new_bucket": "draft-crls", "days": "7", "acl": "PUBLIC_READ"},
    "tags": {"key.0": "Name", "value.0": "Draft"},
    "permission": {"acm": "yes"},
}


@dataclass(frozen=True, slots=True)
class Furnished:
    """What there is: two CAs by their ids, and everything by the names that segments of paths have."""

    active: str
    deleted: str
    segments: dict[str, list[str]]


def furnish(client: Any, page: Page) -> Furnished:
    """Fill the home of a client, and the session of a page."""
    root = active_root(client, Tags=[{"Key": "Name", "Value": "Root"}])
    subordinate, deleted, pending = (create(client, RevocationConfiguration=CRL_CONFIGURATION) for _ in range(3))
    install_subordinate(client, subordinate, now=datetime.now(UTC))
    client.update_certificate_authority(CertificateAuthorityArn=subordinate, Status="DISABLED")
    client.delete_certificate_authority(CertificateAuthorityArn=deleted, PermanentDeletionTimeInDays=7)
    client.create_permission(
        CertificateAuthorityArn=root, Principal="acm.amazonaws.com", Actions=list(permissions.ACTIONS)
    )
    client.put_policy(ResourceArn=root, Policy=policy(root))
    client.create_certificate_authority_audit_report(
        CertificateAuthorityArn=root, S3BucketName="reports", AuditReportResponseFormat="JSON"
    )
    issued = [issue(client, root, Csr=csr(f"{name}.example.com", dns_names=[f"{name}.example.com"])) for name in "ab"]
    client.revoke_certificate(
        CertificateAuthorityArn=root, CertificateSerial=serial_of(issued[1]), RevocationReason="KEY_COMPROMISE"
    )
    return Furnished(
        active=root.rsplit("/", 1)[1],
        deleted=deleted.rsplit("/", 1)[1],
        segments={
            "ca_id": [arn.rsplit("/", 1)[1] for arn in (root, subordinate, deleted, pending)],
            "serial": [serial_of(each) for each in issued],
            "draft": [draft(page)],
            "step": list(views_wizard.STEPS),
        },
    )


def policy(ca_arn: str, statement: str = "1") -> str:
    """One that lets another account issue."""
    granted = {
        "Sid": statement,
        "Effect": "Allow",
        "Principal": {"AWS": STRANGER},
        "Action": ["acm-pca:IssueCertificate", "acm-pca:GetCertificate"],
        "Resource": ca_arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [granted]})


def draft(page: Page, **steps: dict[str, str]) -> str:
    """A CA as far as the wizard's last step; returns the draft's id."""
    page.goto("cas/create")
    made = page.url.split("/")[-2]
    for step, fields in STEPS.items():
        answer = send(page, f"cas/create/{made}/{step}", fields | steps.get(step, {}))
        assert answer.url.endswith(f"/{made}/{list(views_wizard.STEPS)[list(STEPS).index(step) + 1]}"), answer.url
    return made


def send(page: Page, path: str, fields: dict[str, str], **headers: str) -> Any:
    """A form, sent by the browser with its cookies; token and `Origin` are those of the page unless given."""
    token = page.locator("input[name=token]").first.input_value()
    sent = {"Origin": "/".join(page.url.split("/")[:3])} | headers
    given = {name: value for name, value in sent.items() if value}
    return page.request.post(path, form={"token": token} | fields, headers=given)


def addresses(row: pages.Page, furnished: Furnished) -> Iterable[str]:
    """Every address of a row of the table, behind `/console/`."""
    names = re.findall(r"\{(\w+)\}", row.path)
    for values in itertools.product(*(furnished.segments[name] for name in names)):
        yield row.path.format(**dict(zip(names, values, strict=True)))
