"""The form of renewing a CA: its defaults from the present certificate, and the request that it becomes. Pure."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.pki.asn1 import oids
from chalicelib.pki.issuing.validity import BACKDATED, validity_period

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.pki.paths import Link
    from chalicelib.pki.x509.extensions import Extension

UNITS = {"YEARS": "years", "MONTHS": "months", "DAYS": "days"}
UNLIMITED = "none"  # of a path length
ROOT_DEPTHS, DEPTHS = (UNLIMITED, "0", "1", "2", "3"), ("0", "1", "2", "3")  # that templates have
_DAY = timedelta(days=1)
_CA_USAGE = {"DigitalSignature": True, "KeyCertSign": True, "CRLSign": True}
# Extensions that templates and the CA that signs write; all others are taken over from the present certificate.
_WRITTEN = frozenset(
    {
        oids.AUTHORITY_INFORMATION_ACCESS,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.BASIC_CONSTRAINTS,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.KEY_USAGE,
        oids.SUBJECT_KEY_IDENTIFIER,
    }
)


def defaults(present: Link, now: datetime, until: datetime | None = None) -> dict[str, str]:
    """The text of the form, with the same validity and path length.

    Args:
        present: the certificate that the CA has.
        now: the time.
        until: the expiry of the CA that signs; a longer validity becomes the days until then.
    """
    amount, unit = length_of(present.not_before, present.not_after)
    _, end = validity_period({"Type": unit, "Value": int(amount)}, None, now)
    if until is not None and end > until:
        amount, unit = str(max((until - now) // _DAY, 1)), "DAYS"
    depth = UNLIMITED if present.path_length is None else str(present.path_length)
    return {"amount": amount, "unit": unit, "path_length": depth}


def length_of(not_before: datetime, not_after: datetime) -> tuple[str, str]:
    """The length of a validity, perhaps backdated, as an amount and a unit."""
    for begins in (not_before + BACKDATED, not_before):
        months = (not_after.year - begins.year) * 12 + not_after.month - begins.month
        if months > 0 and validity_period({"Type": "MONTHS", "Value": months}, None, begins)[1] == not_after:
            return (str(months // 12), "YEARS") if months % 12 == 0 else (str(months), "MONTHS")
    return str(max(-(-(not_after - not_before - BACKDATED) // _DAY), 1)), "DAYS"


def problems_of(typed: Typed, depths: tuple[str, ...]) -> Problems:
    """The problems that keep a form from becoming a request; an empty field has no default."""
    problems: Problems = {}
    amount = typed.get("amount", "")
    if re.fullmatch("[0-9]{1,5}", amount, re.ASCII) is None or int(amount) < 1:
        problems["amount"] = "It must be a number from 1 to 99999."
    if typed.get("unit") not in UNITS:
        problems["unit"] = "Choose one of these units."
    if typed.get("path_length") not in depths:
        problems["path_length"] = "Choose one of these."
    return problems


def request_of(typed: Typed, present: Link, *, is_root: bool) -> dict[str, Any]:
    """The members of IssueCertificate that the form decides, with the name of the template in `TemplateArn`."""
    depth, taken = typed["path_length"], [_custom(each) for each in present.extensions if each.oid not in _WRITTEN]
    extensions: dict[str, Any] = {"CustomExtensions": taken} if taken else {}
    if not is_root:
        name = f"SubordinateCACertificate_PathLen{depth}"
    elif depth == UNLIMITED:
        name = "RootCACertificate"
    else:
        name, extensions["KeyUsage"] = f"BlankRootCACertificate_PathLen{depth}", _CA_USAGE
    return {
        "TemplateArn": f"{name}_APIPassthrough" if extensions else name,
        "Validity": {"Type": typed["unit"], "Value": int(typed["amount"])},
        **({"ApiPassthrough": {"Extensions": extensions}} if extensions else {}),
    }


def _custom(extension: Extension) -> Mapping[str, Any]:
    return {
        "ObjectIdentifier": extension.oid,
        "Value": base64.b64encode(extension.value_der).decode(),
        "Critical": extension.critical,
    }
