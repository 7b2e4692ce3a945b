"""The page "What is this?": decodes a paste or a dropped file, and judges it against the CAs of the account.

It stores nothing, and never shows the paste itself again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.console import render
from chalicelib.console.parts import certificate_story, judgement
from chalicelib.pki import recognition
from chalicelib.pki.errors import DerError
from chalicelib.pki.recognition import PrivateKeyError
from chalicelib.pki.x509.reading import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.parts.judgement import Judgement
    from chalicelib.console.web import Visit
    from chalicelib.pki.recognition import Item

SECTION = "inspect"
_NOTHING = "Paste something, or choose a file."


class Seen(NamedTuple):
    """Something that was recognized, with its judgement by the CAs here."""

    item: Item
    title: str
    judgement: Judgement


def show(visit: Visit) -> WireResponse:
    """The form."""
    return _page(visit, [], "")


def inspect(visit: Visit) -> WireResponse:
    """The form, below the decoded paste."""
    content = visit.form.files.get("thing_file") or visit.form.get("thing").encode("utf-8", "replace")
    if not content.strip():
        return _page(visit, [], _NOTHING)
    try:
        items = recognition.items(content)
    except PrivateKeyError as error:
        return _page(visit, [], str(error))
    except DerError as error:
        return _page(visit, [], error.reason)
    return _page(visit, [Seen(item, _title(item), judgement.of_item(visit, item, items)) for item in items], "")


def _title(item: Item) -> str:
    kind = recognition.KINDS[item.kind]
    if item.kind != "certificate" or item.problem:
        return kind
    return f"{kind} of {certificate_story.name_of(parse_certificate(item.der))[:120]}"


def _page(visit: Visit, seen: Sequence[Seen], problem: str) -> WireResponse:
    return render.page(
        visit,
        "inspect.html",
        title="What is this?",
        section=SECTION,
        status=422 if problem else 200,
        seen=seen,
        problems={"thing": problem} if problem else {},
    )
