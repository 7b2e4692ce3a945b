"""External account bindings (RFC 8555 section 7.3.4): who may have an ACME account, and which names it may order."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from dataclasses import field, replace
from typing import TYPE_CHECKING

from chalicelib.acme import directories, identifiers
from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import AcmeBinding, AcmeMacKey
from chalicelib.frozen import dataclass
from chalicelib.identities import ADMINISTRATOR
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.acme_records import AcmeDirectory, Identifier
    from chalicelib.runtime import Runtime

KEY_BYTES = 32  # HS256 (RFC 8555 section 7.3.4)
MOST_ORDERS, MOST_ACCOUNTS = 1_000_000, 10_000
_BASE64URL_HYPHEN = 62  # RFC 4648 section 5
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Made:
    """A binding with its MAC key in base64url, which is shown once."""

    binding: AcmeBinding
    hmac_key: str = field(repr=False)


def create(rt: Runtime, directory: AcmeDirectory, binding: AcmeBinding) -> Made:
    """Create a binding with a random MAC key; its name, its directory and its times are set here.

    Raises:
        AcmeError: a part is invalid.
    """
    directories.check_principal(rt, directory.owner, binding.principal or ADMINISTRATOR)
    _check_profiles(directory, binding)
    made = _checked(
        replace(
            binding,
            account_id=directory.owner,
            name=secrets.token_hex(16),
            directory=directory.name,
            directory_id=directory.directory_id,
            principal=binding.principal or ADMINISTRATOR,
            created_at=rt.now(),
            changed_at=rt.now(),
        ),
    )
    key = _new_key()
    sealed = rt.keys.seal(key, _context(made))
    # The key comes first: a binding without one would refuse everybody without a reason that anybody can see.
    rt.store.put_entity(
        AcmeMacKey(account_id=made.account_id, name=made.name, sealed=sealed, created_at=made.created_at)
    )
    rt.store.put_entity(made)
    return Made(made, urlsafe_b64encode(key).rstrip(b"=").decode())


def _new_key() -> bytes:
    """Return a random key; its base64url begins with no "-", which clients would read as an option."""
    while (key := secrets.token_bytes(KEY_BYTES))[0] >> 2 == _BASE64URL_HYPHEN:
        pass
    return key


def of_directory(rt: Runtime, directory: AcmeDirectory) -> list[AcmeBinding]:
    """Return the bindings of a directory, oldest first."""
    found = rt.store.list_entities(AcmeBinding, directory.owner)
    return sorted(
        (each for each in found if each.directory_id == directory.directory_id), key=lambda each: each.created_at
    )


def page(rt: Runtime, directory: AcmeDirectory, *, limit: int, after: str = "") -> list[AcmeBinding]:
    """Return up to `limit` bindings of a directory by key identifier, starting after one."""
    found: list[AcmeBinding] = []
    while len(found) < limit:
        batch = rt.store.list_entities(AcmeBinding, directory.owner, after=after, limit=limit)
        found += [each for each in batch if each.directory_id == directory.directory_id]
        if len(batch) < limit:
            break
        after = batch[-1].name
    return found[:limit]


def named(rt: Runtime, directory: AcmeDirectory, name: str) -> AcmeBinding | None:
    """Return the binding of a directory with a key identifier, or None."""
    if not (name.isascii() and name.isalnum() and len(name) <= 64):
        return None
    binding = rt.store.get_entity(AcmeBinding, directory.owner, name)
    return binding if binding is not None and binding.directory_id == directory.directory_id else None


def mac_key(rt: Runtime, binding: AcmeBinding) -> bytes | None:
    """Return the MAC key of a binding; None if a backup without it was restored."""
    key = rt.store.get_entity(AcmeMacKey, binding.account_id, binding.name)
    return None if key is None else rt.keys.unseal(key.sealed, _context(binding))


def is_usable(rt: Runtime, binding: AcmeBinding) -> bool:
    """Return whether a binding may bind accounts: it is neither revoked nor expired."""
    return binding.active and binding.revoked_at is None and not _is_expired(rt, binding)


def lets_order(rt: Runtime, binding: AcmeBinding) -> bool:
    """Return whether the accounts of a binding may order; for a role's binding also after it expires, as in AWS."""
    return binding.active and (bool(binding.role_arn) or not _is_expired(rt, binding))


def _is_expired(rt: Runtime, binding: AcmeBinding) -> bool:
    return binding.expires_at is not None and binding.expires_at <= rt.now()


def grants(directory: AcmeDirectory, binding: AcmeBinding | None, identifier: Identifier) -> bool:
    """Return whether accounts of a binding, or without one, may order an identifier."""
    if binding is None:
        return not directory.names or identifiers.allows(directory.names, identifier)
    if binding.names:
        return identifiers.allows(binding.names, identifier)
    return any(identifiers.grants(domain, identifier) for domain in directory.domains)


def change(
    rt: Runtime, directory: AcmeDirectory, name: str, changed: Callable[[AcmeBinding], AcmeBinding]
) -> AcmeBinding:
    """Replace a binding by what `changed` returns for it, which may run several times.

    Raises:
        AcmeError: there is no such binding, or a part is invalid.
    """
    for _ in range(_ATTEMPTS):
        old = _found(rt, directory, name)
        new = _checked(changed(old))
        if new.allowed_profiles != old.allowed_profiles:
            _check_profiles(directory, new)
        if new.principal != old.principal:
            directories.check_principal(rt, directory.owner, new.principal)
        try:
            return rt.store.update_entity(old, new)
        except ConflictError:
            continue
    raise AcmeError("kid", "Other changes to the binding are still running; try again.")


def revoke(rt: Runtime, directory: AcmeDirectory, name: str, *, keeps_accounts: bool = False) -> AcmeBinding:
    """Revoke a binding for good: it binds no more accounts, and its accounts order nothing more.

    Args:
        rt: the runtime.
        directory: of the binding.
        name: of the binding.
        keeps_accounts: its accounts may still order, as in AWS.

    Raises:
        AcmeError: there is no such binding.
    """

    def revoked(binding: AcmeBinding) -> AcmeBinding:
        active = binding.active and keeps_accounts
        return replace(binding, active=active, revoked_at=binding.revoked_at or rt.now(), changed_at=rt.now())

    return change(rt, directory, name, revoked)


def delete(rt: Runtime, directory: AcmeDirectory, name: str) -> None:
    """Remove a binding; its accounts can order nothing more.

    Raises:
        AcmeError: there is no such binding.
    """
    directories.forget_binding(rt, _found(rt, directory, name))


def _found(rt: Runtime, directory: AcmeDirectory, name: str) -> AcmeBinding:
    binding = named(rt, directory, name)
    if binding is None:
        raise AcmeError("kid", f"The directory {directory.name} has no external account binding {name[:64]}.")
    return binding


def _check_profiles(directory: AcmeDirectory, binding: AcmeBinding) -> None:
    known = {profile.name for profile in directory.profiles}
    if unknown := [name for name in binding.allowed_profiles if name not in known]:
        raise AcmeError("profiles", f"The directory has no profile {unknown[0][:64]}.")


def _checked(binding: AcmeBinding) -> AcmeBinding:
    if not binding.names and not binding.role_arn:
        raise AcmeError("names", "A binding names at least one name or pattern that its accounts may order.")
    if not 0 <= binding.orders_a_day <= MOST_ORDERS:
        raise AcmeError("orders_a_day", f"The number of orders in a day must be 0 (any number) to {MOST_ORDERS}.")
    if not 0 <= binding.most_accounts <= MOST_ACCOUNTS:
        raise AcmeError("accounts", f"The number of accounts must be 0 (any number) to {MOST_ACCOUNTS}.")
    return replace(binding, names=directories.checked_names(binding.names))


def _context(binding: AcmeBinding) -> str:
    return f"acme-mac-key/{binding.account_id}/{binding.name}"
