"""A Lambda execution environment: answers invocations from a socket, each a line of JSON.

It runs with the interpreter of the function's runtime, uses only the standard library, and ends with its socket.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import time
import traceback
from typing import Any


class Context:
    """The context of an invocation (AWS Lambda Developer Guide, "Python context object")."""

    def __init__(self, invocation: dict[str, Any]) -> None:
        environment = os.environ
        self.aws_request_id = invocation["invoke-id"]
        self.invoked_function_arn = invocation["invoked-function-arn"]
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = self.client_context = None
        self._deadline = invocation["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out."""
        return max(0, int((self._deadline - time.time()) * 1000))


def _handler() -> Any:
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    return getattr(importlib.import_module(module.replace("/", ".")), name)


def _failure(error: Exception) -> dict[str, Any]:
    frames = error.__traceback__.tb_next if error.__traceback__ else None  # without this file's frame
    traceback.print_exception(type(error), error, frames)
    kind = type(error).__name__
    if isinstance(error, ImportError):
        kind = "Runtime.ImportModuleError"
    return {"errorMessage": str(error), "errorType": kind, "stackTrace": traceback.format_tb(frames)}


def main() -> None:
    """Answer invocations until the socket is closed."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]  # instead of this file's folder
    handler = None
    for line in connection.makefile("rb"):
        invocation = json.loads(line)
        os.environ["_X_AMZN_TRACE_ID"] = invocation.get("trace-id") or ""
        failed = False
        try:
            handler = handler or _handler()
            payload = json.dumps(handler(json.loads(invocation["payload"] or "{}"), Context(invocation)))
        except Exception as error:
            failed, payload = True, json.dumps(_failure(error))
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(json.dumps({"failed": failed, "payload": payload}).encode() + b"\n")


if __name__ == "__main__":
    main()
