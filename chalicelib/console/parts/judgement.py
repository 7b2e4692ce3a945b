"""Judgement of something that was pasted, by the CAs of the visitor's account: its signer, its status, its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509 import ocsp

from chalicelib import arn as arns
from chalicelib.ca import iterate, state
from chalicelib.console import text
from chalicelib.console.parts import certificate_story
from chalicelib.pki.asn1 import der
from chalicelib.pki.crl import gate
from chalicelib.pki.x509 import keys, names, signed
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.console.parts.certificate_story import Link
    from chalicelib.console.web import Visit
    from chalicelib.pki.recognition import Item
    from chalicelib.pki.x509.reading import ParsedCertificate
    from chalicelib.records import CertificateAuthority


class Finding(NamedTuple):
    """A sentence about something that was pasted.

    Attributes:
        tone: "good", "warn", "bad" or "muted".
        path: of the page about it behind `/console`; empty if the visitor has none.
    """

    tone: str
    words: str
    path: str = ""


class Judgement(NamedTuple):
    """The findings about a thing, and its chain up to the root; empty if it has none."""

    findings: tuple[Finding, ...]
    chain: tuple[Link, ...] = ()


def of_item(visit: Visit, item: Item, others: Sequence[Item]) -> Judgement:
    """Judge something that was recognized, together with the rest of the paste."""
    judge = _JUDGES.get(item.kind)
    if judge is None or item.problem:
        return Judgement(())
    return judge(visit, item.der, [other.der for other in others if other.kind == "certificate" and not other.problem])


def _certificate(visit: Visit, encoded: bytes, others: Sequence[bytes]) -> Judgement:
    certificate = parse_certificate(encoded)
    left, tone = certificate_story.left_of(certificate.not_before, certificate.not_after, visit.rt.now())
    findings = [
        Finding(tone, f"{certificate_story.kind_of(certificate)}: {left}."),
        *_key(visit, certificate.public_key),
    ]
    ca = _signer(visit, certificate.issuer_der, encoded)
    above = _above(certificate, others)
    if ca is None:
        findings.append(_signed_elsewhere(certificate, above))
    else:
        findings += [_signed_by(visit, ca), _status(visit, ca, certificate)]
        if _path(visit, ca) and ca.certificate_der not in {None, encoded}:
            above = [ca.certificate_der, *ca.chain_der]
    return Judgement(tuple(findings), tuple(certificate_story.chain_of(visit, [encoded, *above])))


def _above(certificate: ParsedCertificate, others: Sequence[bytes]) -> list[bytes]:
    """The pasted certificates above one, each of which verifies the one below."""
    waiting, chain = {other for other in others if other != certificate.der}, list[bytes]()
    while not certificate.is_self_issued:
        upper = next((other for other in waiting if _issued(parse_certificate(other), certificate)), None)
        if upper is None:
            break
        waiting.remove(upper)
        chain.append(upper)
        certificate = parse_certificate(upper)
    return chain


def _issued(upper: ParsedCertificate, lower: ParsedCertificate) -> bool:
    return upper.subject_der == lower.issuer_der and signed.verifies_certificate(upper.public_key, lower.der)


def _signed_elsewhere(certificate: ParsedCertificate, above: Sequence[bytes]) -> Finding:
    if above:
        return Finding("muted", "No CA of this account signed it; a certificate that was pasted with it did.")
    if certificate.is_self_issued and signed.verifies_certificate(certificate.public_key, certificate.der):
        return Finding("muted", "It is signed with its own key, and by no CA of this account.")
    issuer = names.rfc2253(certificate.issuer_der)[:200]
    return Finding("warn", f"No CA of this account signed it, and the certificate of its issuer, {issuer}, is missing.")


def _status(visit: Visit, ca: CertificateAuthority, certificate: ParsedCertificate) -> Finding:
    """The findings from the CA's record of a certificate, for visitors who may see it."""
    path = f"cas/{arns.parse_ca_arn(ca.arn).ca_id}/certificates/{arns.serial_hex(certificate.serial_number)}"
    if not visit.may(path):
        return Finding("muted", "Its status is not shown: your access key may not read certificates of the CA.")
    record = visit.rt.store.get_certificate(ca.arn, certificate.serial_number)
    if record is None or record.certificate_der != certificate.der:
        return Finding("bad", "The CA has no record of this certificate, although its key signed it.")
    if record.revoked_at is not None:
        reason = (record.revocation_reason or "UNSPECIFIED").replace("_", " ").lower()
        return Finding("bad", f"Revoked on {text.utc(record.revoked_at)}: {reason}.", path)
    return Finding("good", "On record, and not revoked.", path)


def _csr(visit: Visit, encoded: bytes, _: Sequence[bytes]) -> Judgement:
    findings = _key(visit, x509.load_der_x509_csr(encoded).public_key())
    return Judgement((Finding("good", "It meets the rules for CSRs here, and its signature verifies."), *findings))


def _public_key(visit: Visit, encoded: bytes, _: Sequence[bytes]) -> Judgement:
    return Judgement(
        tuple(_key(visit, load_der_public_key(encoded))) or (Finding("muted", "No CA here has this key."),)
    )


def _key(visit: Visit, key: PublicKeyTypes) -> Iterator[Finding]:
    """The findings about a key: the CA that has it, and whether it is compromised."""
    digest = keys.key_sha256(key)
    arn = visit.rt.store.authority_with_key(digest)
    path = f"cas/{arns.parse_ca_arn(arn).ca_id}" if arn else ""
    ca = visit.rt.store.get_certificate_authority(arn) if arn and visit.may(path, arn=arn) else None
    if ca is not None:
        yield Finding("muted", f"The key is that of the CA {state.name_of(ca)}.", path)
    if visit.rt.store.is_compromised(visit.signed_in.account_id, digest):
        yield Finding("bad", "A certificate with this key was revoked because the key was compromised.")


def _crl(visit: Visit, encoded: bytes, _: Sequence[bytes]) -> Judgement:
    crl = gate.read(encoded)
    is_over = crl.next_update is not None and crl.next_update < visit.rt.now()
    age = Finding("bad", "It has expired: clients refuse it.") if is_over else Finding("good", "It has not expired.")
    ca = _signer(visit, crl.parsed.issuer.public_bytes(), encoded)
    signer = _signed_by(visit, ca) if ca else Finding("warn", "No CA of this account signed it.")
    return Judgement((age, signer))


def _ocsp(visit: Visit, encoded: bytes, _: Sequence[bytes]) -> Judgement:
    response = ocsp.load_der_ocsp_response(encoded)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return Judgement((Finding("warn", "The responder gave no answer."),))
    first = next(iter(response.responses), None)
    if first is None:
        return Judgement((Finding("warn", "It tells of no certificate."),))
    is_over = first.next_update_utc is not None and first.next_update_utc < visit.rt.now()
    age = Finding("bad", "It has expired.") if is_over else Finding("good", "It has not expired.")
    arns_of = visit.rt.store.list_issuers(first.issuer_key_hash.hex())
    issuers = [ca for arn in arns_of if (ca := visit.rt.store.get_certificate_authority(arn)) and _is_own(visit, ca)]
    ca = next((ca for ca in issuers if _answered(ca, response, encoded)), None)
    signer = _signed_by(visit, ca) if ca else Finding("warn", "No CA of this account signed it, or its responder.")
    return Judgement((age, signer))


def _answered(ca: CertificateAuthority, response: ocsp.OCSPResponse, encoded: bytes) -> bool:
    """Tell whether a CA signed an OCSP response, itself or by a responder that it certified."""
    wrapper = der.read(encoded).children()[1]
    octets = wrapper.children()[0].children()[1].content
    basic = der.sequence(*(member.der for member in der.read(octets).children()[:3]))
    key = state.issuer_of(ca).public_key
    responders = [
        certificate.public_key()
        for certificate in response.certificates
        if signed.verifies_certificate(key, certificate.public_bytes(Encoding.DER))
    ]
    return any(signed.verifies_certificate(signer, basic) for signer in (key, *responders))


def _is_own(visit: Visit, ca: CertificateAuthority) -> bool:
    is_own = arns.parse_ca_arn(ca.arn).account_id == visit.signed_in.account_id
    return is_own and ca.certificate_der is not None


def _signed_by(visit: Visit, ca: CertificateAuthority) -> Finding:
    path = _path(visit, ca)
    return Finding(
        "good", f"The CA {state.name_of(ca)} signed it." if path else "A CA of this account signed it.", path
    )


def _path(visit: Visit, ca: CertificateAuthority) -> str:
    """The page of a CA; empty if the visitor may not see it."""
    path = f"cas/{arns.parse_ca_arn(ca.arn).ca_id}"
    return path if visit.may(path) else ""


def _signer(visit: Visit, issuer_der: bytes, signed_der: bytes) -> CertificateAuthority | None:
    """The CA of the account with a name, whose key verifies a signature; certificates hold their subject as it is."""
    for ca in iterate.of_account(visit.rt, visit.signed_in.account_id):
        if ca.certificate_der is not None and issuer_der in ca.certificate_der:
            issuer = state.issuer_of(ca)
            if issuer.name_der == issuer_der and signed.verifies_certificate(issuer.public_key, signed_der):
                return ca
    return None


_JUDGES: dict[str, Callable[[Visit, bytes, Sequence[bytes]], Judgement]] = {
    "certificate": _certificate,
    "csr": _csr,
    "crl": _crl,
    "key": _public_key,
    "ocsp": _ocsp,
}
