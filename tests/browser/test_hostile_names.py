"""Names that want to be more than names, on every page that shows them: nothing runs, and nothing is added."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from cryptography import x509

from chalicelib.console import render
from chalicelib.printable import printable
from tests.browser.furnished import STEPS, draft, policy
from tests.browser.hostile_names import ANSWER_OF_TEMPLATES, NAMES, TEXTS
from tests.browser.screen import sign_in, visitor
from tests.support.authority_steps import activate_root, create, issue, serial_of
from tests.support.builders import EC_CONFIGURATION, csr, name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.sync_api import Browser, Page

    from tests.support.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.laptop, pytest.mark.long]
TEMPLATES = Path(render.__file__).with_name("templates")
ACCOUNT = "222222222222"
HOSTILE_ACCOUNT = "222233334444"
HARMLESS = tuple(f"harmless{number}" for number in range(len(NAMES)))  # which differ as much as hostile ones do
SUBJECT = ("CommonName", "Organization", "OrganizationalUnit", "Locality", "State")
EACH = len(SUBJECT)
MOST_PAGES = 12  # of a list; a calendar has no end
PARAMETERS = ("next", "done", "back", "days", "id", "once")
# What a document consists of: its elements in order, with the names of their attributes and where addresses lead to.
# A text that is too long for its place is in an element more, or has a title; it is counted as if it were short. Places
# where a long word may break are not counted.
SHAPE = """(document) => {
  const addresses = new Set(["href", "src", "action", "formaction", "data", "hx-get", "hx-post", "poster", "srcset"]);
  const origin = (value) => new URL(value, location).href.match("^[a-z]+:(//[^/]*)?")[0];
  const shown = ({name, value}) => addresses.has(name) ? `${name}=${origin(value)}` : name;
  const cut = (each) => each.matches("bdi[title]") && each.attributes.length === 1 && !each.querySelector(":not(wbr)");
  const folded = (each) =>
    cut(each) || (each.matches("details.long") && !each.querySelector(":not(summary, bdi, small, wbr)"));
  const walk = (each) => (each.tagName === "WBR" && !each.attributes.length) ? [] : folded(each) ? ["BDI"] : [
    [each.tagName, ...[...each.attributes].map(shown).sort()].join(" "),
    ...[...each.children, ...(each.content?.children ?? [])].flatMap(walk),
  ];
  return walk(document.documentElement);
}"""
# What no template of the console has: its elements, attributes and addresses are ours or they are somebody's.
ODD = """(document) => [...document.querySelectorAll("*")].filter((each) =>
  each.matches("[class*=pwned], [id*=pwned], script:not([src*='static/']), a[href^=data]:not([download])")
  || [each.href, each.src, each.action].some((at) => typeof at === "string" && /^[a-z]+:/.test(at)
    && !at.startsWith("data:") && new URL(at).origin !== location.origin)
).map((each) => each.outerHTML.slice(0, 300))"""
MARKUP = (*TEMPLATES.iterdir(), *TEMPLATES.parent.glob("*.py"))  # where elements and attributes are written
WORDS = {word for file in MARKUP for word in re.findall("[A-Za-z][A-Za-z0-9-]*", file.read_text())}
FETCH = f"""async ([address, body]) => {{
  const headers = {{"Content-Type": "application/x-www-form-urlencoded"}};
  const answer = await fetch(address, body === null ? {{}} : {{method: "POST", body, headers}});
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const at = (given) => new URL(given ?? "", answer.url).href.split("#")[0];
  const typed = "textarea, input:is(:not([type]), [type=text], [type=search], [type=number], [type=date])";
  return {{
    status: answer.status, type: answer.headers.get("content-type"),
    text: parsed.body.textContent, shape: ({SHAPE})(parsed), odd: ({ODD})(parsed),
    words: [...new Set([...parsed.querySelectorAll("*")].flatMap(
      (each) => [each.tagName.toLowerCase(), ...each.getAttributeNames()]))],
    links: [...parsed.querySelectorAll("a[href], [hx-get]")].map(
      (each) => at(each.getAttribute("href") ?? each.getAttribute("hx-get"))),
    next: [...parsed.querySelectorAll("a[rel=next]")].map((each) => at(each.getAttribute("href"))),
    forms: [...parsed.forms].map((form) => ({{
      post: form.method === "post", action: at(form.getAttribute("action")),
      kept: [...new FormData(form)].filter(([, value]) => typeof value === "string"),
      typed: [...form.querySelectorAll(typed)].map((each) => each.name),
    }})).filter((form) => form.typed.length),
  }};
}}"""


def fetch(page: Page, address: str, body: str | None = None) -> Any:
    """What the browser makes of a page, without showing it."""
    seen = page.evaluate(FETCH, [urljoin(page.url, address), body])
    return seen | {"odd": seen["odd"] + sorted({*seen["words"]} - WORDS)}


class Named(NamedTuple):
    """A CA and its certificate, whose names come from a list."""

    name: str
    ca_id: str
    serial: str

    def path(self, pattern: str) -> str:
        return pattern.replace("CA", self.ca_id).replace("SERIAL", self.serial)


def furnish(client: Any, names: tuple[str, ...]) -> list[Named]:
    """One CA for each name; its subject has the four that follow, too, and so has that of its certificate."""
    return [make(client, [*names[i:], *names][:EACH]) for i in range(len(names))]


def make(client: Any, names: list[str]) -> Named:
    configuration = EC_CONFIGURATION | {"Subject": dict(zip(SUBJECT, names, strict=True))}
    tag = re.sub(r"[^\w .:/=+\-@]", "", names[0]).strip() or "x"
    arn = create(client, "ROOT", CertificateAuthorityConfiguration=configuration, Tags=[{"Key": "x", "Value": tag}])
    activate_root(client, arn)
    client.put_policy(ResourceArn=arn, Policy=policy(arn, names[0]))
    return Named(names[0], arn.rsplit("/", 1)[1], serial_of(issue(client, arn, Csr=request(names))))


def request(names: list[str]) -> bytes:
    """A CSR with the names in its subject and its alternative names."""
    utf8 = names[1].encode()
    alternatives: list[x509.GeneralName] = [
        x509.DirectoryName(name(names[2])),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c" + bytes([len(utf8)]) + utf8),
        x509.UniformResourceIdentifier("javascript:pwned=1"),
    ]
    return csr(names[0], extensions=[(x509.SubjectAlternativeName(alternatives), False)])


def key_of(home: Home, account_id: str) -> dict[str, str]:
    """An access key of an account that is not the home's own, which has more pages."""
    printed = home.signet("credentials", "create", "--account-id", account_id).stdout
    return dict(line.split("=", 1) for line in printed.split())


@pytest.fixture(scope="module")
def hostile_key(home: Home) -> dict[str, str]:
    return key_of(home, HOSTILE_ACCOUNT)


@pytest.fixture(scope="module")
def key(home: Home) -> dict[str, str]:
    """That of an account where everything is the same but harmless."""
    return key_of(home, ACCOUNT)


def furnished_by(home: Home, key: dict[str, str], names: tuple[str, ...]) -> list[Named]:
    secrets = {"aws_access_key_id": key["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": key["AWS_SECRET_ACCESS_KEY"]}
    return furnish(home.client(**secrets), names)


@pytest.fixture(scope="module")
def hostile(home: Home, hostile_key: dict[str, str]) -> list[Named]:
    return furnished_by(home, hostile_key, NAMES)


@pytest.fixture(scope="module")
def harmless(home: Home, key: dict[str, str]) -> list[Named]:
    made = furnished_by(home, key, HARMLESS)
    home.signet("monitor", check=False)  # else pages would differ by what it has seen by then
    return made


@pytest.fixture(scope="module")
def window(
    chromium: Browser, home: Home, hostile_key: dict[str, str], hostile: list[Named], harmless: list[Named]
) -> Iterator[Page]:
    with visitor(chromium, home.console_url) as page:
        sign_in(page, home, **hostile_key)
        yield page


@pytest.fixture(scope="module")
def calm(chromium: Browser, home: Home, key: dict[str, str], harmless: list[Named]) -> Iterator[Page]:
    with visitor(chromium, home.console_url) as page:
        sign_in(page, home, **key)
        yield page


@pytest.fixture(scope="module")
def site(calm: Page, harmless: list[Named]) -> dict[str, Any]:
    """The pages of one harmless CA and those that belong to none, by path with `CA` and `SERIAL` for it.

    Documents of the help are left out: they hold no names, and Markdown makes their elements.
    """
    own = harmless[0]
    waiting = [urljoin(calm.url, "/console/cas"), urljoin(calm.url, f"/console/cas/{own.ca_id}")]
    found: dict[str, Any] = {}
    while waiting:
        address = waiting.pop()
        parts = urlsplit(address)
        named = parts.path.replace(own.ca_id, "CA").replace(own.serial, "SERIAL")
        named += f"?{parts.query}" if parts.path.endswith("/principal") else ""
        if named in found or not re.fullmatch(
            r"/console(?!.*[0-9a-f]{8}-|.*[0-9a-f]{16}|.*/create|.*l/|.*/record|.*/help/).*", named
        ):
            continue
        seen = fetch(calm, address)
        if "html" in seen["type"] and seen["status"] == 200:
            found[named] = seen
            waiting += seen["links"]
    return found


def is_of_a_ca(path: str) -> bool:
    return "CA" in path


# The subject of a CA has five names, so that each name is in that of one of these CAs.
@pytest.mark.parametrize("number", range(0, len(NAMES), EACH - 2), ids=lambda number: ascii(NAMES[number]))
def test_name_adds_no_element_to_any_page(
    window: Page, hostile: list[Named], site: dict[str, Any], number: int
) -> None:
    own = hostile[number]
    for path in filter(is_of_a_ca, site):
        seen = fetch(window, own.path(path))
        assert seen["status"] == 200, path
        assert seen["shape"] == site[path]["shape"], path
        assert ANSWER_OF_TEMPLATES not in seen["text"], path
        assert printable(own.name) in seen["text"], path


def previewed(page: Page, own: Named, names: tuple[str, ...]) -> Any:
    """What the preview of a certificate for a CSR with these names shows."""
    token = page.locator("input[name=token]").first.input_value()
    fields = {"token": token, "csr": request([*names]).decode(), "template": "EndEntityCertificate", "unit": "DAYS"}
    return fetch(page, f"/console/cas/{own.ca_id}/issue", urlencode(fields | {"amount": "30"}))


def test_names_of_a_csr_add_no_element_to_its_preview(
    window: Page, calm: Page, hostile: list[Named], harmless: list[Named]
) -> None:
    expected = previewed(calm, harmless[0], HARMLESS[:EACH])
    assert "Nothing has been issued yet" in expected["text"]
    for number in range(len(NAMES)):
        seen = previewed(window, hostile[number], (*NAMES[number:], *NAMES)[:EACH])
        assert seen["shape"] == expected["shape"], NAMES[number]
        assert printable(NAMES[number]) in seen["text"], NAMES[number]


def test_no_page_runs_what_names_say(window: Page, hostile: list[Named], site: dict[str, Any]) -> None:
    """Every page with every name in a window that is looked at: what happens is seen by `screen.watch`, too."""
    window.set_viewport_size({"width": 320, "height": 240})
    for own in hostile[::EACH]:
        for path in filter(is_of_a_ca, site) if own is not hostile[0] else site:
            answer = window.goto(urljoin(window.url, own.path(path)))
            assert answer is not None
            assert answer.status == 200, path
            assert not window.evaluate("'pwned' in window"), path


def test_lists_of_all_names_have_no_element_more(window: Page, calm: Page, site: dict[str, Any]) -> None:
    for path in itertools.filterfalse(is_of_a_ca, site):
        if path == "/console/activity":  # the two accounts have not done the same
            continue
        pages = [itertools.islice(following(page, path), MOST_PAGES) for page in (window, calm)]
        hostile, harmless = ([each["shape"] for each in found] for found in pages)
        assert hostile == harmless, path


def following(page: Page, path: str) -> Iterator[Any]:
    """The pages of a list."""
    waiting = [path]
    while waiting:
        seen = fetch(page, waiting.pop())
        waiting += seen["next"]
        yield seen


# what is typed


@pytest.fixture(scope="module")
def forms(calm: Page, harmless: list[Named], site: dict[str, Any]) -> list[dict[str, Any]]:
    """Every form of the harmless pages into which something can be typed."""
    found = {each["action"]: each for seen in site.values() for each in seen["forms"]}
    made = draft(calm)
    for path in ("sign-in", *(f"cas/create/{made}/{step}" for step in STEPS)):
        seen = fetch(calm, f"/console/{path}")
        found |= {each["action"]: each for each in seen["forms"]}
    assert len(found) >= 5
    return list(found.values())


def sent(page: Page, form: dict[str, Any], texts: Iterable[str]) -> Any:
    """The answer to a form into which these were typed, one after the other."""
    given = dict(form["kept"]) | dict(zip(form["typed"], texts, strict=False))
    body = urlencode(given, errors="surrogatepass")
    return fetch(page, form["action"], body) if form["post"] else fetch(page, f"{form['action']}?{body}")


def test_what_is_typed_adds_no_element(calm: Page, forms: list[dict[str, Any]]) -> None:
    for form in forms:
        for number in range(0, len(TEXTS), len(form["typed"])):
            seen = sent(calm, form, itertools.chain(TEXTS[number:], TEXTS))
            assert seen["status"] < 500, (form["action"], TEXTS[number][:60])
            assert seen["odd"] == [], (form["action"], TEXTS[number][:60])
            assert ANSWER_OF_TEMPLATES not in seen["text"], form["action"]


def test_what_an_address_says_adds_no_element(calm: Page, site: dict[str, Any], harmless: list[Named]) -> None:
    for path, word in zip(itertools.cycle(site), TEXTS, strict=False):
        query = urlencode(dict.fromkeys(PARAMETERS, word[:2000]), errors="surrogatepass")
        below = quote(word[:99], safe="", errors="surrogatepass")
        for rest in (f"?{query}", f"/{below}"):
            seen = fetch(calm, harmless[0].path(path) + rest)
            assert seen["status"] < 500, (path, rest)
            assert seen["odd"] == [], (path, rest)
