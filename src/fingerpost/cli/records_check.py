"""`fingerpost records check`: whether linked records keep the standard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._faults import FAULT
from fingerpost.cli._folder import check_json, naming
from fingerpost.cli._screen import command, listed_lines, shown


def check(
    path: Annotated[Path, typer.Argument(metavar="RECORDS", help="A folder or a DuckDB file.")],
    *,
    engine: Annotated[str, typer.Option(help="Who computes: duckdb, polars or spark.")] = "duckdb",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Check every table of linked records; print all faults at once.

    Faults are told by table, column, rule, count and the first rows by position, never by value.
    Ends with 1 where anything must be mended.

    \b
    Examples:
      fingerpost records check build/england
      fingerpost records check records.duckdb --json build/check.json
    """
    from fingerpost.records.check import check as checked
    from fingerpost.records.store import open_store
    from fingerpost.records.telling import as_data, told

    if json_file is not None:
        check_json(json_file, inputs=[path])
    report = checked(open_store(path, engine))
    print(told(report))
    if json_file is not None:
        from fingerpost.records.files import replace

        with naming(json_file):
            replace(json_file, json.dumps(as_data(report), indent=2, ensure_ascii=False) + "\n")
        print(listed_lines("Wrote", [shown(json_file)]))
    if not report.ok:
        print(listed_lines("Next", [command("records dictionary")]))
        raise typer.Exit(FAULT)
