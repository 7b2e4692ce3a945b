"""Who may do what: every operation for every kind of caller, on their own, a foreign and a missing CA.

The table is written from AWS's descriptions of its managed policies and of cross-account access, not from the code
(AWS Private CA User Guide, "AWS managed policies", "Resource-based policies").
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from chalicelib.access import access_keys, presets, principals, role_sessions, roles
from chalicelib.api import model
from chalicelib.runtime import Caller
from tests.support.authority_steps import active_root, issue
from tests.support.builders import csr
from tests.support.client import client_for
from tests.support.outcomes import outcome
from tests.support.roles import trust

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

OWNER, OTHER = "000000000000", "111111111111"
LEAF = "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
SUBORDINATE = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
PERMITTED = ["IssueCertificate", "GetCertificate", "ListPermissions"]
MISSING_ID = "00000000-0000-4000-8000-000000000000"

READS = {
    "DescribeCertificateAuthority",
    "DescribeCertificateAuthorityAuditReport",
    "GetCertificate",
    "GetCertificateAuthorityCertificate",
    "GetCertificateAuthorityCsr",
    "GetPolicy",
    "ListPermissions",
    "ListTags",
}
# What each kind of caller may do with the owner's CA; the operations about no CA are among them.
MAY: dict[str, set[str]] = {
    "administrator": set(model.operations()),
    "another administrator": set(model.operations()),
    "issuer": {"IssueCertificate", "GetCertificate"},
    "session of an issuing role": {"IssueCertificate", "GetCertificate"},
    "auditor": READS | {"ListCertificateAuthorities", "CreateCertificateAuthorityAuditReport"},
    "read-only": READS | {"ListCertificateAuthorities"},
    "revoker": {"RevokeCertificate", "GetCertificate", "DescribeCertificateAuthority"},
    "nobody": set(),
    "other account, shared": {
        "CreateCertificateAuthority",
        "ListCertificateAuthorities",
        "DescribeCertificateAuthority",
        "GetCertificate",
        "GetCertificateAuthorityCertificate",
        "ListPermissions",
        "ListTags",
        "IssueCertificate",
    },
    "other account's auditor, shared": {
        "ListCertificateAuthorities",
        "DescribeCertificateAuthority",
        "GetCertificate",
        "GetCertificateAuthorityCertificate",
        "ListPermissions",
        "ListTags",
    },
    "other account, not shared": {"CreateCertificateAuthority", "ListCertificateAuthorities"},
}
ABOUT_NO_CA = {"CreateCertificateAuthority", "ListCertificateAuthorities"}
OF_OTHERS = ("other account, shared", "other account's auditor, shared", "other account, not shared")


def requests(ca_arn: str) -> dict[str, dict[str, Any]]:
    """A valid request of each operation."""
    ca, tags = {"CertificateAuthorityArn": ca_arn}, {"Tags": [{"Key": "team", "Value": "x"}]}
    report = {"S3BucketName": "reports-of-nobody", "AuditReportResponseFormat": "JSON"}
    certificate = issue_parameters()
    return {
        "CreateCertificateAuthority": {
            "CertificateAuthorityType": "ROOT",
            "CertificateAuthorityConfiguration": {
                "KeyAlgorithm": "EC_prime256v1",
                "SigningAlgorithm": "SHA256WITHECDSA",
                "Subject": {"CommonName": "new"},
            },
        },
        "CreateCertificateAuthorityAuditReport": ca | report,
        "CreatePermission": ca | {"Principal": "acm.amazonaws.com", "Actions": PERMITTED},
        "DeleteCertificateAuthority": ca,
        "DeletePermission": ca | {"Principal": "acm.amazonaws.com"},
        "DeletePolicy": {"ResourceArn": ca_arn},
        "DescribeCertificateAuthority": ca,
        "DescribeCertificateAuthorityAuditReport": ca | {"AuditReportId": MISSING_ID},
        "GetCertificate": ca | {"CertificateArn": f"{ca_arn}/certificate/{1:032x}"},
        "GetCertificateAuthorityCertificate": ca,
        "GetCertificateAuthorityCsr": ca,
        "GetPolicy": {"ResourceArn": ca_arn},
        "ImportCertificateAuthorityCertificate": ca | {"Certificate": b"-----BEGIN CERTIFICATE-----"},
        "IssueCertificate": ca | certificate,
        "ListCertificateAuthorities": {},
        "ListPermissions": ca,
        "ListTags": ca,
        "PutPolicy": {"ResourceArn": ca_arn, "Policy": "{}"},
        "RestoreCertificateAuthority": ca,
        "RevokeCertificate": ca | {"CertificateSerial": f"{1:032x}", "RevocationReason": "SUPERSEDED"},
        "TagCertificateAuthority": ca | tags,
        "UntagCertificateAuthority": ca | tags,
        "UpdateCertificateAuthority": ca | {"Status": "ACTIVE"},
    }


def issue_parameters(template: str = LEAF) -> dict[str, Any]:
    validity = {"Type": "DAYS", "Value": 1}
    return {"Csr": csr(), "SigningAlgorithm": "SHA256WITHECDSA", "Validity": validity, "TemplateArn": template}


def make_principal(rt: Runtime, name: str, preset: str, *, account: str = OWNER, ca: str = "") -> str:
    about = {"ca_arns": [ca], "template_arns": [LEAF]} if preset == "issuer" else {}
    principals.create(rt, account, name, policies=((preset, presets.policy_of(preset, **about)),))
    return name


@pytest.fixture
def owned(acm_pca: Any) -> str:
    """The owner's CA, which is active."""
    return active_root(acm_pca)


def share(acm_pca: Any, arn: str, **principal: Any) -> None:
    """The policy of AWS's guide."""
    reading = [f"acm-pca:{name}" for name in sorted(MAY["other account's auditor, shared"] - ABOUT_NO_CA)]
    common = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Resource": arn} | principal
    issuing = {"Action": "acm-pca:IssueCertificate", "Condition": {"StringEquals": {"acm-pca:TemplateArn": LEAF}}}
    text = {"Version": "2012-10-17", "Statement": [common | {"Action": reading}, common | issuing]}
    acm_pca.put_policy(ResourceArn=arn, Policy=json.dumps(text))


def callers(rt: Runtime, acm_pca: Any, arn: str) -> dict[str, Caller]:
    """A caller of each kind."""
    for name in ("issuer", "auditor", "read-only", "revoker"):
        make_principal(rt, name, name, ca=arn)
    make_principal(rt, "root2", "administrator")
    principals.create(rt, OWNER, "nobody")
    make_principal(rt, "auditor", "auditor", account=OTHER)
    roles.create(rt, OWNER, "ci", trust({"AWS": OWNER}), policies=(("p", presets.policy_of("issuer", [arn], [LEAF])),))
    named = {"another administrator": "root2"} | {kind: "administrator" for kind in OF_OTHERS if "auditor" not in kind}
    named["other account's auditor, shared"] = "auditor"
    made = {
        kind: Caller(
            account_id=OTHER if kind in OF_OTHERS else OWNER, access_key_id="x", principal=named.get(kind, kind)
        )
        for kind in MAY
    }
    return made | {"session of an issuing role": session_of(rt, "ci")}


def session_of(rt: Runtime, role: str) -> Caller:
    """A caller with a session, as a request that it signs makes one."""
    started = role_sessions.start(rt, roles.find(rt, OWNER, role), "s1", ("access-key", "x", ""), timedelta(hours=1))
    name = role_sessions.principal_of(started.session)
    return Caller(account_id=OWNER, access_key_id="ASIA", principal=name, session=started.session)


def of_account(arn: str, account: str) -> str:
    parts = arn.split(":")
    return ":".join([*parts[:4], account, *parts[5:]])


def places(kind: str, owned: str) -> dict[str, tuple[str, set[str]]]:
    """A CA that is there, one missing in the caller's account, and a third account's, with what is allowed."""
    account = OTHER if kind in OF_OTHERS else OWNER
    missing = of_account(owned[:-36] + MISSING_ID, account)
    elsewhere = ABOUT_NO_CA & MAY[kind]
    issuers: dict[str, set[str]] = {"issuer": set(), "session of an issuing role": set()}
    by_itself = (issuers | {"other account's auditor, shared": MAY["auditor"]}).get(kind, MAY[kind])
    if kind in {"other account, shared", "other account, not shared"}:
        by_itself = MAY["administrator"]
    return {
        "there": (owned, MAY[kind]),
        "missing": (missing, by_itself),
        "elsewhere": (of_account(owned, "222222222222"), elsewhere),
    }


def is_right(place: str, operation: str, found: tuple[str, str], may: set[str]) -> bool:
    code, message = found
    if operation not in may:
        return code == "AccessDeniedException" and f"acm-pca:{operation} on resource: " in message
    if place == "missing" and operation not in ABOUT_NO_CA:
        return code == "ResourceNotFoundException"
    return code != "AccessDeniedException"


@pytest.mark.parametrize("kind", MAY)
def test_every_operation_of_a_kind_of_caller(rt: Runtime, acm_pca: Any, owned: str, kind: str) -> None:
    caller = callers(rt, acm_pca, owned)[kind]
    if kind.endswith(", shared"):
        share(acm_pca, owned)
    wrong, cells = [], 0
    for place, (arn, may) in places(kind, owned).items():
        for operation, request in requests(arn).items():
            found = outcome(rt, caller, operation, request)
            cells += 1
            if not is_right(place, operation, found, may):
                wrong.append((place, operation, *found))
    assert wrong == []
    assert cells == 3 * 23


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("kind", ["administrator", "auditor", "nobody"])
def test_foreign_authority_is_refused_in_one_text_whether_it_exists_or_not(
    rt: Runtime, acm_pca: Any, owned: str, kind: str, effect: str
) -> None:
    """Nor does a caller learn that it is denied by name."""
    share(acm_pca, owned, Principal={"AWS": "222222222222" if effect == "Allow" else OTHER}, Effect=effect)
    if kind != "administrator":
        policies = (("p", presets.policy_of(kind)),) if kind != "nobody" else ()
        principals.create(rt, OTHER, kind, policies=policies)
    caller = Caller(account_id=OTHER, access_key_id="x", principal=kind)
    missing = owned[:-36] + MISSING_ID
    for operation, request in requests(owned).items():
        if operation in ABOUT_NO_CA:
            continue
        code, message = outcome(rt, caller, operation, request)
        assert code == "AccessDeniedException", operation
        again = outcome(rt, caller, operation, requests(missing)[operation])
        assert again == (code, message.replace(owned, missing))


def client_of(rt: Runtime, principal: str, account: str = OWNER, **more: Any) -> Any:
    key = access_keys.create_access_key(rt, account, principal=principal, **more)
    return client_for(rt, access_key_id=key.access_key_id, secret=key.secret)


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_issuer_issues_by_its_template_and_is_refused_21_operations_by_name(
    rt: Runtime, acm_pca: Any, owned: str
) -> None:
    client = client_of(rt, make_principal(rt, "ci", "issuer", ca=owned))
    refused = []
    for operation, request in requests(owned).items():
        if operation in {"IssueCertificate", "GetCertificate"}:
            continue
        code, message = refusal(getattr(client, xform_name(operation)), **request)
        resource, action = "*" if operation in ABOUT_NO_CA else owned, f"acm-pca:{operation}"
        assert code == "AccessDeniedException"
        assert message == (
            f"User: arn:aws:iam::{OWNER}:user/ci is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action"
        )
        refused.append(operation)
    assert len(refused) == 21
    issued = issue(client, owned)
    assert "CertificateChain" in client.get_certificate(CertificateAuthorityArn=owned, CertificateArn=issued)
    code, message = refusal(client.issue_certificate, CertificateAuthorityArn=owned, **issue_parameters(SUBORDINATE))
    assert code == "AccessDeniedException"
    assert message.endswith(
        f"because no identity-based policy allows the acm-pca:IssueCertificate action with the template {SUBORDINATE}"
    )
    assert "user/ci" in message


@pytest.mark.parametrize("version", ["V01", "V001", "V1 ", "v1", "V1/", "V\u0661"])
def test_deny_of_a_template_holds_however_its_version_is_spelled(
    rt: Runtime, acm_pca: Any, owned: str, version: str
) -> None:
    deny = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"acm-pca:TemplateArn": SUBORDINATE}},
    }
    allow = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
    principals.create(rt, OWNER, "p", policies=(("p", json.dumps({"Statement": [allow, deny]})),))
    caller = Caller(account_id=OWNER, access_key_id="x", principal="p")
    spelled = SUBORDINATE.removesuffix("V1") + version
    request = {"CertificateAuthorityArn": owned, **issue_parameters(spelled)}
    assert outcome(rt, caller, "IssueCertificate", request)[0] not in {"", "AccessDeniedException"}
    code, message = outcome(rt, caller, "IssueCertificate", request | {"TemplateArn": SUBORDINATE})
    assert (code, "with an explicit deny in an identity-based policy: statement 2 of policy 'p'" in message) == (
        "AccessDeniedException",
        True,
    )


def test_inside_an_account_the_policy_of_the_authority_suffices(rt: Runtime, acm_pca: Any, owned: str) -> None:
    principals.create(rt, OWNER, "p")
    client = client_of(rt, "p")
    assert refusal(client.describe_certificate_authority, CertificateAuthorityArn=owned)[0] == "AccessDeniedException"
    share(acm_pca, owned, Principal={"AWS": f"arn:aws:iam::{OWNER}:user/p"})
    client.describe_certificate_authority(CertificateAuthorityArn=owned)
    issue(client, owned)
    share(acm_pca, owned, Principal={"AWS": OWNER})  # to the account: its identity policies decide
    assert refusal(client.describe_certificate_authority, CertificateAuthorityArn=owned)[0] == "AccessDeniedException"


def test_user_of_another_account_is_let_in_by_name(rt: Runtime, acm_pca: Any, owned: str) -> None:
    make_principal(rt, "bob", "read-only", account=OTHER)
    bob, administrator = client_of(rt, "bob", OTHER), client_of(rt, "administrator", OTHER)
    share(acm_pca, owned, Principal={"AWS": f"arn:aws:iam::{OTHER}:user/bob"})
    bob.describe_certificate_authority(CertificateAuthorityArn=owned)
    shared = bob.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"]
    assert [ca["Arn"] for ca in shared] == [owned]
    denied = refusal(administrator.describe_certificate_authority, CertificateAuthorityArn=owned)
    assert denied[0] == "AccessDeniedException"
    assert administrator.list_certificate_authorities(ResourceOwner="OTHER_ACCOUNTS")["CertificateAuthorities"] == []


def test_deny_in_the_policy_of_an_authority_binds_its_owner(rt: Runtime, acm_pca: Any, owned: str) -> None:
    deny = {
        "Sid": "NoSub", "Effect": "Deny", "Principal": "*", "Action": "acm-pca:IssueCertificate", "Resource": owned,
        "Condition": {"StringEquals": {"acm-pca:TemplateArn": SUBORDINATE}},
    }  # fmt: skip
    acm_pca.put_policy(ResourceArn=owned, Policy=json.dumps({"Statement": deny}))
    code, message = refusal(acm_pca.issue_certificate, CertificateAuthorityArn=owned, **issue_parameters(SUBORDINATE))
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in a resource-based policy: statement 'NoSub'")
    issue(acm_pca, owned)
    acm_pca.delete_policy(ResourceArn=owned)
    acm_pca.issue_certificate(CertificateAuthorityArn=owned, **issue_parameters(SUBORDINATE))


def test_expired_access_key_is_refused(rt: Runtime, acm_pca: Any, clock: Any) -> None:
    client = client_of(rt, "administrator", expires_at=clock() + timedelta(days=90))
    client.list_certificate_authorities()
    clock.forward(days=89)
    client.list_certificate_authorities()
    clock.forward(days=1)
    assert refusal(client.list_certificate_authorities) == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )
