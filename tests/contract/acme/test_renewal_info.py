"""Renewal information, and what an order replaces.

Source: RFC 9773.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.acme import directories, mass_revocation
from tests.support.acme_steps import certificate_id, downloaded, issued, revoke, window
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock
    from tests.support.acme_calls import AcmeClient


def test_window_lies_in_the_last_third_of_the_validity(client: AcmeClient) -> None:
    leaf = issued(client, "a.example.test")
    start, end = window(client, leaf)
    third = (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 3
    assert leaf.not_valid_after_utc - third - timedelta(seconds=1) <= start
    assert end < leaf.not_valid_after_utc


def test_revoked_certificate_is_to_be_renewed_now(client: AcmeClient, clock: Clock) -> None:
    leaf = issued(client, "a.example.test")
    assert revoke(client, leaf).status == 200
    assert window(client, leaf)[1] < clock.now


@pytest.mark.parametrize(("name", "status"), [("x", 400), ("AQID.AQ", 404), ("AQID", 400), ("AQID.AA", 400)])
def test_unknown_certificate_has_no_window(client: AcmeClient, name: str, status: int) -> None:
    assert client.get(f"renewal-info/{name}").status == status


def test_order_shows_what_it_replaces_and_replaces_it_once(client: AcmeClient) -> None:
    replaces = certificate_id(issued(client, "a.example.test", "b.example.test"))
    order = client.order("a.example.test", replaces=replaces)
    assert (order.status, order.body["replaces"]) == (201, replaces)
    again = client.order("a.example.test", replaces=replaces)
    assert (again.status, again.kind) == (409, "alreadyReplaced")
    client.finalize(order)
    assert client.order("a.example.test", replaces=replaces).kind == "alreadyReplaced"


def test_order_that_became_invalid_replaces_nothing(client: AcmeClient) -> None:
    """Nobody has looked at the order since its authorization was deactivated."""
    replaces = certificate_id(issued(client, "a.example.test"))
    order = client.order("a.example.test", replaces=replaces)
    client.post(order.body["authorizations"][0], {"status": "deactivated"})
    assert client.order("a.example.test", replaces=replaces).status == 201
    assert client.post(order.headers["Location"]).body["status"] == "invalid"


@pytest.mark.parametrize("given", [7, "", "AQID.AQ", "x" * 400])
def test_replaces_names_a_certificate(client: AcmeClient, given: Any) -> None:
    refused = client.order("a.example.test", replaces=given)
    assert (refused.status, refused.kind) == (400, "malformed")


def test_replaced_certificate_has_a_name_of_the_order_and_is_the_accounts(
    registered: Callable[..., AcmeClient],
) -> None:
    one, other = registered(), registered()
    replaces = certificate_id(issued(one, "a.example.test"))
    assert one.order("b.example.test", replaces=replaces).kind == "malformed"
    assert other.order("a.example.test", replaces=replaces).kind == "malformed"


def test_directory_with_another_ca_answers_for_certificates_of_the_former_one(
    rt: Runtime, acm_pca: Any, directory: AcmeDirectory, client: AcmeClient
) -> None:
    done = client.finalize(client.order("a.example.test"))
    url, old = done.body["certificate"], downloaded(client, done)
    second = active_root(acm_pca)
    directories.replace_authority(rt, directory.owner, directory.name, second)
    assert client.post(url).status == 200
    assert window(client, old)[0] > rt.now()  # a planned replacement hurries nobody
    new = issued(client, "a.example.test", replaces=certificate_id(old))
    record = rt.store.get_certificate(directory.ca_arn, old.serial_number)
    assert record is not None
    assert record.revoked_at is None
    assert rt.store.get_certificate(second, new.serial_number) is not None
    assert revoke(client, old).status == 200


def test_compromised_ca_hurries_clients_and_loses_what_is_replaced_or_left(
    rt: Runtime, acm_pca: Any, directory: AcmeDirectory, registered: Callable[..., AcmeClient]
) -> None:
    renewing, sleeping = registered(), registered()
    old, left = issued(renewing, "a.example.test"), issued(sleeping, "b.example.test")
    changed = directories.replace_authority(
        rt, directory.owner, directory.name, active_root(acm_pca), is_compromised=True
    )
    assert window(renewing, old)[1] < rt.now()
    new = issued(renewing, "a.example.test", replaces=certificate_id(old))
    assert window(renewing, new)[0] > rt.now()

    def revoked(leaf: x509.Certificate) -> str | None:
        record = rt.store.get_certificate(directory.ca_arn, leaf.serial_number)
        assert record is not None
        return record.revocation_reason if record.revoked_at else None

    assert (revoked(old), revoked(left)) == ("SUPERSEDED", None)
    assert mass_revocation.revoke_remaining(rt, changed) == (1, 0)
    assert revoked(left) == "SUPERSEDED"
    assert mass_revocation.revoke_remaining(rt, changed) == (0, 0)


def test_client_that_names_no_certificate_loses_what_it_replaces_all_the_same(
    rt: Runtime, acm_pca: Any, directory: AcmeDirectory, registered: Callable[..., AcmeClient]
) -> None:
    client = registered()
    old, other = issued(client, "a.example.test"), issued(client, "b.example.test")
    directories.replace_authority(rt, directory.owner, directory.name, active_root(acm_pca), is_compromised=True)
    issued(client, "a.example.test")
    revoked = [rt.store.get_certificate(directory.ca_arn, each.serial_number) for each in (old, other)]
    assert [each.revoked_at is not None for each in revoked if each] == [True, False]


def test_directory_has_a_limited_number_of_former_cas(rt: Runtime, acm_pca: Any, directory: AcmeDirectory) -> None:
    many = tuple(f"{directory.ca_arn}-{number}" for number in range(directories.MOST_FORMER))
    directories.change(rt, directory.owner, directory.name, lambda old: replace(old, former=many))
    with pytest.raises(directories.AcmeError, match="at most 20 former CAs"):
        directories.replace_authority(rt, directory.owner, directory.name, active_root(acm_pca))
