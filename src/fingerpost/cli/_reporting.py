"""What every command that runs a study shares: its options, and from the study to the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_unsealed, naming
from fingerpost.cli._screen import Say, command, listed_lines, progress, shown
from fingerpost.cli._studying import (
    REPORT,
    Choices,
    answered,
    check_json_beside,
    check_out,
    told,
    write_folder,
    wrote,
)

if TYPE_CHECKING:
    from fingerpost.core.output import Output
    from fingerpost.core.study import Study

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


Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the report goes.  [default: build/<study>]"),
]
ResultsJson = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write results.json here as well.")
]
Engine = Annotated[
    str, typer.Option(metavar="NAME", help="Who computes on records: duckdb, polars or spark.")
]
Release = Annotated[
    str | None,
    typer.Option(metavar="POLICY", help="Policy, not the study's: none, inside or ons_srs."),
]
Seed = Annotated[
    int | None, typer.Option(parser=whole, metavar="N", help="Seed instead of the study's.")
]
Impute = Annotated[
    int | None,
    typer.Option(
        parser=whole, metavar="M", help="Impute missing values in M copies, 20 say, and pool them."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")]

AnswerOf = Callable[[Say], "Output"]


def reported(
    study: Study,
    choices: Choices,
    *,
    file: Path,
    out: Path | None,
    json_file: Path | None,
    quiet: bool,
    answer: AnswerOf | None = None,
    besides: Callable[[Output], str] | None = None,
) -> None:
    """Run a study, write its folder and what --json asked for, and print its answer.

    answer: how the output comes about, `answered` where none is named. besides: what is printed
    after the answer. Ends with exit code 4 where every primary answer is refused.
    """
    # The language lets only names through that are a folder's name and no path.
    folder = out or Path("build") / study.name
    check_unsealed(folder, json_file)
    check_out(folder, release=choices.release or study.release)
    if json_file is not None:
        inputs = (file, *((choices.records,) if choices.records else ()))
        check_json_beside(json_file, folder, inputs=inputs)
    with progress(quiet=quiet) as say:
        made = (
            answer(say)
            if answer
            else answered(study, choices, base=file.parent, say=say, file=file)
        )
        say("writing the report")
        paths = (*write_folder(made, folder), *write_json(made, json_file))
    print(told(made))
    if besides is not None:
        print(besides(made))
    print(wrote(paths))
    print(listed_lines("Next", following(folder)))
    if made.status == "refused":
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
