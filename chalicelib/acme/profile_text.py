"""Profiles as people write them: `web=EndEntityServerAuthCertificate:90d`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import Profile
from chalicelib.operations import issuing_presets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.runtime import Runtime

_FORM = re.compile(r"(?:([^=:]+)=)?([^=:]+)(?::([1-9][0-9]{0,6})([dh]))?", re.ASCII)
_DAY_HOURS = 24
_DEFAULT_HOURS = 90 * _DAY_HOURS


def parse_all(rt: Runtime, owner: str, texts: Iterable[str], present: Sequence[Profile] = ()) -> tuple[Profile, ...]:
    """Read profiles; one that is among `present` keeps its description, which texts have not.

    Raises:
        AcmeError: a text is malformed.
    """
    described = {each._replace(description=""): each for each in present}
    return tuple(described.get(profile, profile) for profile in (_parse(rt, owner, text) for text in texts if text))


def written(profile: Profile) -> str:
    """Return the text of a profile, which `parse_all` reads."""
    days, hours = divmod(profile.hours, _DAY_HOURS)
    return f"{profile.name}={profile.template}:{f'{profile.hours}h' if hours else f'{days}d'}"


def validity(profile: Profile) -> str:
    """Return the validity of a profile for people: days, or hours."""
    days, hours = divmod(profile.hours, _DAY_HOURS)
    number, unit = (profile.hours, "hour") if hours else (days, "day")
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _parse(rt: Runtime, owner: str, text: str) -> Profile:
    """Read a profile: a name, which defaults to the template's; a template or an issuing preset; days or hours.

    Without a validity it has the preset's, or 90 days. `directories` judges the parts.

    Raises:
        AcmeError: the text is malformed.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise AcmeError("profiles", f"'{text[:100]}' is not a profile such as web=EndEntityCertificate:90d.")
    name, template, number, unit = match.groups()
    preset = issuing_presets.named(rt, owner, template)
    default = preset.days * _DAY_HOURS if preset else _DEFAULT_HOURS
    return Profile(name or template, template, int(number) * (_DAY_HOURS if unit == "d" else 1) if number else default)
