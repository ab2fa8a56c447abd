"""What an analysis of a draw says beside its answers: who was drawn, who slipped, whose chances
differed, and where the study that is run is not the one that was drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fingerpost.cohorts.periods import uneven
from fingerpost.core.analysis import PanelTask
from fingerpost.core.answer import Answer
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError, listed, nearest
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.panel import Panel
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import counted

Flags = NDArray[np.bool_]
UNEVEN = 0.5  # variation of units' sizes, from which it is said that they count alike
AFTER = ("started", "slipped", "withdrew", "merged")  # what may become of a unit, by its ledger


def check_unit(study: Study, drawn: Drawn | None) -> None:
    """Raise Malformed where nothing ties what was drawn to the records: it is neither their unit
    nor a declared cluster, and neither a ledger nor a register names it, so that errors would be
    taken by the finest unit.
    """
    levels, unit, row = dict(study.records.clusters), study.cluster, study.records.unit
    if unit is None or unit in levels or unit == row:
        return
    register = study.rollout.register if study.rollout else None
    if not levels and (drawn is not None or (register is not None and register.unit == row)):
        return
    declared = (
        f"none of the clusters that records.clusters declares ({listed(levels)}), nor "
        f"records.unit ({row})."
        if levels
        else f"not records.unit ({row}), and records.clusters declares no cluster."
    )
    raise Malformed(
        f'assignment.randomised.unit: "{unit}" is {declared}{nearest(unit, tuple(levels))} Errors '
        f"would be taken by {row}, whatever was drawn. Mend: unit: {row}, if that is what was "
        f"drawn; else records: {{clusters: {{{unit}: COLUMN}}}}, the column that says which {unit} "
        f"a {row} belongs to."
    )


def check_named(study: Study, drawn: Drawn | None) -> None:
    """Raise UsageError where a study names waves that a draw fills, and no draw is named, nor a
    column that tells when provision began.
    """
    rollout = study.rollout
    if drawn is not None or rollout is None or not study.assignment.randomised:
        return
    if rollout.adopted or rollout.starts is not None:
        return
    raise UsageError(
        f"{study.name}: nothing says when provision began in a unit. Name the draw: --draw DIR (in "
        "Python draw=DIR); or rollout.adopted, the column that holds it."
    )


def since_drawn(whole: Panel, panel: Panel, drawn: Drawn, study: Study) -> Table:
    """Return, by wave, how many units were drawn, are in the records, slipped and withdrew.

    whole: with the drawn units that the records hold no row of; panel: without them.
    """
    own = drawn.allocation
    code = np.asarray(own.code)
    held = np.zeros(len(code), dtype=bool)
    if panel.drawn is not None:
        held[panel.drawn[panel.drawn >= 0]] = True
    kinds = events(drawn)
    rows: list[tuple[Cell, ...]] = []
    for at, (wave, begins) in enumerate(zip(own.arms, own.begins, strict=True)):
        mine = code == at
        words = begins or "not by the last period"
        named = {own.units[i] for i in np.flatnonzero(mine)}
        each = [len(kinds[kind] & named) for kind in AFTER]
        rows.append((wave, words, int(mine.sum()), int((mine & held).sum()), *each))
    return Table(
        "since_drawn",
        "Units since the draw, by wave",
        ("wave", "drawn to begin", "drawn", "in the analysis", *AFTER),
        ("label", "label", *("count",) * (2 + len(AFTER))),
        tuple(rows),
        counts=tuple(int(row[2]) for row in rows),  # type: ignore[arg-type]
        context="From the ledger of the draw. Units are analysed in the wave that they were drawn "
        "into, whatever became of them: the answers are of being drawn into it. Merged: with "
        "others, or split.",
        tells=drawn_units(study, ("drawn", *AFTER)),
    )


def drawn_units(study: Study, columns: Sequence[str]) -> Tells:
    """Return that columns count units as they were drawn, whatever the records' units are."""
    named = study.cluster or study.records.unit
    return Tells(units=tuple((column, f"units ({named})") for column in columns))


def unseen_words(task: PanelTask, answer: Answer) -> list[tuple[Term, str]]:
    """Return the warning of periods since provision began, or just before it, of which no outcome
    was recorded; and of periods that lie at unlike distances.
    """
    panel, words = task.panel, list[str]()
    if answer.estimate is None:
        return []
    begun = np.asarray(panel.adopted)
    begun = begun[begun > 0]
    gone = np.flatnonzero(~panel.told(answer.estimate.terms[0].outcome))
    told = [panel.periods[at] for at in gone if (begun - task.anticipation - 1 <= at).any()]
    if told:
        words.append(
            f"no outcome was recorded in {listed(told)}: periods since provision began are counted "
            "over it by the calendar, and what it would have told is not part of the answer."
        )
    if uneven(panel.periods):
        words.append(
            "periods of the records lie at unlike distances, by their names: so many periods since "
            "provision began are so many rows, and not years alike."
        )
    return [(term, said) for term in answer.estimate.terms for said in words]


def size_words(task: PanelTask, answer: Answer) -> list[tuple[Term, str]]:
    """Return the warning, of the first answer, that units count alike though some hold many more
    children than others.
    """
    if answer.estimate is None or not answer.estimate.terms:
        return []
    term = answer.estimate.terms[0]
    count = np.asarray(task.panel.outcomes[term.outcome].count, dtype=np.float64)
    size = count[:, task.panel.told(term.outcome)].mean(axis=1)
    if not len(size) or size.mean() <= 0 or size.std() <= UNEVEN * size.mean():
        return []
    low, high = np.quantile(size, (0.1, 0.9))
    words = (
        "units count alike, whatever their size: one in ten holds fewer than "
        f"{low:,.0f} and one in ten more than {high:,.0f} a period, so that an answer in which "
        "units count by their size would differ if provision does more in large units, or in small "
        "ones."
    )
    return [(term, words)]


def neighbours_table(panel: Panel, drawn: Drawn, study: Study) -> Table | None:
    """Return, by period, in how many of the neighbours of units that wait provision has begun;
    None where the register names no neighbours.
    """
    near, places, begins = drawn.neighbours, panel.drawn, panel.begins
    if near is None or places is None or begins is None:
        return None
    begin = np.asarray(begins)[np.asarray(drawn.allocation.code, dtype=np.int64)]
    share = near.begun(begin, len(panel.periods))
    many = np.zeros(len(begin), dtype=np.int64)
    np.add.at(many, near.pairs.reshape(-1), 1)
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for at, period in enumerate(panel.periods):
        waits = (begin < 0) | (begin > at)
        told = share[waits, at]
        mean = float(told.mean()) if len(told) else None
        counts.append(int(waits.sum()))
        rows.append((period, int(waits.sum()), int((told > 0).sum()), mean))
    return Table(
        "neighbours",
        "Units that wait beside units with provision",
        ("period", "wait", "with a neighbour that has begun", "share of neighbours begun"),
        ("label", "count", "count", "share"),
        tuple(rows),
        counts=tuple(counts),
        context=f"Of {len(begin):,} drawn units, {int((many > 0).sum()):,} have neighbours, by the "
        "register's file of pairs. The share is the mean over units that wait, of those of their "
        "neighbours in which provision has begun (pairs weigh what the file says). If provision "
        "spills over, such units are no longer without it: the answer without them (donut) says "
        "how much that matters.",
        tells=drawn_units(study, ("wait", "with a neighbour that has begun")),
    )


def events(drawn: Drawn) -> dict[str, set[str]]:
    """Return kind of event → units of which the ledger holds one."""
    found: dict[str, set[str]] = {kind: set() for kind in AFTER}
    for one in drawn.happened:
        found.setdefault(one.kind, set()).add(one.unit)
    return found


def of_draw(task: PanelTask, leaf: Estimator, answer: Answer) -> list[tuple[Term, str]]:
    """Return warnings of an answer: units that slipped, withdrew or merged, and chances of waves
    that differed between units. Departures from what was registered are of the whole analysis, and
    are told once, where its draw is.
    """
    drawn = task.drawn
    if drawn is None:
        return []
    told = slipped_words(drawn) + former_words(drawn, task.panel, task.terms[0].outcome)
    told += chance_words(task, leaf)
    told += first_words(task) if answer.regions else []
    terms = answer.estimate.terms if answer.estimate is not None else ()
    asked = dict.fromkeys([*terms, *(region.term for region in answer.regions)])
    return [(term, words) for term in asked for words in told]


def first_words(task: PanelTask) -> list[str]:
    """Return, beside a test that replays the draws, that units of a wave that begins in the first
    period are not part of it; nothing where there are none.
    """
    drawn, panel = task.drawn, task.panel
    if drawn is None or drawn.permutations is None or panel.begins is None or panel.drawn is None:
        return []
    first = np.asarray(panel.begins)[np.asarray(drawn.allocation.code, dtype=np.int64)] == 0
    first[panel.drawn[panel.drawn >= 0]] = False
    many = int(first.sum())
    if not many:
        return []
    verb = "is" if many == 1 else "are"
    return [
        f"{counted(many, 'drawn unit')} began in the first period and {verb} left out, though "
        "another draw might have had them begin later: the test that replays the draws is of the "
        "others, and its p-values lean to the large side."
    ]


def slipped_words(drawn: Drawn) -> list[str]:
    """Return how many units did not begin as they were drawn to; nothing where all did."""
    kinds, many = events(drawn), len(drawn.allocation.units)
    gone = kinds["slipped"] | kinds["withdrew"]
    if not gone:
        return []
    each = Counter({kind: len(kinds[kind]) for kind in ("slipped", "withdrew")})
    return [
        f"{len(gone)} of {counted(many, 'drawn unit')} ({len(gone) / many:.0%}) did not begin as "
        f"drawn, by the ledger (slipped {each['slipped']}, withdrew {each['withdrew']}): the "
        "answer is of being drawn into a wave, and provision itself may do more."
    ]


def former_words(drawn: Drawn, panel: Panel, outcome: str) -> list[str]:
    """Return how many cells of a panel tell of units after they merged or split, by the ledger."""
    place = {period: at for at, period in enumerate(panel.periods)}
    left = {one.unit: place.get(one.period) for one in drawn.happened if one.kind == "merged"}
    if not left or panel.drawn is None:
        return []
    seen = np.asarray(panel.outcomes[outcome].count) > 0
    names = [drawn.allocation.units[at] if at >= 0 else "" for at in panel.drawn]
    begins = [left.get(name) for name in names]
    many = sum(int(row[at:].sum()) for row, at in zip(seen, begins, strict=True) if at is not None)
    if not many:
        return []
    return [
        f"{counted(many, 'value')} are of units after they merged or split, by the ledger: they "
        "count for the unit as it was drawn, which is right only where they are of its former "
        "children alone."
    ]


def chance_words(task: PanelTask, leaf: Estimator) -> list[str]:
    """Return what is done about chances of waves that differ between units."""
    drawn = task.drawn
    assert drawn is not None
    if not task.fits.once(("unequal", drawn), lambda: drawn.unequal):
        return []
    own = drawn.chance[np.asarray(task.panel.drawn)]
    wide = f"units' chances of the wave they were drawn into lay between {own.min():.2f} and "
    wide += f"{own.max():.2f}"
    if leaf.drawn:
        return [f"{wide}; each counts one over its own."]
    return [f"{wide}; this estimator leans on trends and does not weight by them."]
