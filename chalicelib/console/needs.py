"""What the visitor's access key must be allowed for a page: whoever lacks it is refused, and sees no link to the page.

Some pages show records that no operation of the API returns; they need the operation that comes nearest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.access import authorization, sharing
from chalicelib.ca import find
from chalicelib.identities import ADMINISTRATOR
from chalicelib.operations import certificates

if TYPE_CHECKING:
    from chalicelib.console.web import Visit
    from chalicelib.runtime import Caller, Runtime

MANAGE_ACCESS = "signet:ManageAccess"  # no policy grants it: principals and keys are the administrator's alone
MANAGE_HOME = "signet:ManageHome"  # for the home's administrator alone: settings and health concern all accounts
MANAGE_ACME = "signet:ManageAcme"  # for the account's administrator alone: a binding gives the rights of a principal
_NOT_HOME = (
    "Only the administrator of the home's own account sees its settings and health. Sign in with an access key of "
    "that administrator."
)
_NOT_ADMINISTRATOR = (
    "Principals, access keys and policies are shown to the account's administrator alone. Sign in with an access key "
    "of the administrator."
)
_NOT_ACME = (
    "ACME directories, bindings, accounts and orders are shown to the account's administrator alone. Sign in with an "
    "access key of the administrator."
)
_REFUSALS = {MANAGE_ACCESS: _NOT_ADMINISTRATOR, MANAGE_HOME: _NOT_HOME, MANAGE_ACME: _NOT_ACME}
_READ, _LIST, _CREATE = "DescribeCertificateAuthority", "ListCertificateAuthorities", "CreateCertificateAuthority"
_IMPORT, _UPDATE = "ImportCertificateAuthorityCertificate", "UpdateCertificateAuthority"
_CSR, _GET, _ISSUE = "GetCertificateAuthorityCsr", "GetCertificate", "IssueCertificate"
_REPORT, _SEARCH = "DescribeCertificateAuthorityAuditReport", "SearchCertificates"
_PRESETS = "ManageIssuingPresets"  # Signet's own
_RECORD = "ReadAuditRecord"  # Signet's own: no operation of the API shows the audit record
# By method and path, as `table.PAGES` has them: operations, all of which must be allowed; services that a page uses act
# as the first one. "IssueCertificate" needs some template, or the one behind its "/".
NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", ""): (),
    ("GET", "you"): (),
    ("GET", "go-on/{draft}"): (),
    ("GET", "inspect"): (),
    ("POST", "inspect"): (),
    **dict.fromkeys((("GET", "presets"), ("POST", "presets"), ("POST", "presets/remove")), (_PRESETS,)),
    ("POST", "calendar/feeds"): (_LIST, _SEARCH),
    ("POST", "calendar/feeds/revoke"): (_LIST, _SEARCH),
    ("GET", "help"): (),
    ("GET", "help/{page}"): (),
    ("POST", "sign-out"): (),
    ("POST", "theme"): (),
    ("GET", "cas/create"): (_CREATE,),
    ("GET", "cas/create/{draft}/{step}"): (_CREATE,),
    ("POST", "cas/create/{draft}/{step}"): (_CREATE,),
    ("GET", "cas/midpoint"): (),
    ("GET", "cas/{ca_id}/csr"): (_CSR, _READ),
    ("GET", "cas/{ca_id}/csr.pem"): (_CSR,),
    ("GET", "cas/{ca_id}/install"): (_IMPORT, _READ),
    ("POST", "cas/{ca_id}/install"): (_IMPORT, _READ),
    ("POST", "cas/{ca_id}/install-own"): (_IMPORT, _READ, _CSR, f"{_ISSUE}/RootCACertificate", _GET),
    ("POST", "cas/{ca_id}/install-signed"): (_IMPORT, _READ, _CSR),  # and what `install` asks of the CA above
    **{(method, "cas/{ca_id}/renew"): (_IMPORT, _READ) for method in ("GET", "POST")},
    ("GET", "cas/{ca_id}/former/{version}"): ("GetCertificateAuthorityCertificate",),
    ("GET", "cas/{ca_id}/disable"): (_UPDATE, _READ),
    ("POST", "cas/{ca_id}/disable"): (_UPDATE, _READ),
    ("POST", "cas/{ca_id}/enable"): (_UPDATE, _READ),
    ("GET", "cas/{ca_id}/delete"): ("DeleteCertificateAuthority", _READ),
    ("POST", "cas/{ca_id}/delete"): ("DeleteCertificateAuthority", _READ),
    ("POST", "cas/{ca_id}/restore"): ("RestoreCertificateAuthority", _READ),
    ("GET", "cas/{ca_id}/certificate"): ("GetCertificateAuthorityCertificate", _READ),
    ("GET", "cas/{ca_id}/certificate/{file}"): ("GetCertificateAuthorityCertificate",),
    ("GET", "cas/{ca_id}/trust"): ("GetCertificateAuthorityCertificate", _READ),
    ("GET", "cas/{ca_id}/trust/root.pem"): ("GetCertificateAuthorityCertificate",),
    ("POST", "cas/{ca_id}/revocation/publish"): (_UPDATE, _READ),
    ("GET", "cas/{ca_id}/revocation/edit"): (_UPDATE, _READ),
    ("POST", "cas/{ca_id}/revocation/edit"): (_UPDATE, _READ),
    ("GET", "cas/{ca_id}/tags"): ("ListTags", _READ),
    ("POST", "cas/{ca_id}/tags"): ("TagCertificateAuthority", "ListTags", _READ),
    ("POST", "cas/{ca_id}/tags/remove"): ("UntagCertificateAuthority", "ListTags", _READ),
    ("GET", "cas/{ca_id}/sharing"): ("ListPermissions", _READ),
    ("POST", "cas/{ca_id}/sharing/permit"): ("CreatePermission", "ListPermissions", _READ),
    ("GET", "cas/{ca_id}/sharing/forbid"): ("DeletePermission", "ListPermissions", _READ),
    ("POST", "cas/{ca_id}/sharing/forbid"): ("DeletePermission", "ListPermissions", _READ),
    ("POST", "cas/{ca_id}/sharing/policy"): ("PutPolicy", "GetPolicy", "ListPermissions", _READ),
    ("GET", "cas/{ca_id}/sharing/unshare"): ("DeletePolicy", "GetPolicy", "ListPermissions", _READ),
    ("POST", "cas/{ca_id}/sharing/unshare"): ("DeletePolicy", "GetPolicy", "ListPermissions", _READ),
    ("GET", "cas/{ca_id}/reports"): (_REPORT, _READ),
    ("POST", "cas/{ca_id}/reports"): ("CreateCertificateAuthorityAuditReport", _REPORT, _READ),
    ("GET", "cas/{ca_id}/report"): (_REPORT,),
    ("GET", "cas/{ca_id}/reports/{report_id}"): (_REPORT,),
    ("GET", "cas/{ca_id}/activity"): (_RECORD, _READ),
    ("GET", "cas/{ca_id}/activity/record"): (_RECORD, _READ),
    ("GET", "activity"): (_RECORD,),
    ("GET", "activity/record"): (_RECORD,),
    ("GET", "cas/{ca_id}/certificates"): (_SEARCH, _READ),
    ("GET", "cas/{ca_id}/certificates/export"): (_SEARCH, _READ),
    ("GET", "cas/{ca_id}/certificates/revoke"): ("RevokeCertificate", _GET, _READ),
    ("POST", "cas/{ca_id}/certificates/revoke"): ("RevokeCertificate", _GET, _READ),
    ("GET", "cas/{ca_id}/certificates/{serial}"): (_GET, _READ),
    **{
        ("GET", f"cas/{{ca_id}}/certificates/{{serial}}/{file}"): (_GET,)
        for file in ("pem", "chain", "fullchain", "full", "binary", "proof")
    },
    ("GET", "cas/{ca_id}/certificates/{serial}/revoke"): ("RevokeCertificate", _GET, _READ),
    ("POST", "cas/{ca_id}/certificates/{serial}/revoke"): ("RevokeCertificate", _GET, _READ),
    **{
        (method, f"cas/{{ca_id}}/issue{rest}"): (_ISSUE, _READ)
        for method in ("GET", "POST")
        for rest in ("", "/{draft}")
    },
    ("POST", "cas/{ca_id}/issue/csr"): (_ISSUE,),
}


def of_page(method: str, path: str) -> tuple[str, ...]:
    """The operations that a page needs; other pages of a CA describe it, others of an account list its CAs."""
    if path.startswith(("principal", "role")):
        return (MANAGE_ACCESS,)
    if path.startswith("acme"):
        return (MANAGE_ACME,)
    if path in {"settings", "health"}:
        return (MANAGE_HOME,)
    return NEEDS.get((method, path), (_READ,) if path.startswith("cas/{ca_id}") else (_LIST,))


def is_allowed(rt: Runtime, caller: Caller, need: str, resource: str) -> bool:
    """Tell whether a caller may do an operation, as `NEEDS` names it, on a CA or on none."""
    if need in {MANAGE_ACCESS, MANAGE_ACME}:
        return caller.principal == ADMINISTRATOR
    if need == MANAGE_HOME:
        return caller.principal == ADMINISTRATOR and caller.account_id == rt.settings.account_id
    rt = find.at(rt, resource)
    if need == _ISSUE:
        return any(sharing.templates_of(rt, caller, resource))
    operation, template_arn = _split(rt, need)
    return authorization.decide(rt, replace(caller, operation=operation), resource, template_arn).allowed


def _split(rt: Runtime, need: str) -> tuple[str, str]:
    """The operation of a need, and the ARN of its template; of issuing by any template, the default one."""
    operation, _, template = need.partition("/")
    if operation != _ISSUE:
        return operation, ""
    partition = arns.partition_of(rt.settings.region)
    return operation, str(arns.TemplateArn(partition, template or certificates.DEFAULT_TEMPLATE))


def check(visit: Visit, needs: tuple[str, ...]) -> None:
    """See that the access key may do what the page needs.

    Raises:
        AccessDeniedException: in the words of the API.
    """
    authority = visit.authority
    if authority is not None and authority.granted is not None:
        return  # of a CA of another account, the table of pages says it
    resource = authority.arn if authority else authorization.NO_RESOURCE
    missing = next((need for need in needs if not is_allowed(visit.rt, visit.caller, need, resource)), "")
    if missing in _REFUSALS:
        raise errors.AccessDeniedException(_REFUSALS[missing])
    if missing:
        operation, template_arn = _split(visit.rt, missing)
        authorization.check(visit.rt, replace(visit.caller, operation=operation), resource, template_arn)
