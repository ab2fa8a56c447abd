"""`fingerpost trial run`: a trial on synthetic England, from its protocol to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._lean import lean
from fingerpost.cli._screen import listed_lines, progress
from fingerpost.cli._studying import (
    Choices,
    check_json_beside,
    check_out,
    chosen,
    told,
    write_folder,
    wrote,
)
from fingerpost.cli._truth_trial import with_trial_truth
from fingerpost.cli.study_run import ALL_REFUSED, following, whole, write_json

if TYPE_CHECKING:
    from fingerpost.cli._screen import Say
    from fingerpost.core.output import Output
    from fingerpost.core.study import Study


@lean
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trial's YAML file.")],
    *,
    records: Annotated[
        Path, typer.Option(metavar="PATH", help="A synthetic England, from `england build`.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the report goes.  [default: build/<study>]"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write results.json here as well.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=whole, metavar="N", help="Seed instead of the study's.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Run a whole trial on synthetic England: print its answer, the truth beside it, its report.

    Who could take part is read from the records; some are taken at random and drawn by the study's
    own design; each has what its arm says (`enact`); what records would then hold is analysed as
    the study says. Only then is it worked out what was true. Every output says that it is made up.

    Exit codes: 0 answered (in part at least), 1 a fault in the study, the records or the machine,
    2 a wrong command, 3 nothing may be released, 4 every primary answer refused.

    \b
    Examples:
      fingerpost trial run examples/trials/preschool.yaml --records build/england --json t.json
    """
    choices = Choices(records, seed=seed)
    study = chosen(file, choices)
    folder = out or Path("build") / study.name
    check_out(folder, release=study.release)
    if json_file is not None:
        check_json_beside(json_file, folder, inputs=(file, records))
    with progress(quiet=quiet) as say:
        output = ran(study, records, say=say)
        say("writing the report")
        paths = (*write_folder(output, folder), *write_json(output, json_file))
    print(told(output))
    print(truths(output))
    print(wrote(paths))
    print(listed_lines("Next", following(folder)))
    if output.status == "refused":
        raise typer.Exit(ALL_REFUSED)


def ran(study: Study, records: Path, *, say: Say) -> Output:
    """Return the output of a trial that was run on an England, its truth beside it."""
    from fingerpost.core.errors import FingerpostError
    from fingerpost.release.clear import clear
    from fingerpost.studies.trials.running import run_on_england

    if not records.exists():
        raise FingerpostError(f"--records {records}: there is nothing at this path.")
    found = run_on_england(study, records, say=say)
    output = clear(found.finding)
    say("opening what is true")
    return with_trial_truth(output, found)


def truths(output: Output) -> str:
    """Return what was true beside the primary answers, as lines of the screen."""
    from fingerpost.reports.names import labelled as in_labels

    output = in_labels(output)
    lines = []
    for term, value in output.truth:
        held = []
        for result in output.results:
            if result.term == term and result.lo is not None and result.hi is not None:
                inside = result.lo <= value <= result.hi
                held.append(f"{result.estimator} {'holds' if inside else 'misses'} it")
        lines.append(f"{term.outcome}, {term.words()}: {value:.3g} ({'; '.join(held)})")
    return listed_lines("Truth", lines) if lines else ""
