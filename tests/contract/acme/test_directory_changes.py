"""What a change of a directory does to its bindings, accounts and orders; and a directory that is disabled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access import principals
from chalicelib.acme import bindings, directories, protocol
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import Profile
from tests.support.acme_calls import AcmeClient, made_binding, made_directory

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime

TLS, SHORT = directories.DEFAULT_PROFILES


def changed(rt: Runtime, directory: AcmeDirectory, **members: Any) -> AcmeDirectory:
    return directories.change(rt, directory.owner, directory.name, lambda old: replace(old, **members))


# profiles


def test_pending_order_of_a_removed_profile_ends_as_invalid(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    orders = {name: client.order("a.example.test", profile=name) for name in ("tlsserver", "shortlived")}
    changed(rt, directory, profiles=(TLS,))
    ended = client.finalize(orders["shortlived"])
    assert (ended.status, ended.body["status"]) == (200, "invalid")
    assert ended.body["error"]["type"].endswith(":invalidProfile")
    assert ended.body["error"]["detail"] == "The directory has no profile shortlived any more."
    shown = client.post(orders["shortlived"].headers["Location"])
    assert shown.body["error"] == ended.body["error"]
    assert client.finalize(orders["shortlived"]).kind == "orderNotReady"
    assert client.finalize(orders["tlsserver"]).body["status"] == "valid"
    refused = client.order("a.example.test", profile="shortlived")
    assert (refused.kind, refused.body["detail"]) == (
        "invalidProfile",
        "The account may use these profiles: tlsserver.",
    )
    requested = [each for each in rt.store.list_certificates(directory.ca_arn) if "acme:" in str(each.requested_by)]
    assert len(requested) == 1


def test_profile_that_a_binding_allows_is_not_removed(rt: Runtime, directory: AcmeDirectory) -> None:
    other = made_directory(rt, directory.owner, directory.ca_arn, "other")
    made_binding(rt, other, allowed_profiles=("shortlived",))
    made_binding(rt, directory)
    name = made_binding(rt, directory, allowed_profiles=("tlsserver", "shortlived")).binding.name
    with pytest.raises(AcmeError) as caught:
        changed(rt, directory, profiles=(TLS,))
    rule = (
        f"The external account binding {name} allows the profile shortlived: revoke the binding, or keep the profile."
    )
    assert (str(caught.value), caught.value.part) == (rule, "profiles")
    longer = SHORT._replace(hours=170)
    assert changed(rt, directory, profiles=(longer, TLS)).profiles == (longer, TLS)  # it keeps its name
    bindings.revoke(rt, directory, name)
    assert changed(rt, directory, profiles=(TLS,)).profiles == (TLS,)


def test_binding_of_a_profile_that_is_gone_can_be_revoked(rt: Runtime, directory: AcmeDirectory) -> None:
    """It is made while the profile is removed."""
    binding = made_binding(rt, directory, allowed_profiles=("shortlived",), preauthorized=True)
    client = AcmeClient(rt, directory.name)
    rt.store.update_entity(directory, replace(directory, profiles=(TLS,)))
    assert client.register(binding).status == 201
    assert client.order("a.example.test").body["detail"] == "The account may use these profiles: none."
    assert not bindings.revoke(rt, directory, binding.binding.name).active
    with pytest.raises(AcmeError, match="has no profile other"):
        bindings.change(
            rt, directory, binding.binding.name, lambda old: replace(old, allowed_profiles=("tlsserver", "other"))
        )


def test_shorter_profile_limits_the_times_that_a_pending_order_asks_for(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    asked = {"profile": "tlsserver", "notAfter": (rt.now() + timedelta(days=80)).isoformat()}
    orders = [client.order("a.example.test", **asked) for _ in range(2)]
    assert client.finalize(orders[0]).body["status"] == "valid"
    changed(rt, directory, profiles=(TLS._replace(hours=8), SHORT))
    assert client.finalize(orders[1]).body["status"] == "valid"
    found = [each for each in rt.store.list_certificates(directory.ca_arn) if "acme:" in str(each.requested_by)]
    assert sorted(each.not_after for each in found) == [rt.now() + timedelta(hours=8), rt.now() + timedelta(days=80)]


# who may order


def test_account_without_a_binding_orders_nothing_once_one_is_required(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    changed(rt, directory, binding_required=False)
    unbound = AcmeClient(rt, directory.name)
    assert unbound.register().status == 201
    assert unbound.order("a.example.test").status == 201
    changed(rt, directory, binding_required=True)
    refused = unbound.order("a.example.test")
    assert (refused.status, refused.kind) == (403, "unauthorized")
    assert "requires an external account binding, and the account has none" in refused.body["detail"]
    assert client.order("a.example.test").status == 201


def test_changed_names_count_for_orders_that_are_there(rt: Runtime, directory: AcmeDirectory) -> None:
    changed(rt, directory, binding_required=False, names=("*.example.test",))
    unbound = AcmeClient(rt, directory.name)
    unbound.register()
    order = unbound.order("a.example.test")
    acme_id, authorization_id = (each.rpartition("/")[2] for each in (unbound.kid, order.body["authorizations"][0]))
    (authorization,) = rt.store.get_acme_authorizations(acme_id, [authorization_id])
    assert authorization is not None
    rt.store.update_acme_authorization(authorization, replace(authorization, status="valid"))
    changed(rt, directory, names=("*.example.org",))
    assert unbound.order("a.example.test").kind == "rejectedIdentifier"
    assert unbound.finalize(order).kind == "rejectedIdentifier"


# a disabled directory


def test_disabled_directory_answers_nothing_until_it_is_enabled(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    pending = client.order("a.example.test")
    changed(rt, directory, active=False)
    for resource in protocol.RESOURCES:
        for method in ("GET", "HEAD", "POST"):
            got = client.send(method, client.url(resource.replace("*", "0")), b"{}")
            assert (got.status, got.headers["Content-Type"]) == (404, "application/problem+json"), resource
            assert got.body["detail"] == "There is no such ACME directory."
            assert "Replay-Nonce" not in got.headers
    changed(rt, directory, active=True)
    assert client.finalize(pending).body["status"] == "valid"


def test_disabled_directory_has_failed_for_the_management_api(
    rt: Runtime, acm: Any, endpoint: str, directory: AcmeDirectory
) -> None:
    changed(rt, directory, active=False)
    (shown,) = [each for each in acm.list_acme_endpoints()["AcmeEndpoints"] if each["AcmeEndpointArn"] != endpoint]
    assert (shown["Status"], shown["FailureReason"]) == ("FAILED", "The directory is disabled.")
    described = acm.describe_acme_endpoint(AcmeEndpointArn=shown["AcmeEndpointArn"])["AcmeEndpoint"]
    assert (described["Status"], described["FailureReason"]) == ("FAILED", "The directory is disabled.")
    acm.update_acme_endpoint(AcmeEndpointArn=shown["AcmeEndpointArn"], Contact="REQUIRED")
    found = directories.find(rt, directory.owner, directory.name)
    assert (found.active, found.contact_required) == (False, True)


def test_directory_whose_principal_is_gone_can_be_disabled(rt: Runtime, directory: AcmeDirectory) -> None:
    principals.create(rt, directory.owner, "web-team")
    changed(rt, directory, principal="web-team")
    principals.delete(rt, directory.owner, "web-team")
    assert not changed(rt, directory, active=False).active
    assert changed(rt, directory, principal="").principal == "administrator"
    with pytest.raises(AcmeError, match="web-team"):
        changed(rt, directory, principal="web-team")


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"profiles": (Profile("a", "Nothing", 1),)}, "profiles"),
        ({"profiles": (TLS, TLS)}, "profiles"),
        ({"names": ("b!",)}, "names"),
        ({"terms": "ftp://example.test/"}, "terms"),
        ({"principal": "nobody"}, "principal"),
        ({"ca_arn": "x"}, "ca"),
    ],
)
def test_invalid_change_is_refused(rt: Runtime, directory: AcmeDirectory, members: dict[str, Any], part: str) -> None:
    with pytest.raises(AcmeError) as caught:
        changed(rt, directory, **members)
    assert caught.value.part == part
    assert directories.find(rt, directory.owner, directory.name) == directory
