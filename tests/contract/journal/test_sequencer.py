"""What is acknowledged is in the journal once the sequencer has run, in order and once, whatever died in between."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.buckets import BucketError
from chalicelib.crl.publication import publish_due_crls
from chalicelib.journal import sequencer
from chalicelib.journal.journal import Journal
from chalicelib.journal.log import Log
from chalicelib.store import journal_entries
from chalicelib.store.journaled import JournaledTable
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.ports import Port, fail
from tests.support.revocations import published, serials

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock

STORE = Path(journal_entries.__file__).parent


def entries_of(rt: Runtime) -> list[dict[str, Any]]:
    """All entries of the journal, after the sequencer has run."""
    head = rt.journal.sequence(rt.now())
    return [json.loads(entry) for entry in rt.journal.log.entries(0, head.size)]


def of_kind(rt: Runtime, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in entries_of(rt) if entry["kind"] == kind]


def test_issued_and_revoked_certificates_are_in_the_journal(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn, IdempotencyToken="token")
    serial = serial_of(issued)
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    publish_due_crls(rt, seconds=60)
    entries = [entry for entry in entries_of(rt) if entry.get("ca") == arn[-36:]]
    digest = hashlib.sha256(fetch(acm_pca, arn, issued).public_bytes(Encoding.DER)).digest()
    mine = {entry["kind"]: entry for entry in entries if entry.get("serial") == issued[-32:]}
    assert list(mine) == ["reserved", "token", "issued", "revoked"]
    assert mine["issued"]["sha256"] == urlsafe_b64encode(digest).decode().rstrip("=")
    assert mine["revoked"]["reason"] == "SUPERSEDED"
    state = rt.store.get_crl_state(arn)
    assert state is not None
    assert [entry["number"] for entry in entries if entry["kind"] == "crl"][-1] == state.published_number
    lengths = [len(json.dumps(entry, separators=(",", ":"))) for entry in mine.values()]
    assert max(lengths) <= 300


def test_changes_of_cas_and_of_who_may_do_what_are_in_the_journal_without_secrets(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    keys = rt.store.list_access_keys()
    rt.store.delete_access_key(keys[0].access_key_id)
    entries = entries_of(rt)
    statuses = [entry["item"]["status"] for entry in entries if entry.get("sk") == f"CA#{arn[-36:]}"]
    assert list(dict.fromkeys(statuses)) == ["CREATING", "PENDING_CERTIFICATE", "ACTIVE"]
    assert [entry["id"] for entry in entries if entry["kind"] == "access-key-gone"] == [keys[0].access_key_id]
    text = json.dumps(entries)
    for secret in (key.sealed_secret for key in keys):
        assert all(form not in text for form in (secret.hex(), b64encode(secret).decode(), repr(secret)[2:-1]))
    assert "sealed" not in text


def test_refused_change_leaves_no_entry(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    before = entries_of(rt)
    with pytest.raises(ClientError):
        issue(acm_pca, arn, Validity={"Type": "YEARS", "Value": 100})
    assert [entry for entry in entries_of(rt)[len(before) :] if entry["kind"] != "audit-head"] == []


def test_every_run_of_the_sequencer_leaves_the_outbox_empty(
    rt: Runtime, acm_pca: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer, "BATCH", 120)  # more than a transaction removes
    arn = active_root(acm_pca)
    for _ in range(70):
        issue(acm_pca, arn)
    assert len(rt.store.list_outbox(limit=1000)) > 120
    entries = entries_of(rt)
    assert rt.store.list_outbox(limit=1000) == []
    head = rt.store.journal_head()
    checkpoint = rt.journal.log.checkpoint()
    assert checkpoint is not None
    assert (head.size, head.root, head.assigned) == (checkpoint.size, checkpoint.root.hex(), ())
    counted = Counter(entry["serial"] for entry in entries if entry["kind"] == "issued")
    assert set(counted.values()) == {1}
    assert len(counted) == 71


class _Died(BaseException):
    """The process ends here."""


class DyingTable:
    """A table whose process dies before or after a write."""

    def __init__(self, inner: Any, at: int, *, after: bool) -> None:
        self._inner, self._left, self._after = inner, at, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, *writes: Any, durable: bool = True) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise _Died
        self._inner.write(*writes, durable=durable)
        if self._left == 0:
            raise _Died


def test_outbox_has_exactly_the_entries_of_writes_that_took_place(rt: Runtime, acm_pca: Any) -> None:
    """A reservation, and the revocation of what was reserved: the process dies around the one write of each."""
    arn = active_root(acm_pca)
    rt.journal.sequence(rt.now())
    inner = rt.store.table.inner  # type: ignore[attr-defined]  # the store over a table
    for after in (False, True):
        store = type(rt.store)(JournaledTable(DyingTable(inner, 1, after=after)))  # type: ignore[call-arg]  # as above
        with pytest.raises(_Died):
            store.delete_access_key("AKIAGONE")
        assert len(rt.store.list_outbox(limit=9)) == int(after)
    assert arn in {ca.arn for ca in rt.store.list_certificate_authorities("000000000000", limit=9)}


def test_every_kind_of_item_is_in_the_journal_or_named_as_one_that_need_not_be() -> None:
    sources = "\n".join(path.read_text() for path in STORE.glob("*.py"))
    written = set(re.findall(r"""Key\(f?"([A-Z][A-Z-]+)[#"]""", sources))
    written |= set(re.findall(r"""(?:return|pk":|pk =) f?"([A-Z][A-Z-]+)[#"]""", sources))
    written |= set(re.findall(r"""^_?[A-Z_]+ = "([A-Z]+)"$""", sources, re.MULTILINE)) | {"ROLES", "OIDC-PROVIDERS"}
    lists = {"LIST", "REVOKED", "AUDIT", "REPORTS-OF", "FAILED", "ACME-ORDERS-OF"}  # partitions of an index alone
    known = set(journal_entries._KINDS) | journal_entries._WITHOUT_ENTRY
    assert {"CERT", "REV", "KEYS", "ACCOUNTS", "POLICY", "OUTBOX"} <= written
    assert written - lists - known == set()
    assert not set(journal_entries._KINDS) & journal_entries._WITHOUT_ENTRY


def test_checkpoint_of_another_key_stops_the_sequencer(rt: Runtime, acm_pca: Any, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from chalicelib.journal import JournalError
    from tests.support.journals import FixedKey

    active_root(acm_pca)
    rt.journal.sequence(rt.now())
    log = rt.journal.log
    other = Log(log._buckets, log._bucket, FixedKey(Ed25519PrivateKey.generate()))
    active_root(acm_pca)
    with pytest.raises(JournalError):
        Journal(rt.journal._store, other).sequence(rt.now())
    assert replace(rt.store.journal_head(), assigned=()).size == rt.journal.log.checkpoint().size  # type: ignore[union-attr]  # there is one


def test_crl_with_new_revocations_waits_for_the_journal(rt: Runtime, acm_pca: Any, clock: Clock) -> None:
    arn = active_root(acm_pca)
    serial = serial_of(issue(acm_pca, arn))
    publish_due_crls(rt, seconds=60)
    acm_pca.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
    before = published(rt, arn)
    log = rt.journal.log
    full: Any = Port(log._buckets, put=fail(BucketError("full")))
    out = replace(rt, journal=Journal(rt.journal._store, Log(full, log._bucket, log._signer)))
    (outcome,) = publish_due_crls(out, seconds=60)
    assert (outcome.result, "full" in outcome.error) == ("failed", True)
    assert published(rt, arn).fingerprint(SHA256()) == before.fingerprint(SHA256())
    clock.forward(seconds=60)
    (outcome,) = publish_due_crls(rt, seconds=60)
    assert outcome.result == "published"
    assert serials(published(rt, arn)) == {int(serial.replace(":", ""), 16)}
    head = rt.store.journal_head()
    assert any(b'"kind":"revoked"' in entry for entry in log.entries(0, head.size))


def test_bucket_that_fails_for_a_moment_stops_no_change(rt: Runtime, acm_pca: Any) -> None:
    arn = active_root(acm_pca)
    rt.journal.run(rt.now())
    issued = [issue(acm_pca, arn)]
    log = rt.journal.log
    down: Any = Port(log._buckets, get=fail(BucketError("down")), put=fail(BucketError("down")))
    healthy, log._buckets = log._buckets, down
    with pytest.raises(BucketError):
        rt.journal.sequence(rt.now())
    rt.journal.require(rt.now())
    assert rt.journal.failure == "down"
    issued.append(issue(acm_pca, arn))
    log._buckets = healthy
    assert {arn[-32:] for arn in issued} <= {entry["serial"] for entry in of_kind(rt, "issued")}
