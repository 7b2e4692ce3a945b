"""The CSR of a CA, and installing its first certificate: pasted, or signed here by itself or by a CA above it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.ca import state
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms import pasted
from chalicelib.console.forms.refusals import problems_of, reason_of
from chalicelib.console.parts import authority_page, ca_signing, lifecycle, parents, signing_commands
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import csr

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

ROOT_YEARS, SUBORDINATE_YEARS, MOST_YEARS = "10", "3", 100
_DEPTHS = ("0", "1", "2", "3")  # of the templates for subordinate CAs
MOST_PARENTS = 100  # on a page
_CSR_FILE = "--output text > ca.csr"


def show_csr(visit: Visit) -> WireResponse:
    """The CSR, decoded, to be copied or downloaded, with commands of other CAs that sign it."""
    ca, arn = visit.ca.described, visit.ca.arn
    return authority_page.show(
        visit,
        "csr.html",
        "",
        commands=(command("GetCertificateAuthorityCsr", {"CertificateAuthorityArn": arn}, _CSR_FILE),),
        csr=ca_signing.csr_of(visit.client, arn),
        next_page="renew" if lifecycle.is_renewable(ca["Status"]) else "install",
        installable=lifecycle.is_installable(ca["Type"], ca["Status"]),
        signers=[] if ca["Type"] == "ROOT" else signing_commands.of(visit.ca.record),
    )


def download_csr(visit: Visit) -> WireResponse:
    """The CSR as a file."""
    return web.download(ca_signing.csr_of(visit.client, visit.ca.arn) + "\n", f"{visit.ca.ca_id}.csr.pem")


def install_form(visit: Visit) -> WireResponse:
    """The ways to install a CA's first certificate; renewal has a page of its own."""
    if _has_certificate(visit):
        return web.redirect(visit, authority_page.address(visit.ca.ca_id, "renew"))
    return _form(visit, {})


def _has_certificate(visit: Visit) -> bool:
    return lifecycle.is_renewable(visit.ca.described["Status"])


def _was_installed(visit: Visit) -> WireResponse:
    """The answer to a form that came after the first certificate, as the second press of a button does."""
    return authority_page.done(visit, "", "installed_before")


def install_pasted(visit: Visit) -> WireResponse:
    """Install the certificate that was pasted or uploaded."""
    if _has_certificate(visit):
        return _was_installed(visit)
    try:
        certificate, chain = pasted.read(visit.form, csr.parse_csr_der(visit.ca.record.csr_der or b"").spki_der)
        if not certificate:
            return _form(visit, {"certificate": "Paste the certificate, or choose its file."})
        request = {"Certificate": certificate} | ({"CertificateChain": chain} if chain else {})
        visit.client.call("ImportCertificateAuthorityCertificate", CertificateAuthorityArn=visit.ca.arn, **request)
    except PkiError as error:
        return _form(visit, {"certificate": error.reason})
    except errors.ApiError as error:
        return _form(visit, problems_of(error, otherwise="certificate"))
    return _installed(visit)


def install_own(visit: Visit) -> WireResponse:
    """Let a root sign its own certificate, and install it."""
    if _has_certificate(visit):
        return _was_installed(visit)
    return _install_issued(visit, visit.ca.arn, "RootCACertificate", "own")


def install_signed(visit: Visit) -> WireResponse:
    """Let a CA of the same account sign the certificate of a subordinate, and install it with its chain."""
    if _has_certificate(visit):
        return _was_installed(visit)
    chosen, depth = visit.form.get("parent"), visit.form.get("path_length")
    parent = next((parent for parent in parents.offered(visit) if parent.ca_id == chosen), None)
    if parent is None:
        return _form(visit, {"parent": parents.refusal(visit, chosen) or "Choose one of these."})
    if depth not in _DEPTHS:
        return _form(visit, {"path_length": "Choose a path length from 0 to 3."})
    return _install_issued(visit, parent.arn, f"SubordinateCACertificate_PathLen{depth}", "signed")


def _install_issued(visit: Visit, issuer_arn: str, template: str, field: str) -> WireResponse:
    """Issue a certificate from this CA's CSR and import it, or show the refusal."""
    years = visit.form.get("years")
    if re.fullmatch("[0-9]{1,3}", years, re.ASCII) is None or not 1 <= int(years) <= MOST_YEARS:
        return _form(visit, {"years": f"It must be from 1 to {MOST_YEARS} years."})
    members = {"TemplateArn": template, "Validity": {"Type": "YEARS", "Value": int(years)}}
    try:
        ca_signing.issue_and_install(visit, ca_signing.request(visit, issuer_arn, members))
    except errors.ApiError as error:
        return _form(visit, {field: reason_of(error)})
    return _installed(visit)


def _installed(visit: Visit) -> WireResponse:
    """The CA's page; a DISABLED CA stays disabled with its new certificate."""
    issues = state.status_of(ca_signing.as_it_is_now(visit), visit.rt.now()) == "ACTIVE"
    return authority_page.done(visit, "", "installed" if issues else "installed_only")


def _form(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca, is_root = visit.ca.described, visit.ca.described["Type"] == "ROOT"
    installable = lifecycle.is_installable(ca["Type"], ca["Status"])
    signers = parents.offered(visit) if installable and not is_root else []
    request = {"CertificateAuthorityArn": visit.ca.arn, "Certificate": "fileb://certificate.pem"}
    if not is_root:
        request["CertificateChain"] = "fileb://chain.pem"
    return authority_page.show(
        visit,
        "install.html",
        "",
        problems=problems,
        commands=(command("ImportCertificateAuthorityCertificate", request),) if installable else (),
        installable=installable,
        is_root=is_root,
        parents=signers[:MOST_PARENTS],
        more_parents=len(signers) - MOST_PARENTS,
        depths=[depth for depth in _DEPTHS if any(it.levels is None or int(depth) < it.levels for it in signers)],
        typed=visit.form.fields,
        root_years=ROOT_YEARS,
        subordinate_years=SUBORDINATE_YEARS,
    )
