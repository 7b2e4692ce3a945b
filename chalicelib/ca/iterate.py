"""Loops over CAs: of all accounts, of one account, and of other accounts that share theirs with a caller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from chalicelib import logs
from chalicelib.ca import state
from chalicelib.store import authorities_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Caller, Runtime

T = TypeVar("T")
_PAGE = 100


def every_authority(rt: Runtime) -> Iterator[CertificateAuthority]:
    """All CAs of all accounts, read in pages."""
    for account in rt.store.list_accounts():
        yield from of_account(rt, account)


def of_account(rt: Runtime, account_id: str, *, after: str | None = None) -> Iterator[CertificateAuthority]:
    """All CAs of an account, or those after a CA id, by id; read in pages."""
    return authorities_of(rt.store, account_id, after=after)


def of_others(rt: Runtime, caller: Caller, operations: Collection[str]) -> Iterator[CertificateAuthority]:
    """The CAs of other accounts on which policies let the caller do all of these operations, read in pages."""
    from chalicelib.access import authorization, sharing

    after: str | None = None
    while page := rt.store.list_shared(caller.account_id, limit=_PAGE, after=after):
        for arn in sharing.accepted(rt, caller.account_id, page):
            allowed = all(authorization.decide(rt, replace(caller, operation=name), arn).allowed for name in operations)
            ca = rt.store.get_certificate_authority(arn) if allowed else None
            if ca is not None and not state.is_gone(ca, rt.now()):
                yield ca
        after = page[-1].rsplit("/", 1)[1]


def look_at(
    ca: CertificateAuthority, look: Callable[[CertificateAuthority], Iterable[T]], failed: Callable[[str, str], T]
) -> list[T]:
    """List what a look at one CA yields, or `failed` of its ARN and the reason: a damaged record hides no other CA."""
    try:
        return list(look(ca))
    except Exception as error:  # noqa: BLE001  reported as a problem of this CA
        logs.log_exception("look_failed", ca=ca.arn)
        return [failed(ca.arn, f"{type(error).__name__}: {error}"[:200])]
