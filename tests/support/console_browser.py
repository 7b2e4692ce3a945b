"""A browser without a screen: cookies, forms and relative addresses as real ones treat them, on the app in process."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import app as signet_app
from chalicelib.access import access_keys
from tests.support.client import send

ORIGIN = "http://127.0.0.1:8000"


class _Reader(HTMLParser):
    """Elements with their attributes, and the forms with their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[dict[str, Any]] = []
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "form":
            self.forms.append({"action": found.get("action", ""), "method": found.get("method", "get"), "fields": {}})
        if tag == "select":
            self._select = found.get("name", "")
        if tag == "option" and self.forms:
            fields = self.forms[-1]["fields"]
            if "selected" in found or self._select not in fields:
                fields[self._select] = found.get("value", "")
        chosen = found.get("type") not in {"radio", "checkbox"} or "checked" in found
        if tag == "textarea" and self.forms:
            self._textarea = found.get("name", "")
            self.forms[-1]["fields"] |= {self._textarea: ""} if self._textarea else {}
        if tag == "input" and self.forms and "name" in found and chosen:
            self.forms[-1]["fields"][found["name"]] = found.get("value", "on")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.forms[-1]["fields"][self._textarea] += data.removeprefix("\n")  # its first line break is none

    def handle_endtag(self, tag: str) -> None:
        self._textarea = "" if tag == "textarea" else self._textarea


@dataclass
class Answer:
    """A page as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The page, without the seams at which long words may break."""
        return self.body.decode().replace("<wbr>", "")

    @property
    def elements(self) -> list[tuple[str, dict[str, str]]]:
        return self._read().elements

    @property
    def forms(self) -> list[dict[str, Any]]:
        return self._read().forms

    def form(self, action: str) -> dict[str, Any]:
        """The form whose address ends so."""
        return next(each for each in self.forms if each["action"].endswith(action))

    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.text)
        return reader


@dataclass
class Browser:
    """One visitor. `stage` is the path that a gateway puts before every resource."""

    rt: Any
    cookies: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    origin: str = ORIGIN
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
        """One request, with the cookies there are; no redirect is followed."""
        signet_app.use_runtime(self.rt)
        sent = {"Host": urlsplit(self.origin).netloc, **self.headers, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        whole = urljoin(self.origin, url)
        status, found, content = send(method, whole, list(sent.items()), body, stage=self.stage)
        name, _, value = found.get("Set-Cookie", "").partition(";")[0].partition("=")
        if name and value:
            self.cookies[name] = value
        elif name:
            self.cookies.pop(name, None)
        return Answer(status, found, content, whole)

    def get(self, url: str) -> Answer:
        """A page, at the end of its redirects."""
        return self._follow(self.request("GET", url))

    def post(self, url: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form as a page of this host would; the answer at the end of its redirects."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin} | headers
        return self._follow(self.request("POST", url, urlencode(fields).encode(), **sent))

    def submit(self, page: Answer, action: str, **fields: str) -> Answer:
        """Fill in a form of a page and send it."""
        form = page.form(action)
        assert form["method"] == "post"
        return self.post(urljoin(page.url, form["action"]), form["fields"] | fields)

    def _follow(self, answer: Answer) -> Answer:
        for _ in range(8):
            if answer.status != 303:
                return answer
            answer = self.request("GET", urljoin(answer.url, answer.headers["Location"]))
        raise AssertionError(f"redirects without end at {answer.url}")

    def sign_in(self, key: access_keys.Credential | None = None) -> Answer:
        """Sign in with the root key, or with another one."""
        used = key or access_keys.ensure_root_key(self.rt)
        page = self.get(f"{self.stage}/console/sign-in")
        fields = {"access_key_id": used.access_key_id, "secret_access_key": used.secret}
        return self.submit(page, "sign-in", **fields)
