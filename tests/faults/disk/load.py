"""Clients of a home that remember what was acknowledged, and when by the record of the shim."""

from __future__ import annotations

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509

from tests.support.authority_steps import active_root, issue, serial_of
from tests.support.builders import csr

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.disk.preload import Shim
    from tests.support.home import Home


@dataclass
class Acknowledged:
    """Answers, each with the size of the record when it had arrived: whatever it promises happened before.

    Attributes:
        certificates: ARN and PEM; the PEM is empty until it was fetched.
        revocations: the ARN of a CA and a serial number.
        numbers: of CRLs that a client got at a distribution point.
    """

    authorities: list[tuple[int, str]] = field(default_factory=list)
    certificates: list[tuple[int, str, str]] = field(default_factory=list)
    revocations: list[tuple[int, str, int]] = field(default_factory=list)
    numbers: list[tuple[int, str, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def count(self) -> int:
        """How many answers there were."""
        return len(self.authorities) + len(self.certificates) + len(self.revocations) + len(self.numbers)


class Load:
    """Writers that go on until they are stopped, or the server is."""

    def __init__(self, home: Home, shim: Shim) -> None:
        self.seen, self._home, self._shim = Acknowledged(), home, shim
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, writers: int) -> None:
        """Make a CA, and start to issue and revoke."""
        client = self._home.client()
        arn = active_root(client)
        self.seen.authorities.append((self._shim.position(), arn))
        runs: list[Callable[[], None]] = [lambda: self._write(self._home.client(), arn)] * writers
        self._threads = [
            threading.Thread(target=run)
            for run in (*runs, lambda: self._read(arn), lambda: self._ask_twice(arn), self._create)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> None:
        """Let the clients work, for longer if they have not revoked and read by then."""
        self._stopping.wait(seconds)
        while len(self.seen.revocations) < 3 or not self.seen.numbers:
            self._stopping.wait(0.1)

    def stop(self) -> Acknowledged:
        """Stop the clients; returns what they have seen."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    def _until_stopped(self, act: Callable[[int], None]) -> None:
        number = 0
        while not self._stopping.is_set():
            try:
                act(number)
            except Exception as error:  # noqa: BLE001  nothing was acknowledged
                self.seen.errors.append(f"{type(error).__name__}: {error}")
                self._stopping.wait(0.05)
            number += 1

    def _write(self, client: Any, arn: str) -> None:
        request = csr()

        def act(number: int) -> None:
            made = issue(client, arn, Csr=request)
            self.seen.certificates.append((self._shim.position(), made, ""))
            if number % 4 == 0:
                found = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=made)["Certificate"]
                self.seen.certificates.append((self._shim.position(), made, found))
            if number % 3 == 0:
                serial = serial_of(made)
                client.revoke_certificate(
                    CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED"
                )
                self.seen.revocations.append((self._shim.position(), arn, int(serial, 16)))

        self._until_stopped(act)

    def _ask_twice(self, arn: str) -> None:
        """Issue by two calls at once with one token: one of them may meet an intent that nobody has waited for."""
        clients, request = (self._home.client(), self._home.client()), csr()

        def ask(client: Any, number: int) -> None:
            made = issue(client, arn, Csr=request, IdempotencyToken=f"twice-{number}")
            self.seen.certificates.append((self._shim.position(), made, ""))

        def act(number: int) -> None:
            with ThreadPoolExecutor(2) as threads:
                for call in [threads.submit(ask, client, number) for client in clients]:
                    call.result()

        self._until_stopped(act)

    def _read(self, arn: str) -> None:
        url = f"{self._home.url}/crl-bucket/crl/{arn.rsplit('/', 1)[1]}.crl"

        def act(_: int) -> None:
            with urllib.request.urlopen(url, timeout=5) as answer:
                crl = x509.load_der_x509_crl(answer.read())
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            self.seen.numbers.append((self._shim.position(), arn, number))
            self._stopping.wait(0.2)

        self._until_stopped(act)

    def _create(self) -> None:
        client = self._home.client()

        def act(_: int) -> None:
            arn = active_root(client)
            self.seen.authorities.append((self._shim.position(), arn))
            self._stopping.wait(1)

        self._until_stopped(act)
