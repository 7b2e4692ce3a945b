"""Profiles as people write them: `web=EndEntityServerAuthCertificate:90d`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.acme.directories import AcmeError
from chalicelib.acme_records import Profile
from chalicelib.operations import issuing_presets

if TYPE_CHECKING:
    from chalicelib.runtime import Runtime

_FORM = re.compile(r"(?:([^=:]+)=)?([^=:]+)(?::([1-9][0-9]{0,6})([dh]))?", re.ASCII)
_DEFAULT_HOURS = 90 * 24


def parse(rt: Runtime, owner: str, text: str) -> Profile:
    """Read a profile: a name, which defaults to the template's; a template or an issuing preset; days or hours.

    Without a validity it has the preset's, or 90 days. `directories.checked` judges the parts.

    Raises:
        AcmeError: the text is malformed.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise AcmeError("profiles", f"'{text[:100]}' is not a profile such as web=EndEntityCertificate:90d.")
    name, template, number, unit = match.groups()
    preset = issuing_presets.named(rt, owner, template)
    default = preset.days * 24 if preset else _DEFAULT_HOURS
    return Profile(name or template, template, int(number) * (24 if unit == "d" else 1) if number else default)
