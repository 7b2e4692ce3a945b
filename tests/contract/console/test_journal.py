"""The journal in the console: its head, and the proof of each certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.home_records import JournalVerification
from chalicelib.journal import issuances, proofs
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.console_authority_steps import path_of
from tests.support.console_browser import Browser

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime


@pytest.fixture
def browser(rt: Runtime) -> Browser:
    made = Browser(rt)
    made.sign_in()
    return made


def test_certificate_has_its_proof(rt: Runtime, browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    certificate = issue(acm_pca, arn)
    rt.journal.run(rt.now())
    path = f"{path_of(arn)}/certificates/{serial_of(certificate).replace(':', '')}"
    assert [each for _, each in browser.get(path).elements if each.get("href", "").endswith("/proof")]
    answer = browser.get(f"{path}/proof")
    assert answer.headers["Content-Disposition"].endswith('.tlog-proof"')
    proof = proofs.parse(answer.text.encode())
    proofs.verify(proof, rt.journal.log.verifier_key)
    assert issuances.is_of(proof.entry, fetch(acm_pca, arn, certificate).public_bytes(Encoding.DER))


def test_certificate_that_the_journal_lacks_has_no_proof_yet(rt: Runtime, browser: Browser, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    rt.journal.run(rt.now())
    certificate = issue(acm_pca, arn)
    answer = browser.get(f"{path_of(arn)}/certificates/{serial_of(certificate).replace(':', '')}/proof")
    assert answer.status == 404
    assert "does not have this certificate yet" in answer.text


def test_activity_tells_how_the_journal_is(rt: Runtime, browser: Browser, acm_pca: Any) -> None:
    active_root(acm_pca)
    head = rt.journal.run(rt.now())
    assert f"<dt>Entries</dt><dd>{head.size}</dd>" in browser.get("/console/activity").text
    rt.store.put_journal_verification(JournalVerification(verified_at=rt.now(), size=7, problems=0))
    assert "As signed" in browser.get("/console/activity").text
    rt.store.put_journal_verification(JournalVerification(verified_at=rt.now(), size=7, problems=2))
    assert "2 problems" in browser.get("/console/activity").text
