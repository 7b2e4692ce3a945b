"""Connections to the servers that respond to challenges, at addresses that were checked.

Of a name's addresses that may be reached, the first of IPv6 is tried, then the first of IPv4 (RFC 8305 has the order).
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from chalicelib import hosts
from chalicelib.acme.validation import resolving
from chalicelib.acme.validation.outcome import ChallengeError, failure_of

if TYPE_CHECKING:
    from chalicelib.acme.validation.outcome import Attempt, Vantage

_SECONDS = 3.0  # for one connection
_HTTP, _HTTPS, _DNS = 80, 443, 53


class Connection(NamedTuple):
    """An open socket, and what it is connected to in words."""

    sock: socket.socket
    place: str


def connect(host: str, port: int, attempt: Attempt) -> Connection:
    """Connect to a host name or IP address.

    Raises:
        ChallengeError: it has no address that may be reached, or none that answers.
    """
    known = [host] if hosts.is_literal(host) else resolving.addresses(host, attempt)
    allowed = [each for each in known if _may_reach(each, port, attempt)]
    if not allowed:
        raise ChallengeError("connection", f"{host} has no address that may be reached at port {port}")
    reasons = []
    for address in _one_of_each_family(allowed):
        place = f"{address} port {port}"
        try:
            sock = _open(address, port, attempt)
        except OSError as error:
            reasons.append(f"{place} {failure_of(error)}")
            attempt.note(reasons[-1])
        else:
            attempt.note(f"connected to {place}")
            return Connection(sock, place)
    raise ChallengeError("connection", ", and ".join(reasons))


def unverified_tls() -> ssl.SSLContext:
    """Return a client's context that accepts any certificate: a challenge proves nothing by a chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def loopback_ports(vantage: Vantage) -> frozenset[int]:
    """The ports at which this machine may be reached: those that are set for tests.

    A port is, if it is not the default; both are, if every resolver is on this machine at another port than 53.
    """
    ports = frozenset((vantage.http_port, vantage.tls_port))
    places = [urlsplit(f"//{each}") for each in vantage.resolvers]
    is_test = places and all(
        hosts.is_literal(place.hostname or "")
        and hosts.reach_of(place.hostname or "") == "loopback"
        and place.port != _DNS
        for place in places
    )
    return ports if is_test else ports - {_HTTP, _HTTPS}


def _may_reach(address: str, port: int, attempt: Attempt) -> bool:
    """Check an address, and note one that may not be reached."""
    reach, source = hosts.reach_of(address), attempt.vantage.source_address
    allowed = {
        "public": True,
        "private": attempt.vantage.private_networks,
        "loopback": port in loopback_ports(attempt.vantage),
        "never": False,
    }[reach]
    if not allowed:
        attempt.note(f"{address} may not be reached at port {port}")
    elif source and (":" in source) != (":" in address):
        attempt.note(f"{address} cannot be reached from {source}")
        return False
    return allowed


def _one_of_each_family(addresses: list[str]) -> list[str]:
    """Return the first IPv6 address and the first IPv4 address."""
    return [each for each in (next((a for a in addresses if (":" in a) is six), "") for six in (True, False)) if each]


def _open(address: str, port: int, attempt: Attempt) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if attempt.vantage.source_address:
            sock.bind((attempt.vantage.source_address, 0))
        sock.settimeout(min(_SECONDS, attempt.deadline.left()))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock
