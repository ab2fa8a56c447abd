"""What was drawn, as arrays: units, their strata, their weights, their arms in other draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core import leaves
from fingerpost.core.analysis import Task
from fingerpost.core.assignment import Assignment, Randomised
from fingerpost.core.drawn import UNDRAWN
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.leaves import Assumption, Design
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
APART = 0.15  # between strata's shares of an arm, beyond which they were drawn by other chances


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


def shares_alike(arm: Whole, stratum: Whole) -> bool:
    """Return whether strata hold about the same shares of the arms. arm, stratum: (u,) codes.

    >>> shares_alike(np.tile([0, 1], 8), np.repeat([0, 1], 8))
    True
    >>> shares_alike(np.repeat([0, 0, 0, 1], 4), np.repeat([0, 1], 8))
    False
    """
    k, strata = int(arm.max()) + 1, int(stratum.max()) + 1
    held = np.bincount(stratum * k + arm, minlength=strata * k).reshape(strata, k)
    held = held[held.sum(axis=1) > 0]
    share = held / held.sum(axis=1, keepdims=True)
    return float(np.ptp(share, axis=0).max()) <= APART + 1 / float(held.sum(axis=1).min())


def draw_weight(task: Task) -> Array:
    """Return (n,) survey weights, over each child's chance of the arm it was drawn into where
    chances differ among units.
    """
    found = survey_weight(task)
    for arm in range(len(task.cohort.arms)):
        found = np.where(task.cohort.arm == arm, weight_in(task, arm), found)
    return found


def weight_in(task: Task, arm: int) -> Array:
    """Return (n,) what each child would weigh in one arm (a code), whatever it was drawn into: its
    survey weight, over its chance of that arm where chances differ among units.
    """
    weight, drawn, place = survey_weight(task), task.drawn, task.cohort.drawn
    name = task.cohort.arms[arm]
    if drawn is None or place is None or name not in drawn.allocation.arms:
        return weight
    if not task.fits.once(("unequal", drawn), lambda: drawn.unequal):
        return weight
    own = task.fits.once(("chances", drawn), lambda: drawn.chances)
    chance = own[place, drawn.allocation.arms.index(name)]
    told = (place != UNDRAWN) & (chance > 0)
    found: Array = np.where(told, weight / np.where(told, chance, 1.0), 0.0)
    return found


def possible_arms(task: Task, units: Units, *, among: Whole, draws: int, leaf: str) -> Whole:
    """Return (d, u) arms that the units might have been drawn into.

    Those of the ledger where it keeps them and all units of the cohort are compared; else the arms
    of the units in `among` (codes of arms) shuffled among these within strata, as likely under a
    design that says so (`Design.shuffled`). Raises Unanswerable of the others.
    """
    kept = _of_ledger(task, units)
    if kept is not None and len(among) == len(task.cohort.arms):
        return kept
    if not may_be_shuffled(task):
        mend = (
            "with the ledger of its draw (--draw), which replays the procedure"
            if kept is None and len(among) == len(task.cohort.arms)
            else "by another estimator: draws that leave the arms not compared as they are cannot "
            "be told from the others"
        )
        raise Unanswerable(
            f"{leaf}: units of this design are not drawn alike, so arms cannot be shuffled among "
            f"them. Mend: analyse it {mend}."
        )
    random = stream(task.analysis.stream, f"draws of {leaf}", seed=task.analysis.seed)
    found = np.tile(units.arm, (draws, 1))
    moved = np.isin(units.arm, among)
    for stratum in np.unique(units.stratum):
        rows = np.flatnonzero(moved & (units.stratum == stratum))
        if len(rows) > 1:
            order = np.argsort(random.random((draws, len(rows))), axis=1)
            found[:, rows] = units.arm[rows][order]
    return found


def may_be_shuffled(task: Task) -> bool:
    """Return whether the design leaves units of a stratum exchangeable, as its leaf declares."""
    own = task.analysis.assignment
    if not isinstance(own, Randomised):
        return True
    return leaves.load("designs", own.design, kind=Design).shuffled


def of_halves(own: Assignment) -> bool:
    """Return whether a draw gives each child one thing after another (a crossover), so that the
    outcome is half of a difference within a child, whose spread is not that of children.
    """
    if not isinstance(own, Randomised) or own.design not in leaves.names("designs"):
        return False
    procedure = leaves.load("designs", own.design, kind=Design).procedure
    return procedure is not None and procedure.periods


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
