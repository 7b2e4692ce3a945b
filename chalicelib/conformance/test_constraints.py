"""Constraints of botocore's model, which hold before anything is looked up: one request for each that breaks one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.conformance.requests import GOOD, service
from chalicelib.conformance.sources import about, model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

    from chalicelib.conformance.authorities import Target

ABSENT = object()
_NO_LIMIT, _LONG = 1 << 30, 1000


def good(operation: str, target: Target) -> dict[str, Any]:
    """A request that breaks nothing, for a CA that is not there."""
    if operation == "CreateCertificateAuthority":
        return target.asked()
    return {} if operation == "ListCertificateAuthorities" else GOOD[operation](target.missing())


def broken(shape: Shape) -> Iterator[tuple[str, Any]]:
    """Yield a name and a value for each constraint of a shape that the value breaks."""
    limits: dict[str, Any] = dict(shape.metadata)
    if "enum" in limits:
        yield "no value of the enumeration", "NONSENSE"
        return
    least, most = limits.get("min", 0), limits.get("max", _NO_LIMIT)
    makes = {"string": "a", "blob": b"a", "list": [""]}
    if (one := makes.get(shape.type_name)) is not None and shape.name != "Arn":
        yield from [("shorter than the shortest", one * (least - 1))] if least == 1 else []
        yield from (
            [("longer than the longest", one * (most + 1))] if most <= _LONG and shape.type_name == "string" else []
        )
    if shape.type_name in {"integer", "long"}:
        yield from [("less than the least", least - 1)] if "min" in limits else []
        yield from [("more than the most", most + 1)] if "max" in limits else []
    if value := _outside(limits):
        yield "outside the pattern", value


def _outside(limits: dict[str, Any]) -> str:
    """A text of a right length that does not fit the pattern; empty if there is none, or Python cannot read it."""
    pattern = limits.get("pattern", "")
    if not pattern or r"\p{" in pattern:
        return ""
    shortest = max(1, limits.get("min", 1))
    texts = ["*" * shortest, "\u20ac" * shortest, "a" * shortest]
    return next((text for text in texts if not re.fullmatch(pattern, text)), "")


def cases() -> list[Any]:
    """A case for each constraint of each operation's members, and of those of its structures."""
    found = []
    for operation in ("CreateCertificateAuthority", "ListCertificateAuthorities", *GOOD):
        shape = service().operation_model(operation).input_shape
        for path, member, required in _members(shape, ()):
            where = ".".join(path)
            breaks = [("absent", ABSENT)] if required else []
            for name, value in (*breaks, *broken(member)):
                mark = about(operation, model(f"{operation}, constraint of {where}"))
                found.append(pytest.param(operation, path, value, id=f"{operation}-{where}-{name}", marks=mark))
    return found


# Structures whose own members have constraints worth a probe; deeper ones repeat these shapes.
_ENTERED = {"CertificateAuthorityConfiguration", "RevocationConfiguration", "CrlConfiguration", "Subject", "Validity"}


def _members(shape: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Shape, bool]]:
    for name, member in shape.members.items():
        path = (*above, name)
        yield path, member, name in shape.required_members
        if name in _ENTERED and member.type_name == "structure":
            yield from _members(member, path)


def lower(path: tuple[str, ...]) -> str:
    """How a message names a member: by the Java names of AWS's classes."""
    return ".".join(name[0].lower() + name[1:] for name in path)


def applied(request: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The request with another value at a path, or without one."""
    name, *rest = path
    if rest:
        return request | {name: applied(request.get(name, {}), tuple(rest), value)}
    return {key: kept for key, kept in request.items() if key != name} | ({} if value is ABSENT else {name: value})


@pytest.mark.parametrize(("operation", "path", "value"), cases())
def test_constraint_is_a_validation_exception_that_names_the_member(
    target: Target, operation: str, path: tuple[str, ...], value: Any
) -> None:
    request = applied(good(operation, target), path, value)
    answer = target.wire.call(operation, **request)
    if operation == "CreateCertificateAuthority" and answer.status == 200:
        target.created(answer)
    answer.refused("ValidationException", text=f"'{lower(path)}")
