"""Settings: defaults, and one sentence for each that is wrong."""

from __future__ import annotations

import io
import json
import logging
import re
from datetime import datetime, timedelta

import botocore.session
import pytest
import yaml

from chalicelib import arn, logs, runtime, setting_rules
from chalicelib.buckets.s3 import S3Buckets
from chalicelib.config import Settings, SettingsError, aws_files
from chalicelib.regions import PARTITION_OF
from chalicelib.store.dynamodb import DynamoTable
from tests.support.home import ROOT


def test_defaults_are_those_of_the_laptop_home() -> None:
    settings = Settings.from_env({})
    assert (settings.state, settings.buckets, settings.keys) == ("sqlite", "directory", "software")
    assert settings.base_url == "http://127.0.0.1:8000"
    assert Settings.from_env({"SIGNET_PORT": "9000"}).base_url == "http://127.0.0.1:9000"
    assert (
        Settings.from_env({"SIGNET_PUBLIC_URL": "https://pki.example.com/x/"}).base_url == "https://pki.example.com/x"
    )


def test_defaults_keep_the_rules_that_are_only_asked_of_other_values() -> None:
    settings = Settings()
    for name, pattern, rule in setting_rules._RULES:
        assert re.fullmatch(pattern, getattr(settings, name), re.ASCII), (name, rule)


def test_server_may_be_on_a_network_after_an_explicit_yes() -> None:
    with pytest.raises(SettingsError, match="by http alone: set SIGNET_TLS_HOST"):
        Settings.from_env({"SIGNET_HOST": "192.0.2.1"})
    yes = {"SIGNET_ALLOW_PLAIN_HTTP": "yes"}
    assert Settings.from_env({"SIGNET_HOST": "192.0.2.1"} | yes).base_url == "http://192.0.2.1:8000"
    assert Settings.from_env({"SIGNET_HOST": "0.0.0.0"} | yes).base_url == "http://127.0.0.1:8000"
    assert Settings.from_env({"SIGNET_HOST": "127.0.0.2"}).base_url == "http://127.0.0.2:8000"


def test_tls_listener_may_be_on_a_network_and_is_where_the_server_is_unless_it_says_otherwise() -> None:
    assert Settings.from_env({}).tls_endpoint == ""
    on = {"SIGNET_TLS_PORT": "8443"}
    assert Settings.from_env(on).tls_endpoint == "https://127.0.0.1:8443"
    assert Settings.from_env(on | {"SIGNET_HOST": "127.0.0.2"}).tls_endpoint == "https://127.0.0.2:8443"
    assert Settings.from_env(on | {"SIGNET_TLS_HOST": "192.0.2.1"}).tls_endpoint == "https://192.0.2.1:8443"
    assert Settings.from_env(on | {"SIGNET_TLS_HOST": "0.0.0.0"}).tls_endpoint == "https://127.0.0.1:8443"
    same = {"SIGNET_TLS_PORT": "8000", "SIGNET_TLS_HOST": "192.0.2.1"}
    assert Settings.from_env(same).tls_endpoint == "https://192.0.2.1:8000"


NAMES = ["pki.example.test", "pki", "a-b.test,192.0.2.7", "2001:db8::7", "x1.0a", "A.TEST"]
NO_NAMES = [
    "a_b.test",
    "*.test",
    "a..test",
    "-a.test",
    "a.test.",
    "192.0.2.256",
    "1.2",
    "0x7f.0x1",
    "a,",
    "é.test",
]


@pytest.mark.parametrize("names", NAMES)
def test_names_of_the_tls_listener_are_host_names_and_addresses(names: str) -> None:
    assert Settings.from_env({"SIGNET_TLS_NAMES": names}).tls_host_names == names.split(",")


@pytest.mark.parametrize("names", [*NO_NAMES, "fe80::1%eth0", "a" * 64, ".".join(["abcdefg"] * 33)])
def test_what_no_certificate_can_name_is_no_name_of_the_tls_listener(names: str) -> None:
    with pytest.raises(SettingsError, match="SIGNET_TLS_NAMES"):
        Settings.from_env({"SIGNET_TLS_NAMES": names})


def test_region_is_that_of_aws_clients() -> None:
    assert Settings.from_env({"AWS_DEFAULT_REGION": "eu-central-1"}).region == "eu-central-1"
    both = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_REGION": "eu-west-1"}
    assert Settings.from_env(both).region == "eu-west-1"
    assert Settings.from_env({"AWS_DEFAULT_REGION": ""}).region == "us-east-1"


BAD = {
    "unknown": {"SIGNET_NOTHING": "x"},
    "state": {"SIGNET_STATE": "postgres"},
    "buckets": {"SIGNET_BUCKETS": "S3"},
    "keys": {"SIGNET_KEYS": "hsm"},
    "port 00": {"SIGNET_PORT": "00"},
    "host name": {"SIGNET_HOST": "localhost"},
    "IPv6": {"SIGNET_HOST": "::1"},
    "address of four parts": {"SIGNET_HOST": "127.0.0.256"},
    "network without TLS": {"SIGNET_HOST": "0.0.0.0"},
    "port 65536": {"SIGNET_PORT": "65536"},
    "TLS port 65536": {"SIGNET_TLS_PORT": "65536"},
    "TLS port text": {"SIGNET_TLS_PORT": "https"},
    "TLS host name": {"SIGNET_TLS_HOST": "localhost"},
    "both ports": {"SIGNET_TLS_PORT": "8000"},
    "port text": {"SIGNET_PORT": "http"},
    "ACME port 0": {"SIGNET_ACME_HTTP_PORT": "0"},
    "ACME port 65536": {"SIGNET_ACME_TLS_PORT": "65536"},
    "resolver without a port": {"SIGNET_ACME_RESOLVER": "10.0.0.53"},
    "resolver with port 65536": {"SIGNET_ACME_RESOLVER": "10.0.0.53:65536"},
    "resolver of IPv6 without brackets": {"SIGNET_ACME_RESOLVER": "fd00::53:53"},
    "resolver that is a URL": {"SIGNET_ACME_RESOLVER": "https://dns.example:443"},
    "four resolvers": {"SIGNET_ACME_RESOLVER": "10.0.0.1:53,10.0.0.2:53,10.0.0.3:53,10.0.0.4:53"},
    "source address": {"SIGNET_ACME_SOURCE_ADDRESS": "eth0"},
    "private networks of ACME": {"SIGNET_ACME_PRIVATE_NETWORKS": "yes"},
    "account": {"SIGNET_ACCOUNT_ID": "1"},
    "region": {"AWS_REGION": "moon"},
    "regions": {"SIGNET_REGIONS": "all"},
    "regions of a table": {"SIGNET_REGIONS": "every", "SIGNET_STATE": "dynamodb"},
    "regions of buckets": {"SIGNET_REGIONS": "every", "SIGNET_BUCKETS": "s3"},
    "quotas": {"SIGNET_QUOTAS": "200"},
    "name with a hyphen": {"SIGNET_NAME": "signet-two"},
    "name too long": {"SIGNET_NAME": "s" * 21},
    "CRL host with a scheme": {"SIGNET_CRL_HOST": "http://d1.cloudfront.net"},
    "table": {"SIGNET_TABLE": "a"},
    "seconds": {"SIGNET_IDEMPOTENCY_SECONDS": "0"},
    "pending": {"SIGNET_PENDING_SECONDS": "901"},
    "half a test's access key": {"SIGNET_TEST_ACCESS_KEY_ID": "A" * 20},
    "other half": {"SIGNET_TEST_SECRET_ACCESS_KEY": "x" * 20},
    "test's access key": {"SIGNET_TEST_ACCESS_KEY_ID": "111122223333", "SIGNET_TEST_SECRET_ACCESS_KEY": "x" * 20},
    "url without scheme": {"SIGNET_PUBLIC_URL": "pki.example.com"},
    "url with query": {"SIGNET_PUBLIC_URL": "http://x.example/?a=b"},
    "url with space": {"SIGNET_PUBLIC_URL": "http://x.example/ y"},
    "callers": {"SIGNET_CALLERS": "aws"},
    "callers of the laptop home": {"SIGNET_CALLERS": "iam"},
    "log level": {"SIGNET_LOG_LEVEL": "LOUD"},
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_setting_is_refused_in_one_sentence_that_names_it(case: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(BAD[case])
    assert next(iter(BAD[case])) in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_names_on_aws_begin_with_that_of_the_installation() -> None:
    two = Settings.from_env({"SIGNET_NAME": "signet2", "SIGNET_ACCOUNT_ID": "111122223333", "AWS_REGION": "eu-west-1"})
    names = (two.table_name, two.secrets_key, two.journal_bucket, two.crl_bucket, two.metrics_namespace)
    of_two = "signet2-journal-111122223333-eu-west-1", "signet2-crl-111122223333-eu-west-1"
    assert names == ("signet2", "alias/signet2-secrets", *of_two, "Signet/signet2")
    assert (Settings().table_name, Settings().secrets_key) == ("signet", "alias/signet-secrets")
    assert Settings().metrics_namespace == "Signet"
    own = Settings.from_env(
        {"SIGNET_NAME": "signet2", "SIGNET_TABLE": "other", "SIGNET_KMS_SECRETS_KEY": "alias/other"}
    )
    assert (own.table_name, own.secrets_key) == ("other", "alias/other")


def test_crls_of_the_stacks_bucket_have_the_host_name_in_front_of_it() -> None:
    settings = Settings(buckets="s3", account_id="111122223333", crl_host="d1.cloudfront.net")
    buckets = runtime.from_settings(settings).buckets
    own, other = "signet-crl-111122223333-us-east-1", "signet-crl-own-x"
    assert buckets.object_url(own, "crl/x.crl") == "http://d1.cloudfront.net/crl/x.crl"
    assert buckets.object_url(other, "crl/x.crl") == f"http://{other}.s3.us-east-1.amazonaws.com/crl/x.crl"


def test_passphrase_is_not_in_the_representation() -> None:
    assert "swordfish" not in repr(Settings.from_env({"SIGNET_KEY_PASSPHRASE": "swordfish"}))


def test_each_port_is_chosen_on_its_own() -> None:
    rt = runtime.from_settings(Settings(state="dynamodb", buckets="s3"))
    assert isinstance(rt.buckets, S3Buckets)
    assert isinstance(rt.store.table.inner, DynamoTable)  # type: ignore[attr-defined]  # the store over a table


def test_runtime_of_the_environment_is_the_laptop_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_DATA", "somewhere")
    rt = runtime.from_env(creates=True)
    assert rt.settings.data == "somewhere"
    assert rt.now().tzinfo is not None
    assert 0 < rt.serial_number() < 1 << 128


def test_aws_files_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/x/config")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    config, credentials = aws_files()
    assert str(config) == "/x/config"
    assert credentials.parts[-2:] == (".aws", "credentials")


def test_partition_and_domain_follow_from_the_region() -> None:
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    regions = {region: each for each in partitions for region in each["regions"] if not region.endswith("-global")}
    assert len(regions) > 40
    assert {region: each["id"] for region, each in regions.items()} == PARTITION_OF
    for region, partition in regions.items():
        assert Settings(region=region).region == region
        assert arn.partition_of(region) == partition["id"]
        assert arn.domain_of(region) == partition["outputs"]["dnsSuffix"]


@pytest.mark.parametrize(
    "chosen",
    [{"regions": "own"}, {"state": "dynamodb"}, {"keys": "kms"}, {"buckets": "s3"}, {"events": "eventbridge"}],
    ids=str,
)
def test_home_that_uses_a_service_of_aws_has_its_own_region_alone(chosen: dict[str, str]) -> None:
    assert list(Settings(region="eu-west-1", **chosen).regions_served) == ["eu-west-1"]


def test_laptop_home_has_every_region_and_its_own_though_nobody_knows_it() -> None:
    assert set(Settings().regions_served) == set(PARTITION_OF)
    assert set(Settings(region="eu-new-9").regions_served) == {*PARTITION_OF, "eu-new-9"}


def test_what_lambda_logs_is_json_too() -> None:
    template = yaml.safe_load((ROOT / "infrastructure" / "operations.yaml").read_text())
    assert template["Globals"]["Function"]["LoggingConfig"] == {"LogFormat": "JSON"}


def test_log_lines_are_json_and_nobody_can_forge_one() -> None:
    stream = io.StringIO()
    handlers, level = logs.LOGGER.handlers[:], logs.LOGGER.level
    logs.configure("INFO", stream)
    logs.log("event", name='a"\n{"event": "forged"}')
    logs.log("quiet", logging.DEBUG)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logs.log_exception("failed", number=1)
    logs.LOGGER.handlers[:], logs.LOGGER.level = handlers, level
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["level"]) == ("event", "INFO")
    # Lambda takes the level only from lines with a time as in RFC 3339, and with its zone
    assert datetime.fromisoformat(first["timestamp"]).utcoffset() == timedelta(0)
    assert second["level"] == "ERROR"
    assert first["name"].startswith('a"\n')
    assert "ZeroDivisionError" in second["traceback"]


def test_refusal_names_no_empty_choice() -> None:
    with pytest.raises(SettingsError, match=r"must be one of: strict, aws\.$"):
        Settings.from_env({"SIGNET_CSR_GATE": "lax"})
