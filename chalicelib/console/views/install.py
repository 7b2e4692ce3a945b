"""The CSR of a CA, and installing its certificate: pasted, or signed here by the CA itself or by a CA above it."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import find, iterate, state
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import problems_of, reason_of
from chalicelib.console.parts import authority_page, authority_rows, lifecycle
from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import bundles, csr

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.client import Client
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Form, Visit
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime
    from chalicelib.shapes import GetCertificateResponse

SECTION = "authorities"
ROOT_YEARS, SUBORDINATE_YEARS, MOST_YEARS = "10", "3", 100
MOST_PARENTS = 100  # on a page
_LOOKS, _LOOK_SECONDS = 15, 0.2  # for a certificate that another request is signing
_CSR_FILE = "--output text > ca.csr"


class Parent(NamedTuple):
    """A CA that may sign the certificate of another one."""

    name: str
    ca_id: str
    arn: str
    type: str
    not_after: datetime | None


def show_csr(visit: Visit) -> WireResponse:
    """The CSR, to be copied or downloaded."""
    ca, arn = visit.ca.described, visit.ca.arn
    return render.page(
        visit,
        "csr.html",
        title="Certificate signing request",
        section=SECTION,
        commands=(command("GetCertificateAuthorityCsr", {"CertificateAuthorityArn": arn}, _CSR_FILE),),
        ca=ca,
        ca_id=visit.ca.ca_id,
        name=authority_rows.common_name(ca),
        csr=_csr(visit.client, arn),
        installable=lifecycle.is_installable(ca["Type"], ca["Status"]),
    )


def download_csr(visit: Visit) -> WireResponse:
    """The CSR as a file."""
    return web.download(_csr(visit.client, visit.ca.arn) + "\n", f"{visit.ca.ca_id}.csr.pem")


def _csr(client: Client, arn: str) -> str:
    return client.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn)["Csr"]


def install_form(visit: Visit) -> WireResponse:
    """The ways to install a certificate for the CA."""
    return _form(visit, {})


# a certificate that was pasted


def install_pasted(visit: Visit) -> WireResponse:
    """Install the certificate that was pasted or uploaded."""
    certificate, chain = _pasted(visit.form, "certificate"), _pasted(visit.form, "chain")
    if not certificate:
        return _form(visit, {"certificate": "Paste the certificate, or choose its file."})
    try:
        certificate, chain = _unbundled(visit.client, visit.ca.arn, certificate, chain)
        request = {"Certificate": certificate} | ({"CertificateChain": chain} if chain else {})
        visit.client.call("ImportCertificateAuthorityCertificate", CertificateAuthorityArn=visit.ca.arn, **request)
    except PkiError as error:
        return _form(visit, {"certificate": error.reason})
    except errors.ApiError as error:
        return _form(visit, problems_of(error, otherwise="certificate"))
    return _installed(visit)


def _pasted(form: Form, name: str) -> bytes:
    """The content of a field or its file, as PEM or PKCS #7; a file of other DER is one certificate."""
    uploaded = form.files.get(f"{name}_file", b"")
    if not uploaded:
        return form.get(name).encode("utf-8", "replace")
    as_it_is = b"-----BEGIN" in uploaded or bundles.is_bundle(uploaded)
    return uploaded if as_it_is else pem.encode(uploaded).encode()


def _unbundled(client: Client, arn: str, certificate: bytes, chain: bytes) -> tuple[bytes, bytes]:
    """Certificate and chain in PEM; out of PKCS #7, the certificate for this CA's key and those above it.

    Raises:
        PkiError: the file cannot be read, or has no certificate for this CA.
    """
    if not (bundles.is_bundle(certificate) or bundles.is_bundle(chain)):
        return certificate, chain
    ders = [der for content in (certificate, chain) if content for der in _ders(content)]
    leaf = bundles.of_key(ders, csr.parse_csr(_csr(client, arn).encode()).spki_der)
    if leaf is None:
        raise PkiError("None of the certificates in the PKCS #7 file is for the key of this CA.")
    return pem.encode(leaf).encode(), "\n".join(map(pem.encode, bundles.above(leaf, ders))).encode()


def _ders(content: bytes) -> list[bytes]:
    return bundles.certificates(content) if bundles.is_bundle(content) else [der for _, der in pem.blocks(content)]


# a certificate that a CA here signs


def install_own(visit: Visit) -> WireResponse:
    """Let a root sign its own certificate, and install it."""
    return _install_issued(visit, visit.ca.arn, "RootCACertificate", "own", ROOT_YEARS)


def install_signed(visit: Visit) -> WireResponse:
    """Let a CA of the same account sign the certificate of a subordinate, and install it with its chain."""
    parent_id, depth = visit.form.get("parent"), visit.form.get("path_length")
    parents = {parent.ca_id: parent.arn for parent in _parents(visit)}
    if parent_id not in parents:
        return _form(visit, {"parent": "Choose one of these."})
    if depth not in {"0", "1", "2", "3"}:
        return _form(visit, {"path_length": "Choose a path length from 0 to 3."})
    template = f"SubordinateCACertificate_PathLen{depth}"
    return _install_issued(visit, parents[parent_id], template, "signed", SUBORDINATE_YEARS)


def _install_issued(visit: Visit, issuer_arn: str, template: str, field: str, default_years: str) -> WireResponse:
    """Issue a certificate from this CA's CSR and import it, or show the refusal.

    If the button is pressed several times at once, one certificate is issued, and each answer waits for it.
    """
    years = visit.form.get("years") or default_years
    if re.fullmatch("[0-9]{1,3}", years, re.ASCII) is None or not 1 <= int(years) <= MOST_YEARS:
        return _form(visit, {"years": f"It must be from 1 to {MOST_YEARS} years."})
    client, arn, certificate_arn = visit.client, visit.ca.arn, ""
    try:
        issuer = web.Authority(visit.rt, visit.caller, issuer_arn).described
        certificate_arn = client.call(
            "IssueCertificate",
            CertificateAuthorityArn=issuer_arn,
            Csr=_csr(client, arn).encode(),
            SigningAlgorithm=issuer["CertificateAuthorityConfiguration"]["SigningAlgorithm"],
            TemplateArn=str(arns.TemplateArn(arns.partition_of(visit.rt.settings.region), template)),
            Validity={"Type": "YEARS", "Value": int(years)},
            IdempotencyToken=hashlib.sha256(f"{arn} {template} {years}".encode()).hexdigest()[:36],
        )["CertificateArn"]
        signed = _signed(client, issuer_arn, certificate_arn)
        chain = signed.get("CertificateChain")
        client.call(
            "ImportCertificateAuthorityCertificate",
            CertificateAuthorityArn=arn,
            Certificate=signed["Certificate"].encode(),
            **({"CertificateChain": chain.encode()} if chain else {}),
        )
    except errors.ApiError as error:
        if not _is_installed(visit.rt, _as_it_is_now(visit), certificate_arn):
            return _form(visit, {field: reason_of(error)})
    return _installed(visit)


def _signed(client: Client, ca_arn: str, certificate_arn: str) -> GetCertificateResponse:
    """The certificate once it is signed, which may be the work of another request.

    Raises:
        RequestInProgressException: signing takes too long.
    """
    request = {"CertificateAuthorityArn": ca_arn, "CertificateArn": certificate_arn}
    for _ in range(_LOOKS):
        with suppress(errors.RequestInProgressException):
            return client.call("GetCertificate", **request)
        time.sleep(_LOOK_SECONDS)
    return client.call("GetCertificate", **request)


def _as_it_is_now(visit: Visit) -> CertificateAuthority:
    """The CA after a change, read again."""
    return find.find(visit.rt, visit.caller, visit.ca.arn)


def _is_installed(rt: Runtime, ca: CertificateAuthority, certificate_arn: str) -> bool:
    """Whether the CA is ACTIVE with this very certificate: another request has installed it."""
    if state.status_of(ca, rt.now()) != "ACTIVE":
        return False
    return certificate_arn.endswith(f"/{arns.serial_hex(state.issuer_of(ca).serial_number)}")


def _installed(visit: Visit) -> WireResponse:
    """The CA's page; a DISABLED CA stays disabled with its new certificate."""
    issues = state.status_of(_as_it_is_now(visit), visit.rt.now()) == "ACTIVE"
    return authority_page.done(visit, "", "installed" if issues else "installed_only")


def _parents(visit: Visit) -> list[Parent]:
    """The ACTIVE CAs of the account that may sign the CA's certificate for this visitor, by name."""
    rt, ca = visit.rt, visit.ca.record
    now, account_id = rt.now(), arns.parse_ca_arn(ca.arn).account_id
    others = (other for other in iterate.of_account(rt, account_id) if other.arn != ca.arn and _signs(visit, other.arn))
    active = [other for other in others if state.status_of(other, now) == "ACTIVE"]
    return sorted(
        Parent(
            state.name_of(other), other.arn.rsplit("/", 1)[1], other.arn, other.type, state.issuer_of(other).not_after
        )
        for other in active
        if state.issuer_of(other).path_length != 0
    )


def _signs(visit: Visit, arn: str) -> bool:
    """Tell whether the visitor may let a CA sign certificates of CAs, and get them."""
    issuer = web.Authority(visit.rt, visit.caller, arn)
    return (
        issuer.allows("DescribeCertificateAuthority")
        and issuer.allows("GetCertificate")
        and any(name.startswith("SubordinateCACertificate_PathLen") for name in issuer.templates)
    )


def _form(visit: Visit, problems: dict[str, str]) -> WireResponse:
    ca, is_root = visit.ca.described, visit.ca.described["Type"] == "ROOT"
    installable = lifecycle.is_installable(ca["Type"], ca["Status"])
    parents = _parents(visit) if installable and not is_root else []
    request = {"CertificateAuthorityArn": visit.ca.arn, "Certificate": "fileb://certificate.pem"}
    if not is_root:
        request["CertificateChain"] = "fileb://chain.pem"
    return render.page(
        visit,
        "install.html",
        title="Install the CA certificate",
        section=SECTION,
        status=422 if problems else 200,
        commands=(command("ImportCertificateAuthorityCertificate", request),) if installable else (),
        installable=installable,
        ca=ca,
        ca_id=visit.ca.ca_id,
        name=authority_rows.common_name(ca),
        is_root=is_root,
        parents=parents[:MOST_PARENTS],
        more_parents=len(parents) - MOST_PARENTS,
        typed=visit.form.fields,
        problems=problems,
        root_years=ROOT_YEARS,
        subordinate_years=SUBORDINATE_YEARS,
    )
