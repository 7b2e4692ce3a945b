"""RFC 8555 sections 7.4 and 7.4.2: finalization, and the certificates that come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.acme_conformance.acme import Account, at_once, ok, refused
from tests.acme_conformance.certificates import csr, new_key
from tests.acme_conformance.jose import b64
from tests.acme_conformance.rfc import about, must, optional, should
from tests.acme_conformance.steps import Issued, finish, issue, make_ready

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Server
    from tests.acme_conformance.responder import Responder

_READY = must(
    "RFC 8555 7.4",
    'In such cases, the server MUST return a 403 (Forbidden) error with a problem document of type "orderNotReady".',
)
_SAME = must(
    "RFC 8555 7.4", "The CSR MUST indicate the exact same set of requested identifiers as the initial newOrder request."
)
_BAD = must(
    "RFC 8555 7.4",
    "A request to finalize an order will result in an error if the CA is unwilling to issue a certificate corresponding to the submitted CSR.",
)
_BAD_CSR = should("RFC 8555 7.4", 'the problem document returned by the server SHOULD use error code "badCSR"')
_AGAIN = should(
    "RFC 8555 7.4",
    'the server SHOULD leave the order in the "ready" state, to allow the client to submit a new finalize request with an amended CSR.',
)
_DER = must("RFC 8555 7.4", "The CSR is sent in the base64url-encoded version of the DER format.")
_CHAIN = must("RFC 8555 7.4.2", "The default format of the certificate is application/pem-certificate-chain")
_ORDER = must("RFC 8555 7.4.2", "Each following certificate SHOULD directly certify the one preceding it. (9.1)")
_ACCOUNT_KEY = must(
    "RFC 8555 11.1",
    "it MUST verify that the public key in a CSR is not the same as the public key of the account key pair used to authenticate that request.",
)
_ANY_KEY = must(
    "RFC 8555 11.1",
    "ACME clients and servers MUST verify that a CSR submitted in a finalize request does not contain a public key for any known account key pair.",
)
_CONTENTS = must("RFC 8555 7.4", "it MUST NOT issue a certificate with contents other than those requested.")


@pytest.fixture(scope="module")
def issued(account: Account, responder: Responder) -> Issued:
    """A certificate for two names, which the cases only look at."""
    return issue(responder, account, account.server.name(), account.server.name())


@about(_READY)
def test_pending_order_is_not_finalized(account: Account) -> None:
    order = account.order()
    refused(order.finalize(csr(order.body["identifiers"][0]["value"])), "orderNotReady", status=403)


@about(_READY)
def test_valid_order_is_not_finalized_again(account: Account, responder: Responder) -> None:
    done = issue(responder, account)
    name = done.order.body["identifiers"][0]["value"]
    refused(done.order.finalize(csr(name)), "orderNotReady", status=403)
    assert done.order.now()["certificate"] == done.url


@about(must("RFC 8555 7.4", "A request to finalize an order will return the order to be finalized."))
def test_finalization_returns_the_order(account: Account, responder: Responder) -> None:
    order = make_ready(responder, account.order())
    answer = ok(order.finalize(csr(order.body["identifiers"][0]["value"])))
    assert answer.json["identifiers"] == order.body["identifiers"]
    assert answer.json["status"] in {"processing", "valid"}


def _truncated(name: str) -> bytes:
    return csr(name)[:-10]


def _other_signature(name: str) -> bytes:
    found = bytearray(csr(name))
    found[-1] ^= 1
    return bytes(found)


_CSRS: dict[str, tuple[Any, Any]] = {
    "another-name": (lambda name: csr(f"other-{name}"), _SAME),
    "one-name-more": (lambda name: csr(name, f"other-{name}"), _SAME),
    "wildcard-instead": (lambda name: csr("*." + name.partition(".")[2]), _SAME),
    "wildcard-too": (lambda name: csr(name, f"*.{name}"), _SAME),
    "address-too": (lambda name: csr(name, "192.0.2.1"), _SAME),
    "no-name": (lambda name: csr(), _SAME),
    "another-common-name": (lambda name: csr(name, common_name=f"other-{name}"), _SAME),
    "mail-too": (
        lambda name: csr(
            extensions=((x509.SubjectAlternativeName([x509.DNSName(name), x509.RFC822Name(f"a@{name}")]), False),)
        ),
        _SAME,
    ),
    "uri-too": (
        lambda name: csr(
            extensions=(
                (
                    x509.SubjectAlternativeName(
                        [x509.DNSName(name), x509.UniformResourceIdentifier(f"spiffe://{name}/a")]
                    ),
                    False,
                ),
            )
        ),
        _SAME,
    ),
    "ca-true": (lambda name: csr(name, extensions=((x509.BasicConstraints(True, None), True),)), _CONTENTS),
    "signature-wrong": (_other_signature, _BAD),
    "truncated": (_truncated, _DER),
    "trailing-bytes": (lambda name: csr(name) + b"\0", _DER),
    "empty": (lambda name: b"", _DER),
    "not-der": (lambda name: b"not a CSR", _DER),
    "rsa-1024": (lambda name: csr(name, key=rsa.generate_private_key(65537, 1024)), _BAD),
    "p192": (lambda name: csr(name, key=ec.generate_private_key(ec.SECP192R1())), _BAD),
}


# What a CSR may ask for in vain: the CA refuses, or issues without it.
_IN_VAIN = {"mail-too", "uri-too", "ca-true"}


@pytest.mark.parametrize("kind", [pytest.param(name, marks=about(source)) for name, (_, source) in _CSRS.items()])
def test_bad_csr_is_refused(account: Account, responder: Responder, kind: str) -> None:
    order = make_ready(responder, account.order())
    name = order.body["identifiers"][0]["value"]
    answer = order.finalize(_CSRS[kind][0](name))
    if answer.status != 200:
        refused(answer, "badCSR", "malformed", "badPublicKey", "unauthorized", "rejectedIdentifier")
        return
    done = account.wait(order.url, "valid", "invalid")
    if done["status"] == "valid":
        assert kind in _IN_VAIN, done
        leaf = x509.load_pem_x509_certificate(ok(account.fetch(done["certificate"])).body)
        assert list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == [x509.DNSName(name)]
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@about(_BAD_CSR)
@pytest.mark.parametrize("kind", ["another-name", "signature-wrong", "rsa-1024"])
def test_refusal_is_bad_csr(account: Account, responder: Responder, kind: str) -> None:
    order = make_ready(responder, account.order())
    refused(order.finalize(_CSRS[kind][0](order.body["identifiers"][0]["value"])), "badCSR")


@about(_AGAIN)
@pytest.mark.parametrize("kind", ["another-name", "rsa-1024", "not-der"])
def test_order_stays_ready_after_a_bad_csr(account: Account, responder: Responder, kind: str) -> None:
    order = make_ready(responder, account.order())
    refused(order.finalize(_CSRS[kind][0](order.body["identifiers"][0]["value"])))
    assert order.now()["status"] == "ready"
    finish(order)


@about(_DER)
@pytest.mark.parametrize("kind", ["padded", "pem", "number", "missing", "null", "line-feeds"])
def test_csr_in_another_form_is_refused(account: Account, responder: Responder, kind: str) -> None:
    order = make_ready(responder, account.order())
    made = csr(order.body["identifiers"][0]["value"])
    text = b64(made)
    forms: dict[str, Any] = {
        "padded": {"csr": text + "=" * (-len(text) % 4 or 4)},
        "pem": {"csr": f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"},
        "number": {"csr": 1},
        "missing": {},
        "null": {"csr": None},
        "line-feeds": {"csr": f"{text[:64]}\n{text[64:]}"},
    }
    refused(account.post(order.finalize_url, forms[kind]))
    assert order.now()["status"] == "ready"


@about(_ACCOUNT_KEY)
def test_csr_has_not_the_account_key(account: Account, responder: Responder) -> None:
    order = make_ready(responder, account.order())
    assert isinstance(account.key.private, ec.EllipticCurvePrivateKey)
    refused(order.finalize(csr(order.body["identifiers"][0]["value"], key=account.key.private)))


@about(_ANY_KEY)
def test_csr_has_no_key_of_another_account(account: Account, other: Account, responder: Responder) -> None:
    order = make_ready(responder, account.order())
    assert isinstance(other.key.private, ec.EllipticCurvePrivateKey)
    refused(order.finalize(csr(order.body["identifiers"][0]["value"], key=other.key.private)))


@about(
    must(
        "RFC 8555 7.4",
        'Identifiers of type "dns" MUST appear either in the commonName portion of the requested subject name or in … subjectAltName',
    )
)
def test_name_may_be_the_common_name_alone(account: Account, responder: Responder) -> None:
    order = make_ready(responder, account.order())
    name, key = order.body["identifiers"][0]["value"], new_key()
    ok(order.finalize(csr(common_name=name, key=key)))
    done = account.wait(order.url, "valid", "invalid")
    leaf = x509.load_pem_x509_certificate(ok(account.fetch(done["certificate"])).body)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]


@about(must("RFC 8555 7.4", "(These identifiers may appear in any sort order.)"))
def test_names_may_come_in_any_order(account: Account, responder: Responder) -> None:
    order = make_ready(responder, account.order(account.server.name(), account.server.name()))
    finish(order, *reversed([each["value"] for each in order.body["identifiers"]]))


@about(_CONTENTS)
def test_certificate_has_the_names_and_the_key(issued: Issued) -> None:
    names = issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    wanted = {each["value"] for each in issued.order.body["identifiers"]}
    assert set(names.get_values_for_type(x509.DNSName)) == wanted
    assert issued.leaf.public_key() == issued.key.public_key()


@about(_CONTENTS)
def test_certificate_of_a_wildcard(account: Account, responder: Responder) -> None:
    name = f"*.{account.server.name()}"
    done = finish(make_ready(responder, account.order(name), "dns-01"))
    names = done.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]


@about(_CHAIN)
def test_certificate_is_a_pem_chain(issued: Issued) -> None:
    answer = ok(issued.order.account.fetch(issued.url))
    assert answer.media_type == "application/pem-certificate-chain"
    assert answer.body.startswith(b"-----BEGIN CERTIFICATE-----")


@about(
    must(
        "RFC 8555 7.4.2",
        "The textual encoding of certificates in this file MUST use the strict encoding and MUST NOT include explanatory text. (9.1)",
    )
)
def test_chain_has_no_other_text(issued: Issued) -> None:
    lines = ok(issued.order.account.fetch(issued.url)).body.decode("ascii").split("-----BEGIN CERTIFICATE-----\n")
    assert all(not text or text.strip().endswith("-----END CERTIFICATE-----") for text in lines)


@about(_ORDER)
def test_each_certificate_certifies_the_one_before(issued: Issued) -> None:
    assert len(issued.chain) >= 2
    for below, above in zip(issued.chain, issued.chain[1:], strict=False):
        below.verify_directly_issued_by(above)


@about(
    must(
        "RFC 8555 7.4.2",
        "Each such field SHOULD express an alternative certificate chain starting with the same end-entity certificate.",
    )
)
def test_alternate_chain_has_the_same_leaf(issued: Issued) -> None:
    urls = ok(issued.order.account.fetch(issued.url)).links("alternate")
    if not urls:
        pytest.skip("the server offers no alternate chain")
    for url in urls:
        assert x509.load_pem_x509_certificates(ok(issued.order.account.fetch(url)).body)[0] == issued.leaf


@about(optional("RFC 8555 7.4.2", "Server support for alternate formats is OPTIONAL."))
def test_der_is_served_or_pem(issued: Issued) -> None:
    answer = issued.order.account.fetch(issued.url, Accept="application/pkix-cert")
    if answer.status == 200 and answer.media_type == "application/pkix-cert":
        assert x509.load_der_x509_certificate(answer.body) == issued.leaf
    elif answer.status == 200:
        assert x509.load_pem_x509_certificate(answer.body) == issued.leaf
    else:
        refused(answer, status=406)


@about(must("RFC 8555 6.3", "the server MUST authenticate the sender and verify any access control rules."))
def test_certificate_is_not_read_by_get(issued: Issued) -> None:
    refused(issued.order.account.server.wire.send("GET", issued.url), "malformed", status=405)


@about(should("RFC 8555 6.3", "the server MUST authenticate the sender and verify any access control rules."))
def test_certificate_of_another_account_is_refused(issued: Issued, other: Account) -> None:
    refused(other.fetch(issued.url))


@about(must("RFC 8555 7.4.2", "A certificate resource represents a single, immutable certificate."))
def test_certificate_stays_the_same(issued: Issued) -> None:
    first, second = (ok(issued.order.account.fetch(issued.url)).body for _ in range(2))
    assert first == second


@about(must("RFC 8555 7.1", 'This field is REQUIRED for objects with "pending" or "valid" in the status field.'))
def test_valid_order_says_when_it_expires(issued: Issued) -> None:
    assert issued.order.now()["expires"]


@pytest.mark.parametrize("same", [True, False], ids=["one-csr", "several-csrs"])
@about(must("RFC 8555 7.4", 'the order … "processing": The certificate is being issued.'))
def test_finalizations_at_once_make_one_certificate(
    own: Account, responder: Responder, server: Server, same: bool
) -> None:
    order = make_ready(responder, own.order())
    name, key = order.body["identifiers"][0]["value"], new_key()
    made = [csr(name, key=key if same else None) for _ in range(6)]
    requests = [own.request(order.finalize_url, {"csr": b64(each)}) for each in made]
    answers = at_once(server, requests)
    assert all(each.status == 200 or 400 <= each.status < 500 for each in answers), [str(each) for each in answers]
    done = own.wait(order.url, "valid", "invalid")
    assert done["status"] == "valid"
    urls = {each.json["certificate"] for each in answers if each.status == 200 and "certificate" in each.json}
    assert urls <= {done["certificate"]}
    if not same:
        assert sum(each.status == 200 for each in answers) == 1, [str(each) for each in answers]
