"""Real ACME clients with the commands of docs/acme-clients.md: each does all that it can, and OpenSSL judges.

Signet is the server; `ACME_SERVER=pebble` takes Debian's pebble, which tells a fault of the harness from one of Signet.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_clients.clients import CLIENTS, DOCUMENT, ISSUED, NEEDS, STEPS, Client, Shell
from tests.acme_clients.servers import running
from tests.support.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.acme_clients.servers import Server

pytestmark = [pytest.mark.e2e, pytest.mark.laptop]
SERVER = os.environ.get("ACME_SERVER") or "signet"
# What pebble 2.4 cannot do, or not so that a client can use it: all of them have the step with Signet.
NOT_WITH_PEBBLE = {
    "ari": "it has no renewal information",
    "profile": "it has no profiles",
    "certbot 5-ip": "it repeats the address in the common name, which certbot takes for a DNS name",
    "Traefik-renew": "its certificates are valid for five years, of which Traefik renews the last months",
}
# With the one client that is a development tool; they judge the rest in short.
IN_MAKE_TEST = {"certbot 5-dns_01", "certbot 5-ip", "certbot 5-renew", "certbot 5-ari"}
# They try again without end when the server refuses them; acme-tiny needs no binding.
WITHOUT_REFUSAL = {"acme-tiny", "Caddy 2.6", "Caddy 2.11", "Traefik", "mod_md"}


def cases() -> Iterator[Any]:
    for client in CLIENTS:
        for step in client.steps:
            name = f"{client.name}-{step}"
            marks = [] if name in IN_MAKE_TEST else [pytest.mark.acme_test]
            if SERVER == "pebble" and (why := NOT_WITH_PEBBLE.get(step, NOT_WITH_PEBBLE.get(name))):
                marks.append(pytest.mark.skip(reason=why))
            yield pytest.param(client, step, id=name, marks=marks)


def named(clients: Iterable[Client]) -> list[Any]:
    return [pytest.param(client, id=client.name) for client in clients]


def require(client: Client) -> None:
    """Fail where a client is missing, but for the one that nothing installs."""
    if client.found is None and client.name == "acme.sh":
        pytest.skip("acme.sh is not on the PATH, and neither Debian nor PyPI has it")
    assert client.found is not None, f"{client.program} is missing: python -m tests.acme_clients"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(SERVER, tmp_path_factory.mktemp(SERVER)) as found:
        yield found


@pytest.fixture
def work() -> Iterator[Path]:
    """A directory that a server's workers, which are other users, may enter."""
    with tempfile.TemporaryDirectory(prefix="acme-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(("client", "step"), [*cases()])
def test_client(client: Client, step: str, server: Server, work: Path) -> None:
    require(client)
    shell = Shell(client, server, server.binding(), work)
    steps = [NEEDS[step], step] if step in NEEDS else [step]
    ran = shell.run(*steps)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if step in ISSUED:
        assert problems(work, step, ISSUED[step]) == []
    if step == "profile":
        assert openssl(
            work, "x509", "-noout", "-checkend", str(25 * 3600), "-in", "profile.pem", check=False
        ).startswith("Certificate will expire")
    if step in {"renew", "key_change", "ari"}:
        assert serial(work / "http_01.pem") != serial(work / f"{step}.pem")
    if step.startswith("revoke"):
        assert server.is_revoked(serial(work / "http_01.pem"))


@pytest.mark.acme_test
@pytest.mark.parametrize("client", named(each for each in CLIENTS if each.name not in WITHOUT_REFUSAL))
def test_binding_with_another_key_is_refused(client: Client, server: Server, work: Path) -> None:
    require(client)
    binding = server.binding()
    key = binding.hmac_key  # a random one may begin with a hyphen, and clients would read an option
    other = replace(binding, hmac_key=("A" if key[0] != "A" else "B") + key[1:])
    assert Shell(client, server, other, work).run("http_01").returncode != 0
    assert not (work / "http_01.pem").exists()


@pytest.mark.skipif(SERVER == "pebble", reason=NOT_WITH_PEBBLE["ari"])
@pytest.mark.acme_test
@pytest.mark.parametrize(
    "client",
    named(each for each in CLIENTS if "ari" in each.steps),
)
def test_compromised_ca_is_left_at_once(client: Client, server: Server, work: Path) -> None:
    """ARI tells the client to renew, the new certificate is another CA's, and the one that it replaces is revoked."""
    require(client)
    incident, binding = server.drill()
    ran = Shell(client, server, binding, work, incident=incident).run("http_01", "ari")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert problems(work, "ari", ISSUED["ari"]) == []
    issuers = [openssl(work, "x509", "-noout", "-issuer", "-in", f"{step}.pem") for step in ("http_01", "ari")]
    assert issuers[1] == issuers[0].replace("CA of", "New CA of")
    assert server.is_revoked(serial(work / "http_01.pem"))


@pytest.mark.acme_test
@pytest.mark.skipif(SERVER == "pebble", reason="its root issues no certificates for clients")
def test_directory_of_a_root_has_a_chain_of_two(server: Server, work: Path) -> None:
    """certbot takes no chain of one certificate."""
    ran = Shell(CLIENTS[0], server, server.binding("root"), work).run("http_01")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert problems(work, "http_01", ISSUED["http_01"]) == []


def test_table_of_the_document_is_what_recipes_do() -> None:
    rows = re.findall(r"^\| (.*) \|$", (ROOT / DOCUMENT).read_text(), re.MULTILINE)
    shown = [row.split(" | ") for row in rows[2:]]
    assert shown == [[client.name, *("yes" if step in client.steps else "no" for step in STEPS)] for client in CLIENTS]


def problems(work: Path, step: str, names: list[str]) -> list[str]:
    """What OpenSSL finds wrong with a chain: no way to the root, a name that is missing, or another key."""
    found = []
    for name in names:
        how = "-verify_ip" if re.fullmatch(r"[\d.]+", name) else "-verify_hostname"
        command = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", f"{step}.pem", how, name, f"{step}.pem"]
        ran = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        found += [] if ran.returncode == 0 else [ran.stderr]
    keys = {
        openssl(work, "x509", "-noout", "-pubkey", "-in", f"{step}.pem"),
        openssl(work, "pkey", "-pubout", "-in", f"{step}.key"),
    }
    return found + ([] if len(keys) == 1 else ["another key"])


def serial(file: Path) -> str:
    return openssl(file.parent, "x509", "-noout", "-serial", "-in", file.name).strip().removeprefix("serial=")


def openssl(work: Path, *words: str, check: bool = True) -> str:
    return subprocess.run(["openssl", *words], cwd=work, capture_output=True, text=True, check=check).stdout
