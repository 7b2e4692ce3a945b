"""Signet as a test has it: answers any request, in any account and region, at the time of the test's clock.

What only some tests need is imported by its first use.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from chalicelib import endpoint, errors
from chalicelib.access import access_keys, role_sessions
from chalicelib.api import dispatch, model, protocols, sigv4
from chalicelib.config import Settings
from chalicelib.store import authorities_of
from chalicelib.testing import kept, regions
from chalicelib.testing.clock import Clock, duration
from chalicelib.testing.faults import Faults
from chalicelib.testing.regions import Regions

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from chalicelib.api.dispatch import Operation, WireResponse
    from chalicelib.api.sigv4 import CredentialScope, WireRequest
    from chalicelib.local.gateway import HttpRequest, HttpResponse
    from chalicelib.runtime import Caller, Runtime

_EXTENSION = re.compile(r"/certificate-authorities/([^/]+)/(certificates|explain)")
_EXTENSIONS = {"certificates": "search_certificates", "explain": "explain_issuance"}
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
CHANGEABLE = frozenset(
    {"audit_report_seconds", "csr_gate", "idempotency_seconds", "ocsp_signer", "quotas", "rates", "storm_guard"}
)
_CRL_OR_OCSP_HEADERS = (("content-type", "application/ocsp-request"),)


class Signet:
    """A Signet for tests.

    Any credentials are accepted: an access key id of 12 digits is the account, and every other one is of the default
    account. Access keys and sessions that Signet has made itself are verified as always.

    Attributes:
        clock: its time; `advance` moves it.
        faults: what is to fail; see `Faults.add`.

    Args:
        settings: of its homes.
        seed: makes serial numbers, ids and CA keys; None: they are random.
        directory: keeps its state beyond `close`; None: nothing is kept.
    """

    def __init__(self, settings: Settings, seed: int | None = None, directory: Path | None = None) -> None:
        self._made_with, self._seed, self._directory = settings, seed, directory
        self.settings, self.clock, self.faults = settings, TestClock(self), Faults()
        self._credentials: dict[tuple[str, str], access_keys.Credential] = {}
        self._lock = threading.Lock()
        self._operations = {name: partial(self._called, name, call) for name, call in dispatch.OPERATIONS.items()}
        regions.sweep()
        self.regions = Regions(settings, self.clock, self.faults, seed, directory and kept.present(directory))

    @property
    def endpoint(self) -> str:
        """The address for clients; a mock in this process answers there, too."""
        return self.settings.base_url

    @property
    def account_id(self) -> str:
        """The default account."""
        return self.settings.account_id

    def credentials(self, account_id: str | None = None) -> dict[str, str]:
        """Return arguments of a boto3 client or session for an account, the default one if none is given."""
        fixed, secret = self.settings.test_access_key_id, self.settings.test_secret_access_key
        if fixed and account_id in {None, self.account_id}:
            return {"aws_access_key_id": fixed, "aws_secret_access_key": secret}
        return {"aws_access_key_id": account_id or self.account_id, "aws_secret_access_key": "test"}

    def reset(self, *, seed: int | None = None, **settings: str) -> None:
        """Begin anew: without CAs, without faults, and at the machine's time.

        Args:
            seed: in the place of the one that this Signet was made with.
            settings: in the place of those that it was made with, until the next reset; see `CHANGEABLE`.

        Raises:
            ValueError: another setting is given, or a value is invalid.
        """
        if other := sorted(settings.keys() - CHANGEABLE):
            raise ValueError(f"A test cannot change '{other[0]}', but {', '.join(sorted(CHANGEABLE))}.")
        changed = replace(self._made_with, **settings)
        changed.check()
        former, self.settings = self.regions, changed
        with self._lock:
            self._credentials.clear()
            self.faults.clear()
            self.clock.begin_anew()
            seed, directory = self._seed if seed is None else seed, self._directory and kept.anew(self._directory)
            self.regions = Regions(changed, self.clock, self.faults, seed, directory)
        former.close()

    def close(self) -> None:
        """Remove all state that is not kept in a directory."""
        self.regions.close(keeps=self._directory is not None)

    def run_due(self) -> None:
        """Do now what the schedules would do within a minute: publish CRLs that are due, write audit reports."""
        self.regions.run_due()

    def state(self) -> dict[str, Any]:
        """Describe the time, the faults, and the CAs by region."""
        found = {rt.settings.region: rt.store for rt in self.regions.all()}
        return {
            "time": self.clock().isoformat(timespec="seconds"),
            "faults": self.faults.listed(),
            "certificateAuthorities": {
                region: [ca.arn for account in store.list_accounts() for ca in authorities_of(store, account)]
                for region, store in found.items()
            },
        }

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request of the API or its extensions; never raises."""
        rt, request = self._routed(request)
        if extension := _EXTENSION.fullmatch(request.path):
            from chalicelib.api import signet_endpoints

            answer = getattr(signet_endpoints, _EXTENSIONS[extension[2]])
            return cast("WireResponse", answer(rt, request, extension[1]))
        if protocols.service_of(request) != model.ACM_PCA:
            return endpoint.handle(rt, request)
        return dispatch.handle(rt, request, self._operations)

    def _routed(self, request: WireRequest) -> tuple[Runtime, WireRequest]:
        """Return the home of a request's region, and the request as that takes it."""
        scope = sigv4.scope_of(request)
        rt = self.regions.home(scope.region if scope else self.settings.region)
        return rt, self._signed(rt, request, scope) if scope else request

    def _called(self, name: str, call: Operation, rt: Runtime, caller: Caller, request: Any) -> Any:
        self.faults.strike(name)
        return call(rt, caller, request)

    def _signed(self, rt: Runtime, request: WireRequest, scope: CredentialScope) -> WireRequest:
        """Sign a request with an access key of its account, unless Signet has made its access key."""
        secret = _secret(rt, request, scope)
        if secret is not None:
            return self._at_its_time(request, secret)
        is_account = _ACCOUNT.fullmatch(scope.access_key_id)
        credential = self._credential(rt, scope.access_key_id if is_account else self.account_id)
        return sigv4.signed_anew(
            request, access_key_id=credential.access_key_id, secret=credential.secret, now=rt.now()
        )

    def _at_its_time(self, request: WireRequest, secret: str) -> WireRequest:
        """Sign a request of the machine's time, if it is signed by that, as at the time of the clock."""
        try:
            return sigv4.signed_later(request, secret=secret, by=self.clock.ahead) if self.clock.ahead else request
        except errors.IncompleteSignatureException:
            return request  # and is refused

    def _credential(self, rt: Runtime, account_id: str) -> access_keys.Credential:
        key = (rt.settings.region, account_id)
        with self._lock:
            if key not in self._credentials:
                self._credentials[key] = access_keys.create_access_key(rt, account_id, "test")
            return self._credentials[key]

    def fetch(self, url: str, body: bytes = b"") -> bytes:
        """Return what the URL of a certificate serves: a CRL, or the answer to an OCSP request.

        Raises:
            LookupError: it serves nothing.
        """
        from chalicelib.local.gateway import HttpRequest

        method, headers = ("POST", _CRL_OR_OCSP_HEADERS) if body else ("GET", ())
        answer = self.public(HttpRequest(method, urlsplit(url).path, "", headers, body))
        if answer is None or answer.status != 200:
            raise LookupError(f"{url} serves nothing.")
        return answer.body if answer.file is None else answer.file.read_bytes()

    def public(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request for OCSP or for a CRL, from the region that knows; None for other requests."""
        from chalicelib.local.crl_and_ocsp import crl_or_ocsp
        from chalicelib.pki import ocsp

        answer, unknown = None, ocsp.error("unauthorized")
        for rt in self.regions.all():
            answer = crl_or_ocsp(rt, request)
            if answer is not None and answer.body != unknown:
                return answer
        return answer


def _secret(rt: Runtime, request: WireRequest, scope: CredentialScope) -> str | None:
    """Return the secret of a request's access key, if Signet has made that or its session."""
    token = request.header(sigv4.SESSION_HEADER)
    if token and (opened := role_sessions.opened(rt, token)):
        return opened.credential.secret
    key = rt.store.get_access_key(scope.access_key_id)
    return None if key is None else access_keys.secret_of(rt, key)


class TestClock(Clock):
    """The clock of a Signet, which does what is due while it moves."""

    __test__ = False  # for pytest

    def __init__(self, signet: Signet) -> None:
        super().__init__()
        self._signet = signet

    def advance(self, by: str | timedelta) -> datetime:
        """Move ahead by a duration such as "4d" or "1h30m", and return the time then.

        Everything that is due on the way happens first, in order: CRLs, expiries, deletions, audit reports, reminders.

        Raises:
            ValueError: it is no duration, or negative.
        """
        self._signet.regions.advance(duration(by))
        return self()

    def begin_anew(self) -> None:
        """Go back to the machine's time."""
        self.ahead *= 0


def for_tests(*, account_id: str, region: str, port: str = "8000", seed: int | None = None) -> Signet:
    """Make a Signet whose settings are the defaults, whatever the environment says; it takes CSRs as AWS does."""
    settings = replace(Settings(), account_id=account_id, region=region, port=port, audit="changes", csr_gate="aws")
    return Signet(settings, seed)
