"""The certificate of the TLS listener: issued on record, renewed in time, and never lost (ADR 21)."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.api.client import Client
from chalicelib.ca import iterate, listener, state
from chalicelib.doctor import records
from chalicelib.identities import ADMINISTRATOR
from chalicelib.keystore import KeyStoreError
from chalicelib.local import host_names, tls_front
from chalicelib.local.listener_certificate import Keeper, NoCertificateError, ensured
from chalicelib.runtime import Caller
from tests.contract.audit.conftest import ends
from tests.support.clock_steps import later
from tests.support.ports import Port, fail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop
NAMES = "pki.example.test,192.0.2.7,2001:db8::7"


@pytest.fixture
def tls(rt: Runtime) -> Runtime:
    return replace(rt, settings=replace(rt.settings, tls_port="8443", tls_names=NAMES))


def certificate_of(identity: listener.Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.encode())


def authorities(rt: Runtime, status: str = "ACTIVE") -> list[str]:
    found = iterate.of_account(rt, listener.ACCOUNT)
    return [ca.arn for ca in found if state.status_of(ca, rt.now()) == status]


def call(rt: Runtime, name: Any, **request: object) -> Any:
    return Client(rt, Caller(account_id=listener.ACCOUNT, access_key_id="", principal=ADMINISTRATOR)).call(
        name, **request
    )


def files_of(directory: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_certificate_has_the_names_under_which_the_home_answers(tls: Runtime) -> None:
    found = certificate_of(ensured(tls)).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["localhost", "pki.example.test"]
    addresses = {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"}
    answering = host_names.names_of(tls.settings)
    for host in ("pki.example.test:8443", "192.0.2.7", "[2001:db8::7]:8443"):
        assert host_names.is_named(answering, [host])


def test_issuances_are_on_record_in_an_account_of_their_own(tls: Runtime) -> None:
    identity = ensured(tls)
    calls = [each["eventName"] for each in ends(tls, listener.ACCOUNT)]
    changes = [
        "CreateCertificateAuthority",
        "IssueCertificate",
        "ImportCertificateAuthorityCertificate",
        "IssueCertificate",
    ]
    assert [name for name in calls if not name.startswith("Get")] == changes
    assert tls.store.count_of(identity.ca_arn).reserved == 2
    assert list(iterate.of_account(tls, tls.settings.account_id)) == []


def test_certificate_stays_until_two_thirds_of_its_life(tls: Runtime, clock: Any) -> None:
    first = ensured(tls)
    later(tls, clock, days=19)
    assert ensured(tls) == first
    later(tls, clock, days=2)
    second = ensured(tls)
    assert certificate_of(second).serial_number != certificate_of(first).serial_number
    assert (second.root, second.ca_arn) == (first.root, first.ca_arn)
    assert listener.private_key(tls, second) != listener.private_key(tls, first)


def test_certificate_of_a_clock_that_was_ahead_is_replaced(tls: Runtime, clock: Any) -> None:
    later(tls, clock, days=300)
    ahead = ensured(tls)
    later(tls, clock, days=-299)
    assert certificate_of(ensured(tls)).not_valid_before_utc < clock() < certificate_of(ahead).not_valid_before_utc


def test_certificate_of_other_settings_is_replaced(tls: Runtime) -> None:
    first = ensured(tls)
    other = ensured(replace(tls, settings=replace(tls.settings, tls_names="")))
    assert (other.root, "pki.example.test" in other.names) == (first.root, False)


def test_key_is_nowhere_in_clear(tls: Runtime) -> None:
    key = listener.private_key(tls, ensured(tls))
    number = key.private_numbers().private_value
    forms = [
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        number.to_bytes(32, "big"),
        f"{number:064x}".encode(),
        b"PRIVATE KEY",
    ]
    assert [form for content in files_of(tls.settings.data_path) for form in forms if form in content] == []


def test_context_leaves_no_file(tls: Runtime, tmp_path: Path) -> None:
    identity, place = ensured(tls), tmp_path / "place"
    place.mkdir()
    made = tls_front.context(identity.certificate, listener.private_key(tls, identity), place)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"root": 1}', "\0"])
def test_damaged_file_is_made_again_under_the_same_root(tls: Runtime, content: str) -> None:
    first = ensured(tls)
    listener.path_of(tls.settings).write_text(content)
    assert ensured(tls).root == first.root


def test_file_of_another_home_is_made_again(tls: Runtime) -> None:
    first = ensured(tls)
    path = listener.path_of(tls.settings)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sealed_key": "AAAA"}))
    assert next(records.tls_listener(tls)).problem == "The key of the TLS listener does not open."
    assert ensured(tls).root == first.root
    assert list(records.tls_listener(tls)) == []


def test_ca_that_was_left_without_its_certificate_is_finished(tls: Runtime) -> None:
    arn = call(
        tls,
        "CreateCertificateAuthority",
        CertificateAuthorityType="ROOT",
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "Left"},
        },
    )["CertificateAuthorityArn"]
    assert ensured(tls).ca_arn == arn
    assert authorities(tls) == [arn]


def test_disabled_ca_issues_no_other_and_its_certificate_serves_until_its_end(tls: Runtime, clock: Any) -> None:
    keeper = Keeper(tls, leads=True)
    arn = keeper.identity.ca_arn
    call(tls, "UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status="DISABLED")
    assert Keeper(tls, leads=True).identity == keeper.identity
    later(tls, clock, days=22)
    assert not keeper.look()
    with pytest.raises(NoCertificateError, match="is disabled: activate arn:aws:acm-pca"):
        ensured(tls)
    assert Keeper(tls, leads=True).identity == keeper.identity
    assert "was to be renewed at" in next(records.tls_listener(tls)).problem
    later(tls, clock, days=9)
    with pytest.raises(NoCertificateError):
        Keeper(tls, leads=True)
    call(tls, "UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status="ACTIVE")
    assert Keeper(tls, leads=True).identity.ca_arn == arn


def test_deleted_ca_gets_a_successor(tls: Runtime) -> None:
    first = ensured(tls)
    call(tls, "UpdateCertificateAuthority", CertificateAuthorityArn=first.ca_arn, Status="DISABLED")
    call(tls, "DeleteCertificateAuthority", CertificateAuthorityArn=first.ca_arn)
    assert ensured(tls).root != first.root
    assert len(authorities(tls)) == 1


def test_root_near_its_end_gets_a_successor(tls: Runtime, clock: Any) -> None:
    first = ensured(tls)
    later(tls, clock, days=3630)
    second = ensured(tls)
    assert second.root != first.root
    x509.load_pem_x509_certificate(second.certificate.encode()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(second.root.encode())
    )


def test_followers_read_what_the_leader_has_renewed(tls: Runtime, clock: Any) -> None:
    leader = Keeper(tls, leads=True)
    follower = Keeper(tls, leads=False)
    assert (leader.look(), follower.look()) == (False, False)
    later(tls, clock, days=21)
    assert (follower.look(), leader.look(), follower.look()) == (False, True, True)
    assert follower.identity == leader.identity
    assert (follower.look(), leader.look()) == (False, False)


def test_certificate_is_renewed_at_once_when_its_file_is_removed(tls: Runtime) -> None:
    leader, follower = Keeper(tls, leads=True), Keeper(tls, leads=False)
    root = leader.identity.root
    listener.path_of(tls.settings).unlink()
    assert (follower.look(), leader.look(), follower.look()) == (False, True, True)
    assert (follower.identity, follower.identity.root) == (leader.identity, root)


def test_failed_renewal_is_tried_again_and_changes_nothing(tls: Runtime, clock: Any) -> None:
    keys = Port(tls.keys)
    keeper = Keeper(replace(tls, keys=keys), leads=True)
    first = keeper.identity
    later(tls, clock, days=21)
    vars(keys)["seal"] = fail(KeyStoreError("planned"))
    assert not keeper.look()
    del vars(keys)["seal"]
    assert not keeper.look()  # a minute has not passed: a home that is out of order is not made busier
    keeper._next_try = 0.0
    assert keeper.look()
    assert keeper.identity.root == first.root


def test_follower_without_a_file_says_so(tls: Runtime) -> None:
    with pytest.raises(NoCertificateError, match="was removed"):
        Keeper(tls, leads=False)
