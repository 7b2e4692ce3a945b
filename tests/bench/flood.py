"""OCSP's latency on loopback while strangers flood the same server in ten ways, one after the other and all at once.

Run by `make flood`. Each attack has a bounded number of connections and lasts a few seconds; the target is a laptop
home of its own that is started for it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import itertools
import json
import math
import multiprocessing
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chalicelib.pki.asn1 import der
from tests.support.authority_steps import active_root, fetch, issue
from tests.support.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS, SECONDS, ASKING = 24, 6.0, 4
LIMIT_MILLISECONDS = 100.0


class Target(NamedTuple):
    """The home under attack, and what honest clients ask it."""

    port: int
    issuer: x509.Certificate
    requests: list[bytes]


class Latency(NamedTuple):
    """Of honest OCSP requests: how many were answered, how many not, and how long they took in milliseconds."""

    answered: int
    failed: int
    p50: float
    p99: float
    worst: float


def _post(path: str, body: bytes, **headers: str) -> bytes:
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def nested_multipart(_: Target) -> Iterator[bytes]:
    """Bodies in bodies at the sign-in form."""
    opened = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level + 1) for level in range(900)
    )
    kind = "multipart/form-data; boundary=b0"
    sent = _post("/console/sign-in", opened, Content_Type=kind, Origin="http://127.0.0.1", Cookie="signet-visitor=x")
    return itertools.repeat(sent)


def cookies(_: Target) -> Iterator[bytes]:
    """A quoted cookie of backslashes."""
    return itertools.repeat(
        f'GET /console/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: x="{chr(92) * 15_000}\r\n\r\n'.encode()
    )


def huge_headers(_: Target) -> Iterator[bytes]:
    """Headers without end."""
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 3_000) for number in range(60))
    return itertools.repeat(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"\r\n")


def slow_bodies(_: Target) -> Iterator[bytes]:
    """Bodies that never come."""
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: AWS4-HMAC-SHA256 x\r\nContent-Length: %d\r\n\r\nx"
    return itertools.cycle([head % 5_000_000, head % 5_000])


def unsigned_bodies(_: Target) -> Iterator[bytes]:
    """Large bodies at the API: without a signature, and with one that is none."""
    body = b'{"a":' * 800_000
    kind = {"Content_Type": "application/x-amz-json-1.1", "X_Amz_Target": "ACMPrivateCA.ListTags"}
    unsigned = _post("/", body[: 60 * 1024], **kind)
    now = datetime.now(UTC)
    scope = f"AKIAAAAAAAAAAAAAAAAA/{now:%Y%m%d}/us-east-1/acm-pca/aws4_request"
    wrong = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}"
    signed = _post("/", body, Authorization=wrong, X_Amz_Date=f"{now:%Y%m%dT%H%M%SZ}", **kind)
    return itertools.cycle([unsigned, _post("/", body, Authorization="AWS4-HMAC-SHA256 x", **kind), signed])


def unknown_serials(target: Target) -> Iterator[bytes]:
    """OCSP requests about certificates that were never issued, each another one."""
    kind = "application/ocsp-request"
    serials = itertools.count(1 << 100)
    return (_post("/ocsp", request_about(target.issuer, serial), Content_Type=kind) for serial in serials)


def sign_ins(_: Target) -> Iterator[bytes]:
    """Attempts to sign in, each with another access key: whoever picks the cookie knows the token of the form."""
    visitor = "v" * 43
    token = hashlib.sha256(f"signet-console/form/{visitor}".encode()).hexdigest()
    headers = {
        "Origin": "http://127.0.0.1",
        "Cookie": f"signet-visitor={visitor}",
        "Content_Type": "application/x-www-form-urlencoded",
    }
    forms = (
        f"token={token}&access_key_id=AKIA{number:016}&secret_access_key={'x' * 40}" for number in itertools.count()
    )
    return (_post("/console/sign-in", form.encode(), **headers) for form in forms)


def malformed_ocsp(_: Target) -> Iterator[bytes]:
    """OCSP requests that are none, and requests about 32 certificates of nobody."""
    nested = b"".join(b"\x30\x80" for _ in range(8_000))
    certificate = (
        bytes.fromhex("300906052b0e03021a0500") + b"\x04\x14" + bytes(20) + b"\x04\x14" + bytes(20) + b"\x02\x01\x01"
    )
    many = der.sequence(der.sequence(der.sequence(*[der.sequence(der.sequence(certificate))] * 32)))
    return itertools.cycle([_post("/ocsp", each, Content_Type="application/ocsp-request") for each in (nested, many)])


def missing_files(_: Target) -> Iterator[bytes]:
    """CRLs and pages that do not exist."""
    for number in itertools.count():
        for path in (f"bucket/crl/{uuid.UUID(int=number)}.crl", f"console/cas/{uuid.UUID(int=number)}"):
            yield f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def web_identities(_: Target) -> Iterator[bytes]:
    """Tokens of an OIDC issuer that nobody signed."""
    parts = (b'{"alg":"RS256","kid":"x"}', json.dumps({"iss": "https://issuer.example", "sub": "x" * 9_000}).encode())
    token = ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "a" * 342])
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::000000000000:role/none",
        "RoleSessionName": "x" * 20,
        "WebIdentityToken": token,
    }
    return itertools.repeat(_post("/", urlencode(form).encode(), Content_Type="application/x-www-form-urlencoded"))


ATTACKS: dict[str, Callable[[Target], Iterator[bytes]]] = {
    "nested multipart": nested_multipart,
    "cookie": cookies,
    "huge headers": huge_headers,
    "slow bodies": slow_bodies,
    "unsigned bodies": unsigned_bodies,
    "unknown serials": unknown_serials,
    "sign-ins": sign_ins,
    "malformed OCSP": malformed_ocsp,
    "missing files": missing_files,
    "web identities": web_identities,
}


def request_about(issuer: x509.Certificate, serial: int) -> bytes:
    """An OCSPRequest as clients make it."""
    digest = hashes.Hash(hashes.SHA1())
    digest.update(issuer.subject.public_bytes())
    key = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(digest.finalize(), key, serial, hashes.SHA1())
    return builder.build().public_bytes(Encoding.DER)


def measure(
    work: Path, names: list[str], seconds: float = SECONDS, connections: int = CONNECTIONS
) -> dict[str, Latency]:
    """Start a home, attack it in each of these ways and then in all at once, and ask OCSP meanwhile."""
    home = Home(work / "home")
    home.start()
    try:
        client = home.client()
        arn = active_root(client, RevocationConfiguration={"OcspConfiguration": {"Enabled": True}})
        pem = client.get_certificate_authority_certificate(CertificateAuthorityArn=arn)["Certificate"]
        issuer = x509.load_pem_x509_certificate(pem.encode())
        leaves = [fetch(client, arn, issue(client, arn)) for _ in range(8)]
        target = Target(home.port, issuer, [request_about(issuer, leaf.serial_number) for leaf in leaves])
        found = {"nobody": _attacked(target, [], seconds, connections)}
        for name in names:
            found[name] = _attacked(target, [name], seconds, connections)
        if len(names) > 1:
            found["all at once"] = _attacked(target, names, seconds, connections)
    finally:
        home.stop()
    return found


def _attacked(target: Target, names: list[str], seconds: float, connections: int) -> Latency:
    """Honest clients ask from this process, attackers come from others: nobody waits for the other's computing."""
    issuer_der = target.issuer.public_bytes(Encoding.DER)
    share = max(1, connections // max(1, len(names)))
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_attack, args=(name, target.port, issuer_der, seconds + 1, share), daemon=True)
        for name in names
    ]
    for process in processes:
        process.start()
    time.sleep(2.5 if names else 0)  # they import what they need
    found = sorted(asyncio.run(_ask(target, seconds)))
    for process in processes:
        process.terminate()
        process.join()
    times = [took for took in found if took < math.inf]
    at = [times[min(len(times) - 1, int(len(times) * share))] if times else math.inf for share in (0.5, 0.99, 1.0)]
    return Latency(len(times), len(found) - len(times), *(round(took, 2) for took in at))


async def _ask(target: Target, seconds: float) -> list[float]:
    ends = time.monotonic() + seconds
    found = await asyncio.gather(*(_asker(target, number, ends) for number in range(ASKING)))
    return [took for each in found for took in each]


def _attack(name: str, port: int, issuer_der: bytes, seconds: float, connections: int) -> None:
    sends = ATTACKS[name](Target(port, x509.load_der_x509_certificate(issuer_der), []))
    ends = time.monotonic() + 2.0 + seconds

    async def attack() -> None:
        await asyncio.gather(*(_attacker(port, sends, ends) for _ in range(connections)))

    asyncio.run(attack())


async def _attacker(port: int, sends: Iterator[bytes], ends: float) -> None:
    while time.monotonic() < ends:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(next(sends))
            await writer.drain()
            async with asyncio.timeout(2):
                await reader.read(4096)
        except (OSError, TimeoutError):
            await asyncio.sleep(0.005)
        finally:
            if writer is not None:
                writer.close()


async def _asker(target: Target, number: int, ends: float) -> list[float]:
    """An honest client, with a new connection for each request."""
    found = []
    while time.monotonic() < ends:
        number += 1
        sent = _post("/ocsp", target.requests[number % len(target.requests)], Content_Type="application/ocsp-request")
        started = time.monotonic()
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
                writer.write(sent)
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                answer = await reader.readexactly(length)
                writer.close()
            good = b" 200 " in head[:16] and ocsp.load_der_ocsp_response(answer).response_status.value == 0
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            good = False
        found.append(1000 * (time.monotonic() - started) if good else math.inf)
        await asyncio.sleep(0.01)
    return found


def main() -> int:
    """Print a line for each attack; 1 where a p99 is over the limit or an honest request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("attack", nargs="*", choices=[*ATTACKS, []], default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found = measure(Path(work), list(given.attack or ATTACKS), given.seconds, given.connections)
    for name, latency in found.items():
        print(f"{name:18} {json.dumps(latency._asdict())}", flush=True)
    return int(any(latency.failed or latency.p99 > LIMIT_MILLISECONDS for latency in found.values()))


if __name__ == "__main__":
    sys.exit(main())
