"""Challenges to validate, the settings for it, and the outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.fetching import Deadline

if TYPE_CHECKING:
    from chalicelib.config import Settings

_SECONDS = 10
_MOST_QUERIES = 60


class Vantage(NamedTuple):
    """The settings of validation: resolvers, source address, networks and ports.

    Attributes:
        resolvers: DNS servers as `host:port`; none: the system's.
        source_address: of this machine, for all connections; empty: the system chooses.
        private_networks: whether these may be reached.
        http_port: at which http-01 begins.
        tls_port: of tls-alpn-01.
    """

    resolvers: tuple[str, ...]
    source_address: str
    private_networks: bool
    http_port: int = 80
    tls_port: int = 443


class Challenge(NamedTuple):
    """A challenge whose client says that it has responded.

    Attributes:
        kind: `http-01`, `dns-01` or `tls-alpn-01`.
        identifier_type: `dns` or `ip`.
        value: an A-label name without `*.`, or an IP address in its canonical form.
        token: of the challenge.
        key_authorization: the token and the thumbprint of the account's key (RFC 8555 section 8.1).
    """

    kind: str
    identifier_type: str
    value: str
    token: str
    key_authorization: str


class Outcome(NamedTuple):
    """How a validation ended.

    Attributes:
        valid: whether the client controls the identifier.
        problem: empty, or an error type of RFC 8555 section 6.7 without its prefix.
        detail: one sentence for the client and the owner.
        steps: each attempt in words. Neither they nor the sentence contain anything of a body or a TXT record.
    """

    valid: bool
    problem: str
    detail: str
    steps: tuple[str, ...]


class ChallengeError(Exception):
    """The challenge is not fulfilled.

    Args:
        problem: an error type of RFC 8555 section 6.7 without its prefix.
        reason: what follows "http-01 for a.example.com:", without a full stop.
    """

    def __init__(self, problem: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem


class Attempt:
    """A validation in progress: what it may do, its deadline, and its steps so far."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage, self.deadline = vantage, Deadline(_SECONDS)
        self.steps: list[str] = []
        self._queries = 0

    def note(self, step: str) -> None:
        """Add a step."""
        self.steps.append(step)

    def count_query(self) -> None:
        """Count a query to a DNS server.

        Raises:
            ChallengeError: there were too many, or the time is over.
        """
        self._queries += 1
        if self._queries > _MOST_QUERIES:
            raise ChallengeError("dns", f"it takes more than {_MOST_QUERIES} DNS queries")
        if self.deadline.seconds <= 0:
            raise ChallengeError("dns", "the DNS did not answer in time")


def vantage(settings: Settings) -> Vantage:
    """Return what the settings say."""
    return Vantage(
        settings.acme_resolvers,
        settings.acme_source_address,
        settings.validates_private_networks,
        int(settings.acme_http_port),
        int(settings.acme_tls_port),
    )


def failure_of(error: OSError) -> str:
    """Say why there is no connection or no answer, in words that follow its address."""
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, ConnectionError):
        return "closed the connection"
    return f"could not be reached ({error.strerror or type(error).__name__})"


def challenge_kinds(identifier_type: str, wildcard: bool) -> tuple[str, ...]:  # noqa: FBT001  RFC 8555's own word
    """Return the kinds of challenges by which an identifier can be validated (RFC 8555, 8737 and 8738)."""
    if identifier_type == "ip":
        return ("http-01", "tls-alpn-01")
    return ("dns-01",) if wildcard else ("http-01", "dns-01", "tls-alpn-01")
