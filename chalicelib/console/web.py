"""A visit, which is what a view gets, and answers with the headers that every page has, which is what it gives."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.access import authorization, sharing
from chalicelib.api import throttling
from chalicelib.api.client import Client
from chalicelib.api.dispatch import WireResponse
from chalicelib.ca import find, state
from chalicelib.frozen import dataclass
from chalicelib.operations import authorities
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib import identities, records, shapes
    from chalicelib.access.sharing import Granted
    from chalicelib.api.sigv4 import WireRequest
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
# To browsers that came by https; by http it has no meaning (RFC 6797 section 7.2).
STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000"}
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
ROOT = "console"
COMMANDS = "commands"  # the part of a page with commands of the AWS CLI
_DESCRIBE = "DescribeCertificateAuthority"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, and the contents of its files; an empty file is none."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """The value of a field without surrounding space; empty where it is not there."""
        return self.fields.get(name, "").strip()


@dataclass(frozen=True)
class Authority:
    """The CA that a page is about: loaded once, when a view first needs more of it than its ARN.

    Attributes:
        granted: what its policy lets the visitor's account do; None where the account owns the CA.
    """

    rt: Runtime
    caller: Caller
    arn: str
    granted: Granted | None = None

    @property
    def ca_id(self) -> str:
        """The id in its ARN."""
        return self.arn.rsplit("/", 1)[1]

    @cached_property
    def templates(self) -> frozenset[str]:
        """The names of the templates that the visitor may issue by."""
        if self.granted is not None:
            return self.granted.templates
        return frozenset(sharing.templates_of(self.rt, self.caller, self.arn))

    @cached_property
    def name(self) -> str:
        """Its name on all pages; without its tags if the visitor may not read its description."""
        if self.granted is None and self.allows(_DESCRIBE):
            return state.name_of(self.record)
        ca = self.rt.store.get_certificate_authority(self.arn, cached=True)
        return state.name_of(replace(ca, tags=())) if ca else self.ca_id

    @cached_property
    def record(self) -> records.CertificateAuthority:
        """The CA as the store has it.

        Raises:
            ResourceNotFoundException: there is none.
        """
        return find.find(self.rt, replace(self.caller, operation=_DESCRIBE), self.arn)

    @cached_property
    def described(self) -> shapes.CertificateAuthority:
        """The CA as DescribeCertificateAuthority shows it, at the cost of one such request.

        Raises:
            ThrottlingException: the account has no request left.
            ResourceNotFoundException: there is no such CA.
        """
        throttling.take_token(self.rt, self.caller, _DESCRIBE)
        return authorities.describe(self.rt, self.record)

    def allows(self, operation: str) -> bool:
        """Tell whether the visitor may use an operation on the CA."""
        if self.granted is not None:
            return operation in self.granted.operations
        return authorization.decide(self.rt, replace(self.caller, operation=operation), self.arn).allowed


def authority(rt: Runtime, caller: Caller, arn: str, granted: Granted | None = None) -> Authority:
    """A CA of any region."""
    return Authority(find.at(rt, arn), caller, arn, granted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to a page.

    Attributes:
        segments: of the path behind `/console`.
        named: the segments that the page's pattern names.
        query, form: the request's parameters; the first value of each name.
        session: who is signed in; None on public pages.
        token: the proof that a form of this visit has to carry.
        authority: the CA that the path names.
        operation: what services that the page uses act as: the first that the page needs; see `needs.py`.
        home_region: the home's region, on pages of a CA, which have the region of the CA.
        judge: tells of a visit whether it may lead on to a page; see `may`.
        known: answers of `judge`.
    """

    rt: Runtime
    request: WireRequest
    segments: tuple[str, ...]
    named: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)
    session: identities.ConsoleSession | None = None
    token: str = ""
    authority: Authority | None = None
    home_region: str = ""
    operation: str = ""
    judge: Callable[[Visit, str, str, str], bool] = lambda *_: False
    known: dict[tuple[str, str, str], bool] = field(default_factory=dict)

    @property
    def signed_in(self) -> identities.ConsoleSession:
        """The session, on pages that need one."""
        if self.session is None:
            raise RuntimeError("Nobody is signed in.")
        return self.session

    @property
    def caller(self) -> Caller:
        """The access key that signed in, exactly as if it had signed a request of the API."""
        return Caller(
            account_id=self.signed_in.account_id,
            access_key_id=self.signed_in.access_key_id,
            principal=self.signed_in.principal,
            operation=self.operation,
            facts=self.request.facts,
        )

    @property
    def client(self) -> Client:
        """The API as the visitor may use it."""
        return Client(self.rt, self.caller)

    @property
    def ca(self) -> Authority:
        """The CA that the path names."""
        if self.authority is None:
            raise RuntimeError("This page is not about a CA.")
        return self.authority

    def may(self, path: str, method: str = "GET", arn: str = "") -> bool:
        """Tell whether the visitor may go to a page.

        Args:
            path: of the page, behind `/console`; a query does not matter.
            method: of the page.
            arn: of the CA in the path, unless that is the CA of this page or one of the visitor's account.
        """
        return self.judge(self, path.partition("?")[0], method, arn)

    def link(self, path: str = "") -> str:
        """The relative address of a page, named by its path behind `/console`."""
        return link_from(len(self.segments) + self.request.path.endswith("/"), path)

    def beside(self, path: str) -> str:
        """The relative address of an object that this server has beside the console, such as a CRL."""
        return self.link().removesuffix(ROOT) + path


def link_from(depth: int, path: str) -> str:
    """The relative address of a page, from one that lies so many segments behind `/console`."""
    return "../" * depth + "/".join(filter(None, (ROOT, path)))


def secure(request: WireRequest) -> bool:
    """Tell whether the browser used https."""
    return request.scheme == "https"


def answer(
    body: str | bytes, *, status: int = 200, content_type: str = HTML, headers: Mapping[str, str] | None = None
) -> WireResponse:
    """An answer that no cache stores."""
    common = HEADERS | {"Content-Type": content_type, "Cache-Control": "no-store"}
    octets = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    return WireResponse(status, octets, common | dict(headers or {}))


def redirect(visit: Visit, path: str, headers: Mapping[str, str] | None = None) -> WireResponse:
    """Go on to a page by GET."""
    return answer("", status=303, content_type=TEXT, headers={"Location": visit.link(path), **(headers or {})})


def download(body: str | bytes, name: str, content_type: str = "application/x-pem-file") -> WireResponse:
    """A file to be saved under a name, which is made of letters, digits, '.' and '-'."""
    return answer(body, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def asks_for_commands(visit: Visit) -> bool:
    """Tell whether a page reloads only its commands, for its form as it is filled in now: see `ui.follow`."""
    return visit.request.method == "GET" and visit.query.get("part") == COMMANDS


class NotFoundError(Exception):
    """There is no such page."""
