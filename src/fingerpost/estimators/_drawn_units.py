"""What was drawn, as arrays: units, their strata, their weights, their arms in other draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.drawn import UNDRAWN
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.leaves import Assumption
from fingerpost.core.seeds import stream
from fingerpost.estimators._outcome import survey_weight
from fingerpost.kernels.clusters import recode

Array = NDArray[np.float64]
DRAWN_AS_SAID = Assumption(
    "drawn as said",
    "chance alone decided the arm of each unit that was drawn, within the strata that the study "
    "names, and who belongs to a unit was known before",
)
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Units:
    """The units of a draw, u of them, with n children. of: (n,) the unit of each child. arm,
    stratum: (u,) codes. level: what a unit is called.
    """

    of: Whole
    arm: Whole
    stratum: Whole
    level: str

    @property
    def count(self) -> int:
        """Number of units."""
        return len(self.arm)


def drawn_only(task: Task, leaf: str) -> None:
    """Raise UsageError where nothing was drawn."""
    if not task.analysis.assignment.randomised:
        raise UsageError(
            f"{leaf} leans on the draw: it needs assignment: {{randomised: {{design: …}}}}. Where "
            "nobody drew lots, ask estimators that adjust, such as aipw."
        )


def unit_level(task: Task) -> str | None:
    """Return the level of clusters that was drawn; None where children were."""
    own = task.analysis.assignment
    return own.unit if isinstance(own, Randomised) else task.analysis.cluster


def units_of(task: Task, leaf: str) -> Units:
    """Return the units of a draw. Raises Unanswerable where the children of one are of several
    arms or strata.
    """
    cohort, level = task.cohort, unit_level(task)
    own, keys = recode(cohort.cluster_codes(level))
    of = own.astype(np.int64)
    arm = np.zeros(len(keys), dtype=np.int64)
    arm[of] = cohort.arm
    stratum = np.zeros(len(keys), dtype=np.int64)
    if cohort.strata is not None:
        codes, _ = recode(np.asarray(cohort.strata))
        stratum[of] = codes
        if not np.array_equal(stratum[of], codes):
            raise Unanswerable(f"{leaf}: children of one {level or 'child'} are of several strata.")
    if not np.array_equal(arm[of], cohort.arm):
        raise Unanswerable(
            f"{leaf}: children of one {level or 'child'} are of several arms, so that it was not "
            "what was drawn. Mend: assignment: {randomised: {unit: …}}."
        )
    return Units(of, arm, stratum, level or "child")


def draw_weight(task: Task) -> Array:
    """Return (n,) survey weights, over each child's chance of the arm it was drawn into where
    chances differ among units.
    """
    weight = survey_weight(task)
    if task.drawn is None or task.cohort.drawn is None or not task.drawn.unequal:
        return weight
    place = task.cohort.drawn
    chance = np.where(place == UNDRAWN, np.nan, task.drawn.chance[place])
    found: Array = np.where(np.isfinite(chance), weight / chance, 0.0)
    return found


def possible_arms(task: Task, units: Units, *, among: Whole, draws: int, leaf: str) -> Whole:
    """Return (d, u) arms that the units might have been drawn into.

    Those of the ledger where it keeps them and all units of the cohort are compared; else the arms
    of the units in `among` (codes of arms) shuffled among these within strata, which any design
    that leaves units of a stratum exchangeable makes as likely, given how many came to each arm.
    """
    kept = _of_ledger(task, units)
    if kept is not None and len(among) == len(task.cohort.arms):
        return kept
    random = stream(task.analysis.stream, f"draws of {leaf}", seed=task.analysis.seed)
    found = np.tile(units.arm, (draws, 1))
    moved = np.isin(units.arm, among)
    for stratum in np.unique(units.stratum):
        rows = np.flatnonzero(moved & (units.stratum == stratum))
        if len(rows) > 1:
            order = np.argsort(random.random((draws, len(rows))), axis=1)
            found[:, rows] = units.arm[rows][order]
    return found


def _of_ledger(task: Task, units: Units) -> Whole | None:
    """Return (d, u) arms in the draws that a ledger keeps, in the cohort's own codes."""
    if task.drawn is None or task.cohort.drawn is None or task.drawn.permutations is None:
        return None
    place = np.full(units.count, UNDRAWN, dtype=np.int64)
    place[units.of] = task.cohort.drawn
    if (place == UNDRAWN).any() or not np.array_equal(place[units.of], task.cohort.drawn):
        return None
    codes = task.drawn.draws(place)
    arms = task.drawn.allocation.arms
    if codes is None or not set(task.cohort.arms) <= set(arms):
        return None
    own = np.array([task.cohort.arms.index(a) if a in task.cohort.arms else -1 for a in arms])
    found: Whole = own[codes].astype(np.int64)
    return found if (found >= 0).all() else None
