"""A fleet whose CA is compromised: what the owner does, and what each client does then (docs/runbook.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from chalicelib import runtime
from chalicelib.acme import directories
from chalicelib.cli import signet
from chalicelib.crl import publication
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.acme_steps import certificate_id, issued, window
from tests.support.authority_steps import active_root
from tests.support.builders import CRL_CONFIGURATION
from tests.support.ocsp_requests import ON, REVOKED, asked, authority, request_for
from tests.support.revocations import published, serials

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

SLEEPING = 10  # one client in so many never renews
KEY = ec.generate_private_key(ec.SECP256R1())  # of all certificates, as clients may keep their keys


@pytest.fixture
def owner(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The owner at the command line of the home."""
    monkeypatch.setattr(runtime, "from_env", lambda: rt)

    def run(*words: str) -> str:
        done = CliRunner().invoke(signet, words)
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.mark.laptop
@pytest.mark.parametrize("size", [20, pytest.param(1_000, marks=pytest.mark.long)])
def test_fleet_leaves_a_compromised_ca(
    rt: Runtime, acm_pca: Any, clock: Clock, owner: Callable[..., str], size: int
) -> None:
    old_ca, new_ca = (active_root(acm_pca, RevocationConfiguration=CRL_CONFIGURATION | ON) for _ in range(2))
    rt = replace(rt, settings=replace(rt.settings, rates="aws"))  # as on AWS
    directory = made_directory(rt, rt.settings.account_id, old_ca, "fleet")
    made = made_binding(rt, directory, "*.fleet.example.test", preauthorized=True, most_accounts=0)
    names = [f"h{number}.fleet.example.test" for number in range(size)]
    clients, before = [], []
    for name in names:
        clock.forward(seconds=1)
        client = AcmeClient(rt, "fleet")
        assert client.register(made).status == 201
        clients.append(client)
        before.append(issued(client, name, key=KEY))
    calm = [window(client, leaf)[0] > clock.now for client, leaf in zip(clients, before, strict=True)]
    assert all(calm)

    assert "issues from" in owner("acme", "directory", "replace-ca", "fleet", "--ca", new_ca, "--compromised")

    after: dict[str, x509.Certificate] = {}
    for number, (client, name, leaf) in enumerate(zip(clients, names, before, strict=True)):
        clock.forward(seconds=0.05)  # twenty a second
        assert window(client, leaf)[1] < clock.now
        if number % SLEEPING:
            after[name] = issued(client, name, key=KEY, replaces=certificate_id(leaf))
    root = authority(acm_pca, new_ca)
    verifier = PolicyBuilder().store(Store([root])).time(clock.now)
    for name, leaf in after.items():
        verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, [])
        assert ExtendedKeyUsageOID.SERVER_AUTH in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    hurried = [name for name, leaf in after.items() if window(clients[0], leaf)[0] <= clock.now]
    assert hurried == []
    revoked = [rt.store.get_certificate(old_ca, leaf.serial_number) for leaf in before]
    reasons = [each.revocation_reason for each in revoked if each is not None]
    assert reasons.count("SUPERSEDED") == len(after) == size - size // SLEEPING

    assert owner("acme", "directory", "revoke-former", "fleet") == f"revoked {size // SLEEPING}, failed 0\n"
    assert owner("acme", "directory", "revoke-former", "fleet") == "revoked 0, failed 0\n"
    clock.forward(seconds=60)
    publication.publish_due_crls(rt, seconds=60)
    crl = published(rt, old_ca)
    assert serials(crl) == {leaf.serial_number for leaf in before}
    assert {entry.extensions.get_extension_for_class(x509.CRLReason).value.reason for entry in crl} == {
        x509.ReasonFlags.superseded
    }
    assert serials(published(rt, new_ca)) == set()
    answer = asked(rt, request_for(before[0], authority(acm_pca, old_ca)))
    assert answer.certificate_status == REVOKED
    assert directories.find(rt, directory.owner, "fleet").compromised == (old_ca,)
