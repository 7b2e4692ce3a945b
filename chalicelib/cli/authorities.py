"""The option that names a CA, for commands that use one: by its ARN, its id or its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chalicelib import arn as arns
from chalicelib.ca import iterate, state
from chalicelib.pki.x509 import keys, names
from chalicelib.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

option = click.option("--ca", "ca_name", metavar="CA", help="ARN, id or name of the CA; default: the only one.")

_MOST_LISTED = 20


def chosen(rt: Runtime, account_id: str, name: str | None) -> CertificateAuthority:
    """Find the CA of an account that a command names, or the only one that can issue certificates.

    Raises:
        ClickException: there is none, or more than one.
    """
    if name is not None:
        return named(rt, account_id, name)
    fitting = issuing(rt, iterate.of_account(rt, account_id))
    return only(fitting, "No CA of this home can issue certificates yet.", "More than one CA can issue certificates.")


def named(rt: Runtime, account_id: str, name: str) -> CertificateAuthority:
    """Find the CA of an account by its ARN, its id or its name; raises as `chosen`."""
    fitting = [ca for ca in iterate.of_account(rt, account_id) if name in _names_of(ca)]
    shown = f"'{printable(name)}'"
    return only(fitting, f"No CA of this home is called {shown}.", f"More than one CA is called {shown}.")


def only(fitting: Sequence[CertificateAuthority], none: str, several: str) -> CertificateAuthority:
    """The only CA of a list; raises `ClickException` with the sentence about none or several of them."""
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise click.ClickException(f"{none} `signet status` lists the CAs, and `signet console` makes one.")
    listed = "\n".join(f"  {printable(state.name_of(ca))}  {ca.arn}" for ca in fitting[:_MOST_LISTED])
    raise click.ClickException(f"{several} Choose one with --ca:\n{listed}")


def issuing(rt: Runtime, authorities: Iterable[CertificateAuthority]) -> list[CertificateAuthority]:
    """The ACTIVE CAs, without those that are above another one: their certificates are for CAs."""
    active = [ca for ca in authorities if state.status_of(ca, rt.now()) == "ACTIVE"]
    above = {keys.key_sha256(key) for ca in active for key in state.issuer_of(ca).keys_above}
    return [ca for ca in active if keys.key_sha256(state.issuer_of(ca).public_key) not in above]


def _names_of(ca: CertificateAuthority) -> set[str]:
    common_name = names.common_name(names.encode_subject(ca.configuration["Subject"]))
    return {ca.arn, arns.parse_ca_arn(ca.arn).ca_id, state.name_of(ca), *filter(None, [common_name])}
