"""Idempotency tokens: scoped to account, operation and CA; bound to the parameters that decide what is made.

Where there is no CA yet, the region takes its place.

A client that retries may compute some parameters again (an end date from "now + duration", say), so the caller of
`token_of` names those that count.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.records import IdempotencyToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.runtime import Caller, Runtime

MISMATCH = (
    "The idempotency token '{token}' was used within the last {seconds} seconds for a request with other parameters; "
    "use another token."
)


def token_of(
    rt: Runtime, caller: Caller, operation: str, token: str | None, parameters: Mapping[str, Any], *, ca_id: str = ""
) -> IdempotencyToken | None:
    """The token as the store keeps it; None if the client sent none."""
    if token is None:
        return None
    text = json.dumps(parameters, sort_keys=True, default=_as_text)
    return IdempotencyToken(
        scope=f"{caller.account_id}/{operation}/{ca_id or rt.settings.region}",
        token=token,
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        expires_at=rt.now() + timedelta(seconds=int(rt.settings.idempotency_seconds)),
    )


def mismatch(rt: Runtime, token: str | None) -> str:
    """The text that refuses a token used with other parameters."""
    return MISMATCH.format(token=token, seconds=rt.settings.idempotency_seconds)


def _as_text(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
