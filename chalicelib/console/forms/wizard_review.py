"""The last step of the wizard: every choice, and the commands that do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.console import text
from chalicelib.console.commands import command
from chalicelib.console.fields import SUBJECT, label_of
from chalicelib.console.forms import revocation_form, wizard_draft

if TYPE_CHECKING:
    from chalicelib.console.forms.refusals import Typed
    from chalicelib.console.forms.wizard_draft import WizardDraft


class Row(NamedTuple):
    """One value of the review, and the step that changes it."""

    step: str
    label: str
    value: str


def token(draft_id: str) -> str:
    """The idempotency token of a draft."""
    return f"console-{draft_id}"


def rows(draft: WizardDraft) -> list[Row]:
    """Every value in the order of the steps."""
    kind, key = draft.typed("type").get("type", ""), draft.typed("key").get("algorithm", "")
    subject, tags = draft.typed("subject"), wizard_draft.tags_of(draft.typed("tags"))
    renews, region = draft.typed("permission").get("acm"), wizard_draft.region_of(draft)
    return [
        Row("type", label_of("type"), text.word(kind)),
        *([Row("type", label_of("region"), region)] if region else []),
        *(Row("subject", label_of(name), subject[name]) for name in SUBJECT if name in subject),
        Row("key", label_of("algorithm"), wizard_draft.KEYS.get(key, (key,))[0]),
        *(Row("revocation", label, value) for label, value in _revocation(draft.typed("revocation"))),
        *(Row("tags", f"Tag {tag['Key']}", tag["Value"] or "(no value)") for tag in tags),
        *([] if tags else [Row("tags", "Tags", "None")]),
        Row("permission", label_of("acm"), "ACM may renew certificates of this CA" if renews else "None"),
    ]


def _revocation(typed: Typed) -> list[tuple[str, str]]:
    configuration = revocation_form.configuration_of(typed)
    crl, ocsp = configuration["CrlConfiguration"], configuration["OcspConfiguration"]
    values = [(label_of("crl"), "Enabled" if crl["Enabled"] else "Disabled")]
    if crl["Enabled"]:
        new = " (will be created)" if typed.get("choice") == "new" else ""
        values += [
            (label_of("bucket"), crl["S3BucketName"] + new),
            (label_of("cname"), crl.get("CustomCname", "None")),
            (label_of("days"), f"{crl['ExpirationInDays']} days"),
            (label_of("path"), crl.get("CustomPath", "crl")),
            (label_of("acl"), revocation_form.ACLS.get(crl["S3ObjectAcl"], crl["S3ObjectAcl"])),
            (label_of("partitioned"), "Yes" if crl.get("CrlType") else "No"),
            (label_of("omit"), "Yes" if typed.get("omit") else "No"),
        ]
    values += [(label_of("ocsp"), "Enabled" if ocsp["Enabled"] else "Disabled")]
    if ocsp.get("OcspCustomCname"):
        values += [(label_of("ocsp_cname"), ocsp["OcspCustomCname"])]
    return values


def commands(draft: WizardDraft, draft_id: str) -> tuple[str, ...]:
    """The commands of the AWS CLI that create the same CA; none without a subject, because they would fail."""
    if not draft.typed("subject"):
        return ()
    create = command(
        "CreateCertificateAuthority", wizard_draft.create_request(draft) | {"IdempotencyToken": token(draft_id)}
    )
    permission = wizard_draft.permission_request(draft, "$CA_ARN")
    if permission is None:
        return (create,)
    del permission["CertificateAuthorityArn"]
    arn = '--certificate-authority-arn "$CA_ARN"  # as printed by the first command'
    return (create, command("CreatePermission", permission, arn))
