"""Commands with which other programs sign the CSR of a subordinate CA, with the extensions that it needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.ca import chains

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority

_DAYS = 3 * 365
_DAY = timedelta(days=1)


class Signer(NamedTuple):
    """A program that signs: its name, what it is told, and the way to the files to install."""

    name: str
    command: str
    hint: str


def of(ca: CertificateAuthority) -> list[Signer]:
    """The commands for a subordinate; the certificate that it has decides path length and days, otherwise 0 and 1,095.

    The files are those that OpenSSL's documentation uses: `parent.pem` and `parent.key` are of the CA that signs.
    """
    path = chains.installed(ca)
    depth, days = 0, _DAYS
    if path:
        depth, days = path[0].path_length or 0, max((path[0].not_after - path[0].not_before) // _DAY, 1)
    files = "certificate.pem is the certificate. The chain is parent.pem and every certificate above it, the root last."
    return [
        Signer("OpenSSL", _OPENSSL.format(depth=depth, days=days), files),
        Signer("step", _STEP.format(depth=depth, hours=days * 24), files),
        Signer(
            "Vault", _VAULT.format(depth=depth, hours=days * 24), "chain.pem is the chain; the mount is called pki."
        ),
    ]


_OPENSSL = """cat > ca.ext <<'END'
basicConstraints = critical, CA:TRUE, pathlen:{depth}
keyUsage = critical, digitalSignature, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
END
openssl x509 -req -sha256 -in ca.csr -days {days} -extfile ca.ext \\
  -CA parent.pem -CAkey parent.key -CAcreateserial -out certificate.pem"""
_STEP = """step certificate sign ca.csr parent.pem parent.key \\
  --profile intermediate-ca --path-len {depth} --not-after {hours}h > certificate.pem"""
_VAULT = """vault write -format=json pki/root/sign-intermediate csr=@ca.csr use_csr_values=true \\
  max_path_length={depth} ttl={hours}h format=pem > signed.json
jq -r .data.certificate signed.json > certificate.pem
jq -r '.data.ca_chain[]' signed.json > chain.pem"""
