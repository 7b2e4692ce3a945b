"""A Signet for tests: in the process of a test, or as `signet serve --test`; docs/testing.md is the guide.

In tests everybody may do everything: any credentials are accepted, for any account and region. Nothing of this package
is imported by a home that serves.
"""

from __future__ import annotations

from chalicelib.testing.interception import mock_acm_pca

__all__ = ["mock_acm_pca"]
