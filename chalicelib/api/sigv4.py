"""Signature Version 4, verified by Signet's own code wherever it runs.

It is stricter than AWS where that does not affect honest clients: the body is always hashed, every `x-amz-*` header has
to be signed, and a header that affects the outcome may appear only once.

Source: AWS IAM User Guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from chalicelib import errors
from chalicelib.audit.notes import Origin
from chalicelib.frozen import dataclass
from chalicelib.runtime import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from chalicelib.audit.notes import Channel
    from chalicelib.identities import Session

SERVICE = "acm-pca"
SESSION_HEADER = "x-amz-security-token"
SKEW = timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^\s,]+) *, *SignedHeaders=([!-+\--~]+) *, *Signature=([0-9a-f]{64})", re.ASCII
)
_CREDENTIAL = re.compile(r"([A-Za-z0-9_]{1,128})/([0-9]{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request", re.ASCII)
_TEXT = re.compile(r"[\t -~]*")
_PRESIGNED = re.compile(r"(^|&)x-amz-", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n]+")
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_ALWAYS_SIGNED = ("host", "x-amz-date")
_ONCE = frozenset({"authorization", "host", "date", "content-type", "content-length"})
_DUMMY_SECRET = "0" * 40
REFUSED = "The security token included in the request is invalid."


class IamIdentity(NamedTuple):
    """A caller that API Gateway has authenticated by IAM."""

    account_id: str
    arn: str
    access_key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """An HTTP request as the client sent it.

    Attributes:
        path: percent-encoded, without query.
        signed_paths: the paths that the client may have signed, if not only `path`.
        base_path: what the application's own paths follow in the client's URL, such as the stage of API Gateway.
        query: percent-encoded, without "?".
        headers: lower-case names with their values, in order; repeated headers are repeated.
        source_ip: the address of the client or its last proxy; empty: nobody knows.
        secure_transport: whether the request came by TLS; None: nobody knows.
        scheme: that of the client's URL, `http` or `https`: a proxy in front may be the end of TLS.
        iam_identity: None: API Gateway has authenticated nobody, or has not seen the request.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    signed_paths: tuple[str, ...] = ()
    base_path: str = ""
    source_ip: str = ""
    secure_transport: bool | None = None
    scheme: str = "http"
    iam_identity: IamIdentity | None = None

    @property
    def facts(self) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
        """What policies may ask of the way that a request took."""
        secure = None if self.secure_transport is None else (str(self.secure_transport).lower(),)
        return (("aws:SourceIp", (self.source_ip,) if self.source_ip else None), ("aws:SecureTransport", secure))

    def origin(self, channel: Channel) -> Origin:
        """How the call of this request came, for its record; each call of this makes a new request id."""
        return Origin(channel, source_ip=self.source_ip, user_agent=self.header("user-agent") or "")

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        for header, value in self.headers:
            if header == name:
                return value
        return None


class Secret(NamedTuple):
    """Account, secret, principal and end of an access key, and the session that it belongs to, if it does."""

    account_id: str
    secret: str
    principal: str
    expires_at: datetime | None
    session: Session | None = None


class CredentialScope(NamedTuple):
    """What the Authorization header says of the key: its id, and the day, region and service it signs for."""

    access_key_id: str
    date: str
    region: str
    service: str


def verify(
    request: WireRequest,
    *,
    signed: tuple[str, ...],
    secret_of: Callable[[str, str | None], Secret | None],
    equalize: Callable[[bool | None], None],
    regions: Collection[str],
    now: datetime,
    service: str = SERVICE,
) -> Caller:
    """Verify a request's signature and return its caller.

    A wrong secret, an unknown access key and a session token that is none of ours get the same answer after the same
    time, so that it does not reveal which keys and tokens there are.

    Args:
        request: as the client sent it.
        signed: headers that must be present and signed, besides date, host and every `x-amz-*`.
        secret_of: looks up an access key by its id and the session token that came with it.
        equalize: called before such a refusal with True if the access key exists, and with None if a session token
            came with it; spends the time of the other cases.
        regions: the credential must name one of these.
        now: the time.
        service: the service that the credential must name.

    Raises:
        MissingAuthenticationTokenException: the request is not signed.
        IncompleteSignatureException: a part of the signature is missing or malformed.
        InvalidSignatureException: the signature is too old or too new, or a header that must be signed is not.
        UnrecognizedClientException: the access key is unknown, or the signature does not match it.
        ExpiredTokenException: the access key has expired; only its holder learns that.
    """
    _check_form(request)
    credential, signed_headers, signature = _authorization(request.header("authorization") or "")
    _check_scope(credential, _date(request), regions, service, now)
    _check_signed(request, signed_headers, signed)
    token = request.header(SESSION_HEADER)
    known = secret_of(credential.access_key_id, token)
    secret = known.secret if known else _DUMMY_SECRET
    expected = [
        _signature(request if path == request.path else replace(request, path=path), credential, signed_headers, secret)
        for path in request.signed_paths or (request.path,)
    ]
    matches = [hmac.compare_digest(candidate.encode(), signature.encode()) for candidate in expected]
    if not any(matches) or known is None:
        equalize(known is not None if token is None else None)
        raise errors.UnrecognizedClientException(REFUSED)
    if known.expires_at is not None and known.expires_at <= now:
        raise errors.ExpiredTokenException("The security token included in the request is expired")
    return Caller(
        account_id=known.account_id,
        access_key_id=credential.access_key_id,
        principal=known.principal,
        region=credential.region,
        facts=request.facts,
        session=known.session,
    )


def is_plausible(request: WireRequest, *, regions: Collection[str], now: datetime, service: str = SERVICE) -> bool:
    """Tell whether a request may be signed, by its head alone: `verify` refuses others whatever their body is."""
    try:
        _check_form(request)
        credential, _, _ = _authorization(request.header("authorization") or "")
        _check_scope(credential, _date(request), regions, service, now)
    except errors.ApiError:
        return False
    return True


def scope_of(request: WireRequest) -> CredentialScope | None:
    """Return what a request claims to be signed for, without verifying anything; None if its form is invalid."""
    try:
        return _authorization(request.header("authorization") or "")[0]
    except errors.ApiError:
        return None


def signed_anew(request: WireRequest, *, access_key_id: str, secret: str, now: datetime) -> WireRequest:
    """Return a signed request as another caller signs it at another time, with the same region, service and headers.

    Raises:
        IncompleteSignatureException: the request is not signed, or malformed.
    """
    former, signed_headers, _ = _authorization(request.header("authorization") or "")
    kept = tuple((name, value) for name, value in request.headers if name != SESSION_HEADER)
    names = tuple(sorted({*signed_headers, "x-amz-date"} - {SESSION_HEADER}))
    return _signed_at(replace(request, headers=kept), former._replace(access_key_id=access_key_id), names, secret, now)


def signed_later(request: WireRequest, *, secret: str, by: timedelta) -> WireRequest:
    """Return a signed request as its caller signs it later; its signature matches if that of the request does.

    Raises:
        IncompleteSignatureException: the request is not signed, or malformed.
    """
    scope, signed_headers, signature = _authorization(request.header("authorization") or "")
    date = _date(request)
    matches = hmac.compare_digest(_signature(request, scope, signed_headers, secret).encode(), signature.encode())
    if scope.date != date[:8]:
        raise errors.IncompleteSignatureException("Credential must have the day of x-amz-date.")
    secret = secret if matches else _DUMMY_SECRET
    return _signed_at(request, scope, signed_headers, secret, _moment(date) + by)


def _signed_at(
    request: WireRequest, scope: CredentialScope, names: tuple[str, ...], secret: str, moment: datetime
) -> WireRequest:
    date = moment.strftime("%Y%m%dT%H%M%SZ")
    scope = scope._replace(date=date[:8])
    kept = tuple((name, value) for name, value in request.headers if name not in {"authorization", "x-amz-date"})
    request = replace(request, headers=(*kept, ("x-amz-date", date)))
    signature = _signature(request, scope, names, secret)
    claim = f"Credential={'/'.join(scope)}/aws4_request, SignedHeaders={';'.join(names)}, Signature={signature}"
    return replace(request, headers=(*request.headers, ("authorization", f"{_ALGORITHM} {claim}")))


def _check_form(request: WireRequest) -> None:
    if len(dict(request.headers)) < len(request.headers):
        _check_repeated([name for name, _ in request.headers])
    if _TEXT.fullmatch(request.method + request.path + request.query) is None:
        raise errors.IncompleteSignatureException("The request line contains characters other than printable ASCII.")
    if request.query and _PRESIGNED.search(unquote_to_bytes(request.query).decode("latin-1")):
        raise errors.IncompleteSignatureException(
            "Presigned requests are not supported: sign with the Authorization header."
        )
    if request.header("authorization") is None:
        raise errors.MissingAuthenticationTokenException("Missing Authentication Token")


def _check_repeated(names: list[str]) -> None:
    times = Counter(names)
    if repeated := sorted(name for name in times if times[name] > 1 and (name in _ONCE or name.startswith("x-amz-"))):
        raise errors.IncompleteSignatureException(f"The header {repeated[0]} appears more than once.")


@lru_cache(maxsize=64)  # the server reads a head before it waits for the body
def _authorization(value: str) -> tuple[CredentialScope, tuple[str, ...], str]:
    match = _AUTHORIZATION.fullmatch(value.strip(" "))
    if match is None:
        raise errors.IncompleteSignatureException(
            f"The Authorization header must be '{_ALGORITHM} Credential=..., SignedHeaders=..., Signature=...'."
        )
    credential = _CREDENTIAL.fullmatch(match[1])
    if credential is None:
        raise errors.IncompleteSignatureException(
            "Credential must be 'access key id/date/region/service/aws4_request'."
        )
    signed_headers = tuple(match[2].split(";"))
    if list(signed_headers) != sorted(set(signed_headers)) or match[2] != match[2].lower():
        raise errors.IncompleteSignatureException("SignedHeaders must be lower case, sorted and without duplicates.")
    return CredentialScope(*credential.groups()), signed_headers, match[3]


def _date(request: WireRequest) -> str:
    date = request.header("x-amz-date")
    if date is None or _DATE.fullmatch(date) is None:
        raise errors.IncompleteSignatureException("The header x-amz-date must be a time like 20300101T120000Z.")
    return date


def _moment(date: str) -> datetime:
    try:
        return datetime.fromisoformat(date)
    except ValueError as error:
        raise errors.IncompleteSignatureException("The header x-amz-date is not a valid time.") from error


def _check_scope(credential: CredentialScope, date: str, regions: Collection[str], service: str, now: datetime) -> None:
    """See that a signature is of now, and for one of these regions and this service."""
    signed_at = _moment(date)
    if abs(now - signed_at) > SKEW:
        word = "expired" if signed_at < now else "not yet current"
        raise errors.InvalidSignatureException(
            f"Signature {word}: {date} is more than 5 minutes from {now.strftime('%Y%m%dT%H%M%SZ')}."
        )
    if credential.region not in regions and len(regions) > 1:
        raise errors.InvalidSignatureException(
            f"Credential should be scoped to a valid region, not '{credential.region}'."
        )
    region = credential.region if credential.region in regions else next(iter(regions))
    expected = (date[:8], region, service)
    if (credential.date, credential.region, credential.service) != expected:
        raise errors.InvalidSignatureException(f"Credential should be scoped to '{'/'.join(expected)}'.")


def _check_signed(request: WireRequest, signed_headers: tuple[str, ...], also: tuple[str, ...]) -> None:
    present, named = dict(request.headers), set(signed_headers)
    required = {*_ALWAYS_SIGNED, *also, *[name for name in present if name.startswith("x-amz-")]}
    if missing := required - named:
        raise errors.InvalidSignatureException(f"The header {min(missing)} must be signed.")
    if absent := named - present.keys():
        raise errors.InvalidSignatureException(f"The signed header {min(absent)} is missing.")
    values = [value for name, value in request.headers if name in named]
    if _TEXT.fullmatch("".join(values)) is None:
        wrong = [name for name, value in request.headers if name in named and _TEXT.fullmatch(value) is None]
        raise errors.InvalidSignatureException(
            f"The signed header {wrong[0]} contains characters other than printable ASCII."
        )
    claimed = present.get("x-amz-content-sha256")
    if claimed is not None and not hmac.compare_digest(claimed.encode(), _hash(request.body).encode()):
        raise errors.InvalidSignatureException("The header x-amz-content-sha256 is not the SHA-256 of the body.")


def _signature(request: WireRequest, credential: CredentialScope, signed_headers: tuple[str, ...], secret: str) -> str:
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    canonical = canonical_request(request, signed_headers)
    date = request.header("x-amz-date") or ""
    text = "\n".join((_ALGORITHM, date, scope, _hash(canonical.encode())))
    key = b"AWS4" + secret.encode()
    for part in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(request: WireRequest, signed_headers: tuple[str, ...]) -> str:
    """Return the canonical request, whose hash is signed.

    The values of a header are joined in order, trimmed, with inner white space reduced to single spaces.
    """
    values: dict[str, list[str]] = {name: [] for name in signed_headers}
    for name, value in request.headers:
        if name in values:
            values[name].append(_SPACE.sub(" ", value).strip(" "))
    headers = "".join([f"{name}:{','.join(found)}\n" for name, found in values.items()])
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query),
            headers,
            ";".join(signed_headers),
            _hash(request.body),
        )
    )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _canonical_path(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in {"", "."}:
            segments.append(quote(segment, safe="-_.~"))
    slash = "/" if segments and path.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(segments) + slash


def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        pairs.append((_requoted(name), _requoted(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _requoted(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")
