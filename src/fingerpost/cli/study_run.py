"""`fingerpost study run`: a study from its file to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import naming
from fingerpost.cli._lean import lean
from fingerpost.cli._screen import command, listed_lines, progress, shown
from fingerpost.cli._studying import (
    REPORT,
    Choices,
    answered,
    check_json_beside,
    check_out,
    chosen,
    told,
    write_folder,
    wrote,
)

if TYPE_CHECKING:
    from fingerpost.core.output import Output

ALL_REFUSED = 4
NOTE = "note.html"


def whole(said: str) -> int:
    """Return a whole number as the command line has it; BadParameter in plain words for others.

    >>> whole("20")
    20
    """
    try:
        return int(said)
    except ValueError:
        raise typer.BadParameter(
            f'"{said}" is no whole number; write digits, such as 20.'
        ) from None


@lean
def run(  # noqa: PLR0913 - decision 0011
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
        typer.Option(metavar="POLICY", help="Policy, not the study's: none, inside or ons_srs."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="Seed instead of the study's.")
    ] = None,
    impute: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="M",
            help="Impute missing values in M copies, 20 say, and pool them.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Run a study: print its answer, write its report, its tables and results.json.

    Files of yours are never written over: in DIR only what an earlier run wrote is replaced, and
    FILE only if it is empty or holds results.

    Exit codes: 0 answered (in part at least), 1 a fault in the study, the records or the machine,
    2 a wrong command or a question that no estimator answers, 3 nothing may be released, 4 every
    primary answer refused, 70 a bug of ours, 130 stopped from the keyboard.

    \b
    Examples:
      fingerpost study run examples/nhefs/study.yaml
      fingerpost study run examples/hope/cleft.yaml --records build/england --out build/mine
      fingerpost study run study.yaml --release ons_srs --json results.json --quiet
      fingerpost study run study.yaml --impute 20
    """
    choices = Choices(records, engine, release, seed, impute)
    study = chosen(file, choices)
    # The language lets only names through that are a folder's name and no path.
    folder = out or Path("build") / study.name
    check_out(folder, release=choices.release or study.release)
    if json_file is not None:
        inputs = (file, *((records,) if records else ()))
        check_json_beside(json_file, folder, inputs=inputs)
    with progress(quiet=quiet) as say:
        output = answered(study, choices, base=file.parent, say=say)
        say("writing the report")
        paths = (*write_folder(output, folder), *write_json(output, json_file))
    print(told(output))
    print(wrote(paths))
    print(listed_lines("Next", following(folder)))
    if output.status == "refused":
        raise typer.Exit(ALL_REFUSED)


def write_json(output: Output, path: Path | None) -> tuple[Path, ...]:
    """Write results.json where --json asked for it, and return its path, if any."""
    if path is None:
        return ()
    from fingerpost.reports.results import write_results

    with naming(path):
        return (write_results(output, path),)


def following(folder: Path) -> tuple[str, str]:
    """Return what most readers want next: the report, and the command for another opinion."""
    # Of a clearance pack the note is read first, by its checker and so by whoever hands it over.
    note = folder / NOTE
    first = note if note.exists() else folder / REPORT
    return (
        f"open {shown(first)} in a browser",
        f"{command('study compare', folder)} ANOTHER_FOLDER",
    )
