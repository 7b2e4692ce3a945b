"""ApiPassthrough: the subject and the extensions that a request asks for.

Source: AWS Private CA API, ApiPassthrough, Extensions, CustomExtension, PolicyInformation; RFC 5280 section 4.2.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.pki.asn1 import der, oids
from chalicelib.pki.errors import ArgumentError, refused, within
from chalicelib.pki.x509 import extensions, general_names, names
from chalicelib.pki.x509.extension_rules import check_value
from chalicelib.pki.x509.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chalicelib.errors import Member


class Requested(NamedTuple):
    """An extension, and the member of the request that asks for it."""

    extension: Extension
    member: Member


def member_of_subject(api_passthrough: Mapping[str, Any]) -> Member:
    """The member that holds the subject; ("Csr",) where the request leaves the CSR's."""
    if "Subject" not in api_passthrough:
        return ("Csr",)
    custom = "CustomAttributes" in api_passthrough["Subject"]
    return ("ApiPassthrough", "Subject", *(("CustomAttributes",) if custom else ()))


def subject_of(api_passthrough: Mapping[str, Any]) -> bytes | None:
    """Write the subject of the request; None: the request leaves the CSR's.

    Raises:
        ArgumentError: it cannot be written.
    """
    if "Subject" not in api_passthrough:
        return None
    with within("ApiPassthrough", "Subject"):
        return names.encode_subject(api_passthrough["Subject"])


def extensions_of(api_passthrough: Mapping[str, Any]) -> tuple[Requested, ...]:
    """Write the extensions of the request.

    Raises:
        ArgumentError: one occurs twice, or cannot be written.
    """
    asked = api_passthrough.get("Extensions")
    if not asked:
        return ()
    parts: list[tuple[Member, Callable[[Any], Extension], Any]] = [
        ((member,), build, asked[member]) for member, build in _MEMBERS.items() if extensions.is_asked(member, asked)
    ]
    parts += [
        (("CustomExtensions", position), _custom, custom)
        for position, custom in enumerate(asked.get("CustomExtensions", ()))
    ]
    requested: dict[str, Requested] = {}
    for path, build, value in parts:
        with within("ApiPassthrough", "Extensions", *path), refused(ArgumentError, "ApiPassthrough is refused."):
            extension = build(value)
            if extension.oid in requested:
                raise ArgumentError("ApiPassthrough names the same extension more than once.")
            check_value(extension)
        requested[extension.oid] = Requested(extension, ("ApiPassthrough", "Extensions", *path))
    return tuple(requested.values())


def _policies(policies: Iterable[Mapping[str, Any]]) -> Extension:
    uris: dict[str, list[str]] = {}
    for position, policy in enumerate(policies):
        with within(position):
            oid = _canonical_oid("CertPolicyId", policy)
            if oid in uris:
                raise ArgumentError(
                    f"ApiPassthrough names the certificate policy {oid} more than once.", member=("CertPolicyId",)
                )
            uris[oid] = list(_practice_statements(policy.get("PolicyQualifiers", ())))
    return extensions.certificate_policies(uris)


def _canonical_oid(member: str, value: Mapping[str, Any]) -> str:
    with within(member):
        return der.canonical_oid(value[member])


def _practice_statements(qualifiers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for position, qualifier in enumerate(qualifiers):
        uri: str = qualifier["Qualifier"]["CpsUri"]
        if not uri.isascii():
            raise ArgumentError(
                "The CpsUri of a certificate policy is not ASCII.",
                reason="It is not ASCII.",
                member=("PolicyQualifiers", position, "Qualifier", "CpsUri"),
            )
        yield uri


def _purposes(usages: Iterable[Mapping[str, str]]) -> Extension:
    purposes = []
    for position, usage in enumerate(usages):
        if len(usage) != 1:
            raise ArgumentError(
                "An ExtendedKeyUsage has either ExtendedKeyUsageType or ExtendedKeyUsageObjectIdentifier.",
                member=(position,),
            )
        ((member, name),) = usage.items()
        with within(position):
            purposes.append(
                oids.EXTENDED_KEY_USAGES[name] if member == "ExtendedKeyUsageType" else _canonical_oid(member, usage)
            )
    return extensions.extended_key_usage(purposes)


def _alternative_names(general: Iterable[Mapping[str, Any]]) -> Extension:
    encoded = []
    for position, name in enumerate(general):
        with within(position):
            encoded.append(general_names.general_name(name))
    return Extension(oids.SUBJECT_ALTERNATIVE_NAME, critical=False, value_der=der.sequence(*encoded))


def _custom(custom: Mapping[str, Any]) -> Extension:
    oid = _canonical_oid("ObjectIdentifier", custom)
    try:
        value_der = base64.b64decode(custom["Value"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ArgumentError(
            f"The value of custom extension {custom['ObjectIdentifier']} is not base64.",
            reason="It is not base64.",
            member=("Value",),
        ) from error
    return Extension(oid, bool(custom.get("Critical")), value_der)


_MEMBERS: dict[str, Callable[[Any], Extension]] = {
    "CertificatePolicies": _policies,
    "ExtendedKeyUsage": _purposes,
    "KeyUsage": extensions.key_usage,
    "SubjectAlternativeNames": _alternative_names,
}
