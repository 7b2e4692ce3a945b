"""`signet settings`: every setting and its current value."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import click

from chalicelib.cli.status import table
from chalicelib.config import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(*, as_json: bool) -> None:
    """List every setting, its current value, and what it does."""
    current = Settings.from_env()
    entries: list[dict[str, Any]] = [
        {
            "Variable": str(entry.metadata["variable"]),
            "Value": "(set)"
            if entry.metadata["secret"] and getattr(current, entry.name)
            else getattr(current, entry.name),
            "Default": str(entry.metadata["default"]),
            "Help": str(entry.metadata["help"]),
            "Choices": list(entry.metadata["choices"]),
        }
        for entry in fields(Settings)
    ]
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    rows = [(entry["Variable"], entry["Value"], _help(entry["Help"], entry["Choices"])) for entry in entries]
    click.echo(table(("Variable", "Value", "What it does"), rows))


def _help(text: str, choices: list[str]) -> str:
    return f"{text} ({', '.join(filter(None, choices))})" if choices else text
