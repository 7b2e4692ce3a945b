"""One home, every region: the region is the one that a request is signed for, and regions are apart.

Source: AWS General Reference, "AWS Regions"; IAM User Guide, "AWS Signature Version 4", on the credential scope.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, principals, roles
from chalicelib.api import dispatch
from chalicelib.regions import PARTITION_OF
from tests.support.authority_steps import active_root, create, issue
from tests.support.builders import EC_CONFIGURATION
from tests.support.client import client_for, sts_for
from tests.support.good_requests import GOOD, World
from tests.support.refusals import refusal
from tests.support.rest import Rest, order
from tests.support.roles import trust

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.laptop, pytest.mark.usefixtures("acm_pca")]  # its time is that of the clients
HERE, THERE = "us-east-1", "eu-west-1"
OTHER = "111122223333"


@pytest.fixture
def there(rt: Any) -> Any:
    """A client of the same account in another region."""
    return client_for(rt, region=THERE)


def arns_of(client: Any, **more: Any) -> set[str]:
    pages = client.get_paginator("list_certificate_authorities").paginate(**more)
    return {ca["Arn"] for page in pages for ca in page["CertificateAuthorities"]}


def call(client: Any, operation: str, request: dict[str, Any]) -> Callable[[], Any]:
    method = next(name for name, mapped in client.meta.method_to_api_mapping.items() if mapped == operation)
    return lambda: getattr(client, method)(**request)


WITHOUT_CA = {"CreateCertificateAuthority", "ListCertificateAuthorities"}


@pytest.mark.parametrize("operation", sorted(GOOD.keys() - WITHOUT_CA))
def test_ca_of_another_region_is_not_found(acm_pca: Any, there: Any, operation: str) -> None:
    """The same request is good where the CA is, so nothing else refuses it elsewhere."""
    for make in GOOD[operation]:
        request = make(World(acm_pca))
        assert refusal(call(there, operation, request))[0] == "ResourceNotFoundException"
        call(acm_pca, operation, request)()


def test_operations_are_those_of_the_table() -> None:
    assert GOOD.keys() == dispatch.OPERATIONS.keys()
    assert len(GOOD) == 23


def test_list_has_the_cas_of_its_region_on_all_its_pages(acm_pca: Any, there: Any) -> None:
    here = {create(acm_pca) for _ in range(3)}
    others = {create(there) for _ in range(3)}
    assert arns_of(acm_pca) == here
    assert arns_of(there) == others
    assert {arn.split(":")[3] for arn in others} == {THERE}
    first = there.list_certificate_authorities(MaxResults=2)
    second = there.list_certificate_authorities(MaxResults=2, NextToken=first["NextToken"])
    pages = [first["CertificateAuthorities"], second["CertificateAuthorities"]]
    assert [len(page) for page in pages] == [2, 1]
    assert {ca["Arn"] for page in pages for ca in page} == others


def test_page_token_is_of_its_region(acm_pca: Any, there: Any) -> None:
    for _ in range(2):
        create(acm_pca)
        create(there)
    token = acm_pca.list_certificate_authorities(MaxResults=1)["NextToken"]
    refused = refusal(lambda: there.list_certificate_authorities(NextToken=token))
    assert refused[0] == "InvalidNextTokenException"


def test_idempotency_token_makes_one_ca_in_each_region(acm_pca: Any, there: Any) -> None:
    made = [create(client, IdempotencyToken="once") for client in (acm_pca, there, acm_pca, there)]
    assert made[:2] == made[2:]
    assert made[0] != made[1]


def test_shared_ca_is_listed_in_its_region_alone(rt: Any, acm_pca: Any, there: Any) -> None:
    share(acm_pca, first := active_root(acm_pca))
    share(there, second := active_root(there))
    key = access_keys.create_access_key(rt, OTHER, "key")
    named = {"access_key_id": key.access_key_id, "secret": key.secret}
    found = {
        region: arns_of(client_for(rt, region=region, **named), ResourceOwner="OTHER_ACCOUNTS")
        for region in (HERE, THERE, "us-west-2")
    }
    assert found == {HERE: {first}, THERE: {second}, "us-west-2": set()}


def share(client: Any, arn: str) -> None:
    actions = ["DescribeCertificateAuthority", "GetCertificate", "GetCertificateAuthorityCertificate"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": [f"acm-pca:{name}" for name in (*actions, "ListPermissions", "ListTags")],
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_policy(ResourceArn=arn, Policy=policy)


@pytest.mark.parametrize("region", ["us-gov-east-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1", "ap-south-2"])
def test_arns_have_the_partition_of_their_region(rt: Any, region: str) -> None:
    client, partition = client_for(rt, region=region), PARTITION_OF[region]
    standard = {"KeyStorageSecurityStandard": "CCPC_LEVEL_1_OR_HIGHER"} if partition == "aws-cn" else {}
    arn = create(client, "ROOT", **standard)
    assert arn.startswith(f"arn:{partition}:acm-pca:{region}:000000000000:certificate-authority/")
    template = f"arn:{partition}:acm-pca:::template/RootCACertificate/V1"
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    wanted = {
        "CertificateAuthorityArn": arn,
        "Csr": request.encode(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Validity": {"Type": "YEARS", "Value": 10},
    }
    foreign = (
        "arn:aws-cn:acm-pca:::template/RootCACertificate/V1"
        if partition == "aws"
        else template.replace(partition, "aws")
    )
    assert refusal(lambda: client.issue_certificate(**wanted, TemplateArn=foreign))[0] == "InvalidArgsException"
    made = client.issue_certificate(**wanted, TemplateArn=template)
    found = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made["CertificateArn"])
    client.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=found["Certificate"])
    assert issue(client, arn).startswith(f"{arn}/certificate/")


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_ca_is_not_found_by_another_partition_s_arn(acm_pca: Any, partition: str) -> None:
    arn = create(acm_pca).replace("arn:aws:", f"arn:{partition}:")
    refused = refusal(lambda: acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn))
    assert refused[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("region", ["us-moon-1", "moon", "aws-global"])
def test_unknown_region_is_refused_as_aws_does(rt: Any, region: str) -> None:
    refused = refusal(client_for(rt, region=region).list_certificate_authorities)
    assert refused == (
        "InvalidSignatureException",
        f"Credential should be scoped to a valid region, not '{region}'.",
    )


def test_scope_that_is_changed_after_signing_is_refused(rt: Any) -> None:
    """The signature covers the region: whoever sees a request cannot send it to another one."""
    client = client_for(rt, region=HERE)

    def moved(request: Any, **_: Any) -> None:
        signed = request.headers["Authorization"].decode()
        request.headers["Authorization"] = signed.replace(f"/{HERE}/", f"/{THERE}/")

    client.meta.events.register_first("before-send.acm-pca", moved)
    assert refusal(client.list_certificate_authorities)[0] == "UnrecognizedClientException"


def test_home_of_its_own_region_refuses_others(rt: Any) -> None:
    own = replace(rt, settings=replace(rt.settings, regions="own"))
    refused = refusal(client_for(own, region=THERE).list_certificate_authorities)
    assert refused[0] == "InvalidSignatureException"
    assert "/us-east-1/acm-pca'" in refused[1]
    assert client_for(own).list_certificate_authorities()["CertificateAuthorities"] == []


def test_region_that_is_only_this_home_s_is_served(rt: Any) -> None:
    new = replace(rt, settings=replace(rt.settings, region="eu-new-1"))
    assert ":eu-new-1:" in create(client_for(new, region="eu-new-1"))


POLICY = {"Effect": "Allow", "Action": "acm-pca:*"}


@pytest.mark.parametrize(
    "limited",
    [
        {"Resource": f"arn:aws:acm-pca:{THERE}:*:certificate-authority/*"},
        {"Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": THERE}}},
    ],
    ids=["resource", "condition"],
)
def test_policy_for_one_region_lets_nobody_into_another(
    rt: Any, acm_pca: Any, there: Any, limited: dict[str, Any]
) -> None:
    inside, outside = create(there), create(acm_pca)
    text = json.dumps({"Version": "2012-10-17", "Statement": [POLICY | limited]})
    principals.create(rt, rt.settings.account_id, "regional", policies=(("one", text),))
    key = access_keys.create_access_key(rt, rt.settings.account_id, "key", principal="regional")
    named = {"access_key_id": key.access_key_id, "secret": key.secret}
    local, foreign = (client_for(rt, region=region, **named) for region in (THERE, HERE))
    assert local.describe_certificate_authority(CertificateAuthorityArn=inside)
    for client, arn in ((foreign, outside), (foreign, inside), (local, outside)):
        answer = refusal(
            lambda client=client, arn=arn: client.describe_certificate_authority(CertificateAuthorityArn=arn)
        )
        assert answer[0] in {"AccessDeniedException", "ResourceNotFoundException"}


@pytest.mark.parametrize("region", [HERE, THERE, "cn-north-1", "us-gov-west-1"])
def test_denial_by_a_role_s_arn_holds_in_every_partition(rt: Any, region: str) -> None:
    """Nobody chooses the partition of a role or a principal by the region that a request is signed for."""
    account = rt.settings.account_id
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{account}:role/admin"},
    ]
    allowed, limited = (json.dumps({"Version": "2012-10-17", "Statement": statements[:most]}) for most in (1, 2))
    principals.create(rt, account, "bob", policies=(("limited", limited),))
    roles.create(rt, account, "admin", trust({"AWS": account}), policies=(("all", allowed),))
    key = access_keys.create_access_key(rt, account, "key", principal="bob")
    sts = sts_for(rt, access_key_id=key.access_key_id, secret=key.secret, region=region)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:user/bob"
    for partition in ("aws", "aws-cn", "aws-us-gov"):
        arn = f"arn:{partition}:iam::{account}:role/admin"
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=arn, RoleSessionName="s1")
    ours = sts_for(rt, region=region).assume_role(RoleArn=f"arn:aws:iam::{account}:role/admin", RoleSessionName="s1")
    assert ours["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/admin/s1"


def test_china_has_one_security_standard_and_other_regions_do_not_have_it(rt: Any, acm_pca: Any) -> None:
    china, standard = client_for(rt, region="cn-northwest-1"), "CCPC_LEVEL_1_OR_HIGHER"
    assert create(china, KeyStorageSecurityStandard=standard).startswith("arn:aws-cn:")
    for client, more in (
        (china, {}),
        (china, {"KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_2_OR_HIGHER"}),
        (china, {"KeyStorageSecurityStandard": "FIPS_140_2_LEVEL_3_OR_HIGHER"}),
        (acm_pca, {"KeyStorageSecurityStandard": standard}),
    ):
        assert refusal(lambda client=client, more=more: create(client, **more)) == (
            "InvalidArgsException",
            "A certificate authority cannot be created in this region with the specified security standard.",
        )


@pytest.mark.parametrize("region", ["cn-north-1", HERE])
def test_sm2_is_refused_by_name(rt: Any, region: str) -> None:
    configuration = EC_CONFIGURATION | {"KeyAlgorithm": "SM2", "SigningAlgorithm": "SM3WITHSM2"}
    with pytest.raises(ClientError) as raised:
        create(
            client_for(rt, region=region),
            CertificateAuthorityConfiguration=configuration,
            **({"KeyStorageSecurityStandard": "CCPC_LEVEL_1_OR_HIGHER"} if region.startswith("cn-") else {}),
        )
    assert raised.value.response["Error"]["Code"] == "InvalidArgsException"
    assert "SM2" in raised.value.response["Error"]["Message"]


def test_quotas_are_those_of_a_region(rt: Any) -> None:
    limited = replace(rt, settings=replace(rt.settings, quotas="1,5"))
    here, there = (client_for(limited, region=region) for region in (HERE, THERE))
    for client in (here, there):
        create(client)
        assert refusal(lambda client=client: create(client))[0] == "LimitExceededException"


def test_rates_are_those_of_a_region(rt: Any) -> None:
    limited = replace(rt, settings=replace(rt.settings, rates="aws"))
    here, there = (client_for(limited, region=region) for region in (HERE, THERE))
    for client in (here, there):
        create(client)
        assert refusal(lambda client=client: create(client))[0] == "ThrottlingException"


def test_audit_record_has_the_region_of_the_request(rt: Any, there: Any) -> None:
    arn = create(there)
    found = [each.record for each in rt.audit.newest(rt.settings.account_id, now=rt.now())]
    assert {record["awsRegion"] for record in found if arn in str(record)} == {THERE}


def test_extensions_have_the_cas_of_their_region(rt: Any, there: Any) -> None:
    arn = active_root(there)
    issued = issue(there, arn)
    assert issued in Rest(rt, THERE).found(arn)
    status, _, answer = Rest(rt, HERE).send("GET", f"/certificate-authorities/{arn.rpartition('/')[2]}/certificates")
    assert (status, answer["__type"]) == (400, "ResourceNotFoundException")
    assert THERE not in answer["message"]
    assert Rest(rt, THERE).explain(arn, **order())["WouldIssue"]
    with pytest.raises(AssertionError, match="ResourceNotFoundException"):  # which the helper raises
        Rest(rt, HERE).explain(arn, **order())


def test_ca_of_a_home_that_had_another_region_is_found_again(rt: Any) -> None:
    """As in homes from before, whose AWS_REGION was changed."""
    former = replace(rt, settings=replace(rt.settings, region="ap-south-1", regions="own"))
    arn = create(client_for(former, region="ap-south-1"))
    client = client_for(rt, region="ap-south-1")
    assert arns_of(client) == {arn}
    assert client.describe_certificate_authority(CertificateAuthorityArn=arn)
    assert arns_of(client_for(rt)) == set()
