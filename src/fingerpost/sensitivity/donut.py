"""Leave out who waits beside units with provision: is the effect still there without them?

**What it asks.** Units that wait may feel what begins next door: children cross borders, staff
move, schools copy. They then no longer stand for units without provision, and the effect looks
smaller (or larger) than it is. What is it among units none of whose neighbours has begun?

**How it is computed.** Changes since the period before provision first began anywhere are compared,
period by period, between units where it has begun and units that wait: first all of these, then
those alone of whose neighbours at most the share `within` has begun (weighed as the register's file
of pairs says). Cells are weighed as the target says; both answers are over the same cells. Who
waits without such a neighbour is not drawn alike, as some have many neighbours: each unit counts
one over the share of the possible draws in which it would be so in that period (Aronow & Samii
2017; Hájek weights), and likewise one over its chance of its wave. Standard errors are those of the
weighted means, by what was drawn; with fewer than 10 units none is given, with fewer than 50
Student's t.

**What it assumes.** That the order was drawn, and that what spills over comes from declared
neighbours in which provision has begun, no further and not before. A unit that in no possible draw
waits without such a neighbour is left out of the second answer, which then speaks of the others;
their number is told. Where few units are left the answer is wide; that both agree shows no more
than that spilling over is not large.

**Options.** `within`: the share of neighbours that may have begun (0).

Reference: Aronow & Samii (2017), Annals of Applied Statistics 11(4), 1912-1947.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.drawn import Drawn, Neighbours
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.bounded import interval
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.staggered import blocks, cell_weights, exposed, untouched
from fingerpost.sensitivity._options import is_number
from fingerpost.sensitivity._task import PanelSensitivityTask, check_options

LEAF = "donut"
OPTIONS = (("within", "the share of neighbours that may have begun (0)"),)
ALL, APART, GAP = "all that wait", "none beside provision", "difference"
COLUMNS = ("outcome", "contrast", "target", "compared with", "estimate", "se", "lo", "hi", "units")
MOST_DRAWS = 2_000  # over which chances are counted
FEW, TOO_FEW = 50, 10
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def within_of(options: Mapping[str, object]) -> float:
    """Return the share of neighbours that may have begun; UsageError where it is none."""
    check_options(LEAF, given=options, allowed=(name for name, _ in OPTIONS))
    value = options.get("within", 0)
    if not is_number(value) or not 0 <= float(value) < 1:  # type: ignore[arg-type]
        raise UsageError(f"sensitivity: {LEAF}: within must be a share from 0 to below 1.")
    return float(value)  # type: ignore[arg-type]


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    within_of(options)


@dataclass(frozen=True, eq=False, slots=True)
class Units:
    """Units of a panel. change: (u, t) since the period before any began; begins: (w,); wave: (u,)
    codes; weight: (u,) one over the chance of their wave. pools: what is compared with → (u, t) one
    over the chance of waiting so, 0 where a unit does not. never: units that could not wait beside
    none. place: (u,) of what was drawn.
    """

    change: Array
    begins: Ints
    wave: Ints
    weight: Array
    pools: Mapping[str, Array]
    never: int
    place: Ints


def units_of(task: PanelSensitivityTask, outcome: str, within: float) -> Units:
    """Return the units of a panel with their chances; Unanswerable where nothing tells them."""
    panel, drawn = task.task.panel, task.task.drawn
    if drawn is None or panel.drawn is None or panel.begins is None or panel.adopted is None:
        raise Unanswerable(
            f"{LEAF}: the order was not drawn, so that nobody knows how likely a unit was to wait "
            "beside provision. Mend: leave it out, or name the draw (--draw DIR)."
        )
    if drawn.neighbours is None or drawn.permutations is None:
        raise Unanswerable(
            f"{LEAF}: the draw names no neighbours. Mend: rollout.register.neighbours, a file of "
            "pairs, before the draw."
        )
    place, periods = np.asarray(panel.drawn), len(panel.periods)
    adopted = np.asarray(panel.adopted, dtype=np.int64)
    begins, wave = np.unique(adopted, return_inverse=True)
    first = int(adopted[adopted >= 0].min(initial=periods))
    base = first - 1 - task.task.anticipation
    if base < 0:
        raise Unanswerable(f"{LEAF}: no period lies before provision first began.")
    mean = panel.outcomes[outcome].mean
    starts = np.asarray(panel.begins)
    own = starts[np.asarray(drawn.allocation.code, dtype=np.int64)]
    ahead = task.task.anticipation
    held = waiting(own, drawn.neighbours, periods, ahead=ahead, within=within)
    chance = chances(drawn, starts, periods, ahead=ahead, within=within)
    pools = {
        name: np.where(held[at][place], 1 / np.maximum(chance[at][place], 1e-12), 0.0)
        for at, name in enumerate((ALL, APART))
    }
    last = chance[1][place][:, first:]
    return Units(
        mean - mean[:, [base]],
        begins,
        wave.astype(np.int64),
        1 / wave_chance(drawn, starts)[place],
        pools,
        int((last <= 0).all(axis=1).sum()),
        recode(place)[0].astype(np.int64),
    )


def waiting(
    begins: Ints, near: Neighbours, periods: int, *, ahead: int, within: float
) -> tuple[Flags, Flags]:
    """Return (u, t) whether a drawn unit waits, and whether it does so beside none (or few)."""
    waits = untouched(begins, periods, anticipation=ahead)
    beside = near.begun(begins, periods)
    return waits, waits & (beside <= within + 1e-12)


def chances(
    drawn: Drawn, starts: Ints, periods: int, *, ahead: int, within: float
) -> tuple[Array, Array]:
    """Return (u, t) the shares of possible draws in which a unit waits, and beside none."""
    assert drawn.permutations is not None and drawn.neighbours is not None
    codes = np.asarray(drawn.permutations.codes[:MOST_DRAWS], dtype=np.int64)
    weights = drawn.neighbours.weights(codes.shape[1])
    found = np.zeros((2, codes.shape[1], periods))
    at = np.arange(periods)
    for row in codes:
        begins = starts[row]
        waits = untouched(begins, periods, anticipation=ahead)
        begun = (begins[:, None] >= 0) & (at >= begins[:, None])
        found[0] += waits
        found[1] += waits & (weights @ begun <= within + 1e-12)
    return found[0] / len(codes), found[1] / len(codes)


def wave_chance(drawn: Drawn, starts: Ints) -> Array:
    """Return (u,) each drawn unit's chance of beginning when it did."""
    own = starts[np.asarray(drawn.allocation.code, dtype=np.int64)]
    same: Array = (drawn.chances * (starts[None, :] == own[:, None])).sum(axis=1)
    return np.maximum(same, 1e-12)


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """An estimate and each unit's influence on it (u,)."""

    value: float
    influence: Array


def compare(units: Units, each: Array, pool: Array) -> Compared:
    """Return the weighted difference of changes between cells (w, t) with provision and a pool."""
    value, influence = 0.0, np.zeros(len(units.wave))
    for w in np.flatnonzero(each.any(axis=1)):
        mine = units.wave == w
        weight = np.where(mine, units.weight, 0.0)
        weight = weight / weight.sum()
        told = units.change @ each[w]
        mean = float(weight @ told)
        value += mean
        influence += weight * (told - mean)
    for t in np.flatnonzero(each.any(axis=0)):
        weight = pool[:, t] / pool[:, t].sum()
        share = float(each[:, t].sum())
        mean = float(weight @ units.change[:, t])
        value -= share * mean
        influence -= share * weight * (units.change[:, t] - mean)
    return Compared(value, influence)


def run(task: PanelSensitivityTask) -> Answer:
    """Return the table `donut`: for every term the answer beside all that wait, beside those whose
    neighbours wait too, and how they differ.
    """
    outcome = task.task.terms[0].outcome
    units = units_of(task, outcome, within_of(task.spec_options))
    rows: list[tuple[Cell, ...]] = []
    for term in task.task.terms:
        rows += rows_of(term, units, outcome, task.level)
    return Answer(LEAF, tables=(table_of(rows, units, outcome),))


def rows_of(term: Term, units: Units, outcome: str, level: float) -> list[tuple[Cell, ...]]:
    """Return the lines of one term."""
    periods = units.change.shape[1]
    both = np.logical_and.reduce([(pool > 0).any(axis=0) for pool in units.pools.values()])
    usable = exposed(units.begins, periods) & both
    age = None if term.exposure_time is None else int(term.exposure_time)
    parts = blocks(term.target.kind, usable, begins=units.begins, exposure=age)
    words = (outcome, term.words(), term.label())
    if parts is None or term.scale != "difference":
        return [(*words, APART, None, None, None, None, 0)]
    each = cell_weights(parts, np.bincount(units.wave))
    found = {name: compare(units, each, pool) for name, pool in units.pools.items()}
    one, other = found[ALL], found[APART]
    found[GAP] = Compared(one.value - other.value, one.influence - other.influence)
    used = each.any(axis=0)
    rows: list[tuple[Cell, ...]] = []
    for name, told in found.items():
        pool = units.pools[APART if name == GAP else name]
        many = int((pool[:, used] > 0).any(axis=1).sum())
        rows.append((*words, name, told.value, *errors(told, units, level), many))
    return rows


def errors(told: Compared, units: Units, level: float) -> tuple[float | None, ...]:
    """Return a standard error and the ends of an interval; None where none is justified."""
    many = int(units.place.max()) + 1
    if many < TOO_FEW:
        return None, None, None
    own = sum_by(units.place, told.influence, n_groups=many)
    error = math.sqrt(many / (many - 1) * float(own @ own))
    df = float(max(many - len(units.begins), 1)) if many < FEW else math.inf
    ends = (told.value, told.value)
    return (error, *interval(*ends, errors=(error, error), level=level, df=df))


def table_of(rows: list[tuple[Cell, ...]], units: Units, outcome: str) -> Table:
    """Return the table of all lines."""
    gone = (
        f" {units.never:,} units could in no draw have waited beside none; the second answer is "
        "not of them."
        if units.never
        else ""
    )
    return Table(
        LEAF,
        "Without units that wait beside units with provision",
        COLUMNS,
        (*("label",) * 4, *("number",) * 4, "count"),
        tuple(rows),
        counts=(len(units.wave),) * len(rows),
        tags=(("outcome", outcome),),
        context="Changes since before provision first began, against all units that wait, and "
        "against those of whose neighbours none has begun; units: of these, in any period used. A "
        f"difference beyond its interval tells of spilling over.{gone}",
        tells=Tells(outcomes=("estimate", "se", "lo", "hi")),
    )


DONUT = Sensitivity(
    title="Without waiting neighbours",
    short="leaving out who waits beside provision",
    summary="The effect against units that wait and none of whose neighbours has begun.",
    reference="Aronow & Samii (2017), Annals of Applied Statistics 11(4), 1912-1947",
    question="What if provision spills over to neighbours that wait?",
    run=run,
    options=OPTIONS,
    check=check,
    takes="panel",
)
