"""What commands about access share: the option that names an account, and lengths of time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

option = click.option("--account-id", help="12 digits; default: SIGNET_ACCOUNT_ID.")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def account_of(rt: Runtime, account_id: str | None, *, hint: str = "--account-id") -> str:
    """Return the account that a command is about; raises `BadParameter` unless it is 12 digits."""
    account_id = account_id or rt.settings.account_id
    if re.fullmatch(r"[0-9]{12}", account_id, re.ASCII) is None:
        raise click.BadParameter("must be 12 digits", param_hint=hint)
    return account_id


class Duration(click.ParamType[timedelta]):
    """A length of time, such as 90d, 12h or 15m."""

    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the option's value."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value, re.ASCII)
        if match is None:
            self.fail(f"'{value}' is not a length of time such as 90d, 12h or 15m", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
