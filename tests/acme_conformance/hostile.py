"""Rows of hostile requests: each takes a request that the server would accept, and changes one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.acme_conformance.acme import is_limited, refused
from tests.acme_conformance.jose import Key, Request, generate
from tests.acme_conformance.rfc import Source, about

if TYPE_CHECKING:
    from tests.acme_conformance.acme import Account, Server


@dataclass
class Stage:
    """Who takes part: an account, another one, and the server."""

    server: Server
    account: Account
    other: Account

    def order(self) -> Request:
        """An order of a new name, by the account."""
        wanted = {"identifiers": [{"type": "dns", "value": self.server.name()}]}
        return self.account.request(self.server.resource("newOrder"), wanted)

    def lookup(self) -> Request:
        """A question for the account's URL, by its key."""
        return self.server.request(self.server.resource("newAccount"), self.account.key, {"onlyReturnExisting": True})

    def fetch(self) -> Request:
        """A POST-as-GET of the account."""
        return self.account.request(self.account.url, None)

    def register(self, key: Key | None = None) -> Request:
        """A new account."""
        key = key or generate()
        return self.server.request(self.server.resource("newAccount"), key, self.server.stub(key))


_TRIES, _LARGE = 4, 65_536
Change = Callable[[Request, Stage], Request]


class Row(NamedTuple):
    """A hostile request: `base` is a method of Stage; the refusal has one of `types` if there are any."""

    name: str
    base: str
    change: Change
    source: Source
    types: tuple[str, ...] = ()
    status: int | None = None


def table(*rows: Row) -> pytest.MarkDecorator:
    """Run a test for each row."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name, marks=about(row.source)) for row in rows])


def judge(row: Row, stage: Stage) -> None:
    """Send the request of a row, and assert that the server refuses it; at robustness, that it answers."""
    for _ in range(_TRIES):
        request = row.change(getattr(stage, row.base)(), stage)
        answer = stage.server.send(request)
        if not is_limited(answer) and (answer.error != "badNonce" or "badNonce" in row.types):
            break
    if row.source.level == "robustness":
        # To accept is no error here. A server that refuses a large body may close the connection before it was sent.
        assert 200 <= answer.status < 500 or (answer.status == 0 and len(request.body()) > _LARGE), answer
        return
    refused(answer, *row.types, status=row.status)
    if row.base in {"lookup", "register"}:
        # These say that the JWS was good, so the request was refused for another reason than the one that is judged.
        assert answer.error not in {"accountDoesNotExist", "externalAccountRequired"}, answer
