"""Requests to the console: pages with their queries, forms in both encodings, cookies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalicelib.console import fields, table
from chalicelib.console.forms import replacing
from tests.fuzz import mutation
from tests.fuzz.target import latin, one_line
from tests.support.rsgi import HOST, Request

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.target import Target

_STEPS = ("type", "subject", "key", "revocation", "tags", "permissions", "review")
_FILES = ("certificate.pem", "chain.pem", "console.css", "htmx.min.js")
# What would end the session or the CA that all requests need.
_NOT = {"sign-out", "cas/{ca_id}/disable", "cas/{ca_id}/delete"}
FORMS = [page.path for page in table.PAGES if page.method == "POST" and page.path not in _NOT]
PAGES = [page.path for page in table.PAGES if page.method == "GET"]
QUERY = "q=leaf&status=ISSUED&sort=-expires&token=x&days=7&more&page=2&template=EndEntityCertificate&format=PDF"
FIELDS = [*fields.FIELDS, "key.0", "value.0", "key.99", "go", "next", "confirm", "window", "access_key_id"]
VALUES = (
    *("ROOT", "SUBORDINATE", "Example", "US", "EC_prime256v1", "crl-bucket", "on", "crl.example.com", "crl", "7", "30"),
    *("COMPLETE", "Name", "111122223333", "JSON", "KEY_COMPROMISE", "EndEntityCertificate", "a.example", "192.0.2.1"),
    *("web=EndEntityServerAuthCertificate:90d", "*.example.test", "10.0.0.0/8"),
    *("a@a.example", "review", "back", "more", '{"Version":"2012-10-17","Statement":[]}'),
)


NEW = replacing.digest_field(replacing.NOTHING)[replacing.FIELD]


def _fields(rng: Random, target: Target) -> list[tuple[str, str]]:
    chosen = rng.sample(FIELDS, rng.randrange(1, 8))
    named = [(name if rng.random() < 0.95 else mutation.text(rng, name), rng.choice(VALUES)) for name in chosen]
    typed = [(name, mutation.text(rng, found) if rng.random() < 0.4 else found) for name, found in named]
    token = target.form_token if rng.random() < 0.9 else mutation.text(rng, target.form_token)
    opened = NEW if rng.random() < 0.9 else mutation.text(rng, NEW)
    return [("token", token), (replacing.FIELD, opened), *typed] * rng.choice((1, 1, 1, 1, 1, 2, 30))


def path_of(rng: Random, target: Target, path: str) -> str:
    """A page's path with values for its segments: often of things that exist."""
    segments = {
        "ca_id": rng.choice((target.ca_id, target.ca_id, rng.choice(target.other_ids))),
        "serial": target.serial,
        "draft": f"{rng.randrange(8):016x}",
        "step": rng.choice(_STEPS),
        "report_id": rng.choice(target.other_ids),
        "file": rng.choice(_FILES),
        "name": rng.choice(_FILES),
        "page": rng.choice(("crl", "ocsp", "none")),
        "version": str(rng.randrange(3)),
        "account": "000000000000",
        "feed": f"{rng.randrange(8):043x}.ics",
    }
    made = "/console/" + re.sub(r"\{(\w+)\}", lambda found: segments[found[1]], path)
    return made.rstrip("/") if rng.random() < 0.95 else one_line(mutation.text(rng, made))


def query_of(target: Target, path: str) -> str:
    """What the query of a page's address names: often something that exists."""
    return target.acme_query if path.startswith("/console/acme/directory") else ""


def form(target: Target, path: str, content_type: str, body: bytes, **more: str) -> Request:
    headers = {
        "host": HOST,
        "origin": f"http://{HOST}",
        "cookie": f"signet-session={target.session}; signet-visitor={target.session}",
        "content-type": content_type,
    }
    return Request("POST", path, query_of(target, path), latin(list((headers | more).items())), body)


def urlencoded_forms(rng: Random, target: Target) -> Request:
    """Forms of the console, encoded as browsers do."""
    body = urlencode(_fields(rng, target), errors="replace").encode()
    if rng.random() < 0.4:
        body = mutation.octets(rng, body)
    return form(target, path_of(rng, target, rng.choice(FORMS)), "application/x-www-form-urlencoded", body)


def multipart_forms(rng: Random, target: Target) -> Request:
    """Forms of the console with files."""
    boundary = "----boundary" if rng.random() < 0.9 else mutation.text(rng, "boundary")
    parts = []
    for name, found in _fields(rng, target):
        file = f'; filename="{mutation.text(rng, "a.pem")}"' if rng.random() < 0.2 else ""
        more = "\r\nContent-Type: text/plain" if rng.random() < 0.2 else ""
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}{more}\r\n\r\n{found}\r\n')
    body = ("".join(parts) + f"--{boundary}--\r\n").encode(errors="replace")
    if rng.random() < 0.5:
        body = mutation.octets(rng, body)
    return form(target, path_of(rng, target, rng.choice(FORMS)), f"multipart/form-data; boundary={boundary}", body)


def cookies(rng: Random, target: Target) -> Request:
    """Cookies and the other headers that a page reads."""
    cookie = f"signet-session={target.session}"
    more = {
        name: mutation.text(rng, "x") for name in ("hx-request", "x-forwarded-proto", "origin") if rng.random() < 0.2
    }
    changed = (
        mutation.text(rng, cookie) if rng.random() < 0.7 else mutation.octets(rng, cookie.encode()).decode("latin-1")
    )
    page = rng.choice(("", "overview", "cas", f"cas/{target.ca_id}", "sign-in", "link?token=x", "certificates"))
    path, _, query = page.partition("?")
    headers = [("host", HOST), *[("cookie", changed)] * rng.choice((1, 1, 1, 2)), *more.items()]
    return Request("GET", f"/console/{path}".rstrip("/"), query, latin(headers), b"")


def read_pages(rng: Random, target: Target) -> Request:
    """Pages, with what their queries may say."""
    query = mutation.text(rng, QUERY) if rng.random() < 0.5 else "&".join(rng.sample(QUERY.split("&"), 3))
    headers = [("host", HOST), ("cookie", f"signet-session={target.session}")]
    path = path_of(rng, target, rng.choice(PAGES))
    whole = "&".join(filter(None, (query_of(target, path), query)))
    return Request("GET", path, one_line(whole), headers, b"")
