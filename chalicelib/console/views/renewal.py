"""Renewing a CA: the form, the comparison with the present certificate, and what would no longer verify."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.ca import chains, iterate, replacement, state
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms import pasted, renewal_form
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page, ca_signing, comparison, lifecycle, parents
from chalicelib.operations.refusals import as_api_errors
from chalicelib.pki import installation, paths
from chalicelib.pki.asn1 import pem
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import csr, display
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.ca.replacement import Effect
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Visit
    from chalicelib.operations.explain import PlannedCertificate
    from chalicelib.pki.paths import Link, Path

TAB = "certificate"
MOST_PARENTS, MOST_EFFECTS = 100, 50  # on a page
_FIELDS = ("way", "parent", "amount", "unit", "path_length", "certificate", "chain")
_DESCRIBE = "DescribeCertificateAuthority"
_STALE = "The certificate of this CA was replaced meanwhile. This page compares with the one that it has now."


class Planned(NamedTuple):
    """The certificate that would replace the present one.

    Attributes:
        typed: the entries it is made of, for the form that confirms it.
        after: the certificate with its chain.
        install: makes it the CA's.
    """

    typed: Typed
    after: Path
    install: Callable[[], None]


class _RefusedError(Exception):
    """The entries make no certificate."""

    def __init__(self, problems: Problems) -> None:
        super().__init__()
        self.problems = problems


def show(visit: Visit) -> WireResponse:
    """The form, filled in from the present certificate."""
    return _form(visit, {}) if _present(visit) else _to_install(visit)


def take(visit: Visit) -> WireResponse:
    """Show the comparison; or renew, if that was the button and the effects are confirmed."""
    present = _present(visit)
    if not present:
        return _to_install(visit)
    try:
        planned = _planned(visit, present)
    except _RefusedError as refused:
        return _form(visit, refused.problems)
    except errors.ApiError as error:
        return _form(visit, _in_fields(error))
    found = replacement.effects(visit.rt, visit.ca.record, planned.after, visit.rt.now())
    worse = replacement.cautions(present, planned.after)
    problems = _unconfirmed(visit, present, needed=bool(found or worse))
    if visit.form.get("go") != "renew" or problems:
        problems = problems if visit.form.get("go") == "renew" else {}
        return _preview(visit, planned, worse, found, problems)
    try:
        planned.install()
    except errors.ApiError as error:
        return _preview(visit, planned, worse, found, _in_fields(error))
    return authority_page.done(visit, TAB, "renewed")


def _present(visit: Visit) -> Path:
    return chains.installed(visit.ca.record) if lifecycle.is_renewable(visit.ca.described["Status"]) else ()


def _to_install(visit: Visit) -> WireResponse:
    return web.redirect(visit, authority_page.address(visit.ca.ca_id, "install"))


def _in_fields(error: errors.ApiError) -> Problems:
    """The problems of a refusal; that of a template is one of its path length."""
    return {{"template": "path_length"}.get(name, name): words for name, words in problems_of(error).items()}


def _unconfirmed(visit: Visit, present: Path, *, needed: bool) -> Problems:
    """The problems of a confirmation: the certificate was replaced meanwhile, or the name is missing."""
    if visit.form.get("present") != _serial(present):
        return {"": _STALE}
    if needed and visit.form.get("confirm_ca") not in {state.name_of(visit.ca.record).strip(), visit.ca.ca_id}:
        return {"confirm_ca": "Enter the name of the CA, or its ID."}
    return {}


def _serial(path: Path) -> str:
    return f"{path[0].serial_number:x}"


# what was entered


def _planned(visit: Visit, present: Path) -> Planned:
    """The requested certificate.

    Raises:
        _RefusedError: it cannot be made.
        ApiError: an operation would refuse it.
    """
    typed = {name: visit.form.get(name) for name in _FIELDS if visit.form.get(name)}
    ways = {"pasted": _pasted, "chain": _with_present_chain}
    planned = ways.get(typed.get("way", ""), _signed)(visit, typed, present)
    if problems := paths.problems(planned.after, visit.rt.now()):
        raise _RefusedError({"": problems[0]})
    return planned


def _with_present_chain(visit: Visit, typed: Typed, present: Path) -> Planned:
    """The same certificate, below the certificates that the CAs above it have now."""
    after = _present_chain(visit, present)
    certificate, *above = (pem.encode(link.encoded).encode() for link in after)
    return Planned(typed, after, lambda: _import(visit, certificate, b"\n".join(above)))


def _present_chain(visit: Visit, present: Path) -> Path:
    account_id = arns.parse_ca_arn(visit.ca.arn).account_id
    return chains.present(present, chains.index(iterate.of_account(visit.rt, account_id)))


def _import(visit: Visit, certificate: bytes, chain: bytes) -> None:
    visit.client.call(
        "ImportCertificateAuthorityCertificate",
        CertificateAuthorityArn=visit.ca.arn,
        Certificate=certificate,
        **({"CertificateChain": chain} if chain else {}),
    )


def _pasted(visit: Visit, typed: Typed, _present: Path) -> Planned:
    record = visit.ca.record
    request = csr.parse_csr_der(record.csr_der or b"")
    try:
        certificate, chain = pasted.read(visit.form, request.spki_der)
    except PkiError as error:
        raise _RefusedError({"certificate": error.reason}) from error
    if not certificate:
        raise _RefusedError({"certificate": "Paste the certificate, or choose its file."})
    with as_api_errors():
        imported = installation.check_import(
            certificate_pem=certificate,
            chain_pem=chain or None,
            ca_type=record.type,
            csr_der=request.der,
            now=visit.rt.now(),
            gate=visit.rt.settings.gate,
        )
        installation.check_renewal(record.certificate_der or b"", imported.certificate_der)

    texts = {"certificate": certificate.decode("utf-8", "replace"), "chain": chain.decode("utf-8", "replace")}
    after = tuple(map(paths.read, (imported.certificate_der, *imported.chain_der)))
    return Planned({**typed, **texts}, after, lambda: _import(visit, certificate, chain))


def _signed(visit: Visit, typed: Typed, present: Path) -> Planned:
    is_root = visit.ca.record.type == "ROOT"
    problems = renewal_form.problems_of(typed, renewal_form.ROOT_DEPTHS if is_root else renewal_form.DEPTHS)
    parent = None if is_root else _parent(visit, typed, problems)
    if problems:
        raise _RefusedError(problems)
    issuer = web.authority(visit.rt, visit.caller, parent.arn if parent else visit.ca.arn)
    members = renewal_form.request_of(typed, present[0], is_root=is_root)
    asked = ca_signing.request(visit, issuer.arn, members)
    plan = visit.client.explain(**asked)["Plan"]
    above = chains.installed(issuer.record) if parent else ()
    issuer_der = above[0].identity.subject_der if above else present[0].identity.subject_der
    after = (_link(plan, present[0], issuer_der), *above)
    return Planned(typed, after, lambda: ca_signing.issue_and_install(visit, asked))


def _parent(visit: Visit, typed: Typed, problems: Problems) -> parents.Parent | None:
    """The CA that was chosen to sign; None, and a problem of its field, if it may not."""
    chosen = typed.get("parent", "")
    parent = next((parent for parent in parents.offered(visit) if parent.ca_id == chosen), None)
    if parent is None:
        problems["parent"] = parents.refusal(visit, chosen) or "Choose one of these."
    elif "path_length" not in problems and parent.levels is not None and int(typed["path_length"]) >= parent.levels:
        levels = f"{parent.levels - 1} {'level' if parent.levels == 2 else 'levels'}"
        problems["path_length"] = f"Below “{parent.name}”, a CA may have at most {levels} of CAs below it."
    return parent


def _link(plan: PlannedCertificate, present: Link, issuer_der: bytes) -> Link:
    """The planned certificate, for the key that the CA has."""
    extensions = tuple(
        Extension(each["ObjectIdentifier"], each["Critical"], base64.b64decode(each["Value"]))
        for each in plan["Extensions"]
    )
    validity = plan["NotBefore"], plan["NotAfter"]
    return paths.link(present.identity, issuer_der=issuer_der, validity=validity, extensions=extensions)


# pages


def _form(visit: Visit, problems: Problems) -> WireResponse:
    ca, present, now = visit.ca.described, _present(visit), visit.rt.now()
    is_root, installable = ca["Type"] == "ROOT", lifecycle.is_installable(ca["Type"], ca["Status"])
    signers = [] if is_root else parents.offered(visit)
    first = next((parent for parent in signers if parent.is_present), signers[0] if signers else None)
    defaults = renewal_form.defaults(present[0], now, first.not_after if first else None)
    chosen = {"parent": first.ca_id} if first and first.is_present else {}
    arn = {"CertificateAuthorityArn": visit.ca.arn}
    files = {"Certificate": "fileb://certificate.pem"} | ({} if is_root else {"CertificateChain": "fileb://chain.pem"})
    return authority_page.show(
        visit,
        "renew.html",
        TAB,
        problems=problems,
        commands=(command("ImportCertificateAuthorityCertificate", arn | files),) if installable else (),
        installable=installable,
        is_root=is_root,
        parents=signers[:MOST_PARENTS],
        more_parents=len(signers) - MOST_PARENTS,
        issuer=present[1].name if len(present) > 1 else "",
        is_issuer_here=bool(first and first.is_present),
        length=renewal_form.length_of(present[0].not_before, present[0].not_after),
        defaults=defaults,
        is_chain_old=not is_root and _present_chain(visit, present) != present,
        typed=dict(visit.form.fields) if problems else {**defaults, **chosen},
        units=renewal_form.UNITS,
        depths=renewal_form.ROOT_DEPTHS if is_root else renewal_form.DEPTHS,
    )


def _preview(visit: Visit, planned: Planned, worse: list[str], found: list[Effect], problems: Problems) -> WireResponse:
    present = _present(visit)
    hidden = {name: text for name, text in planned.typed.items() if text}
    return authority_page.show(
        visit,
        "renew_preview.html",
        TAB,
        problems=problems,
        rows=comparison.rows(present, planned.after),
        cautions=worse,
        effects=[_named(visit, effect) for effect in found[:MOST_EFFECTS]],
        more_effects=len(found) - MOST_EFFECTS,
        hidden=hidden | {"present": _serial(present)},
        name=state.name_of(visit.ca.record),
        typed=visit.form.fields,
    )


def _named(visit: Visit, effect: Effect) -> Effect:
    """An effect without the name of a CA that the visitor may not see."""
    is_known = not effect.ca_arn or web.authority(visit.rt, visit.caller, effect.ca_arn).allows(_DESCRIBE)
    return effect if is_known else effect._replace(name="A CA that you may not see", ca_arn="")


# certificates that the CA had before


def download_former(visit: Visit) -> WireResponse:
    """A certificate that the CA had, with its chain, as a file of PEM."""
    former = visit.rt.store.former_certificate(visit.ca.arn, int(visit.named["version"]))
    if former is None:
        raise web.NotFoundError
    serial = paths.read(former.certificate_der).serial_number
    name = f"{visit.ca.ca_id}.{serial:x}.pem"
    return web.download(display.full_chain(former.certificate_der, list(former.chain_der)), name)
