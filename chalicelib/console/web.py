"""What a view gets and gives: a visit, and answers with the headers that every page has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.api import dispatch
from chalicelib.api.dispatch import WireResponse
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.access.sharing import Granted
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.console.forms.body import Form
    from chalicelib.records import ConsoleSession
    from chalicelib.runtime import Runtime

# Source: W3C Content Security Policy Level 3. Nothing is 'unsafe-*': there is no inline script and no inline style.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
ROOT = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to a page.

    Attributes:
        segments: of the path behind `/console`.
        named: the segments that the page's pattern names.
        query, form: what came with the request; the first value of each name.
        session: who is signed in; None on pages that need nobody.
        token: what forms of this visit have to send back.
        ca_arn: of the CA that the path names: one of the visitor's account, or one that is shared with it.
        granted: what the policy of that CA lets the account do; None where the CA is its own.
    """

    rt: Runtime
    request: WireRequest
    segments: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form
    session: ConsoleSession | None = None
    token: str = ""
    ca_arn: str = ""
    granted: Granted | None = None

    @property
    def caller(self) -> Caller:
        """Who acts: the access key that signed in, exactly as if it had signed a request of the API."""
        if self.session is None:
            raise RuntimeError("Nobody is signed in.")
        return Caller(account_id=self.session.account_id, access_key_id=self.session.access_key_id)

    def call(self, operation: str, **request: Any) -> Any:
        """What an operation of the API answers.

        Raises:
            ApiError: it refuses.
        """
        return dispatch.call(self.rt, self.caller, operation, request)

    def link(self, path: str = "") -> str:
        """The relative address of a page, named by its path behind `/console`."""
        return link_from(len(self.segments) + self.request.path.endswith("/"), path)


def link_from(depth: int, path: str) -> str:
    """The relative address of a page, from one that lies so many segments behind `/console`."""
    return "../" * depth + "/".join(filter(None, (ROOT, path)))


def secure(visit: Visit) -> bool:
    """Whether the browser came by https, as the gateway in front says."""
    return visit.request.header("x-forwarded-proto") == "https"


def answer(
    body: str | bytes, *, status: int = 200, content_type: str = HTML, headers: Mapping[str, str] | None = None
) -> WireResponse:
    """An answer that nobody keeps."""
    own = HEADERS | {"Content-Type": content_type, "Cache-Control": "no-store"}
    octets = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    return WireResponse(status, octets, own | dict(headers or {}))


def redirect(visit: Visit, path: str, headers: Mapping[str, str] | None = None) -> WireResponse:
    """Go on to a page by GET."""
    return answer("", status=303, content_type=TEXT, headers={"Location": visit.link(path), **(headers or {})})


def download(body: str | bytes, name: str, content_type: str = "application/x-pem-file") -> WireResponse:
    """A file to be saved under a name, which is made of letters, digits, '.' and '-'."""
    return answer(body, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


class NotFoundError(Exception):
    """There is no such page."""
