"""Delegated OCSP responders: a key for each CA, certified by the one path that issues, and renewed before it expires.

The CA signs its answers itself while no responder is usable: before the first one exists, if its certificate would
expire before an answer does, and from its revocation until the next reconciliation renews it. With keys in KMS it never
does, because the role that answers may not use the key of a CA: then there is no answer before the first responder, and
the last answers expire with their responder's certificate. Shortly before a CA expires, no responder is made that could
not sign, or not for longer than the present one.

Source: RFC 6960 sections 2.6 and 4.2.2.2.1 (id-pkix-ocsp-nocheck).
"""

from __future__ import annotations

import base64
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import clock, errors, logs
from chalicelib.ca import signing, state
from chalicelib.identities import SIGNET
from chalicelib.pki.asn1 import oids, pem
from chalicelib.pki.x509 import csr, reading
from chalicelib.runtime import Caller
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from chalicelib import shapes
    from chalicelib.records import CertificateAuthority, OcspResponder
    from chalicelib.runtime import Runtime

    Issue = Callable[[Runtime, Caller, shapes.IssueCertificateRequest], shapes.IssueCertificateResponse]

REQUESTED_BY = "signet-ocsp"
TEMPLATE = "OCSPSigningCertificate_APIPassthrough"
ANSWERS_FOR = timedelta(hours=12)
_LIFE = timedelta(days=30)
_SHORT_LIFE = timedelta(days=6)  # a CA in SHORT_LIVED_CERTIFICATE mode issues for at most seven days
_LEAST = timedelta(minutes=1)
_RETRY = timedelta(hours=1)
_NULL = base64.b64encode(b"\x05\x00").decode()


def key_arn_of(ca_arn: str, generation: int) -> str:
    """The ARN by which the keystore knows a responder's key: it is known before the key is made."""
    ca = arns.parse_ca_arn(ca_arn)
    return str(replace(ca, ca_id=str(uuid.uuid5(uuid.UUID(ca.ca_id), f"ocsp-responder-{generation}"))))


def sign_alone(rt: Runtime) -> bool:
    """Tell whether the CA's own key never signs an answer."""
    return rt.settings.ocsp_signer == "delegated" and rt.settings.keys == "kms"


def usable(rt: Runtime, ca: CertificateAuthority, until: datetime) -> OcspResponder | None:
    """The responder of a CA, if it is valid now and until then, not revoked, and the settings want one."""
    if rt.settings.ocsp_signer != "delegated":
        return None
    responder = rt.store.get_responder(ca.arn)
    if responder is None or not responder.certificate_der:
        return None
    certificate = reading.parse_certificate(responder.certificate_der)
    record = rt.store.get_certificate(ca.arn, certificate.serial_number)
    revoked = record is None or record.revoked_at is not None
    begun = certificate.not_before <= rt.now()  # false after a clock that ran fast
    return responder if begun and until <= certificate.not_after and not revoked else None


@lru_cache(maxsize=256)
def _key(certificate_der: bytes) -> tuple[bytes, PublicKeyTypes]:
    """The public key in a certificate, as it is encoded and as an object."""
    certificate = reading.parse_certificate(certificate_der)
    return certificate.spki_der, certificate.public_key


def not_after_of(responder: OcspResponder) -> datetime:
    """When a responder's certificate expires."""
    return reading.parse_certificate(responder.certificate_der).not_after


def spki_of(responder: OcspResponder) -> bytes:
    """The public key in a responder's certificate."""
    return _key(responder.certificate_der)[0]


def sign(rt: Runtime, responder: OcspResponder, purpose: str, tbs_der: bytes, signing_algorithm: str) -> bytes:
    """Sign with a responder's key."""
    _, public_key = _key(responder.certificate_der)
    key = signing.Key(responder.key_id, responder.key_arn, responder.ca_arn, public_key)
    return signing.sign_with(rt, key, purpose, tbs_der, signing_algorithm)


def rotate(rt: Runtime, ca_arn: str, issue: Issue) -> bool:
    """Renew a CA's responder with the next key and certificate, if they are due.

    Args:
        rt: the runtime.
        ca_arn: the CA.
        issue: the one path that issues, `certificates.issue_certificate`, which lies above this one.

    Returns:
        True if it was renewed. A failure is retried after an hour, while the old certificate is still valid.

    Raises:
        ConflictError: another run was faster.
    """
    if rt.settings.ocsp_signer != "delegated":
        return False
    ca, old = rt.store.get_certificate_authority(ca_arn), rt.store.get_responder(ca_arn)
    if ca is None or old is None or old.due_at > rt.now():
        return False
    if state.status_of(ca, rt.now()) != "ACTIVE" or not _would_help(rt, ca, old):
        rt.store.update_responder(old, replace(old, due_at=rt.now() + _RETRY))
        return False
    try:
        new = _certified(rt, ca, old, issue)
    except Exception as error:
        if isinstance(error, errors.MalformedCSRException):  # the key was revoked as compromised: the next one is new
            _delete_key(rt, key_arn_of(ca_arn, old.generation + 1))
        rt.store.update_responder(old, replace(old, due_at=rt.now() + _RETRY))
        raise
    rt.store.update_responder(old, new)
    if old.generation > 1:  # the one before may be signing at this very moment
        _delete_key(rt, key_arn_of(ca_arn, old.generation - 1))
    logs.log("ocsp_responder_rotated", ca=ca_arn, generation=new.generation)
    return True


def after_the_clock_went_back(rt: Runtime) -> None:
    """Make every responder due that a clock that ran ahead certified or put off; the old key may be gone."""
    now = rt.now()
    for ca_arn in list(rt.store.iter_due("RESPONDER", since=now, now=clock.EVER)):
        responder = rt.store.get_responder(ca_arn)
        if responder is not None and _is_put_off(responder, now):
            with suppress(ConflictError):  # its certificate was revoked, or another run renews it: it is due
                rt.store.update_responder(responder, replace(responder, due_at=now))


def _is_put_off(responder: OcspResponder, now: datetime) -> bool:
    if not responder.certificate_der:
        return True
    certificate = reading.parse_certificate(responder.certificate_der)
    return certificate.not_before > now or responder.due_at > now + _LIFE / 2


def _would_help(rt: Runtime, ca: CertificateAuthority, old: OcspResponder) -> bool:
    """Return whether a new certificate could sign, and for longer than the old one, if that can."""
    now, not_after = rt.now(), _next_not_after(rt, ca)
    if not_after < now + (_LEAST if sign_alone(rt) else ANSWERS_FOR):
        return False
    return usable(rt, ca, now) is None or reading.parse_certificate(old.certificate_der).not_after < not_after


def _next_not_after(rt: Runtime, ca: CertificateAuthority) -> datetime:
    """When a certificate issued now would expire: with the CA at the latest."""
    wanted = rt.now().replace(microsecond=0) + (_SHORT_LIFE if ca.usage_mode == "SHORT_LIVED_CERTIFICATE" else _LIFE)
    return min(wanted, state.issuer_of(ca).not_after or wanted)


def _delete_key(rt: Runtime, key_arn: str) -> None:
    rt.keys.delete_key(rt.keys.key_id_of(key_arn), key_arn)


def _certified(rt: Runtime, ca: CertificateAuthority, old: OcspResponder, issue: Issue) -> OcspResponder:
    generation = old.generation + 1
    key_arn = key_arn_of(ca.arn, generation)
    configuration = ca.configuration | {"Subject": {"CommonName": f"OCSP responder {generation}"}}
    configuration.pop("CsrExtensions", None)
    key_id = rt.keys.create_key(key_arn, configuration["KeyAlgorithm"], purpose="ocsp-key")
    tbs_der = csr.build_ca_csr_tbs(configuration, rt.keys.private_key(key_id, key_arn).public_key())
    key = signing.Key(key_id, key_arn, ca.arn)
    algorithm = configuration["SigningAlgorithm"]
    csr_der = signing.sign_with(rt, key, "CSR", tbs_der, algorithm)
    # The next run takes up the certificate of a run that died; not if it was revoked, which moved the due time.
    token = f"responder-{generation}-{old.due_at.timestamp():.6f}"
    certificate_der, not_after = _issued(rt, ca, csr_der, token, issue)
    now = rt.now()
    return replace(
        old,
        generation=generation,
        key_arn=key_arn,
        key_id=key_id,
        certificate_der=certificate_der,
        due_at=now + (not_after - now) / 2,
    )


def _issued(rt: Runtime, ca: CertificateAuthority, csr_der: bytes, token: str, issue: Issue) -> tuple[bytes, datetime]:
    """Issue the responder's certificate: DigitalSignature, OCSPSigning, and id-pkix-ocsp-nocheck for its own status."""
    parsed_arn = arns.parse_ca_arn(ca.arn)
    request: shapes.IssueCertificateRequest = {
        "CertificateAuthorityArn": ca.arn,
        "Csr": pem.encode(csr_der, "CERTIFICATE REQUEST").encode(),
        "SigningAlgorithm": ca.configuration["SigningAlgorithm"],
        "TemplateArn": str(arns.TemplateArn(parsed_arn.partition, TEMPLATE)),
        "Validity": {"Type": "ABSOLUTE", "Value": int(_next_not_after(rt, ca).timestamp())},
        "IdempotencyToken": token,
        "ApiPassthrough": {
            "Extensions": {
                "CustomExtensions": [{"ObjectIdentifier": oids.OCSP_NO_CHECK, "Value": _NULL, "Critical": False}]
            }
        },
    }
    caller = Caller(
        account_id=parsed_arn.account_id,
        access_key_id=REQUESTED_BY,
        principal=SIGNET,
        operation="IssueCertificate",
    )
    arn = issue(rt, caller, request)["CertificateArn"]
    record = rt.store.get_certificate(ca.arn, arns.parse_certificate_arn(arn).serial_number)
    if record is None or record.certificate_der is None:
        raise LookupError(f"The certificate {arn} was not issued.")
    return record.certificate_der, record.not_after


def forget(rt: Runtime, ca_arn: str) -> None:
    """Destroy a responder's keys, with its CA's."""
    responder = rt.store.get_responder(ca_arn)
    for generation in range(max(1, responder.generation - 1), responder.generation + 2) if responder else ():
        _delete_key(rt, key_arn_of(ca_arn, generation))
