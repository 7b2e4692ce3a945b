"""`signet trust`: make the programs of this machine trust a root, and undo that."""

from __future__ import annotations

import hashlib
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib import runtime
from chalicelib.ca import iterate, listener, state
from chalicelib.cli import accounts, authorities, trust_stores
from chalicelib.cli.recorded import recorded
from chalicelib.cli.status import table
from chalicelib.pki.asn1 import pem
from chalicelib.pki.x509 import names
from chalicelib.pki.x509.display_extensions import colons
from chalicelib.pki.x509.reading import parse_certificate
from chalicelib.printable import printable
from chalicelib.trust import Root

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime
    from chalicelib.trust import Store, Words

_TRUSTED = "Programs that use these stores will accept every certificate of this root and of the CAs below it."
_NOT_TRUSTED = "Programs will refuse its certificates."


@click.group()
def trust() -> None:
    """Trust in the roots of this home: by the system, by browsers and by Java on this machine."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose a root and stores, and those about consent."""
    directory = click.Path(exists=True, file_okay=False, path_type=Path)
    kinds = click.Choice(trust_stores.KINDS)
    for option in (
        accounts.option,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--print", "only_print", is_flag=True, help="Print the commands without running them."),
        click.option("--nss", "databases", type=directory, multiple=True, help="A further NSS database; repeatable."),
        click.option("--store", "kinds", type=kinds, multiple=True, help="Default: all of this machine; repeatable."),
        _listener_option,
        _ca_option,
    ):
        command = option(command)
    return command


_listener_option = click.option(
    "--listener", "is_listener", is_flag=True, help="The root of this home's own https, SIGNET_TLS_PORT."
)
_ca_option = click.option("--ca", "ca_name", metavar="CA", help="A CA below the root, or the root: ARN, id or name.")


@trust.command()
@_options
@recorded("InstallTrust", "ca_name", "is_listener", "kinds")
def install(**options: Any) -> None:
    """Make this machine trust a root: shows the commands, and asks before it runs them."""
    _change(lambda store: store.install, _TRUSTED, until=True, **options)


@trust.command()
@_options
@recorded("RemoveTrust", "ca_name", "is_listener", "kinds")
def remove(**options: Any) -> None:
    """Undo `signet trust install`: shows the commands, and asks before it runs them."""
    _change(lambda store: store.remove, _NOT_TRUSTED, until=False, **options)


@trust.command("list")
@_ca_option
@_listener_option
@accounts.option
def list_(*, ca_name: str | None, is_listener: bool, account_id: str | None) -> None:
    """Show which stores of this machine have a root."""
    root = _root(ca_name, account_id, is_listener=is_listener)
    places = trust_stores.on_this_machine((), ())
    words = {True: "trusted", False: "not trusted", None: "unknown: this store cannot be read"}
    click.echo(_described(root))
    click.echo(table(("Store", "Root"), [(place.title, words[place.holds(root)]) for place in places]))


@trust.command("root")
@_ca_option
@_listener_option
@accounts.option
def root_(*, ca_name: str | None, is_listener: bool, account_id: str | None) -> None:
    """Print the certificate of a root in PEM; that of the TLS listener, if this home has one and no CA is named."""
    is_listener = is_listener or (
        ca_name is None and account_id is None and _of_listener(runtime.from_env()) is not None
    )
    click.echo(pem.encode(_root(ca_name, account_id, is_listener=is_listener).der))


def _of_listener(rt: Runtime) -> bytes | None:
    """The root that clients of SIGNET_TLS_PORT have to trust; None: it has never been served."""
    identity = listener.read(rt.settings)
    return None if identity is None else pem.blocks(identity.root.encode())[0][1]


def _root(ca_name: str | None, account_id: str | None, *, is_listener: bool) -> Root:
    """The root of the TLS listener, the root above a CA, or the only root of the home's CAs.

    Raises:
        ClickException: there is none, or more than one.
    """
    rt = runtime.from_env()
    if is_listener:
        if ca_name is not None:
            raise click.UsageError("Give --ca or --listener, not both.")
        der = _of_listener(rt)
        if der is None:
            raise click.ClickException("There is no TLS listener yet: `SIGNET_TLS_PORT=8443 signet serve` makes one.")
        return Root(der)
    account = accounts.account_of(rt, account_id)
    if ca_name is not None:
        top = _top(authorities.named(rt, account, ca_name))
    else:
        active = [ca for ca in iterate.of_account(rt, account) if state.status_of(ca, rt.now()) == "ACTIVE"]
        by_root = {_top(ca): ca for ca in active}
        several = "The CAs of this home have more than one root."
        top = _top(authorities.only(list(by_root.values()), "No CA of this home is active yet.", several))
    if not top or not parse_certificate(top).is_self_issued:
        raise click.ClickException("The CA has no certificate yet, or its chain ends below the root.")
    return Root(top)


def _top(ca: CertificateAuthority) -> bytes:
    """The last certificate of a CA's chain; empty if it has none."""
    return (ca.certificate_der or b"", *ca.chain_der)[-1]


def _change(
    templates: Callable[[Store], Sequence[Words]],
    meaning: str,
    *,
    until: bool,
    ca_name: str | None,
    is_listener: bool,
    account_id: str | None,
    kinds: tuple[str, ...],
    databases: tuple[Path, ...],
    only_print: bool,
    yes: bool,
) -> None:
    """Show the commands of each store, ask, and run them, until each trusts the root, or none does.

    Raises:
        ClickException: nobody agrees, or a command fails.
    """
    root = _root(ca_name, account_id, is_listener=is_listener)
    places = trust_stores.on_this_machine(kinds, databases)
    changes = [(place, templates(place.store)) for place in places if place.holds(root) is not until]
    click.echo(_described(root))
    if not changes:
        click.echo("Nothing has to change in the stores of this machine.")
        return
    with tempfile.TemporaryDirectory() as directory:
        file = f"{root.label}.pem" if only_print else str(Path(directory, f"{root.label}.pem"))
        commands = [(place.title, place.commands(words, root, file)) for place, words in changes]
        for title, lines in commands:
            click.echo("\n".join((f"# {title}", *map(shlex.join, lines))))
        if only_print:
            click.echo(f"{root.label}.pem is what `signet trust root` prints.", err=True)
            return
        _agree(meaning, yes=yes)
        Path(file).write_text(pem.encode(root.der) + "\n")
        for title, lines in commands:
            trust_stores.run_all(lines)
            click.echo(f"{title}: done")


def _described(root: Root) -> str:
    certificate = parse_certificate(root.der)
    spelled = colons(hashlib.sha256(root.der).digest())
    subject = printable(names.rfc2253(certificate.subject_der))
    return f"Root {subject}, until {certificate.not_after:%Y-%m-%d}, SHA-256\n  {spelled}"


def _agree(meaning: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for consent: use --yes, or --print to see the commands.")
    click.confirm(f"{meaning} Run these commands?", abort=True)
