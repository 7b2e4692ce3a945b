"""The client types the answer of every operation of the model, and none of them as Any."""

from __future__ import annotations

import re
from typing import get_overloads

from chalicelib.api import model
from chalicelib.api.client import Client


def test_every_operation_has_a_typed_answer() -> None:
    answers = {}
    for overload in get_overloads(Client.call):
        for name in re.findall('"([A-Za-z]+)"', overload.__annotations__["name"].replace("'", '"')):
            answers[name] = overload.__annotations__["return"]
    expected = {
        name: f"shapes.{operation.output}" if operation.output else "None"
        for name, operation in model.operations().items()
    }
    assert answers == expected
