"""A CA switched off and on, deleted, and restored."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page, lifecycle
from chalicelib.console.views.wizard import own_arn
from chalicelib.operations import search

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_COUNTED = 20
_DEFAULT_DAYS = "30"


def disable(visit: Visit) -> WireResponse:
    """Let the CA issue nothing any more."""
    visit.call("UpdateCertificateAuthority", CertificateAuthorityArn=own_arn(visit), Status="DISABLED")
    return authority_page.done(visit, "", "disabled")


def enable(visit: Visit) -> WireResponse:
    """Let it issue again."""
    visit.call("UpdateCertificateAuthority", CertificateAuthorityArn=own_arn(visit), Status="ACTIVE")
    return authority_page.done(visit, "", "enabled")


def restore(visit: Visit) -> WireResponse:
    """Bring a deleted CA back."""
    visit.call("RestoreCertificateAuthority", CertificateAuthorityArn=own_arn(visit))
    return authority_page.done(visit, "", "restored")


def confirm_deletion(visit: Visit) -> WireResponse:
    """What deleting will do, before it is done."""
    return _confirmation(visit, {})


def _confirmation(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca, now = authority_page.describe(visit), visit.rt.now()
    request = {"CertificateAuthorityArn": ca["Arn"]}
    days = range(lifecycle.FIRST_DAY, lifecycle.LAST_DAY + 1)
    valid = search.Filters(state="ISSUED", expires_after=now)
    found, _ = search.search_certificates(visit.rt, visit.caller, ca["Arn"], valid, limit=_COUNTED)
    return authority_page.show(
        visit,
        "authority_delete.html",
        "",
        ca=ca,
        problems=problems,
        commands=(
            command("DeleteCertificateAuthority", request | {"PermanentDeletionTimeInDays": int(_DEFAULT_DAYS)}),
        ),
        actions=lifecycle.actions_of(ca["Status"]),
        consequences=lifecycle.CONSEQUENCES.get(ca["Status"], ()),
        at_once=ca["Status"] in lifecycle.AT_ONCE,
        windows=[(str(each), now + timedelta(days=each)) for each in days],
        chosen=visit.form.get("days") or _DEFAULT_DAYS,
        valid=len(found),
        counted=_COUNTED,
    )


def delete(visit: Visit) -> WireResponse:
    """Delete the CA; of one that never came to be, nothing is left to show."""
    days = visit.form.get("days") or _DEFAULT_DAYS
    window = int(days) if re.fullmatch("[0-9]{1,4}", days, re.ASCII) else 0
    at_once = authority_page.describe(visit)["Status"] in lifecycle.AT_ONCE
    try:
        visit.call(
            "DeleteCertificateAuthority", CertificateAuthorityArn=own_arn(visit), PermanentDeletionTimeInDays=window
        )
    except errors.ApiError as error:
        return _confirmation(visit, {"days" if not lifecycle.is_window(window) else "": in_words(error.message)})
    return web.redirect(visit, "cas") if at_once else authority_page.done(visit, "", "deleted")
