"""Roles by OIDC tokens: a job of CI needs no stored secret (AWS STS, AssumeRoleWithWebIdentity).

The issuer is a server on this machine, whose tokens have the form of GitHub Actions'.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from chalicelib.access import oidc_providers, presets, roles
from chalicelib.access.principals import PrincipalError
from tests.support.authority_steps import active_root, issue
from tests.support.client import client_for
from tests.support.home import ROOT
from tests.support.oidc_issuer import AUDIENCE, KEYS, SUBJECT, Issuer, by_hmac, sign, sign_eddsa
from tests.support.oidc_steps import INVALID, ROLE, STRANGER, believe, exchange, outcome, trusts
from tests.support.roles import OWNER, keys_in, make_role, trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop
LEAF = "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"


def test_token_gives_ten_minutes_of_issuing(rt: Runtime, acm_pca: Any, issuer: Issuer, clock: Any) -> None:
    ca = active_root(acm_pca)
    believe(rt, issuer)
    policy = presets.policy_of("issuer", [ca], [LEAF])
    role = make_role(rt, "ci", trusts=trusts(issuer), policy=policy, max_session=timedelta(minutes=10))
    answer = exchange(rt, issuer.token(clock()))
    provider = f"arn:aws:iam::{OWNER}:oidc-provider/{issuer.name}"
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"], answer["Provider"]) == (
        SUBJECT,
        AUDIENCE,
        provider,
    )
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role.role_id}:job-1"
    client = client_for(rt, **keys_in(answer))
    for _ in range(10):
        issue(client, ca, TemplateArn=LEAF)
        clock.forward(seconds=59)
    clock.forward(seconds=10)
    with pytest.raises(ClientError) as caught:
        issue(client, ca, TemplateArn=LEAF)
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "Ed25519"])
def test_token_of_every_algorithm_is_verified(rt: Runtime, ready: Issuer, clock: Any, alg: str) -> None:
    good = sign(ready.claims(clock()), alg=alg)
    assert outcome(rt, good) == ("", "")
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(ready.claims(clock(), sub="x")).encode()).decode().rstrip("=")
    assert outcome(rt, f"{head}.{other}.{signature}")[0] == "InvalidIdentityToken"
    flipped = signature[:9] + ("A" if signature[9] != "A" else "B") + signature[10:]
    assert outcome(rt, f"{head}.{body}.{flipped}")[0] == "InvalidIdentityToken"


def test_eddsa_is_ed25519_by_its_former_name(rt: Runtime, ready: Issuer, clock: Any) -> None:
    assert outcome(rt, sign_eddsa(ready.claims(clock()))) == ("", "")


RSA = KEYS["RS256"]
assert isinstance(RSA, RSAKey)
RSA_PEM = RSA.as_pem(private=False)


def with_segments(token: str, header: Any = None, payload: Any = None) -> str:
    """A token with another header or payload, and the signature as it was."""
    parts = token.split(".")
    for place, content in ((0, header), (1, payload)):
        if content is not None:
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            parts[place] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return ".".join(parts)


def at(issuer: Issuer, now: Any, **claims: Any) -> str:
    """A token whose times are moved by seconds."""
    moment = int(now.timestamp())
    return issuer.token(now, **{name: moment + seconds for name, seconds in claims.items()})


REFUSED: dict[str, tuple[Callable[[Issuer, Any], str], str, str]] = {
    "audience": (lambda o, now: o.token(now, aud="https://github.com/org"), INVALID, "Incorrect token audience"),
    "no audience": (lambda o, now: o.token(now, aud=None), INVALID, "aud"),
    "empty audiences": (lambda o, now: o.token(now, aud=[]), INVALID, "Incorrect token audience"),
    "audience in another case": (lambda o, now: o.token(now, aud=AUDIENCE.upper()), INVALID, "audience"),
    "subject": (lambda o, now: o.token(now, sub="repo:org/other:ref:refs/heads/main"), "AccessDenied", "Not auth"),
    "subject that begins so": (lambda o, now: o.token(now, sub=SUBJECT + "2"), "AccessDenied", "Not authorized"),
    "no subject": (lambda o, now: o.token(now, sub=None), INVALID, "sub"),
    "empty subject": (lambda o, now: o.token(now, sub=""), INVALID, "sub"),
    "long subject": (lambda o, now: o.token(now, sub="x" * 256), INVALID, "sub"),
    "subject that is a list": (lambda o, now: o.token(now, sub=[SUBJECT]), INVALID, "not text"),
    "issuer": (lambda o, now: o.token(now, iss="https://token.example"), INVALID, "No OpenIDConnect provider"),
    "issuer with a slash": (lambda o, now: o.token(now, iss=o.url + "/"), INVALID, "No OpenIDConnect provider"),
    "issuer by https": (lambda o, now: o.token(now, iss=f"https://{o.name}"), INVALID, "No OpenIDConnect provider"),
    "issuer without scheme": (lambda o, now: o.token(now, iss=o.name), INVALID, "No OpenIDConnect provider"),
    "half a character in the issuer": (lambda o, now: o.token(now, iss="https://\udfff.example"), INVALID, "JSON"),
    "half a character in the subject": (lambda o, now: o.token(now, sub="\ud800"), INVALID, "JSON"),
    "no issuer": (lambda o, now: o.token(now, iss=None), INVALID, "iss"),
    "long issuer": (lambda o, now: o.token(now, iss="https://" + "x" * 3000), INVALID, "No OpenIDConnect provider"),
    "expired": (lambda o, now: at(o, now, exp=-31), "ExpiredTokenException", "Token expired"),
    "no expiry": (lambda o, now: o.token(now, exp=None), INVALID, "exp"),
    "no time of issue": (lambda o, now: o.token(now, iat=None), INVALID, "iat"),
    "not yet valid": (lambda o, now: at(o, now, nbf=60), INVALID, "not valid yet"),
    "issued in the future": (lambda o, now: at(o, now, iat=60), INVALID, "not valid yet"),
    "expiry that is text": (lambda o, now: o.token(now, exp="9999999999"), INVALID, "number of seconds"),
    "expiry that is true": (lambda o, now: o.token(now, exp=True), INVALID, "number of seconds"),
    "expiry without end": (lambda o, now: sign(json.dumps(o.claims(now, exp=float("inf"))).encode()), INVALID, "JSON"),
    "huge expiry": (lambda o, now: o.token(now, exp=10**300), INVALID, "number of seconds"),
    "negative start": (lambda o, now: o.token(now, nbf=-1), INVALID, "number of seconds"),
    "another key of the same id": (lambda o, now: sign(o.claims(now), key=STRANGER), INVALID, "signature"),
    "unknown key": (lambda o, now: sign(o.claims(now), kid="other"), INVALID, "no key"),
    "key of another type": (lambda o, now: sign(o.claims(now), kid="p-256"), INVALID, "no key"),
    "kid that is a number": (
        lambda o, now: with_segments(o.token(now), header={"alg": "RS256", "kid": 1}), INVALID, "kid",
    ),
    "no kid, several keys": (lambda o, now: sign(o.claims(now), alg="RS256", kid=None) + "x", INVALID, "signature"),
    "alg none": (lambda o, now: with_segments(o.token(now), header={"alg": "none", "kid": "rsa"}), INVALID, "alg"),
    "alg none, no signature": (
        lambda o, now: with_segments(o.token(now), header={"alg": "none"}).rpartition(".")[0] + ".", INVALID, "JWT"
    ),
    "alg NoNe": (lambda o, now: with_segments(o.token(now), header={"alg": "NoNe"}), INVALID, "alg"),
    "no alg": (lambda o, now: with_segments(o.token(now), header={"kid": "rsa"}), INVALID, "alg"),
    "HS256 with the public key": (
        lambda o, now: by_hmac(o.claims(now), RSA_PEM), INVALID, "alg",
    ),
    "HS256 with the modulus": (
        lambda o, now: by_hmac(o.claims(now), str(RSA.as_dict()["n"]).encode()), INVALID, "alg",
    ),
    "PS256": (lambda o, now: sign(o.claims(now), alg="PS256", key=KEYS["RS256"]), INVALID, "alg"),
    "RS384 said to be RS256": (
        lambda o, now: with_segments(sign(o.claims(now), alg="RS384"), header={"alg": "RS256", "kid": "rsa"}),
        INVALID, "signature",
    ),
    "own key in the header": (
        lambda o, now: sign(o.claims(now), key=STRANGER, jwk=STRANGER.as_dict(private=False)), INVALID, "signature",
    ),
    "critical extension": (
        lambda o, now: with_segments(o.token(now), header={"alg": "RS256", "crit": ["b64"]}), INVALID, "extensions",
    ),
    "member twice": (
        lambda o, now: sign(json.dumps(o.claims(now)).encode()[:-1] + b', "sub": "' + SUBJECT.encode() + b'"}'),
        INVALID, "JSON",
    ),
    "claims that are a list": (lambda *_: sign(b"[]"), INVALID, "JSON"),
    "claims that are deep": (lambda *_: sign(b'{"a":' + b"[" * 6500 + b"]" * 6500 + b"}"), INVALID, "JSON"),
    "no JSON": (lambda *_: sign(b"x"), INVALID, "JSON"),
    "four parts": (lambda o, now: o.token(now) + ".x", INVALID, "JWT"),
    "padded": (lambda o, now: o.token(now).replace(".", "=.", 1), INVALID, "JWT"),
    "words": (lambda *_: "token", INVALID, "JWT"),
    "long header": (lambda o, now: sign(o.claims(now), x="y" * 4000), INVALID, "too long"),
}  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_token_is_refused_by_name(rt: Runtime, ready: Issuer, clock: Any, refused: Any) -> None:
    forge, code, text = refused
    found = outcome(rt, forge(ready, clock()))
    assert found[0] == code
    assert text in found[1]
    assert outcome(rt, ready.token(clock())) == ("", "")


def test_clocks_may_differ_by_half_a_minute(rt: Runtime, ready: Issuer, clock: Any) -> None:
    assert outcome(rt, at(ready, clock(), exp=-25)) == ("", "")
    assert outcome(rt, at(ready, clock(), nbf=25, iat=25)) == ("", "")


def test_token_for_several_audiences_needs_one(rt: Runtime, ready: Issuer, clock: Any) -> None:
    assert outcome(rt, ready.token(clock(), aud=["other", AUDIENCE])) == ("", "")
    assert outcome(rt, ready.token(clock(), aud=["other"]))[0] == INVALID


def denying(issuer: Issuer, principal: Any) -> str:
    """The trust policy with a statement that denies."""
    deny = {"Effect": "Deny", "Principal": principal, "Action": "sts:*"}
    return json.dumps({"Statement": [*json.loads(trusts(issuer))["Statement"], deny]})


ROLES: dict[str, tuple[Callable[[Issuer], str], bool]] = {
    "the whole organization": (lambda o: trusts(o, "repo:org/*"), True),
    "another branch": (lambda o: trusts(o, "repo:org/repo:ref:refs/heads/dev"), False),
    "another audience": (lambda o: trusts(o, StringEquals={f"{o.name}:aud": "other"}), False),
    "a claim that nobody judges": (lambda o: trusts(o, Bool={f"{o.name}:repository": "org/repo"}), False),
    "the session's name": (lambda o: trusts(o, StringNotLike={"sts:RoleSessionName": "job-*"}), False),
    "the source": (lambda o: trusts(o, IpAddress={"aws:SourceIp": "192.0.2.0/24"}), False),
    "principals alone": (lambda _: trust({"AWS": OWNER}, "sts:*"), False),
    "AssumeRole alone": (lambda o: trusts(o).replace("WithWebIdentity", ""), False),
    "another issuer": (lambda o: trusts(o).replace(f"provider/{o.name}", "provider/issuer.example").replace(
        f"{o.name}:sub", "issuer.example:sub"), False),
    "everybody denied": (lambda o: denying(o, "*"), False),
    "its provider denied": (
        lambda o: denying(o, {"Federated": f"arn:aws:iam::{OWNER}:oidc-provider/{o.name}"}), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROLES.values(), ids=ROLES)
def test_trust_policy_decides_whose_tokens_it_takes(
    rt: Runtime, acm_pca: Any, issuer: Issuer, clock: Any, row: Any
) -> None:
    policy, allowed = row
    believe(rt, issuer)
    make_role(rt, "ci", trusts=policy(issuer))
    assert outcome(rt, issuer.token(clock()))[0] == ("" if allowed else "AccessDenied")


def test_missing_role_is_refused_like_one_that_does_not_trust(rt: Runtime, ready: Issuer, clock: Any) -> None:
    make_role(rt, "other", trusts=trusts(ready, "repo:org/x"))
    token = ready.token(clock())
    texts = {outcome(rt, token, role=f"arn:aws:iam::{OWNER}:role/{name}") for name in ("other", "none")}
    assert texts == {("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")}
    elsewhere = outcome(rt, token, role="arn:aws:iam::111111111111:role/ci")
    assert elsewhere[0] == INVALID


def test_session_is_limited_as_every_other(rt: Runtime, ready: Issuer, clock: Any) -> None:
    assert outcome(rt, ready.token(clock()), DurationSeconds=3601)[0] == "ValidationError"
    assert outcome(rt, ready.token(clock()), Policy="{}")[0] == "MalformedPolicyDocument"
    assert outcome(rt, ready.token(clock()), ProviderId="www.amazon.com")[0] == "ValidationError"
    assert (
        outcome(rt, ready.token(clock()), PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])[0]
        == "ValidationError"
    )
    limit = '{"Statement":{"Effect":"Allow","Action":"acm-pca:ListTags","Resource":"*"}}'
    answer = exchange(rt, ready.token(clock()), DurationSeconds=900, Policy=limit)
    assert answer["Credentials"]["Expiration"] <= clock() + timedelta(seconds=900)
    with pytest.raises(ClientError, match="no session policy allows"):
        client_for(rt, **keys_in(answer)).list_certificate_authorities()


def test_session_ends_with_its_provider(rt: Runtime, ready: Issuer, clock: Any) -> None:
    keys = keys_in(exchange(rt, ready.token(clock())))
    elsewhere = replace(rt, known={}, issuers={})
    for process in (elsewhere, rt):
        client_for(process, **keys).list_certificate_authorities()
    oidc_providers.delete(rt, OWNER, ready.url)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client_for(rt, **keys).list_certificate_authorities()
    assert outcome(rt, ready.token(clock()))[0] == INVALID
    clock.forward(seconds=5)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client_for(elsewhere, **keys).list_certificate_authorities()
    believe(rt, ready)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        client_for(rt, **keys).list_certificate_authorities()
    roles.delete(rt, OWNER, "ci")
    assert outcome(rt, ready.token(clock()))[0] == "AccessDenied"


def test_tokens_that_were_verified_are_recorded_and_others_counted(rt: Runtime, ready: Issuer, clock: Any) -> None:
    """The record tells whose token it was, and holds neither the token nor the session's secrets."""
    outcome(rt, ready.token(clock(), aud="other"))
    token, denied = ready.token(clock()), ready.token(clock(), sub="repo:org/fork")
    answer = exchange(rt, token)
    outcome(rt, denied)
    clock.forward(minutes=2)
    outcome(rt, "x.y.z")
    found = [each.record for each in rt.audit.newest(OWNER, now=clock())]
    mine = [each for each in found if each["eventName"] == "AssumeRoleWithWebIdentity"]
    ends = [each for each in mine if "outcome" in each["additionalEventData"]]
    assert [each["additionalEventData"]["outcome"] for each in ends] == ["denied", "allowed"]
    trusting = {"effect": "Allow", "policies": "resource", "statement": "statement 1 of the trust policy"}
    nothing = {"effect": None, "policies": "resource", "statement": None}
    assert [each["additionalEventData"]["decision"] for each in ends] == [nothing, trusting]
    assert ends[1]["userIdentity"] == {
        "type": "WebIdentityUser",
        "arn": f"arn:aws:iam::{OWNER}:oidc-provider/{ready.name}",
        "accountId": OWNER,
        "userName": SUBJECT,
    }
    assert ends[1]["eventSource"] == "sts.amazonaws.com"
    assert ends[1]["requestParameters"] == {"roleArn": ROLE, "roleSessionName": "job-1"}
    assert ends[1]["responseElements"] == {"credentials": {"accessKeyId": answer["Credentials"]["AccessKeyId"]}}
    assert [each["eventName"] for each in found].count("RefuseUnauthenticated") == 2
    text = json.dumps(found)
    for secret in (token, denied, answer["Credentials"]["SecretAccessKey"], answer["Credentials"]["SessionToken"]):
        assert secret not in text


def test_who_sends_many_bad_tokens_has_to_wait(rt: Runtime, ready: Issuer, clock: Any) -> None:
    for _ in range(50):
        assert outcome(rt, "x.y.z")[0] == INVALID
    assert outcome(rt, ready.token(clock()))[0] == "Throttling"
    clock.forward(seconds=1)
    for _ in range(10):  # only what fails counts
        assert outcome(rt, ready.token(clock())) == ("", "")


def test_sources_that_have_waited_make_room_for_others(rt: Runtime, ready: Issuer, clock: Any) -> None:
    """Else whoever has many addresses makes all new sources share one bucket, and empties that."""
    for number in range(10_000):
        rt.rate_tokens["web-identity", f"from {number}"] = (49.0, clock())
    rt.rate_tokens["web-identity", "others"] = (0.0, clock())
    assert outcome(rt, ready.token(clock()))[0] == "Throttling"
    clock.forward(seconds=1)
    rt.rate_tokens["web-identity", "others"] = (0.0, clock())
    assert outcome(rt, ready.token(clock())) == ("", "")


# providers

NOT_BELIEVED: dict[str, tuple[dict[str, Any], str]] = {
    "http": ({"url": "http://issuer.example"}, "https://"),
    "no URL": ({"url": "issuer.example"}, "must be like"),
    "query": ({"url": "https://issuer.example/?a=b"}, "must be like"),
    "user": ({"url": "https://user@issuer.example"}, "must be like"),
    "upper case": ({"url": "https://Issuer.example"}, "must be like"),
    "port": ({"url": "https://issuer.example:99999"}, "must be like"),
    "port 0": ({"url": "https://issuer.example:0"}, "must be like"),
    "long": ({"url": "https://issuer.example/" + "x" * 250}, "must be like"),
    "address": ({"url": "https://169.254.169.254"}, "must name a host"),
    "address in hex": ({"url": "https://0x7f.1"}, "must name a host"),
    "this machine": ({"url": "https://localhost:8443"}, "must name a host"),
    "elsewhere as this machine": ({"url": "http://issuer.example", "on_this_machine": True}, "Only the laptop home"),
    "no audience": ({"audiences": []}, "audiences"),
    "empty audience": ({"audiences": [""]}, "audiences"),
    "audience with a space": ({"audiences": ["a b"]}, "audiences"),
    "many audiences": ({"audiences": ["a"] * 101}, "audiences"),
    "keys": ({"jwks": "{"}, "cannot be read"),
    "keys of no use": ({"jwks": '{"keys": []}'}, "no key"),
    "long keys": ({"jwks": "x" * 20_001}, "at most"),
    "certificates": ({"ca_pem": "x"}, "certificates"),
}


@pytest.mark.parametrize(("change", "text"), NOT_BELIEVED.values(), ids=NOT_BELIEVED)
def test_provider_that_is_invalid_is_refused(rt: Runtime, change: dict[str, Any], text: str) -> None:
    given: dict[str, Any] = {"url": "https://issuer.example/x", "audiences": [AUDIENCE]} | change
    with pytest.raises(PrincipalError, match=text):
        oidc_providers.create(rt, OWNER, **given)
    assert oidc_providers.list_all(rt, OWNER) == []


def test_issuer_on_this_machine_is_for_the_laptop_home_alone(rt: Runtime) -> None:
    deployed = replace(rt, settings=replace(rt.settings, state="dynamodb"))
    with pytest.raises(PrincipalError, match="Only the laptop home"):
        oidc_providers.create(deployed, OWNER, "http://127.0.0.1:1", [AUDIENCE], on_this_machine=True)
    url = "https://issuer.example/x"
    made = oidc_providers.create(deployed, OWNER, url, [AUDIENCE])
    assert oidc_providers.find(rt, OWNER, url) == oidc_providers.find(rt, OWNER, made.name) == made
    with pytest.raises(PrincipalError, match="already"):
        oidc_providers.create(rt, OWNER, url, [AUDIENCE])


def test_only_tokens_load_the_library_that_verifies_them() -> None:
    """A function's cold start does without."""
    code = "import sys, app; from chalicelib.api import dispatch, sts; sys.exit('joserfc' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
