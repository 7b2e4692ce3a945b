"""Part of the store port: accounts, orders and authorizations of ACME, and values that may be used only once.

Directories and external account bindings are entities; see `access_records`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.acme_records import AcmeAccount, AcmeAuthorization, AcmeOrder, Identifier


class AcmeState(Protocol):
    """The records that ACME clients create; `ConflictError` is `chalicelib.store.ConflictError`."""

    # used once, or a number of times

    def use_once(self, name: str, *, until: datetime) -> bool:
        """Record that a nonce is used; False if it already was. The record is removed some time after `until`."""
        ...

    def count_at_most(self, name: str, most: int, *, now: datetime, until: datetime) -> bool:
        """Count a use of a name, unless it was counted `most` times already; the count restarts after its `until`.

        Returns:
            whether it was counted.
        """
        ...

    def is_counted(self, name: str, most: int, *, now: datetime) -> bool:
        """Return whether a name was counted `most` times already; changes nothing."""
        ...

    def release(self, name: str) -> None:
        """Let a name be used again; no error where it was not used."""
        ...

    def expire_used(self, names: Sequence[str]) -> None:
        """Remove records of the methods above; `list_due` names them."""
        ...

    # accounts

    def put_acme_account(self, account: AcmeAccount) -> None:
        """Add an account, with its key; `ConflictError` if another account of the directory has the key."""
        ...

    def get_acme_account(self, directory_id: str, acme_id: str) -> AcmeAccount | None:
        """Return the account, or None; read consistently."""
        ...

    def acme_account_with_key(self, directory_id: str, thumbprint: str) -> AcmeAccount | None:
        """Return the account of a directory that has a key, or None; read consistently."""
        ...

    def list_acme_accounts(self, directory_id: str, *, limit: int, after: str = "") -> list[AcmeAccount]:
        """Return up to `limit` accounts of a directory by id, starting after an id."""
        ...

    def update_acme_account(self, old: AcmeAccount, new: AcmeAccount) -> AcmeAccount:
        """Replace an account, and its key if that differs; returns `new` with its version grown.

        Raises:
            ConflictError: the account is not at `old.version` any more, or another one has the key.
        """
        ...

    # orders

    def put_acme_order(
        self, order: AcmeOrder, authorizations: Sequence[AcmeAuthorization], *, replaced_order: AcmeOrder | None = None
    ) -> None:
        """Add an order with its new authorizations, and record what it replaces, in one transaction.

        Args:
            order: the order.
            authorizations: those of the order that are new.
            replaced_order: an order that replaces the same certificate, and has become invalid.

        Raises:
            ConflictError: another order replaces the same certificate.
        """
        ...

    def get_acme_order(self, acme_id: str, order_id: str) -> AcmeOrder | None:
        """Return the order of an account, or None; read consistently."""
        ...

    def list_acme_orders(self, acme_id: str, *, limit: int, after: str = "") -> list[AcmeOrder]:
        """Return up to `limit` orders of an account, oldest first, starting after an order's id."""
        ...

    def last_acme_orders(self, directory_id: str, *, limit: int, before: str = "") -> list[AcmeOrder]:
        """Return up to `limit` orders of a directory, newest first; `before` is an order's id. It may lag."""
        ...

    def count_pending_acme_orders(self, acme_id: str, *, most: int) -> int:
        """Count the pending orders of an account, through `most`."""
        ...

    def order_replacing(self, directory_id: str, certificate_id: str) -> AcmeOrder | None:
        """Return the order that replaces a certificate, or None."""
        ...

    def update_acme_order(self, old: AcmeOrder, new: AcmeOrder) -> AcmeOrder:
        """Replace an order; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more.
        """
        ...

    def delete_acme_order(self, order: AcmeOrder) -> None:
        """Remove an order; no error where there is none."""
        ...

    # authorizations

    def put_acme_authorization(self, authorization: AcmeAuthorization) -> None:
        """Add an authorization that no order asked for (RFC 8555 section 7.4.1)."""
        ...

    def get_acme_authorizations(self, acme_id: str, ids: Sequence[str]) -> list[AcmeAuthorization | None]:
        """Return the authorizations of an account with these ids, which must differ; None where there is none."""
        ...

    def acme_authorizations_for(
        self, acme_id: str, names: Sequence[tuple[Identifier, bool]]
    ) -> list[AcmeAuthorization | None]:
        """Return the last authorization of an account for each of these identifiers and wildcards, or None."""
        ...

    def update_acme_authorization(self, old: AcmeAuthorization, new: AcmeAuthorization) -> AcmeAuthorization:
        """Replace an authorization; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more.
        """
        ...

    def delete_acme_authorization(self, authorization: AcmeAuthorization) -> None:
        """Remove an authorization; no error where there is none."""
        ...
