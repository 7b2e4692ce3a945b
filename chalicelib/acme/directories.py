"""ACME directories: one for each CA and set of profiles, under a name that is part of its URL."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import principals, roles
from chalicelib.acme import identifiers
from chalicelib.acme_records import AcmeBinding, AcmeDirectory, AcmeMacKey, Profile
from chalicelib.ca import state
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import issuing_presets
from chalicelib.pki.asn1 import oids
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.config import Settings
    from chalicelib.records import CertificateAuthority
    from chalicelib.runtime import Runtime

MOST_PROFILES, MOST_NAMES, MOST_DESCRIPTION = 20, 100, 200
MOST_FORMER = 20
LONGEST_HOURS = 99_999 * 24
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
MOST_TERMS = 2000
# What a header and a JSON document take as they are (RFC 3986 section 2).
_TERMS = re.compile(
    rf"(?=.{{,{MOST_TERMS}}}\Z)https?://(?:[A-Za-z0-9]|\[[0-9A-Fa-f:.]+\])[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*", re.ASCII
)
_MOST_BYTES = 300_000  # of a directory as JSON: DynamoDB has 400 KB for an item
_ATTEMPTS = 8
SERVER = "EndEntityServerAuthCertificate"
DEFAULT_PROFILES = (
    Profile("tlsserver", SERVER, 90 * 24, "TLS servers, 90 days"),
    Profile("shortlived", SERVER, 160, "TLS servers, 160 hours"),
)


class AcmeError(ValueError):
    """A directory or a binding cannot be saved; the text says why, and `part` names what is wrong."""

    def __init__(self, part: str, text: str) -> None:
        super().__init__(text)
        self.part = part


def named(rt: Runtime, name: str) -> AcmeDirectory | None:
    """Return the directory with a name, or None."""
    return rt.store.get_entity(AcmeDirectory, "", name) if _NAME.fullmatch(name) else None


def of_account(rt: Runtime, account_id: str) -> list[AcmeDirectory]:
    """Return the directories of an account, by name."""
    return [each for each in rt.store.list_entities(AcmeDirectory, "") if each.owner == account_id]


def find(rt: Runtime, account_id: str, name: str) -> AcmeDirectory:
    """Return the directory of an account with a name.

    Raises:
        AcmeError: the account has none of this name.
    """
    directory = named(rt, name)
    if directory is None or directory.owner != account_id:
        raise AcmeError("name", f"There is no ACME directory {name[:64]}.")
    return directory


def url(settings: Settings, name: str) -> str:
    """Return the URL of a directory for programs of this machine: https if the home has a TLS listener."""
    return f"{settings.tls_endpoint or settings.base_url}/acme/{name}/directory"


def create(rt: Runtime, directory: AcmeDirectory) -> AcmeDirectory:
    """Add a directory; its id and its times are set here, and so are its profiles and its principal if it has none.

    Raises:
        AcmeError: a part is invalid, or a directory has the name.
    """
    made = replace(
        _checked(rt, directory),
        directory_id=directory.directory_id or new_id(),
        created_at=rt.now(),
        changed_at=rt.now(),
    )
    try:
        rt.store.put_entity(made)
    except ConflictError as error:
        raise AcmeError("name", f"There is an ACME directory {made.name} already.") from error
    return made


def change(
    rt: Runtime,
    account_id: str,
    name: str,
    changed: Callable[[AcmeDirectory], AcmeDirectory],
    agree: Callable[[AcmeDirectory, AcmeDirectory], object] = lambda *_: None,
) -> AcmeDirectory:
    """Replace a directory.

    Only what differs is checked: a directory whose CA or principal is gone can be disabled.

    Args:
        rt: the runtime.
        account_id: the owner.
        name: of the directory.
        changed: returns what takes the place of the directory; may run several times.
        agree: gets the directory and what takes its place, and raises to leave it as it is; may run several times.

    Raises:
        AcmeError: there is no such directory, a part is invalid, or a binding needs a profile that would be removed.
    """
    for _ in range(_ATTEMPTS):
        old = find(rt, account_id, name)
        new = _checked(rt, changed(old), old)
        agree(old, new)
        try:
            return rt.store.update_entity(old, replace(new, changed_at=rt.now()))
        except ConflictError:
            continue
    raise AcmeError("name", "Other changes to the directory are still running; try again.")


def replace_authority(
    rt: Runtime,
    account_id: str,
    name: str,
    ca_arn: str,
    *,
    is_compromised: bool = False,
    agree: Callable[[AcmeDirectory, AcmeDirectory], object] = lambda *_: None,
) -> AcmeDirectory:
    """Issue from another CA from now on.

    Args:
        rt: the runtime.
        account_id: the owner.
        name: of the directory.
        ca_arn: of the new CA.
        is_compromised: the present CA is compromised: ARI asks clients to renew at once, and each of its certificates
            is revoked as soon as an order replaces it.
        agree: as in `change`.

    Raises:
        AcmeError: there is no such directory or CA, or the directory issues from this CA already.
    """
    authority_of(rt, account_id, ca_arn)
    if find(rt, account_id, name).ca_arn == ca_arn:
        raise AcmeError("ca", "The directory issues from this CA already: name another one.")

    def changed(directory: AcmeDirectory) -> AcmeDirectory:
        former = tuple(arn for arn in dict.fromkeys((directory.ca_arn, *directory.former)) if arn != ca_arn)
        if len(former) > MOST_FORMER:
            raise AcmeError("ca", f"A directory has at most {MOST_FORMER} former CAs: create another directory.")
        bad = {*directory.compromised, *((directory.ca_arn,) if is_compromised else ())}
        return replace(directory, ca_arn=ca_arn, former=former, compromised=tuple(arn for arn in former if arn in bad))

    return change(rt, account_id, name, changed, agree)


def delete(rt: Runtime, account_id: str, name: str) -> None:
    """Remove a directory with its bindings; certificates and accounts stay on record, and nobody can use the accounts.

    Raises:
        AcmeError: there is no such directory.
    """
    directory = find(rt, account_id, name)
    for binding in rt.store.list_entities(AcmeBinding, account_id):
        if binding.directory_id == directory.directory_id:
            forget_binding(rt, binding)
    rt.store.delete_entity(directory)


def forget_binding(rt: Runtime, binding: AcmeBinding) -> None:
    """Remove a binding and its MAC key."""
    key = AcmeMacKey(account_id=binding.account_id, name=binding.name, sealed=b"", created_at=rt.now())
    rt.store.delete_entity(key)
    rt.store.delete_entity(binding)


def new_id() -> str:
    """Return a random id for a URL: 32 hexadecimal digits."""
    return secrets.token_hex(16)


# rules


def _checked(rt: Runtime, given: AcmeDirectory, old: AcmeDirectory | None = None) -> AcmeDirectory:
    """Return a directory with its patterns normalized, and the defaults for no profiles and no principal.

    Raises:
        AcmeError: a part that differs from the old directory is invalid.
    """
    profiles = given.profiles or _default_profiles(authority_of(rt, given.owner, given.ca_arn))
    directory = replace(
        given, profiles=profiles, principal=given.principal or ADMINISTRATOR, names=checked_names(given.names)
    )
    for part, check in _CHECKS.items():
        if old is None or getattr(directory, part) != getattr(old, part):
            check(rt, directory)
    _check_size(directory)
    if old is not None:
        _check_removed(rt, directory, {each.name for each in old.profiles} - {each.name for each in profiles})
    return directory


def _check_name(_: Runtime, directory: AcmeDirectory) -> None:
    if _NAME.fullmatch(directory.name) is None:
        raise AcmeError("name", "A name is 1 to 63 lower-case letters, digits and hyphens.")


def _check_terms(_: Runtime, directory: AcmeDirectory) -> None:
    if directory.terms and _TERMS.fullmatch(directory.terms) is None:
        raise AcmeError("terms", f"Terms of service must be an http or https URL of at most {MOST_TERMS} characters.")


def _check_removed(rt: Runtime, directory: AcmeDirectory, removed: set[str]) -> None:
    """Raise `AcmeError` if a binding allows a removed profile: its accounts could not order by it any more."""
    for binding in rt.store.list_entities(AcmeBinding, directory.owner) if removed else ():
        named = sorted(removed.intersection(binding.allowed_profiles))
        if binding.active and binding.directory_id == directory.directory_id and named:
            reason = f"The external account binding {binding.name} allows the profile {named[0]}"
            raise AcmeError("profiles", f"{reason}: revoke the binding, or keep the profile.")


def _check_size(directory: AcmeDirectory) -> None:
    if len(json.dumps(asdict(directory), default=str, ensure_ascii=False).encode()) > _MOST_BYTES:
        text = f"Names, profiles, domains and tags of a directory have at most {_MOST_BYTES:,} bytes together."
        raise AcmeError("names", text)


def authority_of(rt: Runtime, account_id: str, ca_arn: str) -> CertificateAuthority:
    """Return a CA of an account, in any region; raises `AcmeError` if there is none."""
    try:
        is_own = arns.parse_ca_arn(ca_arn).account_id == account_id
    except arns.ArnError as error:
        raise AcmeError("ca", f"{error}.") from error
    ca = rt.store.get_certificate_authority(ca_arn) if is_own else None
    if ca is None or state.is_gone(ca, rt.now()):
        raise AcmeError("ca", f"The account has no certificate authority {ca_arn}.")
    return ca


def check_principal(rt: Runtime, account_id: str, name: str) -> None:
    """Raise `AcmeError` if an account has no principal with a name, or no role for a session with it."""
    try:
        if name.startswith(principals.ASSUMED_ROLE):
            roles.find(rt, account_id, name.split("/")[1])
        else:
            principals.find(rt, account_id, name)
    except principals.PrincipalError as error:
        raise AcmeError("principal", str(error)) from error


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return patterns in the form in which they are compared; raises `AcmeError` if one is malformed."""
    if len(names) > MOST_NAMES:
        raise AcmeError("names", f"At most {MOST_NAMES} patterns of names are allowed.")
    try:
        return tuple(dict.fromkeys(identifiers.check_pattern(name) for name in names))
    except ValueError as error:
        raise AcmeError("names", str(error)) from error


def _check_profiles(rt: Runtime, directory: AcmeDirectory) -> None:
    if not 1 <= len(directory.profiles) <= MOST_PROFILES:
        raise AcmeError("profiles", f"A directory has 1 to {MOST_PROFILES} profiles.")
    if len({profile.name for profile in directory.profiles}) < len(directory.profiles):
        raise AcmeError("profiles", "Two profiles have the same name.")
    for profile in directory.profiles:
        _check_profile(rt, directory.owner, profile)


def _check_profile(rt: Runtime, owner: str, profile: Profile) -> None:
    preset = issuing_presets.named(rt, owner, profile.template)
    template = preset.template if preset else profile.template
    objection = objection_to(template)
    for is_wrong, text in (
        (_PROFILE.fullmatch(profile.name) is None, "A profile's name is 1 to 64 letters, digits or any of _ . -"),
        (not 1 <= profile.hours <= LONGEST_HOURS, f"The validity of a profile is 1 to {LONGEST_HOURS} hours."),
        (len(profile.description) > MOST_DESCRIPTION, f"A description has at most {MOST_DESCRIPTION} characters."),
        (template not in TEMPLATES, f"There is no template or issuing preset {profile.template[:64]}."),
        (bool(objection), objection),
    ):
        if is_wrong:
            raise AcmeError("profiles", text)


def objection_to(name: str) -> str:
    """Say why ACME, whose challenges prove names alone, does not issue by a template; empty: it does."""
    template = TEMPLATES.get(name)
    if template is not None and template.is_ca:
        return "ACME issues no CA certificates."
    if template is not None and oids.OCSP_SIGNING in template.extended_key_usage:
        return "ACME issues no certificates for OCSP responders, which sign for the CA."
    if template is not None and template.from_csr:
        return "ACME validates only names: a template that copies other extensions from the CSR is refused."
    return ""


def _default_profiles(ca: CertificateAuthority) -> tuple[Profile, ...]:
    return DEFAULT_PROFILES[1:] if ca.usage_mode == "SHORT_LIVED_CERTIFICATE" else DEFAULT_PROFILES


# By the field of a directory, what judges it.
_CHECKS: dict[str, Callable[[Runtime, AcmeDirectory], object]] = {
    "name": _check_name,
    "ca_arn": lambda rt, directory: authority_of(rt, directory.owner, directory.ca_arn),
    "profiles": _check_profiles,
    "principal": lambda rt, directory: check_principal(rt, directory.owner, directory.principal),
    "terms": _check_terms,
}


def as_api_error(error: AcmeError) -> errors.ApiError:
    """Convert an error to one of AWS's API."""
    return errors.ValidationException(str(error))
