"""The revocation configuration of a CA: its rules and its defaults.

Source: AWS Private CA API, RevocationConfiguration, CrlConfiguration, OcspConfiguration; User Guide, "Planning a
certificate revocation list (CRL)".
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors, hosts
from chalicelib.buckets import BucketError
from chalicelib.ca import bucket_owners, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

DISABLED: dict[str, Any] = {"Enabled": False}
DEFAULT_EXPIRATION_DAYS = 7
_AUTHORITY = re.compile(r"([^:]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS = range(1, 65536)
_SEGMENT = r"[-A-Za-z0-9;:@&=$,_!~*()'][-A-Za-z0-9;:@&=$,_.!~*()']*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_BUCKET_SENTENCE = (
    "Permission error with your S3 bucket '{bucket}'. Check that your bucket policy, encryption settings, "
    "S3 Block Public Access settings, and global account permissions are configured correctly. "
    "For more information, check the service documentation. {detail}"
)


def normalized(requested: Mapping[str, Any] | None, current: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Check a requested configuration and complete it with AWS's defaults.

    Args:
        requested: `RevocationConfiguration` of a request, or None.
        current: the CA's; a part that the request leaves out stays as it is (off for a new CA).

    Raises:
        InvalidArgsException: members contradict one another.
    """
    requested = requested or {}
    current = current or {}
    crl = requested.get("CrlConfiguration", current.get("CrlConfiguration", DISABLED))
    responder = requested.get("OcspConfiguration", current.get("OcspConfiguration", DISABLED))
    return {"CrlConfiguration": _crl(crl), "OcspConfiguration": _ocsp(responder)}


def _crl(crl: Mapping[str, Any]) -> dict[str, Any]:
    _check_disabled_stands_alone("CrlConfiguration", crl)
    if not crl["Enabled"]:
        return dict(DISABLED)
    if not crl.get("S3BucketName"):
        raise _refusal("CrlConfiguration", "S3BucketName", "is required when Enabled is true.")
    omit = crl.get("CrlDistributionPointExtensionConfiguration", {}).get("OmitExtension", False)
    if omit and crl.get("CustomCname"):
        raise _refusal(
            "CrlConfiguration",
            "CustomCname",
            "cannot be given when OmitExtension is true.",
            reason="It cannot be combined with leaving the distribution point out of certificates.",
        )
    _check_path(crl.get("CustomPath"))
    _check_host("CrlConfiguration", "CustomCname", crl.get("CustomCname"))
    return {"ExpirationInDays": DEFAULT_EXPIRATION_DAYS, "S3ObjectAcl": "PUBLIC_READ"} | _without_empty(crl)


def _ocsp(responder: Mapping[str, Any]) -> dict[str, Any]:
    _check_disabled_stands_alone("OcspConfiguration", responder)
    _check_host("OcspConfiguration", "OcspCustomCname", responder.get("OcspCustomCname"))
    return _without_empty(responder)


def _without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value != ""}


def _check_disabled_stands_alone(name: str, configuration: Mapping[str, Any]) -> None:
    others = sorted(member for member in configuration if member != "Enabled")
    if not configuration["Enabled"] and others:
        raise _refusal(name, others[0], "cannot be given when Enabled is false.")


def _check_path(path: str | None) -> None:
    if path and path != "/" and (_PATH.fullmatch(path) is None or f"{path}/".lower().count(".crl/")):
        rule = (
            "must be segments without '%', '?' and '+', joined by '/', of which none begins with a dot or ends in "
            "'.crl': it is a path in addresses and the beginning of object keys."
        )
        raise _refusal("CrlConfiguration", "CustomPath", rule, path)


def _check_host(configuration: str, member: str, host: str | None) -> None:
    match = _AUTHORITY.fullmatch(host) if host else None
    if host and (match is None or not hosts.is_host_name(match[1]) or int(match[2] or _PORTS[0]) not in _PORTS):
        rule = (
            "must be a host name (RFC 2396 section 3.2.2) and no IP address, without 'http://' and without a path; a "
            "port is a number from 1 to 65535."
        )
        raise _refusal(configuration, member, rule, host)


def _refusal(
    configuration: str, member: str, rule: str, value: str | None = None, *, reason: str = ""
) -> errors.ApiError:
    """A member of `CrlConfiguration` or `OcspConfiguration` that breaks a rule, with its value where that helps."""
    quoted = "" if value is None else f" '{value}'"
    return errors.InvalidArgsException(
        f"{configuration}.{member}{quoted} {rule}",
        reason=reason or f"It {rule}",
        member=("RevocationConfiguration", configuration, member),
    )


def take_bucket(rt: Runtime, ca_arn: str, configuration: Mapping[str, Any]) -> None:
    """Check the CRL bucket, as AWS does in the call itself, and record the CA's account as its owner.

    Raises:
        ValidationException: as `check_bucket`.
    """
    account_id = arns.parse_ca_arn(ca_arn).account_id
    check_bucket(rt, account_id, configuration, ca_arn=ca_arn)
    crl = configuration["CrlConfiguration"]
    if crl["Enabled"]:
        with _bucket_errors(crl["S3BucketName"]):
            bucket_owners.take(rt, account_id, crl["S3BucketName"])


def check_bucket(rt: Runtime, account_id: str, configuration: Mapping[str, Any], *, ca_arn: str = "") -> None:
    """Check that the CRL bucket is no other account's, and can be written.

    Raises:
        ValidationException: AWS's sentence, and then what exactly is missing.
    """
    crl = configuration["CrlConfiguration"]
    if not crl["Enabled"]:
        return
    with _bucket_errors(crl["S3BucketName"]):
        bucket_owners.check(rt, account_id, crl["S3BucketName"])
        rt.buckets.check(crl["S3BucketName"], crl["S3ObjectAcl"], ca_arn)


@contextmanager
def _bucket_errors(bucket: str) -> Iterator[None]:
    try:
        yield
    except BucketError as error:
        if not error.misconfigured:
            raise
        text = _BUCKET_SENTENCE.format(bucket=bucket, detail=error)
        member = ("RevocationConfiguration", "CrlConfiguration", "S3BucketName")
        raise errors.ValidationException(text, reason=str(error), member=member) from error


def check_ocsp(rt: Runtime, configuration: Mapping[str, Any]) -> None:
    """Check that there is an OCSP URL for certificates that is answered.

    Raises:
        InvalidArgsException: OCSP is switched on, and has no URL here.
    """
    responder = configuration["OcspConfiguration"]
    if responder["Enabled"] and not responder.get("OcspCustomCname") and not rt.settings.ocsp_base_url:
        raise _refusal(
            "OcspConfiguration",
            "OcspCustomCname",
            "is required here: this installation has no OCSP address of its own.",
        )


def ocsp_url(rt: Runtime, ca: CertificateAuthority) -> str | None:
    """The OCSP URL of certificates issued now; None where OCSP is off."""
    responder = ca.revocation_configuration["OcspConfiguration"]
    if not responder["Enabled"]:
        return None
    cname = responder.get("OcspCustomCname")
    return f"http://{cname}" if cname else rt.settings.ocsp_base_url or None


def with_ocsp(ca: CertificateAuthority) -> CertificateAuthority:
    """The CA with the hashes by which OCSP finds it; kept for good, for certificates outlive the setting."""
    if not ca.revocation_configuration["OcspConfiguration"]["Enabled"] or ca.certificate_der is None:
        return ca
    from chalicelib.pki import ocsp

    return replace(ca, ocsp_key_hashes=ocsp.key_hashes(state.issuer_of(ca).spki_der))


def crl_enabled(ca: CertificateAuthority) -> bool:
    """Return whether CRLs are on in the CA's configuration."""
    return bool(ca.revocation_configuration["CrlConfiguration"]["Enabled"])


def is_partitioned(ca: CertificateAuthority) -> bool:
    """Return whether the CA's configuration binds new certificates to partitions of its CRL."""
    return bool(ca.revocation_configuration["CrlConfiguration"].get("CrlType") == "PARTITIONED")
