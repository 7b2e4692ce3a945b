"""Part of the store port: access keys, principals, roles and OIDC providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from chalicelib.identities import AccessKey, Entity, Principal

E = TypeVar("E", bound="Entity")


class AccessRecords(Protocol):
    """Who may sign requests, and what they may do."""

    # access keys

    def put_access_key(self, key: AccessKey) -> None:
        """Add an access key; `ConflictError` if its id exists, or its principal does not."""
        ...

    def update_access_key(self, old: AccessKey, new: AccessKey) -> None:
        """Replace an access key; `ConflictError` if its sealed secret is not that of `old`."""
        ...

    def note_access_key_use(self, access_key_id: str, *, now: datetime, every: timedelta) -> None:
        """Record when an access key was used, unless there is none, or a use was recorded less than `every` ago."""
        ...

    def get_access_key(self, access_key_id: str) -> AccessKey | None:
        """Return the access key, or None."""
        ...

    def list_access_keys(self) -> list[AccessKey]:
        """Return all access keys, oldest first."""
        ...

    def delete_access_key(self, access_key_id: str) -> None:
        """Remove an access key; no error if there is none."""
        ...

    # principals

    def put_principal(self, principal: Principal) -> None:
        """Add a principal; `ConflictError` if the account has one of this name."""
        ...

    def get_principal(self, account_id: str, name: str) -> Principal | None:
        """Return the principal, or None; read consistently."""
        ...

    def list_principals(self, account_id: str) -> list[Principal]:
        """List the principals of an account by name."""
        ...

    def update_principal(self, old: Principal, new: Principal) -> Principal:
        """Replace a principal; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more.
        """
        ...

    def delete_principal(self, account_id: str, name: str) -> None:
        """Remove a principal, and then its access keys; no error where there is none."""
        ...

    # roles, OIDC providers and the key of session tokens

    def put_entity(self, entity: Entity) -> None:
        """Add an entity; `ConflictError` if the account has one of its kind and name."""
        ...

    def get_entity(self, kind: type[E], account_id: str, name: str) -> E | None:
        """Return an entity by its name, or None; read consistently."""
        ...

    def list_entities(self, kind: type[E], account_id: str, *, after: str = "", limit: int | None = None) -> list[E]:
        """List the entities of a kind in an account by name: up to `limit` of them, starting after a name."""
        ...

    def update_entity(self, old: E, new: E) -> E:
        """Replace an entity; returns `new` with its version grown.

        Raises:
            ConflictError: it is not at `old.version` any more.
        """
        ...

    def delete_entity(self, entity: Entity) -> None:
        """Remove an entity; no error where there is none of its name."""
        ...
