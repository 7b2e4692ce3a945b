"""http-01: a file of the HTTP server at the identifier (RFC 8555 section 8.3).

Redirects are followed to the ports of HTTP and HTTPS alone. A certificate of HTTPS proves nothing here and is not
verified: whoever controls the first answer controls where it leads.
"""

from __future__ import annotations

import hmac
import http.client
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from chalicelib import fetching, hosts
from chalicelib.acme.validation import connecting
from chalicelib.acme.validation.outcome import ChallengeError, failure_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from chalicelib.acme.validation.outcome import Attempt, Challenge

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_MOST_BYTES = 65536  # of an answer, with its head
_MOST_BODY = 512  # a key authorization has some 90 characters
_MOST_URL = 1000
_VISIBLE = re.compile("[!-~]*")


class _Answer(NamedTuple):
    status: int
    location: str
    body: bytes


def check(challenge: Challenge, attempt: Attempt) -> str:
    """Fetch the key authorization, and return what was seen.

    Raises:
        ChallengeError: the answer does not contain it.
    """
    host = f"[{challenge.value}]" if ":" in challenge.value else challenge.value
    port = attempt.vantage.http_port
    suffix = "" if port == _PORTS["http"] else f":{port}"
    url = urlsplit(f"http://{host}{suffix}/.well-known/acme-challenge/{challenge.token}")
    for _ in range(_MOST_REDIRECTS + 1):
        place, answer = _get(url, attempt)
        if answer.status not in _REDIRECTS:
            break
        url = _redirected(url, answer.location, place, attempt)
    else:
        raise ChallengeError("connection", f"more than {_MOST_REDIRECTS} redirects, the last from {place}")
    if answer.status != http.client.OK:
        raise ChallengeError("incorrectResponse", f"connected to {place}, got status {answer.status}")
    content = answer.body.rstrip() if len(answer.body) <= _MOST_BODY else b""
    if not hmac.compare_digest(content, challenge.key_authorization.encode()):
        raise ChallengeError("incorrectResponse", f"connected to {place}, got other content than the key authorization")
    return f"connected to {place}, got the key authorization"


def _get(url: SplitResult, attempt: Attempt) -> tuple[str, _Answer]:
    """Fetch a URL from one address of its host, and say from which."""
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    connection = connecting.connect(host, port, attempt)
    place = connection.place
    try:
        with connection.sock as plain, _secured(plain, url, attempt) as sock:
            answer = _exchange(sock, url, attempt)
    except ssl.SSLError as error:
        raise ChallengeError("tls", f"connected to {place}, TLS failed ({error.reason or 'no handshake'})") from None
    except OSError as error:
        raise ChallengeError("connection", f"connected to {place}, which {failure_of(error)}") from None
    except (http.client.HTTPException, ValueError):
        reason = f"connected to {place}, got no HTTP answer, or one of more than {_MOST_BYTES} bytes"
        raise ChallengeError("incorrectResponse", reason) from None
    attempt.note(f"GET {url.geturl()}: status {answer.status}")
    return place, answer


@contextmanager
def _secured(plain: socket.socket, url: SplitResult, attempt: Attempt) -> Iterator[socket.socket]:
    """The socket, within TLS if the URL says so."""
    if url.scheme == "http":
        yield plain
        return
    plain.settimeout(attempt.deadline.left())
    host = url.hostname or ""
    server_name = None if hosts.is_literal(host) else host.removesuffix(".")
    with connecting.unverified_tls().wrap_socket(plain, server_hostname=server_name) as sock:
        yield sock


def _exchange(sock: socket.socket, url: SplitResult, attempt: Attempt) -> _Answer:
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.sock = fetching.InTime(sock, attempt.deadline, _MOST_BYTES)
    target = url.path + (f"?{url.query}" if url.query else "")
    connection.request("GET", target, headers={"Host": url.netloc, "User-Agent": "signet", "Connection": "close"})
    response = connection.getresponse()
    body = response.read(_MOST_BODY + 1) if response.status == http.client.OK else b""
    return _Answer(response.status, response.getheader("Location", ""), body)


def _redirected(url: SplitResult, location: str, place: str, attempt: Attempt) -> SplitResult:
    """Where a redirect leads, if it may."""
    try:
        found = urlsplit(urljoin(url.geturl(), location))
        port = found.port or _PORTS.get(found.scheme, 0)
    except ValueError:
        found, port = SplitResult("", "", "", "", ""), 0
    host, text = found.hostname or "", found.geturl()
    is_url = found.scheme in _PORTS and (hosts.is_host_name(host) or hosts.is_literal(host)) and "@" not in found.netloc
    if not location or not is_url or len(text) > _MOST_URL or not _VISIBLE.fullmatch(text):
        raise ChallengeError("incorrectResponse", f"connected to {place}, redirected to an invalid URL")
    attempt.note(f"redirected to {text}")
    if port not in {*_PORTS.values(), attempt.vantage.http_port, attempt.vantage.tls_port}:
        raise ChallengeError("connection", f"connected to {place}, redirected to port {port}, which is not followed")
    return found._replace(path=found.path or "/", fragment="")
