"""`fingerpost trial rehearse`: the whole trial on a synthetic England, before its first child."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, publish, write_json
from fingerpost.cli._lean import lean
from fingerpost.cli._screen import labelled, listed_lines, progress, shown, table

if TYPE_CHECKING:
    from fingerpost.reports.trial_page import TrialPage
    from fingerpost.studies.trials.rehearsing import Rehearsal

PAGE, RESULTS, HELD = "rehearsal.html", "rehearsal.json", "rehearsal.partial"
TABLES = "rehearsal-tables"
MANIFEST = f"{TABLES}/.written"


@lean
def rehearse(
    file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's YAML file.")],
    *,
    records: Annotated[
        Path, typer.Option(metavar="DIR", help="A synthetic England (`england build`).")
    ] = Path("build/england"),
    replicates: Annotated[int, typer.Option(metavar="N", help="Trials that are played.")] = 200,
    units: Annotated[
        int | None, typer.Option(metavar="N", help="Units of each; the trial's size if left out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page, its table and JSON here, and go on here."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every number as JSON.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Play the whole trial on a synthetic England, 200 times and more: other children each time,
    drawn by its own procedure, analysed by its own estimators.

    Says of every estimator its size where nothing comes of provision, its power, and how often its
    interval holds the truth, which is known there. With --out a run that was stopped goes on where
    it was.

    Exit codes: 0 rehearsed; 1 a fault in the study or the England; 2 a wrong command.

    \b
    Examples:
      fingerpost trial rehearse examples/trials/preschool.yaml --records build/england
      fingerpost trial rehearse trial.yaml --replicates 1000 --out build/rehearsal
    """
    from fingerpost.studies.document import read_study
    from fingerpost.studies.trials.designing import trial_of
    from fingerpost.studies.trials.on_england import country
    from fingerpost.studies.trials.rehearsing import record
    from fingerpost.studies.trials.rehearsing import rehearse as rehearsed
    from fingerpost.studies.trials.units import size_of

    if json_file is not None:
        check_json(json_file, inputs=[file])
    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        size = size_of(trial_of(study), units)
        where = country(study, records, say=say)
        kept = None if out is None else out / HELD
        found = rehearsed(study, where, replicates=replicates, size=size, kept=kept, say=say)
        text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [*write_folder(found, out, text), *write_json(json_file, text)]
        if kept is not None:
            kept.unlink(missing_ok=True)
    print(told(found))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))


def told(found: Rehearsal) -> str:
    """Return a rehearsal as plain text."""
    parts = [
        labelled("Study", [f"{found.study.name}: {found.study.question}"]),
        labelled("Played", [played_words(found)]),
        "",
        rows(found),
        "",
        labelled("Caution", list(cautions(found))),
    ]
    return "\n".join(parts)


def played_words(found: Rehearsal) -> str:
    """Return how many trials of how many units were played."""
    from fingerpost.studies.trials.coming import unit_words

    return (
        f"{found.replicates:,} trials of {unit_words(found.study, found.units)}, on a synthetic "
        f"England in which {unit_words(found.study, found.pool)} could take part; and as many in "
        "which arms do nothing."
    )


def rows(found: Rehearsal) -> str:
    """Return how every estimator did, a row each."""
    from fingerpost.plots.numbers import number
    from fingerpost.studies.trials.rehearsing import judged

    cells = []
    for one in judged(found):
        power, coverage, size = one.errors
        cells.append(
            [
                f"{one.leaf}, {one.outcome}, {one.contrast}",
                number(one.truth),
                number(one.mean),
                number(one.sd),
                number(one.se),
                f"{100 * one.size:.1f}±{100 * size:.1f}",
                f"{100 * one.power:.1f}±{100 * power:.1f}",
                f"{100 * one.coverage:.1f}±{100 * coverage:.1f}",
            ]
        )
    return table(("", "truth", "mean", "SD", "SE", "size %", "power %", "coverage %"), cells)


def cautions(found: Rehearsal) -> tuple[str, ...]:
    """Return what a planner must not overlook."""
    told: tuple[str, ...] = (
        "The children are made up. What provision does to them was put there; that it does so to "
        "real children is what the trial is for.",
    )
    if found.left_out:
        told += (
            f"Not rehearsed, as they give no number with an error: {', '.join(found.left_out)}.",
        )
    return told + tuple(f"Some trials could not be analysed: {words}" for words in found.failed)


def page_of(found: Rehearsal) -> TrialPage:
    """Return what the page says besides its table."""
    import fingerpost
    from fingerpost.reports.trial_page import Told, TrialPage

    return TrialPage(
        title=f"Rehearsal: {found.study.question or found.study.name}",
        sections=(
            Told(
                "answer",
                "What the trial would have found",
                (played_words(found),),
                ("rehearsal",),
                warns=cautions(found),
            ),
        ),
        made_by=f"fingerpost {fingerpost.__version__}",
        synthetic=True,
    )


def write_folder(found: Rehearsal, out: Path | None, text: str) -> list[Path]:
    """Write the page, its table and the numbers into a folder, where asked for."""
    if out is None:
        return []
    from fingerpost.reports.files import write_text
    from fingerpost.reports.trial_page import write_trial_page
    from fingerpost.studies.trials.rehearsing import tables

    made: list[Path] = []

    def write(place: Path) -> None:
        wrote = write_trial_page(found.study, tables(found), page=page_of(found), path=place / PAGE)
        made.extend(out / path.name for path in (*wrote, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made
