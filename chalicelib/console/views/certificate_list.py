"""Lists of certificates, of the account and of one CA: searched, filtered, sorted and counted, page by page.

The address holds the whole question, so that it can be kept, and the browser's back button works.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from chalicelib import errors
from chalicelib.api import signet_endpoints
from chalicelib.api.base_url import base_url
from chalicelib.ca import state as ca_state
from chalicelib.console import render
from chalicelib.console.commands import command
from chalicelib.console.forms import certificate_filters
from chalicelib.console.forms.certificate_filters import PERIODS
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.parts import authority_page, authority_rows, certificate_rows, sorting
from chalicelib.console.views import certificate_export
from chalicelib.operations import listing, lookup
from chalicelib.operations.listing import Count
from chalicelib.operations.listing_question import NEWEST_FIRST
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.certificate_filters import Filters
    from chalicelib.console.web import Visit
    from chalicelib.operations.listing import Listed
    from chalicelib.records import CertificateAuthority

SECTION = "certificates"
PAGE, CAS = 25, 20
MOST_CHOICES = 100  # of CAs in the form
_MORE = (
    "template",
    "requested_by",
    *(f"{period}_{end}" for period in PERIODS for end in ("from", "to")),
)  # folded filters
_NOTHING = listing.Listed(matches=(), count=Count(0), order=NEWEST_FIRST)
# The parameter of the API's search for each field that has one.
_PARAMETERS = {
    "state": "state",
    "template": "template",
    "issued_from": "issuedAfter",
    "expires_from": "expiresAfter",
}
COLUMNS: sorting.Columns = {
    "name": ("Name", "name", "-name"),
    "issued": ("Issued", "-issued", "issued"),
    "expires": ("Expires", "expires", "-expires"),
}
_EXPORTS = {"csv": "CSV", "json": "JSON"}
ORDERS = {
    "-issued": "the newest first",
    "issued": "the oldest first",
    "expires": "the next to expire first",
    "-expires": "the last to expire first",
    "name": "by name, A to Z",
    "-name": "by name, Z to A",
    "-revoked": "the last revocation first",
    "revoked": "the first revocation first",
}


def list_of_account(visit: Visit) -> WireResponse:
    """The certificates of all CAs of the account, and the CAs that other accounts share."""
    of_others = visit.query.get("shared")
    filters = certificate_filters.read(visit.query)
    values = _listed(visit, "certificates", filters)
    is_first = not filters.typed and not visit.query.get("page")
    others, others_token = (
        authority_rows.list_of_other_accounts(visit.client, of_others, CAS) if of_others or is_first else ([], None)
    )
    cas = visit.rt.store.list_certificate_authorities(visit.caller.account_id, limit=MOST_CHOICES + 1)
    return render.page(
        visit,
        "certificates.html",
        title="Certificates",
        section=SECTION,
        status=422 if values["problems"] else 200,
        commands=(command("ListCertificateAuthorities"),),
        choices=[] if len(cas) > MOST_CHOICES else sorted(map(_choice, cas), key=lambda choice: choice[1].casefold()),
        others=others,
        others_token=others_token,
        **values,
    )


def _choice(ca: CertificateAuthority) -> tuple[str, str]:
    return ca.arn.rsplit("/", 1)[1], ca_state.name_of(ca)


def list_of_authority(visit: Visit) -> WireResponse:
    """The certificates of one CA."""
    arn, ca_id = visit.ca.arn, visit.ca.ca_id
    filters = certificate_filters.read({**visit.query, "of": ""}, ca_id)
    status = visit.ca.described["Status"]
    values = _listed(visit, authority_page.address(ca_id, "certificates"), filters)
    return authority_page.show(
        visit,
        "authority_certificates.html",
        "certificates",
        commands=(_command(visit, filters), command("CreateCertificateAuthorityAuditReport", _report(arn))),
        issues=status == "ACTIVE" and visit.may(authority_page.address(ca_id, "issue")),
        choices=[],
        **values,
    )


def _listed(visit: Visit, path: str, filters: Filters) -> dict[str, Any]:
    """The values of `certificate_list.html`."""
    caller = signet_endpoints.acting(visit.rt, visit.caller, "SearchCertificates")
    token, listed, problems = visit.query.get("page", ""), _NOTHING, filters.problems
    if not problems:
        try:
            listed = listing.certificates(visit.rt, caller, filters.question, token, limit=PAGE)
        except errors.ValidationException as error:
            if error.member != ("Text",):
                raise
            problems = {"q": reason_of(error)}
        except errors.ResourceNotFoundException:
            if visit.authority is not None:
                raise
            problems = {"of" if "of" in filters.typed else "q": "There is no such CA."}
    here = visit.link(path)
    rows = certificate_rows.with_names(visit.rt, certificate_rows.rows(listed.matches))
    return {
        "here": here,
        "typed": filters.typed,
        "problems": problems,
        "of_ca": filters.question.ca_id if path != "certificates" else "",
        "states": [(name, label) for name, (_, _, label) in certificate_rows.STATES.items()],
        "templates": [(name, name) for name in sorted(TEMPLATES)],
        "more": not filters.typed.keys().isdisjoint(_MORE),
        "rows": rows,
        "revocable": {row.serial for row in rows if row.certificate.state == "ISSUED" and _may_revoke(visit, row)},
        "path": path,
        "exports": [(label, urlencode({**filters.typed, "format": kind})) for kind, label in _EXPORTS.items()],
        "export_most": certificate_export.MOST,
        "revoke_all": urlencode({**filters.typed, "all": "1"}),
        "listed": listed,
        "is_filtered": bool(filters.typed.keys() - {"sort"}),
        "summary": _summary(listed, filters),
        "columns": sorting.headings(here, filters.typed, listed.order, COLUMNS),
        "pages": _pages(here, filters, listed, token),
    }


def _summary(listed: Listed, filters: Filters) -> str:
    """The count in words, and the reason if the list has another order than the chosen one."""
    word = {"=": "", ">": "more than ", "<": "at most "}[listed.count.sign]
    noun = "certificate" if listed.count == (1, "=") else "certificates"
    said = f"{word}{listed.count.number:,} {noun}, {ORDERS[listed.order]}"
    if listed.order != filters.question.order:
        said += ": the list is too long for another order, unless filters shorten it"
    return said[0].upper() + said[1:]


def _may_revoke(visit: Visit, row: certificate_rows.CertificateRow) -> bool:
    return visit.may(f"cas/{row.ca_id}/certificates/{row.serial}/revoke", "POST")


def _pages(here: str, filters: Filters, listed: Listed, token: str) -> list[tuple[str, str, str]]:
    places = (
        ("first", "First page", token),
        ("prev", "Previous page", listed.previous),
        ("next", "Next page", listed.following),
        ("last", "Last page", listed.last),
    )
    return sorting.pages(here, filters.typed, places)


def _command(visit: Visit, filters: Filters) -> str:
    """A curl command for the search, which the AWS CLI does not have; AWS has only the report of all certificates."""
    texts = {_PARAMETERS[name]: value for name, value in filters.typed.items() if name in _PARAMETERS}
    texts |= _name_or_serial(filters.question.text) if not filters.problems.get("q") else {}
    texts |= {
        name: f"{value}T00:00:00Z" for name, value in texts.items() if name.endswith("After") and len(value) == 10
    }
    # Curl signs a query as it is written: in any other order, or with + for a space, it would be refused.
    query = f"?{urlencode(sorted(texts.items()), quote_via=quote)}" if texts else ""
    address = f"{base_url(visit.request)}/certificate-authorities/{visit.ca.ca_id}/certificates{query}"
    signed = f"--aws-sigv4 aws:amz:{visit.rt.settings.region}:acm-pca"
    key = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    return " \\\n  ".join((f"curl {signed}", key, shlex.quote(address)))


def _name_or_serial(text: str) -> dict[str, str]:
    """The parameter of the API's search that comes nearest to a text; endings have none."""
    looked_for = lookup.Lookup()
    with suppress(ValueError):
        looked_for = lookup.read(text)
    if looked_for.is_whole_serial:
        return {"serial": looked_for.serial}
    if not text or not looked_for.spans or looked_for.ending:
        return {}
    kind = "san" if "." in text else "subject"
    span = next((span for span in looked_for.spans if span.kind == kind), looked_for.spans[0])
    return {span.kind: span.first + ("" if span.whole else "*")}


def _report(arn: str) -> dict[str, str]:
    return {"CertificateAuthorityArn": arn, "S3BucketName": "my-reports", "AuditReportResponseFormat": "CSV"}
