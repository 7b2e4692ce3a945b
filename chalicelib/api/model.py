"""The AWS model as data: shapes, operations and their errors, read once from `acm-pca.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

MODEL_FILE = Path(__file__).with_name("acm-pca.json")


class OperationModel(NamedTuple):
    """Names of an operation's input and output shapes, and of its exceptions."""

    input: str
    output: str | None
    errors: tuple[str, ...]


@cache
def model() -> dict[str, Any]:
    """Return the whole model."""
    loaded: dict[str, Any] = json.loads(MODEL_FILE.read_bytes())
    return loaded


@cache
def operations() -> dict[str, OperationModel]:
    """Return all operations by name."""
    return {
        name: OperationModel(operation["input"], operation["output"], tuple(operation["errors"]))
        for name, operation in model()["operations"].items()
    }


def shape(name: str) -> dict[str, Any]:
    """Return a shape by name."""
    described: dict[str, Any] = model()["shapes"][name]
    return described
