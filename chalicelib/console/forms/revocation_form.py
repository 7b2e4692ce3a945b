"""The form of revocation settings, in the wizard and at a CA: pure, from text to the API's members and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_DAYS = "7"
# The texts of the form, and the member of `CrlConfiguration` that each one becomes; the other fields are switches.
_TEXTS = {"cname": "CustomCname", "path": "CustomPath"}
FIELDS = ("crl", "choice", "new_bucket", "bucket", *_TEXTS, "days", "acl", "partitioned", "omit", "ocsp", "ocsp_cname")
ACLS = {"PUBLIC_READ": "Everybody (public read)", "BUCKET_OWNER_FULL_CONTROL": "The bucket's owner decides"}
DEFAULTS = {"choice": "new", "days": DEFAULT_DAYS, "acl": "PUBLIC_READ"}


def read(fields: Mapping[str, str]) -> dict[str, str]:
    """The text of a form, without empty fields."""
    return {name: fields[name].strip() for name in FIELDS if fields.get(name, "").strip()}


def bucket_of(typed: Mapping[str, str]) -> str:
    """The CRL bucket that is chosen; empty without CRLs."""
    if not typed.get("crl"):
        return ""
    return typed.get("new_bucket" if typed.get("choice") == "new" else "bucket", "")


def configuration_of(typed: Mapping[str, str]) -> dict[str, Any]:
    """`RevocationConfiguration`."""
    ocsp: dict[str, Any] = {"Enabled": bool(typed.get("ocsp"))}
    ocsp |= {"OcspCustomCname": typed["ocsp_cname"]} if typed.get("ocsp") and typed.get("ocsp_cname") else {}
    return {"CrlConfiguration": _crl_of(typed) if typed.get("crl") else {"Enabled": False}, "OcspConfiguration": ocsp}


def _crl_of(typed: Mapping[str, str]) -> dict[str, Any]:
    days = typed.get("days", "")
    crl: dict[str, Any] = {
        "Enabled": True,
        "ExpirationInDays": int(days) if re.fullmatch("[0-9]{1,9}", days, re.ASCII) else 0,
        "S3BucketName": bucket_of(typed),
        "S3ObjectAcl": typed.get("acl", ""),
    }
    crl |= {member: typed[name] for name, member in _TEXTS.items() if typed.get(name)}
    crl |= {"CrlType": "PARTITIONED"} if typed.get("partitioned") else {}
    return crl | ({"CrlDistributionPointExtensionConfiguration": {"OmitExtension": True}} if typed.get("omit") else {})


def typed_of(configuration: Mapping[str, Any]) -> dict[str, str]:
    """The text of the form for the settings of a CA."""
    crl, ocsp = configuration["CrlConfiguration"], configuration["OcspConfiguration"]
    typed = dict(DEFAULTS)
    if crl["Enabled"]:
        typed |= {"crl": "yes", "choice": "existing", "bucket": crl["S3BucketName"], "acl": crl["S3ObjectAcl"]}
        typed |= {name: crl[member] for name, member in _TEXTS.items() if crl.get(member)}
        typed["days"] = str(crl["ExpirationInDays"])
        typed |= {"partitioned": "yes"} if crl.get("CrlType") == "PARTITIONED" else {}
        omits = crl.get("CrlDistributionPointExtensionConfiguration", {}).get("OmitExtension")
        typed |= {"omit": "yes"} if omits else {}
    if ocsp["Enabled"]:
        typed |= {"ocsp": "yes", "ocsp_cname": ocsp.get("OcspCustomCname", "")}
    return typed
