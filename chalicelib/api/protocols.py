"""The protocols of the API: how each names an operation, writes its bodies, and what its signature has to cover.

Source: Smithy, "AWS JSON 1.1 protocol" and "Smithy RPC v2 CBOR protocol".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api import model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from chalicelib.api.sigv4 import WireRequest

_PREFIX = "ACMPrivateCA"
_ROUTE = re.compile(r"/service/([^/]*)/operation/([^/]*)")  # behind a stage's name, perhaps


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol.

    Attributes:
        content_type: of requests and answers.
        operation: reads the name of the operation that a request asks for.
        codec_name: the module with `decode`, `encode` and `encode_error`; what nobody speaks is not imported.
        signed: headers that must be there and signed, because they decide what is done.
        headers: of every answer.
    """

    content_type: str
    operation: Callable[[WireRequest], str]
    codec_name: str
    signed: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def codec(self) -> ModuleType:
        """The module that reads and writes bodies."""
        return import_module(f"chalicelib.api.{self.codec_name}")

    def operation_of(self, request: WireRequest) -> str:
        """The name of the operation that a request asks for.

        Raises:
            UnknownOperationException: there is none of that name.
            SerializationException: the request has not the protocol's form.
        """
        name = self.operation(request)
        given = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if given != self.content_type:
            raise errors.SerializationException(f"The content type must be {self.content_type}.")
        return name


def protocol_of(request: WireRequest) -> Protocol:
    """The protocol of a request: its path alone decides, and a signature always covers it."""
    return CBOR if _ROUTE.search(request.path) else JSON


def _json_operation(request: WireRequest) -> str:
    target = request.header("x-amz-target") or ""
    prefix, _, name = target.partition(".")
    return _known(name if prefix == _PREFIX else "", target)


def _cbor_operation(request: WireRequest) -> str:
    if request.header("x-amz-target") is not None:
        raise errors.SerializationException("X-Amz-Target does not belong to the CBOR protocol.")
    if request.header("smithy-protocol") != "rpc-v2-cbor":
        raise errors.SerializationException("The header smithy-protocol must be rpc-v2-cbor.")
    match = _ROUTE.search(request.path)
    prefix, name = match.groups() if match and match.end() == len(request.path) else ("", "")
    return _known(name if prefix == _PREFIX else "", request.path)


def _known(name: str, shown: str) -> str:
    if name not in model.operations():
        shown = re.sub(r"[^A-Za-z0-9_./]", "?", shown[:100])
        raise errors.UnknownOperationException(f"There is no operation '{shown}'.")
    return name


JSON = Protocol("application/x-amz-json-1.1", _json_operation, "json_codec", signed=("x-amz-target",))
REST = replace(JSON, content_type="application/json", signed=())  # the extensions beside AWS's API
CBOR = Protocol("application/cbor", _cbor_operation, "cbor_codec", headers={"smithy-protocol": "rpc-v2-cbor"})
