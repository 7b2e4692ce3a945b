"""Delegated OCSP responders: when they sign, are replaced, and end."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chalicelib.keystore import KeyNotFoundError
from chalicelib.ocsp import answers, responders
from chalicelib.reconcile import reconcile
from chalicelib.store.table_store import TableStore
from tests.support.authority_steps import active_root, active_subordinate, fetch, install_subordinate, issue
from tests.support.clock_steps import later
from tests.support.ocsp_requests import ON, asked, authority, ecdsa_of, request_for
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop  # the deployed function answers in tests/localstack


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
    key.verify(answer.signature, answer.tbs_response_bytes, ecdsa_of(answer))
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


@pytest.mark.parametrize("reason", ["SUPERSEDED", "KEY_COMPROMISE"])
def test_responder_that_is_revoked_before_it_is_recorded_never_signs(
    delegated: Any, acm_pca: Any, arn: str, clock: Any, reason: str
) -> None:
    """Nor does its key, after a compromise: the responder an hour later has another one."""
    request = request_for(fetch(acm_pca, arn, issue(acm_pca, arn)), authority(acm_pca, arn))

    class Revoking:
        """A store whose CA's latest certificate is revoked the moment before a responder is recorded."""

        def __getattr__(self, name: str) -> Any:
            return getattr(delegated.store, name)

        def update_responder(self, old: Any, new: Any) -> None:
            latest = next(iter(delegated.store.last_certificates(arn, limit=1)))
            revoke(acm_pca, arn, latest.arn, reason)
            delegated.store.update_responder(old, new)

    clock.now += timedelta(seconds=1)
    assert reconcile(replace(delegated, store=Revoking())).responders_rotated == 0
    assert signers(delegated, request) == []
    if reason == "KEY_COMPROMISE":
        assert reconcile(delegated).errors == 1
        clock.now += timedelta(hours=1)
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
    later(delegated, clock, days=8)
    reconcile(delegated)
    key_arn = responders.key_arn_of(arn, 1)
    with pytest.raises(KeyNotFoundError):
        delegated.keys.private_key(delegated.keys.key_id_of(key_arn), key_arn)
    assert delegated.store.get_responder(arn) is None
