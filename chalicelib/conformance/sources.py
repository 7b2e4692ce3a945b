"""Where a fact about AWS Private CA is from, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

_DOCUMENTS = "https://docs.aws.amazon.com/privateca/latest/"
SURENESS = {
    "documented": "AWS's documents say it",
    "modelled": "botocore's model of acm-pca has it",
    "observed": "the real service was seen to do it, by the public source that is named",
    "inferred": "it follows from documents or from AWS's other services, and nobody has published that he saw it",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A source; `sureness` is a key of SURENESS."""

    sureness: str
    where: str

    def __str__(self) -> str:
        return f"{self.sureness}: {self.where}"


def reference(action: str) -> Source:
    """AWS's API reference, by action or data type."""
    return Source("documented", f"{_DOCUMENTS}APIReference/API_{action}.html")


def guide(page: str) -> Source:
    """AWS's user guide, by the name of the page."""
    return Source("documented", f"{_DOCUMENTS}userguide/{page}.html")


def model(what: str) -> Source:
    """Botocore's data/acm-pca/2017-08-22/service-2.json."""
    return Source("modelled", f"botocore acm-pca/2017-08-22 service-2.json: {what}")


def observed(where: str) -> Source:
    """Code, tests or reports of somebody who used the real service."""
    return Source("observed", where)


def inferred(why: str) -> Source:
    """What an answer is expected for; no source proves it."""
    return Source("inferred", why)


TERRAFORM = observed("github.com/hashicorp/terraform-provider-aws internal/service/acmpca, acceptance tests")
ALCHEMY = observed("tests of alchemy against the live service")
GUIDE_SAMPLE = observed("the sample certificates that the user guide prints, decoded")


def about(operation: str, source: Source, **more: Any) -> pytest.MarkDecorator:
    """Mark a probe with its operation (or `protocol`) and its source.

    Args:
        operation: of the API, or `protocol`.
        source: of the expected answer.
        more: `certificates`, how many the probe issues; `cas`, how many CAs of its own it creates; `shared`, the
            fixture that it asks for by a parameter.
    """
    return pytest.mark.about(operation, source, **more)
