"""An ACME client of a server on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeBinding
from tests.support.acme_calls import AcmeClient, Got
from tests.support.builders import START

if TYPE_CHECKING:
    from email.message import Message


@dataclass
class AcmeOverHttp(AcmeClient):
    """A client of the directory at `base`, such as http://127.0.0.1:8000; it needs no runtime."""

    rt: Any = None
    directory: str = ""
    base: str = field(default="", kw_only=True)

    def url(self, path: str) -> str:
        return f"{self.base}/acme/{self.directory}/{path}"

    def send(self, method: str, url: str, body: bytes = b"", content_type: str = "application/jose+json") -> Got:
        request = urllib.request.Request(url, body or None, {"Content-Type": content_type}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Got(answer.status, _titled(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Got(error.code, _titled(error.headers), error.read())


def _titled(headers: Message) -> dict[str, str]:
    """Headers with their names as in RFC 8555; HTTP servers may write them otherwise."""
    return {name.title(): value for name, value in headers.items()}


def binding(kid: str, hmac_key: str) -> Made:
    """An external account binding as a client knows it."""
    known = AcmeBinding(
        account_id="",
        name=kid,
        directory="",
        directory_id="",
        principal="",
        names=(),
        created_at=START,
        changed_at=START,
    )
    return Made(known, hmac_key)
