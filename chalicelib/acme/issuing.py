"""Issuing for an order by IssueCertificate, with the order's id as idempotency token; and the end of an order.

Source: RFC 8555 section 7.4.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors, logs
from chalicelib.acme import directories, identifiers, issued
from chalicelib.acme.problems import AcmeProblem
from chalicelib.api.client import Client
from chalicelib.audit import notes
from chalicelib.ca import find, state
from chalicelib.identities import SIGNET
from chalicelib.operations import certificates, issuing_presets
from chalicelib.pki.asn1 import pem
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.runtime import Caller
from chalicelib.store import ConflictError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.acme_records import AcmeAccount, AcmeBinding, AcmeDirectory, AcmeOrder, Profile
    from chalicelib.records import Certificate, CertificateAuthority
    from chalicelib.runtime import Runtime

_PASSTHROUGH = "_APIPassthrough"
_MOST_COMMON_NAME = 64  # characters (RFC 5280 appendix A, ub-common-name)
_MOST_ORDERS = 10_000  # of an account that are looked at for what a new certificate replaces
# Of a certificate by a compromised CA. CERTIFICATE_AUTHORITY_COMPROMISE is for certificates of CAs (RFC 5280 section
# 5.3.1), and bars the key of the certificate: clients that keep their keys could not renew any more.
COMPROMISED = "SUPERSEDED"
LATE = "CESSATION_OF_OPERATION"  # of a certificate that was issued after its order had ended
# The problem for each refusal of IssueCertificate; the order becomes invalid, except for badCSR and rateLimited.
_TYPES = {
    "AccessDeniedException": "unauthorized",
    "MalformedCSRException": "badCSR",
    "LimitExceededException": "rateLimited",
    "ThrottlingException": "rateLimited",
}


def principal_of(directory: AcmeDirectory, binding: AcmeBinding | None) -> str:
    """Return the principal whose policies decide on the certificates of an account."""
    return binding.principal if binding else directory.principal


def told(order: AcmeOrder) -> dict[str, Any]:
    """Return the members of an order for the audit record."""
    names = ", ".join(each.value for each in order.identifiers[:20])
    return {"account": order.acme_id, "order": order.order_id, "names": names, "profile": order.profile}


def issue(
    rt: Runtime,
    directory: AcmeDirectory,
    account: AcmeAccount,
    order: AcmeOrder,
    *,
    binding: AcmeBinding | None,
    facts: tuple[tuple[str, tuple[str, ...] | None], ...] = (),
) -> AcmeOrder:
    """Issue the certificate of a processing order, and record how that ended.

    Raises:
        AcmeProblem: `badCSR`: the order is ready again; `serverInternal`: it is still processing.
    """
    caller = Caller(
        account_id=directory.owner,
        access_key_id=account.requested_by,
        principal=principal_of(directory, binding),
        facts=facts,
    )
    try:
        request = _request(rt, directory, order)
        answer = Client(rt, caller).call("IssueCertificate", **request)
    except (errors.ApiError, AcmeProblem) as error:
        return _refused(rt, order, error)
    not_after = datetime.fromtimestamp(request["Validity"]["Value"], UTC)
    return succeed(rt, directory, order, answer["CertificateArn"], not_after=not_after)


def succeed(
    rt: Runtime, directory: AcmeDirectory, order: AcmeOrder, certificate_arn: str, *, not_after: datetime
) -> AcmeOrder:
    """Record the certificate of a processing order; revoke the one it replaces if that is from a compromised CA.

    The order stays on record as long as its certificate is valid. If reconciliation has ended the order as invalid
    meanwhile, no client can fetch the certificate, which is revoked.
    """
    order = _ended(rt, order, status="valid", certificate_arn=certificate_arn, expires_at=not_after)
    if order.certificate_arn == certificate_arn:
        _revoke_replaced(rt, directory, order)
    else:
        parsed = arns.parse_certificate_arn(certificate_arn)
        late = rt.store.get_certificate(str(parsed.ca), parsed.serial_number)
        if late is not None:
            _revoke_if_possible(rt, directory, order, late, LATE)
    return order


def _refused(rt: Runtime, order: AcmeOrder, error: errors.ApiError | AcmeProblem) -> AcmeOrder:
    """Record that nothing was signed: the order is invalid; after a bad CSR or a full quota it is ready again."""
    if isinstance(error, errors.ApiError):
        if error.status >= 500:  # the outcome is unknown: reconciliation finds it
            raise error
        kind = _TYPES.get(error.code, "serverInternal")
        headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
        status = 403 if kind == "serverInternal" else None
        problem = AcmeProblem(kind, error.message, headers=headers, status=status)
    else:
        problem = error
    if problem.type in {"badCSR", "rateLimited"}:
        _ended(rt, order, status="pending", csr_der=b"", finalized_at=None)
        raise problem
    return _ended(rt, order, status="invalid", error=problem.document())


def _ended(rt: Runtime, order: AcmeOrder, **changes: Any) -> AcmeOrder:
    """Record the end of an order; if reconciliation has ended it meanwhile, return it as it is."""
    try:
        return rt.store.update_acme_order(order, replace(order, **changes))
    except ConflictError:
        return rt.store.get_acme_order(order.acme_id, order.order_id) or order


def _request(rt: Runtime, directory: AcmeDirectory, order: AcmeOrder) -> dict[str, Any]:
    """Build the request to IssueCertificate.

    Raises:
        AcmeProblem: the CA or the profile is gone; `badCSR`: the template cannot add names that the CSR lacks.
    """
    profile = next((each for each in directory.profiles if each.name == order.profile), None)
    ca = rt.store.get_certificate_authority(directory.ca_arn, cached=True)
    if profile is None:
        raise AcmeProblem("invalidProfile", f"The directory has no profile {order.profile} any more.")
    if ca is None:
        raise AcmeProblem("serverInternal", "The certificate authority of the directory is gone.", status=403)
    begins, ends = _validity(order, profile, ca)
    request: dict[str, Any] = {
        "CertificateAuthorityArn": directory.ca_arn,
        "Csr": pem.encode(order.csr_der, "CERTIFICATE REQUEST").encode(),
        "SigningAlgorithm": ca.configuration["SigningAlgorithm"],
        "Validity": {"Type": "ABSOLUTE", "Value": int(ends.timestamp())},
        "IdempotencyToken": order.order_id,
    }
    request |= _template(rt, directory, profile, order)
    if begins is not None:
        request["ValidityNotBefore"] = {"Type": "ABSOLUTE", "Value": int(begins.timestamp())}
    return request


def _validity(order: AcmeOrder, profile: Profile, ca: CertificateAuthority) -> tuple[datetime | None, datetime]:
    """Return the times of a certificate; they follow from the order and the profile, which limits what the order says.

    It ends before the CA at the latest.
    """
    wanted = {name: datetime.fromisoformat(text) for name, text in order.requested.items()}
    begins, now, longest = (
        wanted.get("notBefore"),
        order.finalized_at or order.created_at,
        timedelta(hours=profile.hours),
    )
    ends = min(wanted.get("notAfter") or (begins or now) + longest, max(begins or now, now) + longest)
    last = state.not_after_of(ca)
    return begins, ends if last is None else min(ends, last)


def _template(rt: Runtime, directory: AcmeDirectory, profile: Profile, order: AcmeOrder) -> dict[str, Any]:
    """Return the members that name the template, and subject and names where those of the CSR must not be copied."""
    preset = issuing_presets.named(rt, directory.owner, profile.template)
    if objection := directories.objection_to(preset.template if preset else profile.template):  # it has changed since
        raise AcmeProblem("invalidProfile", f"The profile {profile.name} issues nothing. {objection}")
    if identifiers.is_as_validated(order.csr_der, order.identifiers):
        return {"TemplateArn": issuing_presets.arn_of(rt, preset) if preset else _arn(rt, profile.template)}
    name = next((each for each in (profile.template, f"{profile.template}{_PASSTHROUGH}") if _takes_names(each)), "")
    if preset is not None or not name:
        raise AcmeProblem(
            "badCSR",
            "The CSR must have all names as subject alternative names, and only a common name in its subject.",
        )
    kinds = {"dns": "DnsName", "ip": "IpAddress"}
    names = [{kinds[each.type]: each.value} for each in order.identifiers]
    common_name = next((each.value for each in order.identifiers if len(each.value) <= _MOST_COMMON_NAME), "")
    passthrough: dict[str, Any] = {"Extensions": {"SubjectAlternativeNames": names}}
    if common_name:
        passthrough["Subject"] = {"CommonName": common_name}
    return {"TemplateArn": _arn(rt, name), "ApiPassthrough": passthrough}


def _takes_names(template: str) -> bool:
    return template in TEMPLATES and TEMPLATES[template].from_api


def _arn(rt: Runtime, template: str) -> str:
    return str(arns.TemplateArn(arns.partition_of(rt.settings.region), template))


# what follows


def _revoke_replaced(rt: Runtime, directory: AcmeDirectory, order: AcmeOrder) -> None:
    """Revoke what a valid order replaces and a compromised CA has issued; a failure leaves the order as it is."""
    if order.status != "valid" or not directory.compromised:
        return
    for certificate in _replaced(rt, directory, order):
        if certificate.ca_arn in directory.compromised and certificate.revoked_at is None:
            _revoke_if_possible(rt, directory, order, certificate, COMPROMISED)


def _revoke_if_possible(
    rt: Runtime, directory: AcmeDirectory, order: AcmeOrder, certificate: Certificate, reason: str
) -> None:
    try:
        revoke(rt, directory, order.acme_id, certificate, reason)
    except (errors.ApiError, StoreError):
        logs.log_exception("certificate_of_order_not_revoked", certificate=certificate.arn)


def _replaced(rt: Runtime, directory: AcmeDirectory, order: AcmeOrder) -> Iterator[Certificate]:
    """Yield the certificate that an order names, and those of its account for the same identifiers.

    Several clients use ARI to renew, and name no certificate.
    """
    named = issued.certificate_of(rt, directory, order.replaces) if order.replaces else None
    if named is not None:
        yield named
    for former in rt.store.list_acme_orders(order.acme_id, limit=_MOST_ORDERS):
        if former.certificate_arn and former.identifiers == order.identifiers and former != order:
            parsed = arns.parse_certificate_arn(former.certificate_arn)
            found = rt.store.get_certificate(str(parsed.ca), parsed.serial_number)
            if found is not None and found.status == "ISSUED" and found.not_after > rt.now():
                yield found


def revoke(rt: Runtime, directory: AcmeDirectory, actor: str, certificate: Certificate, reason: str) -> None:
    """Revoke a certificate after the requester has proved the right to it: no policy and no rate of AWS prevents it.

    Args:
        rt: the runtime.
        directory: of the certificate.
        actor: the id of an ACME account, or "key" for the certificate's key.
        certificate: the record.
        reason: as in RevokeCertificate.

    Raises:
        ApiError: what RevokeCertificate raises.
    """
    caller = Caller(
        account_id=directory.owner,
        access_key_id=f"acme:{directory.name}/{actor}",
        principal=SIGNET,
    )
    notes.note(acmeDirectory=directory.name, acmeAccount=actor)
    near = find.at(rt, certificate.ca_arn)
    Client(replace(near, settings=replace(near.settings, rates="none")), caller).call(
        "RevokeCertificate",
        CertificateAuthorityArn=certificate.ca_arn,
        CertificateSerial=arns.serial_hex(certificate.serial_number),
        RevocationReason=reason,
    )


def issued_for(rt: Runtime, directory: AcmeDirectory, account: AcmeAccount, order: AcmeOrder) -> Certificate | None:
    """Return the certificate that a processing order has led to, whatever its status, or None."""
    if order.finalized_at is None:
        return None
    caller = Caller(account_id=directory.owner, access_key_id=account.requested_by, principal=SIGNET)
    for ca_arn in (directory.ca_arn, *directory.former):
        near = find.at(rt, ca_arn)
        try:
            request: Any = _request(near, replace(directory, ca_arn=ca_arn), order)
        except AcmeProblem:
            continue
        if found := certificates.issued_with(near, caller, request, at=order.finalized_at):
            return found
    return None
