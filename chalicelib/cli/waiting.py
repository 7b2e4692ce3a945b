"""`signet status --wait`: until the server of a home answers and is healthy."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from chalicelib import runtime
from chalicelib.config import Settings, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30
_PAUSE_SECONDS, _ANSWER_SECONDS = 0.1, 5


def wait(seconds: int) -> None:
    """Wait until the server of this home is healthy; the home may be created meanwhile.

    Raises:
        SettingsError: there is no home in the end.
        ClickException: the server does not answer in time, is not healthy, or is another home's.
    """
    from chalicelib.cli.environment import endpoint

    deadline = time.monotonic() + seconds
    while True:
        settings = Settings.from_env()  # again each time: the server that starts may create the home
        missing = runtime.without_home(settings)
        reason = missing or _reason_to_wait(endpoint(settings), settings.data_path)
        if not reason:
            return
        if time.monotonic() > deadline:
            raise SettingsError(missing) if missing else click.ClickException(f"{reason} Waited {seconds} seconds.")
        time.sleep(_PAUSE_SECONDS)


def _reason_to_wait(address: str, data: Path) -> str:
    """Say what is not as it should be, in one sentence; empty if the server of this home is healthy."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{address}/healthz", timeout=_ANSWER_SECONDS):  # noqa: S310  Signet's own address
            pass
    except HTTPError as error:
        failing = json.loads(error.read())["failing"] if error.code == 503 else []
        return f"The server at {address} is not healthy: {', '.join(failing) or error.code}."
    except (OSError, HTTPException):
        return f"Nothing answers at {address}."
    from chalicelib.local import server  # only who waits imports it

    return "" if server.is_served(data) else f"The server at {address} is not that of {data}."
