"""Policy evaluation against two oracles, on generated pairs of policies and requests.

`iam_simulate.txt` is what @cloud-copilot/iam-simulate 0.1.173 decided for the cases (`tests/support/iam_simulate.mjs`
makes it anew). It has everything that IAM knows; three things are left out because that release is known to be wrong in
them: the network 0.0.0.0/0, IPv6 addresses in NotIpAddress, and "?" in the region of a pattern. A Deny of a single user
is left out because Signet is stricter than IAM there. `policy_reference` has the rest, and what nobody can judge.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.access import policy, policy_documents
from chalicelib.access.conditions import facts_of
from tests.support import policy_reference
from tests.support.policy_cases import OWN, PRINCIPALS, cases, odd_cases

if TYPE_CHECKING:
    from tests.support.policy_cases import Case

COUNT, SEED = 6000, 20270101
# Of the cases that were recorded: a generator that drifts is found.
DIGEST = "ceffaf93a9b05b234f0bf53d456dd969742588b748d8e9a06701bef306b9a87c"


def lines() -> str:
    """The cases that are recorded, one a line."""
    return "\n".join(each.text for each in cases(SEED, COUNT))


def decided(case: Case) -> str:
    identity = [each for text in case.identity for each in policy_documents.parse_identity_policy(json.dumps(text))]
    granted = policy_documents.parse_resource_policy(json.dumps(case.resource_policy)) if case.resource_policy else ()
    facts = facts_of((key, [value] if isinstance(value, str) else value) for key, value in case.context.items())
    request = policy.Request(case.action, case.resource, OWN, frozenset({PRINCIPALS[0]}), facts)
    decision = policy.decide(identity, granted, request)
    return "A" if decision.allowed else "D" if decision.statement else "N"


@pytest.mark.slow
def test_decisions_are_those_of_iam_simulate() -> None:
    assert hashlib.sha256(lines().encode()).hexdigest() == DIGEST
    recorded = (Path(__file__).parent / "iam_simulate.txt").read_text().replace("\n", "")
    found = "".join(map(decided, cases(SEED, COUNT)))
    assert [number for number in range(COUNT) if found[number] != recorded[number]] == []
    assert len(found) == len(recorded) == COUNT
    assert min(Counter(found).values()) > 900


@pytest.mark.slow
def test_decisions_are_those_of_the_reference() -> None:
    both = [*cases(SEED + 1, 1000), *odd_cases(SEED, 4500)]
    found = [decided(each) for each in both]
    wanted = [policy_reference.verdict(each, OWN, PRINCIPALS[0]) for each in both]
    assert [number for number in range(len(both)) if found[number] != wanted[number]] == []
    assert min(Counter(found).values()) > 500
