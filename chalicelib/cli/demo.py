"""`signet demo`: a two-tier PKI, two certificates and a revocation, each step with its AWS CLI command."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib import arn as arns
from chalicelib.access import access_keys
from chalicelib.config import Settings
from chalicelib.crl import distribution_points, publication
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import ca_certificates, certificates, creation, revocation
from chalicelib.regions import named_standard
from chalicelib.runtime import Caller, from_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BUCKET = "signet-demo"


@click.command()
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for the files and the demo's data; default: a new temporary directory.",
)
def demo(into: Path | None) -> None:
    """Set up a two-tier PKI, issue two certificates, revoke one.

    Each step prints its AWS CLI command. The demo has its own data directory and needs no running server.
    """
    directory = into or Path(tempfile.mkdtemp(prefix="signet-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    _Demo(directory).run()


class _Demo:
    """A run of the demo, with its runtime and files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        settings = replace(Settings.from_env(), data=str(directory / "home"), state="sqlite", buckets="directory")
        self.rt = from_settings(settings)
        self.caller = Caller(
            account_id=settings.account_id,
            access_key_id=access_keys.ensure_root_key(self.rt).access_key_id,
            principal=ADMINISTRATOR,
        )
        self.written: list[Path] = []

    def run(self) -> None:
        root = self._create("ROOT", "Demo Root")
        root_certificate = self._sign_ca(root, root, "RootCACertificate", 3650)
        self._install(root, root_certificate, None, "root")
        subordinate = self._create("SUBORDINATE", "Demo Issuing CA")
        certificate = self._sign_ca(root, subordinate, "SubordinateCACertificate_PathLen0", 1825)
        self._install(subordinate, certificate, root_certificate, "issuing-ca")
        good = self._leaf(subordinate, "good.example.com", "good")
        revoked = self._leaf(subordinate, "revoked.example.com", "revoked")
        self._revoke(subordinate, revoked)
        self._publish(subordinate)
        self._write("ca-chain.pem", f"{certificate}\n{root_certificate}\n")
        self._verify()
        click.echo(f"\nFiles in {self.directory} (serial {good.rsplit('/', 1)[1]} is good, the other is revoked):")
        for path in self.written:
            click.echo(f"  {path.name}")

    def _call(self, command: str, operation: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        """Print the AWS CLI command of a call, and make the call."""
        words = [f"aws acm-pca {command}"]
        for member, value in request.items():
            words.append(f"--{_kebab(member)} {_argument(value)}")
        click.echo("$ " + " \\\n    ".join(words))
        return operation(self.rt, self.caller, request)

    def _create(self, kind: str, common_name: str) -> str:
        crl = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": _BUCKET}
        request = {
            "CertificateAuthorityConfiguration": {
                "KeyAlgorithm": "EC_prime256v1",
                "SigningAlgorithm": "SHA256WITHECDSA",
                "Subject": {"Country": "US", "Organization": "Example Corp", "CommonName": common_name},
            },
            "RevocationConfiguration": {"CrlConfiguration": crl},
            "CertificateAuthorityType": kind,
            **named_standard(self.rt.settings.region),
        }
        answer = self._call("create-certificate-authority", creation.create_certificate_authority, request)
        return str(answer["CertificateAuthorityArn"])

    def _sign_ca(self, issuer: str, subject: str, template: str, days: int) -> str:
        named = {"CertificateAuthorityArn": subject}
        operation = ca_certificates.get_certificate_authority_csr
        csr = self._call("get-certificate-authority-csr", operation, named)["Csr"]
        return self._issue(issuer, csr.encode(), template, days)[1]

    def _issue(self, issuer: str, csr: bytes, template: str, days: int) -> tuple[str, str]:
        request = {
            "CertificateAuthorityArn": issuer,
            "Csr": csr,
            "SigningAlgorithm": "SHA256WITHECDSA",
            "TemplateArn": str(arns.TemplateArn(arns.parse_ca_arn(issuer).partition, template)),
            "Validity": {"Type": "DAYS", "Value": days},
        }
        arn = self._call("issue-certificate", certificates.issue_certificate, request)["CertificateArn"]
        named = {"CertificateAuthorityArn": issuer, "CertificateArn": arn}
        return arn, self._call("get-certificate", certificates.get_certificate, named)["Certificate"]

    def _install(self, arn: str, certificate: str, chain: str | None, name: str) -> None:
        request = {"CertificateAuthorityArn": arn, "Certificate": certificate.encode()}
        if chain is not None:
            request["CertificateChain"] = chain.encode()
        operation = ca_certificates.import_certificate_authority_certificate
        self._call("import-certificate-authority-certificate", operation, request)
        self._write(f"{name}.pem", certificate + "\n")

    def _leaf(self, issuer: str, host: str, name: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        pkcs8 = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._write(f"{name}.key", key.private_bytes(serialization.Encoding.PEM, *pkcs8).decode(), secret=True)
        arn, certificate = self._issue(issuer, csr, "EndEntityCertificate", 90)
        self._write(f"{name}.pem", certificate + "\n")
        return arn

    def _revoke(self, issuer: str, certificate_arn: str) -> None:
        request = {
            "CertificateAuthorityArn": issuer,
            "CertificateSerial": certificate_arn.rsplit("/", 1)[1],
            "RevocationReason": "KEY_COMPROMISE",
        }
        self._call("revoke-certificate", revocation.revoke_certificate, request)

    def _publish(self, ca_arn: str) -> None:
        click.echo("$ signet crl publish")
        publication.publish_due_crls(self.rt, seconds=60)
        ca = self.rt.store.get_certificate_authority(ca_arn)
        stored = None
        if ca is not None:
            point = distribution_points.for_complete_crl(self.rt, ca)
            stored = self.rt.buckets.get(point.bucket, point.key)
        if stored is None:
            raise click.ClickException("The CRL was not published.")
        crl = x509.load_der_x509_crl(stored.body)
        self._write("crl.pem", crl.public_bytes(serialization.Encoding.PEM).decode())

    def _write(self, name: str, text: str, *, secret: bool = False) -> None:
        path = self.directory / name
        path.touch(mode=0o600 if secret else 0o644)
        path.write_text(text)
        self.written.append(path)

    def _verify(self) -> None:
        """Verify the two certificates with OpenSSL, if it is installed."""
        openssl = shutil.which("openssl")
        for name in ("good", "revoked"):
            words = ["openssl", "verify", "-crl_check", "-CAfile", "ca-chain.pem", "-CRLfile", "crl.pem"]
            words.append(f"{name}.pem")
            click.echo(f"$ {shlex.join(words)}")
            if openssl is not None:
                process = subprocess.run(words, cwd=self.directory, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
                click.echo((process.stdout + process.stderr).rstrip())


def _kebab(member: str) -> str:
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in member).lstrip("-")


def _argument(value: Any) -> str:
    if isinstance(value, bytes):
        return "fileb://FILE"
    return shlex.quote(value if isinstance(value, str) else json.dumps(value))
