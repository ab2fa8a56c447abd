"""`fingerpost rollout analyse`: a roll-out from its panel to a report, as it was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._reporting import Out, Quiet, Release, ResultsJson, Seed, reported
from fingerpost.cli._studying import Choices, chosen
from fingerpost.core.errors import UsageError

if TYPE_CHECKING:
    from fingerpost.core.study import Study


def analyse(  # noqa: PLR0913 - decision 0011
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The roll-out's YAML file.")],
    *,
    records: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The panel to read instead, or the folder it lies in."),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The draw that `rollout randomise` wrote: units, waves, ledger."
        ),
    ] = None,
    out: Out = None,
    json_file: ResultsJson = None,
    release: Release = None,
    seed: Seed = None,
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The database of a collection, if not in its folder."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Analyse a roll-out: print its answer, write its report, its tables and results.json.

    With --draw the units, their waves and the draws that were possible come from the ledger of the
    draw, and the records must agree with it. Of a collection only a freeze is read.

    Exit codes: 0 answered (in part at least), 1 a fault in the study, the records or the machine,
    2 a wrong command or a question that no estimator answers, 3 nothing may be released, 4 every
    primary answer refused.

    \b
    Examples:
      fingerpost rollout analyse examples/rollouts/mpdta.yaml --records mpdta.csv
      fingerpost rollout analyse rollout.yaml --records panel.csv --draw build/draw --json r.json
      fingerpost rollout analyse rollout.yaml --records build/returns/freeze-1 --draw build/draw
    """
    choices = Choices(records, release=release, seed=seed, draw=draw, ledger=ledger)
    study = of_rollout(chosen(file, choices), file)
    reported(study, choices, file=file, out=out, json_file=json_file, quiet=quiet)


def of_rollout(study: Study, file: Path) -> Study:
    """Return a study that is of a roll-out; UsageError for any other."""
    if study.rollout is None:
        raise UsageError(
            f'The study "{study.name}" is of no roll-out: it has no `rollout`. Run it by '
            f"`fingerpost study run {file}`."
        )
    return study
