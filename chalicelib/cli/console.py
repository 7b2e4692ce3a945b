"""`signet console`: open the console in a browser, signed in."""

from __future__ import annotations

import webbrowser
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import click

from chalicelib import runtime
from chalicelib.access import access_keys
from chalicelib.cli.environment import endpoint
from chalicelib.cli.recorded import recording_it
from chalicelib.console import sessions

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

_SECONDS = 5


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the link, without opening a browser.")
def console(*, no_browser: bool) -> None:
    """Open the console in a browser, signed in by a link.

    The link works once, within a minute, and only with `signet serve` on this machine.
    """
    rt = runtime.from_env()
    if rt.settings.state != "sqlite":
        raise click.ClickException("Links work only on a laptop (SIGNET_STATE=sqlite): sign in with an access key.")
    address = endpoint(rt.settings)
    try:
        with urlopen(f"{address}/healthz", timeout=_SECONDS):  # noqa: S310  Signet's own address
            pass
    except HTTPError:
        pass  # it is there, and `signet status` says what fails
    except (OSError, HTTPException) as error:
        raise click.ClickException(f"Nothing answers at {address}: start Signet with `signet serve`.") from error
    link = make_link(rt)
    click.echo(link)
    if not no_browser:
        webbrowser.open(link)


def make_link(rt: Runtime) -> str:
    """A link that signs in as the administrator, once and within a minute; recorded before it exists.

    Raises:
        AuditError: it cannot be recorded.
        ClickException: there is no key to sign in with.
    """
    key = rt.store.get_access_key(access_keys.ensure_root_key(rt).access_key_id)
    if key is None:
        raise click.ClickException("The root access key was just deleted; try again.")
    with recording_it(rt, "CreateConsoleLink", key.account_id, {"accessKeyId": key.access_key_id}):
        return f"{endpoint(rt.settings)}/console/link?once={sessions.make_link(rt, key)}"
