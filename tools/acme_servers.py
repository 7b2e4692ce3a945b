"""The ACME servers that the conformance suite is run against: each starts on 127.0.0.1, and stops again."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.testing import authorities
from tools.conformance import BIN, Endpoint, environment, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def _fixed_port() -> int:
    """Return a free port that the kernel gives to no outgoing connection meanwhile."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with suppress(OSError), socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((_LOOPBACK, port))
            udp.bind((_LOOPBACK, port))
            return port


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the suite answers challenges."""

    http: int = field(default_factory=_fixed_port)
    tls: int = field(default_factory=_fixed_port)
    dns: int = field(default_factory=_fixed_port)


@contextmanager
def pebble(work: Path, ports: Ports) -> Iterator[list[str]]:
    """Debian's pebble, which wants external accounts, as Signet does."""
    port, management = _fixed_port(), _fixed_port()
    authority = _certificate(work)
    settings = {
        "listenAddress": f"{_LOOPBACK}:{port}",
        "managementListenAddress": f"{_LOOPBACK}:{management}",
        "certificate": str(work / "cert.pem"),
        "privateKey": str(work / "key.pem"),
        "httpPort": ports.http,
        "tlsPort": ports.tls,
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {"kid-1": _KEY},
    }
    (work / "pebble.json").write_text(json.dumps({"pebble": settings}))
    more = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    more |= {"PEBBLE_ALTERNATE_ROOTS": "1", "PEBBLE_WFE_ORDERS_PER_PAGE": "3"}
    path = shutil.which("pebble")
    if path is None:
        sys.exit("pebble is missing (Debian: apt-get install pebble)")
    command = [path, "-config", str(work / "pebble.json"), "-dnsserver", f"{_LOOPBACK}:{ports.dns}"]
    directory = f"https://{_LOOPBACK}:{port}/dir"
    with served(work, command, more, lambda: _answers(directory, authority)):
        yield ["--acme-directory", directory, "--acme-ca-file", str(authority), "--acme-eab", f"kid-1:{_KEY}"]


def _certificate(work: Path) -> Path:
    """Write the key and certificate of pebble's listener; return the file to trust."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _LOOPBACK)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=7))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(_LOOPBACK))])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (work / "cert.pem").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (work / "key.pem").write_bytes(secret)
    return work / "cert.pem"


def _answers(url: str, ca_file: Path) -> bool:
    context = ssl.create_default_context(cafile=str(ca_file))
    try:
        with urllib.request.urlopen(url, timeout=2, context=context):  # noqa: S310  of a server that was started here
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@contextmanager
def signet_home(work: Path, ports: Ports) -> Iterator[list[str]]:
    """`signet serve`, a laptop home, with its TLS listener."""
    port, tls = _fixed_port(), _fixed_port()
    settings = {"SIGNET_PORT": str(port), "SIGNET_TLS_PORT": str(tls), "SIGNET_DATA": str(work / "home")}
    settings |= _validation(ports)
    with served(work, [str(BIN / "signet"), "serve"], settings, lambda: _listens(port) and _listens(tls)):
        said = json.loads(_signet(settings, "env", "--json"))
        key = said["AWS_ACCESS_KEY_ID"], said["AWS_SECRET_ACCESS_KEY"]
        arn = _root(Endpoint(said["AWS_ENDPOINT_URL_ACM_PCA"], *key, ""))
        (work / "root.pem").write_text(_signet(settings, "trust", "root"))
        yield _options(work, settings, f"https://{_LOOPBACK}:{tls}", arn)


@contextmanager
def signet_for_tests(work: Path, ports: Ports) -> Iterator[list[str]]:
    """`signet serve --test`, whose clock moves."""
    ready = work / "ready.json"
    settings = {"SIGNET_PORT": "0", "SIGNET_TLS_PORT": "0", "SIGNET_DATA": str(work / "data")} | _validation(ports)
    command = [str(BIN / "signet"), "serve", "--test", "--ready-file", str(ready)]
    with served(work, command, settings, ready.exists):
        said = json.loads(ready.read_text())
        arn = _root(Endpoint(said["endpoint"], said["accessKeyId"], said["secretAccessKey"], ""))
        (work / "root.pem").write_text(said["tls_root"])
        (home,) = (work / "data").glob(f"state-*/{said['region']}")  # which the first request has made
        settings |= {"SIGNET_DATA": str(home), "SIGNET_ACCOUNT_ID": said["accountId"]}
        yield [*_options(work, settings, said["tls_endpoint"], arn), "--acme-clock", f"{said['control']}clock"]


def _validation(ports: Ports) -> dict[str, str]:
    """Return the settings by which Signet looks for challenges where the suite answers them."""
    names = {"SIGNET_ACME_HTTP_PORT": str(ports.http), "SIGNET_ACME_TLS_PORT": str(ports.tls)}
    return names | {"SIGNET_ACME_RESOLVER": f"{_LOOPBACK}:{ports.dns}", "SIGNET_ACME_PRIVATE_NETWORKS": "allow"}


def _signet(settings: dict[str, str], *words: str) -> str:
    """Run a command of Signet's in a home, and return what it printed."""
    made = subprocess.run([BIN / "signet", *words], env=environment(settings), capture_output=True, check=False)
    if made.returncode:
        sys.exit(f"signet {' '.join(words)}: {made.stderr.decode()}")
    return made.stdout.decode()


def _options(work: Path, settings: dict[str, str], url: str, arn: str) -> list[str]:
    """Make a directory in front of a CA, and two external accounts; return the suite's options for them."""
    terms = ("--terms", "https://ca.example.test/terms")
    _signet(settings, "acme", "directory", "create", "conformance", "--ca", arn, *terms)
    names = ("--names", "*.example.test", "--names", f"{_LOOPBACK}/32", "--accounts", "0", "--json")
    options = ["--acme-directory", f"{url}/acme/conformance/directory", "--acme-ca-file", str(work / "root.pem")]
    for option, more in (("--acme-eab", ()), ("--acme-preauthorized-eab", ("--preauthorized",))):
        made = json.loads(_signet(settings, "acme", "eab", "create", "--directory", "conformance", *names, *more))
        options += [option, f"{made['kid']}:{made['hmac_key']}"]
    return options


def _root(endpoint: Endpoint) -> str:
    """Create a root by the API, and return its ARN."""
    client = boto3.client(
        "acm-pca",
        region_name="us-east-1",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.access_key_id,
        aws_secret_access_key=endpoint.secret,
    )
    root = authorities.root(client)
    client.close()
    return root.arn


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=1):
        return True
    return False


TARGETS: dict[str, Callable[[Path, Ports], AbstractContextManager[list[str]]]] = {
    "Signet, for tests": signet_for_tests,
    "Signet, home": signet_home,
    "pebble 2.4.0": pebble,
}
