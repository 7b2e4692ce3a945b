"""Plans that deviate from one order only as a test says, and the certificates that they become."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.pki.issuing import planning
from chalicelib.pki.issuing.specification import Plan, Specification
from chalicelib.pki.issuing.templates import template_named
from chalicelib.pki.x509 import csr as csrs
from chalicelib.pki.x509 import signed
from chalicelib.pki.x509.issuer import Issuer, issuer_of
from tests.support.builders import LEAF_KEY, ROOT_KEY, START, csr, name

RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    "RSA_2048": RSA_KEY,
    "EC_prime256v1": LEAF_KEY,
    "EC_secp384r1": ec.generate_private_key(ec.SECP384R1()),
    "EC_secp521r1": ec.generate_private_key(ec.SECP521R1()),
}
DAYS_30 = {"Type": "DAYS", "Value": 30}


def der_of(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.DER)


def issuer(*extensions: tuple[x509.ExtensionType, bool], path_length: int | None = None) -> Issuer:
    """The offline root, with more extensions."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("Issuer"))
        .issuer_name(name("Issuer"))
        .public_key(ROOT_KEY.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(minutes=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ROOT_KEY.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return issuer_of(der_of(builder.sign(ROOT_KEY, hashes.SHA256())))


ISSUER = issuer()


def planned(template: str = "EndEntityCertificate", request: bytes | None = None, **more: Any) -> Plan:
    """A plan that deviates only as said."""
    parsed = csrs.parse_csr(csr(dns_names=["leaf.example.com"]) if request is None else request)
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "request": parsed,
        "template": template_named(template),
        "validity": DAYS_30,
        "validity_not_before": None,
        "signing_algorithm": "SHA256WITHECDSA",
        "serial_number": 1 << 127,
        "now": START,
        "crl_url": "http://crl.example.com/crl/x.crl",
    }
    return planning.plan(Specification(**arguments | more))


def issued(*args: Any, key: Any = ROOT_KEY, **more: Any) -> x509.Certificate:
    plan = planned(*args, **more)
    der_bytes = signed.sign(plan.tbs_der, key, more.get("signing_algorithm", "SHA256WITHECDSA"))
    return x509.load_der_x509_certificate(der_bytes)


def extension(found: x509.Certificate, kind: type[Any]) -> Any:
    return found.extensions.get_extension_for_class(kind)
