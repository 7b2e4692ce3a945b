"""The last step of the wizard: everything that was chosen, and the commands that would do the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.console.commands import command
from chalicelib.console.forms import revocation_form, wizard_draft

if TYPE_CHECKING:
    from chalicelib.console.forms.wizard_draft import Draft

_TYPES = {"ROOT": "Root", "SUBORDINATE": "Subordinate"}
_ACLS = {"PUBLIC_READ": "Everybody may read", "BUCKET_OWNER_FULL_CONTROL": "The bucket's owner decides"}


class Row(NamedTuple):
    """One value of the review, and the step that changes it."""

    step: str
    label: str
    value: str


def token(draft_id: str) -> str:
    """The idempotency token of a draft."""
    return f"console-{draft_id}"


def rows(draft: Draft) -> list[Row]:
    """Every value in the order of the steps."""
    kind = wizard_draft.step_of(draft, "type").get("type", "")
    key = wizard_draft.step_of(draft, "key").get("algorithm", "")
    subject = wizard_draft.step_of(draft, "subject")
    found = [Row("type", "CA type", _TYPES.get(kind, kind))]
    found += [Row("subject", label, subject[name]) for name, label in wizard_draft.SUBJECT.items() if name in subject]
    found += [Row("key", "Key algorithm", wizard_draft.KEYS.get(key, (key,))[0])]
    found += _revocation_rows(draft)
    tags = wizard_draft.tags_of(wizard_draft.step_of(draft, "tags"))
    found += [Row("tags", f"Tag {tag['Key']}", tag["Value"] or "(no value)") for tag in tags]
    if not tags:
        found.append(Row("tags", "Tags", "None"))
    renews = (
        "ACM may renew certificates of this CA" if wizard_draft.step_of(draft, "permission").get("acm") else "Not given"
    )
    return [*found, Row("permission", "Renewal permission", renews)]


def _revocation_rows(draft: Draft) -> list[Row]:
    typed = wizard_draft.step_of(draft, "revocation")
    chosen = revocation_form.configuration_of(typed)
    crl, ocsp = chosen["CrlConfiguration"], chosen["OcspConfiguration"]
    found = [("CRL distribution", "Enabled" if crl["Enabled"] else "Disabled")]
    if crl["Enabled"]:
        new = " (will be created)" if typed.get("choice") == "new" else ""
        found += [
            ("CRL bucket", crl["S3BucketName"] + new),
            ("Custom CRL name", crl.get("CustomCname", "None")),
            ("CRL validity", f"{crl['ExpirationInDays']} days"),
            ("CRL path", crl.get("CustomPath", "crl")),
            ("CRL access", _ACLS.get(crl["S3ObjectAcl"], crl["S3ObjectAcl"])),
            ("CRL kind", "Partitioned" if crl.get("CrlType") else "Complete"),
            ("CRL address in certificates", "Left out" if typed.get("omit") else "Given"),
        ]
    found += [("OCSP", "Enabled" if ocsp["Enabled"] else "Disabled")]
    if ocsp.get("OcspCustomCname"):
        found += [("Custom OCSP name", ocsp["OcspCustomCname"])]
    return [Row("revocation", label, value) for label, value in found]


def commands(draft: Draft, draft_id: str) -> tuple[str, ...]:
    """The commands of the AWS CLI that make the same CA; none before there is a subject, without which they fail."""
    if not wizard_draft.step_of(draft, "subject"):
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
