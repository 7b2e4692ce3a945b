"""A key belongs to one CA: nobody takes over the key of another CA, and OCSP asks whoever issued."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.access import access_keys
from chalicelib.keystore import KeyStoreError
from chalicelib.reconcile import reconcile
from tests.support.authority_steps import active_root, create, fetch, issue, serial_of
from tests.support.client import client_for
from tests.support.kms_home import KEY_TAG, key_of, kms_client, owners_key, with_kms
from tests.support.ocsp_requests import GOOD, ON, REVOKED, asked, authority, request_for
from tests.support.policies import OTHER, documented
from tests.support.ports import Port, fail
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

pytestmark = pytest.mark.laptop
VICTIM = "000000000000"


@pytest.fixture
def kms_rt(aws: None, rt: Runtime) -> Runtime:
    return with_kms(rt)


@pytest.fixture
def victim(kms_rt: Runtime, acm_pca: Any) -> Any:
    return client_for(kms_rt)


@pytest.fixture
def attacker(kms_rt: Runtime, victim: Any) -> Any:
    return of_account(kms_rt, OTHER)


def of_account(rt: Runtime, account_id: str) -> Any:
    key = access_keys.create_access_key(rt, account_id)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def named(key: str | None) -> dict[str, Any]:
    return {"Tags": [{"Key": KEY_TAG} | ({} if key is None else {"Value": key})]}


def refused(client: Any, key: str | None) -> str:
    """The sentence by which a key is refused; nothing is created."""
    code, text = refusal(lambda **more: create(client, **more), **named(key))
    assert code == "InvalidArgsException"
    assert client.list_certificate_authorities()["CertificateAuthorities"] == []
    return text


def spellings(key_id: str) -> tuple[str, ...]:
    arn = kms_client().describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    return key_id, arn


# whose key it is


def test_key_that_signet_made_for_a_ca_is_nobody_else_s(victim: Any, attacker: Any) -> None:
    arn = active_root(victim)
    for spelling in (*spellings(key_of(arn)), f"alias/signet/{arn.rsplit('/', 1)[1]}"):
        assert "There is no KMS key" in refused(attacker, spelling)
    for spelling in spellings(key_of(arn)):
        code, text = refusal(lambda **more: create(victim, **more), **named(spelling))
        assert (code, "There is no KMS key" in text) == ("InvalidArgsException", True)


def test_key_that_an_owner_gave_to_a_ca_is_nobody_else_s(victim: Any, attacker: Any) -> None:
    key = owners_key(VICTIM)["KeyId"]
    create(victim, **named(key))
    for spelling in spellings(key):
        assert "There is no KMS key" in refused(attacker, spelling)
        assert "belongs to a CA already" in refusal(lambda **more: create(victim, **more), **named(spelling))[1]


@pytest.mark.parametrize("tags", [{"signet:account": None}, {"signet:account": VICTIM}, {"signet:account": OTHER[:-1]}])
def test_key_of_another_account_is_as_a_missing_one(attacker: Any, tags: dict[str, Any]) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    expected = refused(attacker, missing)
    for more in ({}, {"KeySpec": "RSA_2048"}, {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}):
        key = owners_key(OTHER, tags=tags, **more)["KeyId"]
        assert refused(attacker, key).replace(key, missing) == expected
    disabled = owners_key(OTHER, tags=tags)["KeyId"]
    kms_client().disable_key(KeyId=disabled)
    assert refused(attacker, disabled).replace(disabled, missing) == expected


@pytest.mark.parametrize("alias", ["alias/signet/x", "alias/signet-secrets-of-old"])
def test_key_with_an_alias_of_signet_is_refused(attacker: Any, alias: str) -> None:
    key = owners_key(OTHER)["KeyId"]
    kms_client().create_alias(AliasName=alias, TargetKeyId=key)
    assert "belongs to a CA already" in refused(attacker, key)


def test_key_with_the_tag_of_a_ca_is_refused(attacker: Any) -> None:
    assert "belongs to a CA already" in refused(attacker, owners_key(OTHER, tags={"signet:ca": "x"})["KeyId"])


@pytest.mark.parametrize("spelling", ["{upper}", " {id}", "{id}\n", "{arn}/", "{other_region}", "alias/mine", "", None])
def test_key_has_no_other_spellings(attacker: Any, spelling: str | None) -> None:
    made = owners_key(OTHER)
    kms_client().create_alias(AliasName="alias/mine", TargetKeyId=made["KeyId"])
    given = spelling and spelling.format(
        id=made["KeyId"],
        upper=made["KeyId"].upper() if not made["KeyId"].isdigit() else "A",
        arn=made["Arn"],
        other_region=made["Arn"].replace("us-east-1", "us-west-2"),
    )
    code, _ = refusal(lambda **more: create(attacker, **more), **named(given))
    assert code in {"InvalidArgsException", "ValidationException"}
    assert attacker.list_certificate_authorities()["CertificateAuthorities"] == []


def test_two_creations_at_once_with_one_key_make_one_ca(kms_rt: Runtime, victim: Any) -> None:
    """The tags and aliases of both are looked at before either has its alias."""
    key, barrier = owners_key(VICTIM)["KeyId"], threading.Barrier(2, timeout=30)

    def check_key(*arguments: Any) -> Any:
        found = kms_rt.keys.check_key(*arguments)
        barrier.wait()
        return found

    client = client_for(replace(kms_rt, keys=Port(kms_rt.keys, check_key=check_key)))
    codes: list[str] = []

    def attempt() -> None:
        try:
            create(client, **named(key))
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["InvalidArgsException"]
    assert len(victim.list_certificate_authorities()["CertificateAuthorities"]) == 1


def test_one_key_in_two_keys_of_kms_is_one_key(kms_rt: Runtime, victim: Any) -> None:
    """Owners import key material, and may import it twice."""
    first, second = owners_key(VICTIM)["KeyId"], owners_key(VICTIM)["KeyId"]
    create(victim, **named(first))

    def check_key(_named: str, *others: Any) -> Any:
        kms_client().delete_alias(AliasName=kms_client().list_aliases(KeyId=first)["Aliases"][0]["AliasName"])
        return kms_rt.keys.check_key(first, *others)  # what KMS would say of the other one

    client = client_for(replace(kms_rt, keys=Port(kms_rt.keys, check_key=check_key)))
    code, text = refusal(lambda **more: create(client, **more), **named(second))
    assert (code, "belongs to a CA already" in text) == ("InvalidArgsException", True)


# how long it is


def test_key_is_free_again_when_its_ca_is_gone(kms_rt: Runtime, victim: Any, clock: Any) -> None:
    key = owners_key(VICTIM)["KeyId"]
    arn = create(victim, **named(key))
    victim.delete_certificate_authority(CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7)
    assert "belongs to a CA already" in refusal(lambda **more: create(victim, **more), **named(key))[1]
    clock.forward(days=8)
    reconcile(kms_rt)
    assert key_of(create(victim, **named(key))) == key


@pytest.mark.parametrize("undone", [True, False], ids=["undone", "reconciled"])
def test_key_is_free_again_when_the_creation_fails(kms_rt: Runtime, victim: Any, clock: Any, undone: bool) -> None:
    key = owners_key(VICTIM)["KeyId"]

    no = fail(KeyStoreError("no"))
    store = kms_rt.store if undone else Port(kms_rt.store, purge_certificate_authority=no)
    broken = replace(kms_rt, store=store, keys=Port(kms_rt.keys, create_key=no))
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        create(client_for(broken), **named(key))
    client = client_for(kms_rt)
    if not undone:
        assert "belongs to a CA already" in refusal(lambda **more: create(client, **more), **named(key))[1]
        clock.forward(seconds=300)
        reconcile(kms_rt)
    assert key_of(create(client, **named(key))) == key


def test_retry_gets_the_ca_of_the_first_request(victim: Any) -> None:
    key = owners_key(VICTIM)["KeyId"]
    arn = create(victim, **named(key), IdempotencyToken="1")
    assert create(victim, **named(key), IdempotencyToken="1") == arn


# what others learn of it


def test_other_accounts_do_not_see_which_key_it_is(victim: Any, attacker: Any) -> None:
    key = owners_key(VICTIM)["KeyId"]
    tags = [*named(key)["Tags"], {"Key": "team", "Value": "a"}]
    arn = create(victim, Tags=tags)
    victim.put_policy(ResourceArn=arn, Policy=documented(arn))
    assert attacker.list_tags(CertificateAuthorityArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert victim.list_tags(CertificateAuthorityArn=arn)["Tags"] == tags


# OCSP where two CAs have one key, as an earlier release let them


def test_ocsp_asks_every_ca_of_the_key_and_name(rt: Runtime, acm_pca: Any) -> None:
    shared = ec.generate_private_key(ec.SECP256R1())
    both = replace(rt, keys=Port(rt.keys, private_key=lambda *_: shared))
    clients = [acm_pca, of_account(rt, OTHER)] * 2
    client_for(both)
    arns = [with_the_key_of_another(both, client) for client in clients]
    root = authority(acm_pca, arns[0])
    for client, arn in zip(clients, arns, strict=True):
        good, revoked = issue(client, arn), issue(client, arn)
        client.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial_of(revoked), RevocationReason="SUPERSEDED"
        )
        assert asked(both, request_for(fetch(client, arn, good), root)).certificate_status == GOOD
        assert asked(both, request_for(fetch(client, arn, revoked), root)).certificate_status == REVOKED


def with_the_key_of_another(rt: Any, client: Any) -> str:
    """A root whose record does not say which key it has, as those of earlier releases."""
    arn = active_root(client, RevocationConfiguration=ON)
    ca = rt.store.get_certificate_authority(arn)
    rt.store.update_certificate_authority(ca, replace(ca, key_sha256=None))
    return arn


def test_two_cas_with_one_key_cannot_be_recorded(rt: Runtime, acm_pca: Any) -> None:
    """Whatever let a keystore make one key twice: the second CA is not made."""
    shared = ec.generate_private_key(ec.SECP256R1())
    client = client_for(replace(rt, keys=Port(rt.keys, private_key=lambda *_: shared)))
    create(client)
    with pytest.raises(ClientError):
        create(client)
    assert len(acm_pca.list_certificate_authorities()["CertificateAuthorities"]) == 1
