"""Nobody spends a CA's signatures, drives answers out of the cache, or fills the log by asking OCSP."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chalicelib import logs
from chalicelib.monitor import ocsp_watch
from chalicelib.ocsp import answers
from tests.support.console_steps import arn_of, issue, revoke, root
from tests.support.server_log import server_log

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.laptop
ROOT = Path(__file__).resolve().parents[2]
STATUS = ocsp.OCSPResponseStatus
CAP = 100


class Asker:
    """Asks a runtime whose signatures are capped, and counts them."""

    def __init__(self, rt: Any) -> None:
        self.rt = replace(rt, settings=replace(rt.settings, ocsp_signatures=str(CAP)))
        self.ca_id = root(self.rt)
        self.ca = self.rt.store.get_certificate_authority(arn_of(self.ca_id))
        self.issuer = x509.load_der_x509_certificate(self.ca.certificate_der)

    def issue(self) -> int:
        return int(issue(self.rt, self.ca_id), 16)

    def ask(self, request_der: bytes) -> ocsp.OCSPResponse:
        return ocsp.load_der_ocsp_response(answers.respond(self.rt, request_der).der)

    def about(self, serial: int) -> ocsp.OCSPResponse:
        return self.ask(ocsp_watch.request_about(self.ca, serial))

    def with_nonce(self, serial: int, nonce: bytes) -> bytes:
        digest = hashes.Hash(hashes.SHA1())
        digest.update(self.issuer.subject.public_bytes())
        key = x509.SubjectKeyIdentifier.from_public_key(self.issuer.public_key()).digest
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(digest.finalize(), key, serial, hashes.SHA1())
        return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


@pytest.fixture
def asker(rt: Any) -> Asker:
    return Asker(rt)


@pytest.fixture
def signed(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """How many OCSP signatures have been logged."""
    caplog.set_level(logging.INFO, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)

    def count() -> int:
        lines = [getattr(record, "data", {}) for record in caplog.records if record.getMessage() == "signature"]
        return sum((line["phase"], line["purpose"]) == ("after", "OCSP") for line in lines)

    yield count
    logs.LOGGER.removeHandler(caplog.handler)


def test_unknown_serials_spend_a_tenth_alone(asker: Asker, clock: Any, signed: Any) -> None:
    known, other = asker.issue(), asker.issue()
    assert asker.about(known).certificate_status is ocsp.OCSPCertStatus.GOOD
    found = [asker.about(serial).response_status for serial in range(1, 1_001)]
    assert found.count(STATUS.SUCCESSFUL) == CAP // 10 * 2  # two seconds of its share
    assert found.count(STATUS.TRY_LATER) == 1_000 - CAP // 10 * 2
    assert signed() == 1 + CAP // 10 * 2
    assert asker.about(other).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert asker.ask(asker.with_nonce(known, b"n" * 16)).certificate_status is ocsp.OCSPCertStatus.GOOD
    clock.forward(seconds=1)
    again = [asker.about(serial).response_status for serial in range(2_001, 2_101)]
    assert again.count(STATUS.SUCCESSFUL) == CAP // 10


def test_unknown_serial_is_answered_from_the_cache(asker: Asker, signed: Any) -> None:
    assert {asker.about(7).response_status for _ in range(500)} == {STATUS.SUCCESSFUL}
    assert signed() == 1


def test_nonces_spend_their_share_alone(asker: Asker, signed: Any) -> None:
    known, other = asker.issue(), asker.issue()
    found = [asker.ask(asker.with_nonce(known, b"%016d" % n)).response_status for n in range(500)]
    assert found.count(STATUS.SUCCESSFUL) == signed() == CAP * 4 // 10 * 2
    assert asker.about(other).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert asker.about(known).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_request_is_written_in_many_ways_and_signed_once(asker: Asker, signed: Any) -> None:
    """What surrounds the name of the certificate asks for no signature of its own."""
    serial = asker.issue()
    digest = hashes.Hash(hashes.SHA1())
    digest.update(asker.issuer.subject.public_bytes())
    name, key = digest.finalize(), x509.SubjectKeyIdentifier.from_public_key(asker.issuer.public_key()).digest
    for number in range(300):
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, hashes.SHA1())
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.99999.{number}"), b"\x05\x00")
        request_der = builder.add_extension(extension, critical=False).build().public_bytes(Encoding.DER)
        assert asker.ask(request_der).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert signed() == 1
    assert len(asker.rt.ocsp_answers) == 1


def test_unknown_serials_drive_no_answer_out_of_the_cache(
    asker: Asker, clock: Any, signed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_MOST_CACHED", 8)
    serial = asker.issue()
    asker.about(serial)
    for number in range(1, 200):
        clock.forward(seconds=1)
        asker.about(number)
    assert len(asker.rt.ocsp_others) <= 8
    before = signed()
    assert asker.about(serial).certificate_status is ocsp.OCSPCertStatus.GOOD
    assert signed() == before


def test_answer_that_was_asked_for_least_lately_leaves_the_cache(
    asker: Asker, clock: Any, signed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_MOST_CACHED", 4)
    often, others = asker.issue(), [asker.issue() for _ in range(8)]
    for serial in others:
        asker.about(often)
        asker.about(serial)
        clock.forward(seconds=3)
    before = signed()
    asker.about(often)
    assert signed() == before


def test_revocation_is_seen_whatever_is_spent(asker: Asker, clock: Any) -> None:
    serial = asker.issue()
    asker.about(serial)
    for number in range(1, 300):
        asker.about(number)
        asker.ask(asker.with_nonce(serial, b"%016d" % number))
    revoke(asker.rt, asker.ca_id, f"{serial:032x}")
    clock.forward(seconds=2)
    assert asker.about(serial).certificate_status is ocsp.OCSPCertStatus.REVOKED


def test_serial_that_was_unknown_is_good_once_it_is_issued(asker: Asker, clock: Any) -> None:
    serial = 1 << 100
    fixed = replace(asker.rt, serial_number=lambda: serial)
    assert asker.about(serial).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    issue(fixed, asker.ca_id)
    clock.forward(seconds=2)
    assert asker.about(serial).certificate_status is ocsp.OCSPCertStatus.GOOD
    clock.forward(seconds=1)
    assert asker.about(serial).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_refused_signatures_are_one_line_a_minute(
    asker: Asker, clock: Any, signed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for serial in range(1, 500):
            asker.about(serial)
        clock.forward(seconds=1)
    assert [record.getMessage() for record in caplog.records].count("ocsp_signatures_refused") == 1


def test_ocsp_signatures_have_a_log_of_their_own(tmp_path: Path, asker: Asker) -> None:
    path = tmp_path / "ocsp.log"
    with server_log(tmp_path, io.StringIO()):
        asker.about(asker.issue())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["event"], line["phase"], line["purpose"]) for line in lines] == [
        ("signature", "before", "OCSP"),
        ("signature", "after", "OCSP"),
    ]


def test_responder_on_aws_is_delegated_and_capped() -> None:
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    environment = stages["prod"]["environment_variables"]
    assert (environment["SIGNET_OCSP_SIGNER"], environment["SIGNET_OCSP_SIGNATURES"]) == ("delegated", "100")
