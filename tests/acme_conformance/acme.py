"""A client of ACME that remembers no more than an account: its key, its URL and nonces."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from tests.acme_conformance.jose import Key, Request, b64, binding, dumps, generate, unb64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.acme_conformance.wire import Answer, Wire

_PATIENCE = 20.0
_POLL = 0.03
_TRIES = 6
_MOST_WAIT = 5.0
# IANA's registry of ACME error types.
ERRORS = frozenset(
    """
    accountDoesNotExist alreadyReplaced alreadyRevoked autoRenewalCanceled autoRenewalCancellationInvalid
    autoRenewalExpired autoRenewalRevocationNotSupported badCSR badNonce badPublicKey badRevocationReason
    badSignatureAlgorithm caa compound connection dns externalAccountRequired incorrectResponse invalidContact
    invalidProfile malformed onionCAARequired orderNotReady rateLimited rejectedIdentifier serverInternal tls
    unauthorized unknownDelegation unsupportedContact unsupportedIdentifier userActionRequired
    """.split()  # noqa: SIM905  a list of one word a line would be a page
)


def ok(answer: Answer, status: int = 200) -> Answer:
    assert answer.status == status, f"wanted {status}, got {answer}"
    return answer


def refused(answer: Answer, *types: str, status: int | None = None) -> Answer:
    """Assert that the server refused: a 4xx, whose problem has one of the types if any are given."""
    assert 400 <= answer.status < 500, f"wanted a refusal, got {answer}"
    assert status in {None, answer.status}, f"wanted {status}, got {answer}"
    if types:
        assert answer.media_type == "application/problem+json", f"wanted a problem document, got {answer}"
        assert answer.error in types, f"wanted {' or '.join(types)}, got {answer}"
    return answer


def is_limited(answer: Answer) -> bool:
    """Whether the server limits the rate; then wait for as long as it says, within reason."""
    if answer.error != "rateLimited":
        return False
    told = answer.header("Retry-After")
    time.sleep(min(float(told) if told.isdigit() else 1.0, _MOST_WAIT))
    return True


def registered(answer: Answer) -> None:
    """Assert that a problem's type is no name that IANA's registry lacks."""
    urn = str(refused(answer).json["type"])
    assert not urn.startswith("urn:ietf:params:acme:error:") or answer.error in ERRORS, urn


@dataclass
class Server:
    """The server under test: its directory, and what the options say of it."""

    wire: Wire
    address: str
    base: str
    ip: str
    bindings: list[tuple[str, bytes]]
    preauthorized: tuple[str, bytes] | None
    clock: str | None
    nonces: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.directory: dict[str, Any] = ok(self.wire.send("GET", self.address)).json
        self._turn = itertools.count()

    @property
    def meta(self) -> dict[str, Any]:
        found: dict[str, Any] = self.directory.get("meta", {})
        return found

    def resource(self, name: str) -> str:
        """Return the URL of a resource; a case about one that the server lacks is skipped."""
        if name not in self.directory:
            pytest.skip(f"the directory has no {name}")
        return str(self.directory[name])

    def name(self) -> str:
        """Return a name that nobody has asked for."""
        return f"n{secrets.token_hex(6)}.{self.base}"

    def fresh_nonce(self) -> str:
        return self.wire.send("HEAD", self.resource("newNonce")).header("Replay-Nonce")

    def nonce(self) -> str:
        """Return the newest nonce, which after a badNonce is that of the refusal."""
        try:
            return self.nonces.pop()
        except IndexError:
            return self.fresh_nonce()

    def request(self, url: str, key: Key, payload: Any, kid: str | None = None) -> Request:
        """Return a well-formed request; a payload of None is the empty one of POST-as-GET."""
        who = {"kid": kid} if kid else {"jwk": key.jwk}
        header = {"alg": key.alg, **who, "nonce": self.nonce(), "url": url}
        return Request(url, key, header, b"" if payload is None else dumps(payload))

    def send(self, request: Request) -> Answer:
        answer = self.wire.send(request.method, request.url, request.body(), request.headers)
        if nonce := answer.header("Replay-Nonce"):
            self.nonces.append(nonce)
        return answer

    def post(self, url: str, key: Key, payload: Any, kid: str | None = None, **headers: str) -> Answer:
        """Send a well-formed request, again if the server did not like the nonce or its rate (sections 6.5, 6.6)."""
        for _ in range(_TRIES):
            request = self.request(url, key, payload, kid)
            answer = self.send(replace(request, headers=request.headers | headers))
            if answer.error != "badNonce" and not is_limited(answer):
                break
        return answer

    def binding_for(self, key: Key) -> dict[str, Any]:
        """Return what newAccount needs of the account elsewhere; nothing if the server wants none."""
        if not self.bindings:
            return {}
        kid, secret = self.bindings[next(self._turn) % len(self.bindings)]
        return {"externalAccountBinding": binding(kid, secret, key.jwk, self.resource("newAccount"))}

    def stub(self, key: Key, **more: Any) -> dict[str, Any]:
        """Return a new account as a client asks for it."""
        terms = {"termsOfServiceAgreed": True} if "termsOfService" in self.meta else {}
        return terms | self.binding_for(key) | more

    def register(self, alg: str = "ES256", key: Key | None = None, **more: Any) -> Account:
        key = key or generate(alg)
        answer = ok(self.post(self.resource("newAccount"), key, self.stub(key, **more)), 201)
        return Account(self, key, answer.header("Location"), answer)


@dataclass
class Account:
    """An account; `created` is the answer that made it."""

    server: Server
    key: Key
    url: str
    created: Answer

    def post(self, url: str, payload: Any) -> Answer:
        return self.server.post(url, self.key, payload, self.url)

    def fetch(self, url: str, **headers: str) -> Answer:
        """Send a POST-as-GET, with more header fields if any are given."""
        return self.server.post(url, self.key, None, self.url, **headers)

    def request(self, url: str, payload: Any) -> Request:
        return self.server.request(url, self.key, payload, self.url)

    def ask(self, *names: str, **more: Any) -> Answer:
        """Ask for an order of DNS names; `identifiers` overrides them."""
        wanted = {"identifiers": [{"type": "dns", "value": name} for name in names]} | more
        return self.post(self.server.resource("newOrder"), wanted)

    def order(self, *names: str, **more: Any) -> Order:
        answer = ok(self.ask(*(names or (self.server.name(),)), **more), 201)
        return Order(self, answer.header("Location"), answer.json, answer)

    def wait(self, url: str, *until: str) -> dict[str, Any]:
        """Poll a resource until it has one of the statuses."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            found: dict[str, Any] = ok(self.fetch(url)).json
            if found["status"] in until:
                return found
            assert time.monotonic() < deadline, f"{url} is still {found['status']}: wanted {until}"
            time.sleep(_POLL)


@dataclass
class Order:
    """An order, as the server first described it."""

    account: Account
    url: str
    body: dict[str, Any]
    created: Answer

    @property
    def finalize_url(self) -> str:
        return str(self.body["finalize"])

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = ok(self.account.fetch(self.url)).json
        return found

    def authorizations(self) -> list[tuple[str, dict[str, Any]]]:
        return [(str(url), ok(self.account.fetch(url)).json) for url in self.body["authorizations"]]

    def authorization(self) -> tuple[str, dict[str, Any]]:
        """Return the only authorization, which has to be pending."""
        ((url, found),) = self.authorizations()
        assert found["status"] == "pending", found
        return url, found

    def challenge(self, kind: str) -> dict[str, Any]:
        return challenge(self.authorization()[1], kind)

    def finalize(self, csr: bytes | str) -> Answer:
        return self.account.post(self.finalize_url, {"csr": b64(csr) if isinstance(csr, bytes) else csr})


def challenge(authorization: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the challenge of a kind; a case about one that the server does not offer is skipped."""
    for each in authorization["challenges"]:
        if each["type"] == kind:
            found: dict[str, Any] = each
            return found
    pytest.skip(f"the server does not offer {kind}")


def at_once(server: Server, requests: list[Request]) -> list[Answer]:
    """Send requests at the same time, each on a connection of its own."""
    start = Barrier(len(requests))

    def send(request: Request) -> Answer:
        server.wire.send("HEAD", server.resource("newNonce"))  # the connection is open before all start
        start.wait(timeout=_PATIENCE)
        return server.send(request)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def parse_binding(text: str) -> tuple[str, bytes]:
    """Return the parts of KID:HMACKEY; a kid may have colons, the key in base64url has none."""
    kid, _, secret = text.rpartition(":")
    return kid, unb64(secret)


def statuses(answers: Iterable[Answer]) -> list[int]:
    return sorted(each.status for each in answers)
