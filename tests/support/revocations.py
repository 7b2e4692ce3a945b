"""Revoke certificates, and read the CRLs that a home has published."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from tests.support.authority_steps import serial_of


def revoke(client: Any, arn: str, certificate_arn: str, reason: str = "SUPERSEDED") -> None:
    client.revoke_certificate(
        CertificateAuthorityArn=arn, CertificateSerial=serial_of(certificate_arn), RevocationReason=reason
    )


def published(rt: Any, arn: str, bucket: str = "crl-bucket") -> x509.CertificateRevocationList:
    stored = rt.buckets.get(bucket, f"crl/{arn.rsplit('/', 1)[1]}.crl")
    return x509.load_der_x509_crl(stored.body)


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def serials(crl: x509.CertificateRevocationList) -> set[int]:
    return {entry.serial_number for entry in crl}
