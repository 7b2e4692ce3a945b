"""The frozen dataclasses of Signet behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import frozen

SOURCES = Path(frozen.__file__).parent


class Positional:
    """A class with every kind of field."""

    name: str
    number: int = 7
    items: list[str] = dataclasses.field(default_factory=list)
    secret: str = dataclasses.field(default="s", repr=False)
    ignored: int = dataclasses.field(default=0, compare=False)
    late: int = dataclasses.field(default=1, kw_only=True)


class Keywords:
    """A class whose fields are keywords, with a method, a property and a representation of its own."""

    first: tuple[int, ...]
    second: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def total(self) -> int:
        """The sum of the first field."""
        return sum(self.first)

    def __repr__(self) -> str:
        return "mine"


CASES = [
    (Positional, {}, {"name": "a"}),
    (Positional, {"slots": True}, {"name": "a", "items": ["x"], "late": 4}),
    (Keywords, {"kw_only": True}, {"first": (1, 2)}),
    (Keywords, {"slots": True, "kw_only": True}, {"first": (1, 2), "second": {"a": 1}}),
]


def both(cls: type, options: dict[str, bool]) -> tuple[Any, Any]:
    """The same class by the standard library and by Signet."""
    makers: tuple[Any, Any] = (dataclasses.dataclass, frozen.dataclass)
    theirs, ours = [maker(frozen=True, **options)(type(cls.__name__, (), _body(cls))) for maker in makers]
    return theirs, ours


def _body(cls: type) -> dict[str, Any]:
    return {name: value for name, value in vars(cls).items() if name not in {"__dict__", "__weakref__"}}


@pytest.mark.parametrize(("cls", "options", "values"), CASES)
def test_instances_are_those_of_the_standard_library(
    cls: type, options: dict[str, bool], values: dict[str, Any]
) -> None:
    theirs, ours = both(cls, options)
    expected, made = theirs(**values), ours(**values)
    assert repr(made) == repr(expected)
    assert dataclasses.asdict(made) == dataclasses.asdict(expected)
    assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]
    assert ours.__match_args__ == theirs.__match_args__
    assert hasattr(made, "__dict__") == hasattr(expected, "__dict__")
    assert made == ours(**values)
    assert made != expected
    assert made != dataclasses.replace(made, **{next(iter(values)): "other"})
    assert dataclasses.replace(made) == copy.copy(made) == copy.deepcopy(made) == made


def test_what_compares_and_hashes_is_what_the_standard_library_takes() -> None:
    for made in both(Positional, {"slots": True}):
        assert made("a", ignored=1) == made("a", ignored=2)
        assert made("a", late=1) != made("a", late=2)
        with pytest.raises(TypeError, match="unhashable type: 'list'"):
            hash(made("a"))
        hashable = made("a", items=())
        assert {hashable: 1}[made("a", items=(), ignored=2)] == 1


def test_each_instance_has_containers_of_its_own() -> None:
    _, ours = both(Positional, {"slots": True})
    assert ours("a").items is not ours("a").items


@pytest.mark.parametrize("options", [{}, {"slots": True}])
def test_fields_cannot_be_changed(options: dict[str, bool]) -> None:
    _, ours = both(Positional, options)
    made = ours("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="'name'"):
        made.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="'name'"):
        del made.name
    with pytest.raises(dataclasses.FrozenInstanceError, match="'other'"):
        made.other = 1
    assert made == ours("a")


@pytest.mark.parametrize("options", [{}, {"slots": True}])
def test_arguments_are_checked(options: dict[str, bool]) -> None:
    _, ours = both(Positional, options)
    for arguments, named in (((), {}), (("a", 1, [], "s", 0, 1), {}), (("a",), {"unknown": 1})):
        with pytest.raises(TypeError, match=r"Positional\.__init__\(\)"):
            ours(*arguments, **named)
    with pytest.raises(ValueError, match="mutable default"):
        frozen.dataclass(frozen=True)(type("Wrong", (), {"__annotations__": {"a": "list"}, "a": []}))


@frozen.dataclass(frozen=True, slots=True)
class Pickled:
    """A class that pickle finds by its name."""

    name: str


def test_instances_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Pickled("a"))) == Pickled("a")


def test_every_frozen_dataclass_of_signet_is_made_this_way() -> None:
    slow = [
        path.relative_to(SOURCES)
        for path in SOURCES.rglob("*.py")
        if re.search(r"^from dataclasses import .*\bdataclass\b", text := path.read_text(), re.MULTILINE)
        and re.search(r"^@dataclass\(frozen=True", text, re.MULTILINE)
    ]
    assert {path.parts[0] for path in slow} == {"conformance"}  # which imports nothing of Signet
