"""The models of AWS as data: shapes, operations and their errors, read once from `acm-pca.json` and `acm.json`.

Of AWS Certificate Manager it is what manages ACME endpoints; the names of its shapes begin with "acm:".
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ACM_PCA, ACM = "acm-pca", "acm"  # the names of the services in signatures
_ACM_SHAPES = f"{ACM}:"


class OperationModel(NamedTuple):
    """Names of an operation's input and output shapes, and of its exceptions."""

    input: str
    output: str | None
    errors: tuple[str, ...]


@cache
def model(service: str = ACM_PCA) -> dict[str, Any]:
    """Return the whole model of a service."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name(f"{service}.json").read_bytes())
    return loaded


@cache
def operations(service: str = ACM_PCA) -> dict[str, OperationModel]:
    """Return all operations of a service by name."""
    return {
        name: OperationModel(operation["input"], operation["output"], tuple(operation["errors"]))
        for name, operation in model(service)["operations"].items()
    }


def shape(name: str) -> dict[str, Any]:
    """Return a shape by name."""
    described: dict[str, Any] = model(ACM if name.startswith(_ACM_SHAPES) else ACM_PCA)["shapes"][name]
    return described
