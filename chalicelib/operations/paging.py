"""Opaque, tamper-evident page tokens: sealed by the keystore for one account and one list."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from chalicelib.keystore import KeyStoreError

if TYPE_CHECKING:
    from chalicelib.runtime import Caller, Runtime


class TokenError(ValueError):
    """The token is not from this list."""


def encode(rt: Runtime, caller: Caller, list_name: str, position: str) -> str:
    """Make the token for the page after `position`."""
    return base64.urlsafe_b64encode(rt.keys.seal(position.encode(), _context(caller, list_name))).decode()


def decode(rt: Runtime, caller: Caller, list_name: str, token: str | None) -> str | None:
    """Read the position from a token that `encode` made for the same account and list; None for no token.

    Raises:
        TokenError: the token is not such a token.
    """
    if token is None:
        return None
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        return rt.keys.unseal(sealed, _context(caller, list_name)).decode()
    except (binascii.Error, ValueError, KeyStoreError) as error:
        raise TokenError("The NextToken is not from this list.") from error


def _context(caller: Caller, list_name: str) -> str:
    return f"next-token/{caller.account_id}/{list_name}"
