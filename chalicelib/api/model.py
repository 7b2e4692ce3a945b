"""The AWS model as data: shapes, operations and their errors, read once from `acm-pca.json`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

MODEL_FILE = Path(__file__).with_name("acm-pca.json")


class OperationModel(NamedTuple):
    """Names of an operation's shapes, and of the exceptions it may raise."""

    input: str
    output: str | None
    errors: tuple[str, ...]


@cache
def model() -> dict[str, Any]:
    """The whole model."""
    loaded: dict[str, Any] = json.loads(MODEL_FILE.read_bytes())
    return loaded


@cache
def operations() -> dict[str, OperationModel]:
    """All operations by name."""
    return {
        name: OperationModel(each["input"], each["output"], tuple(each["errors"]))
        for name, each in model()["operations"].items()
    }


def shape(name: str) -> dict[str, Any]:
    """A shape by name."""
    found: dict[str, Any] = model()["shapes"][name]
    return found
