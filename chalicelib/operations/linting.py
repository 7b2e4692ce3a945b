"""Linting before signing: what a plan would become is held against rules before anything is recorded or signed.

Source: CA/Browser Forum Baseline Requirements section 4.3.1.2; AWS Private CA API, IssueCertificate (errors).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chalicelib import errors, logs
from chalicelib.pki.errors import LintError
from chalicelib.pki.lint import rules
from chalicelib.pki.lint.expectation import Expectation
from chalicelib.pki.x509 import algorithms

if TYPE_CHECKING:
    from chalicelib.pki.issuing.specification import Plan, Specification


def check(ca_arn: str, template: str, specification: Specification, plan: Plan) -> None:
    """Lint what a plan would become.

    Args:
        ca_arn: for the log.
        template: the name of the template that the request names, without version.
        specification: what the request asks for.
        plan: what it became.

    Raises:
        MalformedCSRException: an extension of the CSR breaks a rule.
        InvalidArgsException: anything else does, ApiPassthrough or Signet itself.
    """
    expectation = Expectation(
        template=template,
        issuer=specification.issuer,
        request=specification.request,
        api_passthrough=specification.api_passthrough,
        identifier_der=algorithms.SIGNING_ALGORITHMS[specification.signing_algorithm].identifier_der,
        serial_number=specification.serial_number,
        not_before=plan.not_before,
        not_after=plan.not_after,
        crl_url=specification.crl_url,
        ocsp_url=specification.ocsp_url,
        gate=specification.gate,
    )
    try:
        rules.check(plan.tbs_der, expectation)
    except LintError as error:
        details = {"ca": ca_arn, "template": template, "rule": error.rule, "tbs_sha256": plan.tbs_sha256}
        logs.log("lint_refused", logging.WARNING, **details, reason=str(error))
        raise _refusal(error, plan) from error


def _refusal(error: LintError, plan: Plan) -> errors.ApiError:
    extension = plan.extension(error.oid)
    text = f"The certificate was not signed, because it breaks the rule {error.rule}. {error}"
    if extension is not None and extension.source == "CSR":
        return errors.MalformedCSRException(f"The CSR is refused. {text}", member=("Csr",), reason=str(error))
    member = extension.member if extension is not None and extension.member else ("TemplateArn",)
    return errors.InvalidArgsException(text, member=member, reason=str(error))
