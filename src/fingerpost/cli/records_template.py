"""`fingerpost records template`: empty tables to fill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, shown


def template(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="All where left out.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Write an empty CSV, its header only, for each table, and the data package of them.

    \b
    Examples:
      fingerpost records template --out records
      fingerpost records template child school_census concern --out records
    """
    from fingerpost.records.files import write_templates

    files = write_templates(out, tuple(tables or ()))
    print(labelled("Wrote", [f"{len(files)} files in {shown(out)}"]))
    print(listed_lines("Next", [command("records check", out)]))
