"""Tests of compact JSON."""

from __future__ import annotations

import json
from json import encoder
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(_VALUES, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_it_writes_what_the_standard_library_does(
    value: Any,
    ensure_ascii: bool,
    separators: tuple[str, str],
) -> None:
    expected = json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)
    assert json_text.writer(ensure_ascii=ensure_ascii, separators=separators)(value) == expected


def test_what_json_does_not_know_is_converted_or_refused() -> None:
    assert json_text.writer(default=str)({"at": 1j}) == '{"at":"1j"}'
    with pytest.raises(TypeError, match="not JSON serializable"):
        json_text.writer()({"at": 1j})


def test_without_the_encoder_in_c_it_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "c_make_encoder", None)  # as in `json` without it
    plain: Callable[[Any], str] = json_text.writer()
    assert plain({"ü": [1, None]}) == '{"\\u00fc":[1,null]}'
