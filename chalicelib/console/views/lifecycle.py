"""Disabling, enabling, deleting and restoring a CA."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page, lifecycle
from chalicelib.operations import search

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_COUNTED = 20
_DEFAULT_DAYS = "30"


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
    days = visit.form.get("window") or _DEFAULT_DAYS
    window = int(days) if re.fullmatch("[0-9]{1,4}", days, re.ASCII) else 0
    at_once = visit.ca.described["Status"] in lifecycle.AT_ONCE
    arn = visit.ca.arn
    try:
        visit.client.call("DeleteCertificateAuthority", CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=window)
    except errors.ApiError as error:
        return _confirmation(visit, problems_of(error))
    return web.redirect(visit, "cas") if at_once else authority_page.done(visit, "", "deleted")
