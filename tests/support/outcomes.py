"""What a call of an operation comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.api import dispatch

if TYPE_CHECKING:
    from chalicelib.runtime import Caller, Runtime


def outcome(rt: Runtime, caller: Caller, operation: str, request: dict[str, Any]) -> tuple[str, str]:
    """Code and text of the refusal; empty if the call succeeds."""
    try:
        dispatch.call(rt, caller, operation, request)
    except errors.ApiError as error:
        return error.code, error.message
    return "", ""
