"""`fingerpost trial validate`: draw a trial's allocation ten thousand times, for an auditor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._lean import lean
from fingerpost.cli._screen import labelled, listed_lines, progress, shown, table

if TYPE_CHECKING:
    from fingerpost.core.table import Table
    from fingerpost.reports.trial_page import TrialPage
    from fingerpost.studies.trials.validating import Validated

PAGE, RESULTS = "validation.html", "validation.json"
TABLES = "validation-tables"
MANIFEST = f"{TABLES}/.written"


@lean
def validate(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the pack here: a page, its tables, JSON."),
    ] = None,
    draws: Annotated[int, typer.Option(metavar="N", help="Allocations drawn.")] = 10_000,
    units: Annotated[
        int | None,
        typer.Option(metavar="N", help="Units made up; the trial's size if left out."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every number as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Draw a trial's allocation 10,000 times under seeds that are not the trial's, and look at it.

    Units of each arm, how far arms are apart in every stratum, each unit's chances against those of
    the design, runs, and how often the next arm is guessed by somebody who sees what came before;
    golden vectors and digests by which anyone can make the same draws again.

    Exit codes: 0 everything holds; 1 something does not, or a fault in the study; 2 a wrong
    command.

    \b
    Examples:
      fingerpost trial validate examples/trials/preschool.yaml --out build/validation
      fingerpost trial validate trial.yaml --units 200 --json build/validation.json
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.validating import record, validated, verdicts

    if json_file is not None:
        check_json(json_file, inputs=[file])
    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        found = validated(study, file.parent, draws=draws, units=units, say=say)
        say("writing")
        text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [*write_folder(found, out, text), *write_json(json_file, text)]
    print(told(found))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    if not all(holds for _, holds, _ in verdicts(found)):
        raise typer.Exit(1)


def told(found: Validated) -> str:
    """Return a validation as plain text."""
    from fingerpost.studies.trials.validating import tables, verdicts

    parts = [labelled("Study", [f"{found.study.name}: {found.study.question}"])]
    parts.append(labelled("Drawn", [drawn_words(found)]))
    for one in tables(found):
        if one.name in ("arms", "balance", "guesses", "runs"):
            parts += ["", one.title, plain(one)]
    parts.append("")
    for what, holds, words in verdicts(found):
        parts.append(labelled("Holds" if holds else "Does not", [f"{what}: {words}"]))
    parts.append(labelled("Digest", [f"of all draws {found.digest}"]))
    return "\n".join(parts)


def drawn_words(found: Validated) -> str:
    """Return how many draws of how many units were made."""
    how = "each to the byte, under a seed of its own" if found.exact else "of those that are kept"
    if len(found.codes) < found.asked:
        how += f", which are all that there are: {found.asked:,} were asked"
    return f"{len(found.codes):,} allocations of {found.codes.shape[1]:,} units, {how}."


def plain(one: Table) -> str:
    """Return a table as plain text."""
    from fingerpost.plots.numbers import number

    def cell(value: object, kind: str) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        if kind == "share":
            return f"{100 * value:.2f}%"
        return f"{value:,}" if kind == "count" else number(float(value))

    rows = [
        [cell(each, kind) for each, kind in zip(row, one.kinds, strict=True)] for row in one.rows
    ]
    return table(one.columns, rows)


def page_of(found: Validated) -> TrialPage:
    """Return what the page says besides its tables."""
    import fingerpost
    from fingerpost.reports.trial_page import Told, TrialPage
    from fingerpost.studies.trials.validating import verdicts

    every = verdicts(found)
    return TrialPage(
        title=f"Validation of the allocation: {found.study.question or found.study.name}",
        sections=(
            Told(
                "answer",
                "What was found",
                (drawn_words(found), *(words for _, holds, words in every if holds)),
                ("arms",),
                warns=tuple(words for _, holds, words in every if not holds),
            ),
            Told("balance", "How alike arms are", (), ("balance",)),
            Told("guesses", "Whether the next arm can be guessed", (), ("guesses", "runs")),
            Told(
                "again",
                "To make the same draws again",
                (
                    "The units are in units.csv. Each golden vector is what the design gives them "
                    "under its seed.",
                ),
                ("golden", "digests"),
            ),
        ),
        made_by=f"fingerpost {fingerpost.__version__}",
    )


def write_folder(found: Validated, out: Path | None, text: str) -> list[Path]:
    """Write the pack into a folder, where asked for."""
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.trial_page import write_trial_page
    from fingerpost.studies.trials.validating import tables

    made: list[Path] = []

    def write(place: Path) -> None:
        wrote = write_trial_page(found.study, tables(found), page=page_of(found), path=place / PAGE)
        made.extend(out / path.name for path in (*wrote, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made
