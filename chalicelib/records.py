"""The records of CAs and what they sign: frozen values and nothing else.

Those of access are in `identities`, those of the home itself in `home_records`. Times are aware UTC datetimes.
Wire-shaped members (`configuration`, `revocation_configuration`) hold the dictionaries of the AWS model unchanged.
Serial numbers are `int`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

# EXPIRED is not stored: ACTIVE and DISABLED become EXPIRED when the CA certificate expires.
StoredStatus = Literal["CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "FAILED", "DELETED"]
CertificateStatus = Literal["PENDING", "ISSUED", "FAILED"]
AuditReportStatus = Literal["CREATING", "SUCCESS", "FAILED"]
DueKind = Literal[
    "CRL",
    "PENDING",
    "CREATING",
    "PURGE",
    "REPORT",
    "RESPONDER",
    "SESSION",
    "DRAFT",
    "ACME-PROCESSING",
    "ACME-ORDER",
    "ACME-AUTHORIZATION",
    "ACME-USED",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyToken:
    """A client's token within its scope.

    Attributes:
        scope: account, operation and CA (or the region where there is none yet) joined by "/".
        fingerprint: SHA-256 of the parameters that must not differ under one token.
        expires_at: after that, the token counts as unused.
    """

    scope: str
    token: str
    fingerprint: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionPoint:
    """A distribution point of a CRL (RFC 5280 section 4.2.1.13), and the object in a bucket that it leads to.

    Attributes:
        bucket, key, acl: of the object; several distribution points may lead to one.
        partition: the partition of the CA's CRL; empty: the complete CRL.
        url: as certificates name it.
        until: when the last certificate that names it expires, once new ones name another; None: not known yet.
    """

    bucket: str
    key: str
    acl: str = "PUBLIC_READ"
    partition: str = ""
    url: str = ""
    until: datetime | None = None

    @property
    def issuing_distribution_point(self) -> str:
        """The URL that the CRL repeats in its IssuingDistributionPoint extension; empty for a complete CRL."""
        return self.url if self.partition else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspUrl:
    """The URL of OCSP that certificates name (RFC 5280 section 4.2.2.1); `until` as for `DistributionPoint`."""

    url: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The actions an AWS service may take at a CA; one record for each principal and source account."""

    principal: str
    source_account: str
    actions: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority:
    """A CA.

    Attributes:
        version: grows by one with every write; an update is conditional on it.
        issuing_epoch: grows with every change of what issuance depends on (status, certificate, revocation
            configuration); reserving a certificate is conditional on it.
        key_sha256: hex SHA-256 of its public key, as `keys.key_sha256` computes it; no other CA has this key.
        csr_der: the CA's own CSR, made once.
        certificate_der, chain_der: the installed certificate, and its chain from its issuer to the root.
        installed_at: when they were installed; None: before this was recorded.
        distribution_points: all that certificates of the CA have named, the newest last.
        ocsp_urls: all that certificates of the CA have named.
        ocsp_key_hashes: the hashes by which OCSP clients name its key, in hex; empty if OCSP was never on.
        responders_revoked: grows when a certificate of its OCSP responder is revoked; earlier answers are stale.
    """

    arn: str
    type: Literal["ROOT", "SUBORDINATE"]
    status: StoredStatus
    created_at: datetime
    last_state_change_at: datetime
    configuration: dict[str, Any]
    revocation_configuration: dict[str, Any]
    key_storage_security_standard: str
    usage_mode: str
    version: int = 1
    issuing_epoch: int = 1
    key_id: str | None = None
    key_sha256: str | None = None
    csr_tbs_sha256: str | None = None
    csr_der: bytes | None = None
    certificate_der: bytes | None = None
    chain_der: tuple[bytes, ...] = ()
    installed_at: datetime | None = None
    failure_reason: str | None = None
    restorable_until: datetime | None = None
    status_before_deletion: StoredStatus | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    distribution_points: tuple[DistributionPoint, ...] = ()
    ocsp_urls: tuple[OcspUrl, ...] = ()
    permissions: tuple[Permission, ...] = ()
    ocsp_key_hashes: tuple[str, ...] = ()
    responders_revoked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerCertificate:
    """A certificate that a CA had before another one replaced it, with its chain.

    Attributes:
        version: the last version of the CA with this certificate; it tells the CA's former certificates apart.
        installed_at, replaced_at: None where it was not recorded.
    """

    ca_arn: str
    version: int
    certificate_der: bytes
    chain_der: tuple[bytes, ...] = ()
    installed_at: datetime | None = None
    replaced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspResponder:
    """A CA's delegated OCSP responder: its key, and the certificate that the CA issued for it.

    Attributes:
        generation: grows with every key; 0: there is none yet.
        key_arn: the ARN by which the keystore knows the key.
        due_at: when the next key is due.
    """

    ca_arn: str
    due_at: datetime
    generation: int = 0
    key_arn: str = ""
    key_id: str = ""
    certificate_der: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate, from the intent to sign it on; it is never deleted before its CA.

    Attributes:
        tbs_der: the exact bytes that will be signed; stored until `certificate_der` contains them.
        tbs_sha256: hex SHA-256 of it.
        requested_by: the caller's access key id.
        requester_account: the caller's account; empty: that of the CA.
        crl_partition: the partition of the CRL that covers it; None: the complete CRL.
        revoked_at, revocation_reason: set once, by the revocation; the reason is AWS's enum name.
    """

    arn: str
    ca_arn: str
    serial_number: int
    status: CertificateStatus
    template_arn: str
    tbs_sha256: str
    not_before: datetime
    not_after: datetime
    reserved_at: datetime
    requested_by: str
    requester_account: str = ""
    tbs_der: bytes | None = None
    certificate_der: bytes | None = None
    issued_at: datetime | None = None
    failure: str | None = None
    revoked_at: datetime | None = None
    revocation_reason: str | None = None
    crl_partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One entry of a CA's CRL: encoded once, when the certificate is revoked.

    Attributes:
        not_after: when the certificate expires; the entry stays for one CRL longer (RFC 5280 section 3.3).
        entry_der: the element of `revokedCertificates` (RFC 5280 section 5.1).
        crl_partition: of the certificate.
    """

    ca_arn: str
    serial_number: int
    revoked_at: datetime
    reason: str
    not_after: datetime
    entry_der: bytes
    crl_partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlState:
    """Numbering, schedule and lease of a CRL.

    Attributes:
        crl_arn: as `arn.crl_arn` makes it.
        next_crl_at: when the next CRL is due; None: not scheduled.
        revision: grows with every revocation; a run moves `next_crl_at` only if it is still the one it started from.
        crl_number: the last number reserved, published or not.
        lease_until: a run may work on this CRL until then; None: no run does.
        lease_holder: the server that does, by `Runtime.server`; None: some other process.
        tbs_sha256: hex SHA-256 of what was to be signed with the last reserved number.
        published_number, published_at, next_update: of the published CRL; `published_at` is the true time, not
            the backdated thisUpdate.
        published_entries: how many entries it has.
        preceded_at: when the CRL before that one was published.
        failures, last_error: runs that failed since the last success, and why the last one did.
    """

    crl_arn: str
    next_crl_at: datetime | None = None
    revision: int = 0
    crl_number: int = 0
    lease_until: datetime | None = None
    lease_holder: str | None = None
    tbs_sha256: str | None = None
    published_number: int = 0
    published_at: datetime | None = None
    next_update: datetime | None = None
    published_entries: int = 0
    preceded_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlSegment:
    """Entries of a CRL, in the order in which their certificates expire; a segment never changes.

    Attributes:
        entries: elements of `revokedCertificates`, concatenated (RFC 5280 section 5.1).
        lengths: the number of octets of each entry.
        ends: until when each entry is needed: seconds since 1970, 8 octets each.
    """

    segment_id: str
    entries: bytes
    lengths: bytes
    ends: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlSegments:
    """The segments of a CRL, in the order of its entries.

    Attributes:
        version: grows by one with every write; an update is conditional on it.
    """

    crl_arn: str
    version: int = 0
    segments: tuple[CrlSegment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePolicy:
    """A CA's resource policy: the text as its author gave it, and the accounts that it names.

    Attributes:
        shared_with_all: some statement names nobody ("*"), so that its conditions decide for every account.
        version: grows by one with every write; an update is conditional on it.
    """

    ca_arn: str
    text: str
    shared_with: tuple[str, ...] = ()
    shared_with_all: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """A report of a CA's certificates, written to a bucket on request.

    Attributes:
        version: grows by one with every write; an update is conditional on it.
        due_at: when it is due, or when the run that writes it counts as dead; None: it is finished.
        attempts: the number of runs that have begun to write it.
    """

    ca_arn: str
    report_id: str
    bucket: str
    key: str
    format: str
    status: AuditReportStatus
    created_at: datetime
    due_at: datetime | None = None
    version: int = 1
    attempts: int = 0
    failure: str | None = None
