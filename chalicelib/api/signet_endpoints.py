"""REST endpoints that Signet adds to AWS's API, with JSON bodies and Signature Version 4: search and explain.

Source: docs/compatibility.md, "Extensions".
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from chalicelib import arn as arns
from chalicelib import errors, recording
from chalicelib.api import constraints, json_codec, protocols, throttling
from chalicelib.api.dispatch import authenticate, respond
from chalicelib.ca import find
from chalicelib.operations import explain, search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.api.sigv4 import WireRequest
    from chalicelib.runtime import Caller, Runtime

_TEMPLATE = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII)
_MAX_TEXT = 256
_SERIAL_DIGITS = 40  # 20 octets (RFC 5280 section 4.1.2.2)


def search_certificates(rt: Runtime, request: WireRequest, ca_id: str) -> WireResponse:
    """Answer `GET /certificate-authorities/{id}/certificates`: a page of certificates that match the query."""
    return respond(request, protocols.REST, partial(_search, rt, request, ca_id))


def explain_issuance(rt: Runtime, request: WireRequest, ca_id: str) -> WireResponse:
    """Answer `POST /certificate-authorities/{id}/explain`: what IssueCertificate would sign, or its refusal."""
    return respond(request, protocols.REST, partial(_explain, rt, request, ca_id))


def _search(rt: Runtime, request: WireRequest, ca_id: str) -> bytes:
    caller = authenticate(rt, request)
    rt = rt.in_region(caller.region)
    caller = acting(rt, caller, "SearchCertificates")
    with recording.operation(rt, caller, "SearchCertificates") as entry:
        values = _query(request.query)
        arn = find.arn_here(rt, caller.account_id, ca_id)
        entry.begin_operation({"CertificateAuthorityArn": arn, "Filters": sorted(values)})
        limit, token = int(values.pop("maxResults", search.MAX_PAGE)), values.pop("nextToken", None)
        certificates, next_token = search.search_certificates(
            rt, caller, arn, filters_of(values), limit=limit, token=token, most_examined=search.MOST_EXAMINED
        )
    answer: dict[str, Any] = {"Certificates": [search.describe(certificate) for certificate in certificates]}
    return _json(answer | ({"NextToken": next_token} if next_token else {}))


def _explain(rt: Runtime, request: WireRequest, ca_id: str) -> bytes:
    caller = authenticate(rt, request)
    rt = rt.in_region(caller.region)
    caller = acting(rt, caller, "IssueCertificate")
    with recording.operation(rt, caller, "ExplainIssuance") as entry:
        decoded = json_codec.decode("IssueCertificateRequest", request.body)
        arn = find.arn_here(rt, caller.account_id, ca_id)
        if decoded.setdefault("CertificateAuthorityArn", arn) != arn:
            raise errors.ValidationException("CertificateAuthorityArn is not the certificate authority in the path.")
        constraints.check("IssueCertificateRequest", decoded)
        entry.begin_operation(decoded)
        return _json(explain.explain(rt, caller, decoded))  # type: ignore[arg-type]  # checked against the shape above


def acting(rt: Runtime, caller: Caller, operation: str) -> Caller:
    """Return the caller as one of AWS's operations, with its permissions, after taking a token of its rate.

    Raises:
        ThrottlingException: the account's rate for the operation is exhausted.
    """
    throttling.take_token(rt, caller, operation)
    return replace(caller, operation=operation)


def _json(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, default=_time_text, ensure_ascii=False).encode()


def _time_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# the query


def _query(query: str) -> dict[str, Any]:
    """Read and check the parameters of a search; each may appear once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=20)
    except ValueError as error:
        raise errors.ValidationException("The query is malformed.") from error
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name not in _FILTERS:
            raise errors.ValidationException(f"Unknown parameter '{name[:50]}'. Parameters: {', '.join(_FILTERS)}.")
        if name in values:
            raise errors.ValidationException(f"The parameter '{name}' appears more than once.", member=(name,))
        values[name] = read_parameter(name, value)
    return values


def read_parameter(name: str, value: str) -> Any:
    """Read the value of a search parameter.

    Raises:
        ValidationException: the value is invalid; the message states the rule.
    """
    _, rule, read = _FILTERS[name]
    try:
        return read(value)
    except (ValueError, OverflowError) as error:
        raise errors.ValidationException(
            f"The parameter '{name}' must be {rule}.", reason=f"It must be {rule}.", member=(name,)
        ) from error


def filters_of(values: Mapping[str, Any]) -> search.Filters:
    """Convert parameters, by name, to the filters of a search."""
    return search.Filters(**{_FILTERS[name][0]: value for name, value in values.items()})


def _text(value: str) -> str:
    if not 1 <= len(value.removesuffix("*")) <= _MAX_TEXT:
        raise ValueError(value)
    return value


def _matching(pattern: re.Pattern[str], value: str) -> str:
    if pattern.fullmatch(value) is None:
        raise ValueError(value)
    return value


def _serial(value: str) -> int:
    if len(value.replace(":", "")) > _SERIAL_DIGITS:
        raise ValueError(value)
    return min(arns.parse_serial(value), 1 << 128)


def _state(value: str) -> str:
    return search.STATES[search.STATES.index(value)]


def _time(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC)


def _page(value: str) -> int:
    number = int(_matching(re.compile("[0-9]{1,4}", re.ASCII), value))
    if not 1 <= number <= search.MAX_PAGE:
        raise ValueError(value)
    return number


_TIME_RULE = "a time with a time zone, such as 2030-01-01T00:00:00Z"
_TEXT_RULE = f"text of 1 to {_MAX_TEXT} characters, in which a final '*' matches anything"
# The filter of each parameter, the rule for its value, and the reader of the value.
_FILTERS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "subject": ("subject", _TEXT_RULE, _text),
    "san": ("san", _TEXT_RULE, _text),
    "serial": ("serial_number", "hexadecimal digits, in pairs with colons or without separators", _serial),
    "state": ("state", f"one of {', '.join(search.STATES)}", _state),
    "template": ("template_name", "a template's name, such as EndEntityCertificate", partial(_matching, _TEMPLATE)),
    "issuedAfter": ("issued_after", _TIME_RULE, _time),
    "issuedBefore": ("issued_before", _TIME_RULE, _time),
    "expiresAfter": ("expires_after", _TIME_RULE, _time),
    "expiresBefore": ("expires_before", _TIME_RULE, _time),
    "maxResults": ("", f"a number from 1 to {search.MAX_PAGE}", _page),
    "nextToken": ("", "the token from the previous page", str),
}
