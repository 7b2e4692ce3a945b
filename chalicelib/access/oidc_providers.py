"""OIDC providers: issuers of tokens that an account trusts.

Source: IAM User Guide, "OIDC federation"; OpenID Connect Core 1.0 section 2 (issuer), Discovery 1.0 section 4.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib import hosts
from chalicelib.access import oidc_keys, principals
from chalicelib.access.principals import PrincipalError
from chalicelib.access.roles import new_id
from chalicelib.identities import OidcProvider
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.runtime import Runtime

MOST_URL, MOST_AUDIENCES, MOST_FILE = 255, 100, 20_000
_URL = re.compile(r"https?://[a-z0-9_.-]+(?::[0-9]{1,5})?(?:/[\w.~/-]*)?", re.ASCII)
_AUDIENCE = re.compile(r"[!-~]{1,255}", re.ASCII)
_LOCAL = ("127.0.0.1", "localhost")


def name_of(url: str) -> str:
    """The name of a provider: its URL without the scheme."""
    return url.partition("://")[2]


def arn_of(rt: Runtime, account_id: str, name: str) -> str:
    """The ARN of a provider, by which trust policies name it."""
    return f"arn:{rt.identity_partition}:iam::{account_id}:oidc-provider/{name}"


def create(
    rt: Runtime,
    account_id: str,
    url: str,
    audiences: Sequence[str],
    *,
    jwks: str = "",
    ca_pem: str = "",
    on_this_machine: bool = False,
) -> OidcProvider:
    """Trust the tokens of an issuer for these audiences.

    Args:
        rt: the runtime.
        account_id: the account.
        url: the issuer, exactly as in its tokens.
        audiences: at least one.
        jwks: the issuer's keys; empty: they are fetched.
        ca_pem: certificates that authenticate the issuer's server, instead of the system's.
        on_this_machine: the issuer is on this machine, and may speak http; only in the laptop home.

    Raises:
        PrincipalError: the account has this provider already, or an argument is invalid.
    """
    _check_url(rt, url, on_this_machine=on_this_machine)
    _check_audiences(audiences)
    _check_files(jwks, ca_pem)
    provider = OidcProvider(
        account_id=account_id,
        name=name_of(url),
        url=url,
        provider_id=new_id("OIDC"),
        created_at=rt.now(),
        audiences=tuple(audiences),
        jwks=jwks,
        ca_pem=ca_pem,
    )
    try:
        rt.store.put_entity(provider)
    except ConflictError as error:
        raise PrincipalError(f"There is an OIDC provider {provider.name} already.") from error
    principals.forget(rt, OidcProvider.__name__, account_id, provider.name)
    return provider


def find(rt: Runtime, account_id: str, name: str) -> OidcProvider:
    """Return a provider by its name or URL; raises `PrincipalError` if there is none."""
    found = rt.store.get_entity(OidcProvider, account_id, name_of(name) or name)
    if found is None:
        raise PrincipalError(f"There is no OIDC provider {name[:MOST_URL]}.")
    return found


def list_all(rt: Runtime, account_id: str) -> list[OidcProvider]:
    """List the providers of an account by name."""
    return rt.store.list_entities(OidcProvider, account_id)


def delete(rt: Runtime, account_id: str, name: str) -> OidcProvider:
    """Remove a provider and end the sessions that its tokens began; raises `PrincipalError` if there is none."""
    provider = find(rt, account_id, name)
    rt.store.delete_entity(provider)
    principals.forget(rt, OidcProvider.__name__, account_id, provider.name)
    return provider


def is_local(url: str) -> bool:
    """Tell whether a URL names this machine."""
    return urlsplit(url).hostname in _LOCAL


def _check_url(rt: Runtime, url: str, *, on_this_machine: bool) -> None:
    if len(url) > MOST_URL or _URL.fullmatch(url) is None or not _has_port(url):
        raise PrincipalError(
            f"The URL of an issuer must be like https://issuer.example/path, in lower case up to the path, and have "
            f"at most {MOST_URL} characters."
        )
    if on_this_machine:
        if rt.settings.state != "sqlite" or not is_local(url):
            raise PrincipalError("Only the laptop home has issuers on its machine, as 127.0.0.1 or localhost.")
        return
    if not url.startswith("https://"):
        raise PrincipalError("The URL of an issuer must begin with https://.")
    if is_local(url) or not hosts.is_host_name(urlsplit(url).hostname or ""):
        raise PrincipalError("The URL of an issuer must name a host, and neither this machine nor an address.")


def _has_port(url: str) -> bool:
    """Tell whether the port of a URL, if it has one, is one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _check_audiences(audiences: Sequence[str]) -> None:
    if not 1 <= len(audiences) <= MOST_AUDIENCES or not all(map(_AUDIENCE.fullmatch, audiences)):
        raise PrincipalError(
            f"A provider has 1 to {MOST_AUDIENCES} audiences, each of 1 to 255 printable characters without spaces."
        )


def _check_files(jwks: str, ca_pem: str) -> None:
    if max(len(jwks), len(ca_pem)) > MOST_FILE:  # an anonymous request makes Signet read them
        raise PrincipalError(f"The files have at most {MOST_FILE} characters each.")
    if jwks:
        try:
            keys = oidc_keys.read(jwks.encode())
        except ValueError as error:
            raise PrincipalError(f"The keys cannot be read: {error}") from error
        if not keys:
            raise PrincipalError("The file has no key that signs tokens.")
    if ca_pem:
        try:
            ssl.create_default_context(cadata=ca_pem)
        except ssl.SSLError as error:
            raise PrincipalError("The file of certificates cannot be read.") from error
