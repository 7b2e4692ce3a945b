"""Issuing and renewing the certificate of the TLS listener, by the API and on record like any other certificate."""

from __future__ import annotations

import logging
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib import arn as arns
from chalicelib import hosts, logs
from chalicelib.api.client import Client
from chalicelib.audit import notes
from chalicelib.ca import find, listener, state
from chalicelib.identities import ADMINISTRATOR
from chalicelib.keystore import KeyStoreError
from chalicelib.local import host_names
from chalicelib.pki.asn1 import pem
from chalicelib.regions import named_standard
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from chalicelib.ca.listener import Identity
    from chalicelib.config import Settings
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

_ROOT_DAYS, _DAYS = 3650, 30
_RENEWED_AFTER = 2 / 3  # of the certificate's life
_RETRY_SECONDS = 60.0
_FIRST = ("localhost", "127.0.0.1", "::1")


class NoCertificateError(Exception):
    """No certificate for the listener can be issued; the text is a sentence for a person."""


def names_of(settings: Settings) -> list[str]:
    """List the names in the certificate: those under which the home answers, and which a certificate can contain."""
    names = {name.strip("[]") for name in host_names.names_of(settings)} - {*_FIRST}
    return [*_FIRST, *sorted(name for name in names if hosts.is_literal(name) or _is_dns_name(name))]


def _is_dns_name(name: str) -> bool:
    return hosts.is_host_name(name) and "_" not in name


def ensured(rt: Runtime) -> Identity:
    """Return the certificate, renewed if it is due, has other names than the settings, or cannot be used.

    One process of a home calls this: the others only read.

    Raises:
        NoCertificateError: the owner has disabled the CA.
        ApiError, KeyStoreError, StoreError, AuditError, OSError: no certificate can be issued now.
    """
    identity, names = listener.read(rt.settings), names_of(rt.settings)
    if identity is not None and not identity.is_due(rt.now()) and identity.names == names and _is_current(rt, identity):
        return identity
    with notes.arriving(notes.Origin("schedule")):
        ca = _authority(rt)
        made = _issued(rt, ca, names)
    listener.write(rt.settings, made)
    logs.log("listener_certificate_issued", names=",".join(names), not_after=made.not_after, ca=ca.arn)
    return made


def _is_current(rt: Runtime, identity: Identity) -> bool:
    """Return whether the CA is there and its key opens: a home that was restored may have another file."""
    ca = rt.store.get_certificate_authority(identity.ca_arn)
    if ca is None or state.status_of(ca, rt.now()) not in {"ACTIVE", "DISABLED"}:
        return False
    try:
        listener.private_key(rt, identity)
    except KeyStoreError:
        logs.log("listener_key_unreadable", logging.WARNING)
        return False
    return True


def _client(rt: Runtime) -> Client:
    return Client(rt, Caller(account_id=listener.ACCOUNT, access_key_id="", principal=ADMINISTRATOR))


def _authority(rt: Runtime) -> CertificateAuthority:
    """Return the CA; create it, or finish it after a crash that left it without its certificate.

    Raises:
        NoCertificateError: it is disabled.
    """
    ca = listener.authority(rt)
    status = "" if ca is None else state.status_of(ca, rt.now())
    if ca is not None and status == "DISABLED":
        raise NoCertificateError(f"The CA of the TLS listener is disabled: activate {ca.arn}.")
    if ca is None or (status == "ACTIVE" and not _outlives(ca, rt.now())):
        ca = _created(rt)
        status = ca.status
    if status == "PENDING_CERTIFICATE":
        _activate(rt, ca.arn)
    return _record(rt, ca.arn)


def _outlives(ca: CertificateAuthority, now: datetime) -> bool:
    """Return whether the CA is valid for longer than a certificate that it would issue now."""
    not_after = state.not_after_of(ca)
    return not_after is not None and (not_after - now).days > _DAYS


def _record(rt: Runtime, ca_arn: str) -> CertificateAuthority:
    ca = rt.store.get_certificate_authority(ca_arn)
    if ca is None:
        raise NoCertificateError(f"The CA of the TLS listener has just been deleted: {ca_arn}.")
    return ca


def _created(rt: Runtime) -> CertificateAuthority:
    configuration = {
        "KeyAlgorithm": "EC_prime256v1",
        "SigningAlgorithm": "SHA256WITHECDSA",
        "Subject": {"Organization": "Signet", "CommonName": f"TLS listener {rt.new_id()[:8]}"},
    }
    answer = _client(rt).call(
        "CreateCertificateAuthority",
        CertificateAuthorityType="ROOT",
        CertificateAuthorityConfiguration=configuration,
        Tags=[{"Key": "Name", "Value": "TLS listener of this home"}],
        **named_standard(rt.settings.region),
    )
    return _record(rt, answer["CertificateAuthorityArn"])


def _activate(rt: Runtime, ca_arn: str) -> None:
    client = _client(rt)
    csr = client.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=ca_arn)["Csr"]
    certificate = _certificate(rt, ca_arn, csr.encode(), "RootCACertificate", _ROOT_DAYS)
    client.call(
        "ImportCertificateAuthorityCertificate", CertificateAuthorityArn=ca_arn, Certificate=certificate.encode()
    )


def _certificate(rt: Runtime, ca_arn: str, csr: bytes, template: str, days: int) -> str:
    """Let the CA issue a certificate; returns it in PEM."""
    client = _client(rt)
    answer = client.call(
        "IssueCertificate",
        CertificateAuthorityArn=ca_arn,
        Csr=csr,
        SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn=str(arns.TemplateArn(arns.parse_ca_arn(ca_arn).partition, template)),
        Validity={"Type": "DAYS", "Value": days},
    )
    return client.call("GetCertificate", CertificateAuthorityArn=ca_arn, CertificateArn=answer["CertificateArn"])[
        "Certificate"
    ]


def _issued(rt: Runtime, ca: CertificateAuthority, names: Sequence[str]) -> Identity:
    """Issue a certificate for a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [
        x509.IPAddress(ip_address(name)) if hosts.is_literal(name) else x509.DNSName(name) for name in names
    ]
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    text = _certificate(find.at(rt, ca.arn), ca.arn, csr, "EndEntityServerAuthCertificate", _DAYS)
    certificate = x509.load_pem_x509_certificate(text.encode())
    now, not_after = rt.now(), certificate.not_valid_after_utc
    return listener.Identity(
        ca_arn=ca.arn,
        root=pem.encode((ca.certificate_der or b"", *ca.chain_der)[-1]),
        certificate=text,
        sealed_key=listener.sealed(rt, key),
        names=list(names),
        not_before=certificate.not_valid_before_utc.isoformat(timespec="seconds"),
        renew_at=(now + _RENEWED_AFTER * (not_after - now)).isoformat(timespec="seconds"),
        not_after=not_after.isoformat(timespec="seconds"),
    )


class Keeper:
    """The listener's certificate in one process: the leading process renews it, the others read its file."""

    def __init__(self, rt: Runtime, *, leads: bool) -> None:
        """Read the certificate; raises as `ensured`, unless there is one that has not expired."""
        self._rt, self._leads, self._next_try = rt, leads, 0.0
        self._seen, self._on_disk = self._stamp(), listener.read(rt.settings)
        found = self._ensured(self._on_disk) if leads else self._on_disk
        if found is None:
            raise NoCertificateError("The TLS listener has no certificate: its file was removed.")
        self.identity: Identity = found

    def _ensured(self, found: Identity | None) -> Identity:
        try:
            return ensured(self._rt)
        except Exception:
            if found is None or found.has_expired(self._rt.now()):
                raise
            logs.log_exception("listener_certificate_failed", not_after=found.not_after)
            return found

    def look(self) -> bool:
        """Return whether there is a new certificate, after renewing it if it is due; a failure is logged."""
        try:
            found = self._found()
        except Exception:  # noqa: BLE001  the present certificate serves on; a later look is the retry
            logs.log_exception("listener_certificate_failed", not_after=self.identity.not_after)
            return False
        if found is None or found == self.identity:
            return False
        self.identity = found
        return True

    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """Open the key of the certificate; raises `KeyStoreError`."""
        return listener.private_key(self._rt, self.identity)

    def _found(self) -> Identity | None:
        """Return what the file has; the leading process first renews what is due, lost or damaged."""
        stamp, moment = self._stamp(), time.monotonic()
        if stamp != self._seen:
            self._seen, self._on_disk = stamp, listener.read(self._rt.settings)
        is_due = self._on_disk is None or self._on_disk.is_due(self._rt.now())
        if not self._leads or not is_due or moment < self._next_try:
            return self._on_disk
        self._next_try = moment + _RETRY_SECONDS
        return ensured(self._rt)

    def _stamp(self) -> tuple[int, int]:
        try:
            status = listener.path_of(self._rt.settings).stat()
        except FileNotFoundError:
            return (0, 0)
        return status.st_ino, status.st_mtime_ns
