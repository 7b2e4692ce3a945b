"""Host names and the addresses behind them: what is a name and no address in any spelling, and which may be reached.

Source: RFC 1123 section 2.1; WHATWG URL, "ends in a number" and "IPv4 parser"; IANA's registries of special-purpose
addresses for IPv4 and IPv6 (RFC 6890); RFC 6052, RFC 3056, RFC 4380 and RFC 5214 for IPv4 addresses within IPv6 ones.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

Reach = Literal["public", "private", "loopback", "never"]

# Letters, digits and hyphens as RFC 1034 has them, and the underscore that private names use.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253}?)\.?(?::[0-9]{1,5})?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # what IDNA reads as a dot (UTS #46)


def is_host_name(text: str) -> bool:
    """Return whether this is a host name, with or without its final dot, that nobody reads as an address."""
    return _NAME.fullmatch(text) is not None and not ends_in_number(text)


def of_authority(text: str) -> str | None:
    """Return the host of a Host header in lower case, without port and final dot; None if it is malformed.

    Source: RFC 9110 section 7.2; RFC 3986 section 3.2.2.
    """
    match = _AUTHORITY.fullmatch(text.lower())
    return match and match[1]


def is_literal(text: str) -> bool:
    """Return whether a text is an IP address, which needs no resolver."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def ends_in_number(text: str) -> bool:
    """Return whether a name is an address to browsers, or none at all: its last label is a number, as in `0x7f.1`."""
    last = text.removesuffix(".").rpartition(".")[2]
    if last[:4].lower() == "xn--":
        try:
            last = unicodedata.normalize("NFKC", last[4:].encode("ascii").decode("punycode"))
        except (UnicodeError, ValueError, OverflowError):
            return False
        last = _DOTS.split(last)[-1]
    return _NUMBER.fullmatch(last) is not None


def network_of(source: str) -> str:
    """Return the network of one subscriber: an IPv4 address, or 64 bits of IPv6 (RFC 6177); other text is unchanged."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


# Where nobody is sent: metadata services by their addresses, and what is no single host's.
_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.100.100.200/32",  # Alibaba Cloud's metadata
            "168.63.129.16/32",  # Azure's
            "169.254.0.0/16",  # link-local, and most clouds' metadata
            "192.0.0.0/24",  # IETF protocol assignments; Oracle Cloud's metadata is 192.0.0.192
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/127",  # unspecified and loopback; the second is told apart before
            "100::/64",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fd00:ec2::/32",  # AWS's metadata
            "fd20:ce::/64",  # Google Cloud's
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PRIVATE = tuple(
    map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "fc00::/7"))
)
_GLOBAL_IPV6 = ip_network("2000::/3")
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")


def reach_of(address: str) -> Reach:
    """Say how far an IP address lies; an IPv6 address that holds an IPv4 address lies no nearer than that.

    The library's own `is_private` and `is_global` have changed with its releases (CVE-2024-4032), so this is a table.
    """
    found = ip_address(address.partition("%")[0])
    reaches = {_reach(found), *(_reach(inner) for inner in embedded(found))}
    return next(reach for reach in _NEAREST_FIRST if reach in reaches)


_NEAREST_FIRST: tuple[Reach, ...] = ("never", "loopback", "private", "public")


def _reach(address: IPv4Address | IPv6Address) -> Reach:
    if any(address in network for network in _LOOPBACK):
        return "loopback"
    if any(address in network for network in _NEVER):
        return "never"
    if any(address in network for network in _PRIVATE):
        return "private"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6 and not embedded(address):
        return "never"
    return "public"


def embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that a tunnel or a translator may take an IPv6 address for."""
    if isinstance(address, IPv4Address):
        return []
    packed, found = address.packed, []
    if address.ipv4_mapped:
        found.append(address.ipv4_mapped)
    if packed[:12] == bytes(12) and int(address) > 1:  # IPv4-compatible
        found.append(IPv4Address(packed[12:]))
    if any(address in network for network in _NAT64):
        found.append(IPv4Address(packed[12:]))
    if packed[:2] == b"\x20\x02":  # 6to4
        found.append(IPv4Address(packed[2:6]))
    if packed[:4] == b"\x20\x01\x00\x00":  # Teredo: its server, and its client with all bits turned
        found += [IPv4Address(packed[4:8]), IPv4Address(bytes(octet ^ 0xFF for octet in packed[12:]))]
    if packed[8:12] in _ISATAP:
        found.append(IPv4Address(packed[12:]))
    return found
