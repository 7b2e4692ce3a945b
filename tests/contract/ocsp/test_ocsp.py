"""OCSP as its clients see it: what cryptography's and OpenSSL's own code read in the answers."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as theirs
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from chalicelib import arn as arns
from chalicelib.api import ocsp_http
from chalicelib.keystore import KeyNotFoundError, KeyStoreError, KeyStoreThrottledError
from chalicelib.ocsp import answers, responders
from chalicelib.pki import ocsp as codec
from chalicelib.pki.asn1 import der
from chalicelib.reconcile import reconcile
from chalicelib.store import ThrottledError
from chalicelib.store.table_store import TableStore
from tests.support.authority_steps import active_root, active_subordinate, fetch, install_subordinate, issue
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.laptop,  # the deployed function answers in tests/localstack
    pytest.mark.one_protocol,
]

ON = {"OcspConfiguration": {"Enabled": True}}
GOOD, REVOKED, UNKNOWN = theirs.OCSPCertStatus.GOOD, theirs.OCSPCertStatus.REVOKED, theirs.OCSPCertStatus.UNKNOWN
STATUS = theirs.OCSPResponseStatus


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return active_root(acm_pca, RevocationConfiguration=ON)


def authority(client: Any, arn: str) -> x509.Certificate:
    pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    return x509.load_pem_x509_certificate(pem.encode())


def request_for(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    digest: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    builder = theirs.OCSPRequestBuilder().add_certificate(certificate, issuer, digest or hashes.SHA1())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def several(*requests: bytes) -> bytes:
    """One request for what each of these asks for."""
    lists = [next(next(der.parse(each).children()).children()).content for each in requests]
    return der.sequence(der.sequence(der.sequence(*lists)))


def asked(rt: Any, request: bytes) -> theirs.OCSPResponse:
    return theirs.load_der_ocsp_response(answers.respond(rt, request).der)


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
    key.verify(answer.signature, answer.tbs_response_bytes, _ecdsa(answer))
    clock.now += timedelta(minutes=1)
    revoke(acm_pca, arn, issued)
    revoked_at = rt.now().replace(microsecond=0)
    clock.now += timedelta(seconds=5)
    answer = asked(rt, request)
    assert (answer.certificate_status, answer.revocation_time_utc) == (REVOKED, revoked_at)
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise


def _ecdsa(answer: theirs.OCSPResponse) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    assert answer.signature_hash_algorithm is not None
    return ec.ECDSA(answer.signature_hash_algorithm)


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
    monkeypatch.setattr(answers, "_CACHED", 2)
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


# malformed


def _hostile(good: bytes) -> dict[str, bytes]:
    cert_id = codec.parse_request(good).cert_ids[0].der
    asking = der.sequence(cert_id)
    critical = der.sequence(der.sequence(der.oid("1.2.3.4"), der.boolean_true(), der.tlv(4, b"\x05\x00")))
    return {
        "empty": b"",
        "text": b"GET / HTTP/1.1",
        "cut off": good[:-1],
        "something behind": good + b"\x00",
        "no request": der.sequence(der.sequence(der.sequence())),
        "version 2": der.sequence(der.sequence(der.tlv(0xA0, der.integer(1)), der.sequence(asking))),
        "too many": der.sequence(der.sequence(der.sequence(*[asking] * (codec.MAX_CERT_IDS + 1)))),
        "too long": der.sequence(der.tlv(4, bytes(codec.MAX_REQUEST_BYTES))),
        "critical extension": der.sequence(der.sequence(der.sequence(asking), der.tlv(0xA2, critical))),
        "critical single extension": der.sequence(
            der.sequence(der.sequence(der.sequence(cert_id, der.tlv(0xA0, critical))))
        ),
        "two lists of extensions": der.sequence(der.sequence(der.sequence(asking), der.tlv(0xA2, critical, critical))),
        "members behind": der.sequence(der.sequence(der.sequence(asking), der.integer(1))),
        "request without CertID": der.sequence(der.sequence(der.sequence(der.sequence()))),
        "outer members": der.sequence(der.sequence(der.sequence(asking)), der.integer(1)),
        "nothing at all": der.sequence(),
        "hash with parameters": good.replace(
            der.oid("1.3.14.3.2.26") + b"\x05\x00", der.oid("1.3.14.3.2.26") + b"\x04\x00"
        ),
        "algorithm without identifier": good.replace(
            der.tlv(0x30, der.oid("1.3.14.3.2.26"), b"\x05\x00"), b"\x30\x00" + b"\x04\x07abcdefg"
        ),
    }


def test_what_is_malformed_is_called_so(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    found = {name: asked(rt, request).response_status.name for name, request in _hostile(good).items()}
    assert found == dict.fromkeys(found, "MALFORMED_REQUEST")


def test_hash_that_is_not_answered_is_unauthorized(rt: Any, acm_pca: Any, arn: str) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn), hashes.SHA512())
    assert asked(rt, request).response_status is STATUS.UNAUTHORIZED


def test_signed_request_with_requestor_is_answered(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    inner = next(der.parse(good).children()).content
    requestor = der.tlv(0xA1, der.tlv(0x82, b"client.example"))
    signature = der.tlv(0xA0, der.sequence(der.sequence(der.oid("1.2.840.10045.4.3.2")), der.bit_string(b"x")))
    tbs = der.sequence(der.tlv(0xA0, der.integer(0)), requestor, inner)
    assert asked(rt, der.sequence(tbs, signature)).certificate_status is GOOD


def test_mutated_requests_never_fail(rt: Any, acm_pca: Any, arn: str) -> None:
    good = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn), nonce=b"12345678")
    source = random.Random(6960)
    found = set()
    for _ in range(3000):
        mutated = bytearray(good)
        for _ in range(source.randint(1, 4)):
            mutated[source.randrange(len(mutated))] = source.randrange(256)
        found.add(asked(rt, bytes(mutated)).response_status.name)
    assert found == {"SUCCESSFUL", "MALFORMED_REQUEST", "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ThrottledError("busy"), STATUS.TRY_LATER),
        (KeyStoreThrottledError("busy"), STATUS.TRY_LATER),
        (KeyStoreError("gone"), STATUS.INTERNAL_ERROR),
        (RuntimeError("secret detail"), STATUS.INTERNAL_ERROR),
    ],
)
def test_outage_is_answered_without_detail(rt: Any, acm_pca: Any, arn: str, error: Exception, status: Any) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))

    class Broken:
        def private_key(self, *_: Any) -> Any:
            raise error

    broken: Any = replace(rt, keys=Broken())
    assert answers.respond(broken, request).der == codec.error(
        "tryLater" if status is STATUS.TRY_LATER else "internalError"
    )
    assert asked(broken, request).response_status is status


# delegated responders


@pytest.fixture
def delegated(rt: Any) -> Any:
    return replace(rt, settings=replace(rt.settings, ocsp_signer="delegated"))


def test_delegated_responder_signs_once_it_is_there(delegated: Any, acm_pca: Any, clock: Any, tmp_path: Path) -> None:
    clock.now = datetime.fromtimestamp(time.time(), UTC)  # OpenSSL's clock
    arn = active_root(acm_pca, RevocationConfiguration=ON)
    leaf, issuer = fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)
    request = request_for(leaf, issuer)
    assert asked(delegated, request).certificates == []
    assert reconcile(delegated).responders_rotated == 1
    assert reconcile(delegated).responders_rotated == 0
    delegated.ocsp_answers.clear()
    answer = asked(delegated, request)
    (responder,) = answer.certificates
    responder.verify_directly_issued_by(issuer)
    assert responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    usages = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    key: Any = responder.public_key()
    key.verify(answer.signature, answer.tbs_response_bytes, _ecdsa(answer))
    _openssl_verifies(tmp_path, request, answers.respond(delegated, request).der, issuer)


def _openssl_verifies(folder: Path, request: bytes, response: bytes, issuer: x509.Certificate) -> None:
    (folder / "request.der").write_bytes(request)
    (folder / "response.der").write_bytes(response)
    (folder / "issuer.pem").write_bytes(issuer.public_bytes(Encoding.PEM))
    command = "openssl ocsp -reqin request.der -respin response.der -CAfile issuer.pem"
    seen = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    assert "Response verify OK" in seen.stderr, seen.stderr


def test_delegated_responder_is_replaced_in_time_and_old_keys_are_destroyed(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    seen = []
    for _ in range(4):
        assert reconcile(delegated).responders_rotated == 1
        delegated.ocsp_answers.clear()
        seen.append(asked(delegated, request).certificates[0].serial_number)
        clock.now += timedelta(days=16)
    assert len(set(seen)) == 4
    kept = []
    for generation in range(1, 5):
        key_arn = responders.key_arn_of(arn, generation)
        try:
            delegated.keys.private_key(delegated.keys.key_id_of(key_arn), key_arn)
        except KeyNotFoundError:
            continue
        kept.append(generation)
    assert kept == [3, 4]


def test_ca_signs_where_its_responder_is_revoked_or_ends_too_soon(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    reconcile(delegated)
    (responder,) = asked(delegated, request).certificates
    clock.now += timedelta(days=29, hours=13)
    assert asked(delegated, request).certificates == []
    reconcile(delegated)
    delegated.ocsp_answers.clear()
    (responder,) = asked(delegated, request).certificates
    revoke(acm_pca, arn, f"{arn}/certificate/{responder.serial_number:032x}")
    delegated.ocsp_answers.clear()
    assert asked(delegated, request).certificates == []


def signers(rt: Any, request: bytes) -> list[int]:
    """The serial numbers of the responders that signed the answer; none where the CA did."""
    return [each.serial_number for each in asked(rt, request).certificates]


def test_revoked_responder_signs_no_further_answer_and_is_replaced_at_once(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    leaf, issuer = fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn)
    request = request_for(leaf, issuer)
    reconcile(delegated)
    other = replace(delegated, store=TableStore(delegated.store.table), ocsp_answers={})  # as in another process
    (old,) = signers(delegated, request)
    assert signers(other, request) == [old]
    revoke(acm_pca, arn, f"{arn}/certificate/{old:032x}")
    assert signers(delegated, request_for(leaf, issuer, nonce=b"fresh")) == []
    clock.now += answers.LOOK_AGAIN
    assert signers(delegated, request) == signers(other, request) == []
    assert reconcile(delegated).responders_rotated == 1
    assert reconcile(delegated).responders_rotated == 0
    (new,) = signers(other, request_for(leaf, issuer, hashes.SHA256()))
    assert new != old
    clock.now += timedelta(days=14)
    assert reconcile(delegated).responders_rotated == 0
    assert signers(other, request) == [new]


def test_kept_answer_of_an_earlier_responder_ends_with_its_revocation(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    reconcile(delegated)
    clock.now += timedelta(days=14, hours=23)
    (old,) = signers(delegated, request)
    clock.now += timedelta(hours=2)
    assert reconcile(delegated).responders_rotated == 1
    assert signers(delegated, request) == [old]  # for half of its time
    revoke(acm_pca, arn, f"{arn}/certificate/{old:032x}")
    clock.now += answers.LOOK_AGAIN
    (new,) = signers(delegated, request)
    assert new != old


def test_kept_answer_costs_the_look_at_the_ca_and_the_certificate_alone(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    reconcile(delegated)
    asked(delegated, request)
    clock.now += answers.LOOK_AGAIN
    read: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            read.append(name)
            return getattr(delegated.store.table, name)

    table: Any = Counting()
    assert len(signers(replace(delegated, store=TableStore(table)), request)) == 1
    assert read == ["query", "get", "get"]


def test_responder_that_is_revoked_before_it_is_recorded_never_signs(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))

    class Revoking:
        """A store whose CA's latest certificate is revoked the moment before a responder is recorded."""

        def __getattr__(self, name: str) -> Any:
            return getattr(delegated.store, name)

        def update_responder(self, old: Any, new: Any) -> None:
            latest = next(iter(delegated.store.last_certificates(arn, limit=1)))
            revoke(acm_pca, arn, latest.arn)
            delegated.store.update_responder(old, new)

    clock.now += timedelta(seconds=1)
    assert reconcile(replace(delegated, store=Revoking())).responders_rotated == 0
    assert signers(delegated, request) == []
    assert reconcile(delegated).responders_rotated == 1
    delegated.ocsp_answers.clear()
    (new,) = signers(delegated, request)
    assert delegated.store.get_certificate(arn, new).revoked_at is None


def test_responder_waits_while_its_ca_cannot_issue(delegated: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    assert reconcile(delegated).responders_rotated == 0
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="ACTIVE")
    assert reconcile(delegated).responders_rotated == 0
    clock.now += timedelta(hours=1)
    assert reconcile(delegated).responders_rotated == 1


@pytest.mark.parametrize(
    ("days", "made", "more"), [(0.4, 0, {}), (2, 1, {}), (10, 3, {"UsageMode": "SHORT_LIVED_CERTIFICATE"})]
)
def test_no_responder_is_made_at_the_end_of_its_ca_that_is_not_needed(
    delegated: Any, acm_pca: Any, clock: Any, *, days: float, made: int, more: Any
) -> None:
    """Nor does a run fail; once the CA is renewed there is one that lives on."""
    arn = active_subordinate(acm_pca, now=clock(), days=days, RevocationConfiguration=ON, **more)
    for minutes in (*[15] * int(days * 96 - 8), *[1] * 120):
        done = reconcile(delegated)
        assert done.errors == 0
        made -= done.responders_rotated
        clock.now += timedelta(minutes=minutes)
    assert made == 0
    install_subordinate(acm_pca, arn, now=clock(), days=100, serial_number=7)
    clock.now += timedelta(hours=1)
    assert reconcile(delegated).responders_rotated == 1
    request = request_for(
        fetch(acm_pca, arn, issue(acm_pca, arn, Validity={"Type": "DAYS", "Value": 5})), authority(acm_pca, arn)
    )
    assert len(signers(delegated, request)) == 1


def test_responder_of_a_clock_that_was_ahead_does_not_sign_before_its_certificate_begins(
    delegated: Any, acm_pca: Any, arn: str, clock: Any
) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    clock.now += timedelta(days=1)
    reconcile(delegated)
    assert len(signers(delegated, request)) == 1
    clock.now -= timedelta(days=1)
    assert signers(delegated, request) == []


def test_purged_ca_leaves_no_responder_key(delegated: Any, acm_pca: Any, arn: str, clock: Any) -> None:
    reconcile(delegated)
    acm_pca.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    acm_pca.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    clock.now += timedelta(days=8)
    reconcile(delegated)
    key_arn = responders.key_arn_of(arn, 1)
    with pytest.raises(KeyNotFoundError):
        delegated.keys.private_key(delegated.keys.key_id_of(key_arn), key_arn)
    assert delegated.store.get_responder(arn) is None


# HTTP


def _event(method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def test_function_answers_get_and_post_alike(rt: Any, acm_pca: Any, arn: str) -> None:
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))
    text = base64.b64encode(request).decode()
    events = {
        "POST": _event("POST", "/", request, content_type="application/ocsp-request"),
        "POST anything": _event("POST", "/", request),
        "POST /ocsp": _event("POST", "/ocsp", request),
        "GET": _event("GET", f"/{quote(text, safe='')}"),
        "GET plain": _event("GET", f"/ocsp/{text}"),
        "GET without padding": _event("GET", f"/ocsp/{text.rstrip('=')}"),
        "GET with a slash more": _event("GET", f"/ocsp//{text}"),
        "GET at the root with a slash more": _event("GET", f"//{text}"),
    }
    replies = {name: ocsp_http.function_url(rt, event) for name, event in events.items()}
    json.dumps(replies)
    bodies = {name: base64.b64decode(answer["body"]) for name, answer in replies.items()}
    assert set(bodies.values()) == {answers.respond(rt, request).der}
    assert {answer["headers"]["Content-Type"] for answer in replies.values()} == {"application/ocsp-response"}


def test_caches_keep_answers_to_get_for_a_moment(rt: Any, acm_pca: Any, arn: str) -> None:
    issuer = authority(acm_pca, arn)
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn))
    path = "/ocsp/" + quote(base64.b64encode(request_for(leaf, issuer)).decode(), safe="")
    answer = ocsp_http.function_url(rt, _event("GET", path))
    assert "max-age=5," in answer["headers"]["Cache-Control"]
    etag = answer["headers"]["ETag"]
    again = ocsp_http.function_url(rt, _event("GET", path, if_none_match=f'"x", W/{etag}'))
    assert (again["statusCode"], again["body"]) == (304, "")
    with_nonce = "/ocsp/" + quote(base64.b64encode(request_for(leaf, issuer, nonce=b"n")).decode(), safe="")
    for event in (
        _event("GET", with_nonce),
        _event("POST", "/ocsp", request_for(leaf, issuer)),
        _event("GET", "/ocsp/!!"),
    ):
        assert ocsp_http.function_url(rt, event)["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/ocsp", "/ocsp/", "/ocsp/%", "/ocsp/~~~~", "/ocsp/" + "A" * 40_000, "/", "/nonsense"]
)
def test_what_does_not_decode_is_malformed(rt: Any, path: str) -> None:
    answer = ocsp_http.function_url(rt, _event("GET", path))
    assert answer["statusCode"] == 200
    assert base64.b64decode(answer["body"]) == codec.error("malformedRequest")


def test_other_methods_are_refused(rt: Any) -> None:
    answer = ocsp_http.function_url(rt, _event("PUT", "/ocsp"))
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("method", "path", "content_type"),
    [
        ("POST", "/", "application/x-amz-json-1.1"),
        ("GET", "/healthz", ""),
        ("GET", "/Bucket/crl/a.crl", ""),
        ("DELETE", "/MAAA", ""),
        ("GET", "/ocspx", ""),
    ],
)
def test_what_is_not_ocsp_goes_on_to_the_api(method: str, path: str, content_type: str) -> None:
    assert ocsp_http.request_of(method, path, content_type, b"") is None
