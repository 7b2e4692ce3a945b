"""Lean calls of AWS's JSON services: a client of botocore's whose calls take less processor time.

botocore sends each request, retries it, reads the answer and raises the errors, as ever. But before that it resolves a
set of rules for the address, walks the shapes of parameters, and builds and signs a request in a dozen steps, of which
most concern other services. Here the address is the client's, parameters are JSON with base64 for bytes, and one
function builds and signs a request.

Source: Smithy 2.0, "AWS JSON 1.0 protocol"; AWS IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore
from botocore.awsrequest import AWSPreparedRequest
from botocore.endpoint import Endpoint
from botocore.exceptions import NoCredentialsError
from botocore.hooks import first_non_none_response
from botocore.parsers import JSONParser, ResponseParserFactory

from chalicelib import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_TESTED = (1, 44)  # a client of a later botocore stays as it is: what is not documented may have changed
_SIGNED = ("content-type", "host", "x-amz-")  # headers by how they begin; proxies may change others


def make_lean(client: Any) -> None:
    """Make a client's calls cheaper if its service speaks JSON.

    Handlers see the same events, except those of the address and of signing.
    """
    version = tuple(int(part) for part in botocore.__version__.split(".")[:2])
    with suppress(AttributeError, TypeError):  # an earlier botocore lacks some names
        at_root = urlsplit(client.meta.endpoint_url).path in {"", "/"}
        if version <= LAST_TESTED and at_root and client.meta.service_model.resolved_protocol == "json":
            client._make_api_call = _Calls(client).call  # noqa: SLF001  each method of a client ends there


class _Calls:
    """What stands for a client's `_make_api_call`."""

    def __init__(self, client: Any) -> None:
        self._client, self._events, self._model = client, client.meta.events, client.meta.service_model
        self._endpoint, self._id = _Endpoint(client), self._model.service_id.hyphenize()
        self._context = {"client_config": client.meta.config, "client_region": client.meta.region_name}
        self._type = f"application/x-amz-json-{self._model.metadata['jsonVersion']}"

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Call an operation; raise what botocore raises."""
        model, event, context = self._model.operation_model(operation), f"{self._id}.{operation}", {**self._context}
        about = {"model": model, "context": context}
        provided = self._events.emit(f"provide-client-params.{event}", params=parameters, **about)
        parameters = first_non_none_response(provided, default=parameters)
        self._events.emit(f"before-parameter-build.{event}", params=parameters, **about)
        target = f"{self._model.metadata['targetPrefix']}.{operation}"
        headers = {"Content-Type": self._type, "X-Amz-Target": target}
        request = {"headers": headers, "body": _json(parameters).encode(), "context": context}
        _, answer = self._events.emit_until_response(f"before-call.{event}", params=request, **about)
        http, parsed = answer or self._answer(event, model, request)
        self._events.emit(f"after-call.{event}", http_response=http, parsed=parsed, **about)
        if http.status_code >= 300:
            raise self._client.exceptions.from_code(parsed.get("Error", {}).get("Code"))(parsed, operation)
        return parsed

    def _answer(self, event: str, model: Any, request: dict[str, Any]) -> Any:
        try:
            return self._endpoint.make_request(model, request)
        except Exception as error:
            self._events.emit(f"after-call-error.{event}", exception=error, context=request["context"])
            raise


class _Endpoint(Endpoint):
    """botocore's endpoint, which makes a request anew for each attempt."""

    def __init__(self, client: Any) -> None:
        meta, its_own = client.meta, client._endpoint  # noqa: SLF001  its connections have the client's time limits
        super().__init__(meta.endpoint_url, "", meta.events, _Parsers(), its_own.http_session)
        self._url = f"{meta.endpoint_url.rstrip('/')}/"
        self._fixed = {"Host": urlsplit(self._url).netloc, "User-Agent": meta.config.user_agent}
        self._scope = f"{meta.region_name}/{meta.service_model.signing_name}/aws4_request"
        self._credentials = client._get_credentials()  # noqa: SLF001  they renew themselves

    def create_request(self, params: Mapping[str, Any], operation_model: Any = None) -> AWSPreparedRequest:  # noqa: ARG002  botocore's signature
        """Return the request, signed as of now."""
        if self._credentials is None:
            raise NoCredentialsError
        credentials, moment = self._credentials.get_frozen_credentials(), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers: Any = {**params["headers"], **self._fixed, "X-Amz-Date": moment}
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        headers["Authorization"] = authorization(headers, params["body"], credentials, f"{moment[:8]}/{self._scope}")
        return AWSPreparedRequest("POST", self._url, headers, params["body"], stream_output=False)


class _Parsers(ResponseParserFactory):
    """One parser for all answers."""

    def create_parser(self, protocol_name: str) -> Any:  # noqa: ARG002  there is only JSON
        return _PARSER


class _Parser(JSONParser):
    """botocore's parser, which need not look at the answer to a write that succeeded."""

    def parse(self, response: Any, shape: Any) -> Any:
        return {} if response["status_code"] == 200 and response["body"] == b"{}" else super().parse(response, shape)


def authorization(headers: Mapping[str, str], body: bytes, credentials: Any, scope: str) -> str:
    """Sign a POST of the path /, without a query; return the header."""
    signed = sorted([(low, value) for name, value in headers.items() if (low := name.lower()).startswith(_SIGNED)])
    names, lines = ";".join([name for name, _ in signed]), "".join([f"{name}:{value}\n" for name, value in signed])
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{digest}"
    signature = hmac.digest(_signing_key(credentials.secret_key, scope), text.encode(), "sha256").hex()
    claim = f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return f"AWS4-HMAC-SHA256 {claim}"


@lru_cache(8)  # secrets of the process's own role, which botocore has in memory, too
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


_json = json_text.writer(default=_base64)
_PARSER = _Parser()
