"""Every page of the console, one row each.

A page of a CA is its owner's alone unless its row says otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import arn as arns
from chalicelib.console.views import (
    acme,
    acme_bindings,
    acme_orders,
    activity,
    administration,
    authorities,
    authority,
    calendar,
    certificate,
    certificate_export,
    certificate_files,
    certificate_list,
    cost,
    guide,
    identity_policies,
    inspection,
    install,
    interrupted,
    issue,
    issuing_presets,
    lifecycle,
    other_accounts,
    overview,
    principals,
    renewal,
    reports,
    revocation,
    revoke_many,
    sharing,
    sign_in,
    static,
    tags,
    theme,
    trust,
    wizard,
    you,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit


class Others(NamedTuple):
    """The page for a CA of another account.

    Attributes:
        needs: operations that the CA's policy has to allow, all of them.
        view: None where it is that of the account's own CAs.
    """

    needs: tuple[str, ...]
    view: Callable[[Visit], WireResponse] | None = None


class Page(NamedTuple):
    """A row of the table.

    Attributes:
        path: behind `/console`; `{name}` is a segment that `SEGMENTS` describes.
        view: answers a visit.
        others: None where a CA of another account has no such page.
        public: nobody has to be signed in.
        fresh: the visitor has to have signed in lately.
    """

    method: str
    path: str
    view: Callable[[Visit], WireResponse]
    others: Others | None = None
    public: bool = False
    fresh: bool = False


# The patterns of named segments; a path with any other segment is not found.
SEGMENTS = {
    "ca_id": arns.UUID,
    "report_id": arns.UUID,
    "file": r"[a-z-]{1,20}\.pem",
    "draft": r"[0-9a-f]{16}",
    "step": r"[a-z]{1,20}",
    "name": r"[a-z.-]{1,40}",
    "version": r"[0-9]{1,12}",
    "serial": r"[0-9a-f]{32}",
    "page": r"[a-z0-9-]{1,80}",
    "account": r"[0-9]{12}",
    "feed": r"[A-Za-z0-9_-]{43}\.ics",
}
_DESCRIBE, _GET, _ISSUE = "DescribeCertificateAuthority", "GetCertificate", "IssueCertificate"
_CA_CERTIFICATE, _REVOKE = "GetCertificateAuthorityCertificate", "RevokeCertificate"
# The first row that fits answers.
PAGES: tuple[Page, ...] = (
    Page("GET", "static/{name}", static.static_file, public=True),
    Page("GET", "static/vendor/{name}", static.static_file, public=True),
    Page("GET", "sign-in", sign_in.sign_in_form, public=True),
    Page("POST", "sign-in", sign_in.sign_in, public=True),
    Page("GET", "link", sign_in.follow_link, public=True),
    Page("POST", "sign-out", sign_in.sign_out),
    Page("POST", "theme", theme.choose),
    Page("GET", "", authorities.home),
    Page("GET", "go-on/{draft}", interrupted.show),
    Page("GET", "you", you.show),
    Page("GET", "presets", issuing_presets.show),
    Page("POST", "presets", issuing_presets.save),
    Page("POST", "presets/remove", issuing_presets.delete),
    Page("GET", "acme", acme.list_all),
    Page("GET", "acme/create", acme.create_form),
    Page("POST", "acme/create", acme.create),
    Page("GET", "acme/directory", acme.show),
    Page("GET", "acme/directory/clients", acme.show_clients),
    Page("GET", "acme/directory/update", acme.update_form),
    Page("POST", "acme/directory/update", acme.update),
    Page("GET", "acme/directory/replace", acme.replace_form),
    Page("POST", "acme/directory/replace", acme.replace_authority),
    Page("GET", "acme/directory/delete", acme.confirm_deletion, fresh=True),
    Page("POST", "acme/directory/delete", acme.delete, fresh=True),
    Page("GET", "acme/directory/binding", acme_bindings.create_form),
    Page("POST", "acme/directory/binding", acme_bindings.create),
    Page("GET", "acme/directory/binding/revoke", acme_bindings.confirm_revocation),
    Page("POST", "acme/directory/binding/revoke", acme_bindings.revoke),
    Page("GET", "acme/directory/accounts", acme_orders.list_accounts),
    Page("GET", "acme/directory/account/revoke", acme_orders.confirm_revocation),
    Page("POST", "acme/directory/account/revoke", acme_orders.revoke_account),
    Page("GET", "acme/directory/orders", acme_orders.list_orders),
    Page("GET", "acme/directory/order", acme_orders.show_order),
    Page("GET", "calendar", calendar.show),
    Page("POST", "calendar/feeds", calendar.create_feed),
    Page("POST", "calendar/feeds/revoke", calendar.revoke_feed),
    Page("GET", "calendar/{account}/{feed}", calendar.read_feed, public=True),
    Page("GET", "cost", cost.show),
    Page("GET", "help", guide.show_list),
    Page("GET", "help/{page}", guide.show),
    Page("GET", "health", administration.show_health),
    Page("GET", "settings", administration.show_settings),
    Page("GET", "activity", activity.show_of_account),
    Page("GET", "activity/record", activity.show_record),
    Page("GET", "principals", principals.list_all),
    Page("GET", "principals/create", principals.create_form),
    Page("POST", "principals/create", principals.create),
    Page("GET", "principal", principals.show),
    Page("GET", "principal/policy", identity_policies.edit),
    Page("POST", "principal/policy", identity_policies.save),
    Page("POST", "principal/policy/preview", identity_policies.preview),
    Page("GET", "principal/policy/remove", identity_policies.confirm_removal),
    Page("POST", "principal/policy/remove", identity_policies.remove),
    Page("POST", "principal/key", principals.create_key),
    Page("GET", "principal/key/switch", principals.confirm_deactivation),
    Page("POST", "principal/key/switch", principals.switch_key),
    Page("GET", "principal/key/delete", principals.confirm_key_deletion, fresh=True),
    Page("POST", "principal/key/delete", principals.delete_key, fresh=True),
    Page("GET", "principal/delete", principals.confirm_deletion, fresh=True),
    Page("POST", "principal/delete", principals.delete, fresh=True),
    Page("GET", "role", principals.show_role),
    Page("GET", "overview", overview.overview),
    Page("GET", "inspect", inspection.show),
    Page("POST", "inspect", inspection.inspect),
    Page("GET", "hierarchy", overview.show_hierarchy),
    Page("GET", "certificates", certificate_list.list_of_account),
    Page("GET", "certificates/export", certificate_export.export),
    Page("GET", "certificates/revoke", revoke_many.preview),
    Page("POST", "certificates/revoke", revoke_many.revoke),
    Page("GET", "cas", authorities.list_authorities),
    Page("GET", "cas/create", wizard.begin),
    Page("GET", "cas/create/{draft}/{step}", wizard.show_step),
    Page("POST", "cas/create/{draft}/{step}", wizard.take_step),
    Page("GET", "cas/midpoint", wizard.midpoint),
    Page("GET", "cas/{ca_id}", authority.show_overview, Others((_DESCRIBE,), other_accounts.show_overview)),
    Page("GET", "cas/{ca_id}/created", wizard.created),
    Page("GET", "cas/{ca_id}/csr", install.show_csr),
    Page("GET", "cas/{ca_id}/csr.pem", install.download_csr),
    Page("GET", "cas/{ca_id}/install", install.install_form),
    Page("POST", "cas/{ca_id}/install", install.install_pasted),
    Page("POST", "cas/{ca_id}/install-own", install.install_own),
    Page("POST", "cas/{ca_id}/install-signed", install.install_signed),
    Page("GET", "cas/{ca_id}/renew", renewal.show),
    Page("POST", "cas/{ca_id}/renew", renewal.take),
    Page("GET", "cas/{ca_id}/former/{version}", renewal.download_former),
    Page("GET", "cas/{ca_id}/disable", lifecycle.confirm_disabling),
    Page("POST", "cas/{ca_id}/disable", lifecycle.disable),
    Page("POST", "cas/{ca_id}/enable", lifecycle.enable),
    Page("GET", "cas/{ca_id}/delete", lifecycle.confirm_deletion, fresh=True),
    Page("POST", "cas/{ca_id}/delete", lifecycle.delete, fresh=True),
    Page("POST", "cas/{ca_id}/restore", lifecycle.restore),
    Page("GET", "cas/{ca_id}/certificate", authority.show_certificate, Others((_DESCRIBE, _CA_CERTIFICATE))),
    Page("GET", "cas/{ca_id}/certificate/{file}", authority.download_certificate, Others((_CA_CERTIFICATE,))),
    Page("GET", "cas/{ca_id}/trust", trust.show, Others((_DESCRIBE, _CA_CERTIFICATE))),
    Page("GET", "cas/{ca_id}/trust/root.pem", trust.download, Others((_CA_CERTIFICATE,))),
    Page("GET", "cas/{ca_id}/revocation", revocation.show),
    Page("POST", "cas/{ca_id}/revocation/publish", revocation.publish),
    Page("GET", "cas/{ca_id}/revocation/edit", revocation.edit),
    Page("POST", "cas/{ca_id}/revocation/edit", revocation.save),
    Page("GET", "cas/{ca_id}/tags", tags.show, Others((_DESCRIBE, "ListTags"), other_accounts.show_tags)),
    Page("POST", "cas/{ca_id}/tags", tags.save),
    Page("POST", "cas/{ca_id}/tags/remove", tags.remove),
    Page(
        "GET",
        "cas/{ca_id}/sharing",
        sharing.show,
        Others((_DESCRIBE, "ListPermissions"), other_accounts.show_permissions),
    ),
    Page("POST", "cas/{ca_id}/sharing/permit", sharing.permit),
    Page("GET", "cas/{ca_id}/sharing/forbid", sharing.confirm_forbidding),
    Page("POST", "cas/{ca_id}/sharing/forbid", sharing.forbid),
    Page("POST", "cas/{ca_id}/sharing/policy", sharing.share),
    Page("GET", "cas/{ca_id}/sharing/unshare", sharing.confirm_unsharing),
    Page("POST", "cas/{ca_id}/sharing/unshare", sharing.unshare),
    Page("GET", "cas/{ca_id}/reports", reports.show),
    Page("POST", "cas/{ca_id}/reports", reports.request_report),
    Page("GET", "cas/{ca_id}/report", reports.report_row),
    Page("GET", "cas/{ca_id}/reports/{report_id}", reports.download),
    Page("GET", "cas/{ca_id}/activity", activity.show_of_authority),
    Page("GET", "cas/{ca_id}/activity/record", activity.show_record),
    Page(
        "GET",
        "cas/{ca_id}/certificates",
        certificate_list.list_of_authority,
        Others((_DESCRIBE,), other_accounts.find_certificate),
    ),
    Page("GET", "cas/{ca_id}/certificates/export", certificate_export.export),
    Page("GET", "cas/{ca_id}/certificates/revoke", revoke_many.preview),
    Page("POST", "cas/{ca_id}/certificates/revoke", revoke_many.revoke),
    Page(
        "GET",
        "cas/{ca_id}/certificates/{serial}",
        certificate.show_certificate,
        Others((_GET,), other_accounts.show_certificate),
    ),
    Page("GET", "cas/{ca_id}/certificates/{serial}/pem", certificate_files.download_certificate, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/chain", certificate_files.download_chain, Others((_GET,))),
    Page(
        "GET",
        "cas/{ca_id}/certificates/{serial}/fullchain",
        certificate_files.download_full_chain,
        Others((_GET,)),
    ),
    Page("GET", "cas/{ca_id}/certificates/{serial}/proof", certificate_files.download_proof, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/full", certificate_files.show_full, Others((_GET,))),
    Page("GET", "cas/{ca_id}/certificates/{serial}/binary", certificate_files.show_binary, Others((_GET,))),
    Page(
        "GET",
        "cas/{ca_id}/certificates/{serial}/revoke",
        certificate.revoke_form,
        Others((_REVOKE,), other_accounts.revoke_form),
    ),
    Page(
        "POST",
        "cas/{ca_id}/certificates/{serial}/revoke",
        certificate.revoke,
        Others((_REVOKE,), other_accounts.revoke),
    ),
    Page("GET", "cas/{ca_id}/issue", issue.issue_form, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue", issue.preview, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue/csr", issue.show_csr, Others((_ISSUE,))),
    Page("GET", "cas/{ca_id}/issue/{draft}", issue.show_preview, Others((_DESCRIBE, _ISSUE))),
    Page("POST", "cas/{ca_id}/issue/{draft}", issue.issue, Others((_DESCRIBE, _ISSUE))),
)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    named = [f"(?P<{name}>{SEGMENTS[name]})" for name in parts[1::2]]
    literal = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(map("".join, zip(literal, [*named, ""], strict=True))), re.ASCII)


_PATTERNS = tuple((page, _pattern(page.path)) for page in PAGES)


def find(path: str) -> tuple[list[Page], dict[str, str]]:
    """The pages of a path behind `/console`, the first for each method, and the path's named segments."""
    matches = [(page, match) for page, pattern in _PATTERNS if (match := pattern.fullmatch(path))]
    pages = {page.method: page for page, _ in reversed(matches)}
    return list(pages.values()), matches[0][1].groupdict() if matches else {}


# The pages with forms whose addresses are not below theirs.
_FORMS = {"install-own": "install", "install-signed": "install"}


def page_of(path: str) -> str:
    """The path of the page at an address, or of the nearest page above it, which has the form for that address."""
    above, _, last = path.rpartition("/")
    candidates = (path, f"{above}/{_FORMS.get(last, last)}", *_above(path))
    return next((each for each in candidates if any(page.method == "GET" for page in find(each)[0])), "")


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path
