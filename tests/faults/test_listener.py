"""Death and outages while the TLS listener gets its certificate: the next start has one, under one root."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from chalicelib import errors, reconcile
from chalicelib.ca import iterate, listener, state
from chalicelib.config import Settings
from chalicelib.local.listener_certificate import ensured
from chalicelib.runtime import Runtime, from_settings
from tests.faults.fault_ports import FAULTS, OUTAGES, Faults, FaultyPort, ProcessDiedError, Site
from tests.faults.world import Clock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.laptop, pytest.mark.slow]
RENEWAL_DAYS = 21


def opened(home: Path, clock: Clock, faults: Faults) -> Runtime:
    rt = replace(from_settings(Settings(data=str(home))), now=clock)
    ports: dict[str, Any] = {name: FaultyPort(getattr(rt, name), name, faults) for name in ("store", "keys", "events")}
    return replace(rt, **ports)


def sites(home: Path, clock: Clock) -> list[Site]:
    faults = Faults()
    ensured(opened(home, clock, faults))
    return faults.seen


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("is_renewal", [False, True], ids=["first", "renewal"])
def test_any_call_may_fail(tmp_path: Path, fault: str, is_renewal: bool) -> None:
    clock, before = Clock(), tmp_path / "before"
    root = ensured(opened(before, clock, Faults())).root if is_renewal else ""
    if is_renewal:
        clock.forward(days=RENEWAL_DAYS)
    else:
        from_settings(Settings(data=str(before))).store.list_accounts()
    counted = tmp_path / "counted"
    shutil.copytree(before, counted)
    found = sites(counted, clock)
    assert len(found) > 10
    for number, site in enumerate(found):
        home = tmp_path / str(number)
        shutil.copytree(before, home)
        faults = Faults(site, fault)
        with suppress(ProcessDiedError, errors.ApiError, *OUTAGES.values()):
            ensured(opened(home, clock, faults))
        assert faults.fired, site
        rt = opened(home, clock, Faults())
        reconcile.reconcile(rt)
        identity = ensured(rt)
        certificate, issuer = (
            x509.load_pem_x509_certificate(text.encode()) for text in (identity.certificate, identity.root)
        )
        certificate.verify_directly_issued_by(issuer)
        assert listener.private_key(rt, identity).public_key() == certificate.public_key()
        active = [ca for ca in iterate.of_account(rt, listener.ACCOUNT) if state.status_of(ca, rt.now()) == "ACTIVE"]
        assert len(active) == 1, site
        assert identity.root == root or not is_renewal, site
        shutil.rmtree(home)
