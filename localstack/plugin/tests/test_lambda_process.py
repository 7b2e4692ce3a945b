"""Execution environments as processes: answers, timeouts, exits, logs and cleanup."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from contextlib import suppress
from pathlib import Path
from typing import Any

from signet_localstack.lambda_process import Process, ProcessExitError, ProcessTimeoutError

HANDLERS = """
    import json, os, signal, subprocess, sys, time
    from pathlib import Path

    calls = 0

    def echo(event, context):
        return {"event": event, "id": context.aws_request_id, "pid": os.getpid()}

    def count(event, context):
        global calls
        calls += 1
        return calls

    def left(event, context):
        return context.get_remaining_time_in_millis()

    def fail(event, context):
        raise KeyError("no such thing")

    def leave(event, context):
        os._exit(event)

    def die(event, context):
        os.kill(os.getpid(), event)

    def sleep(event, context):
        time.sleep(event)

    def hang_up(event, context):
        os.closerange(3, 1000)
        time.sleep(60)

    def say(event, context):
        print(event)
        print("to stderr", file=sys.stderr)

    def meet(event, context):
        Path(event["folder"], str(os.getpid())).touch()
        while len(list(Path(event["folder"]).iterdir())) < event["number"]:
            time.sleep(0.01)

    def child(event, context):
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid
"""


class ProcessTest(unittest.TestCase):
    """Each test has a folder with the handlers."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.code = Path(folder.name)
        (self.code / "handlers.py").write_text(textwrap.dedent(HANDLERS))

    def process(self, handler: str) -> Process:
        environment = {
            "PATH": os.environ["PATH"],
            "_HANDLER": f"handlers.{handler}",
            "LAMBDA_TASK_ROOT": str(self.code),
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        }
        made = Process(sys.executable, str(self.code), environment)
        self.addCleanup(made.close)
        return made

    def ask(self, process: Process, payload: str = "{}", seconds: float = 30) -> dict[str, Any]:
        invocation = {"invoke-id": "id-1", "invoked-function-arn": "arn", "payload": payload}
        return process.ask({**invocation, "deadline": time.time() + seconds}, seconds)

    def test_answers_with_what_the_handler_returns(self) -> None:
        process = self.process("echo")
        answer = self.ask(process, '{"a": "\\u00e9\\n"}')
        self.assertEqual(answer["failed"], False)
        self.assertEqual(answer["payload"], f'{{"event": {{"a": "\\u00e9\\n"}}, "id": "id-1", "pid": {process.pid}}}')

    def test_stays_warm(self) -> None:
        process = self.process("count")
        self.assertEqual([self.ask(process)["payload"] for _ in range(3)], ["1", "2", "3"])

    def test_says_how_long_it_has(self) -> None:
        self.assertLessEqual(int(self.ask(self.process("left"), seconds=7)["payload"]), 7000)

    def test_an_error_of_the_handler_is_an_answer(self) -> None:
        process = self.process("fail")
        answer = self.ask(process)
        self.assertTrue(answer["failed"])
        self.assertIn('"errorType": "KeyError"', answer["payload"])
        self.assertIn("KeyError: 'no such thing'", process.new_logs())
        self.assertTrue(process.alive)

    def test_a_missing_handler_is_an_answer(self) -> None:
        (self.code / "handlers.py").write_text("import no_such_module")
        self.assertIn("Runtime.ImportModuleError", self.ask(self.process("echo"))["payload"])

    def test_an_exit_and_a_signal_are_told_as_lambda_tells_them(self) -> None:
        for handler, number, said in (("leave", 3, "exit status 3"), ("die", 9, "signal: killed")):
            with self.assertRaises(ProcessExitError) as caught:
                self.ask(self.process(handler), str(number))
            self.assertEqual(str(caught.exception), said)

    def test_a_handler_that_closes_the_connection_does_not_hang_its_caller(self) -> None:
        with self.assertRaises(ProcessExitError):
            self.ask(self.process("hang_up"))

    def test_an_answer_that_comes_late_is_a_timeout(self) -> None:
        with self.assertRaises(ProcessTimeoutError):
            self.ask(self.process("sleep"), "60", seconds=0.3)

    def test_logs_are_those_since_the_last_call(self) -> None:
        process = self.process("say")
        self.ask(process, '"first"')
        self.assertEqual(process.new_logs(), "first\nto stderr\n")
        self.ask(process, '"second"')
        self.assertEqual(process.new_logs(), "second\nto stderr\n")
        self.ask(process, f'"{"x" * 5_000_000}"')
        self.assertEqual(len(process.new_logs()), 5_000_000 + len("\nto stderr\n"))
        self.ask(process, '"after"')
        self.assertEqual(process.new_logs(), "after\nto stderr\n")

    def test_eight_run_at_one_time(self) -> None:
        """Each waits for the others."""
        folder = self.code / "met"
        folder.mkdir()
        payload = f'{{"folder": "{folder}", "number": 8}}'
        answers: list[Any] = []
        processes = [self.process("meet") for _ in range(8)]
        threads = [
            threading.Thread(target=lambda process=process: answers.append(self.ask(process, payload)["failed"]))
            for process in processes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [False] * 8)

    def test_descriptors_above_1024_are_as_good_as_others(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        descriptors_open = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        try:
            self.assertFalse(self.ask(self.process("echo"))["failed"])
        finally:
            for descriptor in descriptors_open:
                os.close(descriptor)

    def test_nothing_is_left_of_it(self) -> None:
        before = descriptors()
        process = self.process("child")
        child = int(self.ask(process)["payload"])
        process.close()
        with self.assertRaises(ProcessLookupError):
            os.kill(process.pid, 0)
        for _ in range(100):
            if state_of(child) in {"", "Z"}:  # who adopted it may not have waited for it yet
                break
            time.sleep(0.05)
        self.assertIn(state_of(child), {"", "Z"})
        self.assertEqual(descriptors(), before)

    def test_it_ends_with_its_parent_s_connection(self) -> None:
        process = self.process("echo")
        self.ask(process)
        process._connection.close()  # as when LocalStack is killed
        self.assertEqual(process._process.wait(timeout=30), 0)


def descriptors() -> set[str]:
    """Return the descriptors that this process has open."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def state_of(pid: int) -> str:
    """Return the state letter of a process; empty if there is no such process."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
