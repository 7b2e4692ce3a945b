"""What S3 answers when it refuses, given by the HTTP layer of a real client."""

from __future__ import annotations

from typing import Any

from botocore.awsrequest import AWSResponse


def refusal(code: str, status: int) -> Any:
    """A handler of `before-send` events: the error document with this code."""

    def refuse(**_: Any) -> Any:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

        class Raw:
            def stream(self, **_: Any) -> Any:
                yield body

        return AWSResponse("http://s3", status, {"content-type": "application/xml"}, Raw())  # type: ignore[arg-type]  # enough of one

    return refuse
