"""Sessions of roles: who may begin one, what it may do, and when it ends; by boto3's own client of AWS STS."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import presets, principals, roles
from tests.support.authority_steps import active_root, issue
from tests.support.client import client_for, sts_for
from tests.support.roles import ANYTHING, OWNER, assume, key_of, keys_in, make_role, session_client, trust, user

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

SESSION = f"arn:aws:sts::{OWNER}:assumed-role/r/s1"
ROLE = f"arn:aws:iam::{OWNER}:role/r"


@pytest.fixture
def sts(rt: Runtime, acm_pca: Any) -> Any:
    """The administrator's client; the clock of its signatures is the test's."""
    return sts_for(rt)


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def may_assume(rt: Runtime, keys: dict[str, str], **more: Any) -> bool:
    try:
        assume(sts_for(rt, **keys), **more)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"  # noqa: PT017  both outcomes are right somewhere
        return False
    return True


def test_session_acts_as_its_role_and_is_named_by_both(rt: Runtime, sts: Any, acm_pca: Any) -> None:
    ca = active_root(acm_pca)
    template = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
    made = make_role(rt, policy=presets.policy_of("issuer", [ca], [template]))
    answer = assume(sts)
    assert answer["AssumedRoleUser"] == {"Arn": SESSION, "AssumedRoleId": f"{made.role_id}:s1"}
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert credentials["Expiration"] - rt.now() == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))
    identity = sts_for(rt, **keys_in(answer)).get_caller_identity()
    assert (identity["Arn"], identity["UserId"], identity["Account"]) == (SESSION, f"{made.role_id}:s1", OWNER)
    client = client_for(rt, **keys_in(answer))
    issued = issue(client, ca)
    assert "CertificateChain" in client.get_certificate(CertificateAuthorityArn=ca, CertificateArn=issued)
    code, text = refusal(client.list_certificate_authorities)
    assert code == "AccessDeniedException"
    assert text == (
        f"User: {SESSION} is not authorized to perform: acm-pca:ListCertificateAuthorities on resource: * "
        "because no identity-based policy allows the acm-pca:ListCertificateAuthorities action"
    )
    assert sts.get_caller_identity()["Arn"] == user("administrator")


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
def test_session_signs_in_both_protocols(rt: Runtime, sts: Any, protocol: str) -> None:
    make_role(rt)
    assert client_for(rt, **keys_in(assume(sts)), protocol=protocol).list_certificate_authorities()


ALLOW_ASSUMING = '{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"%s"}}'
DENY_ASSUMING = '{"Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}'
# Whom the role trusts, what the principal's policy says, and what comes of it (IAM, "Cross-account policy evaluation").
PAIRS: dict[str, tuple[str, str, bool]] = {
    "named, no policy": (trust({"AWS": user("p")}), "", True),
    "named, denied": (trust({"AWS": user("p")}), DENY_ASSUMING, False),
    "account, no policy": (trust({"AWS": OWNER}), "", False),
    "account, allowed": (trust({"AWS": OWNER}), ALLOW_ASSUMING % ROLE, True),
    "account's root, allowed": (trust({"AWS": f"arn:aws:iam::{OWNER}:root"}), ALLOW_ASSUMING % ROLE, True),
    "account, another role allowed": (trust({"AWS": OWNER}), ALLOW_ASSUMING % f"{ROLE}x", False),
    "account, everything of acm-pca": (trust({"AWS": OWNER}), ANYTHING, False),
    "another principal, allowed": (trust({"AWS": user("q")}), ALLOW_ASSUMING % "*", False),
    "named, for tokens only": (trust({"AWS": user("p")}, "sts:AssumeRoleWithWebIdentity"), ALLOW_ASSUMING % "*", False),
    "named, denied by the role": (
        json.dumps({"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": user("p")}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:*"},
        ]}), "", False,
    ),
    "named, on a condition that holds": (
        trust({"AWS": user("p")}, Condition={"StringLike": {"sts:RoleSessionName": "s*"}}), "", True,
    ),
    "named, on a condition that does not hold": (
        trust({"AWS": user("p")}, Condition={"StringEquals": {"sts:RoleSessionName": "other"}}), "", False,
    ),
    "named, on an unknown condition": (
        trust({"AWS": user("p")}, Condition={"Bool": {"aws:Strange": "true"}}), "", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("trusts", "identity", "allowed"), PAIRS.values(), ids=PAIRS)
def test_both_policies_decide_who_may_assume_a_role(
    rt: Runtime, sts: Any, trusts: str, identity: str, allowed: bool
) -> None:
    make_role(rt, trusts=trusts)
    principals.create(rt, OWNER, "p", policies=(("p", identity),) if identity else ())
    assert may_assume(rt, key_of(rt, "p")) is allowed


def test_administrator_assumes_what_trusts_the_account_alone(rt: Runtime, sts: Any) -> None:
    make_role(rt, "r")
    make_role(rt, "q", trusts={"AWS": user("p")})
    assert assume(sts, "r")
    code, text = refusal(sts.assume_role, RoleArn=f"arn:aws:iam::{OWNER}:role/q", RoleSessionName="s1")
    assert code == "AccessDenied"
    assert text == (
        f"User: {user('administrator')} is not authorized to perform: sts:AssumeRole on resource: "
        f"arn:aws:iam::{OWNER}:role/q because no resource-based policy allows the sts:AssumeRole action"
    )
    for missing in (f"arn:aws:iam::{OWNER}:role/none", "arn:aws:iam::111111111111:role/r"):
        again = refusal(sts.assume_role, RoleArn=missing, RoleSessionName="s1")
        assert again == (code, text.replace(f"arn:aws:iam::{OWNER}:role/q", missing))


def test_principal_by_the_preset_assumes_what_the_administrator_may(rt: Runtime, sts: Any) -> None:
    make_role(rt)
    for preset, allowed in (("administrator", True), ("read-only", False)):
        principals.create(rt, OWNER, preset + "2", policies=((preset, presets.policy_of(preset)),))
        assert may_assume(rt, key_of(rt, preset + "2")) is allowed


def test_external_id_is_asked_for(rt: Runtime, sts: Any) -> None:
    make_role(rt, trusts=trust({"AWS": OWNER}, Condition={"StringEquals": {"sts:ExternalId": "right"}}))
    assert assume(sts, ExternalId="right")
    for more in ({"ExternalId": "wrong"}, {}):
        assert refusal(lambda more=more: assume(sts, **more))[0] == "AccessDenied"


def test_session_of_a_role_assumes_no_other(rt: Runtime, sts: Any) -> None:
    make_role(rt, trusts={"AWS": [OWNER, ROLE, SESSION]}, policy=ALLOW_ASSUMING % "*")
    again = sts_for(rt, **keys_in(assume(sts)))
    code, text = refusal(again.assume_role, RoleArn=ROLE, RoleSessionName="s2")
    assert (code, text.endswith("because a session of a role cannot assume another role")) == ("AccessDenied", True)


def test_policy_of_a_session_only_limits_it(rt: Runtime, sts: Any, acm_pca: Any) -> None:
    ca = active_root(acm_pca)
    make_role(rt, policy='{"Statement":{"Effect":"Allow","Action":"acm-pca:L*","Resource":"*"}}')
    limit = '{"Statement":[{"Effect":"Allow","Action":["acm-pca:ListTags","acm-pca:Describe*"],"Resource":"*"}]}'
    client = session_client(rt, Policy=limit)
    client.list_tags(CertificateAuthorityArn=ca)
    code, text = refusal(client.list_permissions, CertificateAuthorityArn=ca)
    assert (code, text.rpartition("because ")[2]) == (
        "AccessDeniedException", "no session policy allows the acm-pca:ListPermissions action",
    )  # fmt: skip
    text = refusal(client.describe_certificate_authority, CertificateAuthorityArn=ca)[1]
    assert text.endswith("because no identity-based policy allows the acm-pca:DescribeCertificateAuthority action")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Sid": "No", "Effect": "Deny", "Action": "acm-pca:ListTags", "Resource": "*"}
    text = refusal(
        session_client(rt, Policy=json.dumps({"Statement": [everything, deny]})).list_tags, CertificateAuthorityArn=ca
    )[1]
    assert text.endswith("with an explicit deny in a session policy: statement 'No' of policy 'session'")


@pytest.mark.every_case
@pytest.mark.parametrize("filler", ['"' * 460, "\n" * 900, "é" * 900, "\U0001f511" * 900])
def test_policy_of_a_session_may_be_as_long_as_allowed(rt: Runtime, sts: Any, filler: str) -> None:
    """The token holds it, and is a header."""
    make_role(rt)
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    more = {
        "Effect": "Deny",
        "Action": "sts:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalArn": filler}},
    }
    text = json.dumps({"Statement": [allow, more]}, ensure_ascii=False)
    assert session_client(rt, Policy=text).list_certificate_authorities()
    longer = json.dumps({"Statement": [allow, more | {"Sid": "x" * 2000}]})
    assert refusal(lambda: assume(sts, Policy=longer))[0] in {"ValidationError", "MalformedPolicyDocument"}
    wide = json.dumps({"Statement": [allow], "Id": "\U0001f511" * 1024}, ensure_ascii=False)
    assert refusal(lambda: assume(sts, Policy=wide))[0] == "MalformedPolicyDocument"


def test_resource_policy_names_the_role_or_the_session(rt: Runtime, sts: Any, acm_pca: Any) -> None:
    ca = active_root(acm_pca)
    make_role(rt, policy="")

    def share(principal: str) -> None:
        statement = {
            "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "acm-pca:ListTags", "Resource": ca,
        }  # fmt: skip
        acm_pca.put_policy(ResourceArn=ca, Policy=json.dumps({"Statement": statement}))

    client = session_client(rt)
    for principal, allowed in ((ROLE, True), (SESSION, True), (SESSION[:-1] + "2", False), (f"{ROLE}x", False)):
        share(principal)
        try:
            client.list_tags(CertificateAuthorityArn=ca)
            found = True
        except ClientError:
            found = False
        assert found is allowed, principal


def test_conditions_know_the_role_and_the_beginning_of_the_session(rt: Runtime, sts: Any, clock: Any) -> None:
    when = {"StringEquals": {"aws:PrincipalArn": ROLE}, "DateGreaterThan": {"aws:TokenIssueTime": "2000-01-01"}}
    make_role(
        rt, policy=json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": when}})
    )
    assert session_client(rt).list_certificate_authorities()
    until = (clock() - timedelta(seconds=10)).isoformat()
    revoke = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateGreaterThan": {"aws:TokenIssueTime": until}},
    }
    roles.put_policy(rt, OWNER, "r", "revoke", json.dumps({"Statement": revoke}))
    assert refusal(session_client(rt).list_certificate_authorities)[0] == "AccessDeniedException"


def test_record_tells_which_statement_let_whom_assume_the_role(rt: Runtime, sts: Any, clock: Any) -> None:
    make_role(rt)
    make_role(rt, "q", trusts={"AWS": user("p")})
    assume(sts)
    assert refusal(lambda: assume(sts, "q"))[0] == "AccessDenied"
    assert refusal(session_client(rt, Policy=ALLOW_ASSUMING % "*").list_certificate_authorities)[0]
    found = [each.record["additionalEventData"] for each in rt.audit.newest(OWNER, now=clock())]
    decisions = [each["decision"] for each in found if "decision" in each]
    statement = "statement 1 of policy 'administrator'"
    assert decisions == [  # the newest first
        {"effect": None, "policies": "session", "statement": None},
        {"effect": "Allow", "policies": "identity", "statement": statement},
        {"effect": None, "policies": "resource", "statement": None},
        {"effect": "Allow", "policies": "identity", "statement": statement},
    ]


# the end


def test_session_ends_after_its_time(rt: Runtime, sts: Any, clock: Any) -> None:
    make_role(rt, max_session=timedelta(minutes=30))
    answer = assume(sts)
    client, identity = client_for(rt, **keys_in(answer)), sts_for(rt, **keys_in(answer))
    clock.forward(minutes=29)
    client.list_certificate_authorities()
    clock.forward(minutes=1)
    assert refusal(client.list_certificate_authorities) == (
        "ExpiredTokenException", "The security token included in the request is expired",
    )  # fmt: skip
    assert refusal(identity.get_caller_identity)[0] == "ExpiredToken"
    longer = refusal(lambda: assume(sts, DurationSeconds=1801))
    assert longer == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def test_session_of_a_clock_that_ran_ahead_is_none(rt: Runtime, sts: Any, clock: Any) -> None:
    make_role(rt)
    clock.forward(days=3650)
    answer = assume(sts)
    client = client_for(rt, **keys_in(answer))
    client.list_certificate_authorities()
    clock.forward(days=-3650)
    assert refusal(client.list_certificate_authorities)[0] == "UnrecognizedClientException"
    clock.forward(days=3650, minutes=-4)
    client.list_certificate_authorities()


def test_session_outlives_no_access_key(rt: Runtime, sts: Any, clock: Any) -> None:
    make_role(rt, trusts={"AWS": user("p")})
    principals.create(rt, OWNER, "p")
    end = clock() + timedelta(minutes=20)
    answer = assume(sts_for(rt, **key_of(rt, "p", expires_at=end)))
    assert answer["Credentials"]["Expiration"] <= end


ENDINGS: dict[str, Any] = {
    "role": lambda rt, _: roles.delete(rt, OWNER, "r"),
    "principal": lambda rt, _: principals.delete(rt, OWNER, "p"),
    "access key": lambda rt, key: rt.store.delete_access_key(key["access_key_id"]),
}


@pytest.mark.every_case
@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_session_ends_with_its_role_and_with_whoever_began_it(
    rt: Runtime, sts: Any, acm_pca: Any, clock: Any, end: Any
) -> None:
    """At once here, in 5 seconds in every other process; what is made again under the old name revives nothing."""

    make_role(rt, trusts={"AWS": user("p")})
    principals.create(rt, OWNER, "p")
    key = key_of(rt, "p")
    keys = keys_in(assume(sts_for(rt, **key)))
    elsewhere = replace(rt, known={})
    client_for(elsewhere, **keys).list_certificate_authorities()
    client_for(rt, **keys).list_certificate_authorities()
    end(rt, key)
    refused = refusal(client_for(rt, **keys).list_certificate_authorities)
    assert refused == ("UnrecognizedClientException", "The security token included in the request is invalid.")
    clock.forward(seconds=5)
    assert refusal(client_for(elsewhere, **keys).list_certificate_authorities) == refused
    for again in (lambda: make_role(rt, trusts={"AWS": user("p")}), lambda: principals.create(rt, OWNER, "p")):
        with suppress(principals.PrincipalError):  # which of the two is still there
            again()
    assert refusal(client_for(rt, **keys).list_certificate_authorities) == refused


def test_change_of_a_role_counts_at_once_for_its_sessions(rt: Runtime, sts: Any) -> None:
    make_role(rt)
    client = session_client(rt)
    client.list_certificate_authorities()
    roles.delete_policy(rt, OWNER, "r", "p")
    assert refusal(client.list_certificate_authorities)[0] == "AccessDeniedException"
    roles.put_policy(rt, OWNER, "r", "again", ANYTHING)
    client.list_certificate_authorities()
    roles.put_trust(rt, OWNER, "r", trust({"AWS": user("q")}))
    assert refusal(lambda: assume(sts))[0] == "AccessDenied"


def test_rate_of_a_role_is_that_of_all_its_sessions(rt: Runtime, sts: Any) -> None:
    """Whoever begins sessions names them, and begins as many as they like."""
    make_role(rt)
    limited = replace(rt, settings=replace(rt.settings, principal_rate="20"))
    sessions = [keys_in(assume(sts_for(limited), session=f"s{number}")) for number in range(5)]
    for number in range(20):
        client_for(limited, **sessions[number % 5]).list_certificate_authorities()
    for keys in sessions:
        assert refusal(client_for(limited, **keys).list_certificate_authorities)[0] == "ThrottlingException"
    for _ in range(15):
        sts_for(limited).get_caller_identity()
    assert refusal(sts_for(limited).get_caller_identity)[0] == "Throttling"
