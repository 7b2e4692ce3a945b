"""General names from the API's members, and the extension that holds them.

Source: AWS Private CA API, GeneralName, AccessDescription; RFC 5280 sections 4.2.1.6 and 4.2.2.2.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from chalicelib.pki import der, extensions, names
from chalicelib.pki.errors import ArgumentError
from chalicelib.pki.extensions import Extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ACCESS_METHODS = {
    "CA_REPOSITORY": "1.3.6.1.5.5.7.48.5",
    "RESOURCE_PKI_MANIFEST": "1.3.6.1.5.5.7.48.10",
    "RESOURCE_PKI_NOTIFY": "1.3.6.1.5.5.7.48.13",
}


def general_name(value: Mapping[str, Any]) -> bytes:
    """The DER of a GeneralName.

    Raises:
        ArgumentError: there is not exactly one member, or it cannot be written.
    """
    if len(value) != 1:
        raise ArgumentError("A GeneralName has exactly one member.")
    ((kind, content),) = value.items()
    try:
        return _KINDS[kind](content)
    except (UnicodeEncodeError, ValueError) as error:
        raise ArgumentError(f"The {kind} '{content}' cannot be written: {error}") from error


def _checked(tag: int, text: str) -> bytes:
    """A name in ASCII that obeys the grammar of its kind."""
    name = der.tlv(tag, text.encode("ascii"))
    list(names.walk_general_names(der.read(der.sequence(name))))
    return name


def _other_name(content: Mapping[str, str]) -> bytes:
    value = der.tlv(0xA0, der.tlv(der.UTF8_STRING, content["Value"].encode()))
    return der.tlv(0xA0, der.oid(content["TypeId"]), value)


def _edi_party_name(content: Mapping[str, str]) -> bytes:
    assigner = content.get("NameAssigner")
    parts = [der.tlv(0xA0, der.tlv(der.UTF8_STRING, assigner.encode()))] if assigner else []
    return der.tlv(0xA5, *parts, der.tlv(0xA1, der.tlv(der.UTF8_STRING, content["PartyName"].encode())))


def _registered_id(content: str) -> bytes:
    return der.tlv(0x88, der.read(der.oid(content)).content)


_KINDS: dict[str, Callable[[Any], bytes]] = {
    "OtherName": _other_name,
    "Rfc822Name": lambda text: _checked(0x81, text),
    "DnsName": lambda text: _checked(0x82, text),
    "DirectoryName": lambda subject: der.tlv(0xA4, names.encode_subject(subject)),
    "EdiPartyName": _edi_party_name,
    "UniformResourceIdentifier": lambda text: _checked(0x86, text),
    "IpAddress": lambda text: der.tlv(0x87, ipaddress.ip_address(text).packed),
    "RegisteredId": _registered_id,
}


def subject_information_access(descriptions: Iterable[Mapping[str, Any]]) -> Extension:
    """The SubjectInformationAccess extension of a list of AccessDescriptions.

    Raises:
        ArgumentError: a method or location does not have exactly one member.
    """
    encoded = []
    for description in descriptions:
        method = description["AccessMethod"]
        if len(method) != 1:
            raise ArgumentError("An AccessMethod has either CustomObjectIdentifier or AccessMethodType.")
        oid = method.get("CustomObjectIdentifier") or ACCESS_METHODS[method["AccessMethodType"]]
        encoded.append(der.sequence(der.oid(oid), general_name(description["AccessLocation"])))
    return Extension(extensions.SUBJECT_INFORMATION_ACCESS, critical=False, value_der=der.sequence(*encoded))
