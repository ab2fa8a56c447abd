"""`fingerpost rollout rehearse`: replay a plan's draws on the real past of its units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fingerpost.cli._folder import check_folder, check_json, naming, publish
from fingerpost.cli._lean import lean
from fingerpost.cli._screen import command, labelled, listed_lines, progress, shown, table, typed
from fingerpost.cli._studying import pointed

if TYPE_CHECKING:
    from fingerpost.reports.rehearsal import Shown
    from fingerpost.studies.rollouts.judging import Judged, Question
    from fingerpost.studies.rollouts.rehearsing import OfOutcome, Rehearsal

PAGE, RESULTS = "rehearsal.html", "rehearsal.json"
TABLES = "rehearsal-tables"
MANIFEST = f"{TABLES}/.written"


@lean
def rehearse(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="The study's YAML file.")],
    *,
    records: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The panel of the past, or the folder it lies in."),
    ] = None,
    draws: Annotated[int, typer.Option(metavar="N", help="Draws that are replayed.")] = 1000,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write what a registration asks for as JSON."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page, its pictures (SVG), tables and JSON here."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No lines of progress.")] = False,
) -> None:
    """Rehearse a roll-out: lay the plan on the last periods of a panel of its units, and replay its
    draws where nothing happened and where effects are planted.

    Says of every estimator its false alarms, bias, coverage and smallest detectable effect, in the
    units of the outcome, and which is best. With --json (1,000 draws or more) a draw can be
    registered as confirmatory: `rollout randomise --rehearsal FILE`.

    Exit codes: 0 rehearsed, 1 a fault in the plan or the records, 2 nothing that could be rehearsed
    or a wrong command.

    \b
    Examples:
      fingerpost rollout rehearse examples/rollouts/rehearsal.yaml --records DATA --json r.json
      fingerpost rollout rehearse rollout.yaml --records panel.csv --out build/rehearsal
    """
    from fingerpost.cohorts.table import read_records
    from fingerpost.studies.document import read_study
    from fingerpost.studies.rollouts.rehearsal_tables import record
    from fingerpost.studies.rollouts.rehearsing import check
    from fingerpost.studies.rollouts.rehearsing import rehearse as rehearsed

    if json_file is not None:
        check_json(json_file, inputs=[file, *([records] if records else [])])
    if out is not None:
        check_folder(out, (PAGE, RESULTS), manifest=MANIFEST)
    with progress(quiet=quiet) as say:
        study = read_study(file)
        check(study, draws)
        named = pointed(study.records, records)
        read = read_records(named, base=file.parent)
        found = rehearsed(study, read, base=file.parent, draws=draws, say=say)
        text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        written = [*write_folder(found, out, text), *write_json(json_file, text)]
    print(told(found))
    if written:
        print(listed_lines("Wrote", [shown(path) for path in written]))
    print(listed_lines("Next", [next_command(file, json_file)]))


def told(found: Rehearsal) -> str:
    """Return a rehearsal as plain text."""
    from fingerpost.studies.rollouts.judging import questions
    from fingerpost.studies.rollouts.rehearsal_tables import laid_words

    asked = questions(found)
    parts = [
        labelled("Study", [f"{found.study.name}: {found.study.question}"]),
        labelled("Past", [laid_words(one) for one in found.outcomes]),
        past_lines(found),
        "",
    ]
    for question in asked:
        parts += [heading(found, question), rows(question), labelled("", [question.why]), ""]
    parts.append(labelled("Answer", answer(found)))
    if cautions(found):
        parts.append(labelled("Caution", cautions(found)))
    return "\n".join(parts)


def past_lines(found: Rehearsal) -> str:
    """Return what each past is like, a row an outcome."""
    from fingerpost.plots.numbers import number

    cells = []
    for one in found.outcomes:
        past, nearer = one.past, one.past.drifts[0]
        cells.append(
            [
                past.outcome,
                str(past.units),
                str(len(past.periods)),
                number(past.mean),
                number(past.between),
                number(past.within),
                number(past.lags[0].correlation),
                f"{nearer.structure} {nearer.kept:.3f}",
            ]
        )
    columns = ("", "units", "periods", "mean", "between", "within", "next period", "drift")
    return table(columns, cells)


def heading(found: Rehearsal, question: Question) -> str:
    """Return the heading of a question's table."""
    from fingerpost.plots.numbers import number
    from fingerpost.studies.rollouts.rehearsal_tables import unit_words

    unit = unit_words(found.study, question.outcome).raw
    size = next(one.size for one in found.outcomes if one.past.outcome == question.outcome)
    return (
        f"{question.outcome}, {question.term.label()} ({unit}), {found.draws:,} draws; planted "
        f"effect {number(size)}"
    )


def rows(question: Question) -> str:
    """Return a question's estimators, a row each."""
    cells = [row(one, best=one is question.best) for one in question.judged]
    columns = (
        *(
            "",
            "false alarms",
            "coverage",
            "bias",
            "if early",
            "SD",
            "SE/SD",
            "MDES80",
            "of mean",
            "",
        ),
    )
    lines = [table(columns, cells)] if cells else []
    lines += [f"{leaf}: no answer. {reason}" for leaf, reason in question.refused]
    return "\n".join(lines)


def row(one: Judged, *, best: bool) -> list[str]:
    """Return one estimator's row. if early: the bias where the effect comes a period early."""
    from fingerpost.plots.numbers import number, percent

    by = {each.planting: each for each in one.under}
    kept = [by[name].coverage for name in ("constant", "growing") if name in by]
    covered = [each for each in kept if each is not None]
    return [
        one.leaf,
        with_error(one.size, one.answered),
        shared(min(covered) if covered else None),
        number(one.under[0].bias),
        number(by["early"].bias) if "early" in by else "",
        number(one.sd),
        number(one.se_ratio),
        number(one.mdes),
        percent(one.share),
        "best" if best else "; ".join(one.faults) or "holds",
    ]


def shared(value: float | None) -> str:
    """Return a share in per cent with one decimal."""
    return "–" if value is None else f"{100 * value:.1f}%"


def with_error(value: float | None, draws: int) -> str:
    """Return a share over draws with half the width of its 95% interval.

    >>> with_error(0.05, 1000)
    '5.0% ±1.4'
    """
    if value is None:
        return shared(value)
    return f"{shared(value)} ±{196 * (value * (1 - value) / draws) ** 0.5:.1f}"


def answer(found: Rehearsal) -> list[str]:
    """Return what the rehearsal chooses, and why."""
    from fingerpost.studies.rollouts.confirming import ENOUGH
    from fingerpost.studies.rollouts.judging import preselected, questions

    best, why = preselected(questions(found))
    first = f"Preselected: {best}." if best else "No estimator is preselected."
    if best and found.draws < ENOUGH:
        first += (
            f" Of {found.draws:,} draws it cannot be told which is best of those that are near."
        )
    return [first, why, *declared(found, best)]


def declared(found: Rehearsal, best: str | None) -> list[str]:
    """Return whether the study's own primary estimators held, where they are not the one chosen."""
    from fingerpost.studies.rollouts.judging import holding, questions

    asked = questions(found)
    held = holding(asked)
    said = []
    for leaf in found.study.primary:
        if leaf == best:
            continue
        faults = {
            fault for q in asked for one in q.judged if one.leaf == leaf for fault in one.faults
        }
        told = "held" if leaf in held else "did not hold, or gave no interval"
        more = f" ({', '.join(sorted(faults))})" if faults else ""
        said.append(f"The study's own primary estimator, {leaf}, {told}{more}.")
    return said


def cautions(found: Rehearsal, *, where: str = "under `if early`") -> list[str]:
    """Return what a planner must not overlook. where: a reader finds the bias of early effects."""
    from fingerpost.studies.rollouts.confirming import ENOUGH

    said = []
    if found.draws < ENOUGH:
        said.append(
            f"{found.draws:,} draws tell false alarms of 5% no better than to "
            f"{196 * (0.05 * 0.95 / found.draws) ** 0.5:.1f} points either way; {ENOUGH:,} or more "
            "are asked of a rehearsal that a confirmatory registration rests on."
        )
    called = {one.name: one.measure.title or one.name for one in found.study.outcomes}
    for one in found.outcomes:
        said += [f"{called[one.laid.outcome]}: {words}" for words in other_past(one)]
    if found.study.rollout is not None and not found.study.rollout.anticipation:
        said.append(
            f"Units that know their turn may act before it. What that does is {where}: the bias "
            "where the whole effect comes one period before. Name `anticipation` if it may."
        )
    return said


def other_past(one: OfOutcome) -> list[str]:
    """Return what it means that an outcome was rehearsed on other units or periods than the plan's;
    nothing where it was on its own.
    """
    laid = one.laid
    here, there = len(laid.names), laid.planned
    said = []
    if not laid.own and here != there:
        said.append(
            f"this is what {here:,} units can find, and the plan has {there:,}, of "
            f"which these are none or few. Were units alike, its smallest effects would be about "
            f"{(here / there) ** 0.5:.2f} times these. It cannot be registered as confirmatory."
        )
    if not laid.alike:
        said.append(
            f"periods of this past ({laid.past[-1]}) are of another length than "
            f"the plan's ({laid.panel.periods[-1]}), so that outcomes drift otherwise between "
            "them. It cannot be registered as confirmatory."
        )
    return said


def notes(found: Rehearsal) -> list[str]:
    """Return how the numbers were come by."""
    from fingerpost.studies.rollouts.planting import PLANTINGS

    return [
        f"{found.draws:,} draws that the plan might make, none of them the draw itself, each laid "
        "on the same outcomes of the past.",
        "Planted: " + "; ".join(f"{one.name}: {one.words}" for one in PLANTINGS) + ".",
        "False alarms: the share of draws in which the interval leaves out nought where nothing "
        "happens (±: half the width of its 95% interval over draws; estimators are compared on the "
        "same). Smallest detectable effect: 2.8 standard deviations of the answers over draws "
        "(power 80%, two-sided 5%).",
        "The best has the least smallest effect of those with 3-7% of false alarms and coverage of "
        "92-98% under a constant and a growing effect.",
        "It is the past that is rehearsed: years to come may drift otherwise.",
    ]


def write_folder(found: Rehearsal, out: Path | None, text: str) -> list[Path]:
    """Write the page, its pictures, its tables and the numbers into a folder, where asked for."""
    if out is None:
        return []
    import fingerpost
    from fingerpost.cli._rehearsal_words import of_rehearsal, plainly, upper
    from fingerpost.reports.files import write_text
    from fingerpost.reports.rehearsal import RehearsalPage, write_rehearsal_page
    from fingerpost.studies.rollouts.judging import questions
    from fingerpost.studies.rollouts.rehearsal_tables import laid_words, tables

    asked = questions(found)
    say = of_rehearsal(found)
    page = RehearsalPage(
        answer=tuple(upper(say(text)) for text in (*plainly(found), *answer(found))),
        laid=tuple(laid_words(one) for one in found.outcomes),
        notes=tuple(notes(found)),
        outcomes=tuple(outcome_shown(found, one.past.outcome, asked) for one in found.outcomes),
        draws=found.draws,
        cautions=tuple(
            one.replace("`", "") for one in cautions(found, where="in the table of planted effects")
        ),
        say=say,
        made_by=f"fingerpost {fingerpost.__version__}",
    )
    made: list[Path] = []

    def write(place: Path) -> None:
        wrote = write_rehearsal_page(found.study, tables(found), page=page, path=place / PAGE)
        made.extend(out / path.name for path in (*wrote, write_text(place / RESULTS, text)))

    publish(out, write, manifest=MANIFEST)
    return made


def outcome_shown(found: Rehearsal, outcome: str, asked: tuple[Question, ...]) -> Shown:
    """Return how an outcome is shown on the page."""
    from fingerpost.cli._rehearsal_words import upper
    from fingerpost.reports.rehearsal import Shown
    from fingerpost.studies.rollouts.rehearsal_tables import unit_words

    spec = next(one for one in found.study.outcomes if one.name == outcome)
    why = tuple(f"{upper(one.term.label())}: {one.why}" for one in asked if one.outcome == outcome)
    return Shown(
        outcome, spec.measure.title or outcome, unit_words(found.study, outcome).raw, 1.0, why
    )


def write_json(path: Path | None, text: str) -> list[Path]:
    """Write the numbers where --json asked for them."""
    if path is None:
        return []
    from fingerpost.reports.files import write_text

    with naming(path):
        return [write_text(path, text)]


def next_command(file: Path, json_file: Path | None) -> str:
    """Return the command that comes next."""
    from fingerpost.studies.document import read_study

    rollout = read_study(file).rollout
    if rollout is None or rollout.register is None:
        return command("rollout power", file)
    first = command("rollout randomise", file)
    held = f" --rehearsal {typed(shown(json_file))}" if json_file else ""
    return f"{first}{held} --out build/draw"
