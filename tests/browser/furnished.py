"""A home in which every page has something to show: CAs in each state, certificates, a policy, a report, a draft."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.console.forms import replacing, wizard_draft
from chalicelib.operations import permissions
from tests.support.acme_over_http import AcmeOverHttp, binding
from tests.support.authority_steps import activate_root, active_root, create, install_subordinate, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, csr

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.home import Home

STRANGER = "111122223333"
LEAF = csr("c.example.com", dns_names=["c.example.com"])
STEPS: dict[str, dict[str, str]] = {
    "type": {"type": "SUBORDINATE"},
    "subject": {"CommonName": "Draft"},
    "key": {"algorithm": "EC_prime256v1"},
    "revocation": {"crl": "yes", "choice": "new", "new_bucket": "draft-crls", "days": "7", "acl": "PUBLIC_READ"},
    "tags": {"key.0": "Name", "value.0": "Draft"},
    "permission": {"acm": "yes"},
}

PRESET = {
    "preset_name": "web",
    "preset_template": "EndEntityServerAuthCertificate",
    "preset_names": "*.example.com",
    "preset_days": "90",
}


def furnish(client: Any, page: Page) -> list[str]:
    """Fill the home of a client, and the session of a page; returns paths of what no page leads to."""
    root = active_root(client, Tags=[{"Key": "Name", "Value": "Root"}])
    subordinate, deleted, waiting = (create(client, RevocationConfiguration=CRL_CONFIGURATION) for _ in range(3))
    for serial_number in (2, 3):  # the second one replaces the first
        install_subordinate(client, subordinate, now=datetime.now(UTC), serial_number=serial_number)
    client.update_certificate_authority(CertificateAuthorityArn=subordinate, Status="DISABLED")
    client.delete_certificate_authority(CertificateAuthorityArn=deleted, PermanentDeletionTimeInDays=7)
    actions = list(permissions.ACTIONS)
    client.create_permission(CertificateAuthorityArn=root, Principal="acm.amazonaws.com", Actions=actions)
    client.put_policy(ResourceArn=root, Policy=policy(root))
    issued = [issue(client, root, Csr=csr(f"{name}.example.com", dns_names=[f"{name}.example.com"])) for name in "ab"]
    client.revoke_certificate(
        CertificateAuthorityArn=root, CertificateSerial=serial_of(issued[1]), RevocationReason="SUPERSEDED"
    )
    report = client.create_certificate_authority_audit_report(
        CertificateAuthorityArn=root, S3BucketName="reports", AuditReportResponseFormat="JSON"
    )["AuditReportId"]
    written = client.get_waiter("audit_report_created")
    written.wait(CertificateAuthorityArn=root, AuditReportId=report, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    page.goto("calendar")
    assert send(page, "calendar/feeds", {"feed_description": "Team"}).ok
    assert send(page, "presets", PRESET | replacing.digest_field(replacing.NOTHING)).ok
    activate_root(client, root, years=11)  # so that it has a former certificate
    base = f"cas/{root.rsplit('/', 1)[1]}"
    pending = f"cas/{create(client, 'ROOT').rsplit('/', 1)[1]}/install"
    many = [f"{path}certificates/revoke?all=yes" for path in ("", f"{base}/")]
    created = f"cas/{waiting.rsplit('/', 1)[1]}/created"
    return [
        *many,
        created,
        f"{base}/report?id={report}",
        f"cas/create/{draft(page)}/review",
        preview(page, base),
        f"{base}/certificates",
        pending,
    ]


def order_by_acme(home: Home, ca: str, name: str = "web") -> None:
    """A directory with a binding, whose one account has a certificate."""
    home.signet("acme", "directory", "create", name, "--ca", ca)
    words = ("--directory", name, "--names", "*.example.test", "--preauthorized", "--json")
    made = json.loads(home.signet("acme", "eab", "create", *words).stdout)
    client = AcmeOverHttp(directory=name, base=home.url)
    assert client.register(binding(made["kid"], made["hmac_key"])).status == 201
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"


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
        assert answer.url.endswith(f"/{made}/{list(wizard_draft.STEPS)[list(STEPS).index(step) + 1]}"), answer.url
    return made


def preview(page: Page, base: str, request: bytes = LEAF) -> str:
    """The path of the preview of a certificate."""
    page.goto(f"{base}/issue")
    fields = {"csr": request.decode(), "template": "EndEntityCertificate", "unit": "DAYS", "amount": "30"}
    answer = send(page, f"{base}/issue", fields)
    assert re.search(r"/issue/[0-9a-f]{16}$", answer.url), answer.text()
    return str(answer.url)


def send(page: Page, path: str, fields: dict[str, str], **headers: str) -> Any:
    """A form, sent by the browser with its cookies; token and `Origin` are those of the page unless given."""
    token = page.locator("input[name=token]").first.input_value()
    sent = {"Origin": "/".join(page.url.split("/")[:3])} | headers
    given = {name: value for name, value in sent.items() if value}
    return page.request.post(path, form={"token": token, **fields}, headers=given)
