"""The audit record of a real server that is killed under load: nothing that was answered is missing (docs/audit.md)."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.authority_steps import active_root, issue
from tests.support.home import Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.laptop

ROUNDS, WRITERS, EACH = 3, 4, 6


def test_every_answer_of_a_killed_server_is_on_record(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", SIGNET_AUDIT_FILE_MEGABYTES="1")
    home.start()
    arn = active_root(home.client())
    answered: list[str] = []
    for _ in range(ROUNDS):
        enough = threading.Event()

        def work(enough: threading.Event = enough) -> None:
            client = home.client()
            while True:
                try:
                    answered.append(issue(client, arn))
                except (BotoCoreError, ClientError):
                    return
                if len(answered) % (WRITERS * EACH) == 0:
                    enough.set()

        threads = [threading.Thread(target=work) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        home.signet("principal", "list")  # while the server is busy
        home.stop(signal.SIGKILL)
        for thread in threads:
            thread.join()
        home.start()
    home.signet("principal", "create", "ci")  # another process appends while the server runs
    verified = home.signet("audit", "verify")
    assert "records are as they were written" in verified.stdout
    found = home.signet("audit", "search", "--operation", "IssueCertificate", "--limit", "100000", "--json").stdout
    issued = [json.loads(line)["responseElements"] for line in found.splitlines()]
    recorded = {each["certificateArn"] for each in issued if each}
    assert len(answered) >= WRITERS * EACH
    assert set(answered) <= recorded
    assert home.stop() == 0
    assert home.signet("audit", "verify").returncode == 0
