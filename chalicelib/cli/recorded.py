"""Commands that change or reveal something are recorded: who ran them on this machine, and what they were about."""

from __future__ import annotations

import functools
import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib import recording, runtime
from chalicelib.audit import events, notes, parameters
from chalicelib.cli import accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chalicelib.runtime import Runtime


def recorded(name: str, *shown: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Record a command under a name, with the values of these options.

    The command fails with `AuditError` if it cannot be recorded.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**options: Any) -> None:
            rt = runtime.from_env()
            account_id = accounts.account_of(rt, options.get("account_id"))
            given = (option for option in shown if options.get(option) or options.get(option) == "")
            values = {option: _shown(options[option]) for option in given}
            code: SystemExit | None = None
            with recording_it(rt, name, account_id, values):
                try:
                    command(**options)
                except SystemExit as error:  # the command has done its work, and says how
                    code = error
            if code is not None:
                raise code

        return run

    return decorate


@contextmanager
def recording_it(rt: Runtime, name: str, account_id: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Record what is done inside; raises `AuditError` if it cannot be recorded."""
    actor = events.Actor("OperatingSystemUser", account_id, name=_user())
    with notes.arriving(notes.Origin("cli")), recording.recorded(rt, name, actor) as entry:
        entry.begin(values, [])
        yield
    rt.audit.publish()


def _shown(value: Any) -> Any:
    return [parameters.bounded(each) for each in value] if isinstance(value, tuple) else parameters.bounded(value)


def _user() -> str:
    """Return the name of whoever runs the command, or the number of the user without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
