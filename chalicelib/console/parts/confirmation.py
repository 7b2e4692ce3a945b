"""Questions before something stops: what will happen, the button that does it, and the way back."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from chalicelib.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, as `question.html` shows it.

    Attributes:
        heading: the question.
        consequences: what will happen, in sentences.
        action: the path of the form behind `/console`.
        fields: what the form sends.
        button: the label of the button that does it.
        back: the path of the page that Cancel leads to.
        choice: the name of a box that may be ticked; empty for none.
        command: that does more than the form, to be copied; empty for none.
    """

    heading: str
    consequences: tuple[str, ...]
    action: str
    button: str
    back: str
    fields: Mapping[str, str] = field(default_factory=dict)
    choice: str = ""
    command: str = ""
