"""The disk of a running server fails: clients get a named error or a right answer, and afterwards all goes on."""

from __future__ import annotations

import signal
import time
import urllib.request
from dataclasses import dataclass, field
from errno import EIO, ENOSPC
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.x509.ocsp import load_der_ocsp_response

from tests.faults.disk import preload
from tests.faults.disk.load import Acknowledged
from tests.faults.disk.preload import Shim
from tests.faults.disk.promises import PENDING_SECONDS, broken
from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, csr
from tests.support.home import Home
from tests.support.ocsp_requests import ON, REVOKED, STATUS, authority, request_for
from tests.support.revocations import revoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(preload.COMPILER is None, reason="needs a C compiler")
# The calls that fail, a part of the paths, and the error.
FAILING: dict[str, tuple[tuple[str, ...], str, int]] = {
    "disk is full": (("write",), "", ENOSPC),
    "log of the database cannot be synced": (("sync",), "signet.db-wal", EIO),
    "database cannot be read": (("read",), "signet.db", EIO),
    "log of the database cannot be written": (("write",), "signet.db-wal", EIO),
    "nothing can be synced": (("sync",), "", EIO),
    "audit record cannot be written": (("write",), "/audit/", ENOSPC),
    "audit record cannot be synced": (("sync",), "/audit/", EIO),
    "keys cannot be read": (("read", "open"), "/keys/", EIO),
    "keys cannot be written": (("write", "name"), "/keys/", ENOSPC),
    "buckets cannot be written": (("write", "open", "name"), "/buckets/", ENOSPC),
    "journal cannot be written": (("write", "open", "name"), "/journal/", ENOSPC),
    "journal cannot be read": (("read",), "/journal/", EIO),
}
USUAL = ("disk is full", "log of the database cannot be synced")
NAMED = {"ServiceUnavailable", "ThrottlingException", "RequestInProgressException", "RequestFailedException"}
RIGHT = {"ok", "RequestAlreadyProcessedException"}  # the last one that could be issued may be revoked already
MENDED_SECONDS = 45  # a process believes for 30 seconds that its journal cannot be read


@dataclass
class Victim:
    """A server whose disk fails, its CA, what was acknowledged, and an OCSP request about what is revoked."""

    home: Home
    shim: Shim
    client: Any
    arn: str = ""
    seen: Acknowledged = field(default_factory=Acknowledged)
    question: bytes = b""

    def prepare(self) -> None:
        self.arn = active_root(self.client, RevocationConfiguration=CRL_CONFIGURATION | ON)
        self.seen.authorities.append((0, self.arn))
        self.issue()
        revoked = fetch(self.client, self.arn, self.seen.certificates[0][1])
        self.revoke()
        self.question = request_for(revoked, authority(self.client, self.arn))

    def issue(self) -> None:
        made = issue(self.client, self.arn, Csr=csr())
        self.seen.certificates.append((0, made, ""))

    def revoke(self) -> None:
        """Revoke the certificate that was issued last."""
        made = self.seen.certificates[-1][1]
        revoke(self.client, self.arn, made)
        self.seen.revocations.append((0, self.arn, int(serial_of(made), 16)))

    def read(self) -> None:
        fetch(self.client, self.arn, self.seen.certificates[0][1])

    def ask(self) -> None:
        """Query OCSP."""
        with urllib.request.urlopen(f"{self.home.url}/ocsp", data=self.question, timeout=10) as found:
            answer = load_der_ocsp_response(found.read())
        if answer.response_status is STATUS.SUCCESSFUL:
            assert answer.certificate_status is REVOKED

    def look(self) -> None:
        """Get the CRL."""
        with urllib.request.urlopen(
            f"{self.home.url}/crl-bucket/crl/{self.arn.rsplit('/', 1)[1]}.crl", timeout=10
        ) as found:
            assert x509.load_der_x509_crl(found.read()).next_update_utc is not None


def outcome(act: Callable[[], None]) -> str:
    """How a call ended, as its client sees it."""
    try:
        act()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except HTTPError as error:
        return {503: "ServiceUnavailable"}.get(error.code, str(error))
    return "ok"


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    work = tmp_path_factory.mktemp("errors")
    (work / "home").mkdir(mode=0o700)
    shim = Shim(work / "home", work)
    home = Home(work / "home", SIGNET_PENDING_SECONDS=str(PENDING_SECONDS), **shim.environment)
    home.start()
    made = Victim(home, shim, home.client())
    made.prepare()
    yield made
    if home.process is not None:
        home.stop(signal.SIGKILL)


def test_disk_that_fails_and_works_again_loses_nothing(
    request: pytest.FixtureRequest, victim: Victim, record_property: Callable[[str, object], None]
) -> None:
    """Errors are named, what is revoked is never called good, and a few seconds after the last error all goes on."""
    cases = FAILING if request.config.getoption("--whole") else USUAL
    calls = failed = 0
    for name in cases:
        kinds, match, error = FAILING[name]
        victim.shim.fail(kinds, match, error=error)
        ends = [outcome(act) for act in (victim.issue, victim.revoke, victim.read, victim.ask, victim.look) * 3]
        assert set(ends) <= NAMED | RIGHT, (name, ends)
        calls, failed = calls + victim.shim.mend(), failed + sum(end in NAMED for end in ends)
        deadline = time.monotonic() + MENDED_SECONDS
        while "ok" not in (ends := [outcome(victim.issue)]) and time.monotonic() < deadline:
            time.sleep(0.2)
        after = [*ends, outcome(victim.revoke), outcome(victim.look)]
        assert after == ["ok"] * 3, name
    assert calls
    victim.home.stop(signal.SIGKILL)
    assert broken(victim.home.data, victim.seen, 0) == []
    record_property("disk errors", f"{len(cases)} kinds, {calls} calls of the disk, {failed} calls of clients, 0 lost")
