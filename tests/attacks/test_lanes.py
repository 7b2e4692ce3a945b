"""No flood of one kind of request keeps another kind waiting; and bodies are limited before they are read."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.x509 import ocsp as x509_ocsp

from chalicelib.local import bodies, lanes
from chalicelib.monitor import ocsp_watch
from tests.support.client import send
from tests.support.connections import MEGABYTE, SIGNED, Blocked, sent
from tests.support.console_steps import arn_of, issue, root

if TYPE_CHECKING:
    from chalicelib.local.application import Application
    from chalicelib.local.gateway import HttpRequest, HttpResponse

pytestmark = pytest.mark.laptop
KINDS = {
    "api": {"method": "POST", "path": "/", "authorization": SIGNED},
    "console": {"method": "GET", "path": "/console/sign-in"},
    "large": {"method": "POST", "path": "/", "authorization": SIGNED, "body": b"x" * 100_000},
}


@pytest.mark.parametrize("kind", KINDS)
def test_flood_of_one_kind_leaves_the_others_alone(
    rt: Any, application: Application, gateway: Blocked, kind: str
) -> None:
    ca_id = root(rt)
    serial = issue(rt, ca_id)
    ca = rt.store.get_certificate_authority(arn_of(ca_id))
    location = ca.distribution_points[0]
    asked = ocsp_watch.request_about(ca, int(serial, 16))
    unknown = [ocsp_watch.request_about(ca, number) for number in range(1, 9)]
    width = lanes.WIDTHS[kind]

    async def attack() -> None:
        flood = [
            asyncio.create_task(sent(application, **KINDS[kind]))  # type: ignore[arg-type]  # as `sent` names them
            for _ in range(width.threads + width.waiting)
        ]
        await asyncio.sleep(0.1)
        beyond = await sent(application, **KINDS[kind])  # type: ignore[arg-type]
        assert (beyond.status, beyond.headers["retry-after"]) == (503, "1")
        for request_der in (asked, asked, *unknown):
            found = await sent(application, "POST", "/ocsp", request_der, content_type="application/ocsp-request")
            assert x509_ocsp.load_der_ocsp_response(found.content).response_status.value == 0
        assert (await sent(application, "GET", "/healthz")).status == 200
        crl = await sent(application, "GET", f"/{location.bucket}/{location.key}")
        assert (crl.status, crl.headers["content-type"]) == (200, "application/pkix-crl")
        assert not any(task.done() for task in flood)
        gateway.go.set()
        assert {protocol.status for protocol in await asyncio.gather(*flood)} == {200}

    asyncio.run(attack())


def test_ocsp_beyond_what_may_wait_is_told_to_try_later(
    rt: Any, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who asks about a certificate that was asked for before is not kept waiting by them."""
    ca_id = root(rt)
    ca = rt.store.get_certificate_authority(arn_of(ca_id))
    asked = ocsp_watch.request_about(ca, int(issue(rt, ca_id), 16))
    go = threading.Event()

    async def attack() -> None:
        assert (await sent(application, "POST", "/ocsp", asked)).status == 200
        answered = application._in_thread
        slow = {ocsp_watch.request_about(ca, number) for number in range(1, 200)}

        def in_thread(kind: lanes.Kind, request: HttpRequest) -> HttpResponse:
            if request.body in slow:
                go.wait(30)
            return answered(kind, request)

        monkeypatch.setattr(application, "_in_thread", in_thread)
        flood = [asyncio.create_task(sent(application, "POST", "/ocsp", request_der)) for request_der in slow]
        await asyncio.sleep(0.1)
        rt.now.forward(seconds=3)  # so that the store has to be asked again
        found = await sent(application, "POST", "/ocsp", asked)
        assert x509_ocsp.load_der_ocsp_response(found.content).response_status.value == 0
        go.set()
        words = [
            x509_ocsp.load_der_ocsp_response(protocol.content).response_status.name
            for protocol in await asyncio.gather(*flood)
        ]
        width = lanes.WIDTHS["ocsp-new"]
        assert words.count("TRY_LATER") == len(slow) - width.threads - width.waiting

    asyncio.run(attack())


# bodies

FORM = "application/x-www-form-urlencoded"
UNREAD = [
    ("POST", "/", 6 * MEGABYTE, {"authorization": SIGNED}),
    ("POST", "/", lanes.SMALL_BYTES + 1, {}),
    ("PUT", "/anything", lanes.SMALL_BYTES + 1, {}),
    ("PUT", "/", lanes.SMALL_BYTES + 1, {"authorization": SIGNED}),
    ("POST", "/anything", lanes.SMALL_BYTES + 1, {"authorization": SIGNED}),
    ("GET", "/certificate-authorities/x/certificates", lanes.SMALL_BYTES + 1, {"authorization": SIGNED}),
    ("POST", "/certificate-authorities/x/explain", 6 * MEGABYTE, {"authorization": SIGNED}),
    ("POST", "/service/ACMPrivateCA/operation/ListTags", 2 * MEGABYTE, {}),
    ("POST", "/console/sign-in", 8 * 1024 + 1, {}),
    ("POST", "/console/cas/x/install", 8 * 1024 + 1, {"cookie": "signet-visitor=x"}),
    ("POST", "/console/cas/x/install", 6 * MEGABYTE, {"cookie": "signet-session=x"}),
    ("POST", "/ocsp", 16 * 1024 + 1, {}),
    ("POST", "/", 16 * 1024 + 1, {"content_type": "application/ocsp-request", "authorization": SIGNED}),
    ("POST", "/", 32 * 1024 + 1, {"content_type": FORM}),
    ("POST", "/", 32 * 1024 + 1, {"content_type": FORM, "authorization": SIGNED.replace("acm-pca", "sts")}),
    ("GET", "/healthz", lanes.SMALL_BYTES + 1, {}),
    ("POST", "/", 10**30, {"authorization": SIGNED}),
]


@pytest.mark.parametrize(("method", "path", "size", "headers"), UNREAD)
def test_body_that_is_too_long_for_its_head_is_not_read(
    application: Application, method: str, path: str, size: int, headers: dict[str, str]
) -> None:
    found = asyncio.run(sent(application, method, path, None, content_length=str(size), **headers))
    assert (found.status, found.headers["connection"], found.read) == (413, "close", False)


@pytest.mark.parametrize("size", ["-1", "+1", "1.5", "1e3", "\u00b2", "0x10", "1,1", ""])
def test_length_that_is_none_is_refused(application: Application, size: str) -> None:
    found = asyncio.run(sent(application, "POST", "/elsewhere", None, content_length=size))
    assert (found.status, found.read) == (413, False)


def test_body_of_unknown_length_is_counted(application: Application, gateway: Blocked) -> None:
    gateway.go.set()
    long, short = b"x" * (6 * MEGABYTE), b"x" * 1_000
    sends = {"transfer_encoding": "chunked", "content_length": ""}
    assert asyncio.run(sent(application, "POST", "/elsewhere", long, **sends)).status == 413
    assert asyncio.run(sent(application, "POST", "/", long, authorization=SIGNED, **sends)).status == 413
    assert asyncio.run(sent(application, "POST", "/elsewhere", short, **sends)).status == 200


def test_large_body_that_stalls_gives_way(
    application: Application, gateway: Blocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "STALLED_SECONDS", 0.05)
    gateway.go.set()
    head = {"authorization": SIGNED, "content_length": str(5 * MEGABYTE)}
    body = b"x" * 5 * MEGABYTE

    async def attack() -> None:
        flood = [asyncio.create_task(sent(application, "POST", "/", None, **head)) for _ in range(3)]
        small = asyncio.create_task(sent(application, "POST", "/", None, authorization=SIGNED, content_length="9"))
        await asyncio.sleep(0.1)
        assert (await sent(application, "POST", "/", body, authorization=SIGNED)).status == 503
        assert {each.status for each in await asyncio.gather(*flood)} == {408}
        assert not small.done()
        assert (await sent(application, "POST", "/", body, authorization=SIGNED)).status == 200
        application.stop()
        assert (await small).status == 408

    asyncio.run(attack())


def test_slow_body_ends_in_time(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SMALL_SECONDS", 0.05)
    found = asyncio.run(sent(application, "POST", "/elsewhere", None, content_length="10"))
    assert (found.status, found.headers["connection"]) == (408, "close")


def test_large_bodies_share_their_memory(application: Application, gateway: Blocked) -> None:
    """However many strangers send large bodies slowly, small ones are read."""
    gateway.go.set()
    head = {"authorization": SIGNED, "content_length": str(5 * MEGABYTE)}

    async def attack() -> None:
        flood = [asyncio.create_task(sent(application, "POST", "/", None, **head)) for _ in range(100)]
        await asyncio.sleep(0.1)
        waiting = [task for task in flood if not task.done()]
        assert len(waiting) == bodies.MOST_LARGE_BYTES // (5 * MEGABYTE)
        assert {task.result().status for task in flood if task.done()} == {503}
        small = await sent(application, "POST", "/", b"x" * lanes.SMALL_BYTES, authorization=SIGNED)
        assert small.status == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        assert (await sent(application, "POST", "/", b"x" * 5 * MEGABYTE, authorization=SIGNED)).status == 200

    asyncio.run(attack())


@pytest.mark.parametrize("path", ["/", "/ocsp", "/healthz", "/console/sign-in", "/bucket/crl/x.crl"])
def test_headers_are_16_kilobytes_at_most(application: Application, path: str) -> None:
    found = asyncio.run(sent(application, "GET", path, None, x="a" * 16_384, content_length="10"))
    assert (found.status, found.headers["connection"], found.read) == (431, "close", False)


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "text/plain", "message/rfc822"])
def test_form_of_a_stranger_that_is_not_urlencoded_is_not_read(application: Application, content_type: str) -> None:
    head = {"content_type": content_type, "content_length": "10", "cookie": "signet-visitor=x"}
    found = asyncio.run(sent(application, "POST", "/console/sign-in", None, **head))
    assert (found.status, found.headers["connection"], found.read) == (415, "close", False)


UNSIGNED = {
    "nothing": ({}, "MissingAuthenticationTokenException"),
    "nonsense": ({"authorization": "x"}, "IncompleteSignatureException"),
    "another scheme": ({"authorization": "Basic eDp5"}, "IncompleteSignatureException"),
    "another day": ({"authorization": SIGNED, "x_amz_date": "20300102T120000Z"}, "InvalidSignatureException"),
    "no region": ({"authorization": SIGNED.replace("us-east-1", "us-moon-1")}, "InvalidSignatureException"),
    "no date": ({"authorization": SIGNED, "x_amz_date": ""}, "IncompleteSignatureException"),
}
KIND = {"content_type": "application/x-amz-json-1.1", "x_amz_target": "ACMPrivateCA.ListTags"}


@pytest.mark.parametrize(("headers", "code"), UNSIGNED.values(), ids=UNSIGNED)
@pytest.mark.parametrize("path", ["/", "/certificate-authorities/x/explain"])
def test_body_of_an_unsigned_request_is_not_read(
    application: Application, path: str, headers: dict[str, str], code: str
) -> None:
    """The refusal is AWS's all the same."""
    head = {**KIND, "content_length": str(lanes.SMALL_BYTES), **headers}
    found = asyncio.run(sent(application, "POST", path, None, **head))
    assert (found.status, found.headers["connection"], found.read) == (400, "close", False)
    assert json.loads(found.content)["__type"] == code


def test_form_that_is_signed_for_another_service_is_not_read(application: Application) -> None:
    """Without any signature it is read: that is how tokens come."""
    head = {"content_type": FORM, "content_length": "100"}
    found = asyncio.run(sent(application, "POST", "/", None, **head, authorization=SIGNED))
    assert (found.status, found.headers["x-amzn-errortype"], found.read) == (403, "SignatureDoesNotMatch", False)


def test_form_without_a_signature_is_read(application: Application, gateway: Blocked) -> None:
    gateway.go.set()
    assert asyncio.run(sent(application, "POST", "/", b"Action=x", content_type=FORM)).content == b"done"


def test_signed_request_is_read(application: Application, gateway: Blocked) -> None:
    gateway.go.set()
    assert asyncio.run(sent(application, "POST", "/", b"{}", authorization=SIGNED, **KIND)).content == b"done"


# large CRLs

CRL_NAME = "11112222-3333-4444-5555-666677778888.crl"


@pytest.mark.parametrize(("size", "from_file"), [(256 * 1024, False), (256 * 1024 + 1, True)])
def test_large_crl_is_sent_from_its_file(rt: Any, application: Application, size: int, from_file: bool) -> None:
    """So that a client that reads it slowly holds none of it in memory."""
    body = b"\x30" * size
    rt.buckets.put("bucket", f"crl/{CRL_NAME}", body, expected_etag=None, content_type="application/pkix-crl")
    found = asyncio.run(sent(application, "GET", f"/bucket/crl/{CRL_NAME}"))
    assert found.status == 200
    assert found.headers["etag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert bool(found.file) is from_file
    assert (Path(found.file).read_bytes() if from_file else found.content) == body
    known = asyncio.run(sent(application, "GET", f"/bucket/crl/{CRL_NAME}", if_none_match=found.headers["etag"]))
    assert (known.status, known.content, known.file) == (304, b"", "")
    head = asyncio.run(sent(application, "HEAD", f"/bucket/crl/{CRL_NAME}"))
    assert (head.status, head.headers["content-length"], head.content, head.file) == (200, str(size), b"", "")
    status, _, content = send("GET", f"http://127.0.0.1:8000/bucket/crl/{CRL_NAME}", [("Host", "x")], b"")
    assert (status, content) == (200, body)


def test_tag_of_a_large_crl_follows_its_file(rt: Any, application: Application) -> None:
    tag, tags = None, []
    for content in (b"1", b"2"):
        kind = "application/pkix-crl"
        tag = rt.buckets.put("bucket", f"crl/{CRL_NAME}", content * 300_000, expected_etag=tag, content_type=kind)
        tags.append(asyncio.run(sent(application, "GET", f"/bucket/crl/{CRL_NAME}")).headers["etag"])
        assert tags[-1] == f'"{tag}"'
    assert len(set(tags)) == 2
