"""The clients, and how their steps are run: functions of recipes, in a shell that has the documented commands.

A recipe (`tests/acme_clients/recipes/`) has a function for each step that its client can do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import documents
from tests.support.home import BIN, ROOT

if TYPE_CHECKING:
    from tests.acme_clients.servers import Binding, Server

DOCUMENT = "docs/acme-clients.md"
RECIPES = Path(__file__).parent / "recipes"
OWN = ROOT / ".venv-acme/bin"
# What a step needs before it.
NEEDS = {
    "renew": "http_01",
    "ari": "http_01",
    "revoke": "http_01",
    "revoke_by_key": "http_01",
    "key_change": "http_01",
    "deactivate": "http_01",
}
# What chain.pem is for after a step.
ISSUED = {
    "http_01": ["www.example.test"],
    "dns_01": ["apps.example.test", "any.apps.example.test"],
    "tls_alpn_01": ["www.example.test"],
    "ip": ["127.0.0.1"],
    "profile": ["www.example.test"],
    "renew": ["www.example.test"],
    "ari": ["www.example.test"],
    "key_change": ["www.example.test"],
}
# In the order of the document's table.
STEPS = (
    "http_01", "dns_01", "tls_alpn_01", "ip", "profile", "renew", "ari", "revoke", "revoke_by_key", "key_change",
    "deactivate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is installed here.

    Attributes:
        name: as the document's table has it.
        program: a path, or what to look for on the PATH.
        recipe: a file of `recipes` without its suffix.
    """

    name: str
    program: str | Path
    recipe: str

    @property
    def found(self) -> str | None:
        """Where the program is."""
        return shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin")

    @property
    def steps(self) -> tuple[str, ...]:
        """What the recipe can do."""
        functions = _functions(self.recipe)
        return tuple(each for each in STEPS if each in functions)


CLIENTS = (
    Client("certbot 5", BIN / "certbot", "certbot-5"),
    Client("certbot 2.1", "/usr/bin/certbot", "certbot"),
    Client("lego", "lego", "lego"),
    Client("acme.sh", "acme.sh", "acme.sh"),
    Client("dehydrated", "dehydrated", "dehydrated"),
    Client("uacme", "uacme", "uacme"),
    Client("acme-tiny", "acme-tiny", "acme-tiny"),
    Client("Caddy 2.6", "/usr/bin/caddy", "caddy"),
    Client("Caddy 2.11", OWN / "caddy", "caddy-2.11"),
    Client("Traefik", OWN / "traefik", "traefik"),
    Client("mod_md", "apache2", "apache"),
)


@cache
def _functions(recipe: str) -> tuple[str, ...]:
    text = (RECIPES / f"{recipe}.sh").read_text()
    included = re.findall(r'^\. "\$RECIPES/(.*)\.sh"$', text, re.MULTILINE)
    own = re.findall(r"^(\w+)\(\)", text, re.MULTILINE)
    return (*(each for name in included for each in _functions(name)), *own)


@cache
def section(recipe: str) -> list[documents.Block]:
    """The blocks of the section of the document that a recipe names in its first line."""
    first = (RECIPES / f"{recipe}.sh").read_text().split("\n", 1)[0]
    if included := re.fullmatch(r'\. "\$RECIPES/(.*)\.sh"', first):
        return section(included[1])
    title = first.removeprefix(f"# {DOCUMENT}: ")
    lines = (ROOT / DOCUMENT).read_text().splitlines()
    begin = lines.index(f"## {title}") + 1
    end = next((number for number, line in enumerate(lines[begin:], begin) if line.startswith("## ")), len(lines))
    return [each for each in documents.blocks(DOCUMENT) if begin < each.line <= end]


class Shell:
    """A directory in which one client works with one account of a server."""

    def __init__(
        self, client: Client, server: Server, binding: Binding, work: Path, *, incident: str = "revoke"
    ) -> None:
        self._client, self.work = client, work
        (work / "bin").mkdir()
        assert client.found is not None
        (work / "bin" / Path(client.program).name).symlink_to(client.found)
        (work / "doc").mkdir()
        values = {"DIRECTORY": binding.directory, "KID": binding.kid, "HMAC_KEY": binding.hmac_key}
        for number, block in enumerate(section(client.recipe), 1):
            text = block.text
            if block.language not in documents.SHELLS:
                text = re.sub(r"\b(DIRECTORY|KID|HMAC_KEY)\b", lambda found: values[found[0]], text)
            (work / f"doc/{number}").write_text(text)
        shutil.copy(server.ca_file, work / "signet-root.pem")
        shutil.copy(server.root, work / "root.pem")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIGNET_"))}
        self._environment = kept | values | {
            "HOME": str(work),
            "PATH": f"{work / 'bin'}:{os.environ['PATH']}:/usr/sbin",
            "DOC": str(work / "doc"),
            "RECIPES": str(RECIPES),
            "RECORD": str(RECIPES / "record"),
            "DOOR": server.door,
            "INCIDENT": incident,
            "RESOLVER": server.network.responder.resolver,
            "HTTP_PORT": str(server.network.http_port),
            "TLS_PORT": str(server.network.tls_port),
            "OPEN_DIRECTORY": server.open_directory,
        }  # fmt: skip

    def run(self, *steps: str) -> subprocess.CompletedProcess[str]:
        """Run steps in one shell."""
        marks = "".join(f"{step}\ncp chain.pem {step}.pem\ncp key.pem {step}.key\n" for step in steps)
        script = f'. "$RECIPES/prelude.sh"\n. "$RECIPES/{self._client.recipe}.sh"\nset -x\n{marks}'
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.work,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
