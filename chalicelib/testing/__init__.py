"""A Signet for tests: in the process of a test, or as `signet serve --test`; docs/testing.md is the guide.

In tests everybody may do everything: any credentials are accepted, for any account and region. A home never imports
this package, and it is not part of the package for AWS.
"""

from __future__ import annotations

from chalicelib.testing.interception import mock_acm_pca

__all__ = ["mock_acm_pca"]
