"""`signet share`: the owners whose CAs an account's lists show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from chalicelib.cli import signet
from chalicelib.config import Settings
from chalicelib.runtime import from_settings
from tests.support.authority_steps import create
from tests.support.client import client_for
from tests.support.policies import OTHER, documented

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop
OWNER = "000000000000"


def test_owner_is_accepted_and_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNET_DATA", str(tmp_path / "data"))
    client = client_for(from_settings(Settings(data=str(tmp_path / "data"))))
    for _ in range(2):
        arn = create(client)
        client.put_policy(ResourceArn=arn, Policy=documented(arn))

    def rows() -> list[list[str]]:
        output = CliRunner().invoke(signet, ["share", "list", "--account-id", OTHER]).output
        return [line.split() for line in output.splitlines()[1:] if line[:1].isdigit()]

    assert rows() == [[OWNER, "2", "no"]]
    assert CliRunner().invoke(signet, ["share", "accept", OWNER, "--account-id", OTHER]).exit_code == 0
    assert rows() == [[OWNER, "2", "yes"]]
    assert CliRunner().invoke(signet, ["share", "reject", OWNER, "--account-id", OTHER]).exit_code == 0
    assert rows() == [[OWNER, "2", "no"]]
    refused = CliRunner().invoke(signet, ["share", "accept", "12", "--account-id", OTHER])
    assert (refused.exit_code, "OWNER: must be 12 digits" in refused.output) == (2, True)
