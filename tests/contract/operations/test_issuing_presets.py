"""Issuing presets, named by an unmodified client as `TemplateArn`: what they refuse, and that they allow nothing."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chalicelib.access import access_keys, principals
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from chalicelib.operations.issuing_presets import IssuingPresetError
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.issuing import names_policy
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.builders import LEAF_KEY, csr
from tests.support.client import client_for

if TYPE_CHECKING:
    from tests.faults.world import Clock

SERVER = "EndEntityServerAuthCertificate"
NAMES = ("www.example.com", "*.apps.example.com", "10.0.0.0/8", "@example.com")


@pytest.fixture
def arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


def save(rt: Any, clock: Clock, name: str = "web", **more: Any) -> str:
    """A preset; returns its ARN."""
    members: Any = {"template": SERVER, "names": NAMES, "days": 90} | more
    account_id = rt.settings.account_id
    preset = issuing_presets.save(rt, IssuingPreset(account_id=account_id, name=name, created_at=clock(), **members))
    return issuing_presets.arn_of(rt, preset)


def request(*names: x509.GeneralName, common_name: str = "www.example.com") -> bytes:
    extensions = [(x509.SubjectAlternativeName(names), False)] if names else []
    return csr(common_name, extensions=extensions)


def refusal(client: Any, arn: str, **more: Any) -> str:
    with pytest.raises(ClientError) as refused:
        issue(client, arn, **more)
    error: Any = refused.value.response["Error"]
    assert error["Code"] == "InvalidArgsException"
    return str(error["Message"])


def test_certificate_by_a_preset_is_one_by_its_template(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    preset = save(rt, clock)
    assert preset == "arn:aws:acm-pca:us-east-1:000000000000:preset/web"
    made = issue(acm_pca, arn, TemplateArn=preset, Csr=request(x509.DNSName("a.apps.example.com")))
    record = rt.store.get_certificate(arn, fetch(acm_pca, arn, made).serial_number)
    assert record.template_arn == f"arn:aws:acm-pca:::template/{SERVER}/V1"
    purposes = fetch(acm_pca, arn, made).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("www.example.com"),
        x509.DNSName("WWW.example.COM"),
        x509.DNSName("a.b.apps.example.com"),
        x509.DNSName("*.apps.example.com"),
        x509.IPAddress(ip_address("10.255.0.1")),
        x509.RFC822Name("ops@example.com"),
    ],
    ids=lambda name: str(name.value),
)
def test_name_that_the_policy_allows_is_issued(acm_pca: Any, rt: Any, clock: Clock, arn: str, name: Any) -> None:
    assert issue(acm_pca, arn, TemplateArn=save(rt, clock), Csr=request(name))


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("example.com"),
        x509.DNSName("apps.example.com"),
        x509.DNSName("xapps.example.com"),
        x509.DNSName("www.example.com.evil.example"),
        x509.DNSName("*.example.com"),
        x509.IPAddress(ip_address("11.0.0.1")),
        x509.IPAddress(ip_address("::ffff:10.0.0.1")),
        x509.RFC822Name("ops@sub.example.com"),
        x509.RFC822Name("ops@xexample.com"),
        x509.UniformResourceIdentifier("https://www.example.com/"),
    ],
    ids=lambda name: str(name.value),
)
def test_name_that_the_policy_does_not_allow_is_refused(
    acm_pca: Any, rt: Any, clock: Clock, arn: str, name: Any
) -> None:
    reserved = rt.store.count_of(arn).reserved
    text = refusal(acm_pca, arn, TemplateArn=save(rt, clock), Csr=request(x509.DNSName("www.example.com"), name))
    assert text.startswith("The issuing preset web does not allow the name '")
    assert str(name.value).lower() in text.lower()
    assert rt.store.count_of(arn).reserved == reserved


@pytest.mark.parametrize("common_name", ["other.example.com", "Somebody", "11.0.0.1", "x@other.example"])
def test_common_name_has_to_match_as_well(acm_pca: Any, rt: Any, clock: Clock, arn: str, common_name: str) -> None:
    sent = request(x509.DNSName("www.example.com"), common_name=common_name)
    assert f"'{common_name}'" in refusal(acm_pca, arn, TemplateArn=save(rt, clock), Csr=sent)


def test_email_address_in_the_subject_has_to_match_as_well(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    preset = save(rt, clock)
    for address, allowed in (("ops@example.com", True), ("ops@other.example", False)):
        attributes = [(NameOID.COMMON_NAME, "www.example.com"), (NameOID.EMAIL_ADDRESS, address)]
        subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(LEAF_KEY, hashes.SHA256())
        sent = made.public_bytes(Encoding.PEM)
        if allowed:
            assert issue(acm_pca, arn, TemplateArn=preset, Csr=sent)
        else:
            assert f"'{address}'" in refusal(acm_pca, arn, TemplateArn=preset, Csr=sent)


def test_names_passed_through_are_judged_as_well(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    preset = save(rt, clock, template="EndEntityServerAuthCertificate_APIPassthrough")
    passed = {"Extensions": {"SubjectAlternativeNames": [{"DnsName": "planted.example.net"}]}}
    text = refusal(acm_pca, arn, TemplateArn=preset, Csr=request(), ApiPassthrough=passed)
    assert "'planted.example.net'" in text


def test_validity_is_at_most_that_of_the_preset(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    preset = save(rt, clock, names=(), days=30)
    for validity in (
        {"Type": "DAYS", "Value": 31},
        {"Type": "MONTHS", "Value": 2},
        {"Type": "ABSOLUTE", "Value": int(clock().timestamp()) + 31 * 86400},
    ):
        text = refusal(acm_pca, arn, TemplateArn=preset, Validity=validity)
        assert text == "The issuing preset web allows a validity of at most 30 days."
    assert issue(acm_pca, arn, TemplateArn=preset, Validity={"Type": "DAYS", "Value": 30})
    assert issue(acm_pca, arn, TemplateArn=preset, Validity={"Type": "DAYS", "Value": 1})


@pytest.mark.parametrize(
    "preset",
    [
        "arn:aws:acm-pca:us-east-1:000000000000:preset/missing",
        "arn:aws:acm-pca:eu-west-1:000000000000:preset/web",
        "arn:aws:acm-pca:us-east-1:111111111111:preset/web",
        "arn:aws-cn:acm-pca:us-east-1:000000000000:preset/web",
    ],
)
def test_preset_that_is_not_the_account_s_is_refused(
    acm_pca: Any, rt: Any, clock: Clock, arn: str, preset: str
) -> None:
    save(rt, clock)
    assert "has no issuing preset" in refusal(acm_pca, arn, TemplateArn=preset)


def test_malformed_arn_is_refused_as_one(acm_pca: Any, rt: Any, arn: str) -> None:
    for text in ("arn:aws:acm-pca:us-east-1:000000000000:preset/", "arn:aws:acm-pca:::preset/web"):
        with pytest.raises(ClientError) as refused:
            issue(acm_pca, arn, TemplateArn=text)
        assert refused.value.response["Error"]["Code"] in {"InvalidArnException", "ValidationException"}


def test_preset_allows_nothing_that_policies_do_not_allow(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    """The policy sees the template: a preset of an allowed one is allowed, one of another is denied."""
    allowed, denied = save(rt, clock, "allowed"), save(rt, clock, "denied", template="EndEntityCertificate")
    condition = {"StringEquals": {"acm-pca:TemplateArn": f"arn:aws:acm-pca:::template/{SERVER}/V1"}}
    statement = {"Effect": "Allow", "Action": "acm-pca:IssueCertificate", "Resource": arn, "Condition": condition}
    principals.create(rt, rt.settings.account_id, "ci", policies=(("p", json.dumps({"Statement": [statement]})),))
    key = access_keys.create_access_key(rt, rt.settings.account_id, principal="ci")
    client = client_for(rt, access_key_id=key.access_key_id, secret=key.secret)
    assert issue(client, arn, TemplateArn=allowed, Csr=request())
    with pytest.raises(ClientError) as refused:
        issue(client, arn, TemplateArn=denied, Csr=request())
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_retry_with_a_token_gets_the_same_certificate(acm_pca: Any, rt: Any, clock: Clock, arn: str) -> None:
    preset = save(rt, clock)
    first = issue(acm_pca, arn, TemplateArn=preset, Csr=request(), IdempotencyToken="t")
    save(rt, clock, days=1)  # the rule is another one now, and the first request met the old one
    assert issue(acm_pca, arn, TemplateArn=preset, Csr=request(), IdempotencyToken="t") == first


@pytest.mark.parametrize(
    ("part", "members"),
    [
        ("name", {"name": "a/b"}),
        ("name", {"name": ""}),
        ("template", {"template": "Nothing"}),
        ("days", {"days": 0}),
        ("days", {"days": 100_000}),
        ("names", {"names": ("https://x",)}),
        ("names", {"names": ("*",)}),
        ("names", {"names": ("*.*.example.com",)}),
        ("names", {"names": ("10.0.0.1/8",)}),
        ("names", {"names": ("a b",)}),
        ("names", {"names": tuple(f"{number}.example.com" for number in range(51))}),
        ("description", {"description": "x" * 201}),
    ],
)
def test_wrong_preset_is_not_saved(rt: Any, clock: Clock, part: str, members: dict[str, Any]) -> None:
    with pytest.raises(IssuingPresetError) as refused:
        save(rt, clock, **members)
    assert refused.value.part == part
    assert issuing_presets.of_account(rt, rt.settings.account_id) == []


def test_preset_is_replaced_and_removed(rt: Any, clock: Clock) -> None:
    save(rt, clock)
    save(rt, clock, days=7, names=("WWW.Example.com.", "www.example.com", "10.0.0.1"))
    (preset,) = issuing_presets.of_account(rt, rt.settings.account_id)
    assert (preset.days, preset.names, preset.version) == (7, ("www.example.com", "10.0.0.1/32"), 2)
    assert issuing_presets.delete(rt, rt.settings.account_id, "web")
    assert not issuing_presets.delete(rt, rt.settings.account_id, "web")


def test_account_has_a_bounded_number_of_presets(rt: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing_presets, "MOST", 1)
    save(rt, clock)
    save(rt, clock, days=5)
    with pytest.raises(IssuingPresetError, match="at most 1"):
        save(rt, clock, "another")


def test_patterns_are_bounded_in_length() -> None:
    with pytest.raises(ArgumentError) as refused:
        names_policy.parse(["x" * 5000])
    assert len(str(refused.value)) < 300
