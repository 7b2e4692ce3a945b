"""External account bindings as clients get them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.support.acme_calls import AcmeClient, made_binding, made_directory
from tests.support.authority_steps import active_root

if TYPE_CHECKING:
    import pytest

    from chalicelib.runtime import Runtime


def test_mac_key_begins_with_no_hyphen(rt: Runtime, acm_pca: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`certbot --eab-hmac-key -x` would take it for an option."""
    directory = made_directory(rt, rt.settings.account_id, active_root(acm_pca))
    keys = [b"\xf8" + bytes(31), b"\xfb" + bytes(31), b"\xfc" + bytes(31)]  # "-", "-" and "_" in base64url
    monkeypatch.setattr(secrets, "token_bytes", lambda size: keys.pop(0) if keys else bytes(size))
    made = made_binding(rt, directory)
    monkeypatch.undo()
    assert made.hmac_key.startswith("_")
    assert AcmeClient(rt, directory.name).register(made).status == 201
