"""`fingerpost trial analyse`: a trial from its records to a report, as it was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._screen import listed_lines, progress
from fingerpost.cli._studying import (
    Choices,
    answered,
    check_json_beside,
    check_out,
    chosen,
    told,
    write_folder,
    wrote,
)
from fingerpost.cli.study_run import ALL_REFUSED, following, whole, write_json
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
        typer.Option(metavar="DIR", help="What `trial randomise` wrote: arms are taken from it."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --draw: a key of role sees or opens."),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="URL", help="Of --draw: its database, if not in DIR.")
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="What reads the records: duckdb or polars.")
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
            parser=whole, metavar="M", help="Impute missing values in M copies, and pool."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Analyse a trial: print its answer, write its report, its tables and results.json.

    The study's assignment is a draw. It is analysed as it was drawn: within strata, by the unit
    that was drawn, everyone in the arm into which the draw put them. With --draw that is the arm of
    the verified ledger, whatever the records say; tests replay its procedure.

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
    folder = out or Path("build") / study.name
    check_out(folder, release=choices.release or study.release)
    if json_file is not None:
        check_json_beside(json_file, folder, inputs=(file, *((records,) if records else ())))
    with progress(quiet=quiet) as say:
        output = answered(study, choices, base=file.parent, say=say)
        say("writing the report")
        paths = (*write_folder(output, folder), *write_json(output, json_file))
    print(told(output))
    print(wrote(paths))
    print(listed_lines("Next", following(folder)))
    if output.status == "refused":
        raise typer.Exit(ALL_REFUSED)


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
