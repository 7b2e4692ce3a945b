"""The certificates of a CA by what is in them: which CA, the form, and the pages of what is found.

All is a query of an address, so that the way back of a browser leads back.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api import signet_endpoints
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.parts import authority_rows
from chalicelib.console.views.wizard import own_arn
from chalicelib.operations import search
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.operations.search import Found

SECTION = "certificates"
PAGE, CAS = 25, 20
EXAMINED = 300  # for a page: whoever waits for it wants to see something soon
# Each field: the parameter of the API's search that it is, and what makes a day a time.
FIELDS: dict[str, tuple[str, str]] = {
    "subject": ("subject", ""),
    "san": ("san", ""),
    "serial": ("serial", ""),
    "state": ("state", ""),
    "template": ("template", ""),
    "expires_from": ("expiresAfter", "T00:00:00Z"),
    "expires_to": ("expiresBefore", "T23:59:59Z"),
}
STATES = {
    "ISSUED": ("good", "●", "Issued"),
    "REVOKED": ("bad", "✕", "Revoked"),
    "EXPIRED": ("muted", "◌", "Expired"),
    "PENDING": ("warn", "◐", "Being issued"),
    "FAILED": ("bad", "✕", "Failed"),
}


class CertificateRow(NamedTuple):
    """A certificate in a list."""

    found: Found
    serial: str
    template: str
    state: tuple[str, str, str]


def choose_authority(visit: Visit) -> WireResponse:
    """Whose certificates; where there is one CA alone, its own."""
    token, of_others = visit.query.get("next"), "shared" in visit.query
    given: dict[str, Any] = {"MaxResults": CAS} | ({"NextToken": token} if token else {})
    answer = {} if of_others else visit.call("ListCertificateAuthorities", **given)
    found, following = answer.get("CertificateAuthorities", []), answer.get("NextToken")
    shared, shared_following = ([], None) if token else authority_rows.list_shared(visit, CAS)
    asked = urlencode(_typed(visit))
    rows = authority_rows.rows(visit, found)
    first = not token and not of_others
    if first and len(rows + shared) == 1 and not following and not shared_following:
        return web.redirect(visit, _path((rows + shared)[0].ca_id, asked))
    return render.page(
        visit,
        "certificates_of.html",
        title="Certificates",
        section=SECTION,
        commands=(command("ListCertificateAuthorities"),),
        rows=rows,
        path=lambda ca_id: _path(ca_id, asked),
        next_token=following,
        first=first,
        asked=asked,
        shared=shared,
        shared_token=shared_following,
    )


def _path(ca_id: str, query: str) -> str:
    return f"cas/{ca_id}/certificates" + (f"?{query}" if query else "")


def list_certificates(visit: Visit) -> WireResponse:
    """The form, and a page of what it finds."""
    arn, typed = own_arn(visit), _typed(visit)
    caller = signet_endpoints.acting(visit.rt, visit.caller, "ListCertificateAuthorities")
    ca = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)["CertificateAuthority"]
    given, problems = _read(typed)
    found: list[Found] = []
    following = None
    if not problems:
        token, filters = visit.query.get("next"), signet_endpoints.filters_of(given)
        found, following = search.search_certificates(
            visit.rt, caller, arn, filters, limit=PAGE, token=token, most_examined=EXAMINED
        )
    return render.page(
        visit,
        "certificates.html",
        title="Certificates",
        section=SECTION,
        status=422 if problems else 200,
        commands=(_command(visit, given), command("CreateCertificateAuthorityAuditReport", _report(arn))),
        ca_id=visit.named["ca_id"],
        name=authority_rows.common_name(ca),
        issues=ca["Status"] == "ACTIVE",
        typed=typed,
        problems=problems,
        states=STATES,
        templates=sorted(TEMPLATES),
        rows=rows(found),
        following=urlencode(typed | {"next": following}) if following else "",
        first="next" not in visit.query,
        again=urlencode(typed),
    )


def rows(found: Iterable[Found]) -> list[CertificateRow]:
    """Certificates as lists show them."""
    return [
        CertificateRow(
            each,
            arns.serial_hex(each.record.serial_number),
            arns.parse_template_arn(each.record.template_arn).name,
            STATES[each.state],
        )
        for each in found
    ]


def _typed(visit: Visit) -> dict[str, str]:
    return {name: visit.query[name].strip() for name in FIELDS if visit.query.get(name, "").strip()}


def _read(typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters of the search, and what is wrong with fields."""
    given: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in typed.items():
        parameter, time = FIELDS[name]
        try:
            given[parameter] = signet_endpoints.read_parameter(parameter, value + time)
        except errors.ValidationException as error:
            problems[name] = "It must be a date." if time else error.message.replace(f"The parameter '{name}'", "It")
    return given, problems


def _command(visit: Visit, given: Mapping[str, Any]) -> str:
    """The AWS CLI has no search; curl signs the request of ours. What AWS has is a report of all certificates."""
    texts = {name: value if isinstance(value, str) else _text(value) for name, value in given.items()}
    # Curl signs a query as it is written: in any other order, or with + for a space, it would be refused.
    query = f"?{urlencode(sorted(texts.items()), quote_via=quote)}" if texts else ""
    scheme = "https" if web.secure(visit) else "http"
    api = f"{scheme}://{visit.request.header('host')}{visit.request.path.partition('/console')[0]}"
    address = f"{api}/certificate-authorities/{visit.named['ca_id']}/certificates{query}"
    signed = f"--aws-sigv4 aws:amz:{visit.rt.settings.region}:acm-pca"
    key = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    return " \\\n  ".join((f"curl {signed}", key, shlex.quote(address)))


def _report(arn: str) -> dict[str, str]:
    return {"CertificateAuthorityArn": arn, "S3BucketName": "my-reports", "AuditReportResponseFormat": "CSV"}


def _text(value: Any) -> str:
    return f"{value:x}" if isinstance(value, int) else f"{value:%Y-%m-%dT%H:%M:%SZ}"
