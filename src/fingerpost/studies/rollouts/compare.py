"""One question under every design side by side: what each finds, takes for granted and denies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fingerpost.core.errors import FingerpostError
from fingerpost.core.leaves import Design, menu
from fingerpost.core.rollout import NEVER, Layout, Rollout, Wave
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.designs._power import Reach, effect_of, grounds, reach
from fingerpost.studies.rollouts.power import asked, drawn_design, possible
from fingerpost.studies.rollouts.power_tables import finite, spans
from fingerpost.studies.rollouts.units import Counted, power_of, rollout_of, unit_of_outcome

SCHEMA_VERSION = "1"
KIND = "designs of a roll-out compared"
BEFORE_AFTER = "before_after"
NOTHING = (
    "Answers nothing. Every unit begins at once, so that whatever else changed in those periods is "
    "counted as the effect of provision; no number of units or children mends that."
)


@dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One design for the same units and periods.

    name: of the design, or `before_after`. planned: whether it is the study's own, with its own
    waves. reaches: under each correlation held possible, the working one first; empty where nothing
    is told. why: that in words. answered: exposures with units that wait in the same period.
    """

    name: str
    title: str
    planned: bool
    layout: Layout | None
    reaches: tuple[Reach, ...]
    answered: tuple[int, ...]
    assumes: tuple[str, ...]
    denies: str
    why: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Every design for one question; unit: of the outcome; target: what the effect is a mean of."""

    study: Study
    units: int
    unit: Counted
    effect: float | None
    target: str
    options: tuple[Option, ...]


def compare(study: Study, *, units: int) -> Comparison:
    """Return every design for a study's units and periods, the smallest detectable effect first,
    and last what has no comparison. Raises UsageError where the study names no power.
    """
    rollout = rollout_of(study)
    power, own = asked(study), drawn_design(study)
    rollout = replace(rollout, power=power)
    found = [
        option(rollout, units, name=name, design=design, own=name == own)
        for name, design in menu("designs", Design).items()
        if design.layout is not None
    ]
    found.sort(key=lambda one: one.reaches[0].mdes if one.reaches else float("inf"))
    unit = unit_of_outcome(study, power)
    options = (*found, before_after(rollout, units))
    return Comparison(study, units, unit, effect_of(power), power.target, options)


def option(rollout: Rollout, units: int, *, name: str, design: Design, own: bool) -> Option:
    """Return one design: the study's own as planned, any other laid out by its own rule from the
    period in which provision first begins.
    """
    words = tuple(each.name for each in design.assumes)
    power = power_of(rollout)
    try:
        layout = design.lay(rollout if own else bare(rollout), units)
        # Cells without returns are of the study's own waves, which another design has not.
        told = power if own else replace(power, unseen=())
        ground = grounds(layout, told, anticipation=rollout.anticipation)
        reaches = tuple(reach(ground, told, correlation=each) for each in possible(rollout, power))
    except FingerpostError as error:
        if own:
            raise
        why = " ".join(error.problems)
        return Option(name, design.title, own, None, (), (), words, design.denies, why)
    return Option(name, design.title, own, layout, reaches, ground.answered, words, design.denies)


def bare(rollout: Rollout) -> Rollout:
    """Return a roll-out that says only when provision first begins, so that a design lays it out by
    its own rule.
    """
    begun = [wave.begins for wave in rollout.waves if wave.begins in rollout.periods]
    first = min(begun, key=rollout.periods.index, default="")
    return replace(rollout, waves=(Wave("first", first),) if first else ())


def before_after(rollout: Rollout, units: int) -> Option:
    """Return what is known where every unit begins at once: nothing."""
    first = bare(rollout).waves
    at = rollout.periods.index(first[0].begins) if first else 1
    layout = Layout(("all",), rollout.periods, np.array([at]), np.array([units]))
    return Option(
        BEFORE_AFTER,
        "Before and after, without a comparison",
        False,
        layout,
        (),
        (),
        ("nothing else changes",),
        "Nobody waits.",
        NOTHING,
    )


# ---------------------------------------------------------------------- tables and data
def waits(layout: Layout) -> dict[str, Cell]:
    """Return how long units wait after provision has begun somewhere, in periods."""
    periods = len(layout.periods)
    first = min(int(at) for at in layout.begins if at >= 0)
    ends = [periods if at == NEVER else int(at) for at in layout.begins]
    each = [end - first for end in ends]
    units = [int(count) for count in layout.units]
    total = sum(units)
    starts: dict[int, int] = {}
    for end, count in zip(ends, units, strict=True):
        starts[end] = starts.get(end, 0) + count
    starts.pop(periods, None)
    return {
        "mean_wait": sum(w * n for w, n in zip(each, units, strict=True)) / total,
        "longest_wait": max(each),
        "never": sum(n for end, n in zip(ends, units, strict=True) if end == periods),
        "begin_at_once": max(starts.values()),
    }


COLUMNS = (
    *("design", "title", "planned", "power_z", "mdes", "mdes_least", "mdes_most"),
    *("exposures", "begin_at_once", "mean_wait", "longest_wait", "never", "assumes", "answers"),
)
KINDS = (
    *("label", "label", "flag", "share", "number", "number", "number"),
    *("label", "number", "number", "number", "number", "label", "label"),
)


def table(found: Comparison) -> Table:
    """Return the designs as a table, the smallest detectable effect first."""
    return Table(
        "designs_compared",
        "One question under every design",
        COLUMNS,
        KINDS,
        tuple(tuple(row(one)[name] for name in COLUMNS) for one in found.options),
        context="mdes: smallest detectable effect under the working correlation; mdes_least and "
        "mdes_most under all held possible. begin_at_once: most units that begin in one period. "
        "Waits: periods without provision after it has begun somewhere. never: units that do not "
        "begin before the study ends. exposures: those with units that wait in the same period.",
    )


def row(one: Option) -> dict[str, Cell]:
    """Return one design as cells."""
    reaches = one.reaches
    mdes = [each.mdes for each in reaches]
    blank: dict[str, Cell] = dict.fromkeys(
        ("mean_wait", "longest_wait", "never", "begin_at_once"), None
    )
    return {
        "design": one.name,
        "title": one.title,
        "planned": one.planned,
        "power_z": reaches[0].power_z if reaches else None,
        "mdes": finite(mdes[0]) if mdes else None,
        "mdes_least": finite(min(mdes)) if mdes else None,
        "mdes_most": finite(max(mdes)) if mdes else None,
        "exposures": spans(one.answered) if one.answered else "none",
        **(waits(one.layout) if one.layout is not None else blank),
        "assumes": "; ".join(one.assumes),
        "answers": one.why or "yes",
    }


def record(found: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON-ready data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "study": {"name": found.study.name, "question": found.study.question},
        "study_digest": found.study.digest(),
        "units": found.units,
        "effect": found.effect,
        "target": found.target,
        "unit": found.unit.raw,
        "designs": [
            {**row(one), "denies": one.denies, "assumes": list(one.assumes)}
            for one in found.options
        ],
    }
