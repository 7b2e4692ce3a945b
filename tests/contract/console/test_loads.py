"""What a visit costs: the CA of a page is loaded once, and each operation takes one token of its rate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import pytest

from chalicelib.api import throttling
from chalicelib.console import table
from tests.support.builders import csr
from tests.support.console_pages import SAMPLES
from tests.support.console_steps import arn_of, issue, root, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


class Cost:
    """The tokens that were taken, by operation, and how often each CA was read from the store."""

    def __init__(self, rt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()
        take, load = throttling.take_token, rt.store.get_certificate_authority

        def counted_take(rt: Any, caller: Any, operation: str) -> None:
            self.tokens[operation] += 1
            take(rt, caller, operation)

        def counted_load(arn: str, *, cached: bool = False) -> Any:
            self.loads[arn] += not cached
            return load(arn, cached=cached)

        monkeypatch.setattr(throttling, "take_token", counted_take)
        monkeypatch.setattr(rt.store, "get_certificate_authority", counted_load)

    def reset(self) -> None:
        self.tokens.clear()
        self.loads.clear()


@pytest.fixture
def cost(rt: Any, monkeypatch: pytest.MonkeyPatch) -> Cost:
    return Cost(rt, monkeypatch)


# How often services of a page read the CA themselves, as operations do: search, activity, audit reports, OCSP.
READ_BY_SERVICES = {
    "delete": 1,
    "reports": 1,
    "reports/{report_id}": 1,
    "activity": 1,
    "certificates": 1,
    "certificates/{serial}": 2,
    "certificates/{serial}/revoke": 2,
}
DESCRIBE = "DescribeCertificateAuthority"


def visits(browser: Browser, method: str, url: str, fields: dict[str, str] | None = None) -> Iterator[Answer]:
    """A request and those that it is redirected to, one by one."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": browser.origin} if fields else {}
    answer = browser.request(method, url, urlencode(fields or {}).encode() if fields else b"", **headers)
    yield answer
    while answer.status == 303:
        answer = browser.request("GET", urljoin(answer.url, answer.headers["Location"]))
        yield answer


def check(cost: Cost, arn: str, path: str) -> None:
    """One token for each operation; the CA is read once for the page, and once by each operation that it calls."""
    assert set(cost.tokens.values()) <= {1}, (path, cost.tokens)
    called = cost.tokens.keys() - {DESCRIBE, "ListCertificateAuthorities"}
    services = READ_BY_SERVICES.get(path.rpartition("{ca_id}/")[2], 0)
    assert cost.loads[arn] <= 1 + len(called) + services, (path, cost.loads, cost.tokens)


def test_ca_of_a_page_is_loaded_once(browser: Browser, rt: Any, cost: Cost) -> None:
    ca_id = root(rt)
    arn, named = arn_of(ca_id), SAMPLES | {"ca_id": ca_id, "serial": issue(rt, ca_id)}
    cost.reset()
    described = 0
    for row in table.PAGES:
        if row.method == "GET" and "{ca_id}" in row.path:
            path = row.path.format(**named)
            for _ in visits(browser, "GET", f"/console/{path}"):
                check(cost, arn, row.path)
                described += cost.tokens[DESCRIBE]
                cost.reset()
    assert described > 10


def test_preview_takes_one_token_of_each_rate(browser: Browser, rt: Any, cost: Cost) -> None:
    ca_id = root(rt)
    form = browser.get(f"/console/cas/{ca_id}/issue")
    fields = form.form("/issue")["fields"] | {"csr": csr().decode()}
    cost.reset()
    tokens, last = [], ""
    for answer in visits(browser, "POST", urljoin(form.url, form.form("/issue")["action"]), fields):
        check(cost, arn_of(ca_id), "preview")
        tokens.append(dict(cost.tokens))
        cost.reset()
        last = answer.url.rsplit("/", 1)[1]
    assert tokens == [{DESCRIBE: 1, "IssueCertificate": 1}] * 2  # of the form, and of the page that it leads to
    token = {"token": fields["token"]}
    issued = next(visits(browser, "POST", f"/console/cas/{ca_id}/issue/{last}", token))
    assert issued.status == 303
    assert cost.tokens == {DESCRIBE: 1, "IssueCertificate": 1}


def test_refused_preview_takes_no_token_twice(browser: Browser, rt: Any, cost: Cost) -> None:
    ca_id = root(rt)
    preview = browser.submit(browser.get(f"/console/cas/{ca_id}/issue"), "/issue", csr=csr().decode())
    ca = rt.store.get_certificate_authority(arn_of(ca_id))
    rt.store.update_certificate_authority(ca, replace(ca, status="DISABLED"))
    cost.reset()
    refused = browser.submit(preview, preview.url.rsplit("/", 1)[1])
    assert (refused.status, "This certificate cannot be issued." in refused.text) == (422, True)
    assert cost.tokens == {DESCRIBE: 1, "IssueCertificate": 1}
