"""AWS's quotas of CAs and certificates, as a setting: `none`, `aws`, or two numbers for tests.

Source: AWS Private CA, "Service quotas"; AWS Security Blog on partitioned CRLs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.crl import revocation_configuration

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

_AWS = "200,1000000"
_WITH_PARTITIONS = 100  # times as many certificates, with a partitioned CRL


def check_authorities(rt: Runtime, account_id: str) -> None:
    """See that an account may have another CA in a region; those that are DELETED count while they can be restored.

    Raises:
        LimitExceededException: it may not.
    """
    most = _quotas(rt)[0]
    if most is None or len(rt.store.list_authority_ids(account_id)) < most:
        return
    if len(rt.store.list_certificate_authorities(account_id, limit=max(most, 1), region=rt.settings.region)) >= most:
        raise errors.LimitExceededException(f"The account {account_id} has its {most} certificate authorities.")


def check_certificates(rt: Runtime, ca: CertificateAuthority) -> None:
    """See that a CA may issue another certificate.

    Raises:
        LimitExceededException: it may not.
    """
    most = _quotas(rt)[1]
    if most is None:
        return
    most *= _WITH_PARTITIONS if revocation_configuration.is_partitioned(ca) else 1
    counts = rt.store.count_of(ca.arn)
    if counts.reserved - counts.failed >= most:
        raise errors.LimitExceededException(f"The certificate authority {ca.arn} has issued its {most} certificates.")


def _quotas(rt: Runtime) -> tuple[int | None, int | None]:
    """How many CAs an account may have, and how many certificates a CA may issue."""
    if rt.settings.quotas == "none":
        return None, None
    authorities, certificates = (_AWS if rt.settings.quotas == "aws" else rt.settings.quotas).split(",")
    return int(authorities), int(certificates)
