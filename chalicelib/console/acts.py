"""What pages do beside operations of the API, which record themselves: each such form is recorded under a name.

Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events", for the names of signing in and out.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from chalicelib import errors, recording
from chalicelib.audit import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.identities import AccessKey
    from chalicelib.runtime import Runtime

_REFUSED = 400  # the status of a form that did nothing, and of those above
SIGNED_IN, SIGNED_OUT = "ConsoleLogin", "ConsoleLogout"


class Act(NamedTuple):
    """A form that changes something.

    Attributes:
        name: of the event.
        shown: fields and parameters of the address that the record may hold.
    """

    name: str
    shown: tuple[str, ...] = ()


# By path, as `table.PAGES` has it.
ACTS = {
    "sign-out": Act(SIGNED_OUT),
    "cas/{ca_id}/revocation/publish": Act("RequestCrlPublication"),
    "presets": Act("SaveIssuingPreset", ("preset_name", "preset_template", "preset_names", "preset_days")),
    "presets/remove": Act("DeleteIssuingPreset", ("preset_name",)),
    "calendar/feeds": Act("CreateCalendarFeed", ("feed_description",)),
    "calendar/feeds/revoke": Act("DeleteCalendarFeed", ("feed",)),
    "acme/create": Act("CreateAcmeDirectory", ("acme_name", "acme_ca", "acme_profiles", "acme_open", "acme_names")),
    "acme/directory/update": Act(
        "UpdateAcmeDirectory",
        (
            "name",
            "acme_profiles",
            "acme_terms",
            "acme_disabled",
            "acme_open",
            "acme_names",
            "acme_principal",
        ),
    ),
    "acme/directory/replace": Act("ReplaceAcmeAuthority", ("name", "acme_ca", "acme_compromised")),
    "acme/directory/delete": Act("DeleteAcmeDirectory", ("name",)),
    "acme/directory/binding": Act(
        "CreateAcmeBinding", ("name", "acme_names", "acme_preauthorized", "acme_principal", "acme_orders")
    ),
    "acme/directory/binding/revoke": Act("RevokeAcmeBinding", ("name", "kid")),
    "acme/directory/account/revoke": Act("RevokeAcmeAccount", ("name", "account", "acme_certificates")),
    "principals/create": Act("CreatePrincipal", ("principal_name", "preset")),
    "principal/policy": Act("PutPrincipalPolicy", ("name", "policy_name")),
    "principal/policy/remove": Act("DeletePrincipalPolicy", ("name", "policy")),
    "principal/key": Act("CreateAccessKey", ("name", "expires_in")),
    "principal/key/switch": Act("SwitchAccessKey", ("name", "key", "active")),
    "principal/key/delete": Act("DeleteAccessKey", ("name", "key")),
    "principal/delete": Act("DeletePrincipal", ("name",)),
}


class FormRefused(Exception):  # noqa: N818  the name is the error's code in the record
    """A form did nothing; it is shown again, with what is wrong."""


def recorded(path: str, visit: Visit, view: Callable[[Visit], WireResponse]) -> WireResponse:
    """Answer a form, and record it if it is one of `ACTS`.

    Raises:
        AuditError: it cannot be recorded.
    """
    act = ACTS.get(path)
    if act is None:
        return view(visit)
    answers: list[WireResponse] = []
    try:
        with recording.operation(visit.rt, visit.caller, act.name) as entry:
            values = {name: visit.form.get(name) or visit.query.get(name, "") for name in act.shown}
            shown = {name: parameters.bounded(value) for name, value in values.items() if value}
            entry.begin(shown, [visit.authority.arn] if visit.authority else [])
            answers.append(view(visit))
            if answers[0].status >= _REFUSED:
                raise FormRefused
    except FormRefused:
        pass
    return answers[0]


@contextmanager
def refusals_recorded(visit: Visit, operation: str) -> Iterator[None]:
    """Record that a page is refused inside; nothing else."""
    try:
        yield
    except errors.AccessDeniedException as error:
        resources = [visit.authority.arn] if visit.authority else []
        recording.denied(visit.rt, visit.caller, operation, resources, error)
        raise


def signed_in(rt: Runtime, key: AccessKey) -> None:
    """Record that somebody signs in, before the browser gets the session; raises `AuditError`."""
    with recording.recorded(rt, SIGNED_IN, recording.actor_of_key(rt, key)) as entry:
        entry.begin({}, ())
