"""Lambda functions as local processes, for LocalStack without containers.

Only Python runtimes are supported, without layers, memory limit or sandbox. Modules that are not in a function's
package come from its interpreter, as they come from the runtime on AWS.

LAMBDA_PROCESS_PYTHON_3_11 (and so on) names the interpreter of a runtime, LAMBDA_PROCESS_PYTHON that of all others.
Without them it is the interpreter on the PATH that has the runtime's name.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack import config
from signet_localstack.lambda_process import Process, ProcessExitError, ProcessTimeoutError

if TYPE_CHECKING:
    from localstack.services.lambda_.invocation.lambda_models import FunctionVersion

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_ADDRESS = "127.0.0.1"


class ProcessExecutor(RuntimeExecutor):
    """One execution environment; after a crash or a timeout the next invocation gets a new process."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002  LocalStack's name
        super().__init__(id=id, function_version=function_version)
        self._environment: dict[str, str] = {}
        self._process: Process | None = None
        self._lock = threading.RLock()

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the process."""
        code = str(self.function_version.config.code.get_unzipped_code_location())
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        configured = {name: str(value) for name, value in env_vars.items()}
        self._environment = inherited | configured | {"TZ": "UTC", "LAMBDA_TASK_ROOT": code}
        with self._lock:
            self._process = self._spawn()

    def _spawn(self) -> Process:
        python = interpreter(self.function_version.config.runtime or "")
        return Process(python, self._environment["LAMBDA_TASK_ROOT"], self._environment)

    def stop(self) -> None:
        """End the process, and a running invocation with it."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            if self._process is not None:
                self._process.close()
                self._process = None

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run an invocation; errors of the function are results, not exceptions."""
        with self._lock:
            if self._process is None or not self._process.alive:
                self.stop()
                self._process = self._spawn()
            return self._answer(self._process, payload)

    def _answer(self, process: Process, payload: dict[str, str]) -> InvocationResult:
        request_id, seconds = payload["invoke-id"], self.function_version.config.timeout
        begin = time.monotonic()
        kind = message = ""
        try:
            answer = process.ask({**payload, "deadline": time.time() + seconds}, seconds)
        except ProcessTimeoutError:
            kind, message = "Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds"
        except ProcessExitError as error:
            kind, message = "Runtime.ExitError", f"Runtime exited with error: {error}"
        written = process.new_logs()
        if kind:
            self.stop()
            message = f"RequestId: {request_id} Error: {message}"
            written += f"{message}\n"
            answer = {"failed": True, "payload": json.dumps({"errorType": kind, "errorMessage": message})}
        duration = (time.monotonic() - begin) * 1000
        logs = (
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n{written}"
            f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\n"
        )
        return InvocationResult(request_id, answer["payload"].encode(), answer["failed"], logs)

    def get_logs(self) -> str:
        """Return no logs: each invocation's result has its own."""
        return ""

    def get_address(self) -> str:
        """Return the address of the environment, for LocalStack."""
        return _ADDRESS

    def get_endpoint_from_executor(self) -> str:
        """Return the address of LocalStack, for the environment."""
        return _ADDRESS

    def get_runtime_endpoint(self) -> str:
        """Return the URL to which LocalStack's own environments report; these do not report."""
        return f"http://{_ADDRESS}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unzip the package."""
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Do nothing: LocalStack removes the unzipped package."""


def interpreter(runtime: str) -> str:
    """Return the path of a runtime's interpreter.

    Raises:
        RuntimeError: it is not a Python runtime, or there is no interpreter; the text says what to set.
    """
    if not runtime.startswith("python"):
        raise RuntimeError(f"The runtime '{runtime}' cannot run in a process: only Python runtimes can.")
    variable = f"LAMBDA_PROCESS_PYTHON_{runtime.removeprefix('python').replace('.', '_')}"
    path = os.environ.get(variable) or os.environ.get("LAMBDA_PROCESS_PYTHON") or shutil.which(runtime)
    if not path:
        raise RuntimeError(f"There is no {runtime} on the PATH: set {variable} to its interpreter.")
    return path
