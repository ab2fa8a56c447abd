"""`fingerpost records describe`: what a folder of linked records holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._screen import command, labelled, listed_lines, shown, table


def describe(
    path: Annotated[Path, typer.Argument(metavar="RECORDS", help="A folder or a DuckDB file.")],
    *,
    engine: Annotated[str, typer.Option(help="Who computes: duckdb, polars or spark.")] = "duckdb",
    package: Annotated[
        Path | None,
        typer.Option(
            "--package", metavar="FILE", help="Write a Frictionless datapackage.json of it here."
        ),
    ] = None,
) -> None:
    """Print which tables are there, how many rows and children each has, and which years.

    \b
    Examples:
      fingerpost records describe build/england
      fingerpost records describe build/england --package build/england/datapackage.json
    """
    from fingerpost.records.describe import described
    from fingerpost.records.files import write_package
    from fingerpost.records.store import open_store

    store = open_store(path, engine)
    found = described(store)
    kind = "synthetic: no child in them is real" if store.synthetic else "not said to be synthetic"
    made = store.manifest.made_by
    print(labelled("Records", [f"{shown(path)} ({kind}{f'; made by {made}' if made else ''})"]))
    print(labelled("Digest", [store.digest]))
    print()
    print(table(("table", "rows", "children", "from", "to"), found))
    if package is not None:
        print(listed_lines("Wrote", [shown(write_package(store, package))]))
    print(listed_lines("Next", [command("records check", path)]))
