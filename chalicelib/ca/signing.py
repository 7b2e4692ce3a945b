"""The one place where a CA key is used: CSRs, certificates, CRLs and OCSP answers alike.

For CSRs, certificates and CRLs, an intent with the same SHA-256 is on record before. An OCSP answer promises nothing
that the store does not hold already: its intent is the line in the log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import logs
from chalicelib.ca import state
from chalicelib.pki.x509 import signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


_STATUS = "OCSP"  # its answers are judged one by one, in `ocsp.answers`


class WrongKeyError(Exception):
    """The key that the store names is not the key in the CA's certificate."""


class Key(NamedTuple):
    """A key in the keystore: its id, the ARN it was made for, its CA, and the public key in its certificate."""

    key_id: str
    arn: str
    ca_arn: str
    public_key: PublicKeyTypes | None = None


def tbs_sha256(tbs_der: bytes) -> str:
    """Hex SHA-256 of what will be signed, which names it in records and in the log."""
    return hashlib.sha256(tbs_der).hexdigest()


def sign(
    rt: Runtime, ca: CertificateAuthority, purpose: str, tbs_der: bytes, signing_algorithm: str, **details: object
) -> bytes:
    """Sign with the CA's key; the signature is verified before it is returned.

    Args:
        rt: the runtime.
        ca: the CA whose key signs.
        purpose: "CSR", "CERTIFICATE", "CRL" or "OCSP".
        tbs_der: what is signed; its SHA-256 is on record already.
        signing_algorithm: a `SigningAlgorithm` of the model.
        **details: serial or CRL number, for the log; `tbs_sha256` too, where the caller has it.

    Raises:
        KeyStoreError: the key cannot be used.
        WrongKeyError: the key does not belong to the CA's certificate; nothing was signed.
        NotServingError: the database and its journal do not go together; nothing was signed.
    """
    public_key = state.issuer_of(ca).public_key if ca.certificate_der is not None else None
    key = Key(ca.key_id or "", ca.arn, ca.arn, public_key)
    return sign_with(rt, key, purpose, tbs_der, signing_algorithm, **details)


def sign_with(rt: Runtime, key: Key, purpose: str, tbs_der: bytes, signing_algorithm: str, **details: object) -> bytes:
    """Sign with a key for a CA; otherwise as `sign`."""
    if purpose != _STATUS:
        rt.journal.require(rt.now())
    details = {"tbs_sha256": details.get("tbs_sha256") or tbs_sha256(tbs_der)} | details
    logs.audit("before", purpose, key.ca_arn, details)
    try:
        private_key = rt.keys.private_key(key.key_id, key.arn)
        if key.public_key is not None and private_key.public_key() != key.public_key:
            raise WrongKeyError(f"The key {key.key_id} is not the key in the certificate of {key.arn}.")
        signed_der = signed.sign(tbs_der, private_key, signing_algorithm, key.public_key)
    except Exception:
        logs.audit("failed", purpose, key.ca_arn, details)
        raise
    logs.audit("after", purpose, key.ca_arn, details)
    return signed_der
