"""The protocols of the API: how each names operations, encodes bodies, and which headers must be signed.

Source: Smithy, "AWS JSON 1.1 protocol", "Smithy RPC v2 CBOR protocol" and "AWS query protocol"; AWS STS API reference,
"Common Errors".
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api import model
from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from chalicelib.api.sigv4 import WireRequest

FORM = "application/x-www-form-urlencoded"
STS = "sts"
_PREFIXES = {model.ACM_PCA: "ACMPrivateCA", model.ACM: "CertificateManager"}  # of the names of operations
_ROUTE = re.compile(r"/service/([^/]*)/operation/([^/]*)")  # may follow the name of a stage


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol.

    Attributes:
        content_type: of requests and responses.
        operation: reads the operation's name from a request.
        codec_name: the module with `decode`, `encode` and `encode_error`, imported at its first use.
        signed: headers that must be present and signed, because they select the operation.
        headers: of every response.
        errors: those whose code or status differs, by their name.
    """

    content_type: str
    operation: Callable[[WireRequest], str]
    codec_name: str
    signed: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def codec(self) -> ModuleType:
        """The module that decodes and encodes bodies."""
        return _codec(self.codec_name)

    def operation_of(self, request: WireRequest) -> str:
        """Return the name of the operation that a request calls.

        Raises:
            UnknownOperationException: there is no operation of that name.
            SerializationException: the request does not follow the protocol.
        """
        name = self.operation(request)
        if media_type_of(request.header("content-type")) != self.content_type:
            raise errors.SerializationException(f"The content type must be {self.content_type}.")
        return name


@cache
def _codec(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)


def protocol_of(request: WireRequest) -> Protocol:
    """Return the protocol of a request, by its path alone, which is always signed."""
    return CBOR if _ROUTE.search(request.path) else JSON


def service_of(request: WireRequest) -> str:
    """Return the service that a request is for, by its head: AWS Private CA's, unless it is one of the two others.

    A client signs for one service, so that no signature holds for two. Only the protocol of AWS STS has forms.
    """
    if request.method != "POST" or _ROUTE.search(request.path):
        return model.ACM_PCA
    target = request.header("x-amz-target")
    if target is None:
        return STS if media_type_of(request.header("content-type")) == FORM else model.ACM_PCA
    return model.ACM if target.startswith(f"{_PREFIXES[model.ACM]}.") else model.ACM_PCA


def media_type_of(content_type: str | None) -> str:
    """Return the type that a Content-Type header names, in lower case and without parameters; empty for none."""
    return (content_type or "").partition(";")[0].strip().lower()


def _json_operation(request: WireRequest, service: str = model.ACM_PCA) -> str:
    target = request.header("x-amz-target") or ""
    prefix, _, name = target.partition(".")
    return _known(name if prefix == _PREFIXES[service] else "", target, service)


def _cbor_operation(request: WireRequest) -> str:
    if request.header("x-amz-target") is not None:
        raise errors.SerializationException("X-Amz-Target does not belong to the CBOR protocol.")
    if request.header("smithy-protocol") != "rpc-v2-cbor":
        raise errors.SerializationException("The header smithy-protocol must be rpc-v2-cbor.")
    match = _ROUTE.search(request.path)
    prefix, name = match.groups() if match and match.end() == len(request.path) else ("", "")
    return _known(name if prefix == _PREFIXES[model.ACM_PCA] else "", request.path)


def _known(name: str, shown: str, service: str = model.ACM_PCA) -> str:
    if name not in model.operations(service):
        shown = re.sub(r"[^A-Za-z0-9_./]", "?", shown[:100])
        raise errors.UnknownOperationException(f"There is no operation '{shown}'.")
    return name


JSON = Protocol("application/x-amz-json-1.1", _json_operation, "json_codec", signed=("x-amz-target",))
ACM = replace(JSON, operation=partial(_json_operation, service=model.ACM))
REST = replace(JSON, content_type="application/json", signed=())  # of `signet_endpoints`
CBOR = Protocol("application/cbor", _cbor_operation, "cbor_codec", headers={"smithy-protocol": "rpc-v2-cbor"})
QUERY = Protocol(  # of `sts`
    "text/xml",
    lambda _: "",
    "query_codec",
    errors={
        "AccessDeniedException": ("AccessDenied", 403),
        "ExpiredIdentityToken": ("ExpiredTokenException", 400),
        "ExpiredTokenException": ("ExpiredToken", 403),
        "IncompleteSignatureException": ("IncompleteSignature", 400),
        "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
        "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
        "SerializationException": ("MalformedInput", 400),
        "ThrottlingException": ("Throttling", 400),
        "UnrecognizedClientException": ("InvalidClientTokenId", 403),
        "ValidationException": ("ValidationError", 400),
    },
)
