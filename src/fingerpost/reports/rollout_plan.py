"""The protocol of a roll-out: its page, its Word document, its pictures and its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.words import sentence
from fingerpost.plots.calendar import draw_calendar
from fingerpost.plots.design_matrix import draw_design_matrix
from fingerpost.plots.monitoring import draw_boundaries
from fingerpost.plots.picture import Picture
from fingerpost.plots.power_curves import draw_power_curves
from fingerpost.reports import docx
from fingerpost.reports.page import write_page
from fingerpost.reports.parts import (
    MOST_OPEN,
    Bullets,
    Figure,
    Heading,
    Part,
    Section,
    Words,
    grid,
)
from fingerpost.reports.power import PowerPage, shown
from fingerpost.reports.spoken import Say, spoken

# Columns of the looks that say when, and how much is known then; the others say what stops.
KNOWN = (
    *("look", "after", "returns_due", "information", "information_least", "information_most"),
    *("exposures", "se"),
)
MATRIX, CURVES, LOOKS = "design_matrix", "power_curves", "looks"
# Chapters of the protocol that are told item by item, in sentences.
ANALYSIS = ("objective", "analysis", "further analyses", "missing returns", "multiplicity")
DRAW = ("sequence", "concealment", "allocation", "auditing")
RETURNS = ("returns", "confidentiality")


@dataclass(frozen=True, slots=True)
class PlanPage:
    """What a protocol says besides its tables.

    answer: sentences that come first; cautions: those that stand out. power: of the power page,
    None where nothing is sought. looks: sentences. draw: sentences of a trial of the draw. law: who
    may not wait. sides: of the test at looks. looked: periods after which somebody looks; due:
    whether returns are owed. say: turns names that only a machine needs into words, in what comes
    first; where the analysis is registered they stay.
    """

    title: str
    answer: tuple[str, ...]
    cautions: tuple[str, ...]
    power: PowerPage | None
    looks: tuple[str, ...]
    draw: tuple[str, ...]
    law: tuple[str, ...]
    sides: int = 2
    looked: tuple[str, ...] = ()
    due: bool = False
    made_by: str = ""
    say: Say = str


def pictures(tables: Sequence[Table], page: PlanPage) -> dict[str, tuple[Picture, ...]]:
    """Return the pictures by chapter: the calendar, the design, power, looks."""
    by = {table.name: table for table in tables}
    curves: tuple[Picture, ...] = ()
    if page.power is not None and CURVES in by:
        power = page.power
        curves = draw_power_curves(
            by[CURVES], unit=power.unit, times=power.times, effect=power.effect
        )
    found = {
        "calendar": (draw_calendar(by[MATRIX], looks=page.looked, due=page.due),),
        "design": (draw_design_matrix(by[MATRIX]),),
        "power": curves,
        "looks": (draw_boundaries(by[LOOKS], sides=page.sides),) if LOOKS in by else (),
    }
    return {name: tuple(one for one in each if one is not None) for name, each in found.items()}


def sections(
    tables: Sequence[Table], page: PlanPage, drawn: dict[str, tuple[Picture, ...]]
) -> tuple[Section, ...]:
    """Return the protocol's sections in order."""
    by = {table.name: table for table in tables}
    figures = {name: [Figure(one) for one in each] for name, each in drawn.items()}
    told = answers(by["items"])
    first: list[Part] = [Words(text) for text in page.answer]
    first += [Words(text, "warning") for text in page.cautions]
    found = [
        spoken(Section("answer", "In short", (*first, whole(by["checks"]))), page.say),
        Section("calendar", "The calendar", (*figures["calendar"], whole(by["calendar"]))),
        Section(
            "waiting",
            "Who begins when, and who waits",
            (*figures["design"], whole(by["waiting"]), *(Words(text) for text in page.law)),
        ),
        Section("question", "What is asked", (whole(by["protocol"]), said(told, ANALYSIS))),
        Section("draw", "The draw", (said(told, DRAW, page.draw), *shown_if(by, "balance"))),
        Section("power", "What it can find", of_power(by, page, figures["power"])),
        Section(
            "looks",
            "Looks on the way",
            (
                Bullets(page.looks),
                *figures["looks"],
                *(scaled(by[LOOKS], page) if LOOKS in by else ()),
            ),
        ),
        Section("returns", "Data from all units", (said(told, RETURNS),)),
        Section("items", "What a registry and a protocol ask", tuple(of_items(by["items"]))),
    ]
    return tuple(each for each in found if each.parts)


def answers(items: Table) -> dict[str, str]:
    """Return item → its answer, or that it is open and where it is written."""
    return {
        str(row["item"]): str(row["answer"])
        or (f"Open: write {row['write']}." if row["write"] else "Known only later.")
        for row in items.records()
    }


def said(told: dict[str, str], topics: Iterable[str], more: Sequence[str] = ()) -> Bullets:
    """Return what some items say, in sentences."""
    each = [f"{topic.capitalize()}: {told[topic]}" for topic in topics if topic in told]
    return Bullets((*each, *more))


def shown_if(by: dict[str, Table], name: str) -> list[Part]:
    """Return a table as it is shown, where it is there and holds something."""
    return [whole(by[name])] if name in by and by[name].rows else []


def whole(table: Table, caption: str = "") -> Part:
    """Return a table with all of its rows, a column of empty cells left out."""
    kept = [
        at
        for at in range(len(table.columns))
        if any(row[at] not in ("", None) for row in table.rows)
    ]
    fewer = replace(
        table,
        columns=tuple(table.columns[at] for at in kept),
        kinds=tuple(table.kinds[at] for at in kept),
        rows=tuple(tuple(row[at] for at in kept) for row in table.rows),
    )
    return grid(fewer, caption=caption, csv=table.name, most=len(table.rows) or 1)


def scaled(table: Table, page: PlanPage) -> tuple[Part, ...]:
    """Return a table with its effects in the unit that people use; what it is stays beneath."""
    if page.power is None:
        return halves(table)
    told = table.context.partition(" Unit:")[0]
    found = shown(table, page.power)
    return halves(replace(found, context=f"{told} Effects in {page.power.unit}."))


def halves(table: Table) -> tuple[Part, ...]:
    """Return the table of looks as two that a page has room for: when each is and what is known
    then; what stops it. Each row begins with its look.
    """
    names = table.columns
    first = [at for at, name in enumerate(names) if name in KNOWN]
    second = [at for at, name in enumerate(names) if at == 0 or name not in KNOWN]
    found = []
    for kept, title in ((first, "What is known at each look"), (second, "What stops a look")):
        part = replace(
            table,
            columns=tuple(names[at] for at in kept),
            kinds=tuple(table.kinds[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in table.rows),
            context=context_of(table, [names[at] for at in kept]),
        )
        found.append(whole(part, title))
    return tuple(found)


def context_of(table: Table, names: Sequence[str]) -> str:
    """Return what stands beneath a table, without the sentences that are of other columns."""
    others = set(table.columns) - set(names)
    told = [
        text
        for text in table.context.split(". ")
        if not set(text.partition(":")[0].replace(" and ", ", ").split(", ")) & others
    ]
    return sentence(". ".join(told)) if told else ""


def of_power(by: dict[str, Table], page: PlanPage, figures: Sequence[Figure]) -> tuple[Part, ...]:
    """Return what the roll-out can find; that nothing is said where nothing is."""
    if page.power is None:
        text = "Open: the study does not say what the roll-out has to find (rollout.power)."
        return (Words(text, "warning"),)
    found: list[Part] = [Words(text) for text in page.power.answer]
    found += [Words(text, "warning") for text in page.power.cautions]
    found += [grid(shown(by[name], page.power)) for name in ("power", "exposures") if name in by]
    return (*found, *figures, Bullets((*page.power.assumes, *page.power.notes)))


def of_items(items: Table) -> Iterable[Part]:
    """Yield the items in tables short enough to stand open: those that are open first."""
    columns = {name: items.columns.index(name) for name in items.columns}
    rows = items.rows
    unsaid = tuple(row for row in rows if row[columns["state"]] == "open")
    if unsaid:
        texts = tuple(
            f"{row[columns['item']]}: {row[columns['asks']]}. Write {row[columns['write']]}."
            for row in unsaid
        )
        yield Heading(f"Open ({len(unsaid)})", "items-open")
        yield Bullets(texts)
        yield Heading("All", "items-all")
    parts = [rows[at : at + MOST_OPEN] for at in range(0, len(rows), MOST_OPEN)]
    for at, part in enumerate(parts, start=1):
        yield whole(replace(items, rows=part), f"{items.title} ({at} of {len(parts)})")


def write_protocol(
    study: Study, tables: Sequence[Table], *, page: PlanPage, path: Path, word: bool = True
) -> tuple[Path, ...]:
    """Write the page, its tables beside it, each picture as SVG and, where it is asked for and
    python-docx is installed, the protocol as a Word document; return the paths of page, document
    and pictures.
    """
    drawn = pictures(tables, page)
    parts = sections(tables, page, drawn)
    footer = f"{page.made_by}, study {study.name}"
    first, *made = write_page(
        path,
        study,
        title=page.title,
        sections=parts,
        tables=tables,
        footer=footer,
        pictures=[one for each in drawn.values() for one in each],
    )
    if word and docx.available():
        place = path.with_suffix(".docx")
        title = f"{page.title} (made up)" if study.records.synthetic else page.title
        made.insert(0, docx.write_docx(place, parts, title=title, footer=footer))
    return (first, *made)
