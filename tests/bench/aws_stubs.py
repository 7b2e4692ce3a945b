"""DynamoDB and KMS as canned answers in this process, without a network and without moto.

They stand in place of what botocore sends a request with, so that botocore's own work is real; or behind its
connections, so that urllib3's and http.client's is real, too. Nothing is encrypted.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSHTTPSConnection, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_TARGET = b"\r\nx-amz-target: "
_SERVICES = {"DynamoDB_20120810": "dynamodb", "TrentService": "kms"}  # by the prefix of a target


class Services:
    """The services as of one moment: they answer reads, and accept writes without making them.

    Attributes:
        calls: of each operation.
    """

    def __init__(self, items: list[dict[str, Any]], keys: dict[str, ec.EllipticCurvePrivateKey]) -> None:
        """Take the items of the table as DynamoDB's JSON has them, and CA keys by their aliases."""
        self.calls = Counter[str]()
        self._items = {(item["pk"]["S"], item["sk"]["S"]): item for item in items}
        self._keys, self._answers = keys, dict[tuple[str, bytes], bytes]()
        self._makers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "dynamodb.GetItem": self._get,
            "dynamodb.TransactWriteItems": lambda _: {},
            "kms.GetPublicKey": lambda asked: {"PublicKey": _text(_public(keys[asked["KeyId"]]))},
            "kms.Sign": self._sign,
        }

    def replace_sending(self, patch: pytest.MonkeyPatch) -> None:
        """Answer each request that botocore would send."""

        def send(_: URLLib3Session, request: Any) -> AWSResponse:
            body = self._answer(request.headers["X-Amz-Target"], request.body)
            return AWSResponse(request.url, 200, HTTPHeaders.from_dict(_headers(body)), _Body((body,)))

        patch.setattr(URLLib3Session, "send", send)

    def replace_connections(self, patch: pytest.MonkeyPatch) -> None:
        """Lead every HTTPS connection of botocore's here."""

        def connect(connection: Any) -> None:
            connection.sock, connection.is_verified = _Connection(self), True

        patch.setattr(AWSHTTPSConnection, "connect", connect)

    def answer(self, request: bytes) -> bytes:
        """Answer a request, both as sent over a connection."""
        head, _, body = request.partition(b"\r\n\r\n")
        begin = head.lower().index(_TARGET) + len(_TARGET)
        answer = self._answer(head[begin:].partition(b"\r\n")[0].decode(), body)
        headers = b"".join(b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in _headers(answer).items())
        return b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + answer

    def _answer(self, target: str, body: bytes) -> bytes:
        """Answer a request that repeats an earlier one with the earlier answer, except for signatures."""
        prefix, _, name = target.partition(".")
        call = f"{_SERVICES[prefix]}.{name}"
        self.calls[call] += 1
        asked = (call, b"" if name == "TransactWriteItems" else body)
        answer = self._answers.get(asked)
        if answer is None:
            answer = json.dumps(self._makers[call](json.loads(body))).encode()
            if name != "Sign":
                self._answers[asked] = answer
        return answer

    def _get(self, asked: Any) -> dict[str, Any]:
        item = self._items.get((asked["Key"]["pk"]["S"], asked["Key"]["sk"]["S"]))
        return {} if item is None else {"Item": item}

    def _sign(self, asked: Any) -> dict[str, Any]:
        digest = base64.b64decode(asked["Message"])
        signature = self._keys[asked["KeyId"]].sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return {"KeyId": asked["KeyId"], "Signature": _text(signature), "SigningAlgorithm": asked["SigningAlgorithm"]}


class _Body(tuple[bytes]):
    """The body of an answer, in one piece."""

    __slots__ = ()
    stream = tuple.__iter__


class _Connection:
    """A socket whose other end answers at once; its descriptor is one that never has anything to read."""

    def __init__(self, services: Services) -> None:
        self._services, self._asked = services, b""
        self._ends = socket.socketpair()

    def sendall(self, data: bytes) -> None:
        self._asked += data

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        asked, self._asked = self._asked, b""
        return io.BytesIO(self._services.answer(asked))

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        for end in self._ends:
            end.close()


def _headers(body: bytes) -> dict[str, str]:
    """The headers of an answer of DynamoDB's."""
    return {
        "Server": "Server",
        "Date": "Sun, 29 Nov 2026 12:00:00 GMT",
        "Content-Type": "application/x-amz-json-1.0",
        "Content-Length": str(len(body)),
        "Connection": "keep-alive",
        "x-amzn-RequestId": "B1CSO6IE7VN2GT6VP1HNBJIKTVVV4KQNSO5AEMVJF66Q9ASUAAJG",
        "x-amz-crc32": str(zlib.crc32(body)),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
