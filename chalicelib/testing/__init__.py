"""A Signet for tests: in the process of a test, or as `signet serve --test`; docs/testing.md is the guide.

In tests everybody may do everything: any credentials are accepted, for any account and region. A home never imports
this package, and it is not part of the package for AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.testing.interception import mock_acm_pca

__all__ = ["mock_acm_pca"]


def __getattr__(name: str) -> Any:
    """Import what intercepts botocore when it is asked for: the server for tests needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from chalicelib.testing.interception import mock_acm_pca

    return mock_acm_pca
