"""ACME clients that want more than their binding, and strangers: names, keys, templates, records, certificates."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib import jose
from chalicelib.access import principals
from chalicelib.acme import bindings, directories, protocol, reconcile
from chalicelib.acme_records import Profile
from chalicelib.api.chalice_requests import scheme_of
from chalicelib.api.sigv4 import WireRequest
from chalicelib.identities import IssuingPreset
from chalicelib.operations import issuing_presets
from chalicelib.pki.asn1 import pem
from tests.contract.audit.conftest import records
from tests.support.acm_steps import make_endpoint, options
from tests.support.acme_calls import AcmeClient, b64, csr, external, made_binding, made_directory, signed
from tests.support.acme_steps import change_key, issued, new_key, revoke
from tests.support.authority_steps import active_root
from tests.support.client import acm_for

if TYPE_CHECKING:
    from chalicelib.acme_records import AcmeDirectory
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


@pytest.fixture
def ca_arn(acm_pca: Any) -> str:
    return active_root(acm_pca)


@pytest.fixture
def directory(rt: Runtime, ca_arn: str) -> AcmeDirectory:
    return made_directory(rt, rt.settings.account_id, ca_arn)


def registered(rt: Runtime, directory: AcmeDirectory, *names: str, **members: Any) -> AcmeClient:
    """A client with an account whose names need no challenge, unless the members say otherwise."""
    client = AcmeClient(rt, directory.name)
    got = client.register(made_binding(rt, directory, *names, **{"preauthorized": True, **members}))
    assert got.status == 201, got.body
    return client


@pytest.fixture
def client(rt: Runtime, directory: AcmeDirectory) -> AcmeClient:
    return registered(rt, directory)


# what an order may lead to


def preset(rt: Runtime, template: str, name: str = "web") -> IssuingPreset:
    return issuing_presets.save(
        rt,
        IssuingPreset(
            account_id=rt.settings.account_id,
            name=name,
            template=template,
            names=("*.example.test",),
            days=90,
            description="",
            created_at=rt.now(),
        ),
    )


BEYOND_NAMES = (
    "SubordinateCACertificate_PathLen0",
    "BlankSubordinateCACertificate_PathLen0_APIPassthrough",
    "EndEntityCertificate_CSRPassthrough",
    "EndEntityServerAuthCertificate_APICSRPassthrough",
    "OCSPSigningCertificate",
)


@pytest.mark.parametrize("template", BEYOND_NAMES)
@pytest.mark.parametrize("by_preset", [False, True])
def test_no_profile_gives_more_than_a_challenge_proves(
    rt: Runtime, ca_arn: str, template: str, *, by_preset: bool
) -> None:
    """A challenge proves a name: nobody gets the rights of a CA, of its OCSP responder, or extensions of a CSR."""
    named = preset(rt, template).name if by_preset else template
    with pytest.raises(directories.AcmeError) as refused:
        made_directory(rt, rt.settings.account_id, ca_arn, profiles=(Profile("p", named, 24),))
    assert refused.value.part == "profiles"


@pytest.mark.parametrize("template", BEYOND_NAMES)
def test_preset_that_is_changed_later_gives_no_more_either(rt: Runtime, ca_arn: str, template: str) -> None:
    preset(rt, "EndEntityServerAuthCertificate")
    directory = made_directory(rt, rt.settings.account_id, ca_arn, profiles=(Profile("p", "web", 24),))
    client = registered(rt, directory)
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"
    preset(rt, template)
    done = client.finalize(client.order("a.example.test"))
    assert (done.status, done.body["status"]) == (200, "invalid")
    assert "profile" in done.body["error"]["detail"]


def der(key: ec.EllipticCurvePrivateKey, subject: list[x509.NameAttribute[Any]], names: list[x509.GeneralName]) -> str:
    """A CSR as a request has it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return b64(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def common(text: str, kind: Any = None) -> list[x509.NameAttribute[Any]]:
    return [x509.NameAttribute(NameOID.COMMON_NAME, text, *([kind] if kind else []))]


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


# Of an order for a.example.test: what a CSR may not name beside it, in any spelling.
OTHER_NAMES = {
    "another name": ([], dns("a.example.test", "b.example.test")),
    "a name in the subject alone": (common("b.example.test"), dns("a.example.test")),
    "a wildcard": (common("*.example.test"), dns("a.example.test")),
    "a wildcard above": ([], dns("a.example.test", "*.example.test")),
    "an address in the subject": (common("10.0.0.1"), dns("a.example.test")),
    "an address of a browser": (common("0x7f.1"), dns("a.example.test")),
    "a final dot": ([], dns("a.example.test", "b.example.test.")),
    "its own final dot": ([], dns("a.example.test.")),
    "a person": (common("Administrator"), dns("a.example.test")),
    "a mailbox": ([], [*dns("a.example.test"), x509.RFC822Name("root@example.test")]),
    "a URI": ([], [*dns("a.example.test"), x509.UniformResourceIdentifier("spiffe://example.test/root")]),
    "a directory name": ([], [*dns("a.example.test"), x509.DirectoryName(x509.Name(common("x")))]),
    "another kind of name": ([], [*dns("a.example.test"), x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]),
    "an address": ([], [*dns("a.example.test"), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))]),
    "a mapped address": ([], [*dns("a.example.test"), x509.IPAddress(ipaddress.ip_address("::ffff:10.0.0.1"))]),
    "wide letters": (common("\uff41.example.test"), dns("a.example.test")),
    "a wide dot": (common("a\u3002example.test"), dns("a.example.test")),
    "a hidden character": (common("a\u200b.example.test"), dns("a.example.test")),
    "a zero": (common("a.example.test\0.example.com"), dns("a.example.test")),
    "a space": (common("a.example.test "), dns("a.example.test")),
    "another string type": (common("\u0430.example.test", x509.name._ASN1Type.BMPString), dns("a.example.test")),
    "nothing": ([], []),
}


@pytest.mark.parametrize("case", OTHER_NAMES)
def test_csr_smuggles_no_name_past_its_order(client: AcmeClient, case: str) -> None:
    order = client.order("a.example.test")
    got = client.post(order.body["finalize"], {"csr": der(ec.generate_private_key(ec.SECP256R1()), *OTHER_NAMES[case])})
    assert (got.status, got.kind) == (400, "badCSR")
    assert client.post(order.headers["Location"]).body["status"] == "ready"


@pytest.mark.parametrize(
    "name",
    [
        "example.test",
        "a.example.test.evil.test",
        "example.test.evil.test",
        "aexample.test",
        "*.test",
        "*.*.example.test",
        "a.*.example.test",
        "a.example.test.",
        ".example.test",
        "a..example.test",
        "a.example.test/",
        "a.example.test\n",
        "a.example.test\0",
        "\u0430.example.test",
        "xn--.example.test",
        "xn--a.example.test",
        "a\u3002example\u3002test",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "0x7f.0x1",
    ],
)
def test_name_that_the_binding_does_not_grant_is_not_ordered(client: AcmeClient, name: str) -> None:
    for kind in ("dns", "ip"):
        for path, content in (
            ("new-order", {"identifiers": [{"type": "dns", "value": "a.example.test"}, {"type": kind, "value": name}]}),
            ("new-authz", {"identifier": {"type": kind, "value": name}}),
        ):
            got = client.post(path, content)
            assert got.status == 400, (kind, path, got.body)
            assert got.kind in {"malformed", "rejectedIdentifier"}


@pytest.mark.parametrize(
    "address", ["9.255.255.255", "11.0.0.0", "::a00:1", "::ffff:a00:1", "64:ff9b::a00:1", "010.0.0.1"]
)
def test_address_outside_the_network_of_the_binding_is_not_ordered(
    rt: Runtime, directory: AcmeDirectory, address: str
) -> None:
    client = registered(rt, directory, "10.0.0.0/8")
    got = client.post("new-order", {"identifiers": [{"type": "ip", "value": address}]})
    assert (got.status, got.kind in {"malformed", "rejectedIdentifier"}) == (400, True)


# whose policies


ALLOW_ALL = json.dumps({"Statement": {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}})
DENIALS = {
    "issuing": {},
    "from the client's address": {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
    "from anywhere else": {"Condition": {"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}},
    "without TLS": {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    "by the template": {"Condition": {"StringLike": {"acm-pca:TemplateArn": "*EndEntityServerAuthCertificate/V1"}}},
}


@pytest.mark.parametrize("case", DENIALS)
def test_deny_of_a_policy_binds_acme(rt: Runtime, directory: AcmeDirectory, case: str) -> None:
    """The principal of a binding is asked as if it had signed the request at the client's place."""
    allow = {"Effect": "Allow", "Action": "acm-pca:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "acm-pca:IssueCertificate", "Resource": "*", **DENIALS[case]}
    principals.create(rt, directory.owner, "web", policies=(("p", json.dumps({"Statement": [allow]})),))
    client = registered(rt, directory, principal="web")
    client.source = "192.0.2.7"
    assert client.finalize(client.order("a.example.test")).body["status"] == "valid"
    principals.put_policy(rt, directory.owner, "web", "p", json.dumps({"Statement": [allow, deny]}))
    rt.now.forward(seconds=6)  # type: ignore[attr-defined]  # the clock of tests
    refused = client.finalize(client.order("a.example.test"))
    assert refused.body["status"] == "invalid"
    assert "is not authorized" in refused.body["error"]["detail"]


# between accounts and directories


def test_nothing_of_another_account_or_directory_is_reached(
    rt: Runtime, ca_arn: str, directory: AcmeDirectory, client: AcmeClient
) -> None:
    other = registered(rt, made_directory(rt, directory.owner, ca_arn, "other"))
    neighbour = registered(rt, directory)
    done = client.finalize(client.order("a.example.test"))
    order_id = done.headers["Location"].rpartition("/")[2]
    authorization = done.body["authorizations"][0].rpartition("/")[2]
    serial = done.body["certificate"].rpartition("/")[2]
    for stranger in (other, neighbour):
        for path in (f"order/{order_id}", f"authorization/{authorization}", f"challenge/{authorization}/http-01",
                     f"certificate/{serial}", f"certificate/{serial}/1"):  # fmt: skip
            assert stranger.post(path).status == 404
        assert stranger.post(f"order/{order_id}/finalize", {"csr": b64(csr(["a.example.test"]))}).status == 404
        assert stranger.post(client.kid.replace(directory.name, stranger.directory, 1)).status == 403
    for kid in (client.kid, client.kid.replace("/test/", "/other/"), client.kid.replace("127.0.0.1", "localhost")):
        got = replace(client, directory="other", kid=kid).post("new-order", {"identifiers": []})
        assert (got.status, got.kind) == (400, "accountDoesNotExist")


def test_account_of_a_directory_that_was_deleted_is_none_of_its_successor(
    rt: Runtime, ca_arn: str, directory: AcmeDirectory, client: AcmeClient
) -> None:
    order = client.order("a.example.test")
    directories.delete(rt, directory.owner, directory.name)
    made_directory(rt, directory.owner, ca_arn, directory.name)
    for path in ("new-order", order.body["finalize"], order.body["authorizations"][0]):
        assert client.post(path, {"identifiers": []}).kind == "accountDoesNotExist"
    assert replace(client, kid="").post("new-account", {"onlyReturnExisting": True}).kind == "accountDoesNotExist"


def test_binding_counts_once_for_a_key(rt: Runtime, directory: AcmeDirectory) -> None:
    """Whoever has a key that an account has replaced, and the binding that it once sent, gets no account by them."""
    made = made_binding(rt, directory, preauthorized=True, most_accounts=0)
    client = AcmeClient(rt, directory.name)
    client.register(made)
    bound = client.post(client.kid).body["externalAccountBinding"]
    thief = AcmeClient(rt, directory.name, client.key)
    assert change_key(client, new_key()).status == 200
    got = thief.post("new-account", {"externalAccountBinding": bound})
    assert (got.status, got.kind) == (403, "unauthorized")


# revocation


def test_account_of_a_revoked_binding_revokes_nothing_of_others(rt: Runtime, directory: AcmeDirectory) -> None:
    """What it was authorized for is valid for days; what its binding granted has ended."""
    owner, former = registered(rt, directory), registered(rt, directory)
    leaf, own = issued(owner, "a.example.test"), issued(former, "a.example.test")
    (binding,) = [each for each in bindings.of_directory(rt, directory) if each.accounts[0] in former.kid]
    bindings.revoke(rt, directory, binding.name)
    assert revoke(former, leaf).kind == "unauthorized"
    assert revoke(former, own).status == 200


def test_certificate_of_a_ca_is_not_revoked_by_acme(rt: Runtime, acm_pca: Any, ca_arn: str, client: AcmeClient) -> None:
    """A subordinate CA with a name in its certificate: an authorization for that name gives no right over it."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = der(key, common("ca.example.test"), dns("ca.example.test"))
    arn = acm_pca.issue_certificate(
        CertificateAuthorityArn=ca_arn,
        Csr=pem.encode(jose.decode(request), "CERTIFICATE REQUEST").encode(),
        SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn="arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0_CSRPassthrough/V1",
        Validity={"Type": "DAYS", "Value": 3},
    )["CertificateArn"]
    got = acm_pca.get_certificate(CertificateAuthorityArn=ca_arn, CertificateArn=arn)["Certificate"]
    leaf = x509.load_pem_x509_certificate(got.encode())
    client.order("ca.example.test")
    assert revoke(client, leaf).kind == "unauthorized"


# what a record may hold, and what a request may cost


def test_account_keeps_three_members_of_its_binding(rt: Runtime, directory: AcmeDirectory) -> None:
    """Others would be kept and shown as they were sent: as many as a request holds."""
    made = made_binding(rt, directory, preauthorized=True)
    client = AcmeClient(rt, directory.name)
    bound = external(made, client.key, client.url("new-account")) | {"more": ["x" * 10_000, 1.5, 10**900]}
    got = client.post("new-account", {"externalAccountBinding": bound})
    assert got.status == 201
    client.kid = got.headers["Location"]
    assert set(client.post(client.kid).body["externalAccountBinding"]) == {"protected", "payload", "signature"}


def test_odd_addresses_are_refused_by_name(client: AcmeClient) -> None:
    """A query of many fields, ids of no character, and ids of characters that no id has."""
    assert client.post(f"{client.kid}/orders?{'&' * 50}").status == 200
    for path in ("order/", "authorization/", "certificate/", "challenge//http-01", "order//finalize", "order/%ff\0"):
        assert client.post(path, {} if path.endswith("finalize") else None).status == 404, path


def test_strangers_who_know_an_account_do_not_use_up_its_requests(client: AcmeClient) -> None:
    """Only what its key has signed counts."""
    forged = replace(client, key=new_key())
    assert {forged.post("new-order", {}).status for _ in range(int(protocol.BURST) + 10)} == {400}
    assert client.order("a.example.test").status == 201


def test_account_found_by_its_key_has_the_rate_of_any_request(client: AcmeClient) -> None:
    """Each one records a nonce."""
    finder = replace(client, kid="")
    found = [finder.post("new-account", {"onlyReturnExisting": True}).status for _ in range(int(protocol.BURST) + 10)]
    assert (found[0], found[-1], found.count(200) <= protocol.BURST) == (200, 429, True)


# the record


def test_each_step_is_on_record_as_of_the_account_and_the_principal(
    rt: Runtime, directory: AcmeDirectory, client: AcmeClient
) -> None:
    """The principal is that of the binding, whose policies decide, and never another one's."""
    principals.create(rt, directory.owner, "web", policies=(("p", ALLOW_ALL),))
    client = registered(rt, directory, principal="web", preauthorized=False)
    asked = client.post("new-authz", {"identifier": {"type": "dns", "value": "a.example.test"}})
    client.order("b.example.test")
    challenge = next(each for each in asked.body["challenges"] if each["type"] == "tls-alpn-01")
    client.post(challenge["url"], {})
    given_up = client.post("new-authz", {"identifier": {"type": "dns", "value": "c.example.test"}})
    client.post(given_up.headers["Location"], {"status": "deactivated"})
    client.post(client.kid, {"contact": ["mailto:a@example.test"]})
    change_key(client, new_key())
    acme_id = client.kid.rpartition("/")[2]
    of_client = [each for each in records(rt) if acme_id in json.dumps(each)]
    assert {each["eventName"] for each in of_client} == {
        "ChangeAcmeAccountKey",
        "CreateAcmeAccount",
        "CreateAcmeAuthorization",
        "CreateAcmeOrder",
        "DeactivateAcmeAuthorization",
        "UpdateAcmeAccount",
        "ValidateAcmeChallenge",
    }
    for each in of_client:
        who = each["userIdentity"]
        assert (who["userName"], who["accessKeyId"]) == ("web", f"acme:test/{acme_id}")


def test_refusals_are_on_record_as_of_the_account(rt: Runtime, directory: AcmeDirectory, client: AcmeClient) -> None:
    """And those to strangers are counted."""
    leaf = issued(registered(rt, directory), "a.example.test")
    for path, content in (
        ("new-order", {"identifiers": [{"type": "dns", "value": "a.example.com"}]}),
        ("new-authz", {"identifier": {"type": "dns", "value": "a.example.com"}}),
    ):
        assert client.post(path, content).kind == "rejectedIdentifier"
    assert revoke(client, leaf).kind == "unauthorized"
    acme_id = client.kid.rpartition("/")[2]
    denied = [each for each in records(rt) if each["additionalEventData"].get("outcome") == "denied"]
    assert [each["eventName"] for each in denied] == ["CreateAcmeOrder", "CreateAcmeAuthorization", "RevokeCertificate"]
    assert {each["userIdentity"]["accessKeyId"] for each in denied} == {f"acme:test/{acme_id}"}
    made = made_binding(rt, directory)
    forged = replace(made, hmac_key="A" * 43)
    assert AcmeClient(rt, directory.name).register(forged).kind == "unauthorized"
    assert [each["eventName"] for each in records(rt)][-1] == "RefuseUnauthenticated"


# what owners store


TERMS = {
    "a line of a header": "https://example.test/\r\nSet-Cookie: a=b",
    "a line that parsers drop": "https://example.test/\nx",
    "another link": 'https://example.test/>;rel="index",<https://evil.test/',
    "a script": "javascript:alert(1)",
    "no host": "https:///terms",
    "a hidden character": "https://example.test/\u202e",
    "too long": f"https://example.test/{'a' * 2000}",
}


@pytest.mark.parametrize("case", TERMS)
def test_terms_add_nothing_to_a_header(rt: Runtime, ca_arn: str, case: str) -> None:
    with pytest.raises(directories.AcmeError) as refused:
        made_directory(rt, rt.settings.account_id, ca_arn, terms=TERMS[case])
    assert refused.value.part == "terms"


@pytest.mark.laptop
def test_tags_of_domains_fit_into_a_record(rt: Runtime, ca_arn: str) -> None:
    """An item of DynamoDB holds 400 KB: what is more is refused by name, whatever holds the table."""
    acm = acm_for(rt)
    endpoint = make_endpoint(acm, ca_arn)
    tags = [{"Key": f"{number:0>128}", "Value": "\u00e9" * 256} for number in range(50)]
    refused = ""
    for number in range(12):
        try:
            acm.create_acme_domain_validation(
                AcmeEndpointArn=endpoint,
                DomainName=f"{number}.example.test",
                PrevalidationOptions=options(ExactDomain="ENABLED"),
                Tags=tags,
            )
        except acm.exceptions.ValidationException as error:
            refused = str(error)
            break
    assert "bytes" in refused
    (stored,) = directories.of_account(rt, rt.settings.account_id)
    assert 250_000 < len(json.dumps(asdict(stored), default=str, ensure_ascii=False).encode()) < 400 * 1024


def test_nonce_is_remembered_by_the_slowest_clock(rt: Runtime, client: AcmeClient, clock: Clock) -> None:
    """A schedule whose clock is ahead forgets no nonce that another process would still take."""
    request = signed(client.key, client.header(client.kid), None)
    assert client.send("POST", client.kid, request).status == 200
    clock.forward(minutes=59, seconds=50)
    ahead = replace(rt, now=lambda: clock() + timedelta(seconds=30))
    reconcile.reconcile(ahead)
    got = client.send("POST", client.kid, request)
    assert (got.kind, "used before" in got.body["detail"]) == ("badNonce", True)


# where a request arrives


PLACES = {
    "another port": {"host": "127.0.0.1:8001"},
    "another host": {"host": "localhost:8000"},
    "another host beside it": {"host": "127.0.0.1:8000", "x-forwarded-host": "evil.test"},
    "by https": {"host": "127.0.0.1:8000", "x-forwarded-proto": "https"},
}


@pytest.mark.parametrize("case", PLACES)
def test_request_counts_at_the_url_that_was_signed(client: AcmeClient, case: str) -> None:
    """The URL is that of the connection: a header of a proxy that is none changes nothing that the signature says."""
    for path, members in (("new-order", {"identifiers": []}), ("revoke-cert", {"certificate": ""})):
        url = client.url(path)
        body = signed(client.key, client.header(url), members)
        headers = (*PLACES[case].items(), ("content-type", "application/jose+json"))
        scheme = scheme_of(headers, is_tls=False)
        request = WireRequest(
            method="POST", path=f"/acme/test/{path}", query="", headers=headers, body=body, scheme=scheme
        )
        answer = protocol.answer(client.rt, request, ("test", path))
        detail = json.loads(answer.body)["detail"]
        assert ("url of the protected header" in detail) is (case != "another host beside it")


def test_preauthorization_ends_with_the_names_of_its_binding(rt: Runtime, directory: AcmeDirectory) -> None:
    """The authorization stays valid, and gives nothing that the binding no longer grants, to nobody else either."""
    client = registered(rt, directory, "a.example.test", "b.example.test", most_accounts=2)
    asked = client.post("new-authz", {"identifier": {"type": "dns", "value": "a.example.test"}})
    assert asked.body["status"] == "valid"
    order = client.order("a.example.test")
    (binding,) = bindings.of_directory(rt, directory)
    bindings.change(rt, directory, binding.name, lambda each: replace(each, names=("b.example.test",)))
    assert client.order("a.example.test").kind == "rejectedIdentifier"
    assert client.finalize(order).kind == "rejectedIdentifier"
    assert client.order("*.a.example.test").kind == "rejectedIdentifier"
    assert client.finalize(client.order("b.example.test")).body["status"] == "valid"
    challenged = registered(rt, directory, "a.example.test", preauthorized=False)
    assert challenged.order("a.example.test").body["status"] == "pending"


def test_mac_key_is_nowhere_but_in_its_answer(
    rt: Runtime, directory: AcmeDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    made = made_binding(rt, directory, preauthorized=True)
    client = AcmeClient(rt, directory.name)
    client.register(replace(made, hmac_key="A" * 43))
    client.register(made)
    client.finalize(client.order("a.example.test"))
    texts = [repr(made), repr(bindings.of_directory(rt, directory)), caplog.text, json.dumps(records(rt), default=str)]
    files = [each.read_bytes() for each in Path(rt.settings.data).rglob("*") if each.is_file()]
    raw = jose.decode(made.hmac_key)
    assert not any(made.hmac_key in each or raw.hex() in each for each in texts)
    assert not any(raw in each or made.hmac_key.encode() in each for each in files)
