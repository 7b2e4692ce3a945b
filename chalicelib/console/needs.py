"""What the visitor's access key must be allowed for a page, beside what the operations behind it need themselves.

Pages look at records that no operation of the API shows; the operation that comes nearest is asked for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.access import authorization

if TYPE_CHECKING:
    from chalicelib.console.web import Visit

_READ, _LIST = "DescribeCertificateAuthority", "ListCertificateAuthorities"
# By method and path, as `pages.PAGES` has them; others of a CA need _READ, others of an account _LIST.
NEEDS = {
    ("POST", "sign-out"): "",
    ("GET", "cas/create"): "CreateCertificateAuthority",
    ("GET", "cas/create/{draft}/{step}"): "CreateCertificateAuthority",
    ("POST", "cas/create/{draft}/{step}"): "CreateCertificateAuthority",
    ("GET", "cas/midpoint"): "",
    ("GET", "cas/{ca_id}/install"): "ImportCertificateAuthorityCertificate",
    ("GET", "cas/{ca_id}/delete"): "DeleteCertificateAuthority",
    ("POST", "cas/{ca_id}/revocation/publish"): "UpdateCertificateAuthority",
    ("GET", "cas/{ca_id}/revocation/edit"): "UpdateCertificateAuthority",
    ("POST", "cas/{ca_id}/revocation/edit"): "UpdateCertificateAuthority",
    ("GET", "cas/{ca_id}/reports"): "DescribeCertificateAuthorityAuditReport",
    ("GET", "cas/{ca_id}/report"): "DescribeCertificateAuthorityAuditReport",
    ("GET", "cas/{ca_id}/reports/{report_id}"): "DescribeCertificateAuthorityAuditReport",
    ("GET", "cas/{ca_id}/activity"): "SearchCertificates",
    ("GET", "cas/{ca_id}/certificates"): "SearchCertificates",
    **{
        ("GET", f"cas/{{ca_id}}/certificates/{{serial}}{file}"): "GetCertificate"
        for file in ("", "/pem", "/chain", "/full", "/binary")
    },
    ("GET", "cas/{ca_id}/certificates/{serial}/revoke"): "RevokeCertificate",
    ("POST", "cas/{ca_id}/certificates/{serial}/revoke"): "RevokeCertificate",
    **{
        (method, f"cas/{{ca_id}}/issue{rest}"): ""  # IssueCertificate is asked for with its template
        for method in ("GET", "POST")
        for rest in ("", "/{draft}")
    },
    ("POST", "cas/{ca_id}/issue/csr"): "",
}


def of_page(method: str, path: str) -> str:
    """The operation that a page needs; empty for none."""
    return NEEDS.get((method, path), _READ if path.startswith("cas/{ca_id}") else _LIST)


def check(visit: Visit) -> None:
    """See that the access key may do what the page needs.

    Raises:
        AccessDeniedException: in the words of the API.
    """
    authority = visit.authority
    if visit.needs and (authority is None or authority.granted is None):  # of others, the table of pages says it
        authorization.check(visit.rt, visit.caller, authority.arn if authority else authorization.NO_RESOURCE)
