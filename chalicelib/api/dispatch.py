"""One request: signature, decoding, constraints, the operation, encoding; and one exit for every error."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from chalicelib import errors, logs
from chalicelib.api import codec, constraints, model, sigv4
from chalicelib.buckets import BucketError
from chalicelib.keystore import KeyStoreError
from chalicelib.operations import access, authorities, ca_certificates, certificates, revocation, tags
from chalicelib.store import StoreError, ThrottledError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.records import AccessKey
    from chalicelib.runtime import Caller, Runtime

    Operation = Callable[[Runtime, Caller, Any], Any]

MAX_BODY_BYTES = 5 * 1024 * 1024
CONTENT_TYPE = "application/x-amz-json-1.1"
_PREFIX = "ACMPrivateCA."
_NOBODY = "-"  # no access key id has this form

OPERATIONS: dict[str, Operation] = {
    "CreateCertificateAuthority": authorities.create_certificate_authority,
    "DeleteCertificateAuthority": authorities.delete_certificate_authority,
    "DescribeCertificateAuthority": authorities.describe_certificate_authority,
    "GetCertificate": certificates.get_certificate,
    "GetCertificateAuthorityCertificate": ca_certificates.get_certificate_authority_certificate,
    "GetCertificateAuthorityCsr": ca_certificates.get_certificate_authority_csr,
    "ImportCertificateAuthorityCertificate": ca_certificates.import_certificate_authority_certificate,
    "IssueCertificate": certificates.issue_certificate,
    "ListCertificateAuthorities": authorities.list_certificate_authorities,
    "ListTags": tags.list_tags,
    "RestoreCertificateAuthority": authorities.restore_certificate_authority,
    "RevokeCertificate": revocation.revoke_certificate,
    "TagCertificateAuthority": tags.tag_certificate_authority,
    "UntagCertificateAuthority": tags.untag_certificate_authority,
    "UpdateCertificateAuthority": authorities.update_certificate_authority,
}


@dataclass(frozen=True, slots=True)
class WireResponse:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def handle(rt: Runtime, request: WireRequest, operations: Mapping[str, Operation] = OPERATIONS) -> WireResponse:
    """Answer a request; never raises."""
    request_id = str(uuid.uuid4())
    extra: dict[str, str] = {}
    try:
        status, body = 200, _answer(rt, request, operations)
    except errors.ApiError as error:
        status, body, extra = _refusal(error)
    except Exception as error:  # noqa: BLE001  the one exit
        status, body, extra = _refusal(_outage(error, request_id))
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id} | extra
    return WireResponse(status, body, headers)


def _answer(rt: Runtime, request: WireRequest, operations: Mapping[str, Operation]) -> bytes:
    if len(request.body) > MAX_BODY_BYTES:
        raise errors.RequestEntityTooLargeException(f"The body is longer than {MAX_BODY_BYTES} bytes.")
    name = _operation_name(request)
    caller = sigv4.verify(
        request,
        secret_of=partial(_secret, rt),
        even_out=partial(_even_out, rt),
        region=rt.settings.region,
        now=rt.now(),
    )
    described = model.operations()[name]
    if name not in operations:
        raise errors.UnknownOperationException(f"The operation {name} is not available here yet.")
    decoded = codec.decode(described.input, request.body)
    constraints.check(described.input, decoded)
    return codec.encode(described.output, operations[name](rt, caller, decoded))


def _operation_name(request: WireRequest) -> str:
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    target = request.header("x-amz-target") or ""
    name = target.removeprefix(_PREFIX)
    if not target.startswith(_PREFIX) or name not in model.operations():
        shown = re.sub(r"[^A-Za-z0-9_.]", "?", target[:100])
        raise errors.UnknownOperationException(f"There is no operation '{shown}'.")
    if content_type != CONTENT_TYPE:
        raise errors.SerializationException(f"The content type must be {CONTENT_TYPE}.")
    return name


def _secret(rt: Runtime, access_key_id: str) -> sigv4.Secret | None:
    key = rt.store.get_access_key(access_key_id)
    return None if key is None else sigv4.Secret(key.account_id, access.secret_of(rt, key))


def _even_out(rt: Runtime, found: bool) -> None:  # noqa: FBT001  the form that `sigv4.verify` asks for
    """Look up a key that is not there after one that is, and the other way round: every refusal takes both."""
    if _secret(rt, _NOBODY if found else _somebody(rt.store.list_access_keys)) is None and not found:
        _somebody.cache_clear()


@lru_cache(maxsize=8)
def _somebody(list_access_keys: Callable[[], list[AccessKey]]) -> str:
    """An access key that exists, looked up once."""
    return next((key.access_key_id for key in list_access_keys()), _NOBODY)


def _refusal(error: errors.ApiError) -> tuple[int, bytes, dict[str, str]]:
    headers = {"x-amzn-ErrorType": error.code}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return error.status, json.dumps({"__type": error.code, "message": error.message}).encode(), headers


def _outage(error: Exception, request_id: str) -> errors.ApiError:
    """What a client may know of an error that is not its own; the log has the rest."""
    logs.log_exception("request_failed", request_id=request_id)
    if isinstance(error, ThrottledError):
        return errors.ThrottlingException("Rate exceeded", retry_after_seconds=1)
    if isinstance(error, StoreError | KeyStoreError | BucketError):
        return errors.ServiceUnavailable("A part of the service does not answer; try again.", retry_after_seconds=1)
    return errors.InternalFailure("An internal failure occurred.")
