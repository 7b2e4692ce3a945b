"""Certificates for the linter: a good one in its parts, of which a test changes one, and what it should have been."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from chalicelib.pki.asn1 import der
from chalicelib.pki.lint.expectation import Expectation
from chalicelib.pki.x509 import algorithms, extensions
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509.extensions import Extension
from tests.support.builders import csr
from tests.support.planned_certificates import ISSUER, planned

if TYPE_CHECKING:
    from chalicelib.pki.issuing.specification import Plan

TEMPLATE = "EndEntityCertificate"
CRL_URL = "http://crl.example.com/crl/x.crl"
OCSP_URL = "http://ocsp.example.com"
MEMBERS = ("version", "serial", "algorithm", "issuer", "validity", "subject", "spki", "extensions")
ALGORITHM = algorithms.SIGNING_ALGORITHMS["SHA256WITHECDSA"].identifier_der


def expectation(plan: Plan, request: bytes, template: str = TEMPLATE, **more: Any) -> Expectation:
    """What the certificate of a plan has to be."""
    arguments: dict[str, Any] = {
        "template": template,
        "issuer": ISSUER,
        "request": csrs.parse_csr(request),
        "api_passthrough": None,
        "identifier_der": algorithms.SIGNING_ALGORITHMS[plan.signing_algorithm].identifier_der,
        "serial_number": plan.serial_number,
        "not_before": plan.not_before,
        "not_after": plan.not_after,
        "crl_url": CRL_URL,
        "ocsp_url": None,
    }
    return Expectation(**arguments | more)


class Parts:
    """A TBSCertificate in its parts; the attributes are the DER of its members, and its extensions by identifier."""

    def __init__(self, template: str = TEMPLATE, **more: Any) -> None:
        request = csr(dns_names=["leaf.example.com"])
        plan = planned(template, request, ocsp_url=OCSP_URL, **more)
        self.expectation = expectation(
            plan, request, template, ocsp_url=OCSP_URL, api_passthrough=more.get("api_passthrough")
        )
        members = [element.der for element in der.parse(plan.tbs_der).children()]
        self.members = dict(zip(MEMBERS, members, strict=True))
        self.extensions = [planned.extension for planned in plan.extensions]
        self.more: list[bytes] = []

    def tbs(self) -> bytes:
        """The bytes that would be signed."""
        wrapped = der.tlv(0xA3, extensions.encode_extensions(self.extensions))
        members = [part for name, part in self.members.items() if name != "extensions"]
        return der.sequence(*members, *self.more, wrapped)

    def extension(self, oid: str) -> Extension:
        """The extension with this object identifier."""
        return next(extension for extension in self.extensions if extension.oid == oid)

    def replace(self, oid: str, **changes: Any) -> None:
        """Change an extension, in its place."""
        self.extensions = [found._replace(**changes) if found.oid == oid else found for found in self.extensions]

    def drop(self, oid: str) -> None:
        """Leave an extension out."""
        self.extensions = [extension for extension in self.extensions if extension.oid != oid]

    def add(self, oid: str, value: str, *, critical: bool = False, expected: bool = True) -> None:
        """Append an extension, which the CSR asks for if it is `expected`."""
        extension = Extension(oid, critical, bytes.fromhex(value))
        self.extensions.append(extension)
        if expected:
            request = self.expectation.request
            asked = dataclasses.replace(request, extensions=(*request.extensions, extension))
            self.expectation = dataclasses.replace(self.expectation, request=asked)
