"""Disabling, enabling, deleting and restoring a CA."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import chains, iterate, state
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page, lifecycle
from chalicelib.console.parts.confirmation import Question
from chalicelib.operations import search

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.pki.paths import Link
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

_COUNTED = 20
_DISABLED = (
    "It issues nothing until you enable it again; you can do that at any time.",
    "Certificates that it has issued stay valid. CRLs and OCSP go on, and you can still revoke.",
)
_DEFAULT_DAYS = "30"


def confirm_disabling(visit: Visit) -> WireResponse:
    """Show what stops, and ask for confirmation."""
    base, rt, ca = authority_page.address(visit.ca.ca_id), visit.rt, visit.ca.record
    request = {"CertificateAuthorityArn": visit.ca.arn, "Status": "DISABLED"}
    question = Question(
        heading="Disable this certificate authority?",
        consequences=(*_DISABLED, *_stopped(rt, ca)),
        action=f"{base}/disable",
        button="Disable",
        back=base,
    )
    return authority_page.show(
        visit,
        "authority_question.html",
        "",
        commands=(command("UpdateCertificateAuthority", request),),
        question=question,
    )


def _stopped(rt: Runtime, ca: CertificateAuthority) -> Iterator[str]:
    """Yield sentences about what else a DISABLED CA stops, and what goes on."""
    path, now = chains.installed(ca), rt.now()
    others = iterate.of_account(rt, arns.parse_ca_arn(ca.arn).account_id)
    below = sum(1 for other in others if path and other.arn != ca.arn and _is_below(path[0], other, now))
    if below:
        what = "One active CA below it goes on issuing" if below == 1 else f"{below} active CAs below it go on issuing"
        yield f"{what}, and cannot be renewed by it."
    if ca.permissions:
        yield "ACM renews none of its certificates."
    if rt.store.get_policy(ca.arn) is not None:
        yield "Accounts that its resource policy names cannot issue with it."


def _is_below(certificate: Link, other: CertificateAuthority, now: datetime) -> bool:
    above = [link.identity for link in chains.installed(other)[1:]]
    return certificate.identity in above and state.status_of(other, now) == "ACTIVE"


def disable(visit: Visit) -> WireResponse:
    """Stop the CA from issuing."""
    visit.client.call("UpdateCertificateAuthority", CertificateAuthorityArn=visit.ca.arn, Status="DISABLED")
    return authority_page.done(visit, "", "disabled")


def enable(visit: Visit) -> WireResponse:
    """Let the CA issue again."""
    visit.client.call("UpdateCertificateAuthority", CertificateAuthorityArn=visit.ca.arn, Status="ACTIVE")
    return authority_page.done(visit, "", "enabled")


def restore(visit: Visit) -> WireResponse:
    """Bring a deleted CA back."""
    visit.client.call("RestoreCertificateAuthority", CertificateAuthorityArn=visit.ca.arn)
    return authority_page.done(visit, "", "restored")


def confirm_deletion(visit: Visit) -> WireResponse:
    """Show what the deletion will do, and ask for confirmation."""
    return _confirmation(visit, {})


def _confirmation(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca, now = visit.ca.described, visit.rt.now()
    days = range(lifecycle.FIRST_DAY, lifecycle.LAST_DAY + 1)
    request = {"CertificateAuthorityArn": visit.ca.arn, "PermanentDeletionTimeInDays": int(_DEFAULT_DAYS)}
    still_valid = search.Filters(state="ISSUED", expires_after=now)
    valid, _ = search.search_certificates(visit.rt, visit.caller, visit.ca.arn, still_valid, limit=_COUNTED)
    return authority_page.show(
        visit,
        "authority_delete.html",
        "",
        subtitle="Delete",
        problems=problems,
        commands=(command("DeleteCertificateAuthority", request),),
        actions=lifecycle.actions_of(ca["Status"]),
        consequences=lifecycle.CONSEQUENCES.get(ca["Status"], ()),
        at_once=ca["Status"] in lifecycle.AT_ONCE,
        windows=[(str(number), now + timedelta(days=number)) for number in days],
        chosen=visit.form.get("window") or _DEFAULT_DAYS,
        valid=len(valid),
        counted=_COUNTED,
    )


def delete(visit: Visit) -> WireResponse:
    """Delete the CA; one whose creation was never finished leaves no page behind."""
    days = visit.form.get("window")
    window = int(days) if re.fullmatch("[0-9]{1,4}", days, re.ASCII) else 0
    at_once = visit.ca.described["Status"] in lifecycle.AT_ONCE
    request: dict[str, Any] = {} if at_once else {"PermanentDeletionTimeInDays": window}
    try:
        visit.client.call("DeleteCertificateAuthority", CertificateAuthorityArn=visit.ca.arn, **request)
    except errors.ApiError as error:
        return _confirmation(visit, problems_of(error))
    return web.redirect(visit, "cas") if at_once else authority_page.done(visit, "", "deleted")
