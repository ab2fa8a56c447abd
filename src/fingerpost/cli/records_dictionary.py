"""`fingerpost records dictionary`: what every table and column of linked records is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import listed_lines, shown, table


def dictionary(
    name: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table; all where left out.")
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write a page: FILE.md, .html or .json."),
    ] = None,
) -> None:
    """Print or write the data dictionary of linked records.

    A name that ends in .json gets a Frictionless data package (version 2).

    \b
    Examples:
      fingerpost records dictionary
      fingerpost records dictionary school_census
      fingerpost records dictionary --out dictionary.html
    """
    from fingerpost.records.declarations import TABLES
    from fingerpost.records.dictionary import HEAD, cells, facts
    from fingerpost.records.files import write_dictionary
    from fingerpost.records.store import spec_named

    if out is not None:
        print(listed_lines("Wrote", [shown(write_dictionary(out))]))
    elif name is not None:
        spec = spec_named(name)
        print("\n".join(facts(spec)), end="\n\n")
        print(table(HEAD, [cells(field) for field in spec.fields]))
    else:
        rows = [(spec.name, spec.grain, spec.source) for spec in TABLES.values()]
        print(table(("table", "one row", "source"), rows))
