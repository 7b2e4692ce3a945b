"""Look-ups by ARN, under the caller's policies; and helpers that all operations share."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization, conditions
from chalicelib.acme import bindings, directories
from chalicelib.acme.directories import AcmeError
from chalicelib.operations import paging
from chalicelib.store import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chalicelib.acme_records import AcmeBinding, AcmeDirectory, AcmeDomain
    from chalicelib.runtime import Caller, Runtime

T = TypeVar("T")
BINDING, DOMAIN = "acme-external-account-binding", "acme-domain-validation"
MOST_OF_PAGE = 100
_ARN = re.compile(
    r"arn:(aws[a-z-]*):acm:([a-z0-9-]+):([0-9]{12}):acme-endpoint/([a-zA-Z0-9-]+)"
    rf"(?:/({BINDING}|{DOMAIN})/([a-zA-Z0-9-]+))?",
    re.ASCII,
)


class AcmeArn(NamedTuple):
    """The ARN of an endpoint, or of a binding or a domain validation of one."""

    partition: str
    region: str
    account_id: str
    directory_id: str
    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        below = f"/{self.kind}/{self.name}" if self.kind else ""
        return f"{self.endpoint}{below}"

    @property
    def endpoint(self) -> str:
        """The ARN of the endpoint."""
        return f"arn:{self.partition}:acm:{self.region}:{self.account_id}:acme-endpoint/{self.directory_id}"


class Found(NamedTuple):
    """What an ARN names; of the last two, at most one is there."""

    directory: AcmeDirectory
    binding: AcmeBinding | None = None
    domain: AcmeDomain | None = None

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """The tags of what the ARN names."""
        return (self.binding or self.domain or self.directory).tags


def arn_of(directory: AcmeDirectory, kind: str = "", name: str = "") -> str:
    """Return the ARN of an endpoint, or of a part of it; its region is that of its CA."""
    region = arns.parse_ca_arn(directory.ca_arn).region
    return str(AcmeArn(arns.partition_of(region), region, directory.owner, directory.directory_id, kind, name))


def directories_here(rt: Runtime, caller: Caller) -> list[AcmeDirectory]:
    """Return the directories of the caller's account whose CAs are in this region, by id."""
    found = directories.of_account(rt, caller.account_id)
    here = (each for each in found if arns.parse_ca_arn(each.ca_arn).region == rt.settings.region)
    return sorted(here, key=lambda each: each.directory_id)


def find(rt: Runtime, caller: Caller, arn: str) -> Found:
    """Return what an ARN names.

    Raises:
        AccessDeniedException: no policy allows the caller the operation, whether or not the resource exists.
        ResourceNotFoundException: there is nothing.
    """
    found = find_if_any(rt, caller, arn)
    if found is None:
        raise errors.ResourceNotFoundException(f"Could not find {arn}.")
    return found


def directory_of(rt: Runtime, caller: Caller, arn: str) -> AcmeDirectory:
    """Return the directory that the ARN of an endpoint names; raises as `find`."""
    return find(rt, caller, arn).directory


def binding_of(rt: Runtime, caller: Caller, arn: str) -> tuple[AcmeDirectory, AcmeBinding]:
    """Return the directory and the binding that an ARN names; raises as `find`."""
    found = find(rt, caller, arn)
    if found.binding is None:
        raise errors.ResourceNotFoundException(f"Could not find {arn}.")
    return found.directory, found.binding


def domain_of(rt: Runtime, caller: Caller, arn: str) -> tuple[AcmeDirectory, AcmeDomain]:
    """Return the directory and the domain that an ARN names; raises as `find`."""
    found = find(rt, caller, arn)
    if found.domain is None:
        raise errors.ResourceNotFoundException(f"Could not find {arn}.")
    return found.directory, found.domain


def find_if_any(rt: Runtime, caller: Caller, arn: str) -> Found | None:
    """Return what an ARN names, or None; raises `AccessDeniedException` as `find`."""
    found = _found(rt, caller, arn)
    of_resource = ((f"{conditions.RESOURCE_TAG}{key}", (value,)) for key, value in (found.tags if found else ()))
    authorization.check(rt, replace(caller, facts=(*caller.facts, *of_resource)), arn)
    return found


def _found(rt: Runtime, caller: Caller, arn: str) -> Found | None:
    match = _ARN.fullmatch(arn)
    parsed = AcmeArn(*(part or "" for part in match.groups())) if match else None
    if parsed is None:
        return None
    directory = next((each for each in directories_here(rt, caller) if arn_of(each) == parsed.endpoint), None)
    if directory is None or not parsed.kind:
        return Found(directory) if directory else None
    if parsed.kind == BINDING:
        binding = bindings.named(rt, directory, parsed.name)
        return Found(directory, binding=binding) if binding else None
    domain = next((each for each in directory.domains if each.domain_id == parsed.name), None)
    return Found(directory, domain=domain) if domain else None


@contextmanager
def refusing() -> Iterator[None]:
    """Refuse in AWS's words what `acme.directories` and `acme.bindings` refuse."""
    try:
        yield
    except AcmeError as error:
        refusal = errors.ConflictException if isinstance(error.__cause__, ConflictError) else errors.ValidationException
        raise refusal(str(error)) from error


def after(rt: Runtime, caller: Caller, list_name: str, request: Mapping[str, Any]) -> str:
    """Return the position after which a page begins; empty for the first.

    Raises:
        ValidationException: the NextToken is not from this list.
    """
    try:
        return paging.decode(rt, caller, f"{list_name}/{rt.settings.region}", request.get("NextToken")) or ""
    except paging.TokenError as error:
        raise errors.ValidationException(str(error), member=("NextToken",)) from error


def token(rt: Runtime, caller: Caller, list_name: str, position: str) -> str:
    """Return the token of the page after a position."""
    return paging.encode(rt, caller, f"{list_name}/{rt.settings.region}", position)


def page(  # noqa: PLR0917  what a page is made of
    rt: Runtime, caller: Caller, list_name: str, request: Mapping[str, Any], every: Iterable[T], key: Callable[[T], str]
) -> tuple[Sequence[T], dict[str, str]]:
    """Return a page of a list, and the member that names the next one; raises as `after`."""
    begin, size = after(rt, caller, list_name, request), request.get("MaxResults", MOST_OF_PAGE)
    rest = sorted((each for each in every if key(each) > begin), key=key)
    following = {"NextToken": token(rt, caller, list_name, key(rest[size - 1]))} if len(rest) > size else {}
    return rest[:size], following
