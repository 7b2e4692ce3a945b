"""Search, an extension of AWS's API: over REST, with the same signatures (docs/compatibility.md)."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.credentials import Credentials
from cryptography import x509

from chalicelib.access import access_keys
from chalicelib.operations import search
from tests.support.authority_steps import DAYS_30, active_root, issue, serial_of
from tests.support.builders import csr
from tests.support.rest import TEMPLATES, Rest


def test_certificate_is_described(acm_pca: Any, rest: Rest, clock: Any) -> None:
    arn = active_root(acm_pca)
    clock.forward(seconds=1)
    issued = issue(acm_pca, arn, Csr=csr("a.example.com", dns_names=["a.example.com", "b.example.com"]))
    (found,) = rest.search(arn, san="b.example.com")["Certificates"]
    assert found == {
        "CertificateArn": issued,
        "Serial": serial_of(issued),
        "State": "ISSUED",
        "Subject": "CN=a.example.com",
        "SubjectAlternativeNames": ["a.example.com", "b.example.com"],
        "TemplateArn": f"{TEMPLATES}/EndEntityCertificate/V1",
        "NotBefore": "2030-01-01T11:00:01Z",
        "NotAfter": "2030-01-31T12:00:01Z",
        "IssuedAt": "2030-01-01T12:00:01Z",
    }
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(issued), RevocationReason="SUPERSEDED"
    )
    (found,) = rest.search(arn, state="REVOKED")["Certificates"]
    assert (found["RevokedAt"], found["RevocationReason"]) == ("2030-01-01T12:00:01Z", "SUPERSEDED")


@pytest.fixture
def many(acm_pca: Any, clock: Any) -> tuple[str, dict[str, str]]:
    """A root with leaves a minute apart; the values are their ARNs."""
    arn = active_root(acm_pca)
    leaves = {}
    for number, name in enumerate(("Alpha", "alphabet", "beta", "Straße", "a#b")):
        clock.forward(minutes=1)
        names = [x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(f"10.0.0.{number}"))])]
        template = "CodeSigningCertificate" if name == "beta" else "EndEntityCertificate"
        leaves[name] = issue(
            acm_pca,
            arn,
            Csr=csr(name, extensions=[(names[0], False)]),
            Validity={"Type": "DAYS", "Value": 10 + number},
            TemplateArn=f"{TEMPLATES}/{template}/V1",
        )
    return arn, leaves


FILTERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "subject": ({"subject": "alpha"}, ["Alpha"]),
    "subject in other letters": ({"subject": "ALPHABET"}, ["alphabet"]),
    "beginning of the subject": ({"subject": "alp*"}, ["Alpha", "alphabet"]),
    "beginning that is the whole": ({"subject": "alpha*"}, ["Alpha", "alphabet"]),
    "folded letters": ({"subject": "STRASSE"}, ["Straße"]),
    "separator of other indexes": ({"subject": "a#b"}, ["a#b"]),
    "nobody": ({"subject": "gamma"}, []),
    "address": ({"san": "10.0.0.1"}, ["alphabet"]),
    "beginning of an address": ({"san": "10.0.0.*"}, ["Alpha", "alphabet", "beta", "Straße", "a#b"]),
    "template": ({"template": "CodeSigningCertificate"}, ["beta"]),
    "template that only begins so": ({"template": "EndEntity"}, []),
    "issued after": ({"issuedAfter": "2030-01-01T12:03:00Z"}, ["beta", "Straße", "a#b"]),
    "issued before": (
        {"issuedAfter": "2030-01-01T12:00:30Z", "issuedBefore": "2030-01-01T12:02:00Z"},
        ["Alpha", "alphabet"],
    ),
    "issued between": (
        {"issuedAfter": "2030-01-01T14:02:00+02:00", "issuedBefore": "2030-01-01T12:04:00Z"},
        ["alphabet", "beta", "Straße"],
    ),
    "expiring": (
        {"expiresAfter": "2030-01-12T00:00:00Z", "expiresBefore": "2030-01-14T00:00:00Z"},
        ["alphabet", "beta"],
    ),
    "expiring before": ({"expiresBefore": "2030-01-11T13:00:00Z"}, ["Alpha"]),
    "expiring after": ({"expiresAfter": "2030-01-15T00:00:00Z", "template": "EndEntityCertificate"}, ["a#b"]),
    "two filters": ({"subject": "alp*", "san": "10.0.0.0"}, ["Alpha"]),
    "two filters that exclude each other": ({"subject": "beta", "template": "EndEntityCertificate"}, []),
    "template in a time": (
        {"template": "EndEntityCertificate", "issuedAfter": "2030-01-01T12:03:00Z"},
        ["Straße", "a#b"],
    ),
    "state and subject": ({"state": "ISSUED", "subject": "beta"}, ["beta"]),
    "other state": ({"state": "PENDING", "subject": "beta"}, []),
}


def test_filters_find_what_they_say(rest: Rest, many: tuple[str, dict[str, str]]) -> None:
    arn, leaves = many
    for case, (query, names) in FILTERS.items():
        found = rest.found(arn, **query)
        if "san" in query or "subject" in query:
            assert sorted(found) == sorted(leaves[name] for name in names), case
        else:
            expected = [leaves[name] for name in names]
            own = [each for each in found if each not in leaves.values()]
            assert [each for each in found if each in leaves.values()] == expected, case
            has_own = "expiresAfter" in query and "expiresBefore" not in query and "template" not in query
            assert len(own) <= has_own, case


@pytest.mark.parametrize("form", ["plain", "upper", "colons", "short"])
def test_serial_is_found_in_every_form(rest: Rest, many: tuple[str, dict[str, str]], form: str) -> None:
    arn, leaves = many
    serial = serial_of(leaves["beta"])
    forms = {
        "plain": serial,
        "upper": serial.upper(),
        "colons": ":".join(serial[place : place + 2] for place in range(0, 32, 2)),
        "short": serial.lstrip("0"),
    }
    assert rest.found(arn, serial=forms[form]) == [leaves["beta"]]
    assert rest.found(arn, serial=forms[form], subject="alpha") == []
    assert rest.found(arn, serial="f" * 40) == []


def test_states_are_told_apart(acm_pca: Any, rest: Rest, many: tuple[str, dict[str, str]], rt: Any, clock: Any) -> None:
    arn, leaves = many
    for name in ("beta", "a#b"):
        acm_pca.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaves[name]), RevocationReason="SUPERSEDED"
        )
    record = rt.store.get_certificate(arn, int(serial_of(leaves["Alpha"]), 16))
    ca = rt.store.get_certificate_authority(arn)
    for serial, name in ((5, "PENDING"), (6, "FAILED")):
        made = replace(
            record,
            arn=f"{arn}/certificate/{serial:032x}",
            serial_number=serial,
            status="PENDING",
            certificate_der=None,
            issued_at=None,
            tbs_der=tbs_of(record.certificate_der),
            reserved_at=clock(),
        )
        rt.store.reserve_certificate(made, ca, None, now=clock(), terms=[("subject", name)])
    rt.store.fail_certificate(rt.store.get_certificate(arn, 6), "interrupted")
    clock.forward(days=10, hours=12)
    (failed,) = rest.search(arn, state="FAILED")["Certificates"]
    assert (failed["Serial"], failed["FailureReason"]) == (f"{6:032x}", "interrupted")
    assert "IssuedAt" not in failed
    assert rest.found(arn, state="PENDING") == [f"{arn}/certificate/{5:032x}"]
    assert sorted(rest.found(arn, state="REVOKED")) == sorted([leaves["beta"], leaves["a#b"]])
    assert rest.found(arn, state="EXPIRED") == [leaves["Alpha"]]
    assert set(rest.found(arn, state="ISSUED")) >= {leaves["alphabet"], leaves["Straße"]}
    assert len(rest.found(arn)) == 8


def tbs_of(certificate_der: bytes) -> bytes:
    return x509.load_der_x509_certificate(certificate_der).tbs_certificate_bytes


PAGED: tuple[dict[str, str], ...] = (
    {},
    {"san": "10.0.0.*"},
    {"template": "EndEntityCertificate"},
    {"state": "REVOKED"},
    {"expiresAfter": "2030-01-01T00:00:00Z"},
)


def test_pages_give_everything_once(acm_pca: Any, rest: Rest, many: tuple[str, dict[str, str]]) -> None:
    arn, leaves = many
    for name in ("Alpha", "beta", "a#b"):
        acm_pca.revoke_certificate(
            CertificateAuthorityArn=arn, CertificateSerial=serial_of(leaves[name]), RevocationReason="SUPERSEDED"
        )
    for query in PAGED:
        whole = rest.found(arn, **query)
        assert len(whole) >= 3, query
        paged: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = rest.search(arn, maxResults=1, **query, **token)
            paged += [each["CertificateArn"] for each in page["Certificates"]]
            if "NextToken" not in page:
                break
            token = {"nextToken": page["NextToken"]}
        assert paged == whole, query


def test_page_looks_at_a_bounded_number(
    acm_pca: Any, rest: Rest, many: tuple[str, dict[str, str]], monkeypatch: Any
) -> None:
    arn, _ = many
    monkeypatch.setattr(search, "MOST_EXAMINED", 2)
    found: list[Any] = []
    token: dict[str, str] = {}
    pages = 0
    while True:
        page = rest.search(arn, state="PENDING", **token)
        pages, found = pages + 1, found + page["Certificates"]
        if "NextToken" not in page:
            break
        token = {"nextToken": page["NextToken"]}
    assert (found, pages) == ([], 4)


def test_certificate_with_more_names_than_a_transaction_holds_is_found_by_each(acm_pca: Any, rest: Rest) -> None:
    arn = active_root(acm_pca)
    names = [f"host{number}.example.com" for number in range(250)]
    issued = issue(acm_pca, arn, Csr=csr(dns_names=names))
    for name in (names[0], names[100], names[249]):
        assert rest.found(arn, san=name) == [issued]
    assert rest.found(arn, san="host1*") == [issued]


ADDRESSES = {
    "usual form": ("2001:db8::1", True),
    "zeros written out": ("2001:db8:0:0::1", True),
    "in full": ("2001:0DB8:0000:0000:0000:0000:0000:0001", True),
    "end as IPv4": ("2001:db8::0.0.0.1", True),
    "beginning": ("2001:db8::*", True),
    "beginning in another form": ("2001:0db8:*", False),
    "another address": ("2001:db8::2", False),
    "with a zone": ("2001:db8::1%eth0", False),
    "IPv4": ("192.0.2.1", True),
    "IPv4 with zeros that may be octal": ("192.000.002.001", False),
    "IPv4 inside IPv6, which is another address": ("::ffff:192.0.2.1", False),
    "IPv4 as a number": ("3221225985", False),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_address_is_found_in_whatever_form_it_is_written(acm_pca: Any, rest: Rest, case: str) -> None:
    """RFC 4291 section 2.2 has many forms of one address, RFC 5952 one."""
    written, finds = ADDRESSES[case]
    arn = active_root(acm_pca)
    names = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("2001:db8::1", "192.0.2.1")]
    issued = issue(acm_pca, arn, Csr=csr(extensions=[(x509.SubjectAlternativeName(names), False)]))
    assert rest.found(arn, san=written) == ([issued] if finds else [])


def test_token_belongs_to_its_search(acm_pca: Any, rest: Rest, many: tuple[str, dict[str, str]]) -> None:
    arn, _ = many
    token = rest.search(arn, maxResults=1)["NextToken"]
    other = active_root(acm_pca)
    for path in (
        f"{arn.rsplit('/', 1)[1]}/certificates?state=ISSUED&nextToken={quote(token)}",
        f"{other.rsplit('/', 1)[1]}/certificates?nextToken={quote(token)}",
        f"{arn.rsplit('/', 1)[1]}/certificates?nextToken=abc",
    ):
        status, _, answer = rest.send("GET", f"/certificate-authorities/{path}")
        assert (status, answer["__type"]) == (400, "ValidationException")


BAD_QUERIES: dict[str, list[tuple[str, str]]] = {
    "unknown": [("name", "x")],
    "twice": [("state", "ISSUED"), ("state", "REVOKED")],
    "state": [("state", "issued")],
    "no value": [("subject", "")],
    "star alone": [("san", "*")],
    "long": [("subject", "x" * 257)],
    "serial": [("serial", "xyz")],
    "long serial": [("serial", "0" * 41)],
    "time": [("issuedAfter", "yesterday")],
    "time without zone": [("issuedAfter", "2030-01-01T00:00:00")],
    "time out of range": [("expiresBefore", "0001-01-01T00:00:00+23:59")],
    "template": [("template", "a/b")],
    "page": [("maxResults", "0")],
    "large page": [("maxResults", "101")],
    "page of other digits": [("maxResults", "\u0661")],
    "many": [(f"a{number}", "1") for number in range(30)],
}


@pytest.mark.parametrize("case", BAD_QUERIES)
def test_bad_query_is_refused_with_its_rule(rest: Rest, case: str) -> None:
    path = "/certificate-authorities/00000000-0000-0000-0000-000000000001/certificates"
    status, headers, answer = rest.send("GET", f"{path}?{urlencode(BAD_QUERIES[case])}")
    assert (status, answer["__type"]) == (400, "ValidationException"), answer
    assert headers["x-amzn-ErrorType"] == "ValidationException"


@pytest.mark.parametrize("ca_id", ["00000000-0000-0000-0000-000000000001", "x", "a:b", "%2e%2e"])
@pytest.mark.parametrize(("method", "rest_of_path"), [("GET", "certificates"), ("POST", "explain")])
def test_unknown_authority_is_not_found(rest: Rest, ca_id: str, method: str, rest_of_path: str) -> None:
    body = json.dumps({"Csr": "eA==", "SigningAlgorithm": "SHA256WITHRSA", "Validity": DAYS_30}).encode()
    status, _, answer = rest.send(
        method, f"/certificate-authorities/{ca_id}/{rest_of_path}", body if method == "POST" else b""
    )
    assert (status, answer["__type"]) in {(400, "ResourceNotFoundException"), (400, "ValidationException")}


def test_extensions_want_a_signature(acm_pca: Any, rest: Rest, rt: Any) -> None:
    arn = active_root(acm_pca)
    path = f"/certificate-authorities/{arn.rsplit('/', 1)[1]}"
    for method, rest_of_path in (("GET", "certificates"), ("POST", "explain")):
        status, _, answer = rest.send(method, f"{path}/{rest_of_path}", signed=False)
        assert (status, answer["__type"]) == (400, "MissingAuthenticationTokenException")
    other = access_keys.create_access_key(rt, "111111111111")
    rest.credentials = Credentials(other.access_key_id, other.secret)
    status, _, answer = rest.send("GET", f"{path}/certificates")
    assert (status, answer["__type"]) == (400, "ResourceNotFoundException")
