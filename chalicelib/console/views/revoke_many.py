"""Revoking several certificates: those chosen in a list, or the first that match its filters.

Each is revoked by RevokeCertificate, with an audit record of its own. Certificates revoked before stay as they are, so
the form may be sent again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api import dispatch, signet_endpoints
from chalicelib.ca import find
from chalicelib.console import render, severity
from chalicelib.console.forms import certificate_filters
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.parts import authority_page, certificate_rows
from chalicelib.console.views import certificate
from chalicelib.operations import listing, search
from chalicelib.store.listing_queries import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.parts.certificate_rows import CertificateRow
    from chalicelib.console.web import Visit
    from chalicelib.operations.listing_question import Question
    from chalicelib.operations.search import Match

SECTION = "certificates"
MOST = 50  # certificates in a form
_CHOSEN = re.compile(rf"c\.({arns.UUID})\.([0-9a-f]{{32}})", re.ASCII)
_NOT_ALLOWED = "You may not revoke certificates of this CA."
_NOT_TRIED = "Not tried, because an earlier one failed."


class Result(NamedTuple):
    """The outcome for a certificate.

    Attributes:
        word: a badge: tone, icon and word.
        text: why it is not revoked; empty if it is.
    """

    ca_id: str
    serial: str
    word: tuple[str, str, str]
    text: str = ""


_REVOKED, _BEFORE, _FAILED = (severity.REVOCATION[name] for name in ("done", "before", "failed"))


def preview(visit: Visit) -> WireResponse:
    """Show the certificates to revoke, those that cannot be revoked, and the form."""
    filters = certificate_filters.read(visit.query, _ca_id(visit))
    more = False
    if "all" in visit.query and not filters.problems:
        matches, more = _matching(visit, filters.question)
    else:
        matches = _records(visit, _chosen(visit, visit.query))
    rows = certificate_rows.with_names(visit.rt, certificate_rows.rows(matches))
    reasons = {(row.ca_id, row.serial): _why_not(visit, row) for row in rows}
    return render.page(
        visit,
        "revoke_many.html",
        title="Revoke certificates",
        section=SECTION,
        status=422 if filters.problems else 200,
        rows=[row for row in rows if not reasons[row.ca_id, row.serial]],
        refused=[(row, reason) for row in rows if (reason := reasons[row.ca_id, row.serial])],
        more=more,
        most=MOST,
        reasons=certificate.REASONS,
        listed=_path(visit),
        asked=f"?{urlencode(filters.typed)}" if filters.typed else "",
    )


def revoke(visit: Visit) -> WireResponse:
    """Revoke the certificates that the form names, and show the outcome for each."""
    reason = visit.form.get("reason")
    if reason not in certificate.REASONS:
        raise errors.ValidationException("Choose a reason.")
    results = _revoke_each(visit, _chosen(visit, visit.form.fields), reason)
    left = [result for result in results if result.word == _FAILED]
    return render.page(
        visit,
        "revoked_many.html",
        title="Certificates revoked" if not left else "Not all certificates are revoked",
        section=SECTION,
        results=results,
        left=left,
        number=len(results) - len(left),
        reason=reason,
        listed=_path(visit),
    )


def _ca_id(visit: Visit) -> str:
    """The id of the CA of the list; empty for that of the account."""
    return visit.authority.ca_id if visit.authority else ""


def _path(visit: Visit) -> str:
    """The path of the list."""
    return authority_page.address(visit.ca.ca_id, "certificates") if visit.authority else "certificates"


def _chosen(visit: Visit, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """The CA's id and the serial number of each certificate that is chosen in the list.

    Raises:
        ValidationException: there are too many.
    """
    chosen = [(match[1], match[2]) for name in fields if (match := _CHOSEN.fullmatch(name))]
    chosen = [(ca_id, serial) for ca_id, serial in chosen if _ca_id(visit) in {"", ca_id}]
    if len(chosen) > MOST:
        raise errors.ValidationException(f"A form can revoke at most {MOST} certificates.")
    return chosen


def _matching(visit: Visit, question: Question) -> tuple[list[Match], bool]:
    """The first certificates of a list that are not revoked or expired, and whether there are more."""
    caller = signet_endpoints.acting(visit.rt, visit.caller, "SearchCertificates")
    wanted = replace(question, state=question.state or "ISSUED")
    listed = list(listing.everything(visit.rt, caller, wanted, most=MOST + 1))
    return listed[:MOST], len(listed) > MOST


def _records(visit: Visit, chosen: Iterable[tuple[str, str]]) -> list[Match]:
    """The certificates that were chosen and that the visitor may see."""
    seen = [(ca_id, serial) for ca_id, serial in chosen if visit.may(f"cas/{ca_id}/certificates/{serial}")]
    ca_arns = [_arn(visit, ca_id) for ca_id, _ in seen]
    records = visit.rt.store.get_certificates([Entry("", ca_id, serial, "") for ca_id, serial in seen], ca_arns)
    return [search.shown(record, visit.rt.now()) for record in records if record is not None]


def _arn(visit: Visit, ca_id: str) -> str:
    return find.arn_of(visit.rt, visit.caller.account_id, ca_id)


def _why_not(visit: Visit, row: CertificateRow) -> str:
    """The reason why a certificate cannot be revoked; empty if it can."""
    record = row.certificate.record
    if not visit.may(f"cas/{row.ca_id}/certificates/{row.serial}/revoke", "POST"):
        return _NOT_ALLOWED
    ca = visit.rt.store.get_certificate_authority(record.ca_arn, cached=True)
    return "Its CA is gone." if ca is None else certificate.why_final(ca, record, visit.rt.now())


def _revoke_each(visit: Visit, chosen: Iterable[tuple[str, str]], reason: str) -> list[Result]:
    """Revoke one after the other; an outage ends it, and the rest can be tried again."""
    results, is_out = list[Result](), ""
    for ca_id, serial in chosen:
        word, text, ca_arn = (_FAILED, is_out, "") if is_out else (_REVOKED, "", _arn(visit, ca_id))
        try:
            if not is_out:
                request = {"CertificateAuthorityArn": ca_arn, "CertificateSerial": serial}
                visit.client.call("RevokeCertificate", **request, RevocationReason=reason)
        except errors.RequestAlreadyProcessedException as error:  # it may have expired instead
            record = visit.rt.store.get_certificate(ca_arn, int(serial, 16))
            is_revoked = record is not None and record.revoked_at is not None
            word, text = (_BEFORE, "") if is_revoked else (_FAILED, reason_of(error))
        except errors.ApiError as error:
            word, text = _FAILED, reason_of(error)
        except Exception as error:  # noqa: BLE001  an outage, as on every page
            word, text = _FAILED, dispatch.outage(error, "").message
            is_out = _NOT_TRIED
        results.append(Result(ca_id, serial, word, text))
    return results
