"""The certificate of the laptop home's TLS listener, and the CA that issues it.

The CA is one like any other, in an account of its own: no list, default or quota of other accounts sees it, and its
certificates are on record all the same (ADR 21). The server's key is in a file of the data directory, sealed by the
keystore, beside its certificate; whoever renews the certificate replaces the file as a whole.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from chalicelib import files
from chalicelib.ca import iterate, state
from chalicelib.frozen import dataclass
from chalicelib.keystore import KeyStoreError

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.config import Settings
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

ACCOUNT = "000000000443"
_CONTEXT = "tls-listener"
_USABLE = ("ACTIVE", "DISABLED", "PENDING_CERTIFICATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the listener shows to its clients.

    Attributes:
        ca_arn: the CA that issued the certificate.
        root, certificate: in PEM; the root is what clients have to trust.
        sealed_key: the certificate's key, sealed by the keystore, in base64.
        names: the names in the certificate, in order.
        not_before, not_after: ISO 8601; the certificate is good between them.
        renew_at: ISO 8601; it is renewed from then on.
    """

    ca_arn: str
    root: str
    certificate: str
    sealed_key: str
    names: list[str]
    not_before: str
    renew_at: str
    not_after: str

    def is_due(self, now: datetime) -> bool:
        """Return whether the certificate is to be renewed: it nears its end, or is of a clock that was ahead."""
        return not datetime.fromisoformat(self.not_before) <= now < datetime.fromisoformat(self.renew_at)

    def has_expired(self, now: datetime) -> bool:
        """Return whether clients refuse the certificate as too old."""
        return now > datetime.fromisoformat(self.not_after)


def path_of(settings: Settings) -> Path:
    """Return the file: among the keys, so that backups have it."""
    return settings.data_path / "keys" / "tls-listener.json"


def read(settings: Settings) -> Identity | None:
    """Read the file; None if there is none, or if it is damaged, for then it is made again."""
    with suppress(FileNotFoundError, ValueError, TypeError):
        return Identity(**json.loads(path_of(settings).read_text()))
    return None


def write(settings: Settings, identity: Identity) -> None:
    """Replace the file; raises `OSError` if it cannot be written, and then nothing has changed."""
    path = path_of(settings)
    files.make_directory(path.parent)
    files.write_atomically(path, json.dumps(asdict(identity), indent=2).encode())


def sealed(rt: Runtime, key: ec.EllipticCurvePrivateKey) -> str:
    """Seal a key for the file; raises `KeyStoreError`."""
    clear = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(rt.keys.seal(clear, _CONTEXT)).decode()


def private_key(rt: Runtime, identity: Identity) -> ec.EllipticCurvePrivateKey:
    """Open the key of the certificate.

    Raises:
        KeyStoreError: it was sealed by another home, or the file was altered.
    """
    try:
        key = load_der_private_key(rt.keys.unseal(base64.b64decode(identity.sealed_key), _CONTEXT), None)
    except ValueError as error:
        raise KeyStoreError("The key of the TLS listener cannot be read.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyStoreError("The key of the TLS listener is of another kind.")
    return key


def authority(rt: Runtime) -> CertificateAuthority | None:
    """Return the CA of the listener: the newest that is active, was disabled, or waits for its certificate."""
    found = [(state.status_of(ca, rt.now()), ca) for ca in iterate.of_account(rt, ACCOUNT)]
    usable = [(-_USABLE.index(status), ca.created_at, ca) for status, ca in found if status in _USABLE]
    return max(usable, key=lambda each: each[:2])[2] if usable else None
