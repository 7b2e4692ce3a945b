"""Operations over HTTP: issuing beside cfssl and moto, the others beside moto, all under one load generator."""

from __future__ import annotations

import base64
import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench import load, peers
from tests.bench.load import Server
from tests.bench.report import Row
from tests.support.authority_steps import DAYS_30, activate_root, create, issue, serial_of
from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION, csr
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.bench.load import Load
    from tests.bench.sizes import Sizes

CSRS, CLIENTS = 60, (1, 4, 16, 64)
MOTO_SECONDS = 5  # it answers a dozen a second
MOST_REVOKED = 1_500  # a second: each certificate is revoked once, so a faster server needs more
ALGORITHMS = {"P-256": ("EC_prime256v1", "SHA256WITHECDSA"), "RSA-2048": ("RSA_2048", "SHA256WITHRSA")}
Order = tuple[str, dict[str, Any]]


def csrs() -> list[bytes]:
    """CSRs of different keys and names."""
    names = [f"host-{number}.example.com" for number in range(CSRS)]
    return [csr(name, key=ec.generate_private_key(ec.SECP256R1()), dns_names=[name]) for name in names]


def orders(arn: str, requests: Sequence[bytes], algorithm: str) -> list[Order]:
    """IssueCertificate for each CSR. Without an idempotency token each call issues a certificate of its own."""
    members = {"CertificateAuthorityArn": arn, "SigningAlgorithm": ALGORITHMS[algorithm][1], "Validity": DAYS_30}
    return [("IssueCertificate", members | {"Csr": base64.b64encode(each).decode()}) for each in requests]


def signet_at(home: Home, asked: Sequence[Order]) -> Server:
    """The server of a home that is asked in turn."""
    assert home.process is not None
    key = load.key_of(home)
    return Server(home.port, home.process.pid, lambda: [load.signed(key, home.port, *each) for each in asked])


def root_of(client: Any, algorithm: str, revocation: dict[str, Any]) -> str:
    """An ACTIVE root with a key of this algorithm."""
    key, signing = ALGORITHMS[algorithm]
    configuration = EC_CONFIGURATION | {"KeyAlgorithm": key, "SigningAlgorithm": signing}
    more = {"CertificateAuthorityConfiguration": configuration, "RevocationConfiguration": revocation}
    arn = create(client, "ROOT", **more)
    activate_root(client, arn, signing_algorithm=signing)
    return arn


@contextmanager
def running(work: Path) -> Iterator[Home]:
    """A laptop home with its server."""
    home = Home(work / "home")
    home.start()
    try:
        yield home
    finally:
        home.stop()


def issuing(work: Path, sizes: Sizes) -> list[Row]:
    """IssueCertificate by clients and by the CA's key: each client keeps its connection and waits for its answer."""
    rows, requests = list[Row](), csrs()
    with running(work) as home, peers.moto(work) as (moto, moto_client):
        for algorithm in ALGORITHMS:
            arn = root_of(home.client(), algorithm, CRL_CONFIGURATION)
            ours = signet_at(home, orders(arn, requests, algorithm))
            theirs = orders(root_of(moto_client, algorithm, peers.NO_CRL), requests, algorithm)
            slow = dataclasses.replace(moto, pool=_pool(moto.port, theirs))
            with peers.cfssl(work, requests, is_rsa=algorithm == "RSA-2048") as fast:
                load.run(ours, clients=4, seconds=1)  # imports and caches
                for clients in CLIENTS:
                    signet, cfssl = load.in_turn(
                        [ours, fast], clients=clients, seconds=sizes.seconds, rounds=sizes.rounds
                    )
                    third = load.run(slow, clients=clients, seconds=MOTO_SECONDS)
                    rows += _issue_rows(
                        f"issue, {algorithm}, {clients} client{'s' * (clients > 1)}", signet, cfssl, third
                    )
    return rows


def _issue_rows(name: str, signet: Load, cfssl: Load, moto: Load) -> list[Row]:
    rates = {"cfssl": cfssl.per_second, "moto": moto.per_second}
    return [
        Row(name, signet.per_second, "/s", signet.p50, signet.p99, rates),
        Row(f"{name}: processor time", signet.cpu, "ms", peers={"cfssl": cfssl.cpu}, more_is_better=False),
    ]


def _pool(port: int, asked: Sequence[Order]) -> Callable[[], list[bytes]]:
    return lambda: [load.signed(peers.MOTO_KEY, port, *each) for each in asked]


def other_operations(work: Path, sizes: Sizes) -> list[Row]:
    """Reading and revoking by four clients, beside moto; each side has as many certificates as it is asked for."""
    rows = list[Row]()
    with running(work) as home, peers.moto(work) as (moto, moto_client):
        arn, theirs = root_of(home.client(), "P-256", CRL_CONFIGURATION), root_of(moto_client, "P-256", peers.NO_CRL)
        asked = {
            "Signet": _reads(arn, [issue(home.client(), arn) for _ in range(CSRS)]),
            "moto": _reads(theirs, [issue(moto_client, theirs) for _ in range(4)]),
        }
        for name in asked["Signet"]:
            ours = signet_at(home, asked["Signet"][name])
            slow = dataclasses.replace(moto, pool=_pool(moto.port, asked["moto"][name]))
            load.run(ours, clients=4, seconds=1)
            signet, peer = load.in_turn([ours, slow], clients=4, seconds=sizes.seconds, rounds=sizes.rounds)
            rows.append(
                Row(f"{name}, 4 clients", signet.per_second, "/s", signet.p50, signet.p99, {"moto": peer.per_second})
            )
        rows.append(_revoking(home, arn, sizes))
    return rows


def _reads(arn: str, certificates: Sequence[str]) -> dict[str, list[Order]]:
    of_ca = {"CertificateAuthorityArn": arn}
    return {
        "GetCertificate": [("GetCertificate", of_ca | {"CertificateArn": each}) for each in certificates],
        "DescribeCertificateAuthority": [("DescribeCertificateAuthority", of_ca)],
        "ListCertificateAuthorities": [("ListCertificateAuthorities", {})],
    }


def _revoking(home: Home, arn: str, sizes: Sizes) -> Row:
    """RevokeCertificate, each time of another certificate."""
    wanted, requests, issued = sizes.seconds * MOST_REVOKED, csrs(), list[str]()
    while len(issued) < wanted:
        load.run(signet_at(home, orders(arn, requests, "P-256")), clients=16, seconds=4)
        issued = certificates_of(home, arn)
    of_ca = {"CertificateAuthorityArn": arn, "RevocationReason": "SUPERSEDED"}
    asked = [("RevokeCertificate", of_ca | {"CertificateSerial": serial_of(each)}) for each in issued[:wanted]]
    found = load.run(signet_at(home, asked), clients=4, seconds=sizes.seconds)
    return Row("RevokeCertificate, 4 clients", found.per_second, "/s", found.p50, found.p99)


def certificates_of(home: Home, arn: str) -> list[str]:
    """The certificates of a CA in the database of a home, but the CA's own."""
    from chalicelib.config import Settings
    from chalicelib.runtime import from_settings

    rt = from_settings(Settings(data=str(home.data)))
    return [each.arn for each in rt.store.list_certificates(arn) if "RootCACertificate" not in each.template_arn]
