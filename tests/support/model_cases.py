"""What can be done to each member of an input shape, from botocore's model: pure, and nothing of Signet's in it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ServiceModel, Shape

MODEL = botocore.session.get_session().get_service_model("acm-pca")
ACM_MODEL = botocore.session.get_session().get_service_model("acm")
NOT_IN_ENUM, UNKNOWN, ABSENT = "NOT_A_MEMBER", "NotInTheModel", object()
# One of each kind of JSON; what is no value of a type is its wrong types.
KINDS: dict[str, Any] = {"string": "text", "number": 7, "boolean": True, "list": [], "structure": {}}
KIND_OF = {"integer": "number", "long": "number", "blob": "string"}
BEYOND = {"integer": 2**31, "long": 2**63}


@dataclass(frozen=True)
class Member:
    """A member in a request: its place, and what the model says about it."""

    place: tuple[str | int, ...]
    shape: Shape
    required: bool

    @property
    def path(self) -> str:
        """The place in the model: any item of a list is the same member."""
        return ".".join("[]" if isinstance(each, int) else each for each in self.place)

    @property
    def shown(self) -> str:
        """The place as AWS's texts name it."""
        steps = (f"{each + 1}.member" if isinstance(each, int) else each[0].lower() + each[1:] for each in self.place)
        return ".".join(steps)


@dataclass(frozen=True)
class Case:
    """What is done to a member, and what the model alone says about it.

    Attributes:
        value: what the member becomes; ABSENT: it is left out.
        code: the error that must come; None: the model has nothing against it.
    """

    name: str
    value: Any
    code: str | None

    def applied(self, request: dict[str, Any], member: Member) -> dict[str, Any]:
        """The request with the member changed."""
        made = copy.deepcopy(request)
        holder = _holder(made, member)
        if self.value is ABSENT:
            del holder[member.place[-1]]
        else:
            holder[member.place[-1]] = self.value
        return made


def input_of(operation: str, model: ServiceModel = MODEL) -> Shape:
    """The input shape of an operation."""
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    return shape


def paths(shape: Shape, at: tuple[str, ...] = ()) -> Iterator[str]:
    """Every member of a shape, at every depth."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():  # type: ignore[attr-defined]
            yield ".".join((*at, name))
            yield from paths(member, (*at, name))
    elif shape.type_name == "list":
        yield ".".join((*at, "[]"))
        yield from paths(shape.member, (*at, "[]"))  # type: ignore[attr-defined]


def members(shape: Shape, value: Any, place: tuple[str | int, ...] = ()) -> Iterator[Member]:
    """Every member that a request has."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            member = shape.members[name]  # type: ignore[attr-defined]
            required = name in shape.required_members
            yield Member((*place, name), member, required)
            yield from members(member, inner, (*place, name))
    elif shape.type_name == "list":
        for position, inner in enumerate(value):
            yield Member((*place, position), shape.member, required=False)  # type: ignore[attr-defined]
            yield from members(shape.member, inner, (*place, position))  # type: ignore[attr-defined]


def _holder(request: Any, member: Member) -> Any:
    for step in member.place[:-1]:
        request = request[step]
    return request


def cases(request: dict[str, Any], member: Member, *, every: bool) -> Iterator[Case]:
    """Everything that is done to one member of a good request; unless `every`, with one of the wrong types."""
    value = _holder(request, member)[member.place[-1]]
    if isinstance(member.place[-1], str):
        code = "ValidationException" if member.required else None
        yield Case("absent", ABSENT, code)
        yield Case("null", None, code)
    right = KIND_OF.get(member.shape.type_name, member.shape.type_name)
    wrong = [Case(f"a {kind}", value, "SerializationException") for kind, value in KINDS.items() if kind != right]
    one = len(member.path) % len(wrong)  # another one for the next member
    yield from wrong if every else [wrong[one]]
    if member.shape.type_name == "structure":
        yield Case("an unknown member", {**value, UNKNOWN: 1}, None)
    for name, changed, code in _limits(member.shape, value):
        yield Case(name, changed, code)


def _limits(shape: Shape, value: Any) -> Iterator[tuple[str, Any, str | None]]:
    kind, metadata = shape.type_name, shape.metadata
    least, most = metadata.get("min"), metadata.get("max")
    if kind in BEYOND:
        yield "a fraction", 1.5, "SerializationException"
        yield "beyond its type", BEYOND[kind], "SerializationException"
        yield from _at_and_past(least, most, lambda number: number)
    elif kind == "list":
        yield from _at_and_past(least, most, lambda count: [value[0]] * count)
    elif kind == "string" and "enum" in metadata:
        yield "no value of its own", NOT_IN_ENUM, "ValidationException"
        yield "a value in lower case", str(value).lower(), "ValidationException"
        for each in metadata["enum"]:
            yield f"the value {each}", each, None
    elif kind == "string":
        yield from _at_and_past(least, most, lambda count: _text(metadata.get("pattern"), count))
        changed = f"{value}\0*"[-(most or 100) :]
        if "pattern" in metadata and not _matches(metadata["pattern"], changed):
            yield "against its pattern", changed, "ValidationException"


def _at_and_past(least: int | None, most: int | None, made: Any) -> Iterator[tuple[str, Any, str | None]]:
    for name, number, code in (
        ("at its least", least, None),
        ("below its least", None if least is None else least - 1, "ValidationException"),
        ("at its most", most, None),
        ("above its most", None if most is None else most + 1, "ValidationException"),
    ):
        if number is None or (number < 0 and not isinstance(made(0), int)):
            continue
        found = made(number)
        if found is not None:
            yield name, found, code


def _text(pattern: str | None, count: int) -> str | None:
    """A text of a length that keeps the pattern, if one of these does."""
    dotted = "1.3" + ".1" * count
    arn = "arn:aws:acm-pca:us-east-1:000000000000:" + "a" * count
    for each in ("a" * count, "1" * count, dotted[:count], arn[:count], "/" * count):
        if len(each) == count and (pattern is None or _matches(pattern, each)):
            return each
    return None


def _matches(pattern: str, text: str) -> bool:
    plain = pattern.replace(r"\p{L}", "a-zA-Z").replace(r"\p{Z}", " ").replace(r"\p{N}", "0-9")
    return re.fullmatch(plain, text) is not None
