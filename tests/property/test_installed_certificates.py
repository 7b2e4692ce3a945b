"""CA certificates with random changes: what may be installed, OpenSSL takes as an issuer, too."""

from __future__ import annotations

import random
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from chalicelib.pki.asn1 import der
from chalicelib.pki.asn1 import pem as pems
from chalicelib.pki.errors import PkiError
from tests.fuzz import mutation
from tests.support.builders import pem
from tests.support.ca_certificate_paths import certificate, check, limited, root, san, usage
from tests.support.pki_forge import key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS, LEAST = 6000, 30
_POINT = x509.DistributionPoint([x509.UniformResourceIdentifier("http://a.example/crl")], None, None, None)
_RESPONDER = x509.AccessDescription(
    AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://a.example")
)
_ANY_POLICY = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)


def changed() -> Iterator[bytes]:
    """Yield certificates, each changed in a few places and signed again."""
    rng = random.Random(1)
    sources = [
        certificate(extensions=extensions)
        for extensions in (
            limited(x509.DNSName("example.com")),
            san(x509.DNSName("ca.example.com")),
            [(usage(sign=True), True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
            [(x509.CRLDistributionPoints([_POINT]), False), (x509.CertificatePolicies([_ANY_POLICY]), False)],
            [
                (x509.AuthorityInformationAccess([_RESPONDER]), False),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(key("P-384").public_key()), False),
            ],
        )
    ]
    for _ in range(ROUNDS):
        source = rng.choice(sources)
        tbs = mutation.encoding(rng, source.tbs_certificate_bytes)
        _, algorithm, _ = der.read(source.public_bytes(Encoding.DER)).children()
        if tbs != source.tbs_certificate_bytes:
            signature = key("P-384").sign(tbs, ec.ECDSA(hashes.SHA256()))
            yield der.sequence(tbs, algorithm.der, der.bit_string(signature))


def test_certificate_that_may_be_installed_is_valid_for_openssl(tmp_path: Path) -> None:
    above, installed = root(), list[str]()
    (tmp_path / "root").write_bytes(pem(above))
    for number, found in enumerate(changed()):
        with suppress(PkiError):
            check(pems.encode(found).encode(), above)
            (tmp_path / str(number)).write_text(pems.encode(found))
            installed.append(str(number))
    command = ["openssl", "verify", "-no_check_time", "-CAfile", "root", *installed]
    verified = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    assert len(installed) >= LEAST
