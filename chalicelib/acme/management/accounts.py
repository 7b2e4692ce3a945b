"""ACME accounts of an endpoint, by their URLs: DescribeAcmeAccount, ListAcmeAccounts, RevokeAcmeAccount.

Source: AWS Certificate Manager API.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from chalicelib import errors
from chalicelib.acme import accounts, directories
from chalicelib.acme.management import lookup

if TYPE_CHECKING:
    from chalicelib.acme.management import shapes
    from chalicelib.acme_records import AcmeAccount, AcmeDirectory
    from chalicelib.runtime import Caller, Runtime

_URL = re.compile(r"https?://[!-.0-~]+(?:/[!-.0-~]+)?/acme/([a-z0-9-]+)/account/([0-9a-f]{32})", re.ASCII)
_MOST_URL = 2048
_STATUS: dict[str, Literal["VALID", "DEACTIVATED", "REVOKED"]] = {
    "valid": "VALID",
    "deactivated": "DEACTIVATED",
    "revoked": "REVOKED",
}
_LIST = "ListAcmeAccounts"


def describe_acme_account(
    rt: Runtime, caller: Caller, request: shapes.DescribeAcmeAccountRequest
) -> shapes.DescribeAcmeAccountResponse:
    """Describe an account.

    Raises:
        ResourceNotFoundException: the endpoint has no account of this URL.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    return {"AcmeAccount": _shown(rt, directory, _account(rt, directory, request["AccountUrl"]))}


def list_acme_accounts(
    rt: Runtime, caller: Caller, request: shapes.ListAcmeAccountsRequest
) -> shapes.ListAcmeAccountsResponse:
    """List the accounts of an endpoint.

    Raises:
        ValidationException: the NextToken is not from this list.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    name = f"{_LIST}/{directory.directory_id}"
    begin, size = lookup.after(rt, caller, name, request), request.get("MaxResults", lookup.MOST_OF_PAGE)
    found = rt.store.list_acme_accounts(directory.directory_id, limit=size + 1, after=begin)
    response: shapes.ListAcmeAccountsResponse = {"AcmeAccounts": [_shown(rt, directory, each) for each in found[:size]]}
    if len(found) > size:
        response["NextToken"] = lookup.token(rt, caller, name, found[size - 1].acme_id)
    return response


def revoke_acme_account(rt: Runtime, caller: Caller, request: shapes.RevokeAcmeAccountRequest) -> None:
    """Revoke an account for good; its certificates stay valid.

    Raises:
        ResourceNotFoundException: the endpoint has no account of this URL.
    """
    directory = lookup.directory_of(rt, caller, request["AcmeEndpointArn"])
    account = _account(rt, directory, request["AccountUrl"])
    if account.status != "revoked":
        with lookup.refusing():
            accounts.revoke(rt, directory, account.acme_id)


def _account(rt: Runtime, directory: AcmeDirectory, url: str) -> AcmeAccount:
    """Return the account of a URL; its host is whichever the client has used."""
    match = _URL.fullmatch(url) if len(url) <= _MOST_URL else None
    is_here = match is not None and match[1] == directory.name
    account = rt.store.get_acme_account(directory.directory_id, match[2]) if match and is_here else None
    if account is None:
        raise errors.ResourceNotFoundException("The endpoint has no ACME account of this URL.", member=("AccountUrl",))
    return account


def _shown(rt: Runtime, directory: AcmeDirectory, account: AcmeAccount) -> shapes.AcmeAccountSummary:
    base = directories.url(rt.settings, directory.name).removesuffix("directory")
    shown: shapes.AcmeAccountSummary = {
        "AccountUrl": f"{base}account/{account.acme_id}",
        "PublicKeyThumbprint": account.thumbprint,
        "Status": _STATUS[account.status],
        "CreatedAt": account.created_at,
        "Contacts": list(account.contacts),
    }
    if account.binding:
        shown["AcmeExternalAccountBindingArn"] = lookup.arn_of(directory, lookup.BINDING, account.binding)
    return shown
