"""Issuing a certificate: the form, the CSR decoded, the preview of what would be signed, and then issuing just that.

What was previewed lives in the session under a random name, and nothing else can be issued: the name is the idempotency
token, so that a preview makes one certificate.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api import constraints, signet_endpoints
from chalicelib.console import render, sessions, web
from chalicelib.console.commands import command
from chalicelib.console.forms import issue_request, wizard_checks
from chalicelib.console.forms.refusals import in_words, violations
from chalicelib.console.parts import authority_rows, notes
from chalicelib.operations import explain
from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import csr, display
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.issue_request import Problems, Typed
    from chalicelib.console.web import Visit
    from chalicelib.pki.x509.display import Section

SECTION = "certificates"
SOURCES = {
    "TEMPLATE": "the template",
    "CA": "the CA",
    "API": "what is typed here",
    "CSR": "the CSR",
}


class _Extension(NamedTuple):
    section: Section
    source: str


def issue_form(visit: Visit) -> WireResponse:
    """The form; with a draft's name in the query, as it was filled in."""
    return _form(visit, _draft(visit, visit.query.get("draft", "")) or {}, {})


def show_csr(visit: Visit) -> WireResponse:
    """A CSR in words: a fragment of the form."""
    sections, problem = _decoded(visit.form.get("csr").encode("utf-8", "replace"))
    return render.page(visit, "issue_csr.html", title="", csr_sections=sections, problem=problem)


def _decoded(given: bytes) -> tuple[tuple[Section, ...], str]:
    """The CSR in words, or what is wrong with it."""
    try:
        return (display.of_csr(given), "") if given else ((), "")
    except PkiError as error:
        return (), str(error)


def preview(visit: Visit) -> WireResponse:
    """Keep what was typed if it can be issued, and show what that would be; otherwise the form says why not."""
    typed = issue_request.read(visit.form.fields)
    if uploaded := visit.form.files.get("csr_file"):
        typed["csr"] = _text(uploaded)
    problems = _too_long(typed) or issue_request.problems_of(typed) or _refusal(visit, typed)
    if problems:
        return _form(visit, typed, problems)
    name = secrets.token_hex(8)
    if visit.session is not None:
        draft = {"issue": dict(typed), "ca_id": visit.named["ca_id"]}
        sessions.change_draft(visit.rt, visit.session, name, lambda _: draft)
    return web.redirect(visit, f"cas/{visit.named['ca_id']}/issue/{name}")


def _text(uploaded: bytes) -> str:
    """A file with a CSR as PEM."""
    found = uploaded if b"-----BEGIN" in uploaded else pem.encode(uploaded, "CERTIFICATE REQUEST").encode()
    return found.decode("utf-8", "replace").strip()


def _too_long(typed: Typed) -> Problems:
    most = {"csr": csr.MAX_BYTES}
    over = ((name, most.get(name, wizard_checks.MOST_CHARACTERS)) for name in typed)
    return {name: f"This is longer than {limit} characters." for name, limit in over if len(typed[name]) > limit}


def _refusal(visit: Visit, typed: Typed) -> Problems:
    try:
        explained = _explained(visit, typed)
    except errors.ResourceNotFoundException:
        if visit.granted is None:
            raise
        return {"template": "The policy of this CA does not let your account issue with this template."}
    except errors.ValidationException as error:
        return {issue_request.field_of_member(typed, each.path): each.words for each in violations(error.message)}
    if explained["WouldIssue"]:
        return {}
    return {issue_request.field_of_refusal(typed, explained["Refusal"]): _told(explained["Refusal"])}


def _told(refusal: Mapping[str, str]) -> str:
    return f"{in_words(refusal['Message'])} ({refusal['Code']})"


def _explained(visit: Visit, typed: Typed) -> Any:
    caller = signet_endpoints.acting(visit.rt, visit.caller, "IssueCertificate")
    request: Any = _request(visit, typed)
    constraints.check("IssueCertificateRequest", request)
    return explain.explain(visit.rt, caller, request)


def _request(visit: Visit, typed: Typed) -> dict[str, Any]:
    arn = visit.ca_arn
    ca = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)["CertificateAuthority"]
    algorithm = ca["CertificateAuthorityConfiguration"]["SigningAlgorithm"]
    partition = arns.partition_of(visit.rt.settings.region)
    template_arn = str(arns.TemplateArn(partition, issue_request.template_of(typed)))
    return issue_request.request_of(typed, arn, algorithm, template_arn)


def _draft(visit: Visit, name: str) -> dict[str, str] | None:
    """What was previewed at this CA under a name; None where there is nothing."""
    return _kept(visit, name).get("issue")


def _kept(visit: Visit, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (visit.session.drafts if visit.session else {}).get(name, {})
    return found if found.get("ca_id") == visit.named["ca_id"] else {}


def show_preview(visit: Visit) -> WireResponse:
    """What would be signed now."""
    return _preview_page(visit, "")


def issue(visit: Visit) -> WireResponse:
    """Issue what was previewed; pressed twice, it is one certificate."""
    name = visit.named["draft"]
    typed = _draft(visit, name)
    if typed is None or "issued" in _kept(visit, name):
        return _preview_page(visit, "")
    token = hashlib.sha256(f"console/issue/{name}".encode()).hexdigest()[:36]
    try:
        issued = visit.call("IssueCertificate", **_request(visit, typed), IdempotencyToken=token)
    except errors.ApiError as error:
        return _preview_page(visit, _told({"Message": error.message, "Code": error.code}))
    serial = issued["CertificateArn"].rsplit("/", 1)[1]
    if visit.session is not None:
        sessions.change_draft(visit.rt, visit.session, name, lambda kept: kept | {"issued": serial})
    return notes.done(visit, _path(visit, serial), "issued")


def _path(visit: Visit, serial: str) -> str:
    return f"cas/{visit.named['ca_id']}/certificates/{serial}"


def _preview_page(visit: Visit, problem: str) -> WireResponse:
    name = visit.named["draft"]
    typed, issued = _draft(visit, name), _kept(visit, name).get("issued")
    if issued:
        return web.redirect(visit, _path(visit, issued))
    if typed is None:
        return web.redirect(visit, f"cas/{visit.named['ca_id']}/issue")
    explained = _explained(visit, typed)
    if not explained["WouldIssue"]:
        problem = _told(explained["Refusal"])
    plan, request = explained.get("Plan"), _request(visit, typed)
    sections, _ = _decoded(typed["csr"].encode())
    return render.page(
        visit,
        "issue_preview.html",
        title="Preview",
        section=SECTION,
        status=422 if problem else 200,
        commands=(command("IssueCertificate", request | {"Csr": "fileb://request.csr.pem"}),),
        ca_id=visit.named["ca_id"],
        name=_name(visit),
        draft=name,
        problem=problem,
        plan=plan,
        extensions=[_extension(each) for each in plan["Extensions"]] if plan else [],
        template_name=issue_request.template_of(typed),
        may_issue=explained.get("MayIssue", []) if visit.granted is None else [],  # the policy is told to its owner
        csr_sections=sections,
    )


def _extension(planned: Mapping[str, Any]) -> _Extension:
    encoded = base64.b64decode(planned["Value"])
    found = Extension(planned["ObjectIdentifier"], planned["Critical"], encoded)
    return _Extension(display.of_extension(found), SOURCES[planned["Source"]])


def _name(visit: Visit) -> str:
    ca = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=visit.ca_arn)["CertificateAuthority"]
    return authority_rows.common_name(ca)


def _may_use(visit: Visit, template: str) -> bool:
    return visit.granted is None or template in visit.granted.templates


def _form(visit: Visit, typed: Typed, problems: Problems) -> WireResponse:
    arn = visit.ca_arn
    ca = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)["CertificateAuthority"]
    defaults = issue_request.DEFAULTS | (
        issue_request.SHORT_LIVED if ca["UsageMode"] == "SHORT_LIVED_CERTIFICATE" else {}
    )
    sections, _ = _decoded(typed.get("csr", "").encode("utf-8", "replace"))
    request = {
        "CertificateAuthorityArn": arn,
        "Csr": "fileb://request.csr.pem",
        "SigningAlgorithm": ca["CertificateAuthorityConfiguration"]["SigningAlgorithm"],
        "Validity": {"Type": "DAYS", "Value": int(defaults["amount"])},
    }
    return render.page(
        visit,
        "issue.html",
        title="Issue a certificate",
        section=SECTION,
        status=422 if problems else 200,
        commands=(command("IssueCertificate", request),) if ca["Status"] == "ACTIVE" else (),
        ca=ca,
        ca_id=visit.named["ca_id"],
        name=authority_rows.common_name(ca),
        typed=typed or defaults,
        problems=problems,
        csr_sections=sections,
        plan=issue_request,
        common={name: said for name, said in issue_request.COMMON.items() if _may_use(visit, name)},
        groups={
            title: list(filter(partial(_may_use, visit), names)) for title, names in issue_request.groups().items()
        },
    )
