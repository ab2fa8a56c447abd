"""`fingerpost study run`: a study from its file to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerpost.cli._lean import lean
from fingerpost.cli._reporting import (
    Engine,
    Impute,
    Out,
    Quiet,
    Release,
    ResultsJson,
    Seed,
    reported,
)
from fingerpost.cli._studying import Choices, chosen


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
    engine: Engine = "duckdb",
    out: Out = None,
    json_file: ResultsJson = None,
    release: Release = None,
    seed: Seed = None,
    impute: Impute = None,
    spines: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Read hospital records through N links, and pool; also NAME:N, N:weighted.",
        ),
    ] = None,
    quiet: Quiet = False,
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
      fingerpost study run examples/hope/cleft.yaml --records build/e --spines 20
    """
    choices = Choices(records, engine, release, seed, impute, spines=spines)
    reported(chosen(file, choices), choices, file=file, out=out, json_file=json_file, quiet=quiet)
