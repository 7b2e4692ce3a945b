"""Nobody speaks for a CA of the account by its name.

Clients look for the signer of a CRL by the name of its issuer: Java's PKIX takes any certificate below the same root
that has the name, and no KeyUsage that forbids it.
"""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.access import access_keys
from tests.support.authority_steps import active_root, active_subordinate, create, issue
from tests.support.builders import EC_CONFIGURATION, csr
from tests.support.client import client_for
from tests.support.refusals import refusal
from tests.support.rest import Rest

UNBOUND, BY_API, SUB, USUAL = (
    f"arn:aws:acm-pca:::template/{name}/V1"
    for name in (
        "BlankEndEntityCertificate_CSRPassthrough",
        "BlankEndEntityCertificate_APIPassthrough",
        "SubordinateCACertificate_PathLen0",
        "EndEntityCertificate",
    )
)
CRL_SIGN, OTHERS = ({"Extensions": {"KeyUsage": {usage: True}}} for usage in ("CRLSign", "DigitalSignature"))
REFUSED = "A certificate authority of the account has this subject"


def named(common_name: str) -> dict[str, Any]:
    return {"CertificateAuthorityConfiguration": EC_CONFIGURATION | {"Subject": {"CommonName": common_name}}}


@pytest.fixture
def root(acm_pca: Any) -> str:
    return active_root(acm_pca, **named("Root"))


def refused(client: Any, arn: str, text: str = REFUSED, **more: Any) -> bool:
    code, message = refusal(lambda **request: issue(client, arn, **request), **more)
    return code == "ValidationException" and text in message


@pytest.mark.every_case
@pytest.mark.parametrize("name", ["Sub", "sUB ", "S\u00adub"])
def test_subscriber_gets_the_name_of_no_ca_that_the_issuer_has_certified(acm_pca: Any, root: str, name: str) -> None:
    issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=SUB)
    assert refused(acm_pca, root, Csr=csr(name), TemplateArn=UNBOUND)
    assert refused(acm_pca, root, Csr=csr(name), TemplateArn=BY_API, ApiPassthrough=CRL_SIGN)
    by_api = {"Subject": {"CommonName": name}}
    assert refused(acm_pca, root, Csr=csr("leaf"), TemplateArn=BY_API, ApiPassthrough=by_api)


def test_subscriber_gets_the_name_of_no_other_ca_of_the_account(acm_pca: Any, root: str, clock: Any) -> None:
    """Beside the issuer, below it or above it, whoever has certified it, and before anybody has."""
    other = active_subordinate(acm_pca, now=clock(), **named("Below an offline root"))
    create(acm_pca, **named("Pending"))
    for name in ("Root", "Pending"):
        assert refused(acm_pca, other, Csr=csr(name), TemplateArn=UNBOUND)
    for name in ("Below an offline root", "Pending"):
        assert refused(acm_pca, root, Csr=csr(name), TemplateArn=UNBOUND)


def test_ca_gets_no_name_whose_holder_may_sign_crls(acm_pca: Any, root: str) -> None:
    issue(acm_pca, root, Csr=csr("Later"), TemplateArn=UNBOUND)
    assert refused(acm_pca, root, "this subject", Csr=csr("later"), TemplateArn=SUB)
    code, text = refusal(lambda **more: create(acm_pca, **more), **named("LATER"))
    assert (code, "this subject" in text) == ("InvalidArgsException", True)


def test_certificate_that_cannot_sign_crls_may_have_any_name(acm_pca: Any, root: str) -> None:
    issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=SUB)
    assert issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=USUAL)
    assert issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=BY_API, ApiPassthrough=OTHERS)
    assert issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=SUB)
    assert issue(acm_pca, root, Csr=csr("Somebody"), TemplateArn=UNBOUND)
    assert issue(acm_pca, root, Csr=csr("Somebody"), TemplateArn=UNBOUND)
    assert create(acm_pca, **named("Root"))


def test_name_of_a_ca_of_another_account_is_free(rt: Any, acm_pca: Any, root: str) -> None:
    key = access_keys.create_access_key(rt, "111122223333")
    create(client_for(rt, access_key_id=key.access_key_id, secret=key.secret), **named("Theirs"))
    assert issue(acm_pca, root, Csr=csr("Theirs"), TemplateArn=UNBOUND)


def test_explain_says_so_and_takes_no_name(rt: Any, acm_pca: Any, root: str) -> None:
    rest, order = Rest(rt), {"SigningAlgorithm": "SHA256WITHECDSA", "Validity": {"Type": "DAYS", "Value": 1}}
    issue(acm_pca, root, Csr=csr("Sub"), TemplateArn=SUB)
    answer = rest.explain(root, Csr=csr("Sub"), TemplateArn=UNBOUND, **order)
    assert REFUSED in answer["Refusal"]["Message"]
    assert rest.explain(root, Csr=csr("Other"), TemplateArn=UNBOUND, **order)["WouldIssue"]
    assert issue(acm_pca, root, Csr=csr("Other"), TemplateArn=SUB)
