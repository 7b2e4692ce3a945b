"""A request's way: signature, decoding, constraints, the operation, encoding; and one exit for every error."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cache, lru_cache, partial
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib import errors, logs, recording
from chalicelib.access import access_keys, authorization, conditions, role_sessions
from chalicelib.api import constraints, iam_callers, model, protocols, sigv4, throttling
from chalicelib.audit import AuditError, notes
from chalicelib.buckets import BucketError
from chalicelib.ca import find
from chalicelib.frozen import dataclass
from chalicelib.journal import JournalError
from chalicelib.journal.journal import NotServingError
from chalicelib.keystore import KeyStoreError, KeyStoreThrottledError
from chalicelib.store import StoreError, ThrottledError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from chalicelib.api.protocols import Protocol
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Caller, Runtime

    Operation = Callable[[Runtime, Caller, Any], Any]

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_HEADER_BYTES = 16 * 1024  # with the path and the query; API Gateway takes 10,240 bytes of headers
_CA_MEMBERS = frozenset({"CertificateAuthorityArn", "ResourceArn"})
_OUTAGE = "A part of the service does not answer; try again."
_NO_KEY = "-"  # no access key id has this form


def _later(module: str, function: str) -> Operation:
    """Return an operation whose module its first call imports; most processes call few."""

    def call(rt: Runtime, caller: Caller, request: Any) -> Any:
        return getattr(_operations_in(module), function)(rt, caller, request)

    return call


@cache
def _operations_in(module: str) -> ModuleType:
    return import_module(f"..operations.{module}", __package__)


OPERATIONS: dict[str, Operation] = {
    "CreateCertificateAuthority": _later("creation", "create_certificate_authority"),
    "CreateCertificateAuthorityAuditReport": _later("audit_reports", "create_certificate_authority_audit_report"),
    "CreatePermission": _later("permissions", "create_permission"),
    "DeleteCertificateAuthority": _later("authorities", "delete_certificate_authority"),
    "DeletePermission": _later("permissions", "delete_permission"),
    "DeletePolicy": _later("policies", "delete_policy"),
    "DescribeCertificateAuthority": _later("authorities", "describe_certificate_authority"),
    "DescribeCertificateAuthorityAuditReport": _later("audit_reports", "describe_certificate_authority_audit_report"),
    "GetCertificate": _later("certificates", "get_certificate"),
    "GetCertificateAuthorityCertificate": _later("ca_certificates", "get_certificate_authority_certificate"),
    "GetCertificateAuthorityCsr": _later("ca_certificates", "get_certificate_authority_csr"),
    "GetPolicy": _later("policies", "get_policy"),
    "ImportCertificateAuthorityCertificate": _later("ca_certificates", "import_certificate_authority_certificate"),
    "IssueCertificate": _later("certificates", "issue_certificate"),
    "ListCertificateAuthorities": _later("authorities", "list_certificate_authorities"),
    "ListPermissions": _later("permissions", "list_permissions"),
    "ListTags": _later("tags", "list_tags"),
    "PutPolicy": _later("policies", "put_policy"),
    "RestoreCertificateAuthority": _later("authorities", "restore_certificate_authority"),
    "RevokeCertificate": _later("revocation", "revoke_certificate"),
    "TagCertificateAuthority": _later("tags", "tag_certificate_authority"),
    "UntagCertificateAuthority": _later("tags", "untag_certificate_authority"),
    "UpdateCertificateAuthority": _later("authorities", "update_certificate_authority"),
}


@dataclass(frozen=True, slots=True)
class WireResponse:
    """An HTTP response; the server may send its body from a file."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None


def handle(rt: Runtime, request: WireRequest, operations: Mapping[str, Operation] = OPERATIONS) -> WireResponse:
    """Answer a request of AWS Private CA; never raises."""
    protocol = protocols.protocol_of(request)
    return respond(request, protocol, lambda: _answer(rt, protocol, request, operations))


def respond(request: WireRequest, protocol: Protocol, answer: Callable[[], bytes]) -> WireResponse:
    """Return the answer or the refusal with its headers: the one exit of every request, which never raises."""
    extra: dict[str, str] = {}
    origin = request.origin("api")
    request_id = origin.request_id
    try:
        check_size(request)
        with notes.arriving(origin):
            status, body = 200, answer()
    except errors.ApiError as error:
        status, body, extra = _refusal(error, protocol)
    except Exception as error:  # noqa: BLE001  the one exit
        status, body, extra = _refusal(outage(error, request_id), protocol)
    # Without a body there is no Content-Type: Smithy's protocol test `no_output` of rpcv2Cbor forbids it.
    content_type = {"Content-Type": protocol.content_type} if body else {}
    headers = {**content_type, "x-amzn-RequestId": request_id, **protocol.headers} | extra
    return WireResponse(status, body, headers)


def head_bytes(headers: Iterable[tuple[str, str]], path: str, query: str) -> int:
    """How long the headers, the path and the query of a request are in all."""
    return sum(map(len, chain.from_iterable(headers))) + len(path) + len(query)


def check_size(request: WireRequest) -> None:
    """Refuse what is too long, before anything of it is read.

    Raises:
        RequestHeaderFieldsTooLarge: the headers, the path and the query are longer than 16 KB in all.
        RequestEntityTooLargeException: the body is longer than 5 MB.
    """
    if head_bytes(request.headers, request.path, request.query) > MAX_HEADER_BYTES:
        raise errors.RequestHeaderFieldsTooLarge(f"The headers are longer than {MAX_HEADER_BYTES} bytes.")
    if len(request.body) > MAX_BODY_BYTES:
        raise errors.RequestEntityTooLargeException(f"The body is longer than {MAX_BODY_BYTES} bytes.")


def _answer(rt: Runtime, protocol: Protocol, request: WireRequest, operations: Mapping[str, Operation]) -> bytes:
    name = protocol.operation_of(request)
    caller = authenticate(rt, request, protocol.signed)
    rt = rt.in_region(caller.region)
    described = model.operations()[name]
    if name not in operations:
        raise errors.UnknownOperationException(f"The operation {name} is not available here yet.")
    throttling.take_token(rt, caller, name)
    with recording.operation(rt, caller, name) as entry:
        decoded = protocol.codec.decode(described.input, request.body)
        answer = perform(rt, caller, name, decoded, operations, entry)
        encoded: bytes = protocol.codec.encode(described.output, answer)
    return encoded


def call(rt: Runtime, caller: Caller, name: str, request: Mapping[str, Any]) -> Any:
    """Call an operation for a request that did not come over the wire; refusals are raised.

    It goes to the region of its CA, as no signature names one.
    """
    rt = at_its_ca(rt, request)
    throttling.take_token(rt, caller, name)
    with recording.operation(rt, caller, name) as entry:
        return perform(rt, caller, name, request, OPERATIONS, entry)


def at_its_ca(rt: Runtime, request: Mapping[str, Any]) -> Runtime:
    """The home in the region of the CA that a request names, if it names one."""
    return find.at(rt, next((str(request[member]) for member in _CA_MEMBERS & request.keys()), ""))


def perform(  # noqa: PLR0917  what a call is made of
    rt: Runtime,
    caller: Caller,
    name: str,
    request: Mapping[str, Any],
    operations: Mapping[str, Operation],
    entry: recording.Entry | None = None,
) -> Any:
    """Check a decoded request against the model, and call its operation; `entry` records it."""
    constraints.check(model.operations()[name].input, request)
    caller = replace(caller, operation=name, facts=(*caller.facts, *tag_facts(request)))
    if _CA_MEMBERS.isdisjoint(request):  # otherwise `find` authorizes, with the CA
        authorization.check(rt, caller, authorization.NO_RESOURCE)
    if entry is None:
        return operations[name](rt, caller, request)
    entry.begin_operation(request)
    answer = operations[name](rt, caller, request)
    entry.answer_operation(answer)
    return answer


def tag_facts(request: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what policies may ask of the tags in a request."""
    for tag in request.get("Tags", ()):
        yield f"{conditions.REQUEST_TAG}{tag['Key']}", (tag.get("Value") or "",)
        yield conditions.TAG_KEYS, (tag["Key"],)


def authenticate(
    rt: Runtime, request: WireRequest, signed: tuple[str, ...] = (), *, service: str = sigv4.SERVICE
) -> Caller:
    """Verify the request's signature and return its caller, or whom API Gateway names with SIGNET_CALLERS=iam.

    Raises:
        UnrecognizedClientException: as for an unknown access key; also if the caller's session has ended, because its
            role or whoever assumed it is gone.
        ApiError: what `sigv4.verify` or `iam_callers.caller_of` raises.
    """
    try:
        if rt.settings.callers == "iam":
            return iam_callers.caller_of(request)
        caller = sigv4.verify(
            request,
            signed=signed,
            secret_of=partial(_secret_of, rt),
            equalize=partial(equalize, rt),
            regions=rt.settings.regions_served,
            now=rt.now(),
            service=service,
        )
        if caller.session is not None and not role_sessions.is_alive(rt, caller.session):
            raise errors.UnrecognizedClientException(sigv4.REFUSED)
    except errors.ApiError as error:
        recording.refused(rt, error.code, request.source_ip)
        raise
    if caller.session is None:
        access_keys.note_use(rt, caller.access_key_id)
    return caller


def _secret_of(rt: Runtime, access_key_id: str, token: str | None) -> sigv4.Secret | None:
    """Look up an access key, which is that of a session exactly if its token came with it."""
    if token is None:
        return secret_of(rt, access_key_id)
    opened = role_sessions.opened(rt, token)
    if opened is None or opened.credential.access_key_id != access_key_id:
        return None
    session = opened.session
    return sigv4.Secret(
        session.account_id,
        opened.credential.secret,
        role_sessions.principal_of(session),
        session.expires_at,
        session,
    )


def secret_of(rt: Runtime, access_key_id: str) -> sigv4.Secret | None:
    """Look up an access key's account and secret; None if it does not exist or is not active, or IAM has the keys."""
    key = rt.store.get_access_key(access_key_id)
    return (
        None
        if key is None or not key.active or rt.settings.callers == "iam"
        else sigv4.Secret(key.account_id, access_keys.secret_of(rt, key), key.principal, key.expires_at)
    )


def equalize(rt: Runtime, exists: bool | None) -> None:  # noqa: FBT001  the signature that `sigv4.verify` expects
    """Equalize the duration of refusals: look up what has not been, a missing key or one that exists, or both."""
    if exists is not False:
        secret_of(rt, _NO_KEY)
    if exists is not True and secret_of(rt, _any_key(rt.store.list_access_keys)) is None:
        _any_key.cache_clear()


@lru_cache(maxsize=8)
def _any_key(list_access_keys: Callable[[], list[AccessKey]]) -> str:
    """Return the id of an access key that exists; looked up once."""
    return next((key.access_key_id for key in list_access_keys() if key.active), _NO_KEY)


def _refusal(error: errors.ApiError, protocol: Protocol) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of an error."""
    code, status = protocol.errors.get(error.code, (error.code, error.status))
    headers = {"x-amzn-ErrorType": code}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return status, protocol.codec.encode_error(code, error.message), headers


def outage(error: Exception, request_id: str) -> errors.ApiError:
    """Convert an error that the client did not cause to an API error without details, which only the log has."""
    if isinstance(error, TooLargeError):
        return errors.ValidationException(str(error))
    if isinstance(error, NotServingError):
        return errors.ServiceUnavailable(_OUTAGE, retry_after_seconds=60)  # the reason was logged when it began
    logs.log_exception("request_failed", request_id=request_id)
    if isinstance(error, ThrottledError | KeyStoreThrottledError):
        return errors.ThrottlingException("Rate exceeded", retry_after_seconds=1)
    if isinstance(error, AuditError | StoreError | KeyStoreError | BucketError | JournalError):
        return errors.ServiceUnavailable(_OUTAGE, retry_after_seconds=1)
    return errors.InternalFailure("An internal failure occurred.")
