"""Problem documents."""

from __future__ import annotations

import pytest

from chalicelib.acme import problems
from chalicelib.acme.problems import AcmeProblem, Subproblem

URN = "urn:ietf:params:acme:error:"
OF_RFC_8555 = [
    "accountDoesNotExist",
    "alreadyRevoked",
    "badCSR",
    "badNonce",
    "badPublicKey",
    "badRevocationReason",
    "badSignatureAlgorithm",
    "caa",
    "compound",
    "connection",
    "dns",
    "externalAccountRequired",
    "incorrectResponse",
    "invalidContact",
    "malformed",
    "orderNotReady",
    "rateLimited",
    "rejectedIdentifier",
    "serverInternal",
    "tls",
    "unauthorized",
    "unsupportedContact",
    "unsupportedIdentifier",
    "userActionRequired",
]


@pytest.mark.parametrize("kind", [*OF_RFC_8555, "alreadyReplaced", "invalidProfile"])
def test_each_type_has_a_status(kind: str) -> None:
    assert AcmeProblem(kind, "No.").document() == {
        "type": URN + kind,
        "detail": "No.",
        "status": AcmeProblem(kind, "No.").status,
    }
    assert 400 <= AcmeProblem(kind, "No.").status <= 500


def test_document_has_what_the_problem_has() -> None:
    problem = AcmeProblem(
        "badSignatureAlgorithm",
        "No.",
        subproblems=[Subproblem("dns", "No address.", ("dns", "a.test")), Subproblem("malformed", "No.", None)],
        headers={"Retry-After": "5"},
        algorithms=("ES256",),
    )
    assert problem.document() == {
        "type": f"{URN}badSignatureAlgorithm",
        "detail": "No.",
        "status": 400,
        "subproblems": [
            {"type": f"{URN}dns", "detail": "No address.", "identifier": {"type": "dns", "value": "a.test"}},
            {"type": f"{URN}malformed", "detail": "No."},
        ],
        "algorithms": ["ES256"],
    }
    assert problem.headers == {"Retry-After": "5"}


def test_missing_resource_is_malformed_with_404() -> None:
    assert problems.not_found("There is no such order.").document() == {
        "type": f"{URN}malformed",
        "detail": "There is no such order.",
        "status": 404,
    }
