"""The records of ACME: directories, external account bindings, accounts, orders and authorizations.

All are frozen; times are aware UTC datetimes. Source of the states: RFC 8555 section 7.1.6.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

AccountStatus = Literal["valid", "deactivated", "revoked"]
OrderStatus = Literal["pending", "processing", "valid", "invalid"]  # "ready" is derived from the authorizations
AuthorizationStatus = Literal["pending", "valid", "invalid", "deactivated"]
ChallengeStatus = Literal["pending", "valid", "invalid"]
REQUESTED_BY = "acme:"  # begins the name of an ACME account where other requests have an access key


class Identifier(NamedTuple):
    """An identifier: type "dns" with A-labels in lower case, perhaps with "*." first, or "ip" with canonical text."""

    type: str
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every name one label longer."""
        return self.value.startswith("*.")


class Profile(NamedTuple):
    """A profile that an order may name (draft-ietf-acme-profiles).

    Attributes:
        name: as orders name it.
        template: the name of a template or an issuing preset, which may limit names and validity.
        hours: the validity of its certificates.
        description: for people; the directory shows it.
    """

    name: str
    template: str
    hours: int
    description: str = ""


class AcmeDomain(NamedTuple):
    """A domain whose names a directory grants to accounts of bindings without names: AWS's domain validation.

    Attributes:
        domain_id: random.
        name: of the domain, in lower case.
        created_at, changed_at: when.
        exact: the name itself is granted.
        subdomains: so are the names below it, of any depth.
        wildcards: and wildcards: that of the name, and with `subdomains` those below it.
        hosted_zone: as AWS's API was given it; nothing uses it.
        tags: as of the directory.
        request: as of the directory.
    """

    domain_id: str
    name: str
    created_at: datetime
    changed_at: datetime
    exact: bool
    subdomains: bool
    wildcards: bool
    hosted_zone: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeDirectory:
    """An ACME server for one CA. Its name is part of its URL, and unique in the home.

    Attributes:
        account_id: always empty: all directories of a home share one list.
        owner: the account that owns it, and the CA.
        directory_id: random, so that a new directory of an old name differs.
        profiles: at least one; the first is the default.
        binding_required: accounts need an external account binding.
        principal: decides what accounts without a binding may have issued.
        names: patterns of the names that accounts without a binding may have.
        contact_required: accounts must give a contact.
        terms: the URL of terms of service that accounts must agree to; empty for none.
        former: ARNs of the CAs from which it issued before: it still answers for their certificates.
        compromised: those of them whose certificates must be replaced at once.
        active: False: it answers nothing but its refusal.
        tags: pairs of key and value, of AWS's API.
        certificate_tags: as the API was given them.
        domains: that bindings without names grant, by name.
        key_algorithms: of the keys in CSRs, as AWS's API names them; empty: any.
        request: identifies the request of AWS's API with an idempotency token that made it; empty: it had none.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str = ""
    name: str
    owner: str
    directory_id: str
    ca_arn: str
    profiles: tuple[Profile, ...]
    created_at: datetime
    changed_at: datetime
    binding_required: bool = True
    principal: str = ""
    names: tuple[str, ...] = ()
    contact_required: bool = False
    terms: str = ""
    former: tuple[str, ...] = ()
    compromised: tuple[str, ...] = ()
    active: bool = True
    tags: tuple[tuple[str, str], ...] = ()
    certificate_tags: tuple[tuple[str, str], ...] = ()
    domains: tuple[AcmeDomain, ...] = ()
    key_algorithms: tuple[str, ...] = ()
    request: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeBinding:
    """An external account binding (RFC 8555 section 7.3.4): a key, and what its accounts may have.

    Attributes:
        account_id: the owner of the directory.
        name: the key identifier.
        directory: the name of the directory.
        directory_id: its id.
        principal: its identity policies decide as well.
        names: patterns of the names that its accounts may order; see `acme.identifiers`; empty, with `role_arn`: what
            the domains of the directory grant.
        allowed_profiles: names of the profiles that its accounts may order; empty: all.
        preauthorized: these names need no challenge.
        orders_a_day: how many orders its accounts may create in a day, together; 0: any number.
        most_accounts: how many accounts it may bind; 0: any number.
        accounts: ids of the accounts that it has bound.
        expires_at: from then on it binds no account, and its accounts create no orders; None: never.
        active: False: it was revoked with its accounts; as if it had expired.
        revoked_at: from then on it binds no account; None: it was not revoked.
        role_arn: as AWS's API was given it; empty: it was made otherwise. With one, its accounts create orders even
            when it has expired, as in AWS.
        last_used_at: when it last bound an account; None: never.
        request: as of the directory.
        version: grows by one with every write; an update is conditional on it.
    """

    account_id: str
    name: str
    directory: str
    directory_id: str
    principal: str
    names: tuple[str, ...]
    created_at: datetime
    changed_at: datetime
    allowed_profiles: tuple[str, ...] = ()
    preauthorized: bool = False
    orders_a_day: int = 0
    most_accounts: int = 1
    accounts: tuple[str, ...] = ()
    expires_at: datetime | None = None
    active: bool = True
    revoked_at: datetime | None = None
    role_arn: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    description: str = ""
    last_used_at: datetime | None = None
    request: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeMacKey:
    """The MAC key of an external account binding.

    Attributes:
        account_id: as of the binding.
        name: of the binding.
        sealed: the key, sealed by the keystore.
        version: always 1: a key is made and deleted.
    """

    account_id: str
    name: str
    sealed: bytes = field(repr=False)
    created_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeAccount:
    """An ACME account (RFC 8555 section 7.1.2).

    Attributes:
        directory: the name of the directory.
        directory_id: its id.
        acme_id: random; the account's URL ends with it.
        jwk: the public key, a JWK of its required members.
        thumbprint: of the key (RFC 7638), in base64url.
        binding: the name of its external account binding; empty: it has none.
        external_account: the binding as the client sent it, which the account object shows.
        version: grows by one with every write; an update is conditional on it.
    """

    directory: str
    directory_id: str
    acme_id: str
    jwk: dict[str, Any]
    thumbprint: str
    status: AccountStatus
    created_at: datetime
    contacts: tuple[str, ...] = ()
    terms_agreed: bool = False
    binding: str = ""
    external_account: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def requested_by(self) -> str:
        """The name under which certificates and the audit record have the account."""
        return f"{REQUESTED_BY}{self.directory}/{self.acme_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeOrder:
    """An order (RFC 8555 section 7.1.3).

    Attributes:
        acme_id: of its account.
        order_id: begins with the time of its creation, so that orders sort by it.
        identifiers: sorted.
        authorizations: ids, in the order of the identifiers.
        profile: the name of its profile.
        requested: the times that the client asked for, in its own words: notBefore and notAfter.
        expires_at: of a pending order; of a valid one that of its certificate.
        csr_der: the CSR, since it is processing.
        finalized_at: when it became processing.
        certificate_arn: since it is valid.
        error: a problem document, since it is invalid.
        replaces: the identifier of the certificate that it replaces (RFC 9773); empty for none.
        version: grows by one with every write; an update is conditional on it.
    """

    directory: str
    directory_id: str
    acme_id: str
    order_id: str
    status: OrderStatus
    identifiers: tuple[Identifier, ...]
    authorizations: tuple[str, ...]
    profile: str
    created_at: datetime
    expires_at: datetime
    requested: dict[str, str] = field(default_factory=dict)
    csr_der: bytes = b""
    finalized_at: datetime | None = None
    certificate_arn: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    replaces: str = ""
    version: int = 1


class AcmeChallenge(NamedTuple):
    """A challenge of an authorization (RFC 8555 section 7.1.5).

    Attributes:
        kind: such as "http-01".
        error: a problem document, if it is invalid.
        steps: what the validation did, in words.
        validated: when it became valid, in RFC 3339.
    """

    kind: str
    token: str
    status: ChallengeStatus = "pending"
    error: dict[str, Any] = {}  # noqa: RUF012  nothing changes it
    steps: tuple[str, ...] = ()
    validated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeAuthorization:
    """An authorization (RFC 8555 section 7.1.4).

    Attributes:
        acme_id: of its account.
        identifier: without "*.".
        wildcard: for the wildcard of the identifier.
        challenges: none: a policy grants the name.
        expires_at: from then on it counts as expired.
        version: grows by one with every write; an update is conditional on it.
    """

    directory_id: str
    acme_id: str
    authorization_id: str
    identifier: Identifier
    wildcard: bool
    status: AuthorizationStatus
    challenges: tuple[AcmeChallenge, ...]
    created_at: datetime
    expires_at: datetime
    version: int = 1
