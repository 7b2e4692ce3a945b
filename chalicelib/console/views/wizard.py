"""The wizard that creates a CA, in the steps of the AWS guide; the session holds the draft until it is used.

Source: AWS Private CA User Guide, "Creating a private CA".
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib import arn as arns
from chalicelib import errors
from chalicelib.api.client import Client
from chalicelib.console import drafts, render, web
from chalicelib.console.commands import command, in_region
from chalicelib.console.forms import revocation_checks, wizard_checks, wizard_draft, wizard_review
from chalicelib.console.forms.refusals import reason_of
from chalicelib.console.forms.wizard_draft import ORDER, STEPS, WizardDraft
from chalicelib.console.parts import parents

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.forms.refusals import Problems, Typed
    from chalicelib.console.web import Visit

SECTION = "authorities"


def begin(visit: Visit) -> WireResponse:
    """A new draft; nothing is stored before something is entered."""
    return web.redirect(visit, _address(secrets.token_hex(8), "type"))


def midpoint(visit: Visit) -> WireResponse:
    """The time of the next CRL for a validity in days: a fragment of the revocation step."""
    moment = revocation_checks.midpoint_of(visit.rt.now(), visit.query.get("days", ""))
    return render.page(visit, "midpoint.html", title="", midpoint=moment)


def show_step(visit: Visit) -> WireResponse:
    """A step, if those before it are done; else the first that is not."""
    step, draft = _step(visit), _draft(visit)
    if draft.created:
        return web.redirect(visit, f"cas/{arns.parse_ca_arn(draft.created).ca_id}/created")
    if web.asks_for_commands(visit):
        typed = wizard_draft.read(step, visit.query)
        return _page(visit, step, replace(draft, steps={**draft.steps, step: typed}), {})
    if missing := draft.missing(step):
        return web.redirect(visit, _address(visit.named["draft"], missing))
    return _page(visit, step, draft, draft.problems.get(step, {}))


def take_step(visit: Visit) -> WireResponse:
    """Check a step unless the way leads back, store it, and go on to where the button leads.

    A step with problems is stored too, together with them, and shows them by GET: the browser's back button then meets
    no form that it would have to send again. Only text that is too long for a draft is shown at once.
    """
    step, go, draft = _step(visit), visit.form.get("go"), _draft(visit)
    if draft.created or (step == "review" and go == "back"):
        return web.redirect(visit, _address(visit.named["draft"], _next(step, go)))
    if step == "review":
        return _create(visit, draft)
    typed = wizard_draft.read(step, visit.form.fields)
    if too_long := wizard_checks.too_long(typed):
        return _page(visit, step, replace(draft, steps={**draft.steps, step: typed}), too_long)
    checked = go not in {"back", "more"}
    problems = _problems(visit, draft, step, typed) if checked else {}
    _change(visit, lambda current: current.with_step(step, typed, problems, checked=checked))
    more = "?more" if go == "more" else ""
    following = step if problems else _next(step, go)
    return web.redirect(visit, _address(visit.named["draft"], following) + ("" if problems else more))


def _problems(visit: Visit, draft: WizardDraft, step: str, typed: Typed) -> Problems:
    if step == "type" and typed.get("region", visit.rt.settings.region) not in visit.rt.settings.regions_served:
        return {"region": "It must be one of these."}
    region = typed.get("region", "") if step == "type" else wizard_draft.region_of(draft)
    rt = visit.rt.in_region(region)
    return wizard_checks.problems_of(Client(rt, visit.caller), step, typed, region)


def _next(step: str, go: str) -> str:
    if go in {"more", "review"}:
        return step if go == "more" else go
    position = ORDER.index(step) + (-1 if go == "back" else 1)
    return ORDER[min(max(position, 0), len(ORDER) - 1)]


def _step(visit: Visit) -> str:
    if visit.named["step"] not in STEPS:
        raise web.NotFoundError
    return visit.named["step"]


def _address(draft_id: str, step: str) -> str:
    return f"cas/create/{draft_id}/{step}"


# the draft


def _draft(visit: Visit) -> WizardDraft:
    return wizard_draft.decode(drafts.find(visit.rt, visit.signed_in, visit.named["draft"]))


def _change(visit: Visit, change: Callable[[WizardDraft], WizardDraft]) -> None:
    drafts.change(
        visit.rt,
        visit.signed_in,
        visit.named["draft"],
        lambda stored: wizard_draft.encode(change(wizard_draft.decode(stored))),
    )


def _refused(visit: Visit, step: str, problems: Problems) -> WireResponse:
    """Back to the step with problems that keep the CA from being created."""
    _change(visit, lambda draft: replace(draft, problems={step: problems}))
    return web.redirect(visit, _address(visit.named["draft"], step))


# the pages


def _page(visit: Visit, step: str, draft: WizardDraft, problems: Problems) -> WireResponse:
    draft_id, typed = visit.named["draft"], draft.typed(step)
    return render.page(
        visit,
        f"wizard_{step}.html",
        title=STEPS[step],
        section=SECTION,
        status=422 if problems else 200,
        steps=[(name, title, name in draft.done) for name, title in STEPS.items()],
        step=step,
        number=ORDER.index(step) + 1,
        address=lambda name: visit.link(_address(draft_id, name)),
        all_done=not draft.missing("review"),
        typed=typed,
        problems=problems,
        commands=_commands(visit, draft, draft_id),
        **_values(visit, step, draft, problems, more="more" in visit.request.query),
    )


def _commands(visit: Visit, draft: WizardDraft, draft_id: str) -> tuple[str, ...]:
    found, region = wizard_review.commands(draft, draft_id), wizard_draft.region_of(draft)
    return found if region in {"", visit.rt.settings.region} else tuple(in_region(text, region) for text in found)


def _values(visit: Visit, step: str, draft: WizardDraft, problems: Problems, *, more: bool) -> dict[str, Any]:
    """The other values of the template of a step."""
    if step == "revocation":
        return revocation_checks.shown(visit.rt, visit.caller.account_id, draft.typed(step), problems)
    tags = len(wizard_draft.tags_of(draft.typed("tags")))
    settings = visit.rt.settings
    values: dict[str, dict[str, Any]] = {
        "type": {"regions": sorted(settings.regions_served), "default_region": settings.region},
        "subject": {"names": wizard_draft.FIELDS["subject"]},
        "key": {"keys": wizard_draft.KEYS, "default_key": wizard_draft.DEFAULT_KEY},
        "tags": {"rows": min(tags + (3 if more else 1), wizard_draft.MOST_TAGS)},
        "permission": {
            "is_root": draft.typed("type").get("type") == "ROOT",
            "on_aws": settings.state == "dynamodb",
        },
        "review": {"rows": wizard_review.rows(draft)},
    }
    return values.get(step, {})


def _create(visit: Visit, draft: WizardDraft) -> WireResponse:
    """Create the CA of the review. The draft is the idempotency token, so that a second press creates no other one."""
    draft_id, client = visit.named["draft"], Client(visit.rt.in_region(wizard_draft.region_of(draft)), visit.caller)
    if draft.missing("review"):
        return web.redirect(visit, _address(draft_id, "review"))
    if problems := revocation_checks.settle_bucket(visit.rt, visit.caller.account_id, draft.typed("revocation")):
        return _refused(visit, "revocation", problems)
    try:
        arn = client.call(
            "CreateCertificateAuthority",
            **wizard_draft.create_request(draft),
            IdempotencyToken=wizard_review.token(draft_id),
        )["CertificateAuthorityArn"]
    except errors.ApiError as error:
        return _refused(visit, "review", {"": reason_of(error)})
    permission = wizard_draft.permission_request(draft, arn)
    if permission is not None:
        with suppress(errors.PermissionAlreadyExistsException):
            client.call("CreatePermission", **permission)
    _change(visit, lambda _: WizardDraft(created=arn))
    return web.redirect(visit, f"cas/{arns.parse_ca_arn(arn).ca_id}/created")


def created(visit: Visit) -> WireResponse:
    """The next step for a new CA; once it has a certificate, its own page."""
    ca, arn = visit.ca.described, {"CertificateAuthorityArn": visit.ca.arn}
    if ca["Status"] not in {"CREATING", "PENDING_CERTIFICATE"}:
        return web.redirect(visit, f"cas/{visit.ca.ca_id}")
    return render.page(
        visit,
        "created.html",
        title="Success",
        section=SECTION,
        ca=ca,
        ca_id=visit.ca.ca_id,
        parents=_parents(visit) if ca["Type"] != "ROOT" else [],
        commands=(command("GetCertificateAuthorityCsr", arn, "--output text > ca.csr"),),
    )


def _parents(visit: Visit) -> list[parents.Parent]:
    """The CAs with which the visitor may sign the new one."""
    is_allowed = visit.may(f"cas/{visit.ca.ca_id}/install-signed", "POST")
    return parents.offered(visit) if is_allowed else []
