"""Stopping `start.py` at any moment leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

from .localstack_run import PROJECT, LocalStack
from .test_services import processes_in

MOMENTS = (0.0, 0.3, 2.0, 12.0)  # seconds: before the folder, before LocalStack, while it starts, while it deploys


class StopTest(unittest.TestCase):
    """SIGTERM as from a supervisor; SIGINT as from a keyboard, to each process of the group."""

    def test_a_signal_leaves_neither_process_nor_file(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            for seconds in MOMENTS:
                with self.subTest(signal=number, seconds=seconds):
                    self.stopped_after(seconds, number)

    def stopped_after(self, seconds: float, number: int) -> None:
        wanted = LocalStack()
        process = subprocess.Popen(
            [sys.executable, PROJECT / "localstack" / "start.py"],
            env={"LOCALSTACK_PORT": str(wanted.port), "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not wanted.state.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(process.pid, number)
        self.assertEqual(process.wait(timeout=90), 0)
        self.assertFalse(wanted.state.exists())
        self.assertEqual(processes_in(wanted.state), [])
