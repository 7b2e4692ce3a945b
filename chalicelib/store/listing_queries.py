"""Part of the store port: lists of certificates by time and by name, from indexes that may lag behind writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.records import Certificate
    from chalicelib.store import Span

Time = Literal["issued", "expires", "revoked"]


class Period(NamedTuple):
    """The certificates of an account or of a CA one of whose times is in a period.

    Attributes:
        scope: the id of the account, or the ARN of the CA.
        kind: the time; "issued" is that of the reservation.
        begins, ends: the period, from its begin to before its end; None: without a bound.
    """

    scope: str
    kind: Time
    begins: datetime | None = None
    ends: datetime | None = None


class Entry(NamedTuple):
    """An entry of an index, which leads to a certificate.

    Attributes:
        position: orders the entries of a list.
        time: of the index, or of the reservation in lists by name; microseconds since 1970 in 20 digits.
        value: the name, as `search_value` makes it; empty in lists by time.
    """

    position: str
    ca_id: str
    serial: str
    time: str
    value: str = ""


class ListingQueries(Protocol):
    """Lists of certificates; records written before their index existed are missing."""

    def entries_by_time(self, period: Period, *, beyond: str = "", backwards: bool = False, limit: int) -> list[Entry]:
        """Return up to `limit` certificates of a period in the order of time, from behind the position `beyond` on.

        Args:
            period: the certificates.
            beyond: a position; empty: from the beginning, or from the end.
            backwards: begin with the last one.
            limit: of the answer; as many entries are read of each of 4 or 16 partitions.
        """
        ...

    def count_by_time(self, period: Period, *, most: int | None = None) -> tuple[int, bool]:
        """Count the certificates of a period, reservations that FAILED among them.

        Args:
            period: the certificates.
            most: stop counting there, or soon after; None: at 100,000.

        Returns:
            the number, and whether it is exact; otherwise there are more.
        """
        ...

    def list_authority_ids(self, account_id: str) -> list[str]:
        """Return the ids of the CAs of an account, at most 10,000, in order; DELETED ones among them."""
        ...

    def count_failed(self, ca_arns: Sequence[str]) -> int:
        """Count the certificates of some CAs that FAILED, at most of `most_searched` CAs."""
        ...

    def entries_by_name(self, ca_arns: Sequence[str], span: Span, *, beyond: str = "", limit: int) -> list[Entry]:
        """Return up to `limit` entries of some CAs by a value in a span of "san" or "subject", in the order of values.

        A certificate has an entry for each of its names. `beyond` is a position, behind which the answer begins.
        """
        ...

    def entries_ending(
        self, ca_arn: str, kind: Literal["san", "subject"], ending: str, *, beyond: str = "", most: int
    ) -> tuple[list[Entry], str, int]:
        """Read the names of one kind of a CA, and return the entries whose value ends so.

        Args:
            ca_arn: the CA.
            kind: of the names.
            ending: as `search_value` makes it.
            beyond: where an earlier call stopped; empty: from the beginning.
            most: stop after so many entries, or soon after.

        Returns:
            the entries in no order, where the next call goes on (empty: that was all), and how many entries it read; an
            empty partition counts as a few.
        """
        ...

    def most_searched(self) -> int:
        """Return how many CAs one call may name, so that it answers soon."""
        ...

    def get_certificates(self, entries: Sequence[Entry], ca_arns: Sequence[str]) -> list[Certificate | None]:
        """Return the certificate of each entry and the ARN of its CA, which must differ; read consistently."""
        ...
