"""The fixtures that users of Signet have, under the names that they have there."""

from __future__ import annotations

from chalicelib.testing.plugin import _signet_of_session, acm_pca, signet, signet_ca_chain, signet_ca_root

__all__ = ["_signet_of_session", "acm_pca", "signet", "signet_ca_chain", "signet_ca_root"]
