"""Commands of ACME clients: each value once, no mark of the table left, and the same words as in the document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib.acme import client_commands
from chalicelib.acme.client_commands import CLIENTS, Client, filled_in, template

DIRECTORY, KID, KEY = "https://127.0.0.1:8443/acme/web/directory", "6a1f0e4c", "0Vx1-_Y"
DOCUMENT = Path(__file__).parents[3] / "docs" / "acme-clients.md"
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.title)


@each_client
def test_values_are_filled_in(client: Client) -> None:
    text = filled_in(template(client), DIRECTORY, KID, KEY)
    assert not re.search(r"%|\b(DIRECTORY|KID|HMAC_KEY)\b", text)
    for value in (DIRECTORY, KID, KEY):
        assert value in text


@each_client
def test_what_is_not_needed_is_left_out(client: Client) -> None:
    text = template(client, with_binding=False, with_root=False)
    assert not re.search(r"(?i)%|\beab|externalAccount|external_account|KID|HMAC|signet-root|BASE64|caBundle", text)
    assert "DIRECTORY" in text


def test_values_that_are_missing_leave_their_names() -> None:
    certbot = CLIENTS[0]
    assert '--eab-kid "$KID" --eab-hmac-key "$HMAC_KEY"' in filled_in(template(certbot), DIRECTORY)


@pytest.mark.parametrize("hostile", ['"; reboot; "', "$(reboot)", "`reboot`", "a b", "a\nb", "\\"])
def test_value_that_needs_quotes_is_refused(hostile: str) -> None:
    for values in ((hostile,), (DIRECTORY, hostile), (DIRECTORY, KID, hostile)):
        with pytest.raises(ValueError, match="need quotes"):
            filled_in(template(CLIENTS[0]), *values)


def test_every_client_that_pages_promise_has_a_row() -> None:
    assert {client.title for client in client_commands.CLIENTS} == {
        *("certbot", "lego", "acme.sh", "Caddy", "Traefik", "cert-manager", "Apache's mod_md", "nginx's acme module")
    }


@each_client
def test_document_has_the_same_text(client: Client) -> None:
    document = DOCUMENT.read_text().expandtabs(4)
    bundle = re.search("caBundle: (.+)", document)
    assert bundle is not None
    for part in template(client).replace("ROOT_IN_BASE64", bundle[1]).split("---\n"):
        assert part in document
