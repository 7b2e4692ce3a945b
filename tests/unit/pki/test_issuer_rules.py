"""The issuer's rules for what it signs: path lengths, validity, names, algorithms (RFC 5280 section 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.pki.asn1 import der, times
from chalicelib.pki.errors import ArgumentError, ConstraintError, SignatureError
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import signed
from chalicelib.pki.x509.issuer import issuer_of, root_in_making
from tests.support.builders import LEAF_KEY, ROOT_KEY, START, csr, name, root_certificate
from tests.support.planned_certificates import der_of, extension, issued, issuer, planned


@pytest.mark.parametrize(
    ("path_length", "depth", "allowed"), [(None, 3, True), (1, 0, True), (1, 1, False), (0, 0, False)]
)
def test_path_length_of_the_issuer_bounds_that_of_its_cas(path_length: int | None, depth: int, allowed: bool) -> None:
    template = f"SubordinateCACertificate_PathLen{depth}"
    if allowed:
        assert planned(template, csr("Sub"), issuer=issuer(path_length=path_length))
    else:
        with pytest.raises(ConstraintError, match=r"^Path length check failed for CA"):
            planned(template, csr("Sub"), issuer=issuer(path_length=path_length))


def test_chain_above_the_issuer_bounds_path_lengths_too() -> None:
    """A root of path length 1 allows one CA below: the issuer is it, and may issue no other."""
    root = root_certificate()
    bounded = issuer_of(der_of(root), ())
    assert bounded.path_length is None
    under = issuer_of(der_of(_signed_ca("Issuer", path_length=None)), (der_of(_signed_ca("Root", path_length=1)),))
    with pytest.raises(ConstraintError, match=r"^Path length check failed"):
        planned("SubordinateCACertificate_PathLen0", csr("Sub"), issuer=under)


def _signed_ca(common_name: str, path_length: int | None) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name("Root"))
        .public_key(ROOT_KEY.public_key())
        .serial_number(9)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .sign(ROOT_KEY, hashes.SHA256())
    )


def test_issuer_without_ski_is_identified_by_its_key() -> None:
    found = issuer_of(der_of(_signed_ca("Issuer", None)))
    assert found.key_identifier == x509.SubjectKeyIdentifier.from_public_key(ROOT_KEY.public_key()).digest


VALIDITIES: dict[str, tuple[dict[str, Any], str | None]] = {
    "equal to the issuer's": ({"validity": {"Type": "DAYS", "Value": 3650}}, None),
    "beyond the issuer's": ({"validity": {"Type": "DAYS", "Value": 3651}}, "exceeds"),
    "begins before the issuer": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) - 3600}},
        "begins before",
    ),
    "ends before it begins": (
        {"validity_not_before": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) + 40 * 86400}},
        "ends before",
    ),
    "ends as it begins": (
        {
            "validity": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) + 86400},
            "validity_not_before": {"Type": "ABSOLUTE", "Value": int(START.timestamp()) + 86400},
        },
        "ends before",
    ),
    "past": ({"validity": {"Type": "END_DATE", "Value": 20000101000000}}, "past"),
    "last century": ({"validity": {"Type": "END_DATE", "Value": 500101000000}}, "past"),
    "end date of 13 digits": ({"validity": {"Type": "END_DATE", "Value": 1234567890123}}, "not a time"),
    "no such day": ({"validity": {"Type": "END_DATE", "Value": 20310231000000}}, "not a time"),
    "huge days": ({"validity": {"Type": "DAYS", "Value": 10**12}}, "not a time"),
    "huge months": ({"validity": {"Type": "MONTHS", "Value": 10**18}}, "not a time"),
    "huge epoch": ({"validity": {"Type": "ABSOLUTE", "Value": 1 << 62}}, "not a time"),
    "short-lived, 7 days": ({"short_lived": True, "validity": {"Type": "DAYS", "Value": 7}}, None),
    "short-lived, 8 days": ({"short_lived": True, "validity": {"Type": "DAYS", "Value": 8}}, "at most 7 days"),
}


@pytest.mark.parametrize("case", VALIDITIES)
def test_validity_is_bounded(case: str) -> None:
    more, text = VALIDITIES[case]
    if text is None:
        assert planned(**more)
    else:
        with pytest.raises(ConstraintError, match=text):
            planned(**more)


MONTHS = [(datetime(2031, 1, 31, tzinfo=UTC), 1, (2031, 2, 28)), (datetime(2031, 12, 31, tzinfo=UTC), 2, (2032, 2, 29))]


@pytest.mark.parametrize(("now", "count", "date"), MONTHS)
def test_months_end_where_the_shorter_month_ends(now: datetime, count: int, date: tuple[int, int, int]) -> None:
    found = planned(now=now, validity={"Type": "MONTHS", "Value": count})
    assert (found.not_after.year, found.not_after.month, found.not_after.day) == date


def test_time_form_changes_in_2050() -> None:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on."""
    assert times.encode(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)) == b"\x17\x0d491231235959Z"
    assert times.encode(datetime(2050, 1, 1, tzinfo=UTC)) == b"\x18\x0f20500101000000Z"


def test_no_expiry_of_rfc_5280_can_be_issued_by_a_root() -> None:
    root = root_in_making(csrs.parse_csr(csr("Root", key=ROOT_KEY)))
    validity = {"Type": "END_DATE", "Value": 99991231235959}
    found = issued("RootCACertificate", csr("Root", key=ROOT_KEY), issuer=root, validity=validity)
    assert found.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_root_template_issues_only_the_root_s_own_certificate() -> None:
    with pytest.raises(ConstraintError, match="root's own"):
        planned("RootCACertificate", csr("Other"))
    with pytest.raises(ConstraintError, match="root's own"):
        planned("RootCACertificate", csr("Issuer"))


def test_root_in_the_making_issues_nothing_else() -> None:
    request = csr("Root", key=ROOT_KEY)
    root = root_in_making(csrs.parse_csr(request))
    with pytest.raises(ConstraintError, match="without a certificate"):
        planned(request=request, issuer=root)


def test_ca_with_the_name_of_its_issuer_is_refused() -> None:
    with pytest.raises(ConstraintError, match="subject of its issuer"):
        planned("SubordinateCACertificate_PathLen0", csr("Issuer"))


def test_ca_without_a_subject_is_refused() -> None:
    from tests.support.pki_forge import alternative_names, armored, dns
    from tests.support.pki_forge import csr as forged

    request = armored(forged(subject=der.sequence(), requested=[alternative_names(dns("a.example"))]))
    with pytest.raises(ConstraintError, match="needs a subject"):
        planned("SubordinateCACertificate_PathLen0", request)
    found = issued(request=request)
    assert extension(found, x509.SubjectAlternativeName).critical


def test_signing_algorithm_of_another_family_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot be used with key type EC_prime256v1"):
        planned(signing_algorithm="SHA256WITHRSA")


def test_signature_that_does_not_verify_is_not_given_out() -> None:
    class Liar(ec.EllipticCurvePrivateKey):
        curve, key_size = LEAF_KEY.curve, LEAF_KEY.key_size

        def sign(self, data: Any, signature_algorithm: Any) -> Any:
            return LEAF_KEY.sign(b"something else", signature_algorithm)

        def public_key(self) -> Any:
            return LEAF_KEY.public_key()

        def exchange(self, *_: Any) -> Any:
            raise NotImplementedError

        private_numbers = private_bytes = __copy__ = __deepcopy__ = exchange  # type: ignore[assignment]  # never called

    with pytest.raises(SignatureError):
        signed.sign(b"\x30\x00", Liar(), "SHA256WITHECDSA")
