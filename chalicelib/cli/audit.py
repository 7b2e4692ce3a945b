"""`signet audit`: who did what, and whether the record of it is as it was written."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib import runtime
from chalicelib.audit import events, json_files, search
from chalicelib.cli import accounts
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.audit import Found
    from chalicelib.audit.chain import Verdict
    from chalicelib.runtime import Runtime

_FOLLOWING_SECONDS = 1.0
_HEAD = re.compile(r"([0-9]{1,12}):([0-9a-f]{64})", re.ASCII)


class Moment(click.ParamType[datetime]):
    """A time with a time zone, a date in UTC, or how long ago, such as 12h."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read the option's value."""
        if isinstance(value, datetime):
            return value
        if re.fullmatch(r"[1-9][0-9]{0,4}[mhd]", value, re.ASCII):
            ago: timedelta = accounts.Duration().convert(value, param, ctx)
            return runtime.system_clock() - ago
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is not a time such as 2030-01-31, 2030-01-31T12:00:00Z or 12h", param, ctx)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


@click.group()
def audit() -> None:
    """The audit record: who did what."""


@audit.command()
@click.option("-n", "number", type=click.IntRange(0, 100_000), default=20, show_default=True, help="How many calls.")
@click.option("-f", "follow", is_flag=True, help="Show new calls until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Whole records, one on a line.")
@accounts.option
def tail(number: int, account_id: str | None, *, follow: bool, as_json: bool) -> None:
    """Show the last calls of an account, the newest last."""
    rt = runtime.from_env()
    account = accounts.account_of(rt, account_id)
    last = ""
    while True:
        new = list(islice(_since(rt, account, last), None if last else max(number, 1)))
        for found in reversed(new[:number] if not last else new):
            _show(found.record, as_json=as_json)
        last = new[0].position if new else last
        if not follow:
            return
        time.sleep(_FOLLOWING_SECONDS)


def _since(rt: Runtime, account: str, last: str) -> Iterator[Found]:
    """Yield the calls after a position, the newest first."""
    newer = takewhile(lambda found: found.position != last, rt.audit.newest(account, now=rt.now()))
    return search.calls(newer)


@audit.command("search")
@click.option("--principal", default="", help="Name or ARN of a principal, or an access key id.")
@click.option("--operation", default="", help="Such as IssueCertificate.")
@click.option("--ca", default="", help="ARN or id of a CA.")
@click.option("--serial", default="", help="Serial number of a certificate, in hex.")
@click.option("--outcome", default="", type=click.Choice(["", *search.OUTCOMES]), help="How the call ended.")
@click.option(
    "--since", type=Moment(), help="From a time on: 2030-01-31, 2030-01-31T12:00:00Z, or 12h for the last 12 hours."
)
@click.option("--until", type=Moment(), help="Before a time.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="How many calls at most."
)
@click.option("--json", "as_json", is_flag=True, help="Whole records, one on a line.")
@accounts.option
def search_(  # noqa: PLR0917  click gives one argument for each option
    principal: str,
    operation: str,
    ca: str,
    serial: str,
    outcome: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    account_id: str | None,
    *,
    as_json: bool,
) -> None:
    """Show the calls of an account that fit every option, the newest first."""
    rt = runtime.from_env()
    digits = serial.replace(":", "").lower()
    filters = search.Filters(principal, operation, ca, digits and digits.rjust(32, "0"), outcome, since, until)
    newest = rt.audit.newest(accounts.account_of(rt, account_id), now=rt.now())
    if since is not None:
        begin = events.time_text(since - timedelta(minutes=15))  # clocks of processes differ
        newest = takewhile(lambda found: found.record["eventTime"] >= begin, newest)
    for found in islice((each for each in search.calls(newest) if filters.fit(each.record)), limit):
        _show(found.record, as_json=as_json)


def _show(record: dict[str, Any], *, as_json: bool) -> None:
    click.echo(json.dumps(record, separators=(",", ":")) if as_json else printable(" ".join(_words(record))))


def _words(record: dict[str, Any]) -> Iterator[str]:
    identity, details = record.get("userIdentity") or {}, record.get("additionalEventData") or {}
    yield str(record["eventTime"])[:19] + "Z"
    yield search.outcome_of(record) + (f" ({record['errorCode']})" if "errorCode" in record else "")
    yield str(record["eventName"])
    yield f"by {identity.get('userName') or identity.get('type', '?')}"
    if "accessKeyId" in identity:
        yield str(identity["accessKeyId"])
    yield f"from {record.get('sourceIPAddress') or '?'} by {details.get('channel', '?')}"
    yield from (str(resource.get("ARN")) for resource in (record.get("resources") or ())[-1:])


@audit.command()
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--public-key", help="64 hex digits, for a copy of another home's files; default: this home's key.")
@click.option("--head", help="SEQUENCE:SHA256 that you noted elsewhere; the record has to contain it.")
def verify(path: Path | None, public_key: str | None, head: str | None) -> None:
    """Verify that no record was removed, changed, moved or added; exit code 1 names the first bad one.

    PATH is a copy of the directory `audit` of a laptop home; by default this home's record is verified.
    """
    verdict = _verdict(path, public_key, _noted(head))
    for note in verdict.notes:
        click.echo(note)
    for problem in verdict.problems:
        click.echo(printable(problem), err=True)
    if verdict.problems:
        sys.exit(1)
    click.echo(f"{verdict.records} records are as they were written.")
    for link in verdict.heads:
        click.echo(f"chain {link.chain}, head {link.sequence}:{link.sha256}")


def _noted(head: str | None) -> tuple[int, str] | None:
    match = _HEAD.fullmatch(head) if head else None
    if head and match is None:
        raise click.BadParameter("must be a sequence number and 64 hex digits, with ':' between", param_hint="--head")
    return (int(match[1]), match[2]) if match else None


def _verdict(path: Path | None, public_key: str | None, noted: tuple[int, str] | None) -> Verdict:
    if path is not None:  # with the key of another home, this needs none
        key = runtime.from_env().audit.public_key if public_key is None else _key(public_key)
        return json_files.verify(path, key, noted=noted)
    if public_key is not None:
        raise click.UsageError("--public-key needs PATH.")
    rt = runtime.from_env()
    return rt.audit.verify(rt.now(), noted)


def _key(text: str) -> bytes:
    if re.fullmatch(r"[0-9a-f]{64}", text, re.ASCII) is None:
        raise click.BadParameter("must be 64 hex digits", param_hint="--public-key")
    return bytes.fromhex(text)


@audit.command("key")
def key_() -> None:
    """Print the public key that verifies the record: keep it with your copies."""
    click.echo(runtime.from_env().audit.public_key.hex())
