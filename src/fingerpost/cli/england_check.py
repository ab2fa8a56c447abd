"""`fingerpost england check`: a synthetic England against published figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_json, naming
from fingerpost.cli._screen import labelled, listed_lines, progress, shown, table
from fingerpost.cli._spines import by_truth

if TYPE_CHECKING:
    from fingerpost.england.check.run import Check

MISSED = 4


def check(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The records that `england build` wrote.")
    ],
    *,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Who computes on records: duckdb, polars or spark.")
    ] = "duckdb",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the check as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Hold a synthetic England against published figures, each computed from its records.

    A row a target: published, achieved, their difference, the tolerance, whether it was met, and
    where the figure comes from. Figures that are only shown are not judged. Where so few children
    are behind a figure that chance could move it by more than its tolerance it is held loosely; the
    last line says of how many that is so. Of an England with linkage error each hospital record is
    read as the child's whose it truly is: what is checked is England, not its links.

    Exit codes: 0 at most one target in ten missed, 4 more missed or none judged, 1 a fault in the
    records, 2 records that are not synthetic.

    \b
    Examples:
      fingerpost england check build/england
      fingerpost england check build/england --json build/check.json
    """
    from fingerpost.england.check.run import check as checked
    from fingerpost.records.store import open_store
    from fingerpost.reports.files import write_text

    if json_file is not None:
        check_json(json_file)
    with progress(quiet=quiet) as say:
        say("reading the records")
        with by_truth(open_store(folder, engine), engine=engine) as store:
            say("computing every target")
            found = checked(store)
    print(told(found))
    if json_file is not None:
        with naming(json_file):
            write_text(json_file, json.dumps(found.record(), indent=2, ensure_ascii=False) + "\n")
        print(listed_lines("Wrote", [shown(json_file)]))
    if not found.passed:
        raise typer.Exit(MISSED)


def told(found: Check) -> str:
    """Return the check as a table, its notes and its verdict."""
    from fingerpost.england.check.words import COLUMNS, NOTES, table_rows, verdict

    parts = [table(COLUMNS, table_rows(found)), ""]
    parts += [labelled("Note" if at == 0 else "", [note]) for at, note in enumerate(NOTES)]
    return "\n".join([*parts, "", labelled("Verdict", [verdict(found)])])
