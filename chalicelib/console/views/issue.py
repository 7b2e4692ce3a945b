"""Issuing a certificate: the form, the CSR decoded, the preview of the certificate, and issuing just that.

The session holds the preview under a random name, which is the idempotency token: a preview makes one certificate, and
nothing else can be issued.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import state
from chalicelib.console import drafts, render, web
from chalicelib.console.commands import command
from chalicelib.console.forms import issue_request
from chalicelib.console.forms.issue_request import IssueDraft
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.parts import authority_page, notes
from chalicelib.console.views import certificate_renewal
from chalicelib.operations import issuing_presets
from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import PkiError
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import display
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from chalicelib.api.client import Client
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Authority, Visit
    from chalicelib.identities import IssuingPreset
    from chalicelib.operations.explain import Explanation, PlannedCertificate, PlannedExtension
    from chalicelib.pki.x509.display import Section

SECTION = "certificates"
SOURCES = {
    "TEMPLATE": "the template",
    "CA": "the CA",
    "API": "this form",
    "CSR": "the CSR",
}
_NOT_SHARED = "The policy of this CA does not let your account issue with this template."


class _Extension(NamedTuple):
    section: Section
    source: str


# the form


def issue_form(visit: Visit) -> WireResponse:
    """The form: empty, as a draft in the query filled it in, or as the certificate to renew was issued."""
    if web.asks_for_commands(visit):
        return _form(visit, issue_request.read(web.Form(visit.query)), {})
    draft = _draft(visit, visit.query.get("draft", ""))
    renewed = certificate_renewal.of_serial(visit, visit.query.get("renews", ""))
    typed = (
        certificate_renewal.typed_of(renewed) if renewed else _typed_of(_preset(visit, visit.query.get("preset", "")))
    )
    return _form(visit, draft.typed if draft else typed, {})


def show_csr(visit: Visit) -> WireResponse:
    """A CSR decoded: a fragment of the form."""
    csr, problem = visit.form.get("csr"), ""
    try:
        display.of_csr(csr.encode("utf-8", "replace"))
    except PkiError as error:
        problem = f"The CSR is refused. {error.reason}" if csr else ""
    return render.page(visit, "issue_csr.html", title="", csr=csr, problem=problem)


def _offered(ca: Authority) -> frozenset[str]:
    """The names of the templates that the visitor may use and that the CA's certificate permits."""
    if ca.record.certificate_der is None:
        return ca.templates
    below, is_root = state.issuer_of(ca.record).path_length, ca.record.type == "ROOT"
    return frozenset(
        name for name in ca.templates if issue_request.is_possible(TEMPLATES[name], below, is_root=is_root)
    )


def _preset(visit: Visit, name: str) -> IssuingPreset | None:
    """The preset with a name, if the visitor may issue by its template."""
    preset = issuing_presets.named(visit.rt, visit.caller.account_id, name)
    return preset if preset and preset.template in _offered(visit.ca) else None


def _typed_of(preset: IssuingPreset | None) -> dict[str, str]:
    return {"issuing_preset": preset.name, "amount": str(preset.days), "unit": "DAYS"} if preset else {}


def _form(visit: Visit, typed: Typed, problems: Problems) -> WireResponse:
    ca, templates = visit.ca.described, _offered(visit.ca)
    is_short_lived = ca["UsageMode"] == "SHORT_LIVED_CERTIFICATE"
    defaults = issue_request.DEFAULTS | (issue_request.SHORT_LIVED if is_short_lived else {})
    preset = _preset(visit, typed.get("issuing_preset", ""))
    common = {name: row for name, row in issue_request.COMMON.items() if name in templates}
    if defaults["template"] not in common:
        defaults |= {"template": next(iter(common), issue_request.OTHER)}
    return render.page(
        visit,
        "issue.html",
        title="Issue a certificate",
        section=SECTION,
        status=422 if problems else 200,
        commands=(_command(visit.ca, defaults, typed),) if ca["Status"] == "ACTIVE" else (),
        ca=ca,
        ca_id=visit.ca.ca_id,
        name=visit.ca.name,
        typed=typed or defaults,
        renewed=certificate_renewal.of_serial(visit, typed.get("renews", "")),
        problems=problems,
        preset=preset,
        presets=[
            each for each in issuing_presets.of_account(visit.rt, visit.caller.account_id) if each.template in templates
        ],
        form=issue_request,
        common=common,
        groups={
            title: [name for name in names if name in templates] for title, names in issue_request.groups().items()
        },
    )


def _command(ca: Authority, defaults: Typed, typed: Typed) -> str:
    """The command for the form as it is filled in; a field with a problem has its default."""
    shown = issue_request.without_problems(typed, defaults)
    return command("IssueCertificate", _request(ca, {**shown, "csr": ""}) | {"Csr": "fileb://request.csr.pem"})


# the preview


def preview(visit: Visit) -> WireResponse:
    """Store the form if it can be issued, and show the certificate; otherwise show the form with its problems."""
    typed = issue_request.read(visit.form)
    problems = issue_request.problems_of(typed) or _refusal(visit.client, visit.ca, typed)
    if problems:
        return _form(visit, typed, problems)
    name = secrets.token_hex(8)
    _store(visit, name, IssueDraft(ca_id=visit.ca.ca_id, typed=typed))
    return web.redirect(visit, _address(visit.ca.ca_id, name))


def _address(ca_id: str, draft_id: str) -> str:
    return authority_page.address(ca_id, f"issue/{draft_id}")


def _refusal(client: Client, ca: Authority, typed: Typed) -> Problems:
    """The problems for which IssueCertificate would refuse the form."""
    field = "issuing_preset" if typed.get("issuing_preset") else "template"
    try:
        client.explain(**_request(ca, typed))
    except errors.ResourceNotFoundException:
        raise
    except errors.AccessDeniedException as error:
        return {field: error.message if ca.granted is None else _NOT_SHARED}
    except errors.ApiError as error:
        found = issue_request.beside_fields(typed, error)
        return {field if name == "template" else name: text for name, text in found.items()}
    return {}


def show_preview(visit: Visit) -> WireResponse:
    """The certificate that would be signed now."""
    draft = _draft(visit, visit.named["draft"])
    if draft is None:
        return web.redirect(visit, authority_page.address(visit.ca.ca_id, "issue"))
    if draft.issued:
        return web.redirect(visit, authority_page.address(visit.ca.ca_id, f"certificates/{draft.issued}"))
    return _preview_page(visit, draft)


def issue(visit: Visit) -> WireResponse:
    """Issue the certificate of the preview; a second press leads to the same certificate."""
    name = visit.named["draft"]
    draft = _draft(visit, name)
    if draft is None or draft.issued:
        return show_preview(visit)
    token = hashlib.sha256(f"console/issue/{name}".encode()).hexdigest()[:36]
    try:
        request = _request(visit.ca, draft.typed)
        arn = certificate_renewal.issue_instead(
            visit,
            draft.typed.get("renews", ""),
            lambda: visit.client.call("IssueCertificate", **request, IdempotencyToken=token)["CertificateArn"],
        )
    except errors.ApiError as error:
        return _preview_page(visit, draft, error)
    serial = arn.rsplit("/", 1)[1]
    is_revoked = certificate_renewal.supersede(visit, draft.typed)
    _store(visit, name, replace(draft, issued=serial))
    path = authority_page.address(visit.ca.ca_id, f"certificates/{serial}")
    return notes.done(visit, path, "issued" if is_revoked else "issued_beside")


def _preview_page(visit: Visit, draft: IssueDraft, error: errors.ApiError | None = None) -> WireResponse:
    request = _request(visit.ca, draft.typed)
    explanation: Explanation | None = None
    try:
        explanation = visit.client.explain(is_counted=error is not None, **request)
    except errors.ResourceNotFoundException:
        raise
    except errors.ApiError as refusal:
        error = refusal
    renewed = certificate_renewal.of_serial(visit, draft.typed.get("renews", ""))
    plan = explanation["Plan"] if explanation else None
    return render.page(
        visit,
        "issue_preview.html",
        title="Preview",
        section=SECTION,
        status=422 if error else 200,
        commands=(command("IssueCertificate", request | {"Csr": "fileb://request.csr.pem"}),),
        ca_id=visit.ca.ca_id,
        name=visit.ca.name,
        draft=visit.named["draft"],
        problem=f"{reason_of(error)} ({error.code})" if error else "",
        plan=plan,
        renewed=renewed,
        difference=certificate_renewal.difference(renewed, plan, draft.typed["csr"]) if renewed and plan else None,
        supersedes="supersede" in draft.typed,
        nameless=plan is not None and not plan["SubjectAlternativeNames"] and _is_for_servers(plan),
        extensions=[_extension(planned) for planned in explanation["Plan"]["Extensions"]] if explanation else [],
        template_name=plan["TemplateArn"].split("/")[1] if plan else issue_request.template_of(draft.typed),
        # The policy is shown to the owner alone.
        may_issue=explanation["MayIssue"] if explanation and visit.ca.granted is None else [],
        csr=draft.typed["csr"],
    )


def _is_for_servers(plan: PlannedCertificate) -> bool:
    server = der.oid(oids.SERVER_AUTH)
    return any(
        server in base64.b64decode(planned["Value"])
        for planned in plan["Extensions"]
        if planned["ObjectIdentifier"] == oids.EXTENDED_KEY_USAGE
    )


def _extension(planned: PlannedExtension) -> _Extension:
    encoded = base64.b64decode(planned["Value"])
    extension = Extension(planned["ObjectIdentifier"], planned["Critical"], encoded)
    return _Extension(display.of_extension(extension), SOURCES[planned["Source"]])


# the draft and its request


def _draft(visit: Visit, name: str) -> IssueDraft | None:
    """The preview with this name at this CA; None if there is none."""
    return issue_request.decode(drafts.find(visit.rt, visit.signed_in, name), visit.ca.ca_id)


def _store(visit: Visit, name: str, draft: IssueDraft) -> None:
    drafts.change(visit.rt, visit.signed_in, name, lambda _: issue_request.encode(draft))


def _request(ca: Authority, typed: Typed) -> dict[str, Any]:
    algorithm = ca.described["CertificateAuthorityConfiguration"]["SigningAlgorithm"]
    partition = arns.parse_ca_arn(ca.arn).partition
    template_arn = str(arns.TemplateArn(partition, issue_request.template_of(typed)))
    if typed.get("issuing_preset"):
        region, account_id = ca.rt.settings.region, ca.caller.account_id
        template_arn = str(arns.PresetArn(partition, region, account_id, typed["issuing_preset"]))
    return issue_request.request_of(typed, ca.arn, algorithm, template_arn)
