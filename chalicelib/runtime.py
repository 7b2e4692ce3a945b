"""The Runtime: the adapters and the clock that every operation gets. Only this module chooses adapters."""

from __future__ import annotations

import secrets
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import data_directory
from chalicelib.config import Settings, SettingsError
from chalicelib.frozen import dataclass
from chalicelib.random_ids import random_id
from chalicelib.store import RecordError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.audit import Trail
    from chalicelib.audit.signer import Sealing, Signer
    from chalicelib.buckets import Buckets
    from chalicelib.events import Events
    from chalicelib.identities import Session
    from chalicelib.journal.journal import Journal
    from chalicelib.journal.log import LogKey
    from chalicelib.keystore import KeyStore
    from chalicelib.store import Store
    from chalicelib.store.table_store import TableStore


_DIRECTORY = "log"  # of the journal's objects


def system_clock() -> datetime:
    """Return the time of the machine."""
    return datetime.now(UTC)  # noqa: TID251  the one clock


@lru_cache(maxsize=128)
def _settings_in(settings: Settings, region: str) -> Settings:
    return replace(settings, region=region)


def random_serial_number() -> int:
    """Return a serial number: 128 random bits as AWS uses, never zero (RFC 5280 section 4.1.2.2)."""
    return secrets.randbits(128) or random_serial_number()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The signer of a request, the operation, and what policies may ask of the request.

    Attributes:
        principal: the name of a principal; of a session of a role "assumed-role/ROLE/SESSION".
        operation: of AWS Private CA; of another service with its prefix, such as "sts:AssumeRole".
        region: for which the request is signed; empty: for none, as in the console, so that lists have all regions.
        session: of a role, if the caller has one.
    """

    account_id: str
    access_key_id: str
    principal: str
    operation: str = ""
    region: str = ""
    facts: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    session: Session | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Settings, adapters, clock and caches of a process.

    Attributes:
        now: the only clock.
        serial_number: returns a random serial number.
        new_id: returns a random UUID, for the name of a CA, a partition of its CRL or a report.
        server: names this process, if a lock lets only one server of this home live; empty: nothing says so.
        home_region: the home's own region, where that of the settings is another one; see `in_region`.
        ocsp_answers: OCSP responses about certificates that this process has signed, by request.
        ocsp_others: OCSP responses about unknown serial numbers and several certificates; they evict no other.
        sign_in_failures: failed attempts to sign in to the console; see `console.attempts`.
        rate_tokens: tokens left and the time of that count, by account and operation; see `rates`.
        windows: requests of principals, and certificates of one CSR, in this minute; see `access.limits`.
        refused: how many requests were refused before anybody was authenticated, by reason and source; see `recording`.
        known: policies that were read a moment ago, the last look at this process's health, last runs of schedules, and
            when that was; see `access.principals`, `monitor.health` and `schedules`.
        noted_uses: when the use of an access key was last recorded; see `access.access_keys`.
        issuers: keys of OIDC issuers, by the id of the provider; see `access.oidc_keys`.
    """

    settings: Settings
    store: Store
    keys: KeyStore
    buckets: Buckets
    events: Events
    audit: Trail
    journal: Journal
    now: Callable[[], datetime] = system_clock
    serial_number: Callable[[], int] = random_serial_number
    new_id: Callable[[], str] = random_id
    server: str = ""
    home_region: str = ""
    ocsp_answers: dict[bytes, Any] = field(default_factory=dict)
    ocsp_others: dict[bytes, Any] = field(default_factory=dict)
    sign_in_failures: dict[tuple[str, str], Any] = field(default_factory=dict)
    rate_tokens: dict[tuple[str, str], tuple[float, datetime]] = field(default_factory=dict)
    windows: dict[tuple[str, ...], Any] = field(default_factory=dict)
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    noted_uses: dict[str, datetime] = field(default_factory=dict)
    known: dict[tuple[str, ...], tuple[Any, datetime]] = field(default_factory=dict)
    issuers: dict[str, Any] = field(default_factory=dict)

    def in_region(self, region: str) -> Runtime:
        """The same home, as a request for a region sees it; empty: the home's own region."""
        if region in {"", self.settings.region}:
            return self
        home_region = self.home_region or self.settings.region
        return replace(self, settings=_settings_in(self.settings, region), home_region=home_region)

    @property
    def identity_partition(self) -> str:
        """The partition in the ARNs of principals, roles and OIDC providers, whichever region a request is for.

        Each has one ARN, so that a policy that denies something by an ARN holds in every partition.
        """
        return arns.partition_of(self.home_region or self.settings.region)


def from_env(
    prepare: Callable[[Settings], object] = lambda _: None, *, creates: bool = False, opens_keys: bool = True
) -> Runtime:
    """Build the runtime from the settings in the environment.

    Args:
        prepare: called before anything is opened, once the data directory may be used.
        creates: a missing home is created. Otherwise it is refused: in a new one `crl verify` would find nothing wrong.
        opens_keys: the process may open the installation's signing keys.

    Raises:
        SettingsError: a setting is invalid, there is no home, or the data directory must not be used.
        RecordError: the database is of another schema.
    """
    settings = usable_settings(creates=creates)
    prepare(settings)
    rt = from_settings(settings, opens_keys=opens_keys)
    if settings.state == "sqlite" and data_directory.has_database(settings.data_path):
        _check_schema(rt.store)
    if (settings.state, settings.keys, settings.buckets) == ("sqlite", "software", "directory"):
        loss = data_directory.loss_of(settings.data_path, holds_secrets=lambda: bool(rt.store.list_access_keys()))
        if loss:
            raise SettingsError(loss)
    return rt


def without_home(settings: Settings) -> str:
    """Say where there is no home and what creates one, in a line; empty if there is one, or if state is in DynamoDB."""
    if settings.state != "sqlite" or data_directory.is_home(settings.data_path):
        return ""
    data = settings.data_path.absolute()
    if "SIGNET_DATA" in settings.chosen():
        return f"There is no home in {data}. `signet serve` creates it; SIGNET_DATA names it."
    return (
        f"There is no home: no {data_directory.NAME} here or above, and no {data}. `signet serve` creates the latter; "
        "SIGNET_DATA names another directory."
    )


def usable_settings(*, creates: bool) -> Settings:
    """Read the settings, and look at the data directory, as `from_env` does; the same errors."""
    settings = Settings.from_env()
    if settings.test_access_key_id:
        raise SettingsError("SIGNET_TEST_ACCESS_KEY_ID is for `signet serve --test` alone: unset it.")
    is_named = "SIGNET_DATA" in settings.chosen()
    if settings.is_on_disk and (problem := data_directory.problem_of(settings.data_path, is_named=is_named)):
        raise SettingsError(problem)
    if not creates and (missing := without_home(settings)):
        raise SettingsError(missing)
    return settings


def _check_schema(store: Store) -> None:
    """Open the database, and raise `RecordError` if it is another version's; the health check names other errors."""
    try:
        store.list_accounts()
    except RecordError:
        raise
    except StoreError:
        return


def from_settings(settings: Settings, *, opens_keys: bool = True) -> Runtime:
    """Build the runtime from settings; adapters that are not chosen are not imported. `opens_keys` as in `from_env`."""
    from chalicelib.audit.signer import PublicKey, Signer

    store, keys, buckets = _store(settings), _keys(settings), _buckets(settings)
    sealing = _sealing(settings, keys)
    return Runtime(
        settings=settings,
        store=store,
        keys=keys,
        buckets=buckets,
        events=_events(settings),
        audit=_audit(settings, store, Signer(store, sealing)),
        journal=_journal(
            settings, store, buckets, Signer(store, sealing, "journal") if opens_keys else PublicKey(store, "journal")
        ),
    )


def _store(settings: Settings) -> TableStore:
    if settings.state == "dynamodb":
        from chalicelib.store.dynamodb import open_store as open_dynamodb

        return open_dynamodb(settings.table_name, settings.region)
    from chalicelib.store.sqlite import open_store as open_sqlite

    return open_sqlite(settings.data_path / "signet.db")


def _keys(settings: Settings) -> KeyStore:
    if settings.keys == "kms":
        from chalicelib.keystore.kms import KmsKeyStore

        return KmsKeyStore(settings.region, name=settings.name, secrets_key=settings.secrets_key)
    from chalicelib.keystore.software import SoftwareKeyStore

    return SoftwareKeyStore(settings.data_path / "keys", passphrase=settings.key_passphrase or None)


def _buckets(settings: Settings) -> Buckets:
    if settings.buckets == "s3":
        from chalicelib.buckets.s3 import S3Buckets

        hosts = {settings.crl_bucket: settings.crl_host} if settings.crl_host else {}
        return S3Buckets(settings.region, name=settings.name, base_url=settings.public_url.rstrip("/"), hosts=hosts)
    from chalicelib.buckets.directory import DirectoryBuckets

    return DirectoryBuckets(settings.data_path / "buckets", base_url=settings.base_url)


def _events(settings: Settings) -> Events:
    if settings.events == "eventbridge":
        from chalicelib.events.eventbridge import EventBridge

        return EventBridge(settings.region)
    from chalicelib.events.log import LogEvents

    return LogEvents()


def _sealing(settings: Settings, keys: KeyStore) -> Sealing:
    """Return what seals signing keys; functions on AWS seal them apart from secrets, which not all of them may read."""
    if settings.keys != "kms":
        return keys
    from chalicelib.keystore.kms import KmsKeyStore

    return KmsKeyStore(settings.region, name=settings.name, secrets_key=settings.secrets_key, sealing="audit")


def _audit(settings: Settings, store: Store, signer: Signer) -> Trail:
    if settings.state == "dynamodb":
        from chalicelib.audit.table_trail import TableTrail

        return TableTrail(store, signer, days=int(settings.audit_days))
    from chalicelib.audit.file_trail import FileTrail

    return FileTrail(
        settings.data_path / "audit",
        store,
        signer,
        settings.region,
        most_bytes=int(settings.audit_file_megabytes) * 1_000_000,
        most=int(settings.audit_files),
    )


def _journal(settings: Settings, store: TableStore, buckets: Buckets, key: LogKey) -> Journal:
    from chalicelib.journal.journal import Journal
    from chalicelib.journal.log import Log

    if settings.buckets == "s3":
        return Journal(store, Log(buckets, settings.journal_bucket, key))
    from chalicelib.buckets.directory import DirectoryBuckets

    return Journal(store, Log(DirectoryBuckets(settings.journal_path, base_url=""), _DIRECTORY, key))
