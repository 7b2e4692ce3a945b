"""Interception of calls by botocore's events: unmodified code of this process then talks to a Signet in it.

As with moto, a client is intercepted if it is made after this module is imported. The handler is
registered for `acm-pca` alone, and botocore calls it before moto's, which is registered for every service.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import handlers, loaders, session

from chalicelib.testing.collector import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.testing.signet import Signet

ACCOUNT = "123456789012"  # moto's, so that ARNs of both fit
REGION = "us-east-1"
_EVENT = "before-send.acm-pca"
_NOWHERE = "http://signet.invalid/"
_ACTIVE: list[Signet] = []
_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def mock_acm_pca(*, account_id: str = ACCOUNT, region: str = REGION, seed: int | None = None) -> Iterator[Signet]:
    """Answer every call of AWS Private CA that this process makes, as `moto.mock_aws` does for other services.

    Args:
        account_id: of credentials whose access key id is not itself an account of 12 digits.
        region: of requests that name none.
        seed: makes the same serial numbers, ARNs and CA keys each time; None: they are random.

    Yields:
        the Signet that answers; nested mocks hide outer ones.
    """
    with uncollected():
        from chalicelib.testing.signet import for_tests

        made = for_tests(account_id=account_id, region=region, seed=seed)
    with closing(made) as signet, intercepted_by(signet):
        yield signet


@contextmanager
def intercepted_by(signet: Signet) -> Iterator[None]:
    """Let a Signet answer; calls without credentials get some, and somebody's own ones stay."""
    import boto3

    kept, former = {name: os.environ.get(name) for name in _ENVIRONMENT}, boto3.DEFAULT_SESSION  # noqa: TID251  botocore's
    boto3.DEFAULT_SESSION = _new_session()  # the former one may have been made without the handler
    os.environ.update({name: value for name, value in _ENVIRONMENT.items() if not kept[name]})  # noqa: TID251
    _ACTIVE.append(signet)
    try:
        yield
    finally:
        _ACTIVE.remove(signet)
        boto3.DEFAULT_SESSION = former
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)  # noqa: TID251


def _new_session() -> Any:
    """Make a session that reads no file of botocore's again: that takes longer than all else that a test has to do."""
    import boto3

    inner = session.get_session()
    loader = _loader(inner.get_config_variable("data_path"))
    inner.register_component("data_loader", loader)
    made = boto3.Session(botocore_session=inner)
    paths = loader.search_paths
    paths[:] = dict.fromkeys(paths)  # each session of boto3's adds the same path
    return made


@cache
def _loader(path: str | None) -> Any:
    """Return what reads botocore's models and keeps them, for all sessions of this process with this `data_path`."""
    return loaders.create_loader(path)


def patch_client(client: Any) -> None:
    """Let a client be intercepted that was made before this module was imported."""
    client.meta.events.register_first(_EVENT, _before_send, unique_id=_EVENT)


def _before_send(request: Any, **_: Any) -> Any:
    """Answer a request of botocore's, if a mock is active."""
    if not _ACTIVE:
        return None
    from botocore.awsrequest import AWSResponse
    from botocore.compat import HTTPHeaders

    from chalicelib.api.sigv4 import WireRequest

    parts = urlsplit(request.url)
    headers = [(name.lower(), _text(value)) for name, value in request.headers.items()]
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    answer = _ACTIVE[-1].answer(
        WireRequest(
            method=request.method,
            path=parts.path or "/",
            query=parts.query,
            headers=(*headers, ("host", parts.netloc)),
            body=body,
        )
    )
    url, found = request.url, HTTPHeaders.from_pairs(list(answer.headers.items()))
    request.url = _NOWHERE  # every handler is called, and moto answers what has an address of AWS
    return AWSResponse(url, answer.status, found, _Raw(answer.body))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


class _Raw:
    """The body of an answer, as urllib3 would stream it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self._body


handlers.BUILTIN_HANDLERS.append((_EVENT, _before_send, handlers.REGISTER_FIRST))
