"""Searching the certificates of a CA: the choice of the CA, the form, and the pages of results.

The address holds the whole search, so that the browser's back button works.
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
from chalicelib.operations import search
from chalicelib.pki.issuing.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.operations.search import Match

SECTION = "certificates"
PAGE, CAS = 25, 20
EXAMINED = 300  # entries of the index for a page, so that it comes soon
# The parameter of the API's search for each field, and the time that a day is completed with.
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

    certificate: Match
    serial: str
    template: str
    state: tuple[str, str, str]


def choose_authority(visit: Visit) -> WireResponse:
    """The choice of the CA to search in; if there is only one, its certificates."""
    client, token, of_others = visit.client, visit.query.get("next"), visit.query.get("shared")
    rows, following = ([], None) if of_others else authority_rows.list_of_account(client, token, CAS)
    others, others_following = ([], None) if token else authority_rows.list_of_other_accounts(client, of_others, CAS)
    asked = urlencode(_typed(visit.query))
    is_first = not token and not of_others
    if is_first and len(rows + others) == 1 and not following and not others_following:
        return web.redirect(visit, _path((rows + others)[0].ca_id, asked))
    return render.page(
        visit,
        "certificates_of.html",
        title="Certificates",
        section=SECTION,
        commands=(command("ListCertificateAuthorities"),),
        rows=rows,
        path=lambda ca_id: _path(ca_id, asked),
        next_token=following,
        first=is_first,
        asked=asked,
        others=others,
        others_token=others_following,
    )


def _path(ca_id: str, query: str) -> str:
    return f"cas/{ca_id}/certificates" + (f"?{query}" if query else "")


def list_certificates(visit: Visit) -> WireResponse:
    """The form, and a page of its results."""
    arn, typed = visit.ca.arn, _typed(visit.query)
    caller = signet_endpoints.acting(visit.rt, visit.caller, "SearchCertificates")
    ca = visit.ca.described
    parameters, problems = _read(typed)
    matches: list[Match] = []
    following = None
    if not problems:
        token, filters = visit.query.get("next"), signet_endpoints.filters_of(parameters)
        matches, following = search.search_certificates(
            visit.rt, caller, arn, filters, limit=PAGE, token=token, most_examined=EXAMINED
        )
    return render.page(
        visit,
        "certificates.html",
        title="Certificates",
        section=SECTION,
        status=422 if problems else 200,
        commands=(_command(visit, parameters), command("CreateCertificateAuthorityAuditReport", _report(arn))),
        ca_id=visit.ca.ca_id,
        name=authority_rows.common_name(ca),
        issues=ca["Status"] == "ACTIVE",
        typed=typed,
        problems=problems,
        states=STATES,
        templates=sorted(TEMPLATES),
        rows=rows(matches),
        following=urlencode(typed | {"next": following}) if following else "",
        first="next" not in visit.query,
        again=urlencode(typed),
    )


def rows(certificates: Iterable[Match]) -> list[CertificateRow]:
    """Certificates as lists show them."""
    return [
        CertificateRow(
            certificate,
            arns.serial_hex(certificate.record.serial_number),
            arns.parse_template_arn(certificate.record.template_arn).name,
            STATES[certificate.state],
        )
        for certificate in certificates
    ]


def _typed(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}


def _read(typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters of the search, and the problems of its fields."""
    parameters: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in typed.items():
        parameter, time = FIELDS[name]
        try:
            parameters[parameter] = signet_endpoints.read_parameter(parameter, value + time)
        except errors.ValidationException as error:
            problems[name] = "It must be a date." if time else error.reason
    return parameters, problems


def _command(visit: Visit, parameters: Mapping[str, Any]) -> str:
    """A curl command for the search, which the AWS CLI does not have; AWS has only the report of all certificates."""
    texts = {name: value if isinstance(value, str) else _text(value) for name, value in parameters.items()}
    # Curl signs a query as it is written: in any other order, or with + for a space, it would be refused.
    query = f"?{urlencode(sorted(texts.items()), quote_via=quote)}" if texts else ""
    scheme = "https" if web.secure(visit.request) else "http"
    api = f"{scheme}://{visit.request.header('host')}{visit.request.path.partition('/console')[0]}"
    address = f"{api}/certificate-authorities/{visit.ca.ca_id}/certificates{query}"
    signed = f"--aws-sigv4 aws:amz:{visit.rt.settings.region}:acm-pca"
    key = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    return " \\\n  ".join((f"curl {signed}", key, shlex.quote(address)))


def _report(arn: str) -> dict[str, str]:
    return {"CertificateAuthorityArn": arn, "S3BucketName": "my-reports", "AuditReportResponseFormat": "CSV"}


def _text(value: Any) -> str:
    return f"{value:x}" if isinstance(value, int) else f"{value:%Y-%m-%dT%H:%M:%SZ}"
