"""`fingerpost trial run`: a trial on synthetic England, from its protocol to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._lean import lean
from fingerpost.cli._reporting import Out, Quiet, ResultsJson, Seed, reported
from fingerpost.cli._screen import listed_lines
from fingerpost.cli._studying import Choices, chosen
from fingerpost.cli._truth_trial import with_trial_truth

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
    out: Out = None,
    json_file: ResultsJson = None,
    seed: Seed = None,
    quiet: Quiet = False,
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
    reported(
        study,
        choices,
        file=file,
        out=out,
        json_file=json_file,
        quiet=quiet,
        answer=lambda say: ran(study, records, say=say),
        besides=truths,
    )


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
        for one in output.regions:
            if one.region.term == term and one.region.pieces:
                inside = any(lo <= value <= hi for lo, hi in one.region.pieces)
                held.append(f"{one.estimator} {'holds' if inside else 'misses'} it")
        lines.append(f"{term.outcome}, {term.words()}: {value:.3g} ({'; '.join(held)})")
    return listed_lines("Truth", lines) if lines else ""
