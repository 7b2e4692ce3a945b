"""One thing has one spelling: what a policy judges is what is used, and another spelling of it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib import arn as arns
from chalicelib.access import access_keys
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.client import client_for
from tests.support.model_cases import MODEL
from tests.support.policies import LEAF_TEMPLATE, OTHER, documented, policy, statement
from tests.support.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.runtime import Runtime

CA_ID, SERIAL = "11111111-2222-3333-4444-55555555555a", "0123456789abcdef0123456789abcdef"
CA = f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/{CA_ID}"
PARSERS: dict[str, Callable[[str], Any]] = {
    LEAF_TEMPLATE: arns.parse_template_arn,
    CA: arns.parse_ca_arn,
    f"{CA}/certificate/{SERIAL}": arns.parse_certificate_arn,
}
# Spellings that a lenient reader takes for the template EndEntityCertificate/V1.
TEMPLATES = [
    LEAF_TEMPLATE.replace("/V1", version)
    for version in (
        "/V01",
        "/V001",
        "/V0000000001",
        "/v1",
        "/V1/",
        "/V+1",
        "/V1.0",
        "/V1 ",
        "/V\uff11",
        "/V1\n",
        "/V\u0661",
    )
] + [
    LEAF_TEMPLATE.replace(*change)
    for change in (
        ("arn:aws:", "ARN:aws:"),
        ("arn:aws:", "arn:AWS:"),
        ("arn:aws:", "arn:aws-cn:"),
        ("arn:aws:", "arn:aws-us-gov:"),
        ("acm-pca:::", "ACM-PCA:::"),
        ("acm-pca:::", "acm-pca:us-east-1::"),
        ("acm-pca:::", "acm-pca::000000000000:"),
        ("template/", "template//"),
        ("template/", "Template/"),
        ("EndEntity", "endEntity"),
        ("EndEntity", "%45ndEntity"),
        ("EndEntity", "\u0395ndEntity"),
        ("EndEntity", "./EndEntity"),
    )
]


@pytest.fixture
def other(rt: Runtime, acm_pca: Any) -> Any:
    key = access_keys.create_access_key(rt, OTHER)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


# templates


@pytest.mark.parametrize("spelling", TEMPLATES)
def test_template_has_one_spelling(acm_pca: Any, spelling: str) -> None:
    arn = active_root(acm_pca)
    code, _ = refusal(lambda **more: issue(acm_pca, arn, **more), TemplateArn=spelling)
    assert code in {"InvalidArnException", "InvalidArgsException", "ValidationException"}


def test_deny_of_a_template_holds_for_every_spelling(acm_pca: Any, other: Any, rt: Runtime) -> None:
    arn = active_root(acm_pca)
    everything = statement(arn, Action=["acm-pca:IssueCertificate"])
    denied = {"Effect": "Deny", "Condition": {"StringEquals": {"acm-pca:TemplateArn": LEAF_TEMPLATE}}}
    acm_pca.put_policy(ResourceArn=arn, Policy=policy(everything, everything | denied | {"Sid": "2"}))
    other_template = LEAF_TEMPLATE.replace("EndEntity", "EndEntityClientAuth")
    assert issue(other, arn, TemplateArn=other_template)
    for spelling in (LEAF_TEMPLATE, *TEMPLATES):
        assert refusal(lambda **more: issue(other, arn, **more), TemplateArn=spelling)
    assert refusal(lambda **more: issue(other, arn, **more))  # the default template
    templates = {record.template_arn for record in rt.store.list_certificates(arn)}
    assert templates == {LEAF_TEMPLATE.replace("EndEntityCert", "RootCACert"), other_template}


# CAs and certificates


@pytest.mark.parametrize("change", [
    ("arn:aws:", "arn:aws-cn:"),
    ("arn:aws:", "arn:aws-us-gov:"),
    ("arn:", "ARN:"),
    (":us-east-1:", ":US-EAST-1:"),
    (":us-east-1:", ":us-west-2:"),
    (":us-east-1:", "::"),
    (":000000000000:", "::"),
    (":000000000000:", ":0:"),
    (":000000000000:", ":0000000000000:"),
    ("authority/", "authority//"),
    ("{ca}", "{ca}/"),
    ("{ca}", "{ca}\n"),
    ("{ca}", "{ca}\0"),
    ("{ca}", "{upper}"),
    ("{ca}", "{{{ca}}}"),
    ("-", "\u2010"),
])  # fmt: skip
def test_ca_has_one_spelling(acm_pca: Any, other: Any, rt: Runtime, change: tuple[str, str]) -> None:
    arn = active_root(acm_pca)
    acm_pca.put_policy(ResourceArn=arn, Policy=documented(arn))
    ca_id = arn.rsplit("/", 1)[1]
    upper = ca_id.upper() if ca_id != ca_id.upper() else ca_id[:-1] + "A"  # an id may have digits alone
    old, new = (text.format(ca=ca_id, upper=upper) for text in change)
    spelling = arn.replace(old, new)
    before = rt.store.get_certificate_authority(arn)
    for client in (acm_pca, other):
        for member, operation in operations_about_a_ca():
            request = good(operation, arn) | {member: spelling}
            assert refusal(getattr(client, xform_name(operation)), **request)[0] in {
                *("InvalidArnException", "ResourceNotFoundException", "ValidationException", "AccessDeniedException")
            }, operation
    assert rt.store.get_certificate_authority(arn) == before


def operations_about_a_ca() -> list[tuple[str, str]]:
    members = [
        (member, name)
        for name in MODEL.operation_names
        for member in ("CertificateAuthorityArn", "ResourceArn")
        if member in MODEL.operation_model(name).input_shape.members  # type: ignore[union-attr]  # each has an input
    ]
    assert len(members) >= 21
    return members


def good(operation: str, arn: str) -> dict[str, Any]:
    """The other members of a good request."""
    tags = {"Tags": [{"Key": "a", "Value": "b"}]}
    more: dict[str, dict[str, Any]] = {
        "CreateCertificateAuthorityAuditReport": {"S3BucketName": "reports", "AuditReportResponseFormat": "JSON"},
        "CreatePermission": {
            "Principal": "acm.amazonaws.com",
            "Actions": ["IssueCertificate", "GetCertificate", "ListPermissions"],
        },
        "DeletePermission": {"Principal": "acm.amazonaws.com"},
        "DescribeCertificateAuthorityAuditReport": {"AuditReportId": CA_ID},
        "GetCertificate": {"CertificateArn": f"{arn}/certificate/{SERIAL}"},
        "ImportCertificateAuthorityCertificate": {"Certificate": b"x"},
        "IssueCertificate": {
            "Csr": csr(),
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Validity": {"Type": "DAYS", "Value": 1},
        },
        "PutPolicy": {"Policy": documented(arn)},
        "RevokeCertificate": {"CertificateSerial": SERIAL, "RevocationReason": "SUPERSEDED"},
        "TagCertificateAuthority": tags,
        "UntagCertificateAuthority": tags,
        "UpdateCertificateAuthority": {"Status": "DISABLED"},
    }
    return more.get(operation, {})


@pytest.mark.parametrize("spelling", ["{upper}", "{serial}0", "0{serial}", "{short}", "{serial}/", " {serial}"])
def test_certificate_has_one_spelling(acm_pca: Any, spelling: str) -> None:
    arn = active_root(acm_pca)
    serial = serial_of(issue(acm_pca, arn))
    name = spelling.format(serial=serial, upper=f"{serial[:-1]}A", short=serial[1:])
    code, _ = refusal(acm_pca.get_certificate, CertificateAuthorityArn=arn, CertificateArn=f"{arn}/certificate/{name}")
    assert code in {"InvalidArnException", "ValidationException"}


def test_serial_number_names_one_certificate_however_it_is_spelled(acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    serial = serial_of(issue(acm_pca, arn))
    request = {"CertificateAuthorityArn": arn, "RevocationReason": "SUPERSEDED"}
    spelled = [serial.upper(), f"00{serial}", ":".join(serial[at : at + 2] for at in range(0, 32, 2))]
    acm_pca.revoke_certificate(**request, CertificateSerial=spelled[0])
    for spelling in (serial, *spelled):
        again = refusal(acm_pca.revoke_certificate, **request, CertificateSerial=spelling)
        assert again[0] == "RequestAlreadyProcessedException"
    described = acm_pca.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]
    own = described["Serial"].replace(":", "")
    for spelling in (own, own.upper(), f"0000{own}", f"00:{described['Serial']}"):
        code, text = refusal(acm_pca.revoke_certificate, **request, CertificateSerial=spelling)
        assert (code, text) == ("InvalidRequestException", "Self-signed certificate can not be revoked")


# the parsers

PIECES = st.sampled_from(
    ["0", "1", "V", "/", ":", "aws", "-cn", "A", "a", "-", "_", "\n", "\0", " ", "\uff11", "\u0663", "é", "*", "%2f"]
)


@given(st.sampled_from(sorted(PARSERS)), st.integers(0, 130), st.integers(0, 3), st.lists(PIECES, max_size=3))
@example(LEAF_TEMPLATE, len(LEAF_TEMPLATE) - 1, 0, ["0"])
def test_what_is_parsed_is_printed_as_it_was(text: str, at: int, dropped: int, pieces: list[str]) -> None:
    """No two texts are read as the same ARN."""
    changed = text[:at] + "".join(pieces) + text[at + dropped :]
    for parse in PARSERS.values():
        try:
            parsed = parse(changed)
        except arns.ArnError:
            continue
        assert str(parsed) == changed
