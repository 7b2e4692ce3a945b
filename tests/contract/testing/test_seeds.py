"""Seeds and settings of a test: what a seed makes is the same again, and no home has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.cli import signet as signet_command
from chalicelib.config import Settings, SettingsError
from chalicelib.keystore.software import _GENERATORS
from chalicelib.testing import authorities, mock_acm_pca
from chalicelib.testing.seeded import _KEYS, Seeded

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.testing.authorities import Authority
    from chalicelib.testing.signet import Signet


def keys_and_serials(seed: int | None, regions: tuple[str, ...] = ("us-east-1",)) -> list[Any]:
    found: list[Any] = []
    with mock_acm_pca(seed=seed):
        for region in regions:
            ca = authorities.chain(boto3.client("acm-pca", region), crl_bucket="crls")
            assert ca.parent is not None
            for each in (ca.parent, ca):
                certificate = x509.load_pem_x509_certificate(each.certificate.encode())
                key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                found.append((region, each.arn, certificate.serial_number, key, each.issue("www.example.com").arn))
    return found


def test_seed_makes_the_same_arns_serial_numbers_and_keys() -> None:
    first = keys_and_serials(7)
    assert keys_and_serials(7) == first
    for other in (keys_and_serials(8), keys_and_serials(None)):
        assert not {value for row in other for value in row[1:]} & {value for row in first for value in row[1:]}


def test_regions_do_not_influence_each_other() -> None:
    both = keys_and_serials(7, ("eu-west-1", "us-east-1"))
    assert both[2:] == keys_and_serials(7)
    assert len({row[2] for row in both}) == len({row[3] for row in both}) == 4


@pytest.mark.parametrize("key_algorithm", sorted(_KEYS.keys() - {"RSA_3072", "RSA_4096"}))
def test_key_follows_from_the_seed_and_the_ca(key_algorithm: str) -> None:
    def public(seed: int, arn: str) -> bytes:
        key = Seeded(seed, "us-east-1").key(key_algorithm, arn).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert public(7, "a") == public(7, "a")
    assert len({public(7, "a"), public(8, "a"), public(7, "b")}) == 3


def test_every_algorithm_has_a_key_of_its_size() -> None:
    assert _KEYS.keys() == _GENERATORS.keys()
    rsa: Any = Seeded(7, "us-east-1").key("RSA_2048", "a")
    assert rsa.key_size == 2048


@pytest.mark.signet_settings(seed=7)
def test_marker_and_reset_have_a_seed(signet: Signet, acm_pca: Any) -> None:
    first = authorities.root(acm_pca).arn
    signet.reset(seed=7)
    assert authorities.root(acm_pca).arn == first
    signet.reset()
    assert authorities.root(acm_pca).arn != first


@pytest.mark.signet_settings(quotas="1,2")
def test_marker_has_quotas(signet_ca_root: Authority, acm_pca: Any, signet: Signet) -> None:
    with pytest.raises(acm_pca.exceptions.LimitExceededException):
        authorities.root(acm_pca)
    signet_ca_root.issue("www.example.com")  # the second certificate: the first is the root's own
    with pytest.raises(acm_pca.exceptions.LimitExceededException):
        signet_ca_root.issue("www.example.com")
    signet.reset()
    assert signet.settings.quotas == "none"


@pytest.mark.parametrize("wrong", [{"state": "dynamodb"}, {"data": "home"}, {"quotas": "many"}, {"nothing": "x"}])
def test_setting_that_a_test_cannot_have_is_refused(signet: Signet, acm_pca: Any, wrong: Any) -> None:
    arn = authorities.root(acm_pca).arn
    with pytest.raises(ValueError, match=r"cannot change|SIGNET_QUOTAS"):
        signet.reset(**wrong)
    assert arn in signet.state()["certificateAuthorities"]["us-east-1"]


@pytest.mark.parametrize("words", [["serve"], ["status"]])
def test_no_home_has_an_access_key_of_a_test(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SIGNET_TEST_ACCESS_KEY_ID", "SIGNET_TEST_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "A" * 20)
    found = CliRunner().invoke(signet_command, words)
    assert isinstance(found.exception, SettingsError)
    assert "SIGNET_TEST_ACCESS_KEY_ID is for" in str(found.exception)
    assert list(tmp_path.iterdir()) == []


def test_seed_is_no_setting() -> None:
    with pytest.raises(SettingsError, match="SIGNET_SEED is not a setting"):
        Settings.from_env({"SIGNET_SEED": "7"})
