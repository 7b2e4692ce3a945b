"""The KMS keystore: keys that sign by every algorithm, belong to one CA, and may be the owner's."""

from __future__ import annotations

import copy
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.server import ThreadedMotoServer

from chalicelib.config import Settings
from chalicelib.keystore import (
    CaPrivateKey,
    KeyNotFoundError,
    KeyRefusedError,
    KeyStoreError,
    KeyStoreThrottledError,
    kms_keys,
)
from chalicelib.keystore.kms import ACCOUNT_TAG, CA_TAG, TAG, KmsKeyStore
from chalicelib.pki.x509 import algorithms, signed
from chalicelib.runtime import from_settings
from tests.support.authority_steps import create
from tests.support.client import Raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN = "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/00000000-0000-0000-0000-0000000000{:02}"
SPECS = ["RSA_2048", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
ACCOUNT = "000000000000"
OWNED = [{"TagKey": ACCOUNT_TAG, "TagValue": ACCOUNT}]
TAGS = [{"TagKey": TAG, "TagValue": "ca-key"}, *OWNED]


@pytest.fixture(scope="module")
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.config.getoption("--localstack"):
        yield request.getfixturevalue("localstack").url
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def kms(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client, and the environment of the keystore's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("kms", region_name="us-east-1")
    if not any(each["AliasName"] == "alias/signet-secrets" for each in client.list_aliases()["Aliases"]):
        key_id = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName="alias/signet-secrets", TargetKeyId=key_id)
    return client


@pytest.fixture
def keys(kms: Any) -> KmsKeyStore:
    return store()


def store() -> KmsKeyStore:
    return KmsKeyStore("us-east-1", secrets_key="alias/signet-secrets")


@pytest.fixture
def ca_arn(request: pytest.FixtureRequest) -> str:
    """A CA of the test's own: the KMS is shared."""
    return ARN.format(sum(map(ord, request.node.name)) % 100)


# signatures: moto's KMS takes no digests, so here a local key stands where KMS would, and is as strict

# KMS Developer Guide, "Key spec reference": what each key signs, and the length of the digests that it takes.
_RSA: dict[str, tuple[int, tuple[Any, ...]]] = {
    f"RSASSA_{name}_SHA_{digest.digest_size * 8}": (digest.digest_size, (scheme, Prehashed(digest)))
    for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
    for name, scheme in (
        ("PKCS1_V1_5", padding.PKCS1v15()),
        ("PSS", padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)),
    )
}
KMS_SIGNS: dict[str, dict[str, tuple[int, tuple[Any, ...]]]] = {
    "RSA": _RSA,
    "secp256r1": {"ECDSA_SHA_256": (32, (ec.ECDSA(Prehashed(hashes.SHA256())),))},
    "secp384r1": {"ECDSA_SHA_384": (48, (ec.ECDSA(Prehashed(hashes.SHA384())),))},
    "secp521r1": {"ECDSA_SHA_512": (64, (ec.ECDSA(Prehashed(hashes.SHA512())),))},
    "ML-DSA": {"ML_DSA_SHAKE_256": (64, ())},
}
LOCAL: dict[str, Callable[[], Any]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "secp256r1": lambda: ec.generate_private_key(ec.SECP256R1()),
    "secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate,
}


@pytest.mark.parametrize("kind", LOCAL)
def test_key_signs_by_every_algorithm_of_its_family(kind: str) -> None:
    """Also with hashes that KMS does not pair with the curve."""
    local = LOCAL[kind]()
    signs = KMS_SIGNS[kind[:6] if kind.startswith("ML-DSA") else kind]

    def sign(message: bytes, message_type: str, algorithm: str) -> bytes:
        length, arguments = signs[algorithm]
        external_mu = algorithm.startswith("ML_DSA")
        assert message_type == ("EXTERNAL_MU" if external_mu else "DIGEST")
        assert len(message) == length
        signature: bytes = local.sign_mu(message) if external_mu else local.sign(message, *arguments)
        return signature

    made = kms_keys.private_key(local.public_key(), sign)
    assert isinstance(made, CaPrivateKey)
    key: Any = made
    name = algorithms.key_algorithm_of(local.public_key())
    for algorithm in algorithms.valid_signing_algorithms(name or ""):
        assert signed.sign(b"\x30\x00", key, algorithm).startswith(b"\x30")  # it verifies what the key made
    if kind == "RSA":
        hasher = hashes.Hash(hashes.SHA256())
        hasher.update(b"data")
        signature = key.sign(hasher.finalize(), padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        key.public_key().verify(signature, b"data", padding.PKCS1v15(), hashes.SHA256())


# life


@pytest.mark.wide
@pytest.mark.parametrize("key_algorithm", SPECS)
def test_key_has_the_spec_of_its_algorithm(keys: KmsKeyStore, key_algorithm: str, ca_arn: str) -> None:
    key_id = keys.create_key(ca_arn, key_algorithm)
    assert algorithms.key_algorithm_of(store().private_key(key_id, ca_arn).public_key()) == key_algorithm


def test_key_is_made_once_with_its_tags_and_deleted_with_its_alias(keys: KmsKeyStore, kms: Any, ca_arn: str) -> None:
    key_id = keys.create_key(ca_arn, "EC_prime256v1")
    assert key_id == keys.key_id_of(ca_arn) == store().create_key(ca_arn, "EC_prime256v1")
    described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    tags = {each["TagKey"]: each["TagValue"] for each in kms.list_resource_tags(KeyId=described["KeyId"])["Tags"]}
    assert tags == {TAG: "ca-key", CA_TAG: ca_arn.rsplit("/", 1)[1]}
    keys.delete_key(key_id, ca_arn)
    assert kms.describe_key(KeyId=described["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(KeyNotFoundError):
        keys.private_key(key_id, ca_arn)
    keys.delete_key(key_id, ca_arn)


def test_key_opens_for_no_other_ca(keys: KmsKeyStore) -> None:
    first, second = ARN.format(98), ARN.format(99)
    key_id = keys.create_key(first, "EC_prime256v1")
    with pytest.raises(KeyNotFoundError):
        keys.private_key(key_id, second)
    with pytest.raises(KeyNotFoundError):
        keys.private_key(keys.key_id_of(second), second)


def test_private_part_never_leaves(keys: KmsKeyStore, ca_arn: str) -> None:
    key: Any = keys.private_key(keys.create_key(ca_arn, "RSA_2048"), ca_arn)
    for ask in (key.private_numbers, lambda: key.private_bytes(None, None, None), lambda: key.decrypt(b"", None)):
        with pytest.raises(kms_keys.PrivateKeyInKmsError):
            ask()
    assert key.key_size == 2048
    assert copy.copy(key) is copy.deepcopy(key) is key
    assert "us-east-1" in repr(keys)


# keys of owners


def test_owner_s_key_becomes_the_ca_s_and_outlives_it(keys: KmsKeyStore, kms: Any, ca_arn: str) -> None:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=TAGS)["KeyMetadata"]
    public_key = keys.check_key(made["Arn"], "EC_prime256v1", ACCOUNT)
    key_id = keys.create_key(ca_arn, "EC_prime256v1", named=made["KeyId"])
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyId"] == made["KeyId"]
    assert keys.private_key(key_id, ca_arn).public_key() == public_key
    keys.delete_key(key_id, ca_arn)
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "usage": ({"KeySpec": "SYMMETRIC_DEFAULT", "Tags": TAGS}, "SIGN_VERIFY"),
    "spec": ({"KeySpec": "ECC_NIST_P384", "KeyUsage": "SIGN_VERIFY", "Tags": TAGS}, "EC_prime256v1"),
    "tag": ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Tags": OWNED}, "lacks the tag"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unfit_key_of_an_owner_is_refused(keys: KmsKeyStore, kms: Any, case: str) -> None:
    parameters, text = REFUSED[case]
    made = kms.create_key(**parameters)["KeyMetadata"]["KeyId"]
    with pytest.raises(KeyRefusedError, match=text):
        keys.check_key(made, "EC_prime256v1", ACCOUNT)


def test_installations_have_keys_of_their_own(keys: KmsKeyStore, kms: Any, ca_arn: str) -> None:
    """Roles may sign with the keys that have their installation's tag, and no key becomes that of two CAs."""
    two = KmsKeyStore("us-east-1", secrets_key="alias/signet2-secrets", name="signet2")
    alias = two.create_key(ca_arn, "EC_prime256v1")
    assert alias == keys.key_id_of(ca_arn).replace("signet", "signet2")
    made = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    tags = {each["TagKey"]: each["TagValue"] for each in kms.list_resource_tags(KeyId=made)["Tags"]}
    assert tags[TAG] == "signet2:ca-key"
    with pytest.raises(KeyNotFoundError):
        keys.private_key(keys.key_id_of(ca_arn), ca_arn)
    named = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=TAGS)["KeyMetadata"]["KeyId"]
    with pytest.raises(KeyRefusedError, match="lacks the tag signet = signet2:ca-key"):
        two.check_key(named, "EC_prime256v1", ACCOUNT)
    kms.create_alias(AliasName=f"alias/signet2/{uuid.uuid4()}", TargetKeyId=named)
    with pytest.raises(KeyRefusedError, match="belongs to a CA already"):
        keys.check_key(named, "EC_prime256v1", ACCOUNT)


def test_disabled_and_missing_keys_are_refused(keys: KmsKeyStore, kms: Any) -> None:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=TAGS)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=made)
    with pytest.raises(KeyRefusedError, match="Disabled"):
        keys.check_key(made, "EC_prime256v1", ACCOUNT)
    with pytest.raises(KeyRefusedError, match="no KMS key"):
        keys.check_key("00000000-0000-0000-0000-000000000000", "EC_prime256v1", ACCOUNT)


def test_tag_names_the_key_of_a_ca(acm_pca: Any, rt: Any) -> None:
    """In the laptop home there is no KMS, and a CA with a key of another place would be a surprise."""
    with pytest.raises(acm_pca.exceptions.InvalidArgsException, match="signet:kms-key"):
        create(acm_pca, Tags=[{"Key": "signet:kms-key", "Value": "x"}])
    assert rt.store.list_accounts() == []


def test_alias_lost_to_another_process_leaves_one_key(keys: KmsKeyStore, kms: Any, ca_arn: str) -> None:
    """Both make a key; the one whose alias comes second schedules its key's deletion and takes the other's."""
    other = store()
    new_key = keys._new_key

    def slow(ca_arn: str, key_algorithm: str, purpose: Any) -> str:
        other.create_key(ca_arn, key_algorithm)
        return new_key(ca_arn, key_algorithm, purpose)

    keys._new_key = slow  # type: ignore[method-assign]  # the race, at its narrowest place
    key_id = keys.create_key(ca_arn, "EC_prime256v1")
    ca_id = ca_arn.rsplit("/", 1)[1]
    states = {}
    for each in kms.list_keys()["Keys"]:
        tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=each["KeyId"])["Tags"]}
        if tags.get(CA_TAG) == ca_id:
            states[each["KeyId"]] = kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"]
    assert sorted(states.values()) == ["Enabled", "PendingDeletion"]
    assert states[kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyId"]] == "Enabled"


def test_unknown_algorithm_makes_no_key(keys: KmsKeyStore, ca_arn: str) -> None:
    with pytest.raises(KeyStoreError, match="SM2"):
        keys.create_key(ca_arn, "SM2")


# secrets


def test_secret_opens_in_another_process_and_in_its_context_alone(keys: KmsKeyStore) -> None:
    sealed = keys.seal(b"secret", "context")
    assert b"secret" not in sealed
    assert keys.unseal(sealed, "context") == store().unseal(sealed, "context") == b"secret"
    for bad in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"\x02", sealed[:40], b"\x01" + sealed[1:]):
        with pytest.raises(KeyStoreError):
            keys.unseal(bad, "context")
    with pytest.raises(KeyStoreError):
        keys.unseal(sealed, "another")


# outages


def test_outage_is_an_error_of_the_keystore(kms: Any, monkeypatch: pytest.MonkeyPatch, ca_arn: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    with pytest.raises(KeyStoreError, match="does not answer"):
        store().create_key(ca_arn, "EC_prime256v1")


def refused(code: str, times: int = 1_000) -> Callable[..., Any]:
    """What KMS answers a few times, given by the HTTP layer of a real client."""
    answers: Any = ({"x-amzn-errortype": code} for _ in range(times))
    body = json.dumps({"__type": code, "message": "no"}).encode()

    def answer(**_: Any) -> Any:
        headers = next(answers, None)
        return None if headers is None else AWSResponse("http://kms", 400, headers, Raw(body))

    return answer


def test_throttling_has_a_name(keys: KmsKeyStore, ca_arn: str) -> None:
    keys._client.meta.events.register("before-send.kms.Sign", refused("ThrottlingException"))
    key: Any = keys.private_key(keys.create_key(ca_arn, "EC_prime256v1"), ca_arn)
    with pytest.raises(KeyStoreThrottledError):
        key.sign(b"data", ec.ECDSA(hashes.SHA256()))


# KMS Developer Guide, "AWS KMS eventual consistency"; "ABAC for AWS KMS": tags may take up to five minutes to count


def patient() -> tuple[KmsKeyStore, list[float]]:
    """A keystore, and how long it has paused."""
    pauses: list[float] = []
    return KmsKeyStore("us-east-1", secrets_key="alias/signet-secrets", pause=pauses.append), pauses


@pytest.mark.usefixtures("kms")
@pytest.mark.parametrize("operation", ["CreateAlias", "GetPublicKey"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "NotFoundException"])
def test_key_that_kms_does_not_know_everywhere_yet_is_waited_for(operation: str, code: str, ca_arn: str) -> None:
    keys, pauses = patient()
    keys._client.meta.events.register(f"before-send.kms.{operation}", refused(code, times=2))
    assert keys.private_key(keys.create_key(ca_arn, "EC_prime256v1"), ca_arn)
    assert pauses == [0.2, 0.4]


@pytest.mark.parametrize("deletion_too", [False, True])
def test_key_that_stays_refused_is_destroyed_and_the_refusal_named(kms: Any, ca_arn: str, deletion_too: bool) -> None:
    keys, pauses = patient()
    made: list[str] = []
    keys._creation_client.meta.events.register(
        "after-call.kms.CreateKey", lambda parsed, **_: made.append(parsed["KeyMetadata"]["KeyId"])
    )
    keys._client.meta.events.register("before-send.kms.CreateAlias", refused("AccessDeniedException"))
    if deletion_too:
        keys._client.meta.events.register("before-send.kms.ScheduleKeyDeletion", refused("AccessDeniedException"))
    with pytest.raises(KeyStoreError, match="refused create_alias: AccessDeniedException"):
        keys.create_key(ca_arn, "EC_prime256v1")
    assert sum(pauses) == pytest.approx(6.2)
    state = kms.describe_key(KeyId=made[0])["KeyMetadata"]["KeyState"]
    assert state == ("Enabled" if deletion_too else "PendingDeletion")


def test_setting_chooses_it() -> None:
    assert isinstance(from_settings(Settings(keys="kms")).keys, KmsKeyStore)
