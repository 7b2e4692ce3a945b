"""Nobody but a CA gets what signs CRLs or OCSP answers in its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ConstraintError, CsrError
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import extension_values
from chalicelib.pki.x509.issuer import issuer_of
from tests.support import pki_forge as forge
from tests.support.builders import ROOT_KEY, csr, root_certificate, sign_csr, with_exponent
from tests.support.planned_certificates import ISSUER, der_of, planned

if TYPE_CHECKING:
    from chalicelib.pki.issuing.specification import Plan

NOT_OF_ROOTS = sorted(each for each, template in TEMPLATES.items() if not template.is_root)
END_ENTITIES = sorted(each for each in NOT_OF_ROOTS if not TEMPLATES[each].is_ca)
FROM_CSR = sorted(each for each in END_ENTITIES if TEMPLATES[each].from_csr)
ANY_FROM_CSR = sorted(each for each in NOT_OF_ROOTS if TEMPLATES[each].from_csr)
# Spellings of "Issuer" that RFC 5280 section 7.1 or some client calls the same name.
SPELLINGS = {
    "as it is": forge.attribute(b"Issuer"),
    "other case": forge.attribute(b"iSSUER"),
    "PrintableString": forge.attribute(b"Issuer", tag=der.PRINTABLE_STRING),
    "BMPString": forge.attribute("Issuer".encode("utf-16-be"), tag=0x1E),
    "spaces around": forge.attribute(b"  Issuer "),
    "full width": forge.attribute("\uff29ssuer".encode()),
    "soft hyphen": forge.attribute("Iss\u00aduer".encode()),
    "zero-width joiner": forge.attribute("\u200dIssuer".encode()),
    # RFC 4518 section 2.2 maps these to nothing.
    "Mongolian soft hyphen": forge.attribute("Iss\u1806uer".encode()),
    "grapheme joiner": forge.attribute("Iss\u034fuer".encode()),
    "variation selector": forge.attribute("Issuer\ufe0f".encode()),
    "Mongolian variation selector": forge.attribute("Issuer\u180b".encode()),
    "object replacement": forge.attribute("\ufffcIssuer".encode()),
    # Java compares names in capitals: of "i" and of this letter they are the same.
    "dotless i": forge.attribute("\u0131ssuer".encode()),
    "Hangul filler": forge.attribute("Issuer\u3164".encode()),
}


def plan(template: str, request: bytes, **more: Any) -> Plan:
    return planned(template, request, **{"crl_url": None} | more)


def forged(subject: bytes, **more: Any) -> bytes:
    return forge.armored(forge.csr(subject=forge.name(subject), **more))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("template", NOT_OF_ROOTS)
def test_name_of_the_issuer_is_never_certified(template: str, spelling: str) -> None:
    with pytest.raises(ConstraintError, match="cannot have the subject of its issuer"):
        plan(template, forged(SPELLINGS[spelling]))


def test_name_of_the_issuer_is_known_with_accents_of_their_own() -> None:
    """Java's capitals of the dotless i with an accent are those of the letter with it."""
    issuer = issuer_of(der_of(root_certificate(common_name="T\u00edtulo")))
    with pytest.raises(ConstraintError, match="subject of its issuer"):
        plan("EndEntityCertificate", forged(forge.attribute("T\u0131\u0301tulo".encode())), issuer=issuer)


def test_name_of_the_issuer_is_not_certified_by_passthrough() -> None:
    passed = {"Subject": {"CommonName": "ISSUER"}}
    with pytest.raises(ConstraintError, match="subject of its issuer") as refusal:
        plan("EndEntityCertificate_APIPassthrough", csr(), api_passthrough=passed)
    assert refusal.value.member == ("ApiPassthrough", "Subject")


def test_name_and_key_of_a_ca_above_the_issuer_are_not_certified() -> None:
    root = root_certificate(common_name="The Root")
    sub_key = forge.key("P-384")
    sub = sign_csr(csr("Sub", key=sub_key).decode(), issuer=root)
    below = issuer_of(der_of(sub), (der_of(root),))
    with pytest.raises(ConstraintError, match="above its issuer"):
        plan("EndEntityCertificate", csr("the  root"), issuer=below, signing_algorithm="SHA384WITHECDSA")
    with pytest.raises(ConstraintError, match="or to one above it"):
        plan("EndEntityCertificate", csr("leaf", key=ROOT_KEY), issuer=below, signing_algorithm="SHA384WITHECDSA")


@pytest.mark.parametrize("template", NOT_OF_ROOTS)
def test_key_of_the_issuer_is_never_certified(template: str) -> None:
    with pytest.raises(ConstraintError, match="belongs to the issuing certificate authority") as refusal:
        plan(template, csr("leaf.example.com", key=ROOT_KEY))
    assert refusal.value.member == ("Csr",)


def test_key_of_the_issuer_is_known_in_its_other_encoding() -> None:
    """A point may be compressed: the key is the same, its SubjectPublicKeyInfo is not."""
    algorithm = der.read(ISSUER.spki_der).children()[0]
    point = ROOT_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    spki = der.sequence(algorithm.der, der.bit_string(point))
    assert spki != ISSUER.spki_der
    info = forge.info(spki_der=spki)
    request = forge.csr(tbs=info, signature=ROOT_KEY.sign(info, ec.ECDSA(hashes.SHA256())))
    with pytest.raises(ConstraintError, match="belongs to the issuing certificate authority"):
        plan("EndEntityCertificate", forge.armored(request))


def test_key_of_the_issuer_is_known_with_another_exponent() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = issuer_of(der_of(root_certificate(key=key)))
    with pytest.raises(ConstraintError, match="belongs to the issuing certificate authority"):
        plan(
            "EndEntityCertificate",
            csr("leaf", key=with_exponent(key, 65539)),
            issuer=issuer,
            signing_algorithm="SHA256WITHRSA",
        )


def usage(**bits: bool) -> x509.KeyUsage:
    named = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**dict.fromkeys((*named, *others), False) | bits)


@pytest.mark.parametrize("template", FROM_CSR)
def test_csr_gives_nobody_crl_sign(template: str) -> None:
    request = csr("leaf", extensions=[(usage(digital_signature=True, crl_sign=True), True)])
    if TEMPLATES[template].key_usage:  # the template's own key usage wins
        usages = plan(template, request).extension(oids.KEY_USAGE)
        assert usages is not None
        assert usages.source == "TEMPLATE"
        return
    with pytest.raises(CsrError, match="cRLSign") as refusal:
        plan(template, request)
    assert refusal.value.member == ("Csr",)


@pytest.mark.parametrize("template", ANY_FROM_CSR)
@pytest.mark.parametrize("others", [(), (ExtendedKeyUsageOID.SERVER_AUTH,)])
def test_csr_gives_nobody_ocsp_signing(template: str, others: tuple[x509.ObjectIdentifier, ...]) -> None:
    purposes = x509.ExtendedKeyUsage([*others, ExtendedKeyUsageOID.OCSP_SIGNING])
    request = csr("leaf", extensions=[(purposes, False)])
    if TEMPLATES[template].extended_key_usage:
        extension = plan(template, request).extension(oids.EXTENDED_KEY_USAGE)
        assert extension is not None
        assert extension.source == "TEMPLATE"
        return
    with pytest.raises(CsrError, match="OCSPSigning"):
        plan(template, request)


def test_csr_gives_the_usages_that_are_a_subscribers_own() -> None:
    wanted = usage(digital_signature=True, key_agreement=True)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    request = csr("leaf", extensions=[(wanted, True), (purposes, False)])
    assert plan("BlankEndEntityCertificate_CSRPassthrough", request)


def test_api_passthrough_asks_for_what_a_csr_may_not() -> None:
    """Whoever may use ApiPassthrough is an administrator of names and usages (AWS's OCSP and Blank templates)."""
    passed = {"Extensions": {"ExtendedKeyUsage": [{"ExtendedKeyUsageType": "OCSP_SIGNING"}]}}
    extension = plan("BlankEndEntityCertificate_APIPassthrough", csr("leaf"), api_passthrough=passed).extension(
        oids.EXTENDED_KEY_USAGE
    )
    assert extension is not None
    assert extension.source == "API"
    assert extension_values.purposes(extension.extension.value_der) == {oids.OCSP_SIGNING}
