"""A request to an ACME directory as its resource sees it, and the answer."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import recording
from chalicelib.acme import bindings, jws
from chalicelib.acme.problems import AcmeProblem
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from chalicelib.acme.jws import Signed
    from chalicelib.acme_records import AcmeAccount, AcmeBinding, AcmeDirectory
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.recording import Entry
    from chalicelib.runtime import Runtime


def time_text(moment: datetime) -> str:
    """Return a time in the form of RFC 3339, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Answer(NamedTuple):
    """The answer of a resource: a JSON object, bytes or nothing, and additional headers."""

    status: int
    body: dict[str, Any] | bytes | None = None
    headers: dict[str, str] = {}  # noqa: RUF012  nothing changes it
    content_type: str = "application/json"
    links: tuple[str, ...] = ()


class Visit(NamedTuple):
    """A request that has found its directory.

    Attributes:
        rt: the home in the region of the directory's CA.
        base: the URL of the directory, without its last segment.
        path: of the resource, below that.
        resource: its name in `protocol.RESOURCES`.
        ids: the segment of the path for each "*".
        signed: the JWS; None: the resource takes none.
        account: the one that signed; None: a key signed, or nobody.
        key: the JWK that signed, if no account did.
        use_nonce: records the use of the nonce, where a key has signed.
    """

    rt: Runtime
    directory: AcmeDirectory
    request: WireRequest
    base: str
    path: str
    resource: str
    ids: tuple[str, ...]
    signed: Signed | None = None
    account: AcmeAccount | None = None
    key: dict[str, str] | None = None
    use_nonce: Callable[[], None] = lambda: None

    def url(self, path: str) -> str:
        """Return the URL of a resource of the directory."""
        return f"{self.base}/{path}"

    @property
    def own_url(self) -> str:
        """The URL that the client asked for."""
        query = f"?{self.request.query}" if self.request.query else ""
        return f"{self.url(self.path)}{query}"

    @property
    def owner(self) -> AcmeAccount:
        """The account that has signed; the resource takes no other requests."""
        if self.account is None:
            raise AcmeProblem("malformed", "This resource requires the account's URL as 'kid'.")
        return self.account

    @property
    def holder(self) -> dict[str, str]:
        """The key that has signed; the resource takes no other requests."""
        if self.key is None:
            raise AcmeProblem("malformed", "This resource requires the key as 'jwk'.")
        return self.key

    def payload(self) -> dict[str, Any] | None:
        """Return the payload; None for POST-as-GET (RFC 8555 section 6.3).

        Raises:
            AcmeProblem: it is not a JSON object.
        """
        if self.signed is None or self.signed.payload == b"":
            return None
        return jws.payload_object(self.signed)

    def content(self) -> dict[str, Any]:
        """Return the payload of a resource that needs one.

        Raises:
            AcmeProblem: it is empty, or not a JSON object.
        """
        payload = self.payload()
        if payload is None:
            raise AcmeProblem("malformed", "The payload must be a JSON object; this resource takes no POST-as-GET.")
        return payload

    def reads_only(self) -> None:
        """Raise `AcmeProblem` if this is no POST-as-GET."""
        if self.signed is not None and self.signed.payload != b"":
            raise AcmeProblem("malformed", "This resource takes only POST-as-GET: the payload must be empty.")

    # who acts

    def binding(self) -> AcmeBinding | None:
        """Return the external account binding of the account; None if it was bound to none.

        Raises:
            AcmeProblem: it was deleted or revoked, or has expired; or the account has none, and needs one.
        """
        name = self.owner.binding
        if not name:
            if self.directory.binding_required:
                text = "The directory requires an external account binding, and the account has none: create another."
                raise AcmeProblem("unauthorized", text)
            return None
        found = bindings.named(self.rt, self.directory, name)
        if found is None or not bindings.lets_order(self.rt, found):
            raise AcmeProblem("unauthorized", "The external account binding of the account was revoked or has expired.")
        return found

    def principal_of(self, account: AcmeAccount, known: AcmeBinding | None = None) -> str:
        """Return the principal of an account, also when its binding, if it is not known, has ended: for the record."""
        found = known or (bindings.named(self.rt, self.directory, account.binding) if account.binding else None)
        return found.principal if found else self.directory.principal

    def caller(self, account: AcmeAccount, principal: str) -> Caller:
        """Return an account as a caller of operations, under the policies of a principal."""
        return Caller(
            account_id=self.directory.owner,
            access_key_id=account.requested_by,
            principal=principal,
            facts=self.request.facts,
        )

    def recorded(self, name: str, account: AcmeAccount, principal: str) -> AbstractContextManager[Entry]:
        """Record a change that an account makes; raises as `recording.recorded`."""
        return recording.operation(self.rt, self.caller(account, principal), name)
