"""The arm that was chosen: its effect, free of having been chosen.

A trial begins with several provisions and at a look drops those that did worst. What stays looks
better than it is: it stayed because of luck as well. The plain comparison over all children takes
that luck for effect. Children who came after the last choice had no part in it, so that a
comparison of them alone is right on average, but leaves out all who came before. This estimator
uses both, and takes away what the choice added.

What it answers is each provision that stayed to the end against the first arm, the one that nothing
drops. A provision that was dropped was dropped because it did badly, and nobody was drawn to it
since: its comparison is given as it stands, with a warning that it makes the provision look worse
than it is. Of a trial in which nothing was dropped the answer is the comparison within the times.

**How it is computed.** With d₁ the difference of means in the time before the last choice, d₂ that
after it, and V₁, V₂ their variances, the two are averaged by their precision. That average says
nothing of R = d₁ − d₂, which is about nought by the draw; but the choice does: the arm stayed, so
that its mean up to then was above the best of those dropped, and so R was above some r. The answer
is the average less V₂/(V₁ + V₂) times the expected R above r: the expected d₂, given all else that
was seen, which is right on average whatever the effects, and whatever changed between the times
(Bowden & Glimm 2008; the step is Rao's and Blackwell's). Its variance is V₂ less that of d₂ given
all else. Intervals are by Student's t. Means are taken as normal. Choices before the last are taken
as given: what came between two choices is used, what came before that is not.

Arms must have been dropped by their means of this outcome. Where those dropped did neither worse
nor better than all that stayed, the answer is of the children who came after alone, and says so.

It has no options.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.drawn import UNDRAWN
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._answer import counted
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._drawn_units import DRAWN_AS_SAID, drawn_only, unit_level
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.kernels.clusters import recode

Array = NDArray[np.float64]
LEAF = "chosen_arm"
DROPPED = (
    "this arm was dropped because it did badly, and nobody was drawn to it since: its effect looks "
    "worse here than it is"
)
NOT_BY_MEANS = (
    "the arms that were dropped did neither worse nor better than all that stayed, so that they "
    "were dropped by something else: the answer is of the children who came after the choice"
)
BY_MEANS = Assumption(
    "dropped by their means",
    "at the last choice the provisions whose outcome was worst up to then were dropped, and no "
    "others, at a look that was named beforehand",
)


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Times (t, in order) by arms (k). size: children, by their weights as many as count; mean,
    variance: of the mean; all (t, k). there: whether an arm was.
    """

    size: Array
    mean: Array
    variance: Array

    @property
    def there(self) -> NDArray[np.bool_]:
        """(t, k) whether an arm was drawn among in a time."""
        return self.size > 0

    def sofar(self, time: int) -> Array:
        """Return (k,) means of arms up to and with a time."""
        size = self.size[: time + 1]
        found: Array = (size * self.mean[: time + 1]).sum(axis=0) / np.maximum(
            size.sum(axis=0), 1e-300
        )
        return found

    def apart(self, time: int, arm: int) -> tuple[float, float]:
        """Return the difference of an arm and the first in a time, and its variance."""
        return (
            float(self.mean[time, arm] - self.mean[time, 0]),
            float(self.variance[time, arm] + self.variance[time, 0]),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """One arm against the first. rows: (what, difference, its error); df: of t."""

    value: float
    variance: float
    df: float
    rows: tuple[tuple[str, float, float], ...]
    warning: str = ""


def run(task: Task) -> Answer:
    """Return arms against the first, each freed of its choice."""
    drawn_only(task, LEAF)
    if (unit_level(task) or "child") != "child" or task.analysis.cluster not in (None, "child"):
        raise Unanswerable(f"{LEAF}: it is of children who were drawn one by one, not of clusters.")
    cells = cells_of(task)
    kept = [arm_against_first(cells, *places(task, term)) for term in task.terms]
    children, by_arm = counted(task.cohort)
    q = len(task.terms)
    estimate = Estimate(
        task.terms,
        np.array([one.value for one in kept]),
        Matrix(np.diag([one.variance for one in kept])),
        df=np.array([one.df for one in kept]),
        n=np.full(q, children),
        arm_n=np.tile(by_arm, (q, 1)),
        arms=task.cohort.arms,
        clusters=np.full(q, children),
        interval=("t, variance given all that the choice left open",) * q,
    )
    pairs = zip(task.terms, kept, strict=True)
    warnings = tuple((term, one.warning) for term, one in pairs if one.warning)
    return Answer(LEAF, estimate, tables=(_table(task, kept),), warnings=warnings)


def places(task: Task, term: Term) -> tuple[int, float]:
    """Return the arm that a contrast sets against the first, and the sign. Raises Unanswerable for
    a contrast of two others.
    """
    arms = task.cohort.arms
    (one, weight), (other, _) = term.contrast
    first, second = arms.index(one), arms.index(other)
    if first and second:
        raise Unanswerable(
            f"{LEAF}: {term.words()} compares two arms that might both have been dropped. Mend: "
            f"estimand: {{contrast: [{one}, {arms[0]}]}}."
        )
    return (first, weight) if first else (second, -weight)


def cells_of(task: Task) -> Cells:
    """Return means of arms by time. Times are those of the ledger; without one, strata that hold
    the same arms are one time, and those that hold more came before.
    """
    cohort = task.cohort
    code, keys = recode(times_of(task))
    k = len(cohort.arms)
    cell, count = code.astype(np.int64) * k + cohort.arm, len(keys) * k
    weight, y = survey_weight(task), outcome_of(task).value
    size = np.bincount(cell, minlength=count).astype(float)
    whole = np.bincount(cell, weights=weight, minlength=count)
    mean = np.bincount(cell, weights=weight * y, minlength=count) / np.maximum(whole, 1e-300)
    squares = np.bincount(cell, weights=(weight * (y - mean[cell])) ** 2, minlength=count)
    more = size / np.maximum(size - 1, 1)
    variance = more * squares / np.maximum(whole, 1e-150) ** 2
    found = Cells(*(each.reshape(-1, k) for each in (size, mean, variance)))
    falls = found.there[1:] & ~found.there[:-1]
    if falls.any() or (found.size[found.there] < 2).any():
        raise TooFew(
            f"{LEAF}: in some time an arm has one child or came back. Times are those of the "
            "ledger (--draw), or strata of the draw, in which the same arms were there."
        )
    return found


def times_of(task: Task) -> NDArray[np.int64]:
    """Return (n,) codes of the times in which children came, the earliest first."""
    cohort = task.cohort
    stratum, keys = recode(np.zeros(cohort.n) if cohort.strata is None else cohort.strata)
    place, drawn = cohort.drawn, task.drawn
    if drawn is not None and place is not None and drawn.allocation.strata:
        if (place == UNDRAWN).any():
            raise Unanswerable(f"{LEAF}: some children were not allocated by the ledger.")
        stratum, keys = recode(np.array(drawn.allocation.strata)[place])
    k = len(cohort.arms)
    held = np.bincount(stratum.astype(np.int64) * k + cohort.arm, minlength=len(keys) * k) > 0
    many = held.reshape(-1, k).sum(axis=1)
    found: NDArray[np.int64] = (k - many)[stratum].astype(np.int64)
    return found


def arm_against_first(cells: Cells, arm: int, sign: float) -> Found:
    """Return the effect of an arm, from the time before the last choice that it outlived, and that
    after it.
    """
    own = np.flatnonzero(cells.there[:, arm] & cells.there[:, 0])
    if not len(own):
        raise TooFew(f"{LEAF}: no time holds both arms.")
    last = int(own[-1])
    value, variance = cells.apart(last, arm)
    df = float(cells.size[last, arm] + cells.size[last, 0] - 2)
    if last == 0 or last < len(cells.size) - 1:
        return plain(cells, arm, own, sign, dropped=last < len(cells.size) - 1)
    before = last - 1
    d_1, v_1 = cells.apart(before, arm)
    rows = [
        ("before the last choice", sign * d_1, v_1**0.5),
        ("after the last choice", sign * value, variance**0.5),
    ]
    least = threshold(cells, arm, before)
    if least is None:
        return Found(sign * value, variance, df, tuple(rows), NOT_BY_MEANS)
    share = variance / (v_1 + variance)  # of d₁ in the average by precision
    both, error = share * d_1 + (1 - share) * value, (1 - share) * variance
    rows.append(("both, the choice forgotten", sign * both, error**0.5))
    spread = (v_1 + variance) ** 0.5
    # The arm's own mean moves with R by as much as its share of the variance of d₁ says.
    moves = (1 - share) * cells.variance[before, arm] / v_1
    up, level = least
    fitted = cells.mean[before, arm] - moves * (d_1 - value)
    from_ = up * (level - fitted) / (moves * spread)
    hazard = float(np.exp(-0.5 * from_**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-from_)))
    freed = both - up * share * spread * hazard
    left = variance - share**2 * spread**2 * (1 + from_ * hazard - hazard**2)
    rows.append(("both, freed of the choice", sign * freed, left**0.5))
    return Found(sign * freed, float(left), df, tuple(rows))


def threshold(cells: Cells, arm: int, before: int) -> tuple[float, float] | None:
    """Return (1 or −1, the mean of the last time that the arm had to be above, or below, to stay);
    None where arms were not dropped by their means.
    """
    went = cells.there[before] & ~cells.there[before + 1]
    stayed = cells.there[before + 1].copy()
    stayed[0] = False
    sofar = cells.sofar(before)
    if sofar[went].max() <= sofar[stayed].min():
        up, level = 1.0, float(sofar[went].max())
    elif sofar[went].min() >= sofar[stayed].max():
        up, level = -1.0, float(sofar[went].min())
    else:
        return None
    size = cells.size[: before + 1, arm]
    earlier = float(size[:-1] @ cells.mean[:before, arm])
    return up, (level * float(size.sum()) - earlier) / float(size[-1])


def plain(cells: Cells, arm: int, times: NDArray[np.int64], sign: float, *, dropped: bool) -> Found:
    """Return the effect within times, by precision; of an arm that was dropped with a warning."""
    parts = [cells.apart(int(time), arm) for time in times]
    weight = np.array([1 / max(variance, 1e-300) for _, variance in parts])
    value = float(weight @ [one for one, _ in parts] / weight.sum())
    df = float(cells.size[times][:, [0, arm]].sum() - 2 * len(times))
    error = float(1 / weight.sum())
    row = ("within times", sign * value, error**0.5)
    return Found(sign * value, error, df, (row,), DROPPED if dropped else "")


def _table(task: Task, kept: list[Found]) -> Table:
    """Return each comparison before and after the choice, and with both together."""
    rows: list[tuple[Cell, ...]] = [
        (LEAF, term.words(), what, value, error)
        for term, one in zip(task.terms, kept, strict=True)
        for what, value, error in one.rows
    ]
    return Table(
        "chosen",
        "What choosing the arm added to its effect",
        ("estimator", "contrast", "children", "estimate", "se"),
        (*("label",) * 3, *("number",) * 2),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "se")),
        counts=(task.cohort.n,) * len(rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="An arm that stayed because it did well looks better before the choice than it is; "
        "freed of the choice, the answer uses all children and is right on average.",
    )


CHOSEN_ARM = Estimator(
    title="The arm that was chosen",
    short="the comparison freed of the choice",
    summary="Compares an arm that stayed while others were dropped, freed of having been chosen.",
    reference="Bowden & Glimm (2008), Biometrical Journal 50:515-527; Cohen & Sackrowitz (1989), "
    "Statistics & Probability Letters 8:273-278",
    targets=("ate",),
    scales=("difference",),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_AS_SAID, BY_MEANS, CONSISTENCY),
    run=run,
    trimmed=False,
    spread="of the difference after the choice, given all that the choice left open",
    guard="exempt",
    adjusts=False,
    drawn=True,
    strata=True,
)
