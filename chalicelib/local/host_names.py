"""The host names under which the API and the console answer.

A page of a stranger's host whose name leads to this machine (DNS rebinding) asks under that name: it gets nothing.
CRLs and OCSP are for everybody, under whatever name their owner gives them.

Source: RFC 9110 sections 7.2 and 15.5.20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib import hosts as host_grammar

if TYPE_CHECKING:
    from chalicelib.config import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
ANY = "*"


def names_of(settings: Settings) -> frozenset[str]:
    """List the names: those of loopback, of the public URL, the server's addresses, and those that settings add."""
    addresses = (settings.reached_at, settings.tls_reached_at)
    own = (urlsplit(settings.public_url).hostname, *addresses, *settings.host_names, *settings.tls_host_names)
    return LOOPBACK | {f"[{name.lower()}]" if ":" in name else name.lower() for name in own if name}


def is_named(names: frozenset[str], hosts: list[str]) -> bool:
    """Return whether a request, with these Host headers, was sent to one of the names, at any port."""
    if len(hosts) != 1 or (name := host_grammar.of_authority(hosts[0])) is None:
        return False
    return ANY in names or name in names
