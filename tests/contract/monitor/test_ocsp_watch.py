"""What the monitor says of OCSP: of a responder that is right, and of others."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.monitor import ocsp_watch
from chalicelib.ocsp import answers
from chalicelib.pki import ocsp as codec
from chalicelib.reconcile import reconcile
from tests.support.authority_steps import active_root, active_subordinate, issue, serial_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.laptop

ON = {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": True}}


@pytest.fixture
def answering(rt: Any) -> dict[str, Any]:
    """Who answers: the home itself, unless a test puts another one here."""
    return {"with": lambda body: answers.respond(answering_rt["rt"], body).der}


answering_rt: dict[str, Any] = {}


@pytest.fixture
def rt(rt: Any, answering: dict[str, Any]) -> Iterator[Any]:
    """With an OCSP address that a server answers."""

    class Responder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = answering["with"](self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if body else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Responder)
    settings = replace(rt.settings, ocsp_url=f"http://127.0.0.1:{server.server_port}")
    served = answering_rt["rt"] = replace(rt, settings=settings, ocsp_answers={})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def watched(rt: Any) -> Any:
    return rt


@pytest.fixture
def arn(acm_pca: Any, clock: Any) -> str:
    """A CA with a good certificate and a revoked one."""
    arn = active_root(acm_pca, RevocationConfiguration=ON)
    issue(acm_pca, arn)
    acm_pca.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(issue(acm_pca, arn)), RevocationReason="SUPERSEDED"
    )
    clock.now += timedelta(seconds=6)
    return arn


def problem(rt: Any) -> str:
    (seen,) = ocsp_watch.watch_ocsp(rt)
    return seen.problem


def test_right_responder_has_no_problem(watched: Any, arn: str) -> None:
    assert problem(watched) == ""
    delegated = replace(watched, settings=replace(watched.settings, ocsp_signer="delegated"), ocsp_answers={})
    assert reconcile(delegated).responders_rotated == 1
    answering_rt["rt"] = delegated
    assert problem(delegated) == ""


def test_ca_without_ocsp_is_not_watched(watched: Any, acm_pca: Any) -> None:
    active_root(acm_pca)
    assert ocsp_watch.watch_ocsp(watched) == []


def test_ca_without_certificates_is_asked_about_a_number_that_nobody_has(
    watched: Any, acm_pca: Any, answering: dict[str, Any]
) -> None:
    active_subordinate(acm_pca, now=watched.now(), RevocationConfiguration=ON)
    assert problem(watched) == ""
    answering["with"] = lambda _: codec.error("tryLater")
    assert problem(watched) == "It answers TRY_LATER about 00000000000000000000000000000001."


def test_responder_that_does_not_know_of_a_revocation(watched: Any, arn: str) -> None:
    class Late:
        def __getattr__(self, name: str) -> Any:
            return getattr(watched.store, name)

        def get_certificate(self, ca_arn: str, serial: int) -> Any:
            return replace(watched.store.get_certificate(ca_arn, serial), revoked_at=None)

    answering_rt["rt"] = replace(watched, store=Late(), ocsp_answers={})
    assert problem(watched).startswith("It says GOOD of ")


def test_stale_answers(watched: Any, arn: str, clock: Any) -> None:
    assert problem(watched) == ""
    begun = clock.now
    answering_rt["rt"] = replace(watched, now=lambda: begun)
    clock.now += timedelta(hours=13)
    assert problem(watched).endswith("is not valid now.")


def test_what_else_may_be_wrong(watched: Any, arn: str, answering: dict[str, Any], acm_pca: Any) -> None:
    right = answering["with"]
    answering["with"] = lambda _: b""
    assert problem(watched) == "The URL answers with 503."
    answering["with"] = lambda _: b"no answer"
    assert problem(watched).startswith("The answer cannot be read: ")
    answering["with"] = lambda _: codec.error("tryLater")
    assert problem(watched).startswith("It answers TRY_LATER about ")
    answering["with"] = lambda body: _broken(right(body))
    assert problem(watched) == "It is signed neither by the CA nor by a responder of the CA."
    another = _first(right, watched, arn)
    answering["with"] = lambda _: another
    assert problem(watched).startswith("It answers about another serial number than ")


def _broken(answer: bytes) -> bytes:
    return answer[:-1] + bytes([answer[-1] ^ 1])


def _first(right: Any, watched: Any, arn: str) -> bytes:
    ca = watched.store.get_certificate_authority(arn)
    serial = next(each for each in watched.store.list_certificates(arn) if not each.revoked_at).serial_number
    found: bytes = right(ocsp_watch.request_about(ca, serial))
    return found
