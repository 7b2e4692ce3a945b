"""Commands with which other programs sign the CSR of a subordinate CA, with the extensions that it needs.

Source: openssl-x509(1) and x509v3_config(5); step's reference, "step certificate sign"; the API of Vault's PKI secrets
engine, "Sign intermediate".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.ca import chains

if TYPE_CHECKING:
    from chalicelib.records import CertificateAuthority

_DAYS, _DAY = 3 * 365, timedelta(days=1)


class Signer(NamedTuple):
    """A program that signs, its command, and where the certificate and its chain are afterwards."""

    name: str
    command: str
    hint: str


def of(ca: CertificateAuthority) -> list[Signer]:
    """The commands for a subordinate, with the path length and the days of the certificate that it has.

    Without one, these are 0 and 1,095. The CA that signs has the files `parent.pem` and `parent.key`.
    """
    path = chains.installed(ca)
    depth = path[0].path_length if path else 0
    days = max((path[0].not_after - path[0].not_before) // _DAY, 1) if path else _DAYS
    openssl = _OPENSSL.format(pathlen="" if depth is None else f", pathlen:{depth}", days=days)
    vault = _VAULT.format(depth=-1 if depth is None else depth, hours=days * 24)
    step = [] if depth is None else [Signer("step", _STEP.format(depth=depth, hours=days * 24), _FILES)]
    return [Signer("OpenSSL", openssl, _FILES), *step, Signer("Vault", vault, _VAULT_FILES)]


_FILES = "Install certificate.pem. Its chain is parent.pem, followed by every certificate above that, the root last."
_VAULT_FILES = "Install certificate.pem with the chain chain.pem. The engine is mounted at pki."
_OPENSSL = """cat > ca.ext <<'END'
basicConstraints = critical, CA:TRUE{pathlen}
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
