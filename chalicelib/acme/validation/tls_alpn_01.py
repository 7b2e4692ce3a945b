"""tls-alpn-01: a certificate for one purpose, in a handshake for one purpose (RFC 8737; RFC 8738 for IP addresses)."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from chalicelib.acme.validation import connecting
from chalicelib.acme.validation.outcome import ChallengeError, failure_of

if TYPE_CHECKING:
    from chalicelib.acme.validation.outcome import Attempt, Challenge

_PROTOCOL = "acme-tls/1"
_SECONDS = 5.0  # for the handshake
_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_UNREADABLE = (
    ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm,
    x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
_OCTETS_OF_SHA_256 = b"\x04\x20"  # DER: an OCTET STRING of 32 octets


def check(challenge: Challenge, attempt: Attempt) -> str:
    """Make the handshake, and say what the server presented.

    Raises:
        ChallengeError: there is none, or its certificate is wrong.
    """
    connection = connecting.connect(challenge.value, attempt.vantage.tls_port, attempt)
    place = f"connected to {connection.place}"
    context = connecting.unverified_tls()
    context.set_alpn_protocols([_PROTOCOL])
    try:
        with connection.sock as plain:
            plain.settimeout(min(_SECONDS, attempt.deadline.left()))
            with context.wrap_socket(plain, server_hostname=_server_name(challenge)) as sock:
                protocol, der = sock.selected_alpn_protocol(), sock.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        raise ChallengeError("tls", f"{place}, the handshake failed ({error.reason or 'no handshake'})") from None
    except OSError as error:
        raise ChallengeError("connection", f"{place}, which {failure_of(error)}") from None
    attempt.note(f"TLS handshake: protocol {protocol if protocol == _PROTOCOL else 'other than ' + _PROTOCOL}")
    if protocol != _PROTOCOL:
        raise ChallengeError("incorrectResponse", f"{place}, the server does not negotiate {_PROTOCOL} by ALPN")
    if wrong := _wrong(der or b"", challenge):
        raise ChallengeError("incorrectResponse", f"{place}, the certificate {wrong}")
    return f"{place}, got the certificate of the challenge"


def _server_name(challenge: Challenge) -> str:
    """The name in SNI: of an IP address that of its reverse mapping (RFC 8738 section 6)."""
    return challenge.value if challenge.identifier_type == "dns" else ip_address(challenge.value).reverse_pointer


def _wrong(der: bytes, challenge: Challenge) -> str:
    """Say what is wrong with a certificate, in words that follow "the certificate"; empty if nothing is."""
    digest = hashlib.sha256(challenge.key_authorization.encode()).digest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(certificate)
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        identifier = certificate.extensions.get_extension_for_oid(_IDENTIFIER)
    except x509.ExtensionNotFound as error:
        return f"has no {'acmeIdentifier extension' if error.oid == _IDENTIFIER else 'subject alternative name'}"
    except _UNREADABLE:
        return "is malformed or not self-signed"
    rules = (
        (_is_the_one_name(names, challenge), f"is not for {challenge.value} alone"),
        (identifier.critical, "has an acmeIdentifier extension that is not critical"),
        (
            hmac.compare_digest(identifier.value.public_bytes(), _OCTETS_OF_SHA_256 + digest),
            "is for another key authorization",
        ),
    )
    return next((reason for holds, reason in rules if not holds), "")


def _is_the_one_name(names: list[x509.GeneralName], challenge: Challenge) -> bool:
    if len(names) != 1:
        return False
    if challenge.identifier_type == "ip":
        return names[0] == x509.IPAddress(ip_address(challenge.value))
    return isinstance(names[0], x509.DNSName) and names[0].value.lower() == challenge.value.lower()
