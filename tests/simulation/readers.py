"""Who reads CRLs in the simulation: our own reader, which sees every put and every CRL each hour, and OpenSSL.

Neither asks the store: what should be there is known from what the simulation did.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BACKDATED = timedelta(hours=1)
_REVOKED = re.compile(r"error 23 at 0 depth lookup: certificate revoked\nerror (\S+): verification failed\n")
_GOOD = re.compile(r"^(\S+): OK$", re.MULTILINE)


@dataclass
class Watched:
    """A CA, as its clients know it.

    Attributes:
        path: where its CRL is read.
        life: of its CRLs.
        revoked: acknowledged revocations by serial number: the certificate's end, and by when a CRL must show it.
        revoked_pem: a certificate that was revoked; None: none was.
        excused_until: a CRL that is late until then has been kept from publication by the simulation.
    """

    arn: str
    certificate: x509.Certificate
    path: Path
    life: timedelta
    good_pem: str
    revoked_pem: str | None = None
    revoked: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    excused_until: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    body: bytes = b""
    shown: frozenset[int] = frozenset()
    number: int = 0
    this_update: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    next_update: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def put(self, body: bytes) -> None:
        """A CRL has become visible: it has to be this CA's, after the one before it, and to invent nothing."""
        crl = x509.load_der_x509_crl(body)
        public_key: Any = self.certificate.public_key()
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        shown = frozenset(each.serial_number for each in crl)
        assert crl.issuer == self.certificate.subject
        assert crl.is_signature_valid(public_key)
        assert number > self.number, f"{self.arn}: CRL number {number} over {self.number}"
        assert crl.last_update_utc >= self.this_update, f"{self.arn}: thisUpdate went back"
        assert len(shown) == len(list(crl))
        assert shown <= self.revoked.keys(), f"{self.arn}: the CRL invents a revocation"
        vanished = [each for each in self.shown - shown if self.revoked[each][0] >= self.this_update]
        assert not vanished, f"{self.arn}: {vanished} vanished before a CRL after their expiry showed them"
        assert crl.next_update_utc is not None
        self.body, self.shown, self.number = body, shown, number
        self.this_update, self.next_update = crl.last_update_utc, crl.next_update_utc

    def check(self, now: datetime) -> None:
        """What lies at the address is what was seen there last, is fresh, and shows what it must."""
        assert self.path.read_bytes() == self.body, f"{self.arn}: another CRL than what was put"
        assert now < self.next_update, f"{self.arn}: the CRL ended at {self.next_update}, it is {now}"
        left = self.next_update - now
        assert left >= self.life / 2 or now <= self.excused_until, f"{self.arn}: {left} left of {self.life} at {now}"
        self.check_revocations(now)

    def check_revocations(self, now: datetime) -> None:
        """Every revocation is shown in time, for as long as its certificate lives."""
        late = [
            serial
            for serial, (ends, shown_by) in self.revoked.items()
            if serial not in self.shown and now < ends and now >= max(shown_by, self.excused_until)
        ]
        assert not late, f"{self.arn}: revocations {late} are not in the CRL at {now}"


def openssl_judges(watched: Sequence[Watched], now: datetime, work: Path) -> int:
    """`openssl verify -crl_check` finds each CA's good certificate good, and the revoked one revoked."""
    bundles = {
        "roots.pem": "".join(each.certificate.public_bytes(Encoding.PEM).decode() for each in watched),
        "crls.pem": "".join(_pem_of(each.path) for each in watched),
    }
    leaves = {f"good-{number}": each.good_pem for number, each in enumerate(watched)}
    shown = [
        each if each.shown and each.revoked_pem and _serial(each.revoked_pem) in each.shown else None
        for each in watched
    ]
    leaves |= {f"revoked-{number}": each.revoked_pem or "" for number, each in enumerate(shown) if each}
    for name, text in (bundles | leaves).items():
        (work / name).write_text(text)
    options = ["-crl_check", "-attime", str(int(now.timestamp())), "-CAfile", "roots.pem", "-CRLfile", "crls.pem"]
    done = subprocess.run(
        ["openssl", "verify", *options, *leaves], cwd=work, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert set(_GOOD.findall(done.stdout)) == {name for name in leaves if name.startswith("good")}, said
    assert set(_REVOKED.findall(done.stderr)) == {name for name in leaves if name.startswith("revoked")}, said
    return len(leaves)


def openssl_verifies(watched: Watched, work: Path) -> None:
    """`openssl crl -verify` finds the CA's signature on the CRL."""
    (work / "root.pem").write_bytes(watched.certificate.public_bytes(Encoding.PEM))
    command = ["openssl", "crl", "-inform", "DER", "-in", str(watched.path), "-noout", "-verify", "-CAfile", "root.pem"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    assert "verify OK" in done.stderr, done.stderr


def _pem_of(path: Path) -> str:
    return x509.load_der_x509_crl(path.read_bytes()).public_bytes(Encoding.PEM).decode()


def _serial(pem: str) -> int:
    return x509.load_pem_x509_certificate(pem.encode()).serial_number
