"""Linting before signing, through a real client: defects in the table of templates sign nothing and store nothing."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

import app as signet_app
from chalicelib import logs
from chalicelib.pki.asn1 import oids, times
from chalicelib.pki.issuing import planning
from chalicelib.pki.issuing.templates import TEMPLATES
from chalicelib.pki.x509 import extensions
from tests.support.authority_steps import ROOT_TEMPLATE, active_root, create, issue
from tests.support.builders import csr
from tests.support.refusals import refusal
from tests.support.rest import Rest, order

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.pki.x509.extensions import Extension

TEMPLATE = "arn:aws:acm-pca:::template/{}/V1"
LEAF, SERVER, CODE, OCSP = (
    "EndEntityCertificate",
    "EndEntityServerAuthCertificate",
    "CodeSigningCertificate",
    "OCSPSigningCertificate",
)
SUBORDINATE, BLANK = "SubordinateCACertificate_PathLen1", "BlankEndEntityCertificate_APIPassthrough"
CRITICAL, CSR_TEMPLATE = (
    "BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough",
    "EndEntityCertificate_CSRPassthrough",
)
# A row of the table, what is wrong in it, and the rule that stops it.
SEEDED: list[tuple[str, dict[str, Any], str]] = [
    (LEAF, {"is_ca": True}, "template_basic_constraints"),
    (LEAF, {"basic_constraints_critical": True}, "template_basic_constraints"),
    (LEAF, {"key_usage": ()}, "template_key_usage"),
    (LEAF, {"key_usage": ("DigitalSignature",)}, "template_key_usage"),
    (LEAF, {"key_usage": ("NonRepudiation", "KeyEncipherment")}, "template_key_usage"),
    (LEAF, {"key_usage": ("DigitalSignature", "KeyEncipherment", "CRLSign")}, "template_key_usage"),
    (LEAF, {"extended_key_usage": ()}, "template_extended_key_usage"),
    (LEAF, {"extended_key_usage": (oids.SERVER_AUTH,)}, "template_extended_key_usage"),
    (LEAF, {"extended_key_usage": (oids.CLIENT_AUTH, oids.SERVER_AUTH)}, "template_extended_key_usage"),
    (LEAF, {"extended_key_usage_critical": True}, "template_extended_key_usage"),
    (LEAF, {"from_csr": True}, "extension_unexpected"),
    (SERVER, {"extended_key_usage": (oids.CLIENT_AUTH,)}, "template_extended_key_usage"),
    (SERVER, {"extended_key_usage": (oids.SERVER_AUTH, oids.OCSP_SIGNING)}, "template_extended_key_usage"),
    (CODE, {"extended_key_usage_critical": False}, "template_extended_key_usage"),
    (CODE, {"key_usage": ("DigitalSignature", "KeyEncipherment")}, "template_key_usage"),
    (OCSP, {"extended_key_usage": (oids.CODE_SIGNING,)}, "template_extended_key_usage"),
    (OCSP, {"extended_key_usage": (oids.ANY_EXTENDED_KEY_USAGE,)}, "template_extended_key_usage"),
    (SUBORDINATE, {"path_length": None}, "template_basic_constraints"),
    (SUBORDINATE, {"path_length": 0}, "template_basic_constraints"),
    (SUBORDINATE, {"path_length": 3}, "template_basic_constraints"),
    (SUBORDINATE, {"key_usage": ("DigitalSignature", "CRLSign")}, "template_key_usage"),
    (SUBORDINATE, {"key_usage": ()}, "template_key_usage"),
    (SUBORDINATE, {"extended_key_usage": (oids.SERVER_AUTH,)}, "extension_unexpected"),
    (BLANK, {"key_usage": ("DigitalSignature",)}, "extension_unexpected"),
    (BLANK, {"from_api": False}, "extension_missing"),
    (CRITICAL, {"basic_constraints_critical": False}, "template_basic_constraints"),
    (CSR_TEMPLATE, {"from_csr": False}, "extension_missing"),
]
POLICY = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])
REQUEST = csr("Subscriber", dns_names=["leaf.example.com"], extensions=[(POLICY, False)])
PASSTHROUGH = {"Extensions": {"CertificatePolicies": [{"CertPolicyId": "1.2.3.4"}]}}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """What is logged from now on: the names of events with their data."""
    caplog.set_level(logging.INFO, logger="signet")
    logs.LOGGER.addHandler(caplog.handler)
    yield lambda: [(each.getMessage(), getattr(each, "data", {})) for each in caplog.records]
    logs.LOGGER.removeHandler(caplog.handler)


def _request(arn: str, template: str) -> dict[str, Any]:
    request = {
        "CertificateAuthorityArn": arn,
        "Csr": REQUEST,
        "SigningAlgorithm": "SHA256WITHECDSA",
        "TemplateArn": TEMPLATE.format(template),
        "Validity": {"Type": "DAYS", "Value": 30},
    }
    return request | ({"ApiPassthrough": PASSTHROUGH} if "API" in template else {})


def _assert_refused(acm_pca: Any, rt: Any, lines: Any, request: dict[str, Any], rule: str) -> str:
    """Nothing is signed, nothing is stored, and one line names the rule; returns the code of the refusal."""
    arn = request["CertificateAuthorityArn"]
    before = len(list(rt.store.list_certificates(arn)))
    seen = len(lines())
    code, message = refusal(acm_pca.issue_certificate, **request)
    assert f"it breaks the rule {rule}." in message
    assert len(list(rt.store.list_certificates(arn))) == before
    # On AWS the lines of the audit record are in the log, too.
    (event, data), *more = [line for line in lines()[seen:] if line[0] != "audit"]
    assert event == "lint_refused"
    assert (data["rule"], data["ca"]) == (rule, arn)
    assert "signature" not in [name for name, _ in more]
    return code


@pytest.mark.wide
@pytest.mark.parametrize("seeded", SEEDED)
def test_defect_in_the_table_of_templates_signs_nothing(
    acm_pca: Any, rt: Any, lines: Any, monkeypatch: pytest.MonkeyPatch, seeded: tuple[str, dict[str, Any], str]
) -> None:
    template, defect, rule = seeded
    arn = active_root(acm_pca)
    request = _request(arn, template)
    with monkeypatch.context() as patch:
        patch.setitem(TEMPLATES, template, replace(TEMPLATES[template], **defect))
        assert _assert_refused(acm_pca, rt, lines, request, rule) == "InvalidArgsException"
    assert acm_pca.issue_certificate(**request)


def test_defect_in_the_row_of_roots_signs_nothing(
    acm_pca: Any, rt: Any, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = create(acm_pca, "ROOT")
    own = acm_pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"].encode()
    request = _request(arn, "RootCACertificate") | {"Csr": own, "TemplateArn": ROOT_TEMPLATE}
    for defect in ({"key_usage": ("KeyCertSign",)}, {"path_length": 0}):
        with monkeypatch.context() as patch:
            patch.setitem(TEMPLATES, "RootCACertificate", replace(TEMPLATES["RootCACertificate"], **defect))
            rule = "template_key_usage" if "key_usage" in defect else "template_basic_constraints"
            _assert_refused(acm_pca, rt, lines, request, rule)
    assert acm_pca.issue_certificate(**request)


def _without(oid: str) -> Callable[..., list[Extension]]:
    extensions_of_issuer = planning._of_issuer
    return lambda specification: [found for found in extensions_of_issuer(specification) if found.oid != oid]


DEFECTS_OF_PLANS: dict[str, tuple[Any, str, Any]] = {
    "authority_key_identifier_missing": (planning, "_of_issuer", _without(oids.AUTHORITY_KEY_IDENTIFIER)),
    "subject_key_identifier_missing": (planning, "_of_issuer", _without(oids.SUBJECT_KEY_IDENTIFIER)),
    "crl_distribution_point_missing": (planning, "_of_issuer", _without(oids.CRL_DISTRIBUTION_POINTS)),
    "authority_key_identifier_wrong": (
        extensions,
        "authority_key_identifier",
        lambda _: extensions.Extension(oids.AUTHORITY_KEY_IDENTIFIER, critical=False, value_der=b"0\3\x80\1\0"),
    ),
    "subject_key_identifier_wrong": (extensions, "key_identifier_of", lambda _: b"\x01" * 20),
    "crl_distribution_point_wrong": (
        extensions,
        "crl_distribution_points",
        lambda _: extensions.Extension(oids.CRL_DISTRIBUTION_POINTS, critical=False, value_der=b"0\0"),
    ),
    "validity_encoding": (times, "encode", times.encode_generalized),
}  # fmt: skip


@pytest.mark.parametrize("rule", DEFECTS_OF_PLANS)
def test_defect_in_planning_signs_nothing(
    acm_pca: Any, rt: Any, lines: Any, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    arn = active_root(acm_pca)
    with monkeypatch.context() as patch:
        patch.setattr(*DEFECTS_OF_PLANS[rule])
        _assert_refused(acm_pca, rt, lines, _request(arn, LEAF), rule)
    issue(acm_pca, arn)


@pytest.mark.parametrize("number", [0, 1 << 159, 1 << 160])
def test_serial_number_that_is_out_of_range_signs_nothing(acm_pca: Any, rt: Any, lines: Any, number: int) -> None:
    arn = active_root(acm_pca)
    signet_app.use_runtime(replace(rt, serial_number=lambda: number))
    _assert_refused(acm_pca, rt, lines, _request(arn, LEAF), "serial_number_out_of_range")


AIA = x509.AuthorityInformationAccess(
    [x509.AccessDescription(x509.OID_CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example.com/ca.cer"))]
)


def test_finding_in_an_extension_of_the_csr_is_the_csr_s(acm_pca: Any, rt: Any, lines: Any) -> None:
    arn = active_root(acm_pca)
    request = _request(arn, CSR_TEMPLATE) | {"Csr": csr(extensions=[(AIA, True)])}
    assert _assert_refused(acm_pca, rt, lines, request, "extension_criticality") == "MalformedCSRException"
    assert acm_pca.issue_certificate(**request | {"Csr": csr(extensions=[(AIA, False)])})


def test_finding_in_api_passthrough_is_its(acm_pca: Any, rt: Any, lines: Any) -> None:
    arn = active_root(acm_pca)
    custom = {"ObjectIdentifier": AIA.oid.dotted_string, "Value": base64.b64encode(AIA.public_bytes()).decode()}

    def request(*, critical: bool) -> dict[str, Any]:
        asked = {"Extensions": {"CustomExtensions": [custom | {"Critical": critical}]}}
        return _request(arn, BLANK) | {"ApiPassthrough": asked}

    code = _assert_refused(acm_pca, rt, lines, request(critical=True), "extension_criticality")
    assert code == "InvalidArgsException"
    assert acm_pca.issue_certificate(**request(critical=False))


def test_explain_names_the_rule_too(rt: Any, acm_pca: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = active_root(acm_pca)
    monkeypatch.setitem(TEMPLATES, LEAF, replace(TEMPLATES[LEAF], key_usage=()))
    answer = Rest(rt).explain(arn, **order())
    assert answer["Refusal"]["Code"] == "InvalidArgsException"
    assert "template_key_usage" in answer["Refusal"]["Message"]
