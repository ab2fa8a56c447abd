"""`fingerpost study run`: a study from its file to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._folder import check_writable
from fingerpost.cli._screen import listed_lines, progress, shown
from fingerpost.cli._studying import REPORT, Choices, answered, told, write_folder, wrote

ALL_REFUSED = 4


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The study's YAML file.")],
    *,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The table to read instead, or the folder that holds the tables."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="Who computes on records: duckdb or polars.")
    ] = "duckdb",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the report goes.  [default: build/<study>]"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write results.json here as well.")
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="Release policy instead of the study's: none, inside."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed instead of the study's.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Run a study: print its answer, write its report, its tables and results.json.

    Exit codes: 0 answered (in part at least), 1 a fault in the study or the records, 2 a wrong
    command or a question that no estimator answers, 3 nothing may be released, 4 every primary
    answer refused.

    \b
    Examples:
      fingerpost study run examples/nhefs/study.yaml
      fingerpost study run study.yaml --records records/children.csv --out build/mine
      fingerpost study run study.yaml --engine polars --json results.json --quiet
    """
    if out is not None:
        check_writable(out, folder=True)
    if json_file is not None:
        check_writable(json_file, folder=False)
    with progress(quiet=quiet) as say:
        output = answered(file, Choices(records, engine, release, seed), say)
        folder = out or Path("build") / output.study.name
        check_writable(folder, folder=True)
        say("writing the report")
        paths = write_folder(output, folder)
    if json_file is not None:
        from fingerpost.reports.results import write_results

        paths = (*paths, write_results(output, json_file))
    print(told(output))
    print(wrote(paths))
    print(listed_lines("Next", following(folder)))
    if output.status == "refused":
        raise typer.Exit(ALL_REFUSED)


def following(folder: Path) -> tuple[str, str]:
    """Return what most readers want next: the report, and the command for another opinion."""
    return (
        f"open {shown(folder / REPORT)} in a browser",
        f"fingerpost study compare {shown(folder)} ANOTHER_FOLDER",
    )
