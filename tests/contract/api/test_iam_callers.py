"""IAM's own identities as callers (SIGNET_CALLERS=iam): who is believed, and who is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import app as signet_app
from chalicelib.access import access_keys, presets, principals, roles
from chalicelib.console import sessions
from chalicelib.local.server import ServeError, claimed
from tests.support.authority_steps import active_root
from tests.support.client import client_for, send
from tests.support.home import ROOT
from tests.support.roles import OWNER, trust

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

    from chalicelib.runtime import Runtime

ALICE = f"arn:aws:iam::{OWNER}:user/alice"
BUILD = f"arn:aws:sts::{OWNER}:assumed-role/build/i-0123"


@pytest.fixture
def deployed(rt: Runtime, acm_pca: Any) -> Runtime:
    """The home in this mode, with a principal for a user of IAM's and a role for IAM's role of its name."""
    principals.create(rt, OWNER, "alice", policies=(("p", presets.policy_of("read-only")),))
    roles.create(rt, OWNER, "build", trust({"AWS": OWNER}), policies=(("p", presets.policy_of("read-only")),))
    made = replace(rt, settings=replace(rt.settings, callers="iam"))
    signet_app.use_runtime(made)
    return made


def context(arn: str | None, account: str | None = OWNER, **more: Any) -> dict[str, Any]:
    """What API Gateway says of a request that IAM has let pass."""
    identity = {"accountId": account, "userArn": arn, "accessKey": "ASIAOFIAM", "sourceIp": "192.0.2.7"}
    return {"apiId": "abc123", "stage": "api", "identity": identity} | more


def call(operation: str, request: Any, told: dict[str, Any], **headers: str) -> tuple[str, str]:
    """Code and text of the refusal; empty if there is none."""
    body = json.dumps(request).encode()
    named = {
        "host": "abc123.execute-api.us-east-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"ACMPrivateCA.{operation}",
    } | headers
    _, _, answer = send("POST", "https://abc123/", list(named.items()), body, **told)
    found = json.loads(answer)
    return found.get("__type", ""), found.get("message", "")


LIST: tuple[str, dict[str, Any]] = ("ListCertificateAuthorities", {})


@pytest.mark.parametrize("arn", [ALICE, f"arn:aws:iam::{OWNER}:user/division/team/alice", BUILD])
def test_identity_acts_by_the_policies_of_its_name(deployed: Runtime, acm_pca: Any, arn: str) -> None:
    assert call(*LIST, context(arn)) == ("", "")
    code, text = call("DeleteCertificateAuthority", {"CertificateAuthorityArn": active_root_of(deployed)}, context(arn))
    assert code == "AccessDeniedException"
    name = BUILD if arn == BUILD else ALICE
    assert text.startswith(f"User: {name} is not authorized to perform: acm-pca:DeleteCertificateAuthority")


def active_root_of(rt: Runtime) -> str:
    signed = replace(rt, settings=replace(rt.settings, callers="signet"))
    made = active_root(client_for(signed))
    signet_app.use_runtime(rt)
    return made


STRANGERS: dict[str, str] = {
    "user without a principal": f"arn:aws:iam::{OWNER}:user/bob",
    "role without a role": f"arn:aws:sts::{OWNER}:assumed-role/other/alice",
    "session named like a role": f"arn:aws:sts::{OWNER}:assumed-role/other/build",
    "role named like a principal": f"arn:aws:sts::{OWNER}:assumed-role/alice/x",
    "user named like a role": f"arn:aws:iam::{OWNER}:user/build",
    "root": f"arn:aws:iam::{OWNER}:root",
    "federated user": f"arn:aws:sts::{OWNER}:federated-user/alice",
    "administrator": f"arn:aws:iam::{OWNER}:user/administrator",
    "administrator with a path": f"arn:aws:iam::{OWNER}:user/x/administrator",
    "Signet itself": f"arn:aws:iam::{OWNER}:user/signet:itself",
    "user of another account": "arn:aws:iam::111111111111:user/alice",
    "no ARN": "alice",
    "line": f"{ALICE}\n",
}


@pytest.mark.parametrize("arn", STRANGERS.values(), ids=STRANGERS)
def test_identity_without_policies_may_do_nothing(deployed: Runtime, arn: str) -> None:
    """Not even what Signet's own administrator may, whose name a user of IAM may have."""
    assert call(*LIST, context(arn))[0] == "AccessDeniedException"


def test_account_of_an_identity_is_its_own(deployed: Runtime) -> None:
    principals.create(deployed, "111111111111", "alice", policies=(("p", presets.policy_of("administrator")),))
    ca = {"CertificateAuthorityArn": active_root_of(deployed)}
    other = context("arn:aws:iam::111111111111:user/alice", "111111111111")
    assert call("DescribeCertificateAuthority", ca, other)[0] == "AccessDeniedException"
    assert call("DescribeCertificateAuthority", ca, context(ALICE)) == ("", "")


NOBODY: dict[str, dict[str, Any]] = {
    "nobody": context(None, None),
    "no account": context(ALICE, None),
    "no key": context(ALICE) | {"identity": {"accountId": OWNER, "userArn": ALICE}},
    "not API Gateway": context(ALICE, apiId=None),
    "empty": context("", ""),
    "numbers": context(1, 2),  # type: ignore[arg-type]  # on purpose
}
FORGED = {
    "x-amzn-iam-identity": ALICE,
    "x-amz-security-token": "x",
    "requestcontext": json.dumps(context(ALICE)),
}


@pytest.mark.parametrize("told", NOBODY.values(), ids=NOBODY)
def test_whom_api_gateway_does_not_name_is_nobody(deployed: Runtime, told: dict[str, Any]) -> None:
    """Also if somebody forgot to let it ask IAM, and whatever headers say."""
    assert call(*LIST, told, **FORGED)[0] == "MissingAuthenticationTokenException"


def test_what_api_gateway_says_counts_in_this_mode_alone(rt: Runtime, acm_pca: Any) -> None:
    principals.create(rt, OWNER, "alice", policies=(("p", presets.policy_of("administrator")),))
    assert call(*LIST, context(ALICE))[0] == "MissingAuthenticationTokenException"


def test_keys_of_signet_open_nothing_in_this_mode(deployed: Runtime) -> None:
    root = access_keys.ensure_root_key(deployed)
    assert sessions.sign_in(deployed, root.access_key_id, root.secret) is None
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = [("host", "abc123"), ("content-type", "application/x-www-form-urlencoded")]
    status, found, answer = send("POST", "https://abc123/", headers, body, **context(ALICE))
    assert (status, found["x-amzn-ErrorType"]) == (400, "InvalidAction")
    assert b"use AWS STS" in answer


def test_laptop_home_does_not_serve_in_this_mode(deployed: Runtime) -> None:
    with pytest.raises(ServeError, match="only API Gateway"), claimed(deployed.settings):
        pass


def test_client_signs_for_execute_api_by_a_hook_of_boto3(deployed: Runtime) -> None:
    """As docs/access.md tells; other SDKs and the CLI sign for acm-pca alone."""
    seen: list[AWSRequest] = []

    def sign_for_api_gateway(request: AWSRequest, **_: Any) -> None:
        request.context.setdefault("signing", {})["signing_name"] = "execute-api"

    client = client_for(deployed)
    client.meta.events.register("before-sign.acm-pca", sign_for_api_gateway)
    client.meta.events.register_first("before-send.acm-pca", lambda request, **_: seen.append(request))
    with pytest.raises(client.exceptions.ClientError, match="MissingAuthenticationToken"):
        client.list_certificate_authorities()
    authorization = seen[0].headers["Authorization"]
    text = authorization.decode() if isinstance(authorization, bytes) else authorization
    assert "/us-east-1/execute-api/aws4_request" in text


def test_template_asks_iam_on_every_route_of_the_api(deployed: Runtime) -> None:
    """And on no other one: clients of CRLs sign nothing."""
    template = yaml.safe_load((ROOT / "infrastructure/operations.yaml").read_text())
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    asked = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    of_api = {
        (path, method)
        for path, methods in signet_app.app.routes.items()
        for method in methods
        if (path, method) == ("/", "POST") or path.startswith(("/service/", "/certificate-authorities/"))
    }
    assert asked == of_api
    security = {"Fn::If": ["HasIamCallers", [{"sigv4": []}], {"Ref": "AWS::NoValue"}]}
    assert all(method["security"] == security for methods in paths.values() for method in methods.values())
    assert template["Globals"]["Function"]["Environment"]["Variables"]["SIGNET_CALLERS"] == {"Ref": "Callers"}
