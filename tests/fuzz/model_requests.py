"""Requests that are made up from botocore's model: every operation, every member, near its limits and beyond them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.fuzz import mutation
from tests.support.model_cases import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from botocore.model import Shape

Pool = dict[str, list[Any]]


def made_up(rng: Random, operation: str, pool: Pool) -> dict[str, Any]:
    """A request: each member from requests that were good, at a limit of the model, or of another kind."""
    shape = MODEL.operation_model(operation).input_shape
    return {} if shape is None else _structure(rng, shape, pool)


def _structure(rng: Random, shape: Shape, pool: Pool) -> dict[str, Any]:
    members: dict[str, Shape] = shape.members  # type: ignore[attr-defined]
    required = set(getattr(shape, "required_members", ()))
    often = 0.97 if len(members) < 4 else 0.6
    return {
        name: _member(rng, name, member, pool)
        for name, member in members.items()
        if rng.random() < (0.97 if name in required else often * 0.6)
    }


def _member(rng: Random, name: str, shape: Shape, pool: Pool) -> Any:
    luck = rng.random()
    if luck < 0.03:
        return mutation.value(rng)
    if luck < 0.75 and pool.get(name):
        return copy.deepcopy(rng.choice(pool[name]))
    return _of_shape(rng, shape, pool)


def _of_shape(rng: Random, shape: Shape, pool: Pool) -> Any:
    return _KINDS[shape.type_name](rng, shape, pool)


def _list(rng: Random, shape: Shape, pool: Pool) -> list[Any]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 20)
    count = rng.choice((1, 1, 2, least, most, most + 1)) if rng.random() < 0.2 else rng.randrange(1, 4)
    item: Shape = shape.member  # type: ignore[attr-defined]
    return [_member(rng, "", item, pool) for _ in range(min(count, 300))]


def _number(rng: Random, shape: Shape, _pool: Pool) -> int:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10)
    return int(rng.choice((least, most, least - 1, most + 1, rng.choice(mutation.NUMBERS))))


def _string(rng: Random, shape: Shape, _pool: Pool) -> str:
    values = [
        found for found in shape.metadata.get("enum", ()) if "RSA" not in found
    ]  # RSA keys take their time to make
    if values and rng.random() < 0.9:
        return str(rng.choice(values))
    if rng.random() < 0.3:
        size = rng.choice((shape.metadata.get("min", 0), shape.metadata.get("max", 64)))
        return rng.choice("a1./") * int(min(size + rng.choice((-1, 0, 1)), 70_000))
    return mutation.text(rng, "1.2.3.4")


_KINDS: dict[str, Callable[[Random, Any, Pool], Any]] = {
    "structure": _structure,
    "list": _list,
    "string": _string,
    "integer": _number,
    "long": _number,
    "boolean": lambda rng, _, __: rng.random() < 0.5,
    "timestamp": lambda rng, _, __: rng.choice((1893499200, datetime(2030, 1, 1, tzinfo=UTC), 1e18, -1)),
    "blob": lambda rng, _, __: mutation.octets(rng, b"octets"),
}
