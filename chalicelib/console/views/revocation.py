"""The revocation page of a CA: the condition of its CRLs and OCSP, its settings, and publishing now."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.ca import state
from chalicelib.console import web
from chalicelib.console.commands import command
from chalicelib.console.forms import replacing, revocation_checks, revocation_form
from chalicelib.console.forms.refusals import problems_of
from chalicelib.console.parts import authority_page, ca_signing, crl_rows, reachability
from chalicelib.crl import publication

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Authority, Visit

TAB = "revocation"
_SHOWN = 20
_EDITABLE = ("PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED")


def show(visit: Visit) -> WireResponse:
    """The condition of CRLs and OCSP, and the settings."""
    rt, ca, record = visit.rt, visit.ca.described, visit.ca.record
    crls = crl_rows.crls(visit)
    first = next((address.url for row in crls for address in row.addresses if address.url), "")
    read = (f"curl -s {shlex.quote(first)} \\\n  | openssl crl -inform DER -noout -text",) if first else ()
    return authority_page.show(
        visit,
        "authority_revocation.html",
        TAB,
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": ca["Arn"]}), *read),
        crls=crls[:_SHOWN],
        more=len(crls) - _SHOWN,
        settings=revocation_form.typed_of(ca["RevocationConfiguration"]),
        acls=revocation_form.ACLS,
        ocsp=crl_rows.ocsp(rt, record),
        responders=[seen for seen in reachability.of_authority(rt, record) if seen.kind == "OCSP"],
        editable=ca["Status"] in _EDITABLE,
        publishable=bool(crls) and ca["Status"] in state.WITH_STATUS_SERVICE,
    )


def publish(visit: Visit) -> WireResponse:
    """Make the CRLs due now; the schedule publishes them like all others."""
    publication.publish_soon(visit.rt, visit.caller, visit.ca.arn)
    return authority_page.done(visit, TAB, "published")


def edit(visit: Visit) -> WireResponse:
    """The form of the settings."""
    if web.asks_for_commands(visit):
        return _form(visit, revocation_form.read(visit.query), {})
    present = _present(visit)
    return _form(visit, present | replacing.digest_field(present), {})


def _present(visit: Visit) -> dict[str, str]:
    """The entries of the form that describe the present settings."""
    return revocation_form.typed_of(visit.ca.described["RevocationConfiguration"])


def _form(visit: Visit, typed: Typed, problems: Problems, present: Typed = replacing.NOTHING) -> WireResponse:
    configuration = revocation_form.configuration_of(typed)
    request = {"CertificateAuthorityArn": visit.ca.arn, "RevocationConfiguration": configuration}
    return authority_page.show(
        visit,
        "authority_revocation_edit.html",
        TAB,
        problems=problems,
        commands=(command("UpdateCertificateAuthority", request),),
        typed=typed,
        present=present,
        **revocation_checks.shown(visit.rt, visit.caller.account_id, typed, problems, current=_bucket(visit.ca)),
    )


def _bucket(ca: Authority) -> str:
    return ca.described["RevocationConfiguration"]["CrlConfiguration"].get("S3BucketName", "")


def _unconfirmed(visit: Visit, typed: Typed) -> Problems:
    """The problem of settings that turn something off without a confirmation."""
    before = _present(visit)
    off = [label for name, label in (("crl", "CRLs"), ("ocsp", "OCSP")) if before.get(name) and not typed.get(name)]
    if not off or visit.form.get("confirmed"):
        return {}
    return {"confirmed": f"Certificates that are issued from now on will not be covered by {' and '.join(off)}."}


def save(visit: Visit) -> WireResponse:
    """Change the settings, if they are those that the form showed and it has no problem."""
    rt, account_id, typed = visit.rt, visit.caller.account_id, revocation_form.read(visit.form.fields)
    configuration = revocation_form.configuration_of(typed)
    typed |= {replacing.FIELD: visit.form.get(replacing.FIELD)}
    problems = revocation_checks.problems_of(rt, account_id, typed, current=_bucket(visit.ca))
    problems = problems or _unconfirmed(visit, typed)
    if problems:
        return _form(visit, typed, problems)
    try:
        present = revocation_form.typed_of(ca_signing.as_it_is_now(visit).revocation_configuration)
        replacing.check(visit.form, present, revocation_form.typed_of(configuration))
    except replacing.ChangedError as error:
        return _form(visit, typed | replacing.digest_field(error.now), error.problems, error.rows)
    return _save(visit, typed, configuration)


def _save(visit: Visit, typed: Typed, configuration: dict[str, Any]) -> WireResponse:
    """Change the settings, with a new bucket if the form says so."""
    if visit.ca.described["Status"] in _EDITABLE:
        current = _bucket(visit.ca)
        problems = revocation_checks.settle_bucket(visit.rt, visit.caller.account_id, typed, current=current)
        if problems:
            return _form(visit, typed, problems)
    try:
        visit.client.call(
            "UpdateCertificateAuthority", CertificateAuthorityArn=visit.ca.arn, RevocationConfiguration=configuration
        )
    except errors.ApiError as error:
        # The bucket exists now.
        made = {"choice": "existing", "bucket": revocation_form.bucket_of(typed)} if typed.get("crl") else {}
        return _form(visit, {**typed, **made}, problems_of(error))
    return authority_page.done(visit, TAB, "revocation")
