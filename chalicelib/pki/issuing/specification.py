"""The specification of a certificate, and the plan that comes of it: exactly the bytes to be signed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.frozen import dataclass
from chalicelib.pki.asn1 import oids
from chalicelib.pki.x509 import extension_values, summary
from chalicelib.pki.x509.csr_gate import STRICT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.errors import Member
    from chalicelib.pki.issuing.templates import Template
    from chalicelib.pki.x509.csr import CertificateRequest
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.extensions import Extension
    from chalicelib.pki.x509.issuer import Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """Everything that a certificate is made from.

    Attributes:
        request: the CSR.
        validity: `Validity` of the API.
        validity_not_before: `ValidityNotBefore` of the API; None: an hour before `now`.
        short_lived: the CA issues for at most 7 days.
        crl_url: the CRL distribution point; None: the certificate names none.
        ocsp_url: the address of the OCSP responder; None: the certificate names none.
        api_passthrough: `ApiPassthrough` of the API.
        gate: that the CSR has passed.
    """

    issuer: Issuer
    request: CertificateRequest
    template: Template
    validity: Mapping[str, Any]
    validity_not_before: Mapping[str, Any] | None = None
    signing_algorithm: str
    serial_number: int
    now: datetime
    short_lived: bool = False
    crl_url: str | None = None
    ocsp_url: str | None = None
    api_passthrough: Mapping[str, Any] | None = None
    gate: Gate = STRICT

    @property
    def passthrough(self) -> Mapping[str, Any]:
        """ApiPassthrough; empty unless the template accepts it, as AWS ignores it."""
        return self.api_passthrough if self.template.from_api and self.api_passthrough else {}


class PlannedExtension(NamedTuple):
    """An extension of the certificate.

    Attributes:
        source: "TEMPLATE", "CA", "API" or "CSR".
        member: the member of the request that it comes from; () where the request has no say.
    """

    extension: Extension
    source: str
    member: Member = ()

    @property
    def oid(self) -> str:
        """Its object identifier."""
        return self.extension.oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A certificate before it is signed.

    Attributes:
        subject_der: the Name.
        subject_member: the member of the request that the subject comes from.
        extensions: in the order in which they are encoded.
        tbs_der: the TBSCertificate, which holds all of this.
        gate: that its names have passed.
    """

    serial_number: int
    signing_algorithm: str
    not_before: datetime
    not_after: datetime
    subject_der: bytes
    subject_member: Member
    extensions: tuple[PlannedExtension, ...]
    tbs_der: bytes
    gate: Gate = STRICT

    @property
    def tbs_sha256(self) -> str:
        """The SHA-256 of the bytes to be signed, in hex."""
        return hashlib.sha256(self.tbs_der).hexdigest()

    def extension(self, oid: str) -> PlannedExtension | None:
        """The extension with this object identifier."""
        return next((planned for planned in self.extensions if planned.oid == oid), None)

    @property
    def may_verify_crls(self) -> bool:
        """Tell whether clients take CRLs from its holder: without a KeyUsage they do (RFC 5280 section 6.3.3)."""
        usage = self.extension(oids.KEY_USAGE)
        return usage is None or "CRLSign" in extension_values.key_usages(usage.extension.value_der)

    def summary(self) -> summary.Summary:
        """The subject and the alternative names as text."""
        return summary.summarize(self.subject_der, [planned.extension for planned in self.extensions], self.gate)
