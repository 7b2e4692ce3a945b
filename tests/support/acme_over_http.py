"""An ACME client of a server on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from chalicelib.acme.bindings import Made
from chalicelib.acme_records import AcmeBinding
from tests.support.acme_calls import AcmeClient, Got
from tests.support.builders import START


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
                return Got(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Got(error.code, dict(error.headers), error.read())


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
