"""A name that is not the home's gets nothing, so that no page of another site reaches it (DNS rebinding)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.x509 import ocsp as x509_ocsp

import app as signet_app
from chalicelib.config import Settings, SettingsError
from chalicelib.local import gateway, host_names
from chalicelib.local.application import Application
from chalicelib.local.gateway import Gateway, HttpRequest, HttpResponse, to_wire
from chalicelib.monitor import ocsp_watch
from tests.support.authority_steps import active_root
from tests.support.authority_steps import issue as issue_by_api
from tests.support.connections import Blocked, Headers, Protocol, Scope, sent
from tests.support.console_steps import arn_of, issue, root

pytestmark = pytest.mark.laptop

FOREIGN = ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost"]
FOREIGN += ["", "127.0.0.1:8000:8000", "user@127.0.0.1", "127.0.0.1/", "127.0.0.1 evil", "[::2]", "0.0.0.0", "127.1"]
FOREIGN += ["2130706433", "127.0.0.1..", "127.0.0.1,evil.example", "\u217c\u043ecalhost"]
OWN = ["127.0.0.1", "127.0.0.1:8000", "localhost", "LocalHost:1", "localhost.", "localhost.:80", "[::1]:8000"]
PATHS = [
    ("GET", "/healthz"),
    ("POST", "/"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/none"),
]


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_other_host_name_gets_nothing(
    application: Application, gateway: Blocked, method: str, path: str, host: str
) -> None:
    gateway.go.set()
    found = asyncio.run(sent(application, method, path, None, host=host, content_length="0"))
    assert (found.status, found.headers["connection"], found.read) == (421, "close", False)


# Chalice reads an address anew: it drops what follows ";" or "?", and a host name behind "//".
SPELLINGS = ["/console/sign-in;x.crl", "/console/sign-in?x.crl", "/console/sign-in#x.crl", "/healthz;.crl"]
SPELLINGS += ["//127.0.0.1/console/sign-in;x.crl", "///console/sign-in;.crl", "/console/static/console.css?.crl"]


@pytest.mark.parametrize("path", [*SPELLINGS, "/console/sign-in.crl", "/x.crl"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_path_like_that_of_a_crl_leads_to_nothing_else(
    application: Application, gateway: Blocked, method: str, path: str
) -> None:
    """The server hands over paths without percent-encoding."""
    gateway.go.set()
    assert asyncio.run(sent(application, method, path, host="evil.example")).status == 404


@pytest.mark.parametrize("path", [*SPELLINGS, "//x/console/sign-in", "/console/sign-in;x", "/console/sign-in?once=x"])
def test_path_is_read_once(rt: Any, path: str) -> None:
    signet_app.use_runtime(rt)
    gateway = Gateway(signet_app.app)
    for head in (path, path.replace(".crl", "")):
        assert gateway.answer(HttpRequest("GET", head, "", (("host", "127.0.0.1"),), b"")).status == 404


@pytest.mark.parametrize("host", OWN)
def test_own_host_name_is_answered(application: Application, gateway: Blocked, host: str) -> None:
    gateway.go.set()
    assert asyncio.run(sent(application, "GET", "/healthz", host=host)).status == 200
    assert asyncio.run(sent(application, "POST", "/elsewhere", host=host)).status == 200


def test_address_of_the_server_is_a_name_and_that_of_all_networks_is_none() -> None:
    names = host_names.names_of(Settings(host="192.0.2.1", plain_http="yes"))
    assert host_names.is_named(names, ["192.0.2.1:8000"])
    everywhere = host_names.names_of(Settings(host="0.0.0.0", plain_http="yes"))
    assert everywhere == host_names.LOOPBACK
    assert not host_names.is_named(everywhere, ["0.0.0.0:8000"])


def test_source_is_the_address_of_the_client(rt: Any) -> None:
    """Conditions of policies and the brakes on guesses ask for it, and the server may be on a network."""
    seen = list[HttpRequest]()

    class Noting(Gateway):
        def answer(self, request: HttpRequest) -> HttpResponse:
            seen.append(request)
            return HttpResponse(200, (), b"")

    application = Application(rt, Noting(signet_app.app))
    scope = Scope("GET", "/console/sign-in", Headers(host="127.0.0.1"), client="192.0.2.9:50000")
    asyncio.run(application(scope, Protocol(b"")))
    application.close()
    assert to_wire(seen[0]).source_ip == "192.0.2.9"
    event = gateway._event(seen[0], "/console/sign-in", {}, None)
    assert event["requestContext"]["identity"]["sourceIp"] == "192.0.2.9"


def test_host_named_twice_is_none(rt: Any) -> None:
    names = host_names.names_of(rt.settings)
    assert host_names.is_named(names, ["localhost"])
    assert not host_names.is_named(names, ["localhost", "localhost"])
    assert not host_names.is_named(names, [])


def test_host_names_are_a_setting() -> None:
    settings = Settings(public_url="https://Pki.Example.com/base", hosts="ca.example,other.example")
    settings.check()
    names = host_names.names_of(settings)
    for host in ("pki.example.com", "CA.example:443", "other.example.", "localhost:8000"):
        assert host_names.is_named(names, [host])
    assert not host_names.is_named(names, ["example.com"])
    everything = host_names.names_of(Settings(hosts="*"))
    assert host_names.is_named(everything, ["evil.example"])
    for wrong in ("a b", "http://a", "a:80", "*.a", "a,,b", "a/b"):
        with pytest.raises(SettingsError, match="SIGNET_HOSTS"):
            Settings(hosts=wrong).check()


@pytest.mark.parametrize("path", ["Mobile", "MHow", "ocsp", "M/crl"])
def test_crl_is_no_ocsp_request_whatever_its_path(rt: Any, application: Application, acm_pca: Any, path: str) -> None:
    """OCSP by GET is base64, which begins with M and has no dot."""
    crl = {"Enabled": True, "S3BucketName": "crl-bucket", "CustomCname": "crl.example.com", "CustomPath": path}
    arn = active_root(acm_pca, RevocationConfiguration={"CrlConfiguration": crl})
    issue_by_api(acm_pca, arn)
    point = rt.store.get_certificate_authority(arn).distribution_points[0]
    assert point.key.startswith(f"{path}/")
    found = asyncio.run(sent(application, "GET", f"/{point.key}", host="crl.example.com"))
    assert (found.status, found.headers["content-type"]) == (200, "application/pkix-crl")


def test_crl_and_ocsp_answer_under_every_name(rt: Any, application: Application) -> None:
    ca_id = root(rt)
    serial = issue(rt, ca_id)
    ca = rt.store.get_certificate_authority(arn_of(ca_id))
    point = ca.distribution_points[0]

    async def ask() -> None:
        crl = await sent(application, "GET", f"/{point.key}", host="crl.example.com")
        assert (crl.status, crl.headers["content-type"]) == (200, "application/pkix-crl")
        request_der = ocsp_watch.request_about(ca, int(serial, 16))
        sends = {"host": "ocsp.example.com", "content_type": "application/ocsp-request"}
        found = await sent(application, "POST", "/", request_der, **sends)
        assert x509_ocsp.load_der_ocsp_response(found.content).response_status.value == 0

    asyncio.run(ask())
