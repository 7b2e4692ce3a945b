"""A session token that is none of ours is refused like an unknown access key, and costs nothing that matters."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib import endpoint
from chalicelib.access import access_keys, role_sessions, roles
from chalicelib.access.access_keys import Credential
from chalicelib.api import dispatch
from chalicelib.api.sigv4 import WireRequest
from chalicelib.config import Settings
from chalicelib.identities import TokenKey
from chalicelib.keystore.kms import KmsKeyStore
from chalicelib.runtime import from_settings
from tests.faults.fault_ports import Faults, FaultyPort
from tests.support.client import client_for, sts_for
from tests.support.oidc_issuer import sign
from tests.support.ports import Port
from tests.support.roles import OWNER, assume, key_of, keys_in, make_role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.world import Clock

pytestmark = pytest.mark.laptop
SECRETS = "alias/signet-secrets"
REFUSED = ("UnrecognizedClientException", "The security token included in the request is invalid.")


@pytest.fixture
def keys(rt: Any, acm_pca: Any) -> dict[str, str]:
    """Those of a session of the role "r"."""
    make_role(rt)
    return keys_in(assume(sts_for(rt)))


def answer(rt: Any, **keys: str) -> tuple[str, str]:
    try:
        client_for(rt, **keys).list_certificate_authorities()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "", ""


def test_token_that_was_altered_in_any_bit_is_none(rt: Any, keys: dict[str, str]) -> None:
    token = keys["token"]
    assert role_sessions.opened(rt, token) is not None
    altered = {
        token[:place] + chr(ord(token[place]) ^ (1 << bit)) + token[place + 1 :]
        for place in range(len(token))
        for bit in range(7)
    }
    altered |= {
        token[:-1],
        token[:-4],
        token + "=",
        token + "A",
        token + "AAAA",
        " " + token,
        token + "\n",
        "",
        token * 2,
    }
    assert len(altered) > 2000
    assert [each for each in altered if role_sessions.opened(rt, each) is not None] == []
    assert answer(rt, **keys) == ("", "")


def test_other_spellings_of_the_same_bytes_are_none(rt: Any, keys: dict[str, str]) -> None:
    token = keys["token"]
    sealed = base64.urlsafe_b64decode(token)
    spellings = {
        base64.b64encode(sealed).decode(),
        token.rstrip("="),
        token[:40] + "\n" + token[40:],
        token[:8] + "!" + token[8:],
    }
    assert [each for each in spellings - {token} if role_sessions.opened(rt, each) is not None] == []


def other_home(tmp_path: Path, rt: Any) -> Any:
    made = replace(from_settings(Settings(data=str(tmp_path / "other"))), now=rt.now)
    make_role(made)
    return made


class Held(NamedTuple):
    """What somebody has to begin with: a home, a session's keys, and room for another home."""

    rt: Any
    keys: dict[str, str]
    path: Path

    def another(self) -> dict[str, str]:
        return keys_in(assume(sts_for(self.rt)))


REFUSALS: dict[str, Callable[[Held], dict[str, str]]] = {
    "no token": lambda held: {name: held.keys[name] for name in ("access_key_id", "secret")},
    "token of nobody": lambda held: held.keys | {"token": "token"},
    "wrong secret": lambda held: held.keys | {"secret": "x" * 40},
    "token of another session": lambda held: held.keys | {"token": held.another()["token"]},
    "id of another session": lambda held: held.keys | {"access_key_id": held.another()["access_key_id"]},
    "stored key with a token": lambda held: key_of(held.rt, "administrator") | {"token": held.keys["token"]},
    "stored key with a token of nobody": lambda held: key_of(held.rt, "administrator") | {"token": "x"},
    "another home": lambda held: keys_in(assume(sts_for(other_home(held.path, held.rt)))),
    "long token": lambda held: held.keys | {"token": held.keys["token"] * 12},
    "unknown key": lambda _: {"access_key_id": "AKIAXXXXXXXXXXXXXXXX", "secret": "x" * 40},
}


@pytest.mark.parametrize("made", REFUSALS.values(), ids=REFUSALS)
def test_token_that_is_not_the_keys_is_refused_as_an_unknown_key(
    rt: Any, keys: dict[str, str], tmp_path: Path, made: Any
) -> None:
    assert answer(rt, **made(Held(rt, keys, tmp_path))) == REFUSED


def test_refusals_cost_the_same_whatever_is_wrong(rt: Any, keys: dict[str, str], tmp_path: Path) -> None:
    """So their time tells nothing either; opening a token is no call of a port."""
    wanted = {name: make(Held(rt, keys, tmp_path)) for name, make in REFUSALS.items()}
    faults = Faults()
    store = Port(FaultyPort(rt.store, "store", faults), list_access_keys=rt.store.list_access_keys)
    watched = replace(rt, store=store, keys=FaultyPort(rt.keys, "keys", faults))
    costs = {}
    for name, each in [*wanted.items(), *wanted.items()]:  # first a key that exists has to be found
        faults.seen.clear()
        answer(watched, **each)
        costs[name] = tuple(sorted((site.port, site.method) for site in faults.seen))
    assert set(costs.values()) == {(("keys", "unseal"), ("store", "get_access_key"), ("store", "get_access_key"))}


@pytest.fixture
def by_kms(rt: Any, acm_pca: Any, aws: None) -> Any:
    """The home with its secrets sealed by KMS, and no access key yet."""
    rt.store.delete_access_key(access_keys.ensure_root_key(rt).access_key_id)
    kms = boto3.client("kms", region_name="us-east-1")
    kms.create_alias(AliasName=SECRETS, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    return replace(rt, keys=KmsKeyStore("us-east-1", secrets_key=SECRETS), known={})


def test_tokens_of_nobody_spend_no_call_of_kms(by_kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_role(by_kms)
    keys = keys_in(assume(sts_for(by_kms, **key_of(by_kms, "administrator"))))
    fresh = replace(by_kms, keys=KmsKeyStore("us-east-1", secrets_key=SECRETS), known={})  # another process
    counted: list[str] = []
    call = fresh.keys._call

    def counting(method: str, **parameters: Any) -> Any:
        counted.append(method)
        return call(method, **parameters)

    monkeypatch.setattr(fresh.keys, "_call", counting)
    dispatch._any_key.cache_clear()
    for number in range(50):
        assert answer(fresh, **keys | {"token": f"{keys['token'][:-8]}{number:06d}=="}) == REFUSED
    assert counted == ["decrypt"]  # one data key sealed the token key, and the secret that equalizes
    for _ in range(10):
        assert answer(fresh, **keys) == ("", "")
    assert counted == ["decrypt"]


def test_identity_token_of_nobody_costs_one_look(rt: Any, acm_pca: Any, clock: Clock) -> None:
    """Whoever has no key may send as many as they like: nothing is fetched, nothing written, no key opened."""
    faults = Faults()
    watched = replace(rt, store=FaultyPort(rt.store, "store", faults), keys=FaultyPort(rt.keys, "keys", faults))
    now = int(clock().timestamp())
    claims = {"iss": "https://issuer.example", "aud": "sts.amazonaws.com", "sub": "x", "iat": now, "exp": now + 60}
    sts = sts_for(watched, **key_of(rt, "administrator"))
    for _ in range(10):
        faults.seen.clear()
        with pytest.raises(ClientError, match="InvalidIdentityToken"):
            sts.assume_role_with_web_identity(
                RoleArn=f"arn:aws:iam::{OWNER}:role/r", RoleSessionName="s1", WebIdentityToken=sign(claims)
            )
        assert [(site.port, site.method) for site in faults.seen] == [("store", "get_entity")]


# the store


def test_token_key_of_another_home_opens_nothing(rt: Any, keys: dict[str, str], clock: Any) -> None:
    """Whoever writes the table, but cannot open the keystore, makes no token."""
    kept = rt.store.get_entity(TokenKey, "", "1")
    sealed = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id).sealed_secret
    rt.store.update_entity(kept, replace(kept, sealed=sealed))
    clock.forward(seconds=6)
    assert answer(rt, **keys)[0] == "ServiceUnavailable"


def test_token_key_that_is_deleted_ends_all_sessions(rt: Any, keys: dict[str, str], clock: Any) -> None:
    rt.store.delete_entity(rt.store.get_entity(TokenKey, "", "1"))
    clock.forward(seconds=6)
    assert answer(rt, **keys) == REFUSED
    again = keys_in(assume(sts_for(rt)))
    assert answer(rt, **again) == ("", "")
    assert answer(rt, **keys) == REFUSED


def test_two_processes_make_one_token_key(rt: Any) -> None:
    role, elsewhere = make_role(rt), replace(rt, known={})
    first = role_sessions.start(rt, role, "a", ("access-key", "x", "y"), roles.USUAL)
    second = role_sessions.start(elsewhere, role, "b", ("access-key", "x", "y"), roles.USUAL)
    assert role_sessions.opened(elsewhere, first.token) is not None
    assert role_sessions.opened(rt, second.token) is not None


def test_secrets_show_nowhere(rt: Any, keys: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    opened = role_sessions.opened(rt, keys["token"])
    assert opened is not None
    assert isinstance(opened.credential, Credential)
    started = role_sessions.start(rt, make_role(rt, "q"), "s1", ("access-key", "x", ""), roles.USUAL)
    shown = f"{opened!r} {rt.known!r} {rt!r} {rt.store.get_entity(TokenKey, '', '1')!r} {started!r}"
    for secret in (keys["secret"], keys["token"], started.token, started.credential.secret):
        assert secret not in shown
    assert keys["secret"] not in base64.urlsafe_b64decode(keys["token"]).decode("latin-1")


def test_owner_of_the_account_is_the_tokens(rt: Any, keys: dict[str, str]) -> None:
    opened = role_sessions.opened(rt, keys["token"])
    assert opened is not None
    assert opened.session.account_id == OWNER


def test_whole_network_of_a_subscriber_sends_bad_tokens_as_one(rt: Any) -> None:
    """A subscriber of IPv6 has 2^64 addresses (RFC 6177)."""
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::000000000000:role/none",
        "RoleSessionName": "job",
        "WebIdentityToken": "a.b.c",
    }
    headers = (("content-type", "application/x-www-form-urlencoded"), ("host", "x"))

    def refused(source: str) -> bool:
        request = WireRequest(
            method="POST", path="/", query="", headers=headers, body=urlencode(form).encode(), source_ip=source
        )
        return b"Too many tokens" in endpoint.handle(rt, request).body

    assert [refused(f"2001:db8:1:2::{number:x}") for number in range(60)].count(True) == 10
    assert not refused("2001:db8:1:3::1")
