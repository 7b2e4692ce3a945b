"""The lease of a publisher that was killed ends at once where the server's lock proves it dead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.crl import publication
from chalicelib.crl.folding import LEASE
from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.revocations import published, revoke, serials

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime
    from tests.faults.world import Clock


@pytest.mark.parametrize(
    ("holders", "result"),
    [
        (("dead", "alive"), "published"),
        (("alive", "alive"), "skipped"),  # another thread of this server
        (("", "alive"), "skipped"),  # `signet crl publish` may be running
        (("alive", ""), "skipped"),
        (("", ""), "skipped"),
    ],
)
def test_next_server_takes_over_the_lease_of_a_dead_one_alone(
    acm_pca: Any, rt: Runtime, clock: Clock, holders: tuple[str, str], result: str
) -> None:
    holder, successor = holders
    arn = active_root(acm_pca)
    issued = issue(acm_pca, arn)
    revoke(acm_pca, arn, issued)
    taken = rt.store.reserve_crl(arn, number=1, now=clock(), lease_until=clock() + LEASE, server=holder)
    assert taken is not None
    assert taken.lease_holder == (holder or None)
    clock.forward(seconds=1)
    assert publication.publish_crl(replace(rt, server=successor), arn).result == result
    assert serials(published(rt, arn)) == ({int(serial_of(issued), 16)} if result == "published" else set())
    clock.forward(seconds=45)
    assert publication.publish_crl(replace(rt, server=successor), arn).result == (
        "skipped" if result == "published" else "published"
    )
    state = rt.store.get_crl_state(arn)
    assert state is not None
    assert (state.lease_until, state.lease_holder) == (None, None)
