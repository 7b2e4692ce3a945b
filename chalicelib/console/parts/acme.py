"""Helpers that the pages of ACME share: the directory of an address, its URL, orders in words, and client commands."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from chalicelib import arn as arns
from chalicelib.acme import client_commands, directories
from chalicelib.acme.authorizations import status_of
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import REQUESTED_BY
from chalicelib.api.base_url import base_url
from chalicelib.console import render, severity, web
from chalicelib.console.parts import authority_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.acme_records import AcmeAuthorization, AcmeDirectory, AcmeOrder
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.parts.confirmation import Question
    from chalicelib.console.severity import Sign
    from chalicelib.console.web import Visit

SECTION = "acme"


class Authority(NamedTuple):
    """The CA of a directory: its name, and the path of its page behind `/console`."""

    name: str
    path: str
    arn: str


class Requester(NamedTuple):
    """The ACME account that requested a certificate."""

    directory: str
    account: str


class Attempt(NamedTuple):
    """The validation of a challenge: its kind and status, what failed in one sentence, and its steps."""

    kind: str
    sign: Sign
    problem: str
    steps: tuple[str, ...]


class Name(NamedTuple):
    """A name of an order: the status of its authorization, and the attempts to validate it.

    Attributes:
        granted: the binding grants the name; there is no challenge.
    """

    value: str
    sign: Sign
    granted: bool
    attempts: list[Attempt]


class OrderRow(NamedTuple):
    """An order, with the first of its names.

    Attributes:
        certificate: the path of its certificate's page; empty while it has none.
    """

    order: AcmeOrder
    sign: Sign
    path: str
    certificate: str
    names: list[Name]


class Way(NamedTuple):
    """The commands of a client, or its configuration."""

    title: str
    note: str
    text: str


def address(name: str, path: str = "", **more: str) -> str:
    """The path of a page about a directory, behind `/console`."""
    return f"acme/directory{'/' if path else ''}{path}?{urlencode({'name': name, **more})}"


def directory(visit: Visit) -> AcmeDirectory:
    """The directory that the address names; raises `NotFoundError`."""
    try:
        return directories.find(visit.rt, visit.caller.account_id, visit.query.get("name", ""))
    except AcmeError as error:
        raise web.NotFoundError from error


def id_in(visit: Visit, parameter: str) -> str:
    """The id of an account or an order in the query; empty if it has none."""
    value = visit.query.get(parameter, "")
    return value if re.fullmatch("[0-9a-f]{1,64}", value, re.ASCII) else ""


@contextmanager
def refused_in_words() -> Iterator[None]:
    """Convert the refusal of a change that has no form to an error page."""
    try:
        yield
    except AcmeError as error:
        raise directories.as_api_error(error) from error


def url(visit: Visit, name: str) -> str:
    """The URL of a directory: by https if the visitor came so, or if the home has a listener for it."""
    configured = directories.url(visit.rt.settings, name)
    if configured.startswith("https:") and not web.secure(visit.request):
        return configured
    return f"{base_url(visit.request)}/acme/{name}/directory"


def authority(visit: Visit, arn: str) -> Authority:
    """A CA of the account, in any region."""
    return Authority(authority_rows.name_of(visit, arn), f"cas/{arns.parse_ca_arn(arn).ca_id}", arn)


def ask(visit: Visit, name: str, question: Question) -> WireResponse:
    """A page that asks before something of a directory stops."""
    return render.page(
        visit, "acme_question.html", title=question.heading, section=SECTION, question=question, name=name
    )


def requester(requested_by: str) -> Requester | None:
    """The ACME account that a certificate's record names; None for an access key."""
    named = re.fullmatch(f"{REQUESTED_BY}([^/]+)/([^/]+)", requested_by)
    return Requester(named[1], named[2]) if named else None


def patterns(text: str) -> tuple[str, ...]:
    """The patterns of names in a field, one on a line or between commas."""
    return tuple(each for each in re.split(r"[\s,;]+", text) if each)


def ways(visit: Visit, found: AcmeDirectory, kid: str = "", hmac_key: str = "") -> list[Way]:
    """The commands of each client for a directory, with a binding's values if they are there."""
    whole = url(visit, found.name)
    needs_root = whole.startswith("https:") and visit.rt.settings.is_local
    return [
        Way(
            client.title,
            client.note,
            client_commands.filled_in(
                client_commands.template(
                    client, with_binding=bool(kid) or found.binding_required, with_root=needs_root
                ),
                whole,
                kid,
                hmac_key,
            ),
        )
        for client in client_commands.CLIENTS
    ]


# orders


def order_rows(visit: Visit, found: AcmeDirectory, orders: Sequence[AcmeOrder], most_names: int) -> list[OrderRow]:
    """Orders with the attempts for their first names; one read of the store for each account among them."""
    wanted: dict[str, dict[str, None]] = {}
    for order in orders:
        wanted.setdefault(order.acme_id, {}).update(dict.fromkeys(order.authorizations[:most_names]))
    known = {
        each.authorization_id: each
        for acme_id, ids in wanted.items()
        for each in visit.rt.store.get_acme_authorizations(acme_id, list(ids))
        if each is not None
    }
    return [_order_row(visit, found, order, known, most_names) for order in orders]


def _order_row(
    visit: Visit, found: AcmeDirectory, order: AcmeOrder, known: Mapping[str, AcmeAuthorization], most_names: int
) -> OrderRow:
    now = visit.rt.now()
    has_expired = order.status == "pending" and order.expires_at <= now
    pairs = zip(order.identifiers[:most_names], order.authorizations[:most_names], strict=True)
    return OrderRow(
        order,
        severity.ACME["expired" if has_expired else order.status],
        address(found.name, "order", account=order.acme_id, order=order.order_id),
        _certificate_path(order.certificate_arn),
        [_name(visit, identifier.value, known.get(each)) for identifier, each in pairs],
    )


def _name(visit: Visit, value: str, authorization: AcmeAuthorization | None) -> Name:
    if authorization is None:  # reconciliation has removed it
        return Name(value, severity.ACME["expired"], granted=False, attempts=[])
    sign = severity.ACME[status_of(authorization, visit.rt.now())]
    return Name(value, sign, not authorization.challenges, list(_attempts(authorization)))


def _attempts(authorization: AcmeAuthorization) -> Iterable[Attempt]:
    for each in authorization.challenges:
        if each.status != "pending" or each.steps:
            yield Attempt(each.kind, severity.ACME[each.status], str(each.error.get("detail", "")), each.steps)


def _certificate_path(arn: str) -> str:
    if not arn:
        return ""
    ca_arn, _, serial = arn.partition("/certificate/")
    return f"cas/{arns.parse_ca_arn(ca_arn).ca_id}/certificates/{serial}"
