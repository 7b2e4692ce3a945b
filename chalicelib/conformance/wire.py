"""Signed requests as the wire has them, and their answers; nothing checks a request before it leaves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

JSON = "application/x-amz-json-1.1"
_TIMEOUT_SECONDS = 60
_THROTTLED = {"ThrottlingException", "TooManyRequestsException"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs requests."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body, which must be an object of JSON; an empty one has no members."""
        found = json.loads(self.body or b"{}")
        assert isinstance(found, dict), f"the body is no object: {self.body[:200]!r}"
        return found

    @property
    def code(self) -> str:
        """The error's name without its namespace; empty for an answer without error."""
        if self.status < 300:
            return ""
        try:
            return str(self.json().get("__type", "")).rpartition("#")[2]
        except ValueError:
            return f"HTTP {self.status}"

    @property
    def message(self) -> str:
        """The error's sentence."""
        return str(self.json().get("message", ""))

    def accepted(self) -> dict[str, Any]:
        """Return the members of an answer that must be one of success."""
        assert self.status == 200, f"HTTP {self.status}: {self.body[:400]!r}"
        return self.json()

    def refused(self, *codes: str, text: str = "") -> None:
        """Require an error of one of these names, and this text in its sentence."""
        assert self.status == 400, f"HTTP {self.status}, expected 400 {codes}: {self.body[:400]!r}"
        assert self.code in codes, f"{self.code}, expected {codes}: {self.message}"
        assert text in self.message, f"{text!r} is not in {self.message!r}"


class Wire:
    """An endpoint, and who asks it."""

    def __init__(self, endpoint: str, region: str, credentials: Credentials) -> None:
        self.endpoint, self.region, self.credentials = endpoint, region, credentials
        parts = urlsplit(endpoint)
        self._prefix, self._host = parts.path.rstrip("/"), parts.netloc
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.netloc, timeout=_TIMEOUT_SECONDS)

    def call(self, operation: str, **members: Any) -> Answer:
        """Call an operation by AWS JSON 1.1, again while it is throttled; bytes become base64."""
        body = json.dumps(members, default=_base64).encode()
        for attempt in range(8):
            answer = self.send(body, target=f"ACMPrivateCA.{operation}")
            if answer.code not in _THROTTLED:
                break
            time.sleep(0.5 * 1.5**attempt)
        return answer

    def send(
        self,
        body: bytes = b"{}",
        *,
        target: str | None = "ACMPrivateCA.ListCertificateAuthorities",
        content_type: str | None = JSON,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        signature: Signature | None = None,
        sent: bytes | None = None,
    ) -> Answer:
        """Send one request.

        Args:
            body: what is signed.
            target: X-Amz-Target; None: no such header.
            content_type: Content-Type; None: no such header.
            method: of HTTP.
            path: absolute, without the endpoint's own.
            headers: more of them, which are signed, too.
            signature: how to sign; by default with the endpoint's credentials.
            sent: the body that is sent instead of the signed one.
        """
        named = {"content-type": content_type, "x-amz-target": target} | (headers or {})
        kept = {name: value for name, value in named.items() if value is not None} | {"host": self._host}
        signed = (signature or Signature()).applied(self, method, self._prefix + path, kept, body)
        return self._exchange(method, self._prefix + path, signed, body if sent is None else sent)

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        for last in (False, True):
            try:
                self._connection.request(method, path, body, headers)
                found = self._connection.getresponse()
                named = {name.lower(): value for name, value in found.getheaders()}
                return Answer(found.status, named, found.read())
            except (http.client.HTTPException, OSError):  # a server may close a connection that it has kept
                self._connection.close()
                if last:
                    raise
        raise AssertionError("not reached")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Signature:
    """How a request is signed (Signature Version 4), rightly by default.

    Attributes:
        credentials: instead of the endpoint's.
        service: in the credential scope.
        late: how long ago it was signed.
        omit: sign nothing.
        mangle: what replaces the signature's last hex digits.
    """

    credentials: Credentials | None = None
    service: str = "acm-pca"
    late: timedelta = timedelta()
    omit: bool = False
    mangle: str = ""

    def applied(self, wire: Wire, method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Return the headers with those of the signature."""
        if self.omit:
            return headers
        mine = self.credentials or wire.credentials
        stamp = (datetime.now(UTC) - self.late).strftime("%Y%m%dT%H%M%SZ")
        headers = headers | {"x-amz-date": stamp}
        if mine.token:
            headers["x-amz-security-token"] = mine.token
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
        canonical = "\n".join([method, path, "", lines, names, hashlib.sha256(body).hexdigest()])
        scope = f"{stamp[:8]}/{wire.region}/{self.service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{mine.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        found = hmac.digest(key, text.encode(), "sha256").hex()
        found = found[: len(found) - len(self.mangle)] + self.mangle
        credential = f"Credential={mine.access_key_id}/{scope}"
        value = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={found}"
        return headers | {"authorization": value}


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is nothing of JSON")
