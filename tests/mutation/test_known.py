"""The known changes still fit the sources; `make mutants` runs their tests."""

from __future__ import annotations

import pytest

from tests.mutation.known import KNOWN, Mutant
from tests.mutation.tree import ROOT


@pytest.mark.parametrize("mutant", KNOWN, ids=lambda mutant: mutant.name)
def test_change_fits_the_source_and_has_a_test(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text()
    assert mutant.applied(source) != source
    path, _, name = mutant.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text() if name else (ROOT / path).is_file()
