"""Templates: escaped always, with hidden characters shown, and addresses relative to the page."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from markupsafe import Markup, escape

from chalicelib.console import authority_frame, fields, severity, static_files, text, theme, web
from chalicelib.console.commands import from_region
from chalicelib.pki.errors import PkiError
from chalicelib.pki.x509 import algorithms, display
from chalicelib.printable import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2.runtime import Context

    from chalicelib.api.dispatch import WireResponse
    from chalicelib.console.web import Visit
    from chalicelib.pki.x509.display import Line, Section

# The menu: the name of a section, the path of its page behind `/console`, and its label. A view names its section.
SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("overview", "overview", "Overview"),
    ("authorities", "cas", "Private CAs"),
    ("hierarchy", "hierarchy", "Hierarchy"),
    ("certificates", "certificates", "Certificates"),
    ("presets", "presets", "Issuing presets"),
    ("acme", "acme", "ACME"),
    ("calendar", "calendar", "Calendar"),
    ("activity", "activity", "Activity"),
    ("principals", "principals", "Principals"),
    ("you", "you", "Your access"),
    ("inspect", "inspect", "What is this?"),
    ("cost", "cost", "Cost"),
    ("help", "help", "Help"),
    ("health", "health", "Health"),
    ("settings", "settings", "Settings"),
)


@cache
def environment() -> Environment:
    """The one environment; all text that templates print goes through `printable`."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters |= {
        "lines": _lines,
        "as_typed": _as_typed,
        "label": fields.label_of,
        "hint": _hint,
        "by_label": _by_label,
        "decoded_csr": _decoded_csr,
        "utc": text.utc,
        "iso": text.iso,
        "moment": text.moment,
        "day": text.day,
        "relative": text.relative,
        "serial": text.serial,
        "word": text.word,
        "breaking": text.breaking,
        "algorithm": lambda name: algorithms.LABELS.get(name, name),
    }
    made.globals |= {"severity": severity}
    return made


def _finalize(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _lines(value: str) -> Markup:
    """A text of several lines, such as PEM; everything else in it is as safe as without this filter."""
    return escape(printable_lines(value))


def _as_typed(value: str) -> Markup:
    """Text that was entered, back in its field: escaped for HTML, otherwise unchanged."""
    return escape(value)


@pass_context
def _hint(context: Context, name: str) -> Markup:
    """The help below a field, with a link to its place in the documents; empty for unknown names."""
    docs = fields.docs_of(name)
    if not docs:
        return Markup()
    link = Markup(
        '<a class="help" href="{}" target="_blank" rel="noopener">Help<span class="hidden"> on {}</span></a>'
    ).format(context.resolve("link")(f"help/{docs}"), fields.label_of(name))
    return Markup(" ").join(filter(None, (escape(fields.hint_of(name)), link)))


def _by_label(lines: Iterable[Line]) -> list[tuple[str, list[str]]]:
    """Lines of `pki.x509.display`, neighbours with the same label together."""
    return [(label, [_shown(line) for line in same]) for label, same in groupby(lines, key=lambda line: line.label)]


def _shown(line: Line) -> str:
    return text.utc(text.moment(line.value)) if line.kind == "time" else line.value


def _decoded_csr(csr: str) -> tuple[Section, ...]:
    """The sections of a CSR in PEM; none if it cannot be read."""
    try:
        return display.of_csr(csr.encode("utf-8", "replace"))
    except PkiError:
        return ()


def page(
    visit: Visit,
    template: str,
    *,
    title: str,
    subtitle: str = "",
    section: str = "",
    commands: tuple[str, ...] = (),
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> WireResponse:
    """A page.

    Args:
        visit: the request for the page.
        template: extends `page.html`.
        title: of the page; also its heading unless the template has another one.
        subtitle: of the window, if it differs from the page's.
        section: of `SECTIONS`.
        commands: of the AWS CLI, which do the same.
        status: of the answer.
        headers: of the answer, in addition to those of every page.
        values: the variables of the template.
    """
    settings = visit.rt.settings
    template = "commands_part.html" if web.asks_for_commands(visit) else template
    text_of = (
        environment()
        .get_template(template)
        .render(
            visit=visit,
            link=visit.link,
            asset=lambda name: visit.link(static_files.address(name)),
            token=visit.token,
            session=visit.session,
            region=settings.region,
            sections=SECTIONS,
            may=visit.may,
            now=visit.rt.now(),
            section=section,
            title=title,
            subtitle=subtitle,
            ca_frame=lambda: authority_frame.of(visit, status),
            theme=theme.of(visit.request),
            themes=theme.THEMES,
            this_page=theme.here(visit) if status in authority_frame.SHOWN else "",
            commands=from_region(commands, visit.home_region or settings.region),
            **values,
        )
    )
    return web.answer(text_of, status=status, headers=headers)


def error_page(
    visit: Visit, status: int, title: str, message: str, headers: dict[str, str] | None = None
) -> WireResponse:
    """A page with an error."""
    return page(visit, "error.html", title=title, message=message, status=status, headers=headers)
