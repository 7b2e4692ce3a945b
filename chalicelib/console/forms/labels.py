"""What the fields of forms are called where a page lists what is wrong with them."""

from __future__ import annotations

import re

from chalicelib.console.forms import issue_request, wizard_draft

LABELS = {
    # of a CA, from the wizard on
    "type": "CA type",
    "algorithm": "Key algorithm",
    "new_bucket": "Name of the new bucket",
    "bucket": "Bucket",
    "cname": "Custom CRL name",
    "path": "Path in the bucket",
    "days": "Validity in days",
    "acl": "Who may read the CRL",
    "omit": "Leave the CRL's address out of certificates",
    "ocsp_cname": "Custom OCSP name",
    "key": "Key",
    "value": "Value",
    "account": "Source account",
    "policy": "Policy",
    "format": "Format",
    "certificate": "Certificate",
    "chain": "Certificate chain",
    "years": "Valid for (years)",
    "path_length": "CAs that may stand below it",
    "parent": "CA that signs it",
    # of certificates that are issued or looked for
    "csr": "CSR",
    "template": "Template",
    "amount": "Valid for",
    "unit": "Unit",
    "end": "Last day",
    "subject": "Subject",
    "san": "Alternative name",
    "serial": "Serial number",
    "state": "State",
    "expires_from": "Expires from",
    "expires_to": "Expires until",
    **wizard_draft.SUBJECT,
    **issue_request.SUBJECT,
    **{name: label for name, (_, label) in issue_request.NAMES.items()},
}
_NUMBERED = {"key": "Key of tag {}", "value": "Value of tag {}"}


def of(name: str) -> str:
    """The label of a field; empty for what is none."""
    if found := re.fullmatch(r"(key|value)\.([0-9]+)", name, re.ASCII):
        return _NUMBERED[found[1]].format(int(found[2]) + 1)
    return LABELS.get(name, "")
