"""The grammar of extensions that are to be signed: one hostile value a line, each with the rule that refuses it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import ArgumentError, CsrError, PkiError
from chalicelib.pki.issuing import passthrough, planning
from chalicelib.pki.issuing.specification import Specification
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import extension_values
from chalicelib.pki.x509.extension_rules import check_value
from chalicelib.pki.x509.extensions import Extension
from chalicelib.pki.x509.issuer import issuer_of
from tests.support.builders import START, csr, root_certificate
from tests.support.extension_values import VALID


def nested(*tags: int, content: str) -> str:
    """The hex of elements of these tags, each in the one before it."""
    return nested(*tags[:-1], content=der.tlv(tags[-1], bytes.fromhex(content)).hex()) if tags else content


NOTICE = "06082b06010505070202"
POINT = "a00ba009" + "8607" + b"http://".hex()  # a URI with nothing behind its scheme
LONG_OID = "0640" + "2a" + "03" * 63
WIDE_OID = "0614" + "2a" + "ff" * 18 + "03"
MALFORMED: dict[str, tuple[str, str, str]] = {
    "distribution point that is no sequence": ("2.5.29.31", "30020500", "tag 0x05"),
    "no distribution point": ("2.5.29.31", "3000", "is empty"),
    "empty distribution point": ("2.5.29.31", "30023000", "neither a name nor a CRL issuer"),
    "distribution point of reasons alone": ("2.5.29.31", "30063004" + "81020640", "neither a name nor a CRL issuer"),
    "distribution point without a full name": ("2.5.29.31", "30063004a002a000", "is empty"),
    "distribution point with a malformed URI": ("2.5.29.31", "300f300d" + POINT, "URI"),
    "distribution point with a third choice": ("2.5.29.31", "30063004a002a200", "neither full nor relative"),
    "distribution point with two names": ("2.5.29.31", nested(0x30, 0x30, 0xA0, content="a000a000"), "exactly one"),
    "empty relative name": ("2.5.29.31", "30063004a002a100", "is empty"),
    "reason that is not used": ("2.5.29.31", "300d300b" + "81020780" + "a2058203" + b"a.b".hex(), "reasons"),
    "reasons that are not minimal": ("2.5.29.31", "300d300b" + "81020040" + "a2058203" + b"a.b".hex(), "reasons"),
    "reasons beyond the last": ("2.5.29.31", "300e300c" + "8103054020" + "a2058203" + b"a.b".hex(), "reasons"),
    "CRL issuer before the name": (
        "2.5.29.31",
        "3014" + "3012a2058203" + b"a.b".hex() + "a009a0078205" + b"a.b.c".hex(),
        "order",
    ),
    "freshest CRL that is no list": ("2.5.29.46", "0500", "tag 0x05"),
    "freshest CRL of a null": ("2.5.29.46", "30020500", "tag 0x05"),
    "policy that is no sequence": ("2.5.29.32", "30020500", "tag 0x05"),
    "policy without identifier": ("2.5.29.32", "30023000", "no identifier"),
    "policy twice": ("2.5.29.32", "300a" + "3003060155" * 2, "more than once"),
    "no qualifiers": ("2.5.29.32", "3007" + "3005060155" + "3000", "is empty"),
    "qualifier of one member": ("2.5.29.32", "300c" + "300a060155" + "30053003060155", "identifier and value"),
    "qualifier of another kind": ("2.5.29.32", "300e" + "300c060155" + "30073005060155" + "0500", "neither a CPS"),
    "CPS pointer that is no IA5String": (
        "2.5.29.32",
        "3015" + "3013060155" + "300e300c" + "06082b06010505070201" + "0500",
        "tag 0x05",
    ),
    "empty CPS pointer": (
        "2.5.29.32",
        "3015" + "3013060155" + "300e300c" + "06082b06010505070201" + "1600",
        "is empty",
    ),
    "CPS pointer with control characters": (
        "2.5.29.32",
        "3016" + "3014060155" + "300f300d" + "06082b06010505070201" + "160100",
        "control characters",
    ),
    "user notice of two texts": (
        "2.5.29.32",
        "301b" + "3019060155" + "30143012" + "06082b06010505070202" + "3006" + "0c01610c0161",
        "another order",
    ),
    "user notice of a number": (
        "2.5.29.32",
        "3018" + "3016060155" + "3011300f" + "06082b06010505070202" + "3003" + "020101",
        "no string",
    ),
    "user notice of 201 characters": (
        "2.5.29.32",
        nested(
            0x30, 0x30, content="060155" + nested(0x30, 0x30, content=NOTICE + nested(0x30, 0x0C, content="61" * 201))
        ),
        "200 characters",
    ),
    "notice reference without numbers": (
        "2.5.29.32",
        "301c" + "301a060155" + "30153013" + "06082b06010505070202" + "3007" + "30050c01613000",
        "is empty",
    ),
    "notice reference with a negative number": (
        "2.5.29.32",
        "301f" + "301d060155" + "30183016" + "06082b06010505070202" + "300a" + "30080c016130030201ff",
        "negative",
    ),
    "mapping of one policy": ("2.5.29.33", "30053003060155", "two members"),
    "mapping of a null": ("2.5.29.33", "30020500", "tag 0x05"),
    "mapping from any policy": ("2.5.29.33", "300d300b" + "0604551d2000" + "06032a0304", "anyPolicy"),
    "key identifier that is missing": ("2.5.29.35", "3000", "keyIdentifier"),
    "key identifier that is empty": ("2.5.29.35", "30028000", "is empty"),
    "key identifier that is no sequence": ("2.5.29.35", "0401ff", "tag 0x04"),
    "key identifier that is constructed": ("2.5.29.35", "3005a003040101", "cannot have"),
    "serial number of zero": ("2.5.29.35", "300d" + "800101" + "a1058203" + b"a.b".hex() + "820100", "is zero"),
    "serial number alone": ("2.5.29.35", "3006" + "800101" + "820101", "alone"),
    "issuer's serial number that is negative": (
        "2.5.29.35",
        "300d" + "800101" + "a1058203" + b"a.b".hex() + "8201ff",
        "negative",
    ),
    "issuer without names": ("2.5.29.35", "3008" + "800101" + "a100" + "820101", "is empty"),
    "empty policy constraints": ("2.5.29.36", "3000", "are empty"),
    "policy constraint that is empty": ("2.5.29.36", "30028000", "encoded minimally"),
    "policy constraint that is negative": ("2.5.29.36", "30038001ff", "negative"),
    "policy constraint that is not minimal": ("2.5.29.36", "3004" + "80020001", "encoded minimally"),
    "policy constraint of nine octets": ("2.5.29.36", "300b8009008000000000000000", "more than 4 octets"),
    "policy constraints in another order": ("2.5.29.36", "3006" + "810101" + "800101", "another order"),
    "inhibit anyPolicy that is negative": ("2.5.29.54", "0201ff", "negative"),
    "inhibit anyPolicy of nine octets": ("2.5.29.54", "0209008000000000000000", "more than 4 octets"),
    "access description that is no sequence": ("1.3.6.1.5.5.7.1.1", "30020500", "tag 0x05"),
    "access description without location": ("1.3.6.1.5.5.7.1.1", "30053003060155", "two members"),
    "access description of a wrong name": ("1.3.6.1.5.5.7.1.1", "3009" + "3007060155" + "87020102", "4 nor 16"),
    "subject's access that is no sequence": ("1.3.6.1.5.5.7.1.11", "30020500", "tag 0x05"),
    "no alternative names of the issuer": ("2.5.29.18", "3000", "is empty"),
    "issuer's alternative names of a null": ("2.5.29.18", "0500", "tag 0x05"),
    "alternative name of a null": ("2.5.29.17", "30020500", "not supported"),
    "alternative name with an identifier of 64 octets": ("2.5.29.17", "3042" + "88" + LONG_OID[2:], "registered id"),
    "alternative name with a number of 133 bits": ("2.5.29.17", "3016" + "88" + WIDE_OID[2:], "registered id"),
    "directory attributes of a null": ("2.5.29.9", "0500", "tag 0x05"),
    "directory attribute of a null": ("2.5.29.9", "30020500", "tag 0x05"),
    "directory attribute without values": ("2.5.29.9", "30073005060155" + "3100", "missing"),
    "directory attribute with values in another order": ("2.5.29.9", "300b3009060155" + "31040c00" + "0500", "order"),
    "feature of a null": ("1.3.6.1.5.5.7.1.24", "0500", "tag 0x05"),
    "no feature": ("1.3.6.1.5.5.7.1.24", "3000", "is empty"),
    "feature of text": ("1.3.6.1.5.5.7.1.24", "30030c0135", "tag 0x0c"),
    "feature that nobody knows": ("1.3.6.1.5.5.7.1.24", "3003020106", "status_request"),
    "purpose of a null": ("2.5.29.37", "30020500", "tag 0x05"),
    "purpose with an identifier of 64 octets": ("2.5.29.37", "3042" + LONG_OID, "OBJECT IDENTIFIER"),
    "purpose with a number of 133 bits": ("2.5.29.37", "3016" + WIDE_OID, "OBJECT IDENTIFIER"),
    "usage without key agreement": ("2.5.29.15", "03020001", "keyAgreement"),
    "usage that is not minimal": ("2.5.29.15", "03020080", "minimally"),
    "usage with a tenth bit": ("2.5.29.15", "0303068040", "unknown bits"),
    "FALSE that is written out": ("2.5.29.19", "3003010100", "FALSE"),
    "path length of nine octets": ("2.5.29.19", "300e0101ff" + "0209008000000000000000", "more than 4 octets"),
    "subject key identifier that is empty": ("2.5.29.14", "0400", "is empty"),
    "range with a hole in its mask": ("2.5.29.30", "300ea00c300a8708" + "c0000200" + "ff00ff00", "contiguous"),
    "range with bits below its mask": ("2.5.29.30", "300ea00c300a8708" + "c0000201" + "ffffff00", "below its mask"),
    "wildcard in a DNS subtree": ("2.5.29.30", "3009a00730058203" + b"*.a".hex(), "wildcard"),
    "directory name of a subtree that is none": ("2.5.29.30", "3008a0063004a402" + "3100", "tag 0x31"),
    "two directory names of a subtree": ("2.5.29.30", "300aa0083006a404" + "30003000", "follows"),
    "minimum of a subtree": ("2.5.29.30", "300aa0083006" + "820161" + "800101", "minimum"),
    "something behind the value": ("2.5.29.54", "0201000500", "follows"),
    "OCSP nocheck that is no null": ("1.3.6.1.5.5.7.48.1.5", "020101", "members"),
    "private key usage period of a null": ("2.5.29.16", "0500", "members"),
    "template of a null": ("1.3.6.1.4.1.311.21.7", "0500", "members"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_value_is_refused_by_its_rule(case: str) -> None:
    oid, value, rule = MALFORMED[case]
    with pytest.raises(PkiError, match=rule) as caught:
        check_value(Extension(oid, critical=False, value_der=bytes.fromhex(value)))
    assert str(caught.value).startswith(f"The value of extension {oid} is malformed.")


def test_unknown_extension_is_der_and_nothing_more() -> None:
    check_value(Extension("1.2.3.4", critical=True, value_der=bytes.fromhex("30020500")))
    with pytest.raises(PkiError, match="minimally"):
        check_value(Extension("1.2.3.4", critical=True, value_der=bytes.fromhex("02020001")))


ROOT = issuer_of(root_certificate().public_bytes(Encoding.DER))
POLICIES = ("2.5.29.32", bytes.fromhex("30020500"))


def planned(
    template: str, *, from_csr: tuple[str, bytes] | None = None, custom: tuple[str, bytes] | None = None
) -> Any:
    unknown = [from_csr] if from_csr else []
    asked = [(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False) for oid, value in unknown]
    given = [{"ObjectIdentifier": custom[0], "Value": base64.b64encode(custom[1]).decode()}] if custom else []
    return planning.plan(
        Specification(
            issuer=ROOT,
            request=csrs.parse_csr(csr(extensions=asked)),
            template=TEMPLATES[template],
            validity={"Type": "DAYS", "Value": 1},
            validity_not_before=None,
            signing_algorithm="SHA256WITHECDSA",
            serial_number=1 << 100,
            now=START,
            api_passthrough={"Extensions": {"CustomExtensions": given}} if given else None,
        )
    )


def test_malformed_extension_is_signed_by_no_way() -> None:
    with pytest.raises(ArgumentError, match="policy"):
        planned("BlankEndEntityCertificate_APIPassthrough", custom=POLICIES)
    with pytest.raises(CsrError, match="policy"):
        planned("BlankEndEntityCertificate_CSRPassthrough", from_csr=POLICIES)
    assert planned("EndEntityCertificate", from_csr=POLICIES)  # whose template does not copy it
    written_out = ("2.5.29.19", bytes.fromhex("3003010100"))
    assert planned("BlankEndEntityCertificate_CSRPassthrough", from_csr=written_out)  # the template's own is signed


@pytest.mark.parametrize(("oid", "value"), VALID)
def test_valid_value_is_read_tolerantly_too(oid: str, value: bytes) -> None:
    extension_values.check_outline(Extension(oid, critical=False, value_der=value))


@pytest.mark.parametrize("dotted", ["1.2." + "9" * 59, "1.2" + ".300" * 40])
def test_identifier_that_others_cannot_read_is_not_written(dotted: str) -> None:
    with pytest.raises(PkiError, match="longer than any"):
        der.oid(dotted)
    number = {"ExtendedKeyUsageObjectIdentifier": dotted}
    for extension in (
        {"ExtendedKeyUsage": [number]},
        {"CertificatePolicies": [{"CertPolicyId": dotted}]},
        {"CustomExtensions": [{"ObjectIdentifier": dotted, "Value": "BQA="}]},
    ):
        with pytest.raises(ArgumentError):
            passthrough.extensions_of({"Extensions": extension})
    usage = {"KeyUsage": {"EncipherOnly": True}}
    with pytest.raises(ArgumentError, match="keyAgreement"):
        csrs.check_csr_extensions(usage)
