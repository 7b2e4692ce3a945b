"""What the access key that signed in may do, and the way to a CA for keys that may not list CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import arn as arns
from chalicelib.access import principals
from chalicelib.console import render
from chalicelib.console.parts import rights

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit

_NO_ARN = "It must be the ARN of a certificate authority."


def show(visit: Visit) -> WireResponse:
    """The principal, its key, and every operation: on all CAs, or on the one in the query."""
    rt, caller, typed = visit.rt, visit.caller, visit.query.get("ca", "").strip()
    ca_arn = arn_of(typed)
    return render.page(
        visit,
        "you.html",
        title="Your access",
        section="you",
        status=422 if typed and not ca_arn else 200,
        principal=caller.principal,
        principal_arn=principals.arn_of(rt, caller.account_id, caller.principal),
        key=rt.store.get_access_key(caller.access_key_id),
        ca_arn=ca_arn,
        ca_path=f"cas/{ca_arn[-36:]}" if ca_arn else "",
        named=[(arn, f"cas/{arn[-36:]}") for arn in rights.named_authorities(rt, caller.account_id, caller.principal)],
        rights=rights.rights_of(rt, caller, ca_arn or rights.ALL_CAS),
        typed={"ca": typed},
        problems={"ca": _NO_ARN} if typed and not ca_arn else {},
    )


def arn_of(text: str) -> str:
    """The ARN of a CA as it is compared; empty if the text is none."""
    try:
        return str(arns.parse_ca_arn(text))
    except arns.ArnError:
        return ""
