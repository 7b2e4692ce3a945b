"""ACME servers that clients are run against: Signet's laptop home, and Debian's pebble, which judges the harness."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.acme_clients.door import opened
from tests.support.authority_steps import active_below, active_root
from tests.support.challenge_responder import ChallengeResponder
from tests.support.home import START_SECONDS, Home, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROFILES = ("web=EndEntityServerAuthCertificate:90d", "short=EndEntityServerAuthCertificate:24h")
_NAMES = ("--names", "*.example.test", "--names", "127.0.0.1/32")
_KID, _HMAC_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a client needs for an account: the directory's address and an external account binding."""

    directory: str
    kid: str
    hmac_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where a server validates: on these ports, at the addresses that the test's DNS server gives."""

    responder: ChallengeResponder
    http_port: int
    tls_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running ACME server.

    Attributes:
        name: `signet` or `pebble`.
        ca_file: what a client trusts for TLS.
        root: what the chains of issued certificates end in.
        binding: makes an external account binding that no account has; given `root`, for the directory of the root.
        open_directory: a directory that demands no binding.
        incidents: what hooks can make happen, by name, to the certificate with a serial number, in hex: `revoke`, and
            the compromise of the CA of each directory that `drill` has made, by the directory's name.
        drill: makes a directory with a CA of its own; returns its name and an external account binding.
        is_revoked: tells whether a serial number, in hex, is revoked.
        network: where it validates.
        door: the address of `tests/acme_clients/door.py`.
    """

    name: str
    ca_file: Path
    root: Path
    binding: Callable[..., Binding]
    open_directory: str
    incidents: Mapping[str, Callable[[str], object]]
    drill: Callable[[], tuple[str, Binding]]
    is_revoked: Callable[[str], bool]
    network: Network
    door: str = ""


@contextmanager
def running(name: str, work: Path, *, answers_http: bool = False) -> Iterator[Server]:
    """Start a server by its name, and end it; http-01 is answered by clients, or by the responder."""
    with ChallengeResponder() as responder:
        http_port = responder.http_port if answers_http else free_port()
        network = Network(responder=responder, http_port=http_port, tls_port=free_port())
        with _MAKERS[name](work, network) as server, opened(responder, server.incidents) as door:
            yield replace(server, door=door)


@contextmanager
def _signet(work: Path, network: Network) -> Iterator[Server]:
    """A laptop home with a root and a CA below it, and a directory of each that demands external account bindings."""
    home = Home(
        work / "data",
        SIGNET_TLS_PORT=str(free_port()),
        SIGNET_ACME_HTTP_PORT=str(network.http_port),
        SIGNET_ACME_TLS_PORT=str(network.tls_port),
        SIGNET_ACME_RESOLVER=network.responder.resolver,
    )
    home.start()
    try:
        client = home.client()
        anchor = active_root(client)
        ca = active_below(client, anchor, "ACME CA", days=365)
        authorities = [ca]
        root, ca_file = work / "root.pem", work / "tls.pem"
        root.write_text(client.get_certificate_authority_certificate(CertificateAuthorityArn=anchor)["Certificate"])
        ca_file.write_text(home.signet("trust", "root").stdout)
        profiles = [word for each in PROFILES for word in ("--profile", each)]
        home.signet("acme", "directory", "create", "web", "--ca", ca, *profiles)
        home.signet("acme", "directory", "create", "root", "--ca", anchor)
        made = home.signet("acme", "directory", "create", "open", "--ca", ca, "--without-eab", *_NAMES, "--json")

        def binding(directory: str = "web") -> Binding:
            printed = home.signet("acme", "eab", "create", "--directory", directory, *_NAMES, "--json").stdout
            return Binding(**json.loads(printed))

        def is_revoked(serial: str) -> bool:
            issued = [certificate for each in authorities for certificate in home.certificates(each)]
            return "RevokedAt" in {int(each["Serial"], 16): each for each in issued}[int(serial, 16)]

        def revoke(serial: str) -> None:
            client.revoke_certificate(
                CertificateAuthorityArn=ca, CertificateSerial=serial, RevocationReason="SUPERSEDED"
            )

        incidents: dict[str, Callable[[str], object]] = {"revoke": revoke}

        def drill() -> tuple[str, Binding]:
            name = f"drill-{len(incidents)}"
            authorities.append(active_below(client, anchor, f"CA of {name}", days=365))
            home.signet("acme", "directory", "create", name, "--ca", authorities[-1])

            def compromise(_: str) -> None:
                authorities.append(active_below(client, anchor, f"New CA of {name}", days=365))
                home.signet("acme", "directory", "replace-ca", name, "--ca", authorities[-1], "--compromised")

            incidents[name] = compromise
            return name, binding(name)

        yield Server(
            name="signet",
            ca_file=ca_file,
            root=root,
            binding=binding,
            open_directory=json.loads(made.stdout)["directory"],
            incidents=incidents,
            drill=drill,
            is_revoked=is_revoked,
            network=network,
        )
    finally:
        home.stop()


@contextmanager
def _pebble(work: Path, network: Network) -> Iterator[Server]:
    """Two pebbles: one demands external account bindings, the other one does not."""
    _certificate(work)
    trusting = ssl.create_default_context(cafile=work / "tls.pem")
    ports = {demanding: (free_port(), free_port()) for demanding in (True, False)}

    def managed(demanding: bool, path: str) -> bytes:
        address = f"https://127.0.0.1:{ports[demanding][1]}{path}"
        with urllib.request.urlopen(address, timeout=5, context=trusting) as answer:
            return bytes(answer.read())

    def is_revoked(serial: str) -> bool:
        found: str = json.loads(managed(True, f"/cert-status-by-serial/{serial.lower()}"))["Status"]
        return found == "Revoked"

    with ExitStack() as stack:
        for demanding, (port, management) in ports.items():
            stack.enter_context(_one_pebble(work, network, port, management, demanding=demanding))
        roots: list[bytes] = []
        deadline = time.monotonic() + START_SECONDS
        while not roots:
            with suppress(OSError):
                roots = [managed(demanding, "/roots/0") for demanding in ports]
            assert time.monotonic() < deadline
        (work / "root.pem").write_bytes(b"".join(roots))
        yield Server(
            name="pebble",
            ca_file=work / "tls.pem",
            root=work / "root.pem",
            binding=lambda _="": Binding(
                directory=f"https://127.0.0.1:{ports[True][0]}/dir", kid=_KID, hmac_key=_HMAC_KEY
            ),
            open_directory=f"https://127.0.0.1:{ports[False][0]}/dir",
            incidents={},
            drill=_no_drill,
            is_revoked=is_revoked,
            network=network,
        )


@contextmanager
def _one_pebble(work: Path, network: Network, port: int, management: int, *, demanding: bool) -> Iterator[None]:
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(work / "tls.pem"),
        "privateKey": str(work / "tls.key"),
        "httpPort": network.http_port,
        "tlsPort": network.tls_port,
        "externalAccountBindingRequired": demanding,
        "externalAccountMACKeys": {_KID: _HMAC_KEY},
    }
    config = work / f"pebble-{port}.json"
    config.write_text(json.dumps({"pebble": settings}))
    environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    command = ["pebble", "-config", str(config), "-dnsserver", network.responder.resolver, "-strict"]
    with (
        (work / f"pebble-{port}.log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def _no_drill() -> tuple[str, Binding]:
    raise NotImplementedError("pebble has no renewal information")


def _certificate(work: Path) -> None:
    """A certificate that clients trust by itself, for a server on this machine."""
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(command.split(), cwd=work, check=True, capture_output=True)


_MAKERS = {"signet": _signet, "pebble": _pebble}
