"""ACME accounts: creation with an external account binding, update, deactivation, change of the key.

Source: RFC 8555 sections 7.1.2 and 7.3.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib import hosts, rates
from chalicelib.acme import bindings, directories, jws
from chalicelib.acme.problems import AcmeProblem
from chalicelib.acme.visit import Answer
from chalicelib.acme_records import AcmeAccount
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from chalicelib.acme.visit import Visit
    from chalicelib.acme_records import AcmeBinding, AcmeDirectory
    from chalicelib.runtime import Runtime

MOST_CONTACTS, MOST_CONTACT = 10, 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$&'*+/=^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_ATTEMPTS = 8
UNBOUND_RATE, UNBOUND_BURST = 0.1, 100.0  # accounts without a binding, of a network in a second and at once


def create(visit: Visit) -> Answer:
    """Create an account, or return the one that has the key."""
    key, payload = visit.holder, visit.content()
    only_existing = _flag(payload, "onlyReturnExisting")
    thumbprint = jws.thumbprint(key)
    existing = visit.rt.store.acme_account_with_key(visit.directory.directory_id, thumbprint)
    if existing is not None:
        visit.use_nonce()
        if existing.status != "valid":
            raise AcmeProblem("unauthorized", f"The account with this key is {existing.status}.", status=401)
        return _shown(visit, existing, 200)
    if only_existing:
        raise AcmeProblem("accountDoesNotExist", "No account of this directory has this key.")
    contacts = _contacts(visit, payload)
    agreed = _flag(payload, "termsOfServiceAgreed")
    if visit.directory.terms and not agreed:
        links = {"Link": f'<{visit.directory.terms}>;rel="terms-of-service"'}
        raise AcmeProblem("userActionRequired", "The client must agree to the terms of service.", headers=links)
    binding = _binding(visit, payload)
    visit.use_nonce()
    account = AcmeAccount(
        directory=visit.directory.name,
        directory_id=visit.directory.directory_id,
        acme_id=_id_for(visit, thumbprint, is_bound=binding is not None),
        jwk=key,
        thumbprint=thumbprint,
        status="valid",
        created_at=visit.rt.now(),
        contacts=contacts,
        terms_agreed=agreed,
        binding=binding.name if binding else "",
        external_account={name: payload["externalAccountBinding"][name] for name in jws.MEMBERS} if binding else {},
    )
    principal = binding.principal if binding else visit.directory.principal
    try:
        with visit.recorded("CreateAcmeAccount", account, principal) as entry:
            shown = {"directory": visit.directory.name, "account": account.acme_id, "binding": account.binding}
            entry.begin(shown, [visit.directory.ca_arn])
            if binding is not None:
                _bind(visit, binding, account.acme_id)
            visit.rt.store.put_acme_account(account)
    except ConflictError:  # another request with the same key was faster
        found = visit.rt.store.acme_account_with_key(visit.directory.directory_id, thumbprint)
        if found is None:
            raise
        return _shown(visit, found, 200)
    return _shown(visit, account, 201)


def _check_unbound(visit: Visit) -> None:
    """Limit the accounts that a network creates without a binding: each one is a permanent record."""
    rt, source = visit.rt, hosts.network_of(visit.request.source_ip)
    limit: Any = {"rate": UNBOUND_RATE, "most": UNBOUND_BURST, "now": rt.now()}
    if not rates.take(rt.rate_tokens, rates.of_source(rt.rate_tokens, "acme-account", source, **limit), **limit):
        text = "Too many accounts without an external account binding come from your network."
        raise AcmeProblem("rateLimited", text, headers={"Retry-After": "10"})


def update(visit: Visit) -> Answer:
    """Show an account, change its contacts, or deactivate it."""
    account, payload = visit.owner, visit.payload()
    if visit.ids[0] != account.acme_id:
        raise AcmeProblem("unauthorized", "This is another account's URL.")
    for _ in range(_ATTEMPTS):
        new = account if payload is None else _updated(visit, account, payload)
        if new == account:
            return _shown(visit, account, 200)
        try:
            with visit.recorded("UpdateAcmeAccount", account, visit.principal_of(account)) as entry:
                shown = {"directory": account.directory, "account": account.acme_id, "status": new.status}
                entry.begin(shown, [visit.directory.ca_arn])
                changed = visit.rt.store.update_acme_account(account, new)
        except ConflictError:
            account = visit.rt.store.get_acme_account(account.directory_id, account.acme_id) or account
            continue
        return _shown(visit, changed, 200)
    raise AcmeProblem("serverInternal", "Other changes to the account are still running; try again.", status=503)


def change_key(visit: Visit) -> Answer:
    """Give an account another key (RFC 8555 section 7.3.5)."""
    account = visit.owner
    url = visit.url(f"account/{account.acme_id}")
    key = jws.key_change(visit.content(), url=visit.own_url, account_url=url, account_key=account.jwk)
    thumbprint = jws.thumbprint(key)
    holder = visit.rt.store.acme_account_with_key(account.directory_id, thumbprint)
    if holder is not None:
        where = {"Location": visit.url(f"account/{holder.acme_id}")}
        raise AcmeProblem(
            "malformed", "An account of this directory already has the new key.", status=409, headers=where
        )
    with visit.recorded("ChangeAcmeAccountKey", account, visit.principal_of(account)) as entry:
        shown = {"directory": account.directory, "account": account.acme_id, "thumbprint": thumbprint}
        entry.begin(shown, [visit.directory.ca_arn])
        try:
            changed = visit.rt.store.update_acme_account(account, replace(account, jwk=key, thumbprint=thumbprint))
        except ConflictError as error:
            raise AcmeProblem("malformed", "The account or the key has changed meanwhile.", status=409) from error
    return _shown(visit, changed, 200)


def _updated(visit: Visit, account: AcmeAccount, payload: dict[str, Any]) -> AcmeAccount:
    """Return an account with a client's changes to the members that it may change; others are ignored."""
    status = payload.get("status", account.status)
    if status == "deactivated":
        return replace(account, status="deactivated")
    if status != account.status:
        raise AcmeProblem("malformed", "The status of an account can only become 'deactivated'.")
    contacts = _contacts(visit, payload) if "contact" in payload else account.contacts
    agreed = account.terms_agreed or _flag(payload, "termsOfServiceAgreed")
    return replace(account, contacts=contacts, terms_agreed=agreed)


def _shown(visit: Visit, account: AcmeAccount, status: int) -> Answer:
    """The account object (RFC 8555 section 7.1.2)."""
    url = visit.url(f"account/{account.acme_id}")
    shown: dict[str, Any] = {
        "status": account.status,
        "contact": list(account.contacts),
        "termsOfServiceAgreed": account.terms_agreed,
        "orders": f"{url}/orders",
    }
    if account.external_account:
        shown["externalAccountBinding"] = account.external_account
    return Answer(status, shown, {"Location": url})


def revoke(rt: Runtime, directory: AcmeDirectory, acme_id: str) -> AcmeAccount:
    """Revoke an account for its directory's owner, for good.

    Raises:
        AcmeError: there is no such account.
    """
    for _ in range(_ATTEMPTS):
        account = rt.store.get_acme_account(directory.directory_id, acme_id)
        if account is None:
            raise directories.AcmeError("account", f"The directory {directory.name} has no account {acme_id[:64]}.")
        try:
            return rt.store.update_acme_account(account, replace(account, status="revoked"))
        except ConflictError:
            continue
    raise directories.AcmeError("account", "Other changes to the account are still running; try again.")


# the parts of a request


def _flag(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise AcmeProblem("malformed", f"The member {name} must be true or false.")
    return value


def _contacts(visit: Visit, payload: dict[str, Any]) -> tuple[str, ...]:
    given = payload.get("contact") or []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise AcmeProblem("malformed", "The contact must be an array of URLs.")
    if len(given) > MOST_CONTACTS:
        raise AcmeProblem("invalidContact", f"An account has at most {MOST_CONTACTS} contacts.")
    for url in given:
        scheme, _, address = url.partition(":")
        if scheme.lower() != "mailto":
            raise AcmeProblem("unsupportedContact", "A contact must be a mailto URL.")
        if len(address) > MOST_CONTACT or _ADDRESS.fullmatch(address) is None:
            raise AcmeProblem("invalidContact", "A contact must name one email address, and nothing else.")
    if visit.directory.contact_required and not given:
        raise AcmeProblem("invalidContact", "This directory requires a contact.")
    return tuple(given)


def _binding(visit: Visit, payload: dict[str, Any]) -> AcmeBinding | None:
    """Return the usable external account binding of a request; None if it has none and needs none."""
    given = payload.get("externalAccountBinding")
    if given is None:
        if visit.directory.binding_required:
            raise AcmeProblem("externalAccountRequired", "This directory requires an external account binding.")
        _check_unbound(visit)
        return None

    def mac_key(kid: str) -> bytes | None:
        found = bindings.named(visit.rt, visit.directory, kid)
        return None if found is None else bindings.mac_key(visit.rt, found)

    kid = jws.external_account(given, url=visit.own_url, account_key=visit.holder, mac_key=mac_key)
    binding = bindings.named(visit.rt, visit.directory, kid)
    if binding is None or not bindings.is_usable(visit.rt, binding):
        raise AcmeProblem("unauthorized", "The external account binding was revoked or has expired.")
    return binding


def _bind(visit: Visit, binding: AcmeBinding, acme_id: str) -> None:
    """Take a place of a binding for an account; a repeated request for the same account takes the same place."""

    def bound(present: AcmeBinding) -> AcmeBinding:
        if not bindings.is_usable(visit.rt, present):
            raise AcmeProblem("unauthorized", "The external account binding was revoked or has expired.")
        ids = present.accounts
        if present.most_accounts and acme_id not in ids:
            if len(ids) >= present.most_accounts:
                raise AcmeProblem("unauthorized", "The external account binding has bound as many accounts as it may.")
            ids = (*ids, acme_id)
        return replace(present, accounts=ids, last_used_at=visit.rt.now())

    try:
        bindings.change(visit.rt, visit.directory, binding.name, bound)
    except directories.AcmeError as error:
        raise AcmeProblem("serverInternal", str(error), status=503, headers={"Retry-After": "1"}) from error


def _id_for(visit: Visit, thumbprint: str, *, is_bound: bool) -> str:
    """Return the id of a new account: it follows from the key, so a repeated request creates the same account.

    Raises:
        AcmeProblem: the request has a binding, and another account had the key before: whoever stole that key may
            have its binding, too.
    """
    directory_id = visit.directory.directory_id
    for number in itertools.count():
        text = f"{directory_id}/{thumbprint}/{number}"
        derived = hashlib.sha256(text.encode()).hexdigest()[:32]
        taken = visit.rt.store.get_acme_account(directory_id, derived)
        if taken is None or taken.thumbprint == thumbprint:  # else the account's key has changed since
            return derived
        if is_bound:
            text = "An account had this key and has another one now: an external account binding needs a new key."
            raise AcmeProblem("unauthorized", text)
    raise AssertionError
