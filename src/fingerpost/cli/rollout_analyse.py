"""`fingerpost rollout analyse`: a roll-out from its panel to a report, as it was drawn."""

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
    ledger: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The database of a collection, if not in its folder."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
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


def of_rollout(study: Study, file: Path) -> Study:
    """Return a study that is of a roll-out; UsageError for any other."""
    if study.rollout is None:
        raise UsageError(
            f'The study "{study.name}" is of no roll-out: it has no `rollout`. Run it by '
            f"`fingerpost study run {file}`."
        )
    return study
