"""ApiPassthrough: the subject and the extensions that a request may ask for.

Source: AWS Private CA API, ApiPassthrough, Extensions, CustomExtension, PolicyInformation; RFC 5280 section 4.2.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from chalicelib.pki.asn1 import der
from chalicelib.pki.errors import ArgumentError, PkiError
from chalicelib.pki.x509 import extensions, general_names, names
from chalicelib.pki.x509.extension_rules import check_value
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EXTENDED_KEY_USAGES = {
    "SERVER_AUTH": "1.3.6.1.5.5.7.3.1",
    "CLIENT_AUTH": "1.3.6.1.5.5.7.3.2",
    "CODE_SIGNING": "1.3.6.1.5.5.7.3.3",
    "EMAIL_PROTECTION": "1.3.6.1.5.5.7.3.4",
    "TIME_STAMPING": "1.3.6.1.5.5.7.3.8",
    "OCSP_SIGNING": "1.3.6.1.5.5.7.3.9",
    "SMART_CARD_LOGIN": "1.3.6.1.4.1.311.20.2.2",
    "DOCUMENT_SIGNING": "1.3.6.1.4.1.311.10.3.12",
    "CERTIFICATE_TRANSPARENCY": "1.3.6.1.4.1.11129.2.4.4",
}


def subject_of(api_passthrough: Mapping[str, Any]) -> bytes | None:
    """The Name that the request asks for, in full; None: it leaves the CSR's.

    Raises:
        ArgumentError: it cannot be written.
    """
    return names.encode_subject(api_passthrough["Subject"]) if "Subject" in api_passthrough else None


def extensions_of(api_passthrough: Mapping[str, Any]) -> tuple[Extension, ...]:
    """The extensions that the request asks for.

    Raises:
        ArgumentError: one is there twice, or cannot be written.
    """
    given = api_passthrough.get("Extensions", {})
    try:
        found = [build(given[member]) for member, build in _MEMBERS.items() if member in given]
        found += map(_custom, given.get("CustomExtensions", ()))
        oids = [extension.oid for extension in found]
        if len(set(oids)) != len(oids):
            raise ArgumentError("ApiPassthrough names the same extension more than once.")
        for extension in found:
            check_value(extension)
    except ArgumentError:
        raise
    except PkiError as error:
        raise ArgumentError(f"ApiPassthrough is refused. {error}") from error
    return tuple(found)


def _policies(given: Iterable[Mapping[str, Any]]) -> Extension:
    policies: dict[str, list[str]] = {}
    for policy in given:
        oid = der.canonical_oid(policy["CertPolicyId"])
        if oid in policies:
            raise ArgumentError(f"ApiPassthrough names the certificate policy {oid} more than once.")
        policies[oid] = [each["Qualifier"]["CpsUri"] for each in policy.get("PolicyQualifiers", ())]
    try:
        return extensions.certificate_policies(policies)
    except UnicodeEncodeError as error:
        raise ArgumentError("The CpsUri of a certificate policy is not ASCII.") from error


def _purposes(given: Iterable[Mapping[str, str]]) -> Extension:
    oids = []
    for purpose in given:
        if len(purpose) != 1:
            raise ArgumentError(
                "An ExtendedKeyUsage has either ExtendedKeyUsageType or ExtendedKeyUsageObjectIdentifier."
            )
        known = purpose.get("ExtendedKeyUsageType")
        oids.append(EXTENDED_KEY_USAGES[known] if known else purpose["ExtendedKeyUsageObjectIdentifier"])
    return extensions.extended_key_usage(oids)


def _alternative_names(given: Iterable[Mapping[str, Any]]) -> Extension:
    value_der = der.sequence(*map(general_names.general_name, given))
    return Extension(extensions.SUBJECT_ALTERNATIVE_NAME, critical=False, value_der=value_der)


def _custom(given: Mapping[str, Any]) -> Extension:
    try:
        value_der = base64.b64decode(given["Value"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArgumentError(f"The value of custom extension {given['ObjectIdentifier']} is not base64.") from error
    return Extension(der.canonical_oid(given["ObjectIdentifier"]), bool(given.get("Critical")), value_der)


_MEMBERS: dict[str, Callable[[Any], Extension]] = {
    "CertificatePolicies": _policies,
    "ExtendedKeyUsage": _purposes,
    "KeyUsage": extensions.key_usage,
    "SubjectAlternativeNames": _alternative_names,
}
