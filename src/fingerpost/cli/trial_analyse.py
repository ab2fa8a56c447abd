"""`fingerpost trial analyse`: a trial from its records to a report, as it was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.core.study import Study


def analyse(  # noqa: PLR0913 - decision 0011
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trial's YAML file.")],
    *,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The table to read instead, or the folder that holds the tables."
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What `trial open` wrote: arms are taken from it."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --draw: a key of role sees or opens."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="Of --draw: its database, if not in DIR.")
    ] = None,
    engine: Engine = "duckdb",
    out: Out = None,
    json_file: ResultsJson = None,
    release: Release = None,
    seed: Seed = None,
    impute: Impute = None,
    quiet: Quiet = False,
) -> None:
    """Analyse a trial: print its answer, write its report, its tables and results.json.

    The study's assignment is a draw. It is analysed as it was drawn: within strata, by the unit
    that was drawn, everyone in the arm into which the draw put them. With --draw that is the arm of
    the verified ledger, whatever the records say; tests replay its procedure. Of a trial with looks
    the ledger, or monitoring: {looked: K}, tells at which look it stopped, and a table allows for
    them.

    Exit codes: 0 answered (in part at least), 1 a fault in the study, the records or the machine,
    2 a wrong command or a question that no estimator answers, 3 nothing may be released, 4 every
    primary answer refused.

    \b
    Examples:
      fingerpost trial analyse examples/trials/star.yaml --json s.json
      fingerpost trial analyse trial.yaml --records children.csv --out build/mine
      fingerpost trial analyse trial.yaml --records children.csv --draw build/trial \\
        --key ~/committee.key
    """
    if (draw is None) != (key is None):
        raise UsageError("--draw and --key go together: arms are sealed, and the key opens them.")
    choices = Choices(
        records,
        engine=engine,
        release=release,
        seed=seed,
        impute=impute,
        draw=draw,
        ledger=ledger,
        key=key,
    )
    study = of_trial(chosen(file, choices), file)
    reported(study, choices, file=file, out=out, json_file=json_file, quiet=quiet)


def of_trial(study: Study, file: Path) -> Study:
    """Return a study whose arms were drawn; UsageError for any other."""
    if study.rollout is not None:
        raise UsageError(
            f'The study "{study.name}" is of a roll-out. Run it by '
            f"`fingerpost rollout analyse {file}`."
        )
    if not study.assignment.randomised:
        raise UsageError(
            f'The study "{study.name}" is of no trial: its assignment says that nobody drew lots. '
            f"Run it by `fingerpost study run {file}`."
        )
    if not study.outcomes:
        raise UsageError(
            f'The study "{study.name}" names no outcomes, so there is nothing to analyse. Write '
            "outcomes: and estimators:."
        )
    return study
