"""OCSP as its clients see it: what cryptography's and OpenSSL's own code read in the answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID

from chalicelib import arn as arns
from chalicelib.ocsp import answers
from chalicelib.pki import ocsp as codec
from chalicelib.pki.asn1 import der
from chalicelib.reconcile import reconcile
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.ocsp_requests import (
    GOOD,
    ON,
    REVOKED,
    STATUS,
    UNKNOWN,
    asked,
    authority,
    ecdsa_of,
    request_for,
    several,
)
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.laptop  # the deployed function answers in tests/localstack


# statuses


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()], ids=lambda each: each.name)
def test_good_then_revoked_by_the_hash_that_was_asked(rt: Any, acm_pca: Any, arn: str, clock: Any, digest: Any) -> None:
    issued = issue(acm_pca, arn)
    leaf, issuer = fetch(acm_pca, arn, issued), authority(acm_pca, arn)
    request = request_for(leaf, issuer, digest)
    answer = asked(rt, request)
    assert (answer.response_status, answer.certificate_status) == (STATUS.SUCCESSFUL, GOOD)
    assert (type(answer.hash_algorithm), answer.serial_number) == (type(digest), leaf.serial_number)
    assert answer.this_update_utc == rt.now().replace(microsecond=0) == answer.produced_at_utc
    assert answer.next_update_utc == answer.this_update_utc + answers.VALIDITY
    assert (
        answer.responder_key_hash == issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )
    key: Any = issuer.public_key()
    key.verify(answer.signature, answer.tbs_response_bytes, ecdsa_of(answer))
    clock.now += timedelta(minutes=1)
    revoke(acm_pca, arn, issued, "KEY_COMPROMISE")
    revoked_at = rt.now().replace(microsecond=0)
    clock.now += timedelta(seconds=5)
    answer = asked(rt, request)
    assert (answer.certificate_status, answer.revocation_time_utc) == (REVOKED, revoked_at)
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise


def test_unspecified_reason_is_left_out(rt: Any, acm_pca: Any, arn: str) -> None:
    issued = issue(acm_pca, arn)
    revoke(acm_pca, arn, issued, "UNSPECIFIED")
    answer = asked(rt, request_for(fetch(acm_pca, arn, issued), authority(acm_pca, arn)))
    assert (answer.certificate_status, answer.revocation_reason) == (REVOKED, None)


def test_reserved_and_given_up_serials_are_not_good(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    issued = issue(acm_pca, arn)
    leaf, issuer = fetch(acm_pca, arn, issued), authority(acm_pca, arn)
    ca = rt.store.get_certificate_authority(arn)
    record = rt.store.get_certificate(arn, leaf.serial_number)
    number = leaf.serial_number ^ 1
    pending = replace(
        record,
        arn=str(arns.CertificateArn(arns.parse_ca_arn(arn), number)),
        serial_number=number,
        status="PENDING",
        certificate_der=None,
        issued_at=None,
        tbs_der=b"x",
    )
    rt.store.reserve_certificate(pending, ca, None, now=rt.now())
    request = request_for(leaf, issuer).replace(der.integer(leaf.serial_number), der.integer(number))
    assert asked(rt, request).certificate_status is UNKNOWN
    rt.store.fail_certificate(pending, "lost")
    clock.now += timedelta(seconds=5)
    assert asked(rt, request).certificate_status is UNKNOWN
    revoke(acm_pca, arn, pending.arn)
    clock.now += timedelta(seconds=5)
    assert asked(rt, request).certificate_status is REVOKED


def test_serials_of_nobody_are_unknown(rt: Any, acm_pca: Any, arn: str) -> None:
    leaf, issuer = fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)
    request = request_for(leaf, issuer)
    own = der.integer(leaf.serial_number)
    for content in (b"\x00", b"\x01", b"\xff", b"\x00" + b"\xff" * 16, b"\x7f" * len(own[2:])):
        strange = codec.parse_request(request).cert_ids[0].der.replace(own, der.tlv(der.INTEGER, content))
        cert_id = der.sequence(der.read(strange, 2 if strange[1] < 0x80 else 3).der + _rest(strange))
        answer = asked(rt, der.sequence(der.sequence(der.sequence(der.sequence(cert_id)))))
        assert (answer.response_status, answer.certificate_status) == (STATUS.SUCCESSFUL, UNKNOWN)


def _rest(cert_id: bytes) -> bytes:
    """The members of a CertID behind its algorithm, whatever its length says."""
    first = der.read(cert_id, 2 if cert_id[1] < 0x80 else 3)
    return cert_id[first.end :]


def test_several_certificates_in_one_request(rt: Any, acm_pca: Any, arn: str) -> None:
    issuer = authority(acm_pca, arn)
    issued = [issue(acm_pca, arn) for _ in range(3)]
    revoke(acm_pca, arn, issued[1])
    leaves = [fetch(acm_pca, arn, each) for each in issued]
    digests = [hashes.SHA1(), hashes.SHA256(), hashes.SHA1()]
    pairs = zip(leaves, digests, strict=True)
    answer = asked(rt, several(*(request_for(leaf, issuer, digest) for leaf, digest in pairs)))
    found = [(each.serial_number, each.certificate_status, each.hash_algorithm.name) for each in answer.responses]
    statuses = (GOOD, REVOKED, GOOD)
    assert found == [
        (leaf.serial_number, status, digest.name)
        for leaf, status, digest in zip(leaves, statuses, digests, strict=True)
    ]


def test_certificate_of_another_ca_is_unknown_beside_one_of_ours(rt: Any, acm_pca: Any, arn: str) -> None:
    other = active_root(acm_pca)
    request = several(
        request_for(fetch(acm_pca, other, issue(acm_pca, other)), authority(acm_pca, other)),
        request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)),
    )
    assert [each.certificate_status for each in asked(rt, request).responses] == [UNKNOWN, GOOD]


# who is answered for


def test_ca_whose_ocsp_was_never_on_is_not_answered_for(rt: Any, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    assert asked(rt, request).response_status is STATUS.UNAUTHORIZED


def test_answers_go_on_when_ocsp_is_switched_off_and_the_ca_is_disabled_or_deleted(
    rt: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    leaf, issuer = fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)
    request = request_for(leaf, issuer)
    changes: list[Callable[[], Any]] = [
        lambda: acm_pca.update_certificate_authority(
            CertificateAuthorityArn=arn, RevocationConfiguration={"OcspConfiguration": {"Enabled": False}}
        ),
        lambda: acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED"),
        lambda: acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7),
    ]
    for change in changes:
        change()
        rt.ocsp_answers.clear()
        assert asked(rt, request).certificate_status is GOOD
    clock.now += timedelta(days=8)
    reconcile(rt)
    assert asked(rt, request).response_status is STATUS.UNAUTHORIZED


def test_expired_ca_is_not_answered_for(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    clock.now += timedelta(days=3700)
    assert asked(rt, request).response_status is STATUS.UNAUTHORIZED


def test_switched_on_later_answers_for_older_certificates_too(rt: Any, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    old = fetch(acm_pca, arn, issue(acm_pca, arn))
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, RevocationConfiguration=ON)
    assert asked(rt, request_for(old, authority(acm_pca, arn))).certificate_status is GOOD


# addresses


def _aia(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return []
    assert not found.critical
    assert {each.access_method for each in found.value} == {AuthorityInformationAccessOID.OCSP}
    return [each.access_location.value for each in found.value]


def test_certificates_issued_while_ocsp_is_on_say_where(rt: Any, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    expected = []
    found = []
    for configuration, address in (
        ({"Enabled": False}, []),
        ({"Enabled": True}, [rt.settings.base_url + "/ocsp"]),
        ({"Enabled": True, "OcspCustomCname": "ocsp.example.com"}, ["http://ocsp.example.com"]),
        ({"Enabled": False}, []),
    ):
        acm_pca.update_certificate_authority(
            CertificateAuthorityArn=arn, RevocationConfiguration={"OcspConfiguration": configuration}
        )
        expected.append(address)
        found.append(_aia(fetch(acm_pca, arn, issue(acm_pca, arn))))
    assert found == expected


def test_home_without_an_address_asks_for_a_name(rt: Any, acm_pca: Any) -> None:
    from chalicelib import errors
    from chalicelib.crl import revocation_configuration

    settings = replace(rt.settings, state="dynamodb", public_url="")
    aws = replace(rt, settings=settings)
    with pytest.raises(errors.InvalidArgsException, match="OcspCustomCname is required here"):
        revocation_configuration.check_ocsp(aws, ON)
    revocation_configuration.check_ocsp(aws, {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "a.example"}})
    revocation_configuration.check_ocsp(replace(rt, settings=replace(settings, ocsp_url="http://o.example")), ON)


# caching


def test_one_signature_until_half_of_its_time_has_passed(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    first = answers.respond(rt, request).der
    clock.now += timedelta(hours=5, minutes=59)
    assert answers.respond(rt, request).der == first  # an ECDSA signature is never made twice the same
    clock.now += timedelta(minutes=2)
    second = answers.respond(rt, request)
    assert second.der != first
    assert second.this_update == rt.now().replace(microsecond=0)


def test_store_is_asked_again_after_two_seconds(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    """Two workers, one of which is not told of the revocation."""
    issued = issue(acm_pca, arn)
    other = replace(rt, ocsp_answers={})
    request = request_for(fetch(acm_pca, arn, issued), authority(acm_pca, arn))
    assert asked(other, request).certificate_status is GOOD
    revoke(acm_pca, arn, issued)
    clock.now += timedelta(seconds=answers.LOOK_AGAIN.total_seconds())
    assert asked(other, request).certificate_status is REVOKED


def test_clock_that_was_ahead_keeps_no_answer(rt: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    """What was kept an hour ahead is not of the last two seconds once the clock is right, nor newer than it."""
    issued = issue(acm_pca, arn)
    other = replace(rt, ocsp_answers={})
    request = request_for(fetch(acm_pca, arn, issued), authority(acm_pca, arn))
    clock.now += timedelta(hours=1)
    assert asked(rt, request).certificate_status is asked(other, request).certificate_status is GOOD
    clock.now -= timedelta(hours=1)
    assert asked(rt, request).this_update_utc == rt.now().replace(microsecond=0)
    revoke(acm_pca, arn, issued)
    assert answers.recent(other, request) is None
    assert asked(other, request).certificate_status is REVOKED


def test_cache_is_bounded(rt: Any, acm_pca: Any, arn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MOST_CACHED", 2)
    issuer = authority(acm_pca, arn)
    for _ in range(4):
        answers.respond(rt, request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), issuer))
        assert len(rt.ocsp_answers) <= 2


@pytest.mark.parametrize("size", [0, 1, 32, 128, 129])
def test_nonce_is_echoed_within_its_limits(rt: Any, acm_pca: Any, arn: str, size: int) -> None:
    leaf, issuer = fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)
    nonce = bytes(range(size))
    request = request_for(leaf, issuer, nonce=nonce)
    answer = asked(rt, request)
    if not 1 <= size <= 128:
        assert answer.response_status is STATUS.MALFORMED_REQUEST
        return
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
    assert not rt.ocsp_answers
    assert not answers.respond(rt, request).cacheable
