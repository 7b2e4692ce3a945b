"""Write the home that another version of Signet makes, for `tests/data/versions`: `version_home TREE FILE.tar.gz`.

TREE is a checkout of that version, whose server is started. It makes a CA with a CRL, issues three certificates and
revokes two of them; the CRL lists only the first. Where that version can, the CA has a permission and a policy. The
archive has the data directory as `home/`, and `facts.json`. Its keys protect nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = "8471"
_COMMAND = "from chalicelib.cli import main; main()"
_REVOCATION: Any = {"CrlConfiguration": {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "crls"}}
_CONFIGURATION: Any = {
    "KeyAlgorithm": "EC_prime256v1",
    "SigningAlgorithm": "SHA256WITHECDSA",
    "Subject": {"CommonName": "Root of the past"},
}
_SHARED = ("DescribeCertificateAuthority", "GetCertificate", "GetCertificateAuthorityCertificate")
_ACTIONS = [f"acm-pca:{name}" for name in (*_SHARED, "ListPermissions", "ListTags")]


def main(tree: Path, target: Path) -> None:
    """Start the server of a version, make the home, and pack it."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "home"
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNET_", "AWS_"))}
        environment = plain | {"SIGNET_DATA": str(data), "SIGNET_PORT": PORT, "PYTHONPATH": str(tree)}
        command = [sys.executable, "-c", _COMMAND]
        server = subprocess.Popen([*command, "serve"], cwd=tree, env=environment)
        try:
            _until(_answers)
            printed = subprocess.check_output([*command, "env"], cwd=tree, env=environment, text=True)
            exports = dict(word.split("=", 1) for word in printed.split() if "=" in word)
            facts = _furnish(exports, data, server)
        finally:
            server.kill()
        (Path(scratch) / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
        with tarfile.open(target, "w:gz") as tar:
            for name in ("facts.json", "home"):
                tar.add(Path(scratch) / name, name, filter=_plain)


def _furnish(exports: dict[str, str], data: Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Make what the home holds, stop the server, and return the facts about it."""
    client = boto3.client(
        "acm-pca",
        endpoint_url=f"http://127.0.0.1:{PORT}",
        region_name="us-east-1",
        aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    arn = client.create_certificate_authority(
        CertificateAuthorityConfiguration=_CONFIGURATION,
        CertificateAuthorityType="ROOT",
        RevocationConfiguration=_REVOCATION,
        Tags=[{"Key": "Name", "Value": "past"}],
    )["CertificateAuthorityArn"]
    request = _until(lambda: client.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"])
    root = _issue(client, arn, request.encode(), "RootCACertificate", 10_950)
    client.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=root.encode())
    names = [f"leaf{number}.example.com" for number in range(3)]
    leaves = [_issue(client, arn, _request(name), "EndEntityCertificate", 3650) for name in names]
    serials = [f"{x509.load_pem_x509_certificate(pem.encode()).serial_number:x}" for pem in leaves]
    statement = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Resource": arn, "Action": _ACTIONS}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    with contextlib.suppress(ClientError):  # the first versions had no such operation
        client.put_policy(ResourceArn=arn, Policy=policy)
        client.create_permission(
            CertificateAuthorityArn=arn, Principal="acm.amazonaws.com", Actions=["IssueCertificate", "GetCertificate"]
        )
    revoke: Any = {"CertificateAuthorityArn": arn, "RevocationReason": "SUPERSEDED"}
    client.revoke_certificate(CertificateSerial=serials[0], **revoke)
    number = _until(lambda: _crl_number(data), seconds=120)
    client.revoke_certificate(CertificateSerial=serials[1], **revoke)
    server.terminate()
    server.wait(30)
    return {
        "ca_arn": arn,
        "names": names,
        "serials": serials,
        "revoked": serials[:2],
        "crl_number": number,
        "access_key_id": exports["AWS_ACCESS_KEY_ID"],
        "secret": exports["AWS_SECRET_ACCESS_KEY"],
    }


def _issue(client: Any, arn: str, request: bytes, template: str, days: int) -> str:
    issued = client.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request,
        SigningAlgorithm="SHA256WITHECDSA",
        TemplateArn=f"arn:aws:acm-pca:::template/{template}/V1",
        Validity={"Type": "DAYS", "Value": days},
    )["CertificateArn"]
    pem: str = _until(lambda: client.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)["Certificate"])
    return pem


def _request(name: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def _answers() -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/nothing").close()
    except urllib.error.HTTPError:
        pass
    except OSError:
        return False
    return True


def _crl_number(data: Path) -> int | None:
    """The number of the published CRL, once it has an entry."""
    for path in data.glob("buckets/crls/crl/*.crl"):
        crl = x509.load_der_x509_crl(path.read_bytes())
        if len(crl):
            return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    return None


def _until(attempt: Callable[[], Any], seconds: float = 30) -> Any:
    """Try until something is returned."""
    for _ in range(int(seconds * 10)):
        with contextlib.suppress(ClientError):
            if (value := attempt()) is not None and value is not False:
                return value
        time.sleep(0.1)
    raise SystemExit("That version does not do it in time.")


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The entry without its owner; None for the log of a database, which the server has copied into it at its end."""
    if entry.name.endswith(("-wal", "-shm")):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]))
