"""Forms that do what one expects: chains in one field, offers that are not refused, commands that follow the form."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import pytest

from chalicelib.operations import ca_certificates
from tests.support.console_authority_steps import problems
from tests.support.console_steps import CALLER, arn_of, create, got, issue, root, signed_in, subordinate
from tests.support.console_wizard_steps import CRLS, SUBJECT, begin, go

if TYPE_CHECKING:
    from tests.support.console_browser import Answer, Browser

pytestmark = pytest.mark.laptop  # tests/localstack meets the deployed console


@pytest.fixture
def browser(rt: Any) -> Browser:
    return signed_in(rt)


# a chain in one field


def signed_below(rt: Any, parent: str) -> tuple[str, str, str]:
    """A CA that waits for its certificate: its id, the certificate and its chain, as another CA would give them."""
    ca_id = create(rt, "SUBORDINATE", {"CommonName": "Below"})
    arn: Any = {"CertificateAuthorityArn": arn_of(ca_id)}
    request = ca_certificates.get_certificate_authority_csr(rt, CALLER, arn)["Csr"].encode()
    serial = issue(rt, parent, request, "SubordinateCACertificate_PathLen0", {"Type": "YEARS", "Value": 1})
    answer = got(rt, parent, serial)
    return ca_id, answer["Certificate"], answer["CertificateChain"]


@pytest.mark.parametrize("order", ["certificate first", "root first", "text between", "chain twice"])
def test_certificate_and_chain_in_one_field_are_taken_apart(browser: Browser, rt: Any, order: str) -> None:
    ca_id, certificate, chain = signed_below(rt, root(rt))
    both = {
        "certificate first": f"{certificate}\n{chain}",
        "root first": f"{chain}\r\n{certificate}",
        "text between": f"subject=CN = Below\n{certificate}\n\nissuer=CN = Root\n{chain}\n",
        "chain twice": f"{certificate}\n{chain}",
    }[order]
    page = browser.get(f"/console/cas/{ca_id}/install")
    done = browser.submit(page, "/install", certificate=both, chain=chain if order == "chain twice" else "")
    assert (done.status, "The certificate is installed." in done.text) == (200, True)
    answer: Any = ca_certificates.get_certificate_authority_certificate(
        rt, CALLER, {"CertificateAuthorityArn": arn_of(ca_id)}
    )
    assert answer["Certificate"].split() == certificate.split()
    assert answer["CertificateChain"].split() == chain.split()


def test_certificates_of_others_alone_are_refused_in_words(browser: Browser, rt: Any) -> None:
    ca_id, certificate, chain = signed_below(rt, root(rt))
    page = browser.get(f"/console/cas/{create(rt)}/install")
    refused = browser.submit(page, "/install", certificate=f"{certificate}\n{chain}")
    assert problems(refused)["certificate"] == "None of the certificates here is for the key of this CA."
    broken = browser.submit(browser.get(f"/console/cas/{ca_id}/install"), "/install", certificate=certificate[:-40])
    assert problems(broken)["certificate"] == "The end is missing: the last line must begin with -----END."


# offers


def test_template_of_cas_is_offered_only_where_it_can_issue(browser: Browser, rt: Any) -> None:
    top = root(rt)
    lowest, middle = (subordinate(rt, top, {"CommonName": f"Depth {n}"}, depth=n) for n in (0, 1))
    offered = {ca_id: browser.get(f"/console/cas/{ca_id}/issue").text for ca_id in (top, middle, lowest)}
    for ca_id, names in {
        top: (
            "SubordinateCACertificate_PathLen0",
            "SubordinateCACertificate_PathLen3",
            "RootCACertificate_APIPassthrough",
        ),
        middle: ("SubordinateCACertificate_PathLen0",),
        lowest: (),
    }.items():
        for name in (
            "SubordinateCACertificate_PathLen0",
            "SubordinateCACertificate_PathLen3",
            "RootCACertificate_APIPassthrough",
        ):
            assert (f'value="{name}"' in offered[ca_id]) is (name in names), (name, ca_id)
        assert 'value="EndEntityCertificate"' in offered[ca_id]


def test_levels_below_a_new_ca_are_offered_as_far_as_a_parent_allows_them(browser: Browser, rt: Any) -> None:
    top = root(rt)
    subordinate(rt, top, {"CommonName": "Middle"}, depth=2)
    waiting = create(rt, "SUBORDINATE", {"CommonName": "Waiting"})
    assert 'id="path_length"' in browser.get(f"/console/cas/{waiting}/install").text
    rt.store.update_certificate_authority(
        ca := rt.store.get_certificate_authority(arn_of(top)), replace(ca, status="DISABLED")
    )
    page = browser.get(f"/console/cas/{waiting}/install").text
    options = re.findall(r'<option value="([0-9])"', page.partition('id="path_length"')[2].partition("</select>")[0])
    assert options == ["0", "1"]


# commands


def followed(browser: Browser, page: Answer, **fields: str) -> list[dict[str, str]]:
    """The options of the commands that the page's form asks for when it is filled in so."""
    (asks,) = (each for _, each in page.elements if each.get("hx-target") == ".cli")
    part = browser.get(f"{urljoin(page.url, asks['hx-get'])}&{urlencode(fields)}")
    assert part.status == 200
    assert "<html" not in part.text
    assert 'class="cli"' in part.text
    shown = [unescape(each["data-copy"]) for _, each in part.elements if each.get("data-copy", "").startswith("aws")]
    words = [shlex.split(each.replace(" \\\n", " ")) for each in shown]
    return [dict(zip(each[3::2], each[4::2], strict=False)) for each in words]


def test_command_of_issuing_follows_the_form(browser: Browser, rt: Any) -> None:
    page = browser.get(f"/console/cas/{root(rt)}/issue")
    (chosen,) = followed(
        browser,
        page,
        template="EndEntityCertificate_APIPassthrough",
        amount="5",
        unit="MONTHS",
        CommonName="x y",
        dns="a.example",
    )
    assert chosen["--template-arn"].endswith("/EndEntityCertificate_APIPassthrough/V1")
    assert json.loads(chosen["--validity"]) == {"Type": "MONTHS", "Value": 5}
    assert json.loads(chosen["--api-passthrough"])["Subject"] == {"CommonName": "x y"}
    assert chosen["--csr"] == "fileb://request.csr.pem"
    (wrong,) = followed(browser, page, template="other", amount="-", unit="END_DATE", end="soon")
    assert json.loads(wrong["--validity"]) == {"Type": "DAYS", "Value": 90}
    refused = browser.submit(page, "/issue", csr="", template="CodeSigningCertificate", amount="7")
    assert "CodeSigningCertificate/V1" in refused.text.partition('class="cli"')[2]


def test_commands_of_the_wizard_follow_each_step(browser: Browser) -> None:
    page = go(browser, begin(browser), type="ROOT")
    create_it, *_ = followed(browser, page, **SUBJECT)
    assert json.loads(create_it["--certificate-authority-configuration"])["Subject"] == SUBJECT
    page = go(browser, go(browser, page, **SUBJECT))
    create_it, *_ = followed(browser, page, **CRLS)
    assert json.loads(create_it["--revocation-configuration"])["CrlConfiguration"]["S3BucketName"] == "example-crls"
    assert "example-crls" not in browser.get(page.url).text.partition('class="cli"')[2]  # nothing was stored


def test_commands_of_other_forms_follow_and_change_nothing(browser: Browser, rt: Any) -> None:
    ca_id = root(rt)
    serial = issue(rt, ca_id)
    before = rt.store.get_certificate_authority(arn_of(ca_id))
    (update,) = followed(browser, browser.get(f"/console/cas/{ca_id}/revocation/edit"), crl="", ocsp="")
    assert json.loads(update["--revocation-configuration"])["CrlConfiguration"] == {"Enabled": False}
    revoking = browser.get(f"/console/cas/{ca_id}/certificates/{serial}/revoke")
    (revoke,) = followed(browser, revoking, reason="KEY_COMPROMISE")
    assert revoke["--revocation-reason"] == "KEY_COMPROMISE"
    assert followed(browser, revoking, reason="$(x)")[0]["--revocation-reason"] == "UNSPECIFIED"
    report = followed(browser, browser.get(f"/console/cas/{ca_id}/reports"), report_bucket="mine", format="JSON")[0]
    assert (report["--s3-bucket-name"], report["--audit-report-response-format"]) == ("mine", "JSON")
    assert rt.store.get_certificate_authority(arn_of(ca_id)) == before
    assert rt.store.get_certificate(arn_of(ca_id), int(serial, 16)).revoked_at is None
    assert rt.store.last_audit_reports(CALLER.account_id, limit=9) == []
