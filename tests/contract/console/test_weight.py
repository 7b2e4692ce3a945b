"""What a first visit of each page loads: its HTML, stylesheets, scripts and pictures, as they are without compression.

The home has many CAs, a page of certificates of ordinary length, and one certificate with as many names as fit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

import pytest

from chalicelib.access import access_keys, principals
from chalicelib.acme_records import Profile
from chalicelib.console import table
from chalicelib.console.forms import wizard_draft
from chalicelib.console.views import certificate_list, overview
from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.builders import csr
from tests.support.console_steps import arn_of, create, issue, revoke, root, signed_in, subordinate
from tests.support.roles import OWNER, make_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop
MOST_BYTES = 200_000
CAS, NAMES = 150, 450
ACME = ("/clients", "/binding", "/update", "/replace", "/delete", "/accounts", "/orders")
TEMPLATE = "EndEntityServerAuthCertificate"
COMPANY = {"Organization": "Example Corporation International", "OrganizationalUnit": "Infrastructure"}
SHOWN = [row for row in table.PAGES if row.method == "GET" and not row.path.startswith(("static/", "link"))]


class Home(NamedTuple):
    """A visitor, and what segments of paths are named in the home; `issue` is the draft of a long CSR."""

    browser: Browser
    ca_id: str
    serial: str
    issue: str


@pytest.fixture
def home(rt: Any) -> Home:
    top = root(rt, COMPANY | {"CommonName": "Example Corporation Root R1"}, Tags=[{"Key": "Name", "Value": "root"}])
    for number in range(CAS - 2):
        subject = COMPANY | {"CommonName": f"Example Corporation Issuing CA {number}"}
        if number % 3:
            subordinate(rt, top, subject)
        else:
            create(rt, "SUBORDINATE", subject)
    ca_id = subordinate(rt, top, COMPANY | {"CommonName": "Example Corporation Issuing CA X"})
    for number in range(2 * certificate_list.PAGE):
        host = f"service-{number}.region-{number % 7}.example.com"
        revoke(rt, ca_id, issue(rt, ca_id, csr(host, dns_names=[host, f"www.{host}"])))
    names = [f"host-{number:03d}.production.eu-central-1.example.com" for number in range(NAMES)]
    request = csr("many.example.com", dns_names=names)
    serial = issue(rt, ca_id, request)
    revoke(rt, ca_id, serial)
    furnish_access(rt)
    furnish_acme(rt, ca_id)
    browser = signed_in(rt)
    form = browser.get(f"/console/cas/{ca_id}/issue")
    preview = browser.submit(form, "/issue", csr=request.decode(), template="EndEntityCertificate")
    return Home(browser, ca_id, serial, preview.url.rsplit("/", 1)[1])


def furnish_access(rt: Any) -> None:
    """A principal with the longest policy and many access keys, a role with long ones, and many more of both."""
    number = (principals.MAX_CHARACTERS - 200) // 30
    actions = [f"acm-pca:ListTags{each:05}abcdef" for each in range(number)]
    text = json.dumps({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}, separators=(",", ":"))
    for each in range(60):
        principals.create(rt, OWNER, f"principal-{each:02}", description="x" * 200)
        make_role(rt, f"role-{each:02}", description="x" * 200)
    principals.create(rt, OWNER, "zed", policies=(("p", text),))
    make_role(rt, "zed", policy=text)
    for _ in range(30):
        access_keys.create_access_key(rt, OWNER, "x" * 200, principal="zed")


def furnish_acme(rt: Any, ca_id: str) -> None:
    """Directories with long names, one of them with many bindings, accounts and orders of many names."""
    for each in range(60):
        made_directory(rt, OWNER, arn_of(ca_id), f"{each:02}-{'x' * 60}")
    profiles = tuple(Profile(f"{each:02}{'x' * 60}", TEMPLATE, 24, "x" * 200) for each in range(20))
    directory = made_directory(rt, OWNER, arn_of(ca_id), "web", profiles=profiles)
    patterns = [f"host-{number:03d}.production.eu-central-1.example.com" for number in range(100)]
    allowed = tuple(each.name for each in profiles)
    for _ in range(60):
        made_binding(rt, directory, *patterns, most_accounts=0, description="x" * 200, allowed_profiles=allowed)
    for _ in range(30):
        client = AcmeClient(rt, "web")
        client.register(
            made_binding(rt, directory, *patterns, preauthorized=True), contact=[f"mailto:{'x' * 60}@example.com"] * 10
        )
        client.order(*patterns)


def addresses(home: Home) -> Iterator[str]:
    """Every page that there is, and more of those that are long."""
    segments = {
        "ca_id": home.ca_id,
        "serial": home.serial,
        "report_id": home.ca_id,
        "file": "chain.pem",
        "page": "threat-model",
        "account": "000000000000",
        "feed": "A" * 43 + ".ics",
        "version": "1",
    }
    for row in SHOWN:
        steps = wizard_draft.STEPS if "{step}" in row.path else [""]
        yield from (row.path.format(**segments, draft=home.issue, step=step) for step in steps)
    yield from (f"{path}?name=zed&policy=p" for path in ("principal", "principal/policy", "principal/delete", "role"))
    yield from (f"acme/directory{path}?name=web" for path in ("", *ACME))
    yield f"hierarchy?begin={overview.BRANCHES}"
    yield f"cas/{home.ca_id}/issue?draft={home.issue}"


def loaded(browser: Browser, page: Answer) -> int:
    """How many bytes the page is, with what it makes a browser load."""
    found = {each.get("src") or each.get("href", "") for tag, each in page.elements if tag in {"link", "script", "img"}}
    parts = [browser.get(urljoin(page.url, address)) for address in found]
    assert {part.status for part in parts} <= {200}
    return len(page.body) + sum(len(part.body) for part in parts)


@pytest.mark.slow
def test_first_load_of_every_page_is_bounded(home: Home) -> None:
    found = {address: home.browser.get(f"/console/{address}") for address in addresses(home)}
    assert len(found) > len(SHOWN)
    weights = {
        address: loaded(home.browser, page)
        for address, page in found.items()
        if page.headers["Content-Type"].startswith("text/html")
    }
    assert {address: weight for address, weight in weights.items() if weight > MOST_BYTES} == {}
