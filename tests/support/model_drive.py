"""Every member of the input of an operation: present, absent, at its limits and past them, and what the answers are."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.access import access_keys
from tests.support.client import send
from tests.support.model_cases import MODEL, Case, Member, cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ServiceModel

    from tests.support.traces import Traces

# Errors that any operation may answer with.
COMMON = {"ValidationException", "SerializationException", "ThrottlingException"}
URL = "http://127.0.0.1:8000/"


class Wire:
    """Requests of any content, and what is stored."""

    def __init__(self, rt: Any, traces: Traces, model: ServiceModel = MODEL) -> None:
        self.model, self._looks = model, (traces.ca_keys, traces.objects, traces.state)
        root = access_keys.ensure_root_key(rt)
        self.credentials = Credentials(root.access_key_id, root.secret)

    def call(self, operation: str, request: dict[str, Any]) -> tuple[int, str, str]:
        """Send a request; status, code and message."""
        body = json.dumps(request, default=lambda value: base64.b64encode(value).decode()).encode()
        prefix = self.model.metadata["targetPrefix"]
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{prefix}.{operation}"}
        made = AWSRequest("POST", URL, headers=headers | {"host": "127.0.0.1:8000"}, data=body)
        SigV4Auth(self.credentials, self.model.signing_name, "us-east-1").add_auth(made)
        status, _, raw = send("POST", URL, list(made.headers.items()), body)
        answer = json.loads(raw) if raw else {}
        return status, str(answer.get("__type", "")).rpartition("#")[2], str(answer.get("message", ""))

    def stored(self) -> list[Any]:
        """What differs as soon as anything else has been written."""
        return [look() for look in self._looks]

    def has_stored_since(self, before: list[Any]) -> bool:
        """Whether anything has been written since; most CAs are new keys, before all of the state is read."""
        return any(look() != seen for look, seen in zip(self._looks, before, strict=True))


def broken(model: ServiceModel, operation: str, shown: str, case: Case, answer: tuple[int, str, str]) -> str | None:
    """Which rule of this file an answer breaks."""
    status, code, message = answer
    if status >= 500 or status not in {200, 400, 409, 413}:
        return f"status {status} {code}"
    if status == 200:
        return None if case.code is None else f"not refused with {case.code}"
    return _broken_by_refusal(model, operation, shown, case, code, message)


def _broken_by_refusal(  # noqa: PLR0917  what is judged
    model: ServiceModel, operation: str, shown: str, case: Case, code: str, message: str
) -> str | None:
    allowed = COMMON | {each.name for each in model.operation_model(operation).error_shapes}
    if code not in allowed or not message:
        return f"{code} is no error of the operation"
    if case.code is not None and code != case.code:
        return f"{code} ({message}) instead of {case.code}"
    if case.code == "ValidationException" and f"'{shown}" not in message:
        return f"the refusal does not name the place: {message}"
    if case.code is None and f"at '{shown}'" in message and "failed to satisfy constraint" in message:
        return f"the model has nothing against it, but: {message}"
    return None


def drive(
    wire: Wire, operation: str, listed: list[Member], make: Callable[[], dict[str, Any]], *, every: bool
) -> Iterator[str]:
    """Do everything to each member, and tell which rules the answers break."""
    good = make()
    before = wire.stored()
    for member in listed:
        for case in cases(good, member, every=every):
            status, code, message = wire.call(operation, case.applied(good, member))
            problem = broken(wire.model, operation, member.shown, case, (status, code, message))
            if wire.has_stored_since(before):
                if status != 200:
                    problem = f"refused with {code} ({message}), but something was stored"
                good = make()
                before = wire.stored()
            if problem is not None:
                yield f"{member.path}, {case.name}: {problem}"
