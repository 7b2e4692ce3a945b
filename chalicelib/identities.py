"""The records of who may do what: access keys, principals, roles, OIDC providers and sessions. Frozen values alone.

Times are aware UTC datetimes.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from chalicelib.acme_records import AcmeBinding, AcmeDirectory, AcmeMacKey
from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

ADMINISTRATOR = "administrator"  # of every account; it may do everything, and no record holds it
SIGNET = "signet:itself"  # no principal has this name: what Signet does for itself is bound by no policy


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A credential of a principal; the secret is sealed by the keystore with what it belongs to as context.

    Attributes:
        principal: the name of its principal; records of earlier releases, which name none, are the administrator's.
        expires_at: when it ends; None: never.
        active: False: it was deactivated, and is refused as if it were unknown.
        last_used_at: when it was last used, to within `access_keys.NOTED_EVERY`; None: never, as far as is known.
    """

    access_key_id: str
    account_id: str
    sealed_secret: bytes
    created_at: datetime
    description: str = ""
    principal: str = ADMINISTRATOR
    expires_at: datetime | None = None
    active: bool = True
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody in an account, who may do what identity policies allow.

    Attributes:
        policies: pairs of a policy's name and its text, as its author wrote it.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    created_at: datetime
    description: str = ""
    policies: tuple[tuple[str, str], ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Policies that principals and holders of OIDC tokens assume for a while, if its trust policy lets them.

    Attributes:
        role_id: random, so that a new role of an old name differs.
        trust_policy: says who may assume it; the text of its author.
        policies: of its sessions, as a principal's.
        max_session_seconds: the longest time that a session lasts.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    role_id: str
    created_at: datetime
    trust_policy: str
    description: str = ""
    policies: tuple[tuple[str, str], ...] = ()
    max_session_seconds: int = 3600
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """An issuer of OIDC tokens that an account trusts.

    Attributes:
        name: its URL without the scheme, as in policies.
        url: must equal `iss` of its tokens.
        provider_id: random, so that a new provider of an old name differs.
        audiences: `aud` of its tokens must name one of them.
        jwks: its keys (RFC 7517); empty: they are fetched.
        ca_pem: certificates that authenticate its server; empty: those of the system.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    url: str
    provider_id: str
    created_at: datetime
    audiences: tuple[str, ...]
    jwks: str = ""
    ca_pem: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """The one key that seals the session tokens of a home, and from which secrets derive; it belongs to no account.

    Attributes:
        sealed: 32 bytes, sealed by the keystore.
    """

    account_id: str = ""
    name: str = "1"
    sealed: bytes = field(repr=False)
    created_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """The last run of a schedule of a home, to within `schedules.NOTED_EVERY`; it belongs to no account.

    Attributes:
        name: of the schedule.
        began_at: the beginning of the run.
        ended_at: its end.
        failure: the kind of the error that ended it, and its text; empty: it succeeded.
        failures: the number of runs in a row that have failed.
        succeeded_at: the end of the last run that succeeded; None: there is none on record.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str = ""
    name: str
    began_at: datetime
    ended_at: datetime
    failure: str = ""
    failures: int = 0
    succeeded_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminding:
    """The progress of a reminder channel in an account; see `expiry.reminders`.

    Attributes:
        name: of the channel.
        next_at: the channel rests until then.
        told_until: the channel has everything that crossed a threshold until then; None: it has nothing.
        claimed_at: the delivery under way covers thresholds crossed until then; None: none is under way.
        delivery_id: of that delivery; empty for none.
        attempts: how often it has been tried.
        failure: why the last attempt failed.
        delivered_at: when the last message was accepted.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    next_at: datetime
    told_until: datetime | None = None
    claimed_at: datetime | None = None
    delivery_id: str = ""
    attempts: int = 0
    failure: str = ""
    delivered_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFeed:
    """A secret address from which calendar programs read what expires in an account.

    Attributes:
        name: hex SHA-256 of the secret, which is stored nowhere.
        principal: the feed shows what this principal may see.
        version: always 1: a feed is made and deleted.
    """

    account_id: str
    name: str
    principal: str
    created_at: datetime
    description: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingPreset:
    """An issuing preset, which a request may name instead of a template.

    Attributes:
        template: the name of the template.
        names: the patterns of the names policy; empty: every name.
        days: the longest validity.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    template: str
    days: int
    created_at: datetime
    names: tuple[str, ...] = ()
    description: str = ""
    version: int = 1


Entity = (
    Role
    | OidcProvider
    | TokenKey
    | ScheduledRun
    | Reminding
    | CalendarFeed
    | IssuingPreset
    | AcmeDirectory
    | AcmeBinding
    | AcmeMacKey
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A role that somebody has assumed; only the session token holds this record.

    Attributes:
        account_id: of the role.
        role: its name.
        role_id: its id; deleting the role ends the session.
        name: of the session; the caller chose it.
        source: began the session, and deleting it ends the session: "access-key", its id and the time of its creation;
            or "oidc-provider", its name and its id.
        issued_at: the beginning.
        expires_at: the end.
        policy: limits the session further; empty for none.
    """

    account_id: str
    role: str
    role_id: str
    name: str
    source: tuple[str, str, str]
    issued_at: datetime
    expires_at: datetime
    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """A session of the console, or a link that signs in once.

    Attributes:
        id_sha256: hex SHA-256 of the id, which only the browser stores.
        note: the path of the next page, and the message it will show; empty for none.
        version: grows by one with every write; an update is conditional on it.
    """

    id_sha256: str
    access_key_id: str
    account_id: str
    created_at: datetime
    expires_at: datetime
    principal: str = ADMINISTRATOR
    note: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDraft:
    """A principal's unused entries in a form of the console; they contain no secret.

    Attributes:
        draft_id: random; the address of the form names it.
        content: the entries, as the form writes them in JSON.
        expires_at: its expiry, which each change postpones.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    principal: str
    draft_id: str
    content: dict[str, Any]
    changed_at: datetime
    expires_at: datetime
    version: int = 0
