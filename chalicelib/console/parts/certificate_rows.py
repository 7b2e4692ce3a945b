"""Certificates in lists: a row for each, with its state and the CA that issued it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.ca import state as ca_state
from chalicelib.console import severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.operations.search import Match
    from chalicelib.runtime import Runtime

STATES = severity.CERTIFICATE


class CertificateRow(NamedTuple):
    """A certificate in a list.

    Attributes:
        ca_id, ca_name: of the CA; the name of a CA that is gone is its id.
    """

    certificate: Match
    serial: str
    template: str
    state: tuple[str, str, str]
    ca_id: str
    ca_name: str = ""


def rows(certificates: Iterable[Match]) -> list[CertificateRow]:
    """A row for each certificate."""
    return [
        CertificateRow(
            certificate,
            arns.serial_hex(certificate.record.serial_number),
            arns.parse_template_arn(certificate.record.template_arn).name,
            STATES[certificate.state],
            certificate.record.ca_arn.rsplit("/", 1)[1],
        )
        for certificate in certificates
    ]


def with_names(rt: Runtime, certificates: Iterable[CertificateRow]) -> list[CertificateRow]:
    """The rows with the names of their CAs, each read once at most."""
    listed = list(certificates)
    names = {row.ca_id: _name(rt, row.certificate.record.ca_arn) for row in listed}
    return [row._replace(ca_name=names[row.ca_id]) for row in listed]


def _name(rt: Runtime, ca_arn: str) -> str:
    ca = rt.store.get_certificate_authority(ca_arn, cached=True)
    return ca_arn.rsplit("/", 1)[1] if ca is None else ca_state.name_of(ca)
