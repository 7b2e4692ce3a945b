"""dns-01 with DNS servers on loopback: aliases, truncation, refusals, spoofed and malformed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.acme.validation import outcome, resolving
from tests.support.challenge_responder import ChallengeResponder
from tests.support.challenges import DIGEST, NAME, validate
from tests.support.hostile_servers import UdpServer

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIXED = f"_acme-challenge.{NAME}"


def test_digest_among_the_records_is_valid(responder: ChallengeResponder) -> None:
    responder.set_txt(PREFIXED, "other", "x" * 43, DIGEST)
    found = validate("dns-01", responder)
    assert found == (
        True,
        "",
        f"dns-01 for {NAME}: a TXT record of {PREFIXED} has the digest of the key authorization.",
        (f"asked {responder.resolver} for TXT of {PREFIXED}.: 3 records",),
    )


def test_character_strings_of_a_record_are_joined(responder: ChallengeResponder) -> None:
    responder.records[PREFIXED, "TXT"] = [f'"{DIGEST[:20]}" "" "{DIGEST[20:]}"']
    assert validate("dns-01", responder).valid
    responder.set_txt(PREFIXED, DIGEST[:20], DIGEST[20:])
    assert not validate("dns-01", responder).valid


@pytest.mark.parametrize("value", [DIGEST.upper(), DIGEST + "=", " " + DIGEST, DIGEST[:-1], ""])
def test_other_record_is_told(responder: ChallengeResponder, value: str) -> None:
    responder.set_txt(PREFIXED, value)
    found = validate("dns-01", responder)
    assert found.problem == "incorrectResponse"
    assert found.detail == (
        f"dns-01 for {NAME}: no TXT record of {PREFIXED} has the digest of the key authorization (1 seen)."
    )


def test_name_without_a_record_is_told(responder: ChallengeResponder) -> None:
    found = validate("dns-01", responder)
    assert (found.problem, found.detail) == ("incorrectResponse", f"dns-01 for {NAME}: {PREFIXED} has no TXT record.")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NXDOMAIN", f"{PREFIXED}. does not exist (NXDOMAIN)"),
        ("SERVFAIL", "answered SERVFAIL (its DNSSEC is broken, or its name servers do not answer)"),
        ("REFUSED", "answered REFUSED (it refuses to answer)"),
        ("NOTAUTH", "answered NOTAUTH"),
    ],
)
def test_refusal_of_the_resolver_is_told(responder: ChallengeResponder, code: str, words: str) -> None:
    responder.refuses[PREFIXED] = code
    found = validate("dns-01", responder)
    assert found.problem == "dns"
    assert words in found.detail


# aliases


def chain(responder: ChallengeResponder, length: int) -> None:
    for number in range(length):
        responder.set_cname(PREFIXED if number == 0 else f"c{number}.example", f"c{number + 1}.example")
    responder.set_txt(f"c{length}.example", DIGEST)


def test_alias_leads_to_another_zone(responder: ChallengeResponder) -> None:
    chain(responder, 3)
    found = validate("dns-01", responder)
    assert found.valid
    assert found.steps == (f"asked {responder.resolver} for TXT of {PREFIXED}.: 1 record, by the alias c3.example.",)


@pytest.mark.parametrize(("length", "valid"), [(8, True), (9, False)])
def test_aliases_that_the_resolver_left_are_followed(length: int, valid: bool) -> None:
    with OneStep() as responder:
        chain(responder, length)
        found = validate("dns-01", responder)
        assert (found.valid, found.problem) == ((True, "") if valid else (False, "dns"))
        assert len(found.steps) == 9


@pytest.mark.parametrize("steps", [True, False])
def test_loop_of_aliases_ends(steps: bool) -> None:
    with OneStep() if steps else ChallengeResponder() as responder:
        responder.set_cname(PREFIXED, "loop.example")
        responder.set_cname("loop.example", PREFIXED)
        found = validate("dns-01", responder)
        assert found.problem == "dns"
        assert "too many aliases" in found.detail


class OneStep(ChallengeResponder):
    """Follows no alias."""

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = super().answer(query)
        del response.answer[1:]
        return response


# size, and ways to ask


def test_truncated_answer_is_fetched_by_tcp(responder: ChallengeResponder) -> None:
    responder.set_txt(PREFIXED, *(f"{number:0100}" for number in range(500)), DIGEST)
    assert validate("dns-01", responder).valid
    assert responder.asked == [f"TXT {PREFIXED}"] * 2


def test_server_that_does_not_know_edns_is_asked_without() -> None:
    class Old(ChallengeResponder):
        def answer(self, query: dns.message.Message) -> dns.message.Message:
            response = super().answer(query)
            if query.edns >= 0:
                response.use_edns(False)
                response.answer = []
                response.set_rcode(dns.rcode.FORMERR)
            return response

    with Old() as responder:
        responder.set_txt(PREFIXED, DIGEST)
        found = validate("dns-01", responder)
    assert found.valid
    assert len(found.steps) == 2


def test_verification_by_the_resolver_is_told() -> None:
    class Validating(ChallengeResponder):
        def answer(self, query: dns.message.Message) -> dns.message.Message:
            response = super().answer(query)
            response.flags |= query.flags & dns.flags.AD
            return response

    with Validating() as responder:
        responder.set_txt(PREFIXED, DIGEST)
        assert validate("dns-01", responder).steps[0].endswith(": 1 record, verified by DNSSEC")


def test_extended_error_is_told() -> None:
    class Bogus(ChallengeResponder):
        def answer(self, query: dns.message.Message) -> dns.message.Message:
            response = super().answer(query)
            response.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "text of the resolver")])
            response.set_rcode(dns.rcode.SERVFAIL)
            return response

    with Bogus() as responder:
        found = validate("dns-01", responder)
    assert "extended error 6" in found.detail
    assert "text of the resolver" not in str(found)


def test_next_resolver_is_asked(responder: ChallengeResponder) -> None:
    responder.set_txt(PREFIXED, DIGEST)
    with ChallengeResponder() as other:
        other.refuses[PREFIXED] = "SERVFAIL"
        found = validate("dns-01", responder, resolvers=(other.resolver, responder.resolver))
    assert found.valid
    assert "SERVFAIL" in found.steps[0]


def test_resolver_may_have_a_name(responder: ChallengeResponder) -> None:
    responder.set_txt(PREFIXED, DIGEST)
    assert validate("dns-01", responder, resolvers=(f"localhost:{responder.dns_port}",)).valid
    found = validate("dns-01", responder, resolvers=("nowhere.invalid:53",))
    assert (found.problem, found.detail) == ("dns", f"dns-01 for {NAME}: no DNS server is known.")


def test_name_that_is_too_long_is_told(responder: ChallengeResponder) -> None:
    for name in (".".join(["a" * 60] * 4), "a" * 64 + ".example", "a..example"):
        assert "is not a DNS name" in validate("dns-01", responder, name).detail
    assert responder.asked == []


# what a hostile network sends


def udp(responder: ChallengeResponder, answers: Callable[[bytes, bytes], list[bytes]]) -> UdpServer:
    """Sends what a function makes of a query and of the right answer."""
    return UdpServer(lambda wire: answers(wire, responder.answer(dns.message.from_wire(wire)).to_wire()))


def spoofed(wire: bytes) -> bytes:
    """An answer to another query."""
    return bytes([wire[0] ^ 1]) + wire[1:]


def test_answer_to_another_query_is_no_answer(responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    responder.set_txt(PREFIXED, DIGEST)
    with udp(responder, lambda _, good: [spoofed(good), b"", b"\0" * 12, good]) as server:
        assert validate("dns-01", responder, resolvers=(f"127.0.0.1:{server.port}",)).valid
    monkeypatch.setattr(resolving, "_SECONDS", 0.1)
    with udp(responder, lambda _, good: [spoofed(good)]) as server:
        found = validate("dns-01", responder, resolvers=(f"127.0.0.1:{server.port}",))
    assert (found.problem, server.datagrams) == ("dns", 2)
    assert "did not answer in time" in found.detail


def test_answer_for_another_name_is_no_answer(responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "_SECONDS", 0.1)

    def answers(wire: bytes, _: bytes) -> list[bytes]:
        query = dns.message.from_wire(wire)
        other = dns.message.make_query("other.example", "TXT")
        other.id = query.id
        response = dns.message.make_response(other)
        response.answer.append(dns.rrset.from_text(f"{PREFIXED}.", 0, "IN", "TXT", DIGEST))
        return [response.to_wire()]

    with udp(responder, answers) as server:
        assert validate("dns-01", responder, resolvers=(f"127.0.0.1:{server.port}",)).problem == "dns"


def test_record_of_another_name_does_not_count() -> None:
    class Generous(ChallengeResponder):
        def answer(self, query: dns.message.Message) -> dns.message.Message:
            response = super().answer(query)
            response.answer.append(dns.rrset.from_text("other.example.", 0, "IN", "TXT", DIGEST))
            return response

    with Generous() as responder:
        assert validate("dns-01", responder).problem == "incorrectResponse"


def test_truncated_answer_without_tcp_is_told(responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    def truncated(wire: bytes, good: bytes) -> list[bytes]:
        return [good[:2] + bytes([good[2] | 2]) + good[3:]]

    with udp(responder, truncated) as server:
        found = validate("dns-01", responder, resolvers=(f"127.0.0.1:{server.port}",))
    assert found.problem == "dns"
    assert "refused the connection" in found.detail


def test_queries_are_bounded(responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "_MOST_QUERIES", 3)
    with OneStep() as one_step:
        chain(one_step, 5)
        found = validate("dns-01", one_step)
        assert found.detail == f"dns-01 for {NAME}: it takes more than 3 DNS queries."
        assert len(one_step.asked) == 3


def test_no_datagram_fails(responder: ChallengeResponder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes behind the right header, and any octet of the header."""
    monkeypatch.setattr(resolving, "_SECONDS", 0.02)

    @settings(max_examples=60)
    @given(st.binary(max_size=200), st.integers(0, 11), st.integers(0, 255))
    def answers(tail: bytes, position: int, value: int) -> None:
        def made(_: bytes, good: bytes) -> list[bytes]:
            header = bytearray(good[:12])
            header[position] = value
            return [good[:12] + tail, bytes(header) + good[12:], bytes(header) + tail]

        with udp(responder, made) as server:
            found = validate("dns-01", responder, resolvers=(f"127.0.0.1:{server.port}",))
        assert found.problem in {"dns", "incorrectResponse"}

    answers()
