"""The entry point for pytest: loads the suite's plugin in the runs that name the suite, and in no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Load the options and fixtures of the suite; --pyargs would find a conftest.py only after options are read."""
    if any(str(__package__) in argument.replace(os.sep, ".") for argument in args):
        early_config.pluginmanager.import_plugin(f"{__package__}.plugin")
