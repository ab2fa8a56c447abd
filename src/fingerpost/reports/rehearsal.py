"""The page of a rehearsal: what each estimator of a plan would have found on the real past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.plots.picture import Picture
from fingerpost.plots.rehearsal import draw_rehearsal
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import Bullets, Figure, Heading, Part, Section, Words, grid
from fingerpost.reports.spoken import Say, spoken

VERDICTS, PLANTED, PAST, LAGS, LAID = (
    *("rehearsal", "planted", "past", "autocorrelation", "laid"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One outcome on the page: its name, what it is called, the unit of its effects and by what
    they are multiplied to be in it; why its best estimator is the best, question by question.
    """

    outcome: str
    called: str
    unit: str
    times: float = 1.0
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsalPage:
    """What a page of a rehearsal says besides its tables. answer: sentences that come first;
    laid: how the plan was laid on each past; notes: how it was computed. say: turns names that only
    a machine needs into words.
    """

    answer: tuple[str, ...]
    laid: tuple[str, ...]
    notes: tuple[str, ...]
    outcomes: tuple[Shown, ...]
    draws: int
    cautions: tuple[str, ...] = ()
    made_by: str = ""
    say: Say = str


def pictures(tables: Sequence[Table], page: RehearsalPage) -> dict[str, tuple[Picture, ...]]:
    """Return the pictures of every outcome."""
    verdicts = next(table for table in tables if table.name == VERDICTS)
    return {
        one.outcome: draw_rehearsal(
            verdicts,
            outcome=one.outcome,
            draws=page.draws,
            unit=one.unit,
            called=one.called,
            times=one.times,
        )
        for one in page.outcomes
    }


def sections(
    tables: Sequence[Table], page: RehearsalPage, drawn: dict[str, tuple[Picture, ...]]
) -> tuple[Section, ...]:
    """Return the page's sections in order."""
    by = {table.name: table for table in tables}
    told: list[Part] = [Words(text) for text in page.answer]
    told += [Words(text, "warning") for text in page.cautions]
    found: list[Part] = []
    for one in page.outcomes:
        if len(page.outcomes) > 1:
            found.append(Heading(one.called, f"rehearsal-{one.outcome}"))
        found += [Words(text) for text in one.why]
        found.append(grid(of(by[VERDICTS], one)))
        found += [Figure(each) for each in drawn[one.outcome]]
        found.append(grid(of(by[PLANTED], one)))
    past: list[Part] = [Words(text) for text in page.laid]
    past += [grid(by[name]) for name in (LAID, PAST, LAGS)]
    made = (
        Section("answer", "What this rehearsal says", tuple(told)),
        Section("estimators", "Every estimator on the real past", tuple(found)),
        Section("past", "The past it rests on", tuple(past)),
        Section("method", "How it was computed", (Bullets(page.notes),)),
    )
    return tuple(spoken(each, page.say) for each in made)


def of(table: Table, one: Shown) -> Table:
    """Return the rows of one outcome."""
    at = table.columns.index("outcome")
    keep = [place for place, row in enumerate(table.rows) if row[at] == one.outcome]
    context = f"{table.context} Effects in {one.unit}."
    return replace(table, rows=tuple(table.rows[place] for place in keep), context=context)


def write_rehearsal_page(
    study: Study, tables: Sequence[Table], *, page: RehearsalPage, path: Path
) -> tuple[Path, ...]:
    """Write the page, its tables as CSV files beside it, and each picture as SVG; return the paths
    of page and pictures.
    """
    drawn = pictures(tables, page)
    return write_page(
        path,
        study,
        title=f"Rehearsal: {study.question or study.name}",
        sections=sections(tables, page, drawn),
        tables=tables,
        footer=f"{page.made_by}, study {study.name}",
        pictures=[each for own in drawn.values() for each in own],
    )
