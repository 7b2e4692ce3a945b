"""Renewing a certificate: the form of issuing with its names and terms, what would differ, and the link in the record.

Signet stores no CSRs: the new certificate is for a key made in the browser, or for a CSR, perhaps the former one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors, recording
from chalicelib.console.forms import issue_request
from chalicelib.console.parts import certificate_story
from chalicelib.console.views import certificate_files
from chalicelib.pki.asn1 import der
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import csr, general_names, names, summary
from chalicelib.pki.x509.csr_gate import AWS
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.console.forms.refusals import Typed
    from chalicelib.console.web import Visit
    from chalicelib.operations.explain import PlannedCertificate
    from chalicelib.pki.x509.reading import ParsedCertificate

_SERIAL = re.compile("[0-9a-f]{32}", re.ASCII)
_MEMBERS = {oid: member for member, oid in names.SUBJECT_MEMBERS.items()}


class Renewed(NamedTuple):
    """A certificate to renew.

    Attributes:
        names: its subject alternative names.
        attributes: of its subject, by the API's names.
        can_revoke: the visitor may revoke it.
    """

    serial: str
    name: str
    names: tuple[str, ...]
    subject: str
    attributes: dict[str, str]
    template: str
    days: int
    spki_der: bytes
    can_revoke: bool


class Difference(NamedTuple):
    """The differences between a certificate and its renewal."""

    subject: bool
    missing: tuple[str, ...]
    added: tuple[str, ...]
    same_key: bool


def of_serial(visit: Visit, serial: str) -> Renewed | None:
    """The certificate with a serial number at the page's CA; None if there is none, or the visitor may not see it."""
    if _SERIAL.fullmatch(serial) is None:
        return None
    arn = f"{visit.ca.arn}/certificate/{serial}"
    try:
        answer = visit.client.call("GetCertificate", CertificateAuthorityArn=visit.ca.arn, CertificateArn=arn)
    except errors.ApiError:
        return None
    record = visit.rt.store.get_certificate(visit.ca.arn, int(serial, 16))
    template = arns.parse_template_arn(record.template_arn).name if record else issue_request.DEFAULT_TEMPLATE
    if TEMPLATES[template].is_root:
        return None
    certificate = parse_certificate(certificate_files.ders_of(answer)[0])
    can_revoke = visit.may(f"cas/{visit.ca.ca_id}/certificates/{serial}/revoke", "POST")
    return _renewed(serial, certificate, template, can_revoke=can_revoke)


def _renewed(serial: str, certificate: ParsedCertificate, template: str, *, can_revoke: bool) -> Renewed:
    described = summary.of_certificate(certificate.der)
    return Renewed(
        serial=serial,
        name=certificate_story.name_of(certificate),
        names=described.alternative_names,
        subject=described.subject,
        attributes={
            _MEMBERS[oid]: text
            for oid, text in names.parse_name(der.read(certificate.subject_der), AWS)
            if oid in _MEMBERS
        },
        template=template,
        days=max(1, round((certificate.not_after - certificate.not_before).total_seconds() / 86400)),
        spki_der=certificate.spki_der,
        can_revoke=can_revoke,
    )


def typed_of(renewed: Renewed) -> dict[str, str]:
    """The issue form as the certificate was issued; it has the names if the template takes them from the form."""
    is_common = renewed.template in issue_request.COMMON
    chosen = {"template": renewed.template if is_common else issue_request.OTHER, "other_template": renewed.template}
    typed = chosen | {"amount": str(renewed.days), "unit": "DAYS", "renews": renewed.serial}
    if not TEMPLATES[renewed.template].from_api:
        return typed
    listed = {
        field: "\n".join(name for name in renewed.names if general_names.kind_of(name) == kind)
        for field, kind in issue_request.NAMES.items()
    }
    subject = {member: renewed.attributes.get(member, "") for member in issue_request.SUBJECT}
    return {name: text for name, text in (typed | subject | listed).items() if text}


def difference(renewed: Renewed, plan: PlannedCertificate, csr_pem: str) -> Difference:
    """Compare a certificate with the one that would be issued instead."""
    planned = tuple(plan["SubjectAlternativeNames"])
    return Difference(
        subject=plan["Subject"] != renewed.subject,
        missing=tuple(name for name in renewed.names if name not in planned),
        added=tuple(name for name in planned if name not in renewed.names),
        same_key=csr.parse_csr(csr_pem.encode(), AWS).spki_der == renewed.spki_der,
    )


def issue_instead(visit: Visit, serial: str, issue: Callable[[], str]) -> str:
    """Issue a certificate, and record which one it replaces, if any.

    Args:
        visit: of the form.
        serial: of the certificate that is replaced; empty if there is none.
        issue: issues, and returns the ARN.

    Raises:
        ApiError: IssueCertificate refuses it.
    """
    if _SERIAL.fullmatch(serial) is None:
        return issue()
    old = f"{visit.ca.arn}/certificate/{serial}"
    with recording.operation(visit.rt, visit.caller, "RenewCertificate") as entry:
        entry.begin({"certificateArn": old}, [visit.ca.arn, old])
        arn = issue()
        entry.answered({"certificateArn": arn}, [arn])
    return arn


def supersede(visit: Visit, typed: Typed) -> bool:
    """Revoke the certificate that a form replaces, if it says so; returns False if that was refused."""
    if "supersede" not in typed or _SERIAL.fullmatch(typed.get("renews", "")) is None:
        return True
    request = {"CertificateSerial": typed["renews"], "RevocationReason": "SUPERSEDED"}
    try:
        visit.client.call("RevokeCertificate", CertificateAuthorityArn=visit.ca.arn, **request)
    except errors.RequestAlreadyProcessedException:
        return True
    except errors.ApiError:
        return False
    return True
