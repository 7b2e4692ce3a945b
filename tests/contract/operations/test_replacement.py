"""What another certificate of a CA breaks: a warning in the log and in the audit record, and no refusal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import logs
from tests.support.authority_steps import active_below, active_subordinate, install_subordinate, issue, status

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGED = "ca_certificate_replaced_for_the_worse"


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """The warnings that were logged of replaced certificates."""
    caplog.set_level(logging.WARNING, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    yield lambda: [each.data["warnings"] for each in caplog.records if each.getMessage() == LOGGED]  # type: ignore[attr-defined]  # of our own lines
    logs.LOGGER.removeHandler(caplog.handler)


def test_first_certificate_and_a_longer_one_warn_of_nothing(acm_pca: Any, rt: Any, clock: Any, warnings: Any) -> None:
    arn = active_subordinate(acm_pca, now=clock(), days=100)
    install_subordinate(acm_pca, arn, now=clock(), days=200, serial_number=3)
    assert warnings() == []


def test_certificate_that_breaks_a_chain_is_installed_with_warnings(
    acm_pca: Any, rt: Any, clock: Any, warnings: Any
) -> None:
    top = active_subordinate(acm_pca, now=clock(), days=1000)
    install_subordinate(acm_pca, top, now=clock(), days=1000, path_length=1, serial_number=3)
    below = active_below(acm_pca, top, "Below", days=900)
    issue(acm_pca, below, Validity={"Type": "DAYS", "Value": 800})
    assert warnings() == []
    install_subordinate(acm_pca, top, now=clock(), days=500, path_length=0, serial_number=4)
    assert status(acm_pca, top) == "ACTIVE"
    ((*found,),) = warnings()
    assert found[0].startswith("It expires sooner: on ")
    assert found[1] == "Its path length gets smaller: 0 instead of 1."
    assert any("One certificate is valid for longer." in words and words.startswith("Test CA: ") for words in found)
    (broken,) = (words for words in found if words.startswith("Below: "))
    assert broken.startswith(
        "Below: Its chain no longer verifies. “Test CA” allows 0 levels of CAs below it, and there is 1."
    )
    (ended, *_) = (
        each.record["additionalEventData"]
        for each in rt.audit.newest("000000000000", now=clock())
        if each.record["eventName"] == "ImportCertificateAuthorityCertificate"
    )
    assert ended["warnings"] == found
