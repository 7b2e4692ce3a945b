"""Revocations under load, as strangers see them: in the CRL within 60 seconds, in OCSP within 5."""

from __future__ import annotations

import random
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from tests.support.authority_steps import active_root, fetch, issue, serial_of
from tests.support.builders import csr

if TYPE_CHECKING:
    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]

REVOCATIONS, SECONDS, CALLERS = 200, 15, 8
IN_CRL, IN_OCSP = 60, 5  # seconds


def test_each_revocation_is_visible_in_time(home: Home) -> None:
    client = home.client()
    crl = {"Enabled": True, "S3BucketName": "seen", "ExpirationInDays": 7}
    both = {"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": True}}
    arn = active_root(client, RevocationConfiguration=both)
    request = csr()
    issued = [issue(client, arn, Csr=request) for _ in range(REVOCATIONS)]
    pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
    issuer = x509.load_pem_x509_certificate(pem.encode())
    watcher, done = Watcher(fetch(client, arn, issued[0]), issuer), threading.Event()
    source = random.Random(5280)
    moments = sorted(source.uniform(0, SECONDS) for _ in issued)
    begun = time.monotonic()

    def revoke(certificate_arn: str, moment: float) -> None:
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        serial = serial_of(certificate_arn)
        client.revoke_certificate(CertificateAuthorityArn=arn, CertificateSerial=serial, RevocationReason="SUPERSEDED")
        watcher.see(int(certificate_arn.rsplit("/", 1)[1], 16))

    def load() -> None:
        while not done.is_set():
            issue(client, arn, Csr=request)

    with ThreadPoolExecutor(CALLERS + 1) as pool:
        loading = pool.submit(load)
        try:
            waiting = [pool.submit(revoke, *each) for each in zip(issued, moments, strict=True)]
            for each in waiting:
                each.result()
            watcher.see_crl()
        finally:
            done.set()
        loading.result()


class Watcher:
    """What a stranger finds at the addresses in a certificate."""

    def __init__(self, leaf: x509.Certificate, issuer: x509.Certificate) -> None:
        (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        (name,) = point.full_name or []
        (access,) = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        self.crl_url, self.ocsp_url = str(name.value), str(access.access_location.value)
        public_key: Any = issuer.public_key()
        bits = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.hashes = _sha1(issuer.subject.public_bytes()), _sha1(bits)
        self.revoked: dict[int, float] = {}

    def see(self, serial: int) -> None:
        """Wait until OCSP tells of a revocation that has just been answered."""
        begun = self.revoked[serial] = time.monotonic()
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(*self.hashes, serial, hashes.SHA1())
        request_der = builder.build().public_bytes(Encoding.DER)
        while self._status(request_der) is not ocsp.OCSPCertStatus.REVOKED:
            assert time.monotonic() < begun + IN_OCSP, f"OCSP does not tell of {serial:x}"
            time.sleep(0.2)

    def see_crl(self) -> None:
        """Wait until the CRL tells of every revocation; none may come later than it must."""
        while True:
            with urllib.request.urlopen(self.crl_url, timeout=10) as answer:
                listed = {each.serial_number for each in x509.load_der_x509_crl(answer.read())}
            missing = [begun for serial, begun in self.revoked.items() if serial not in listed]
            if not missing:
                return
            assert time.monotonic() < min(missing) + IN_CRL, f"the CRL lacks {len(missing)}"
            time.sleep(0.5)

    def _status(self, request_der: bytes) -> ocsp.OCSPCertStatus:
        headers = {"Content-Type": "application/ocsp-request"}
        request = urllib.request.Request(self.ocsp_url, data=request_der, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return ocsp.load_der_ocsp_response(answer.read()).certificate_status


def _sha1(content: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA1())
    digest.update(content)
    return digest.finalize()
