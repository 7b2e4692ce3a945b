"""A CA's CSR, and installing its certificate: pasted, or signed here by itself or by a CA above it."""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import find, iterate, state
from chalicelib.console import render, web
from chalicelib.console.commands import command
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page, authority_rows, lifecycle
from chalicelib.console.views.wizard import own_arn
from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import bundles, csr

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

SECTION = "authorities"
ROOT_YEARS, SUBORDINATE_YEARS, MOST_YEARS = "10", "3", 100
_LOOKS, _LOOK_SECONDS = 15, 0.2  # for a certificate that another request is signing
MOST_PARENTS = 100  # on a page
_CSR_FILE = "--output text > ca.csr"


class Parent(NamedTuple):
    """A CA that may sign another one's certificate."""

    name: str
    ca_id: str
    arn: str
    type: str
    not_after: datetime | None


def show_csr(visit: Visit) -> WireResponse:
    """The CSR, to be copied or downloaded."""
    arn, ca = own_arn(visit), _described(visit)
    return render.page(
        visit,
        "csr.html",
        title="Certificate signing request",
        section=SECTION,
        commands=(command("GetCertificateAuthorityCsr", {"CertificateAuthorityArn": arn}, _CSR_FILE),),
        ca=ca,
        ca_id=visit.named["ca_id"],
        name=authority_rows.common_name(ca),
        csr=_csr(visit, arn),
        installable=lifecycle.is_installable(ca["Type"], ca["Status"]),
    )


def download_csr(visit: Visit) -> WireResponse:
    """The CSR as a file."""
    return web.download(_csr(visit, own_arn(visit)) + "\n", f"{visit.named['ca_id']}.csr.pem")


def _csr(visit: Visit, arn: str) -> str:
    return str(visit.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn)["Csr"])


def _described(visit: Visit) -> Any:
    return visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=own_arn(visit))["CertificateAuthority"]


def install_form(visit: Visit) -> WireResponse:
    """Every way to the CA's certificate."""
    return _form(visit, {})


def install_pasted(visit: Visit) -> WireResponse:
    """Install what was pasted or uploaded."""
    certificate, chain = _given(visit, "certificate"), _given(visit, "chain")
    if not certificate:
        return _form(visit, {"certificate": "Paste the certificate, or choose its file."})
    try:
        certificate, chain = _unbundled(visit, certificate, chain)
    except PkiError as error:
        return _form(visit, {"certificate": str(error)})
    request = {"Certificate": certificate} | ({"CertificateChain": chain} if chain else {})
    try:
        visit.call("ImportCertificateAuthorityCertificate", CertificateAuthorityArn=own_arn(visit), **request)
    except errors.ApiError as error:
        return _form(visit, {_field_of(error): in_words(error.message)})
    return _installed(visit)


def _given(visit: Visit, name: str) -> bytes:
    """What a field or its file holds, as PEM or PKCS #7; a file of other DER is one certificate."""
    uploaded = visit.form.files.get(f"{name}_file", b"")
    if not uploaded:
        return visit.form.get(name).encode("utf-8", "replace")
    as_it_is = b"-----BEGIN" in uploaded or bundles.is_bundle(uploaded)
    return uploaded if as_it_is else pem.encode(uploaded).encode()


def _unbundled(visit: Visit, certificate: bytes, chain: bytes) -> tuple[bytes, bytes]:
    """Certificate and chain in PEM, where one of both came as PKCS #7: that of this CA's key, and those above it.

    Raises:
        PkiError: it cannot be read, or has no certificate for this CA.
    """
    if not (bundles.is_bundle(certificate) or bundles.is_bundle(chain)):
        return certificate, chain
    given = [der for each in (certificate, chain) if each for der in _ders(each)]
    own = bundles.of_key(given, csr.parse_csr(_csr(visit, own_arn(visit)).encode()).spki_der)
    if own is None:
        raise PkiError("None of the certificates in the PKCS #7 file is for the key of this CA.")
    return pem.encode(own).encode(), "\n".join(map(pem.encode, bundles.above(own, given))).encode()


def _ders(given: bytes) -> list[bytes]:
    return bundles.certificates(given) if bundles.is_bundle(given) else [der for _, der in pem.blocks(given)]


def _field_of(error: errors.ApiError) -> str:
    return "chain" if re.search(r"chain\b", error.message, re.IGNORECASE) else "certificate"


def install_own(visit: Visit) -> WireResponse:
    """A root signs its own certificate, which is then installed."""
    template = "RootCACertificate"
    return _install_issued(visit, own_arn(visit), template, "own", ROOT_YEARS)


def install_signed(visit: Visit) -> WireResponse:
    """A CA of the same account signs the certificate of a subordinate, which is then installed with its chain."""
    parent_id, depth = visit.form.get("parent"), visit.form.get("path_length")
    parents = {each.ca_id: each.arn for each in _parents(visit)}
    if parent_id not in parents:
        return _form(visit, {"parent": "Choose one of these."})
    if depth not in {"0", "1", "2", "3"}:
        return _form(visit, {"path_length": "Choose a path length from 0 to 3."})
    template = f"SubordinateCACertificate_PathLen{depth}"
    return _install_issued(visit, parents[parent_id], template, "signed", SUBORDINATE_YEARS)


def _install_issued(visit: Visit, issuer_arn: str, template: str, field: str, default_years: str) -> WireResponse:
    """IssueCertificate by a CA from this CA's CSR, then ImportCertificateAuthorityCertificate; or what refuses it.

    Pressed several times at once, it is one certificate, and each answer waits for it.
    """
    years = visit.form.get("years") or default_years
    if re.fullmatch("[0-9]{1,3}", years, re.ASCII) is None or not 1 <= int(years) <= MOST_YEARS:
        return _form(visit, {"years": f"It must be from 1 to {MOST_YEARS} years."})
    arn, issued = own_arn(visit), {}
    try:
        issuer = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=issuer_arn)["CertificateAuthority"]
        issued = visit.call(
            "IssueCertificate",
            CertificateAuthorityArn=issuer_arn,
            Csr=_csr(visit, arn).encode(),
            SigningAlgorithm=issuer["CertificateAuthorityConfiguration"]["SigningAlgorithm"],
            TemplateArn=str(arns.TemplateArn(arns.partition_of(visit.rt.settings.region), template)),
            Validity={"Type": "YEARS", "Value": int(years)},
            IdempotencyToken=hashlib.sha256(f"{arn} {template} {years}".encode()).hexdigest()[:36],
        )
        found = _signed(visit, CertificateAuthorityArn=issuer_arn, **issued)
        chain = found.get("CertificateChain")
        visit.call(
            "ImportCertificateAuthorityCertificate",
            CertificateAuthorityArn=arn,
            Certificate=found["Certificate"].encode(),
            **({"CertificateChain": chain.encode()} if chain else {}),
        )
    except errors.ApiError as error:
        if not _has(visit, issued.get("CertificateArn", "")):
            return _form(visit, {field: in_words(error.message)})
    return _installed(visit)


def _signed(visit: Visit, **request: str) -> Any:
    """What GetCertificate answers once the certificate is signed, which may be the work of another request.

    Raises:
        RequestInProgressException: it takes too long.
    """
    for _ in range(_LOOKS):
        with suppress(errors.RequestInProgressException):
            return visit.call("GetCertificate", **request)
        time.sleep(_LOOK_SECONDS)
    return visit.call("GetCertificate", **request)


def _has(visit: Visit, certificate_arn: str) -> bool:
    """Whether the CA is ACTIVE with just this certificate: another request has installed it."""
    ca = find.find(visit.rt, visit.caller, own_arn(visit))
    if state.status_of(ca, visit.rt.now()) != "ACTIVE":
        return False
    return certificate_arn.endswith(f"/{arns.serial_hex(state.issuer_of(ca).serial_number)}")


def _installed(visit: Visit) -> WireResponse:
    """The CA's page; a DISABLED CA stays so with its new certificate."""
    issues = _described(visit)["Status"] == "ACTIVE"
    return authority_page.done(visit, "", "installed" if issues else "installed_only")


def _parents(visit: Visit) -> list[Parent]:
    """The ACTIVE CAs of the account below which another one may stand, by name."""
    now, own = visit.rt.now(), own_arn(visit)
    others = (ca for ca in iterate.of_account(visit.rt, visit.caller.account_id) if ca.arn != own)
    active = [ca for ca in others if state.status_of(ca, now) == "ACTIVE"]
    return sorted(
        Parent(state.name_of(ca), ca.arn.rsplit("/", 1)[1], ca.arn, ca.type, state.issuer_of(ca).not_after)
        for ca in active
        if state.issuer_of(ca).path_length != 0
    )


def _form(visit: Visit, problems: dict[str, str]) -> WireResponse:
    arn, ca = own_arn(visit), _described(visit)
    installable = lifecycle.is_installable(ca["Type"], ca["Status"])
    parents = _parents(visit) if ca["Type"] == "SUBORDINATE" and installable else []
    certificate = {"Certificate": "fileb://certificate.pem", "CertificateChain": "fileb://chain.pem"}
    if ca["Type"] == "ROOT":
        del certificate["CertificateChain"]
    return render.page(
        visit,
        "install.html",
        title="Install the CA certificate",
        section=SECTION,
        status=422 if problems else 200,
        commands=(command("ImportCertificateAuthorityCertificate", {"CertificateAuthorityArn": arn} | certificate),)
        if installable
        else (),
        installable=installable,
        ca=ca,
        ca_id=visit.named["ca_id"],
        name=authority_rows.common_name(ca),
        is_root=ca["Type"] == "ROOT",
        parents=parents[:MOST_PARENTS],
        more_parents=len(parents) - MOST_PARENTS,
        typed=visit.form.fields,
        problems=problems,
        root_years=ROOT_YEARS,
        subordinate_years=SUBORDINATE_YEARS,
    )
