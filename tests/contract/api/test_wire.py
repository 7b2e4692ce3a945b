"""The wire from outside: every operation's form, and the one error exit (AWS JSON 1.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib import logs
from chalicelib.access import access_keys
from chalicelib.api import dispatch, model
from chalicelib.api.sigv4 import WireRequest
from chalicelib.buckets import BucketError
from chalicelib.keystore import KeyStoreError
from chalicelib.store import StoreError, ThrottledError
from tests.support.wire_requests import JSON, TARGET, refusal


def test_answer_has_content_type_and_request_id(rt: Any, signed: Any) -> None:
    response = dispatch.handle(rt, signed())
    assert (response.status, response.body) == (200, b'{"CertificateAuthorities":[]}')
    assert response.headers["Content-Type"] == JSON[1]
    assert len(response.headers["x-amzn-RequestId"]) == 36


WIRE_REFUSALS: dict[str, tuple[tuple[tuple[str, str], ...], bytes, str, int]] = {
    "no target": ((JSON,), b"{}", "UnknownOperationException", 400),
    "unknown operation": ((JSON, ("x-amz-target", "ACMPrivateCA.Nothing")), b"{}", "UnknownOperationException", 400),
    "other service": (
        (JSON, ("x-amz-target", "DynamoDB_20120810.ListTables")),
        b"{}",
        "UnknownOperationException",
        400,
    ),
    "content type": ((("content-type", "text/xml"), TARGET), b"{}", "SerializationException", 400),
    "no content type": ((TARGET,), b"{}", "SerializationException", 400),
    "unsigned": ((JSON, TARGET), b"{}", "MissingAuthenticationTokenException", 400),
    "too long": ((JSON, TARGET), b" " * (5 * 1024 * 1024 + 1), "RequestEntityTooLargeException", 413),
}


@pytest.mark.parametrize("case", WIRE_REFUSALS)
def test_request_that_is_not_the_service_s_is_refused_by_name(rt: Any, case: str) -> None:
    headers, body, code, status = WIRE_REFUSALS[case]
    response = dispatch.handle(rt, WireRequest(method="POST", path="/", query="", headers=headers, body=body))
    assert (refusal(response), response.status) == (code, status)


@pytest.mark.parametrize("place", ["method", "path", "query", "headers"])
def test_request_with_half_a_character_is_refused_by_name(rt: Any, signed: Any, place: str) -> None:
    """Lone surrogates cannot be hashed; a gateway that passes them on must not bring out a 5xx."""
    good = signed()
    changed = tuple((name, "\ud800" if name == "host" else value) for name, value in good.headers)
    odd: Any = changed if place == "headers" else "\ud800"
    response = dispatch.handle(rt, replace(good, **{place: odd}))
    assert (response.status, refusal(response)[-18:]) == (400, "SignatureException")


class Lookups:
    """A store that notes whether each access key asked for was there."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.found: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_access_key(self, access_key_id: str) -> Any:
        key = self._store.get_access_key(access_key_id)
        self.found.append(key is not None)
        return key


def test_unknown_key_and_wrong_secret_cost_the_same_lookups(rt: Any, signed: Any) -> None:
    """One key that is there and one that is not, for either refusal; and an honest client pays for one only."""
    store = Lookups(rt.store)
    watched = replace(rt, store=store)
    good = signed()
    key_id = access_keys.ensure_root_key(rt).access_key_id
    swaps = {"wrong secret": (good.header("authorization")[-64:], "0" * 64), "unknown key": (key_id, "AKIA" + "X" * 16)}
    for old, new in swaps.values():
        store.found.clear()
        headers = tuple((name, value.replace(old, new)) for name, value in good.headers)
        assert refusal(dispatch.handle(watched, replace(good, headers=headers))) == "UnrecognizedClientException"
        assert sorted(store.found) == [False, True]
    store.found.clear()
    assert dispatch.handle(watched, good).status == 200
    assert store.found == [True]


def test_unknown_key_where_there_is_none_at_all_is_refused(rt: Any, signed: Any) -> None:
    good = signed()
    rt.store.delete_access_key(access_keys.ensure_root_key(rt).access_key_id)
    for _ in range(2):
        assert refusal(dispatch.handle(rt, good)) == "UnrecognizedClientException"


def test_operation_of_the_model_that_is_not_there_says_so(rt: Any, signed: Any) -> None:
    response = dispatch.handle(rt, signed(target="ACMPrivateCA.ListPermissions"), operations={})
    assert refusal(response) == "UnknownOperationException"
    assert b"not available here yet" in response.body


OUTAGES = {
    "store": (StoreError("secret detail"), "ServiceUnavailable", 503),
    "throttled": (ThrottledError("secret detail"), "ThrottlingException", 400),
    "keys": (KeyStoreError("secret detail"), "ServiceUnavailable", 503),
    "buckets": (BucketError("secret detail"), "ServiceUnavailable", 503),
    "bug": (ZeroDivisionError("secret detail"), "InternalFailure", 500),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_error_that_is_not_the_client_s_is_answered_without_detail(
    rt: Any, signed: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    error, code, status = OUTAGES[case]

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(logs.LOGGER, "propagate", True)
    response = dispatch.handle(rt, signed(), operations={"ListCertificateAuthorities": fail})
    assert (refusal(response), response.status) == (code, status)
    assert b"secret detail" not in response.body
    assert "secret detail" in caplog.text
    if status != 500:
        assert response.headers["Retry-After"] == "1"


def test_every_operation_of_the_table_is_in_the_model() -> None:
    assert set(dispatch.OPERATIONS) == set(model.operations())
    assert len(dispatch.OPERATIONS) == 23


def test_another_account_sees_nothing(acm_pca: Any, rt: Any) -> None:
    from tests.support.authority_steps import active_root, issue
    from tests.support.client import client_for
    from tests.support.refusals import refusal as refused

    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    made = access_keys.create_access_key(rt, "111111111111")
    stranger = client_for(rt, access_key_id=made.access_key_id, secret=made.secret)
    assert stranger.list_certificate_authorities()["CertificateAuthorities"] == []
    named = {"CertificateAuthorityArn": arn}
    csr = {"Csr": b"x", "SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 1}}
    revocation = {"CertificateSerial": "01", "RevocationReason": "SUPERSEDED"}
    calls: dict[str, dict[str, Any]] = {
        "describe_certificate_authority": {},
        "get_certificate_authority_csr": {},
        "get_certificate_authority_certificate": {},
        "import_certificate_authority_certificate": {"Certificate": b"x"},
        "issue_certificate": csr,
        "get_certificate": {"CertificateArn": issued},
        "revoke_certificate": revocation,
        "update_certificate_authority": {"Status": "DISABLED"},
        "delete_certificate_authority": {},
        "restore_certificate_authority": {},
        "list_tags": {},
        "tag_certificate_authority": {"Tags": [{"Key": "a"}]},
        "untag_certificate_authority": {"Tags": [{"Key": "a"}]},
    }
    missing = arn[:-12] + "000000000000"
    for method, more in calls.items():
        found = refused(getattr(stranger, method), **named, **more)
        other = refused(getattr(stranger, method), **named | {"CertificateAuthorityArn": missing}, **more)
        assert found[0] == "AccessDeniedException", method
        assert found[1].replace(arn, "ARN") == other[1].replace(missing, "ARN"), method
