"""IssueCertificate and GetCertificate: the one path that issues, whoever calls.

Source: AWS Private CA API, IssueCertificate, GetCertificate; User Guide, "Issuing private end-entity certificates".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.access import limits
from chalicelib.audit import notes
from chalicelib.audit.parameters import MOST_ELEMENTS, bounded
from chalicelib.ca import events, find, signing, state, subjects
from chalicelib.crl import distribution_points, publication, revocation_configuration
from chalicelib.operations import idempotency, issuing_presets, linting, quotas, search
from chalicelib.operations.refusals import as_api_errors
from chalicelib.pki.asn1 import pem
from chalicelib.pki.issuing import planning, templates
from chalicelib.pki.issuing.specification import Specification
from chalicelib.pki.x509 import csr, signed
from chalicelib.pki.x509.csr_gate import STRICT
from chalicelib.pki.x509.issuer import root_in_making
from chalicelib.records import Certificate
from chalicelib.store import CompromisedKeyError, ConflictError, StoreError, TokenMismatchError

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib import shapes
    from chalicelib.identities import IssuingPreset
    from chalicelib.pki.issuing.specification import Plan
    from chalicelib.pki.issuing.templates import Template
    from chalicelib.pki.x509.csr import CertificateRequest
    from chalicelib.pki.x509.csr_gate import Gate
    from chalicelib.pki.x509.issuer import Issuer
    from chalicelib.records import CertificateAuthority, DistributionPoint, IdempotencyToken
    from chalicelib.runtime import Caller, Runtime

DEFAULT_TEMPLATE = "EndEntityCertificate"
_ATTEMPTS = 8
_NOT_ISSUING = "The certificate authority is not in a valid state for issuing certificates"
_NO_CERTIFICATES = "The certificate authority {arn} is not in the correct state to have issued certificates."
_BEFORE_ITS_CERTIFICATE = frozenset({"PENDING_CERTIFICATE", "EXPIRED"})
_READABLE = frozenset({"PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED"})


def is_root_certificate(record: Certificate) -> bool:
    """Return whether this is a root's own certificate: it has no chain, and its root cannot revoke it."""
    return templates.template_named(arns.parse_template_arn(record.template_arn).name).is_root


class _Order(NamedTuple):
    """A request whose parts have been parsed."""

    request: shapes.IssueCertificateRequest
    template: Template
    template_arn: str
    csr: CertificateRequest
    preset: IssuingPreset | None = None


def issue_certificate(
    rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest
) -> shapes.IssueCertificateResponse:
    """Issue a certificate.

    An ACTIVE CA issues by every template. A root without a valid certificate issues only its own, by a
    RootCACertificate template from its own CSR. A retry with the same token gets the certificate of the first request,
    even if the CA's status or the time would refuse that request now.

    Raises:
        ThrottlingException: the same CSR was issued too often within a minute, by setting.
        LimitExceededException: the CA has issued as many certificates as the setting allows.
        InvalidStateException: the CA may not issue in its status.
        InvalidArgsException: the signing algorithm is not of the CA key's family, the template is unknown, the issuing
            preset does not allow a name or the validity, or the token was used with other parameters.
        MalformedCSRException: the CSR does not parse, does not verify, or breaks a rule.
        ValidationException: the validity or the path length does not fit into the CA's.

    Source: RFC 5280 section 4; RFC 2986 section 4.2.
    """
    ca_arn = request["CertificateAuthorityArn"]
    request, preset = issuing_presets.resolved(rt, caller, request)
    template_arn = _template_arn(rt, request)
    template_name = str(template_arn)
    order: _Order | None = None
    first_crls: list[str] = []
    window: tuple[str, ...] = ()
    for attempt in range(_ATTEMPTS):
        cached_if = "ACTIVE" if attempt == 0 else ""
        ca = find.find(rt, caller, ca_arn, template_arn=template_name, cached_if=cached_if)
        order = order or _parsed(rt, request, template_arn, preset)
        try:
            plan, point = _planned(rt, ca, order, take=True)
            quotas.check_certificates(rt, ca)
            window = window or _counted(rt, caller, ca, order)
            ca, is_first = _with_distribution_point(rt, ca, point)
            if is_first and point is not None:
                first_crls.append(arns.crl_arn(ca_arn, point.partition))
            record, is_new = _reserve(rt, caller, ca, order, plan, point)
        except ConflictError:
            continue  # the CA changed, or the serial number is taken: look again
        except errors.ApiError:
            # The first request met the rules; the CA and the time have moved on since.
            issued = _issued_before(rt, caller, order)
            if issued is None:
                raise
            record, is_new = issued, False
        if not is_new:
            limits.give_back(rt, window)
        else:
            _sign(rt, ca, record, plan.signing_algorithm)
        for crl_arn in first_crls:
            publication.publish_crl(rt, crl_arn)
        return {"CertificateArn": record.arn}
    raise errors.ThrottlingException("The certificate authority is being changed; try again.", retry_after_seconds=1)


def _counted(rt: Runtime, caller: Caller, ca: CertificateAuthority, order: _Order) -> tuple[str, ...]:
    """Count the CSR against a storm of requests for the same certificate."""
    digest = hashlib.sha256(order.csr.info_der).hexdigest()
    return limits.csr_window(rt, caller, ca.arn, order.template_arn, digest)


def planned(
    rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest
) -> tuple[CertificateAuthority, str, Plan]:
    """Plan what a request would sign: the CA, the template's ARN and the plan; errors as in issuing."""
    request, preset = issuing_presets.resolved(rt, caller, request)
    template_arn = _template_arn(rt, request)
    ca = find.find(rt, caller, request["CertificateAuthorityArn"], template_arn=str(template_arn))
    order = _parsed(rt, request, template_arn, preset)
    plan, _ = _planned(rt, ca, order, take=False)
    if rt.store.is_compromised(arns.parse_ca_arn(ca.arn).account_id, order.csr.key_sha256):
        raise _compromised()
    return ca, str(template_arn), plan


def issued_with(
    rt: Runtime, caller: Caller, request: shapes.IssueCertificateRequest, *, at: datetime
) -> Certificate | None:
    """Return the certificate that a request with its token has reserved at a time or soon after, or None.

    Raises:
        ApiError: the request does not parse.
    """
    request, preset = issuing_presets.resolved(rt, caller, request)
    token = _token_of(rt, caller, _parsed(rt, request, _template_arn(rt, request), preset))
    return None if token is None else rt.store.certificate_of(token, now=at)


def _compromised() -> errors.ApiError:
    reason = "A certificate with its key was revoked because the key was compromised."
    return errors.MalformedCSRException(f"The CSR is refused. {reason}", reason=reason, member=("Csr",))


def _template_arn(rt: Runtime, request: shapes.IssueCertificateRequest) -> arns.TemplateArn:
    """The template that a request names, as it is judged by policies, used and recorded."""
    if "TemplateArn" not in request:
        return arns.TemplateArn(arns.partition_of(rt.settings.region), DEFAULT_TEMPLATE)
    try:
        return arns.parse_template_arn(request["TemplateArn"])
    except arns.ArnError as error:
        raise errors.InvalidArnException(f"{error}.", member=("TemplateArn",)) from error


def _parsed(
    rt: Runtime,
    request: shapes.IssueCertificateRequest,
    template_arn: arns.TemplateArn,
    preset: IssuingPreset | None,
) -> _Order:
    if (template_arn.partition, template_arn.version) != (arns.partition_of(rt.settings.region), 1):
        raise errors.InvalidArgsException(f"There is no certificate template {template_arn}.", member=("TemplateArn",))
    with as_api_errors():
        template = templates.template_named(template_arn.name)
        gate = _gate(rt, template)
        return _Order(request, template, str(template_arn), csr.parse_csr(request["Csr"], gate), preset)


def _gate(rt: Runtime, template: Template) -> Gate:
    """The gate for the CSR: the certificate of a CA is held to everything."""
    return STRICT if template.is_ca else rt.settings.gate


def _planned(
    rt: Runtime, ca: CertificateAuthority, order: _Order, *, take: bool
) -> tuple[Plan, DistributionPoint | None]:
    """The plan of a certificate, and its distribution point; `take` takes subject and place in a partition for good."""
    issuer = _issuer_for(rt, ca, order)
    point = _distribution_point(rt, ca, order, take=take)
    plan = _plan(rt, ca, issuer, order, point)
    issuing_presets.check(rt, order.preset, plan)
    with as_api_errors():
        subjects.check(rt, ca.arn, plan, is_ca=order.template.is_ca, take=take)
    return plan, point


def _issuer_for(rt: Runtime, ca: CertificateAuthority, order: _Order) -> Issuer:
    """The issuer; a root that is not ACTIVE issues only the certificate that makes it so."""
    status = state.status_of(ca, rt.now())
    if status == "ACTIVE":
        return state.issuer_of(ca)
    if ca.type != "ROOT" or status not in _BEFORE_ITS_CERTIFICATE:
        raise errors.InvalidStateException(_NOT_ISSUING)
    if not order.template.is_root or order.csr.der != ca.csr_der:
        raise errors.InvalidStateException(_NOT_ISSUING)
    return root_in_making(order.csr)


def _with_distribution_point(
    rt: Runtime, ca: CertificateAuthority, point: DistributionPoint | None
) -> tuple[CertificateAuthority, bool]:
    """Record the distribution point and OCSP URL before a certificate names them; True if the point is a new one.

    Raises:
        ConflictError: the CA changed since it was read.
    """
    named = distribution_points.with_ocsp_url(rt, ca)
    if point is None or point in ca.distribution_points:
        return ca if named is ca else rt.store.update_certificate_authority(ca, named), False
    return rt.store.start_crl(named, point, due_at=rt.now()), True


def _distribution_point(
    rt: Runtime, ca: CertificateAuthority, order: _Order, *, take: bool
) -> DistributionPoint | None:
    if order.template.is_root:
        return None
    return distribution_points.for_next_certificate(rt, ca, take=take)


def _plan(
    rt: Runtime, ca: CertificateAuthority, issuer: Issuer, order: _Order, point: DistributionPoint | None
) -> Plan:
    request = order.request
    specification = Specification(
        issuer=issuer,
        request=order.csr,
        template=order.template,
        validity=request["Validity"],
        validity_not_before=request.get("ValidityNotBefore"),
        signing_algorithm=request["SigningAlgorithm"],
        serial_number=rt.serial_number(),
        now=rt.now(),
        short_lived=ca.usage_mode == "SHORT_LIVED_CERTIFICATE",
        crl_url=distribution_points.url_for_certificate(ca, point),
        ocsp_url=revocation_configuration.ocsp_url(rt, ca),
        api_passthrough=request.get("ApiPassthrough"),
        gate=_gate(rt, order.template),
    )
    with as_api_errors():
        plan = planning.plan(specification)
    linting.check(ca.arn, order.template.name, specification, plan)
    return plan


def _reserve(  # noqa: PLR0917  what a record is made of
    rt: Runtime, caller: Caller, ca: CertificateAuthority, order: _Order, plan: Plan, point: DistributionPoint | None
) -> tuple[Certificate, bool]:
    """Record the intent, or find the certificate that the same token has issued already; True if it is new."""
    now = rt.now()
    record = Certificate(
        arn=arns.certificate_arn(ca.arn, plan.serial_number),
        ca_arn=ca.arn,
        serial_number=plan.serial_number,
        status="PENDING",
        template_arn=order.template_arn,
        tbs_der=plan.tbs_der,
        tbs_sha256=plan.tbs_sha256,
        not_before=plan.not_before,
        not_after=plan.not_after,
        reserved_at=now,
        requested_by=caller.access_key_id,
        requester_account=caller.account_id,
        crl_partition=(point.partition or None) if point else None,
    )
    token, terms = _token_of(rt, caller, order), search.terms_of(plan.summary())
    notes.note(certificateNames=[bounded(value) for _, value in terms[:MOST_ELEMENTS]])
    try:
        return rt.store.reserve_certificate(
            record,
            ca,
            token,
            now=now,
            terms=terms,
            key_sha256=order.csr.key_sha256,
            durable=rt.keys.is_remote,
        )
    except CompromisedKeyError as error:
        raise _compromised() from error
    except TokenMismatchError as error:
        text = idempotency.mismatch(rt, order.request.get("IdempotencyToken"))
        raise errors.InvalidArgsException(text, member=("IdempotencyToken",)) from error


def _token_of(rt: Runtime, caller: Caller, order: _Order) -> IdempotencyToken | None:
    """The request's token. Retries may compute another end date, and sign the same CSR again: neither counts."""
    request = order.request
    if "IdempotencyToken" not in request:
        return None
    counting = ("ApiPassthrough", "SigningAlgorithm")
    parameters = {name: value for name, value in request.items() if name in counting}
    parameters |= {"TemplateArn": order.template_arn, "Csr": order.csr.info_der}
    ca_id = arns.parse_ca_arn(request["CertificateAuthorityArn"]).ca_id
    return idempotency.token_of(rt, caller, "IssueCertificate", request["IdempotencyToken"], parameters, ca_id=ca_id)


def _issued_before(rt: Runtime, caller: Caller, order: _Order) -> Certificate | None:
    """The certificate that the same token has issued already for the same parameters."""
    token = _token_of(rt, caller, order)
    return None if token is None else rt.store.certificate_of(token, now=rt.now())


def _sign(rt: Runtime, ca: CertificateAuthority, record: Certificate, signing_algorithm: str) -> None:
    """Sign what was reserved, and record the result; a failure closes the record, whose serial is never used again."""
    serial = arns.serial_hex(record.serial_number)
    try:
        certificate_der = signing.sign(rt, ca, "CERTIFICATE", record.tbs_der or b"", signing_algorithm, serial=serial)
    except Exception as error:
        _fail(rt, record, error)
        raise
    try:
        rt.store.complete_certificate(record, certificate_der, issued_at=rt.now())
    except ConflictError:
        # Reconciliation has failed it meanwhile, as GetCertificate will tell; nobody gets what was signed.
        logs.log("certificate_given_up", certificate=record.arn)
    else:
        events.certificate_issued(rt, record)


def _fail(rt: Runtime, record: Certificate, error: Exception) -> None:
    try:
        rt.store.fail_certificate(record, f"The signature failed ({type(error).__name__}).")
    except (ConflictError, StoreError):
        logs.log_exception("certificate_not_failed", certificate=record.arn)
    else:
        events.issuance_failed(rt, record)


def get_certificate(
    rt: Runtime, caller: Caller, request: shapes.GetCertificateRequest
) -> shapes.GetCertificateResponse:
    """A certificate of a CA, even if it is revoked or expired, and its chain from the CA to the root.

    Raises:
        RequestInProgressException: it is being issued.
        RequestFailedException: its issuance failed.
        InvalidStateException: the CA is DELETED, or was never made.
        ResourceNotFoundException: the CA has no such certificate.
        InvalidArnException: the certificate's ARN is not one.
    """
    arn = request["CertificateArn"]
    ca = find.require(rt, caller, request["CertificateAuthorityArn"], _READABLE, _NO_CERTIFICATES)
    try:
        parsed = arns.parse_certificate_arn(arn)
    except arns.ArnError as error:
        raise errors.InvalidArnException(f"{error}.", member=("CertificateArn",)) from error
    record = rt.store.get_certificate(ca.arn, parsed.serial_number) if str(parsed.ca) == ca.arn else None
    if record is None:
        raise errors.ResourceNotFoundException(f"Could not find certificate {arn}.")
    if record.status == "FAILED":
        raise errors.RequestFailedException(f"The certificate was not issued. {record.failure or ''}".rstrip())
    if record.status == "ISSUED" and record.certificate_der is None:
        raise errors.RequestFailedException(
            "The certificate was issued, but its bytes were lost with the database that held them: "
            "the journal knows the serial number, which can be revoked."
        )
    if record.status == "PENDING" or record.certificate_der is None:
        raise errors.RequestInProgressException("The certificate is being issued; try again.")
    if ca.certificate_der and not signed.verifies_certificate(state.issuer_of(ca).public_key, record.certificate_der):
        raise errors.RequestFailedException(
            "The record of the certificate is damaged: its signature does not verify. Restore a backup of the database."
        )
    response: shapes.GetCertificateResponse = {"Certificate": pem.encode(record.certificate_der)}
    if not is_root_certificate(record) and ca.certificate_der is not None:
        response["CertificateChain"] = pem.encode_all((ca.certificate_der, *ca.chain_der))
    return response
