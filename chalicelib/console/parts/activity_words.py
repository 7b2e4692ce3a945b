"""Calls on record in words: the purpose of each. The outcome beside it tells whether the call achieved that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Values = Mapping[str, Any]

# By the name of the event.
WORDS: dict[str, str] = {
    # operations of the API
    "CreateCertificateAuthority": "Create a CA",
    "CreateCertificateAuthorityAuditReport": "Request an audit report",
    "CreatePermission": "Grant a permission",
    "DeleteCertificateAuthority": "Delete the CA",
    "DeletePermission": "Withdraw a permission",
    "DeletePolicy": "Remove the resource policy",
    "DescribeCertificateAuthority": "Look at the CA",
    "DescribeCertificateAuthorityAuditReport": "Look at an audit report",
    "GetCertificate": "Get a certificate",
    "GetCertificateAuthorityCertificate": "Get the CA certificate",
    "GetCertificateAuthorityCsr": "Get the CSR of the CA",
    "GetPolicy": "Get the resource policy",
    "ImportCertificateAuthorityCertificate": "Install the CA certificate",
    "IssueCertificate": "Issue a certificate",
    "ListCertificateAuthorities": "List CAs",
    "ListPermissions": "List permissions",
    "ListTags": "List tags",
    "PutPolicy": "Save the resource policy",
    "RestoreCertificateAuthority": "Restore the CA",
    "RevokeCertificate": "Revoke a certificate",
    "TagCertificateAuthority": "Save tags",
    "UntagCertificateAuthority": "Remove tags",
    "UpdateCertificateAuthority": "Change the CA",
    "AssumeRole": "Assume a role",
    "AssumeRoleWithWebIdentity": "Assume a role with an OIDC token",
    "ExplainIssuance": "Preview a certificate",
    "SearchCertificates": "Search certificates",
    # operations of AWS Certificate Manager; RevokeAcmeAccount is below
    "CreateAcmeDomainValidation": "Add a domain to an ACME endpoint",
    "CreateAcmeEndpoint": "Create an ACME endpoint",
    "CreateAcmeExternalAccountBinding": "Create an external account binding for a role",
    "DeleteAcmeDomainValidation": "Remove a domain from an ACME endpoint",
    "DeleteAcmeEndpoint": "Delete an ACME endpoint",
    "DeleteAcmeExternalAccountBinding": "Delete an external account binding",
    "DescribeAcmeAccount": "Look at an ACME account",
    "DescribeAcmeDomainValidation": "Look at a domain of an ACME endpoint",
    "DescribeAcmeEndpoint": "Look at an ACME endpoint",
    "DescribeAcmeExternalAccountBinding": "Look at an external account binding",
    "GetAcmeExternalAccountBindingCredentials": "Get the credentials of an external account binding",
    "ListAcmeAccounts": "List ACME accounts",
    "ListAcmeDomainValidations": "List the domains of an ACME endpoint",
    "ListAcmeEndpoints": "List ACME endpoints",
    "ListAcmeExternalAccountBindings": "List external account bindings",
    "ListTagsForResource": "List the tags of an ACME resource",
    "RevokeAcmeExternalAccountBinding": "Revoke an external account binding of a role",
    "TagResource": "Save tags of an ACME resource",
    "UntagResource": "Remove tags of an ACME resource",
    "UpdateAcmeDomainValidation": "Change a domain of an ACME endpoint",
    "UpdateAcmeEndpoint": "Change an ACME endpoint",
    # the console
    "ConsoleLogin": "Sign in to the console",
    "ConsoleLogout": "Sign out of the console",
    "SaveIssuingPreset": "Save an issuing preset",
    "DeleteIssuingPreset": "Remove an issuing preset",
    "CreateCalendarFeed": "Create a feed of the calendar",
    "DeleteCalendarFeed": "Revoke a feed of the calendar",
    "RenewCertificate": "Renew a certificate",
    "RequestCrlPublication": "Publish CRLs now",
    "SwitchAccessKey": "Activate or deactivate an access key",
    # principals, roles and what they sign in with
    "CreateAcmeDirectory": "Create an ACME directory",
    "UpdateAcmeDirectory": "Change an ACME directory",
    "ReplaceAcmeAuthority": "Let an ACME directory issue from another CA",
    "RevokeFormerAcmeCertificates": "Revoke what the compromised CAs of an ACME directory issued",
    "DeleteAcmeDirectory": "Delete an ACME directory",
    "CreateAcmeBinding": "Create an external account binding",
    "RevokeAcmeBinding": "Revoke an external account binding",
    "CreateAcmeAccount": "Create an ACME account",
    "UpdateAcmeAccount": "Change an ACME account",
    "ChangeAcmeAccountKey": "Change the key of an ACME account",
    "RevokeAcmeAccount": "Revoke an ACME account",
    "CreateAcmeOrder": "Order a certificate by ACME",
    "ValidateAcmeChallenge": "Validate a name for ACME",
    "CreateAcmeAuthorization": "Create an ACME authorization",
    "DeactivateAcmeAuthorization": "Deactivate an ACME authorization",
    "CreatePrincipal": "Create a principal",
    "DeletePrincipal": "Delete a principal",
    "PutPrincipalPolicy": "Save a policy of a principal",
    "DeletePrincipalPolicy": "Remove a policy of a principal",
    "CreateAccessKey": "Create an access key",
    "ActivateAccessKey": "Activate an access key",
    "DeactivateAccessKey": "Deactivate an access key",
    "DeleteAccessKey": "Delete an access key",
    "RevealRootAccessKey": "Reveal the administrator's access key",
    "CreateConsoleLink": "Make a link that signs in to the console",
    "CreateRole": "Create a role",
    "DeleteRole": "Delete a role",
    "PutRolePolicy": "Save a policy of a role",
    "DeleteRolePolicy": "Remove a policy of a role",
    "PutRoleTrustPolicy": "Save the trust policy of a role",
    "CreateOidcProvider": "Create an OIDC provider",
    "DeleteOidcProvider": "Delete an OIDC provider",
    "AcceptShares": "Accept the CAs of another account",
    "RejectShares": "Reject the CAs of another account",
    # the home
    "AcceptClock": "Accept the present time",
    "AcceptJournal": "Accept that journal and database differ",
    "CosignJournal": "Cosign the journal",
    "CreateBackup": "Make a backup",
    "RestoreBackup": "Restore a backup",
    "IssueWithNewKey": "Issue a certificate with a new key",
    "InstallTrust": "Trust a root on this machine",
    "RemoveTrust": "Stop trusting a root on this machine",
    "MigrateState": "Migrate the records",
    "RebuildCrl": "Rebuild the entries of a CRL",
    "ReconcileJournal": "Compare the database with the journal",
    # schedules
    "BringForward": "Bring the database forward from the journal",
    "FailCreation": "Close an interrupted creation of a CA",
    "FailIssuance": "Close an interrupted issuance",
    "PublishCrls": "Publish CRLs",
    "PurgeCertificateAuthority": "Destroy a deleted CA and its key",
    "RenewOcspResponder": "Renew the OCSP responder",
    "WriteAuditReport": "Write an audit report",
    "RefuseUnauthenticated": "Refuse unsigned requests",
}


def of_record(record: Values) -> str:
    """The purpose of a call on record, with details from its parameters; an unknown event's name."""
    name = str(record.get("eventName"))
    asked, details = record.get("requestParameters") or {}, record.get("additionalEventData") or {}
    says = _SAYING.get(name)
    return (says(asked, details) if says else "") or WORDS.get(name, name)


def _updated(asked: Values, _: Values) -> str:
    status = {"ACTIVE": "Enable the CA", "DISABLED": "Disable the CA"}.get(str(asked.get("status")), "")
    settings = asked.get("revocationConfiguration") or {}
    changed = f"Change the revocation settings: {', '.join(_settings(settings))}" if settings else ""
    return ". ".join(filter(None, (status, changed)))


def _settings(revocation: Values) -> Iterable[str]:
    crl, ocsp = revocation.get("crlConfiguration"), revocation.get("ocspConfiguration")
    if crl:
        yield f"CRL in {crl.get('s3BucketName', '?')}" if crl.get("enabled") else "no CRL"
    if ocsp:
        yield "OCSP" if ocsp.get("enabled") else "no OCSP"


def _installed(_: Values, details: Values) -> str:
    replaced = details.get("replacedSerialNumber")
    words = f"Replace the CA certificate {str(replaced)[:8]}… by another one" if replaced else ""
    return words + (", with warnings" if words and details.get("warnings") else "")


def _named(words: str, *members: str) -> Callable[[Values, Values], str]:
    """Words with the first present one of some parameters."""

    def says(asked: Values, _: Values) -> str:
        named = next((asked[member] for member in members if asked.get(member)), "")
        return f"{words} {named}" if named else ""

    return says


def _tags(words: str) -> Callable[[Values, Values], str]:
    def says(asked: Values, _: Values) -> str:
        keys = [str(tag.get("key")) for tag in asked.get("tags") or () if isinstance(tag, dict)]
        return f"{words} {', '.join(keys)}" if keys else ""

    return says


def _policy(words: str) -> Callable[[Values, Values], str]:
    def says(asked: Values, _: Values) -> str:
        policy = asked.get("policy_name") or asked.get("policy")
        return f"{words} {policy} of {asked.get('name', '?')}" if policy else ""

    return says


def _switched(asked: Values, _: Values) -> str:
    verb = "Activate" if asked.get("active") == "yes" else "Deactivate"
    return f"{verb} the access key {asked.get('key', '')} of {asked.get('name', '?')}"


def _revoked(asked: Values, _: Values) -> str:
    reason = str(asked.get("revocationReason", "")).replace("_", " ").lower()
    return f"Revoke a certificate: {reason}" if reason else ""


# By the name of the event: words from its parameters, by their names in records, and from `additionalEventData`.
_SAYING: dict[str, Callable[[Values, Values], str]] = {
    "UpdateCertificateAuthority": _updated,
    "ImportCertificateAuthorityCertificate": _installed,
    "RevokeCertificate": _revoked,
    "TagCertificateAuthority": _tags("Save the tags"),
    "UntagCertificateAuthority": _tags("Remove the tags"),
    "CreateAcmeDomainValidation": _named("Add to an ACME endpoint the domain", "domainName"),
    "CreateAcmeExternalAccountBinding": _named("Create an external account binding for the role", "roleArn"),
    "TagResource": _tags("Save the tags"),
    "CreatePermission": _named("Grant a permission to", "principal"),
    "DeletePermission": _named("Withdraw the permission of", "principal"),
    "SaveIssuingPreset": _named("Save the issuing preset", "preset_name"),
    "DeleteIssuingPreset": _named("Remove the issuing preset", "preset_name"),
    "CreateCalendarFeed": _named("Create the feed", "feed_description"),
    "CreatePrincipal": _named("Create the principal", "principal_name", "name"),
    "DeletePrincipal": _named("Delete the principal", "name"),
    "PutPrincipalPolicy": _policy("Save the policy"),
    "DeletePrincipalPolicy": _policy("Remove the policy"),
    "CreateAccessKey": _named("Create an access key of", "name", "principal"),
    "ActivateAccessKey": _named("Activate the access key", "access_key_id"),
    "DeactivateAccessKey": _named("Deactivate the access key", "access_key_id"),
    "DeleteAccessKey": _named("Delete the access key", "key", "access_key_id"),
    "SwitchAccessKey": _switched,
    "CreateRole": _named("Create the role", "name"),
    "DeleteRole": _named("Delete the role", "name"),
    "PutRolePolicy": _policy("Save the policy"),
    "DeleteRolePolicy": _policy("Remove the policy"),
    "PutRoleTrustPolicy": _named("Save the trust policy of the role", "name"),
    "AssumeRole": _named("Assume the role", "roleArn"),
    "AssumeRoleWithWebIdentity": _named("With an OIDC token, assume the role", "roleArn"),
    "CreateAcmeDirectory": _named("Create the ACME directory", "acme_name", "name"),
    "UpdateAcmeDirectory": _named("Change the ACME directory", "name"),
    "ReplaceAcmeAuthority": _named("Replace the CA of the ACME directory", "name"),
    "RevokeFormerAcmeCertificates": _named("Revoke what compromised CAs issued for the ACME directory", "name"),
    "DeleteAcmeDirectory": _named("Delete the ACME directory", "name"),
    "CreateAcmeBinding": _named("Create an external account binding of the ACME directory", "name"),
    "RevokeAcmeBinding": _named("Revoke the external account binding", "kid"),
    "RevokeAcmeAccount": _named("Revoke the ACME account", "account", "acme_id"),
    "CreateAcmeOrder": _named("By ACME, order a certificate for", "names"),
    "ValidateAcmeChallenge": _named("For ACME, validate", "identifier"),
    "AcceptShares": _named("Accept the CAs of account", "owner"),
    "RejectShares": _named("Reject the CAs of account", "owner"),
}
