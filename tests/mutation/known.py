"""Changes of the sources that once passed every test, and the test that now fails for each."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """A change that breaks a promise.

    Attributes:
        name: what no longer holds.
        path: the file.
        old: the text that is replaced; it occurs once.
        new: the text in its place.
        test: the test that fails.
    """

    name: str
    path: str
    old: str
    new: str
    test: str

    def applied(self, source: str) -> str:
        """Return the changed source.

        Raises:
            ValueError: it does not have the text, or has it more than once.
        """
        if source.count(self.old) != 1:
            raise ValueError(f"{self.path} does not have {self.old!r} once.")
        return source.replace(self.old, self.new)


FOLDING, GATE, PUBLICATION = "chalicelib/crl/folding.py", "chalicelib/pki/crl/gate.py", "chalicelib/crl/publication.py"
KNOWN = (
    Mutant(
        "files are not synced",
        "chalicelib/files.py",
        "    os.fsync(file.fileno())\n",
        "",
        "tests/unit/test_files.py::test_content_is_synced_before_the_file_has_its_name_and_the_name_before_the_write_returns",
    ),
    Mutant(
        "directories are not synced after a file was written",
        "chalicelib/files.py",
        "        temporary.unlink(missing_ok=True)\n    sync_directory(path.parent)\n",
        "        temporary.unlink(missing_ok=True)\n",
        "tests/unit/test_files.py::test_content_is_synced_before_the_file_has_its_name_and_the_name_before_the_write_returns",
    ),
    Mutant(
        "only one batch of revocations is folded",
        FOLDING,
        "more = len(new) == most",
        "more = False",
        "tests/contract/crl/test_folding.py::test_crl_lists_all_revocations_however_many_batches_they_are",
    ),
    Mutant(
        "a lease is not renewed while revocations are folded",
        FOLDING,
        "        self.rt.store.renew_crl(self.state, lease_until=self.rt.now() + LEASE)\n",
        "",
        "tests/contract/crl/test_folding.py::test_run_that_folds_for_longer_than_a_lease_keeps_it",
    ),
    Mutant(
        "a certificate that expires at the time of the last CRL needs no entry",
        FOLDING,
        ">= self.shown_at.timestamp()",
        "> self.shown_at.timestamp()",
        "tests/contract/crl/test_folding.py::test_gate_requires_those_new_entries_that_the_crl_shows",
    ),
    Mutant(
        "any condition of a statement suffices",
        "chalicelib/access/policy.py",
        "    for condition in statement.conditions:\n        yield judge(condition, request.facts)\n",
        "    yield not (judged := [judge(each, request.facts) for each in statement.conditions]) or any_of(judged)\n",
        "tests/unit/access/test_policy.py::test_statement_applies_if_all_its_conditions_hold",
    ),
    Mutant(
        "one value of a request suffices for ForAllValues",
        "chalicelib/access/conditions.py",
        '"ForAllValues": all_of',
        '"ForAllValues": any_of',
        "tests/unit/access/test_policy.py::test_statement_applies_if_all_its_conditions_hold",
    ),
    Mutant(
        "a resource policy names any number of accounts",
        "chalicelib/access/resource_policy.py",
        "if len(accounts_of(statements)) > MAX_ACCOUNTS:",
        "if len(accounts_of(statements)) > 9999:",
        "tests/contract/operations/test_policies.py::test_invalid_policy_is_refused_with_its_rule",
    ),
    Mutant(
        "a resource policy may name one account less than it says",
        "chalicelib/access/resource_policy.py",
        "if len(accounts_of(statements)) > MAX_ACCOUNTS:",
        "if len(accounts_of(statements)) >= MAX_ACCOUNTS:",
        "tests/contract/operations/test_policies.py::test_policy_names_up_to_40_accounts",
    ),
    Mutant(
        "the gate passes a CRL that lacks recorded entries",
        GATE,
        "for serial in lacking.keys() - extra.keys():",
        "for serial in ():",
        "tests/unit/pki/test_crl.py::test_gate_requires_what_is_on_record_also_if_the_run_did_not_fold_it",
    ),
    Mutant(
        "an entry vanishes although its certificate expired at the time of the last CRL",
        GATE,
        ">= seen_at",
        "> seen_at",
        "tests/unit/pki/test_crl.py::test_entry_vanishes_if_its_certificate_had_expired_before_the_published_crl",
    ),
    Mutant(
        "new entries are not compared with the others if they are few",
        GATE,
        "twice = crl_segments.repeated(case.due.recorded, come)",
        "twice = set()",
        "tests/unit/pki/test_crl.py::test_gate_finds_repeated_entries_where_few_are_new",
    ),
    Mutant(
        "entries beyond the record count as few",
        GATE,
        " and len(case.due.recorded) not in come",
        "",
        "tests/unit/pki/test_crl.py::test_gate_finds_repeated_entries_where_few_are_new",
    ),
    Mutant(
        "a CRL may be signed by another algorithm",
        GATE,
        "if self.identifier != algorithms.SIGNING_ALGORITHMS[signing_algorithm].identifier_der:",
        "if not self.identifier:",
        "tests/unit/pki/test_crl.py::test_gate_refuses",
    ),
    Mutant(
        "octets may follow a CRL",
        GATE,
        "if element.end != len(buffer):",
        "if element.end > len(buffer):",
        "tests/unit/pki/test_crl.py::test_gate_refuses",
    ),
    Mutant(
        "a failed run is repeated after a constant time",
        PUBLICATION,
        "_FIRST_RETRY_SECONDS * 2 ** min(state.failures, 10)",
        "_FIRST_RETRY_SECONDS",
        "tests/contract/crl/test_publication.py::test_failed_run_is_repeated_after_a_delay_that_doubles_up_to_four_minutes",
    ),
    Mutant(
        "a CRL that was published by a clock that was ahead decides which entries are left out",
        PUBLICATION,
        "return min(published_at, settled).replace(",
        "return published_at.replace(",
        "tests/contract/crl/test_clock_that_ran_ahead.py::test_revoked_certificate_is_listed_by_the_right_clock_at_once",
    ),
    Mutant(
        "a lease of a clock that was ahead is respected",
        "chalicelib/store/table_crls.py",
        "moment < lease_until <= items.micros(now + 2 * span)",
        "moment < lease_until",
        "tests/contract/store/test_crls.py::test_lease_of_a_clock_that_was_ahead_holds_nothing",
    ),
    Mutant(
        "a key may have any encoding",
        "chalicelib/pki/x509/csr.py",
        "if not keys.is_encoding(spki_der, public_key):",
        "if not spki_der:",
        "tests/unit/pki/test_csr.py::test_parse_csr_hostile_is_refused",
    ),
    Mutant(
        "an RSA key may have any size",
        "chalicelib/pki/x509/keys.py",
        "n.bit_length() > MAX_RSA_BITS",
        "n.bit_length() > 1 << 20",
        "tests/unit/pki/test_keys.py",
    ),
    Mutant(
        "the order of a request's members decides what its token stands for",
        "chalicelib/operations/idempotency.py",
        ", sort_keys=True",
        "",
        "tests/contract/operations/test_idempotency.py::test_retry_may_order_its_members_in_another_way",
    ),
    Mutant(
        "a sync that failed in another process leaves no doubt",
        "chalicelib/store/write_turn.py",
        "return os.pread(turn, 1, 0) != _ENDED",
        "return False",
        "tests/contract/store/test_write_turn.py::test_failed_sync_of_one_process_is_known_to_the_next",
    ),
    Mutant(
        "processes open a database at the same time",
        "chalicelib/store/sqlite.py",
        "with files.locked(wal_mark.lock_of(self._path)):",
        "with contextmanager(lambda: (yield))():",
        "tests/contract/store/test_sqlite.py::test_process_that_opens_the_database_waits_for_another_one_that_does",
    ),
    Mutant(
        "a copy that was interrupted goes on although the database has changed",
        "chalicelib/migrations/m0006_packed_rows.py",
        " and not _is_copy_of(made / path.name, identity)",
        " and not made.exists()",
        "tests/contract/migrations/test_versions.py::test_copy_of_a_database_that_was_used_since_begins_again",
    ),
    Mutant(
        "a retry is answered by an intent that a power cut may lose",
        "chalicelib/store/table_certificates.py",
        "            self.table.settle()\n",
        "            pass\n",
        "tests/faults/test_lost_intents.py::test_power_cut_takes_no_answer_back",
    ),
    Mutant(
        "an ACME account's key may be a point of small order",
        "chalicelib/jose.py",
        " or y in _SMALL_ORDER",
        "",
        "tests/unit/acme/test_jws.py::test_hostile_request_is_refused",
    ),
    Mutant(
        "an A-label has several spellings",
        "chalicelib/acme/identifiers.py",
        "again == label[4:] and ",
        "",
        "tests/unit/acme/test_identifiers.py::test_identifier_is_refused",
    ),
    Mutant(
        "a nonce is accepted when the record of its use expires",
        "chalicelib/acme/nonces.py",
        " < made_at + LIFETIME",
        " <= made_at + LIFETIME",
        "tests/unit/acme/test_nonces.py::test_nonce_of_another_time_is_refused",
    ),
)
