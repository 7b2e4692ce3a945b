"""DNS look-ups of addresses and TXT records, by the recursive resolvers that the owner chose.

A query goes to each resolver in turn, and is repeated once without EDNS for those that do not know it (RFC 6891 section
6.2.2). An answer that does not fit into UDP is asked for by TCP. Aliases are followed where the resolver has not done
it. The AD bit of a query asks whether the resolver has verified DNSSEC (RFC 6840 section 5.7).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from chalicelib import fetching, hosts
from chalicelib.acme.validation.outcome import ChallengeError, failure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.acme.validation.outcome import Attempt

_SECONDS = 2.0  # for one query
_PAYLOAD = 1232  # DNS Flag Day 2020: no fragments
_MOST_RESOLVERS = 3
_MOST_ALIASES = 8  # that the resolver has left to the client
_MOST_ADDRESSES = 16
_ANSWERS = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_REASONS = {"SERVFAIL": "its DNSSEC is broken, or its name servers do not answer", "REFUSED": "it refuses to answer"}


class _Server(NamedTuple):
    host: str
    port: int
    source: str | None

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)


def host_and_port(host: str, port: int) -> str:
    """Write an address and a port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def addresses(name: str, attempt: Attempt) -> list[str]:
    """Return the addresses of a name, those of IPv6 first.

    Raises:
        ChallengeError: there is none.
    """
    found: list[str] = []
    problem = ChallengeError("dns", f"{name} has no address in the DNS")
    for kind in ("AAAA", "A"):
        try:
            found += [record.address for record in islice(_records(name, kind, attempt), _MOST_ADDRESSES)]
        except ChallengeError as error:
            problem = error
    if not found:
        raise problem
    return found


def texts(name: str, attempt: Attempt) -> list[bytes]:
    """Return the TXT records of a name, the character-strings of each joined.

    Raises:
        ChallengeError: no resolver gives them.
    """
    return [b"".join(record.strings) for record in _records(name, "TXT", attempt)]


def _records(name: str, kind: str, attempt: Attempt) -> Sequence[Any]:
    try:
        asked = dns.name.from_text(f"{name.removesuffix('.')}.")
    except (dns.exception.DNSException, UnicodeError):
        raise ChallengeError("dns", f"{name} is not a DNS name") from None
    for _ in range(_MOST_ALIASES + 1):
        response, server = _response(asked, kind, attempt)
        try:
            chain = response.resolve_chaining()
        except dns.exception.DNSException:  # a loop, or an answer to another question
            raise ChallengeError("dns", f"{name} has too many aliases, or {server} contradicts itself") from None
        answer = list(chain.answer or ())
        attempt.note(f"asked {server} for {kind} of {asked}: {_summary(response, answer, chain.canonical_name, asked)}")
        if response.rcode() == dns.rcode.NXDOMAIN:
            raise ChallengeError("dns", f"{chain.canonical_name} does not exist (NXDOMAIN)")
        if answer or chain.canonical_name == asked:
            return answer
        asked = chain.canonical_name
    raise ChallengeError("dns", f"{name} has too many aliases")


def _summary(response: dns.message.Message, answer: Sequence[Any], canonical: dns.name.Name, asked: object) -> str:
    alias = f", by the alias {canonical}" if canonical != asked else ""
    verified = ", verified by DNSSEC" if response.flags & dns.flags.AD else ""
    count = {0: "no records", 1: "1 record"}.get(len(answer), f"{len(answer)} records")
    return ("NXDOMAIN" if response.rcode() == dns.rcode.NXDOMAIN else count) + alias + verified


def _response(name: dns.name.Name, kind: str, attempt: Attempt) -> tuple[dns.message.QueryMessage, _Server]:
    """Ask each resolver until one answers."""
    reason = "no DNS server is known"
    for edns in (0, False):
        for server in _servers(attempt):
            attempt.count_query()
            query = dns.message.make_query(
                name, kind, use_edns=edns, payload=_PAYLOAD,
                flags=dns.flags.RD | dns.flags.AD,
            )  # fmt: skip
            try:
                response = _exchange(query, server, attempt)
            except dns.exception.Timeout:
                reason = f"{server} did not answer in time"
            except (dns.exception.DNSException, EOFError):
                reason = f"{server} gave a malformed answer"
            except OSError as error:
                reason = f"{server} {failure_of(error)}"
            else:
                if response.rcode() in _ANSWERS:
                    return response, server
                reason = f"{server} answered {_refusal(response)}"
            reason += f" when asked for {kind} of {name}"
            attempt.note(reason)
    raise ChallengeError("dns", reason)


def _exchange(query: dns.message.Message, server: _Server, attempt: Attempt) -> dns.message.QueryMessage:
    """Ask by UDP, then by TCP if the answer is truncated."""
    where: dict[str, Any] = {"where": server.host, "port": server.port, "source": server.source}
    try:
        response = dns.query.udp(
            query, **where, timeout=min(_SECONDS, attempt.deadline.left()),
            ignore_unexpected=True, ignore_errors=True, raise_on_truncation=True,
        )  # fmt: skip
    except dns.message.Truncated:
        response = dns.query.tcp(query, **where, timeout=min(_SECONDS, attempt.deadline.left()))
    if not isinstance(response, dns.message.QueryMessage):
        raise dns.query.BadResponse
    return response


def _refusal(response: dns.message.Message) -> str:
    """Return the response code, its meaning and the resolver's extended errors (RFC 8914), by registered names only."""
    code = dns.rcode.to_text(response.rcode())
    more = [f"extended error {int(option.code)}" for option in islice(response.extended_errors(), 3)]
    reasons = [_REASONS[code]] if code in _REASONS else []
    return f"{code} ({', '.join(reasons + more)})" if reasons or more else code


def _servers(attempt: Attempt) -> list[_Server]:
    """The resolvers, each with the source address if it can be reached from there."""
    named = attempt.vantage.resolvers or _of_the_system()
    places = [urlsplit(f"//{each}") for each in named[:_MOST_RESOLVERS]]
    found = [(address, place.port or 53) for place in places if (address := _address(place.hostname or "", attempt))]
    return [_Server(host, port, _source(host, attempt)) for host, port in found]


def _of_the_system() -> tuple[str, ...]:
    try:
        resolver = dns.resolver.Resolver()
    except dns.exception.DNSException:
        return ()
    return tuple(host_and_port(str(each), resolver.port) for each in resolver.nameservers)


def _address(host: str, attempt: Attempt) -> str:
    """The address of a resolver; empty if the system does not know it."""
    if hosts.is_literal(host):
        return host
    try:
        _, address = fetching.resolved(host, 53, attempt.deadline)[0]
    except OSError:
        return ""
    return str(address[0])


def _source(host: str, attempt: Attempt) -> str | None:
    source = attempt.vantage.source_address
    same_family = (":" in source) == (":" in host)
    return source if source and same_family and hosts.reach_of(host) != "loopback" else None
