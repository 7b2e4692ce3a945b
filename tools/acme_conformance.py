"""Run the conformance suite for ACME servers against Signet and pebble, and write docs/conformance-acme.md.

`make acme-conformance` runs this. Each server is one that the tool starts on 127.0.0.1 and stops again; pebble is
Debian's package.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.acme_conformance.report import Result, cell
from tests.acme_conformance.rfc import LEVELS, TITLES
from tools.acme_servers import TARGETS, Ports
from tools.conformance import ROOT, environment

DOCUMENT = ROOT / "docs/conformance-acme.md"
_RESULTS = "<!-- What follows is written by `make acme-conformance`. -->\n"
# What servers do instead of what the documents say: each name is a case, or what the names of several begin with.
DIFFERENCES: dict[str, dict[str, str]] = {
    "Signet": {
        "test_pages_of_other_origins_may_read": "No page of a browser is a client of a private CA.",
        "test_nonce_is_refused[replayed-after-a-bad-signature]": "It verifies the signature first.",
        "test_bad_name_is_refused[underscore]": "Private networks have such names.",
    },
    "pebble": {
        "test_bad_mailto_is_invalid": "It stores the address with its header fields.",
        "test_deactivated_account_is_unauthorized": "It answers 403 instead of 401, with the right type.",
        "test_accounts_of_one_key_at_once": "In some runs it answers 500 to some of them.",
        "test_account_of_another": "It acts on the account that signed, whatever account the URL names.",
        "test_bad_csr_is_refused[another-common-name]": "It ignores the common name.",
        "test_bad_csr_is_refused[signature-wrong]": "It does not verify the CSR's signature, and issues.",
        "test_bad_csr_is_refused[rsa-1024]": "It issues for RSA keys of 1,024 bits.",
        "test_refusal_is_bad_csr[another-name]": "It answers `unauthorized`.",
        "test_refusal_is_bad_csr": "It issues.",
        "test_order_stays_ready_after_a_bad_csr": "It issues.",
        "test_csr_in_another_form_is_refused[line-feeds]": "Go's decoder of base64 skips line feeds.",
        "test_name_may_be_the_common_name_alone": "It wants the name in the subjectAltName.",
        "test_unknown_order_is_a_problem": "It answers 404 without a body.",
        "test_error_type_is_registered[terms]": "It answers `agreementRequired`: no such type is registered.",
        "test_address_in_another_form_is_refused": "It accepts every spelling of an IPv6 address.",
        "test_key_is_refused[rsa-1024-bits]": "It makes an account for an RSA key of 1,024 bits.",
        "test_request_is_refused[signature-with-line-feeds]": "Go's decoder of base64 skips line feeds.",
        "test_request_is_refused": "Go's parser of JSON replaces octets that are no UTF-8.",
        "test_header_is_refused[alg": "It answers `malformed`.",
        "test_header_is_refused[url": "It answers `malformed`.",
        "test_refusal_names_the_algorithms": "It answers `malformed` without `algorithms`.",
        "test_algorithm_that_the_server_offers_works[EdDSA]": "It has no EdDSA.",
        "test_broken_change_is_refused[nonce-present]": "It does not look at the inner nonce.",
        "test_broken_change_is_refused[new-key-of-another-account]": "It answers 500.",
        "test_key_of_another_account_is_a_conflict": "It answers 500.",
        "test_nonce_is_refused[replayed-after-a-bad-signature]": "It verifies the signature first.",
        "test_nonce_is_not_cached": "It sends `public, max-age=0, no-cache`.",
        "test_bad_name_is_refused[punycode": "It looks only at the characters of a name.",
        "test_bad_name_is_refused": "It looks only at the characters of a name.",
        "test_problem_names_bad_identifiers": "It accepts a name with an empty label.",
        "test_validity_that_cannot_be": "It ignores notBefore and notAfter of an order.",
        "test_order_of_a_deactivated_authorization": "The order gets the status `deactivated`, as no order has.",
        "test_holder_of_the_authorizations_revokes": "It lets only the account that issued it revoke.",
        "test_reason_that_does_not_exist_is_refused[8]": "It revokes with the reason removeFromCRL.",
        "test_deactivated_account_does_not_revoke": "It does not look at the account's status before it revokes.",
        "test_challenge_ends[http-spaces]": "It compares the body with the spaces.",
        "test_challenge_ends[dns-in-two-strings]": "It compares each string of the record by itself.",
        "test_challenge_ends[tls-address-too]": "It counts only the DNS names of the certificate.",
        "test_challenge_links_to_its_authorization": "It sends no such link.",
        "test_unknown_fields_of_a_response_are_ignored": "It refuses the field `keyAuthorization` of early drafts.",
    },
}


def run(target: list[str], work: Path, ports: Ports, *options: str) -> tuple[list[Result], str]:
    """Run the suite as anybody would; returns the results, and what pytest said."""
    report = work / "report.xml"
    command = [sys.executable, "-m", "pytest", "tests/acme_conformance", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", *target, "--acme-http-port", str(ports.http)]
    command += ["--acme-tls-port", str(ports.tls), "--acme-dns-port", str(ports.dns), *options]
    said = subprocess.run(
        command, cwd=ROOT, env=environment({}), capture_output=True, text=True, check=False, timeout=900
    )
    if not report.exists():
        sys.exit(said.stdout + said.stderr)
    return read(report), said.stdout


def read(report: Path) -> list[Result]:
    """Return what JUnit's XML says of each case, by section and name."""
    results: dict[str, Result] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  written here
        about = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        name = f"{case.get('classname', '').rpartition('.')[2]}.py::{case.get('name')}"
        bad = next((each for each in case if each.tag in {"failure", "error"}), None)
        skipped = case.find("skipped")
        outcome = "failed" if bad is not None else "skipped" if skipped is not None else "passed"
        told = bad if bad is not None else skipped
        why = "" if told is None else str(told.get("message", "")).partition("\n")[0]
        if outcome == "failed" or name not in results:  # an error after a test has an element of its own
            results[name] = Result(name, about["group"], about["level"], about["source"], outcome, why)
    order = list(TITLES)
    return sorted(results.values(), key=lambda result: (order.index(result.group), result.case))


def tables(results: dict[str, list[Result]]) -> str:
    """Return the results side by side: by section and level, then what failed and was skipped."""
    first = next(iter(results.values()))
    lines = [f"| section | cases | {' | '.join(results)} |", f"| --- | ---: |{' --- |' * len(results)}"]
    for group, title in TITLES.items():
        lines += _row(f"{group} {title}", first, results, group=group)
    for level in LEVELS:
        lines += _row(f"all, {level}", first, results, level=level)
    lines += _row("all", first, results)
    for name, of_target in results.items():
        lines += ["", f"## What fails: {name}", "", *(_failures(name, of_target) or ["Nothing."])]
        lines += ["", f"## What is skipped: {name}", "", *(_skipped(of_target) or ["Nothing."])]
    return "\n".join(lines) + "\n"


def _row(
    title: str, first: list[Result], results: dict[str, list[Result]], *, group: str = "", level: str = ""
) -> list[str]:
    """Return a row of the cases of a section, or of a level, or of all."""

    def chosen(of_target: list[Result]) -> list[Result]:
        return [each for each in of_target if group in {"", each.group} and level in {"", each.level}]

    cells = []
    for of_target in results.values():
        count = Counter(each.outcome for each in chosen(of_target))
        more = [f"{count[outcome]} {outcome}" for outcome in ("failed", "skipped") if count[outcome]]
        cells.append(f"{count['passed']}" + (f" ({', '.join(more)})" if more else ""))
    return [f"| {title} | {len(chosen(first))} | {' | '.join(cells)} |"] if chosen(first) else []


def _failures(target: str, results: list[Result]) -> list[str]:
    """Return what failed, by the sentence that it breaks, each with what the server does instead."""
    groups: dict[str, list[Result]] = {}
    for each in results:
        if each.outcome == "failed":
            groups.setdefault(f"{each.group}, {each.level}: “{each.sentence}”", []).append(each)
    lines = []
    for sentence, failed in groups.items():
        told = dict.fromkeys(reason(target, each.case) or cell(each.why) for each in failed)
        lines.append(f"- {cell(sentence)} {' '.join(told)} ({', '.join(_name(each) for each in failed)})")
    return lines


def _skipped(results: list[Result]) -> list[str]:
    groups: dict[str, list[Result]] = {}
    for each in results:
        if each.outcome == "skipped":
            groups.setdefault(cell(each.why), []).append(each)
    return [f"- {why}: {len(skipped)} case{'s' if len(skipped) > 1 else ''}" for why, skipped in sorted(groups.items())]


def _name(result: Result) -> str:
    return result.case.partition("::")[2].removeprefix("test_").replace("_", " ").replace("[", ": ").rstrip("]")


def reason(target: str, case: str) -> str:
    """Return what is known of why a case fails; empty if nobody has said."""
    known = DIFFERENCES.get(target.partition(" ")[0].rstrip(","), {})
    return next((why for name, why in known.items() if case.partition("::")[2].startswith(name)), "")


def main() -> None:
    """Run the suite against each server, and write the document."""
    results = {}
    for name, target in TARGETS.items():
        ports = Ports()
        with tempfile.TemporaryDirectory() as directory, target(Path(directory), ports) as options:
            results[name], said = run(options, Path(directory), ports)
        print(f"{name}: {said.splitlines()[-1]}")
    when = datetime.now(UTC).date().isoformat()
    head = DOCUMENT.read_text().partition(_RESULTS)[0]
    DOCUMENT.write_text(f"{head}{_RESULTS}\nRun on {when} with Python {sys.version.split()[0]}.\n\n{tables(results)}")


if __name__ == "__main__":
    main()
