"""Identity policies of a principal: written, previewed, saved and removed; of the account's administrator alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.access import policy, principals
from chalicelib.access.policy_documents import PolicyError
from chalicelib.access.principals import PrincipalError
from chalicelib.console import render, web
from chalicelib.console.forms import replacing
from chalicelib.console.parts import access, notes, rights
from chalicelib.console.parts.confirmation import Question
from chalicelib.identities import ADMINISTRATOR

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Visit
    from chalicelib.identities import Principal

_EXAMPLE = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate"],
      "Resource": "*"
    }
  ]
}"""


def edit(visit: Visit) -> WireResponse:
    """A policy in a field, with what the principal may do by it; a new one begins with an example."""
    name = visit.query.get("policy", "")
    found = dict(_principal(visit).policies)
    if name and name not in found:
        raise web.NotFoundError
    typed = _entries(name, found.get(name)) or {"policy_name": "", "document": _EXAMPLE}
    return _page(visit, typed | replacing.digest_field(_entries(name, found.get(name))), {})


def _entries(name: str, document: str | None) -> dict[str, str]:
    """The entries of the form that describe a policy; none without one."""
    return {} if document is None else {"policy_name": name, "document": document}


def _principal(visit: Visit) -> Principal:
    principal = access.principal(visit)
    if principal.name == ADMINISTRATOR:
        raise web.NotFoundError
    return principal


def preview(visit: Visit) -> WireResponse:
    """Show what the principal would be allowed, and save nothing."""
    return _page(visit, _typed(visit), {})


def _typed(visit: Visit) -> dict[str, str]:
    document = visit.form.get("document").replace("\r\n", "\n")
    return {
        "policy_name": visit.form.get("policy_name"),
        "document": document,
        "ca": visit.form.get("ca"),
        replacing.FIELD: visit.form.get(replacing.FIELD),
    }


def save(visit: Visit) -> WireResponse:
    """Save a policy: the address has the name of the one that the form showed."""
    rt, principal, typed = visit.rt, _principal(visit), _typed(visit)
    name, document = typed["policy_name"], typed["document"]

    def agree(present: str | None) -> None:
        is_other = name != visit.query.get("policy", "")
        replacing.check(visit.form, _entries(name, present), _entries(name, document), is_other=is_other)

    try:
        principals.put_policy(rt, principal.account_id, principal.name, name, document, agree=agree)
    except replacing.ChangedError as error:
        typed |= replacing.digest_field(error.now)
        return _page(visit, typed, error.problems, opened=name, present=error.rows)
    except PolicyError as error:
        return _page(visit, typed, {"document": str(error)})
    except PrincipalError as error:
        return _page(visit, typed, {"policy_name": str(error)})
    return notes.done(visit, access.address(principal.name), "policy_saved")


def _page(
    visit: Visit,
    typed: dict[str, str],
    problems: Problems,
    *,
    opened: str = "",
    present: Typed = replacing.NOTHING,
) -> WireResponse:
    rt, principal, ca = visit.rt, _principal(visit), access.chosen_ca(visit, typed.get("ca"))
    opened = opened or visit.query.get("policy", "")
    more = {"policy": opened} if opened else {}
    table, warnings = [], list[str]()
    try:
        text = (typed["policy_name"] or "policy", typed["document"])
        statements = principals.check_policies((text,))
    except (PolicyError, PrincipalError) as error:
        problems = problems or {"document" if isinstance(error, PolicyError) else "policy_name": str(error)}
    else:
        identity = principals.statements_in(tuple((dict(principal.policies) | dict((text,))).items()))
        caller = access.caller_of(visit, principal.name)
        table = rights.rights_of(rt, caller, ca.arn or rights.ALL_CAS, identity=identity)
        warnings = policy.statement_obstacles(statements)
    if ca.problem:
        problems = {**problems, "ca": ca.problem}
    is_new = typed["policy_name"] not in dict(principal.policies)
    return render.page(
        visit,
        "principal_policy.html",
        title="A new policy" if is_new else f"Policy {typed['policy_name'][:64]}",
        section=access.SECTION,
        status=422 if problems else 200,
        principal=principal,
        address=access.address(principal.name),
        action=access.address(principal.name, "policy", **more),
        preview=access.address(principal.name, "policy/preview", **more),
        warnings=warnings,
        rights=table,
        ca=ca,
        authorities=access.authorities(visit),
        typed={"ca": ca.typed} | typed,
        problems=problems,
        present=present,
    )


def confirm_removal(visit: Visit) -> WireResponse:
    """Show what the removal stops, and ask for confirmation."""
    principal, name = _principal(visit), visit.query.get("policy", "")
    if name not in dict(principal.policies):
        raise web.NotFoundError
    return access.ask(
        visit,
        principal.name,
        Question(
            heading=f"Remove the policy {name}?",
            consequences=(
                "The principal and its access keys lose whatever only this policy allows.",
                "The denials of this policy no longer apply.",
            ),
            action=access.address(principal.name, "policy/remove", policy=name),
            button="Remove",
            back=access.address(principal.name),
        ),
    )


def remove(visit: Visit) -> WireResponse:
    """Take a policy from the principal; it is no error if the policy is gone already."""
    principal, name = _principal(visit), visit.query.get("policy", "")
    if name not in dict(principal.policies):
        return web.redirect(visit, access.address(principal.name))
    principals.delete_policy(visit.rt, principal.account_id, principal.name, name)
    return notes.done(visit, access.address(principal.name), "policy_removed")
