"""The one place where a CA key is used: CSRs, certificates and CRLs alike.

Whatever is signed here has been recorded before as an intent with the same SHA-256.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib import logs
from chalicelib.operations import lookup
from chalicelib.pki import signed

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime


class WrongKeyError(Exception):
    """The key that the store names is not the key in the CA's certificate."""


def tbs_sha256(tbs_der: bytes) -> str:
    """Hex SHA-256 of what is to be signed: its name in records and in the log."""
    return hashlib.sha256(tbs_der).hexdigest()


def sign(
    rt: Runtime, ca: CertificateAuthority, purpose: str, tbs_der: bytes, signing_algorithm: str, **details: object
) -> bytes:
    """Sign with the CA's key; the signature is verified before it is returned.

    Args:
        rt: the runtime.
        ca: whose key.
        purpose: "CSR", "CERTIFICATE" or "CRL".
        tbs_der: what is signed; its SHA-256 is on record already.
        signing_algorithm: a `SigningAlgorithm` of the model.
        **details: serial or CRL number, for the log.

    Raises:
        KeyStoreError: the key cannot be used.
        WrongKeyError: the key does not belong to the CA's certificate; nothing was signed.
    """
    details |= {"tbs_sha256": tbs_sha256(tbs_der)}
    logs.audit("before", purpose, ca.arn, details)
    try:
        key = rt.keys.private_key(ca.key_id or "", ca.arn)
        if ca.certificate_der is not None:
            spki_der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if spki_der != lookup.issuer_of(ca).spki_der:
                raise WrongKeyError(f"The key {ca.key_id} is not the key in the certificate of {ca.arn}.")
        signed_der = signed.sign(tbs_der, key, signing_algorithm)
    except Exception:
        logs.audit("failed", purpose, ca.arn, details)
        raise
    logs.audit("after", purpose, ca.arn, details)
    return signed_der
