"""The wizard that makes a CA, in the steps of the AWS guide; what is typed lives in the session until it is used.

Source: AWS Private CA User Guide, "Creating a private CA".
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.console import render, sessions, web
from chalicelib.console.commands import command
from chalicelib.console.forms import revocation_checks, wizard_checks, wizard_draft, wizard_review
from chalicelib.console.forms.refusals import in_words

if TYPE_CHECKING:
    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.wizard_checks import Problems
    from chalicelib.console.forms.wizard_draft import Draft, Typed
    from chalicelib.console.web import Visit

SECTION = "authorities"
# Each step: its name in addresses, and its title.
STEPS: dict[str, str] = {
    "type": "CA type",
    "subject": "Subject name",
    "key": "Key algorithm",
    "revocation": "Revocation",
    "tags": "Tags",
    "permission": "Renewal permission",
    "review": "Review and create",
}
_ORDER = tuple(STEPS)


def begin(visit: Visit) -> WireResponse:
    """A new draft; nothing is kept before something is typed."""
    return web.redirect(visit, _address(secrets.token_hex(8), "type"))


def midpoint(visit: Visit) -> WireResponse:
    """When a CRL that is valid so many days is followed by the next: a fragment of the revocation step."""
    shown = revocation_checks.midpoint_of(visit, visit.query.get("days", ""))
    return render.page(visit, "midpoint.html", title="", midpoint=shown)


def show_step(visit: Visit) -> WireResponse:
    """A step, if those before it are done; else the first that is not."""
    step, draft = _step(visit), _draft(visit)
    if created_arn := draft.get("created"):
        return web.redirect(visit, f"cas/{arns.parse_ca_arn(created_arn).ca_id}/created")
    missing = next((name for name in _ORDER[: _ORDER.index(step)] if name not in draft.get("done", [])), step)
    if missing != step:
        return web.redirect(visit, _address(visit.named["draft"], missing))
    return _page(visit, step, draft, draft.get("problems", {}).get(step, {}))


def take_step(visit: Visit) -> WireResponse:
    """What was typed in a step: checked, unless the way leads back; kept; and on to where the button says.

    What has problems is kept, too, and they with it: the step then shows them by GET, and a browser's way back leads
    through no form that it would have to send again. Only what is too long to be kept is shown at once.
    """
    step, go = _step(visit), visit.form.get("go")
    if "created" in _draft(visit) or (step == "review" and go == "back"):
        return web.redirect(visit, _address(visit.named["draft"], _next(step, go)))
    if step == "review":
        return _create(visit)
    typed = wizard_draft.read(step, visit.form.fields)
    draft = {**_draft(visit), step: typed}
    if too_long := wizard_checks.too_long(typed):
        return _page(visit, step, draft, too_long)
    checked = go not in {"back", "more"}
    problems = wizard_checks.problems_of(visit, step, draft) if checked else {}
    _keep(visit, step, typed, checked=checked, problems=problems)
    if problems:
        return web.redirect(visit, _address(visit.named["draft"], step))
    more = "?more" if go == "more" else ""
    return web.redirect(visit, _address(visit.named["draft"], _next(step, go)) + more)


def _next(step: str, go: str) -> str:
    if go in {"more", "review"}:
        return step if go == "more" else go
    position = _ORDER.index(step) + (-1 if go == "back" else 1)
    return _ORDER[min(max(position, 0), len(_ORDER) - 1)]


def _keep(visit: Visit, step: str, typed: Typed, *, checked: bool, problems: Problems) -> None:
    def change(draft: dict[str, Any]) -> dict[str, Any]:
        done = draft.get("done", [])
        stays = not problems and (checked or (step in done and draft.get(step) == typed))
        others = [name for name in done if name != step]
        return draft | {step: dict(typed), "done": [*others, *([step] * stays)], "problems": {step: problems}}

    _change(visit, change)


def _refused(visit: Visit, step: str, problems: Problems) -> WireResponse:
    """Back to the step where something is to be put right before the CA can be made."""
    _change(visit, lambda draft: draft | {"problems": {step: problems}})
    return web.redirect(visit, _address(visit.named["draft"], step))


def _change(visit: Visit, change: Any) -> None:
    if visit.session is not None:
        sessions.change_draft(visit.rt, visit.session, visit.named["draft"], change)


def _step(visit: Visit) -> str:
    if visit.named["step"] not in STEPS:
        raise web.NotFoundError
    return visit.named["step"]


def _draft(visit: Visit) -> Draft:
    drafts = visit.session.drafts if visit.session else {}
    found: Draft = drafts.get(visit.named["draft"], {})
    return found


def _address(draft_id: str, step: str) -> str:
    return f"cas/create/{draft_id}/{step}"


def _page(visit: Visit, step: str, draft: Draft, problems: Problems) -> WireResponse:
    done, position = draft.get("done", []), _ORDER.index(step)
    typed = wizard_draft.step_of(draft, step)
    return render.page(
        visit,
        f"wizard_{step}.html",
        title=STEPS[step],
        section=SECTION,
        status=422 if problems else 200,
        steps=[(name, title, name in done) for name, title in STEPS.items()],
        step=step,
        number=position + 1,
        address=lambda name: visit.link(_address(visit.named["draft"], name)),
        all_done=all(name in done for name in _ORDER[:-1]),
        typed=typed,
        problems=problems,
        commands=wizard_review.commands(draft, visit.named["draft"]),
        **_needed(visit, step, typed, draft, problems),
    )


def _needed(visit: Visit, step: str, typed: Typed, draft: Draft, problems: Problems) -> dict[str, Any]:
    """What else the template of a step shows."""
    if step == "revocation":
        return revocation_checks.shown(visit, typed, problems)
    if step == "tags":
        rows = len(wizard_draft.tags_of(typed)) if typed else 0
        return {"rows": min(rows + (3 if "more" in visit.request.query else 1), wizard_draft.MOST_TAGS)}
    needed: dict[str, dict[str, Any]] = {
        "subject": {"subject": wizard_draft.SUBJECT},
        "key": {"keys": wizard_draft.KEYS, "default_key": wizard_draft.DEFAULT_KEY},
        "review": {"rows": wizard_review.rows(draft), "error": problems.get("", "")},
    }
    return needed.get(step, {})


def _create(visit: Visit) -> WireResponse:
    """Make what the review shows. Pressed twice it makes one CA: the draft is the idempotency token."""
    draft = _draft(visit)
    if not all(name in draft.get("done", []) for name in _ORDER[:-1]):
        return web.redirect(visit, _address(visit.named["draft"], "review"))
    if problems := revocation_checks.make_bucket(visit, wizard_draft.step_of(draft, "revocation")):
        return _refused(visit, "revocation", problems)
    try:
        made = visit.call(
            "CreateCertificateAuthority",
            **wizard_draft.create_request(draft),
            IdempotencyToken=wizard_review.token(visit.named["draft"]),
        )
    except errors.ApiError as error:
        return _refused(visit, "review", {"": in_words(error.message)})
    arn = made["CertificateAuthorityArn"]
    permission = wizard_draft.permission_request(draft, arn)
    if permission is not None:
        with suppress(errors.PermissionAlreadyExistsException):
            visit.call("CreatePermission", **permission)
    _change(visit, lambda _: {"created": arn})
    return web.redirect(visit, f"cas/{arns.parse_ca_arn(arn).ca_id}/created")


def created(visit: Visit) -> WireResponse:
    """Success: what comes next, now or later; what has gone on since is told by the CA's own page."""
    arn = own_arn(visit)
    ca = visit.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)["CertificateAuthority"]
    if ca["Status"] not in {"CREATING", "PENDING_CERTIFICATE"}:
        return web.redirect(visit, f"cas/{visit.named['ca_id']}")
    return render.page(
        visit,
        "created.html",
        title="Success",
        section=SECTION,
        ca=ca,
        ca_id=visit.named["ca_id"],
        commands=(command("GetCertificateAuthorityCsr", {"CertificateAuthorityArn": arn}, "--output text > ca.csr"),),
    )


def own_arn(visit: Visit) -> str:
    """The ARN of the CA that the path names: one of the visitor's account."""
    region = visit.rt.settings.region
    account_id = visit.caller.account_id
    return str(arns.CertificateAuthorityArn(arns.partition_of(region), region, account_id, visit.named["ca_id"]))
