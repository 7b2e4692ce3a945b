"""What console tests do over and over: a browser that is signed in, CAs that issue, and what pages say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from chalicelib.access import access_keys, presets, principals
from chalicelib.crl import reachability
from chalicelib.identities import ADMINISTRATOR
from chalicelib.monitor import looks
from chalicelib.monitor.sightings import Sighting
from chalicelib.operations import ca_certificates, certificates, creation, revocation
from chalicelib.runtime import Caller
from tests.support.builders import CRL_CONFIGURATION, EC_CONFIGURATION, csr
from tests.support.console_browser import Answer, Browser

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLER = Caller(account_id="000000000000", access_key_id="AKIATEST", principal=ADMINISTRATOR)
OCSP = {"OcspConfiguration": {"Enabled": True, "OcspCustomCname": "ocsp.example.com"}}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b=cmd|'/c calc'!A0\"&{{777*13007}}"


def signed_in(rt: Any) -> Browser:
    browser = Browser(rt)
    browser.sign_in()
    return browser


def signed_in_as(rt: Any, name: str, preset: str = "administrator") -> Browser:
    """A browser of another principal, made for it."""
    principals.create(rt, CALLER.account_id, name, policies=((preset, presets.policy_of(preset)),))
    browser = Browser(rt)
    browser.sign_in(access_keys.create_access_key(rt, CALLER.account_id, principal=name))
    return browser


def create(rt: Any, kind: str = "ROOT", subject: Mapping[str, str] | None = None, **more: Any) -> str:
    """A CA that waits for its certificate; returns its id."""
    request = {
        "CertificateAuthorityType": kind,
        "CertificateAuthorityConfiguration": EC_CONFIGURATION | ({"Subject": dict(subject)} if subject else {}),
        "RevocationConfiguration": CRL_CONFIGURATION | OCSP,
    }
    made = creation.create_certificate_authority(rt, CALLER, cast("Any", request | more))
    return made["CertificateAuthorityArn"].rsplit("/", 1)[1]


def arn_of(ca_id: str) -> str:
    return f"arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/{ca_id}"


def root(rt: Any, subject: Mapping[str, str] | None = None, years: int = 10, **more: Any) -> str:
    """An ACTIVE root with CRLs and OCSP; returns its id."""
    ca_id = create(rt, "ROOT", subject, **more)
    install(rt, ca_id, ca_id, "RootCACertificate", years=years)
    return ca_id


def subordinate(rt: Any, parent: str, subject: Mapping[str, str], depth: int = 0, years: int = 3) -> str:
    """An ACTIVE CA below another one."""
    ca_id = create(rt, "SUBORDINATE", subject)
    install(rt, ca_id, parent, f"SubordinateCACertificate_PathLen{depth}", years=years)
    return ca_id


def install(rt: Any, ca_id: str, issuer: str, template: str, *, years: int) -> None:
    arn: Any = arn_of(ca_id)
    request = ca_certificates.get_certificate_authority_csr(rt, CALLER, {"CertificateAuthorityArn": arn})["Csr"]
    serial = issue(rt, issuer, request.encode(), template, {"Type": "YEARS", "Value": years})
    answer = got(rt, issuer, serial)
    chain = {"CertificateChain": answer["CertificateChain"].encode()} if issuer != ca_id else {}
    given: Any = {"CertificateAuthorityArn": arn, "Certificate": answer["Certificate"].encode()} | chain
    ca_certificates.import_certificate_authority_certificate(rt, CALLER, given)


def issue(
    rt: Any,
    ca_id: str,
    request: bytes | None = None,
    template: str = "EndEntityCertificate",
    validity: Mapping[str, Any] | None = None,
) -> str:
    """Issue a certificate; returns its serial number."""
    given: Any = {
        "CertificateAuthorityArn": arn_of(ca_id),
        "Csr": request or csr(),
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": f"arn:aws:acm-pca:::template/{template}/V1",
        "Validity": validity or {"Type": "DAYS", "Value": 30},
    }
    return certificates.issue_certificate(rt, CALLER, given)["CertificateArn"].rsplit("/", 1)[1]


def revoke(rt: Any, ca: str, serial: str) -> None:
    """Revoke a certificate."""
    request: Any = {
        "CertificateAuthorityArn": arn_of(ca),
        "CertificateSerial": serial,
        "RevocationReason": "SUPERSEDED",
    }
    revocation.revoke_certificate(rt, CALLER, request)


def seen_well(rt: Any, arn: str) -> None:
    """A round of the monitor that sees at each URL of a CA what clients need."""
    verdicts = reachability.of_authority(rt, rt.store.get_certificate_authority(arn))
    looks.record(rt, [Sighting(arn, verdict.url) for verdict in verdicts])


def got(rt: Any, ca_id: str, serial: str) -> Any:
    """What GetCertificate answers."""
    given: Any = {
        "CertificateAuthorityArn": arn_of(ca_id),
        "CertificateArn": f"{arn_of(ca_id)}/certificate/{serial}",
    }
    return certificates.get_certificate(rt, CALLER, given)


def problems(page: Answer) -> dict[str, str]:
    """The field of each problem, and its text."""
    return dict(re.findall(r'class="problem" id="([^"]+)-problem">([^<]*)<', page.text))


def link_to(page: Answer, rel: str) -> str:
    """The address of a link of a kind."""
    return next(each["href"] for tag, each in page.elements if tag == "a" and each.get("rel") == rel)


def check_harmless(page: Answer) -> None:
    """Nothing of `HOSTILE` is markup, acts on text, or was computed; and no script or style is inline.

    What somebody typed stands in its field again as it was.
    """
    shown = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", page.text, flags=re.DOTALL)
    assert "\u202e" not in shown
    assert "\u200b" not in shown
    assert "10106439" not in page.text
    for tag, attributes in page.elements:
        assert tag not in {"img", "style"} or attributes.get("alt") == "", attributes
        assert tag != "script" or attributes.get("src", "").startswith("../"), attributes
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
        assert "style" not in attributes


def pressed_by_enter(page: Answer, action: str) -> dict[str, str]:
    """The first button of a form that submits it, which Enter in a field presses (HTML, section 4.10.22.2)."""
    start = next(n for n, (tag, each) in enumerate(page.elements) if tag == "form" and each["action"].endswith(action))
    return next(each for tag, each in page.elements[start:] if tag == "button" and each.get("type") == "submit")
