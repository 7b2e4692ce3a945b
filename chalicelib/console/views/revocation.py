"""A CA's revocation: its CRLs and OCSP as they are, its settings, and publishing now."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.ca import find, state
from chalicelib.console.commands import command
from chalicelib.console.forms import revocation_checks, revocation_form
from chalicelib.console.forms.refusals import in_words
from chalicelib.console.parts import authority_page, crl_rows
from chalicelib.console.views.wizard import own_arn
from chalicelib.crl import publication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

TAB = "revocation"
_SHOWN = 20
_EDITABLE = ("PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED")


def show(visit: Visit) -> WireResponse:
    """CRLs and OCSP as they are."""
    ca = authority_page.describe(visit)
    record = find.find(visit.rt, visit.caller, ca["Arn"])
    crls = crl_rows.crls(visit.rt, record)
    first = next((url for each in crls for url in each.addresses), "")
    read = (f"curl -s {shlex.quote(first)} \\\n  | openssl crl -inform DER -noout -text",) if first else ()
    return authority_page.show(
        visit,
        "authority_revocation.html",
        TAB,
        ca=ca,
        commands=(command("DescribeCertificateAuthority", {"CertificateAuthorityArn": ca["Arn"]}), *read),
        crls=crls[:_SHOWN],
        more=len(crls) - _SHOWN,
        settings=revocation_form.typed_of(ca["RevocationConfiguration"]),
        ocsp=crl_rows.ocsp(visit.rt, record),
        editable=ca["Status"] in _EDITABLE,
        publishable=bool(crls) and ca["Status"] in state.WITH_STATUS_SERVICE,
    )


def publish(visit: Visit) -> WireResponse:
    """Make the CRLs due now; the schedule publishes them as it does all others."""
    publication.publish_soon(visit.rt, visit.caller, own_arn(visit))
    return authority_page.done(visit, TAB, "published")


def edit(visit: Visit) -> WireResponse:
    """The settings in their form."""
    ca = authority_page.describe(visit)
    return _form(visit, ca, revocation_form.typed_of(ca["RevocationConfiguration"]), {})


def _form(visit: Visit, ca: Mapping[str, object], typed: Mapping[str, str], problems: dict[str, str]) -> WireResponse:
    current = _bucket(ca)
    request = {"CertificateAuthorityArn": ca["Arn"], "RevocationConfiguration": ca["RevocationConfiguration"]}
    return authority_page.show(
        visit,
        "authority_revocation_edit.html",
        TAB,
        ca=ca,
        problems=problems,
        commands=(command("UpdateCertificateAuthority", request),),
        typed=typed,
        **revocation_checks.shown(visit, typed, problems, current=current),
    )


def _bucket(ca: Mapping[str, object]) -> str:
    configuration: dict[str, dict[str, str]] = ca["RevocationConfiguration"]  # type: ignore[assignment]  # as the model has it
    return configuration["CrlConfiguration"].get("S3BucketName", "")


def save(visit: Visit) -> WireResponse:
    """Change the settings, if all of them may be."""
    ca, typed = authority_page.describe(visit), revocation_form.read(visit.form.fields)
    problems = revocation_checks.problems_of(visit, typed, current=_bucket(ca))
    if not problems and ca["Status"] in _EDITABLE:
        problems = revocation_checks.make_bucket(visit, typed)
    if problems:
        return _form(visit, ca, typed, problems)
    given = revocation_form.configuration_of(typed)
    try:
        visit.call("UpdateCertificateAuthority", CertificateAuthorityArn=ca["Arn"], RevocationConfiguration=given)
    except errors.ApiError as error:
        made = {"choice": "existing", "bucket": revocation_form.bucket_of(typed)} if typed.get("crl") else {}
        return _form(
            visit, ca, typed | made, {"bucket" if "S3 bucket" in error.message else "": in_words(error.message)}
        )
    return authority_page.done(visit, TAB, "revocation")
