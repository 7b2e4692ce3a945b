"""Notes that a page shows once, after something was done: the session holds them for the page that comes next.

They are not in the address, because whoever follows or reloads it later would read something untrue.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.console import sessions, web
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

NOTES = {
    "installed": "The certificate is installed. This certificate authority can issue certificates now.",
    "installed_before": "This certificate authority has a certificate. To replace it, renew it.",
    "renewed": "The certificate is renewed. The former one is below.",
    "installed_only": "The certificate is installed. Enable this certificate authority to issue certificates.",
    "disabled": "The certificate authority is disabled: it issues nothing until you enable it again.",
    "enabled": "The certificate authority is enabled.",
    "deleted": "The certificate authority is deleted.",
    "restored": "The certificate authority is restored, with the status that it had before.",
    "revocation": "The revocation settings are saved.",
    "published": "The CRL is due now: the next run of the schedule publishes it, within a minute.",
    "tagged": "The tag is saved.",
    "untagged": "The tag is removed.",
    "permitted": "The permission is granted.",
    "forbidden": "The permission is withdrawn.",
    "shared": "The resource policy is saved.",
    "unshared": "The resource policy is removed.",
    "requested": "The audit report is requested. It will be ready in about a minute.",
    "issued": "The certificate is issued.",
    "issued_beside": "The certificate is issued. The one that it replaces could not be revoked: revoke it on its page.",
    "revoked": "The certificate is revoked. You can see below when the CRL and OCSP show it.",
    "preset_saved": "The preset is saved.",
    "preset_deleted": "The preset is removed: requests that name it are refused.",
    "feed_revoked": "The feed is revoked: its address no longer works.",
    "principal_created": "The principal is created. Give it an access key.",
    "principal_deleted": "The principal and its access keys are deleted.",
    "policy_saved": "The policy is saved. Every process acts by it within 5 seconds.",
    "policy_removed": "The policy is removed. Every process acts by that within 5 seconds.",
    "key_activated": "The access key is active again.",
    "key_deactivated": "The access key is deactivated: requests that are signed with it are refused.",
    "key_deleted": "The access key is deleted.",
    "directory_created": "The ACME directory is created. Give a client an external account binding.",
    "directory_open": "The ACME directory is created.",
    "directory_changed": "The ACME directory is changed.",
    "directory_deleted": "The ACME directory and its bindings are deleted.",
    "authority_replaced": "The directory issues from this CA from now on.",
    "binding_revoked": "The binding is revoked: its accounts can order nothing more.",
    "account_revoked": "The account is revoked. Its certificates stay valid.",
    "account_revoked_wholly": "The account and its certificates are revoked.",
    "account_revoked_partly": "The account is revoked, but not all of its certificates: revoke the rest in their list.",
    "revoked_there": "The certificate is revoked.",
}


def done(visit: Visit, path: str, note: str) -> WireResponse:
    """Go on to a page by GET, which shows a note of what was done.

    Args:
        visit: the request that did it.
        path: of the page, behind `/console`, with its query if it has one.
        note: of `NOTES`.
    """
    _keep(visit, f"{path.partition('?')[0]} {note}")
    return web.redirect(visit, path)


def take(visit: Visit) -> str:
    """The note for this page; empty the next time."""
    path, _, note = visit.session.note.partition(" ") if visit.session else ("", "", "")
    if not note or path != "/".join(visit.segments):
        return ""
    _keep(visit, "")
    return NOTES[note]


def _keep(visit: Visit, note: str) -> None:
    if visit.session is not None:
        with suppress(ConflictError):  # it was done, even if no note says so
            sessions.keep_note(visit.rt, visit.session, note)
