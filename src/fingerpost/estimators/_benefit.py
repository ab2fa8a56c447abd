"""Who benefits, on children who were held out: scores, predictions, numbers with their errors.

Children are put into folds, whole clusters together. Predictions of a fold's effects are learnt
from the folds before it and from no other, so that what a fold shows of them is news: were each
fold predicted from all others, the folds would lean on one another, and rankings that say nothing
would pass for some that do in well over one study of twenty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.estimand import Term
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._answer import FEW_CLUSTERS, TOO_FEW_CLUSTERS, factor
from fingerpost.estimators._learners import Folds, Learner
from fingerpost.estimators._outcome import Array, outcome_of
from fingerpost.kernels.clusters import distinct, recode, sum_by
from fingerpost.kernels.targeting import Told

FIRST = 2  # folds that are learnt from before any is looked at
LEAST_IN_ARM = 20  # children of each arm in a fold that is looked at
PREDICTED = "(effect)"
NOTHING = 1e-12
Codes = NDArray[np.integer]
Line = tuple[float, float | None, float | None, float | None]


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """What children show of their own effects.

    effect: (n,) noisy effects, as the study asks; weight: (n,) what each counts for; sign: −1 where
    less of the outcome is better, 1 where more is, 0 where nobody has said; folds: of the clusters;
    units: (n,) codes of the variance unit.
    """

    task: Task
    term: Term
    effect: Array
    weight: Array
    sign: int
    folds: Folds
    units: Codes

    @property
    def gain(self) -> Array:
        """(n,) the effects turned so that more is better, where the study says which way is."""
        found: Array = self.effect * (self.sign or 1)
        return found

    def rows(self, fold: int) -> NDArray[np.intp]:
        """Return the children of a fold who count."""
        return np.flatnonzero((self.folds.code == fold) & (self.weight > 0))

    def before(self, fold: int) -> NDArray[np.intp]:
        """Return the children of the folds before one who count."""
        return np.flatnonzero((self.folds.code < fold) & (self.weight > 0))

    @property
    def looked_at(self) -> tuple[int, ...]:
        """The folds that are looked at."""
        return tuple(range(FIRST, self.folds.count))


def scores_of(task: Task, term: Term, made: tuple[Array, Array], folds: Folds) -> Scores:
    """Return the scores of a term; made: (n,) effects and weights."""
    sign = {"lower": -1, "higher": 1}.get(outcome_of(task).better, 0)
    units, _ = recode(task.cohort.cluster_codes(task.analysis.cluster))
    return Scores(task, term, *made, sign, folds, np.asarray(units))


def too_few(scores: Scores) -> str:
    """Return why children are too few to be held out; empty where they are not."""
    cohort = scores.task.cohort
    arms = [cohort.arms.index(name) for name, _ in scores.term.contrast]
    held = [
        int(np.count_nonzero(cohort.arm[scores.rows(fold)] == arm))
        for fold in scores.looked_at
        for arm in arms
    ]
    if not held or min(held) < LEAST_IN_ARM:
        return (
            f"who benefits is not looked at: a fold holds fewer than {LEAST_IN_ARM} children of an "
            "arm"
        )
    return ""


def held_out_predictions(scores: Scores, learner: Learner) -> Array:
    """Return (n,) the gain that is predicted of each child from the folds before its own; NaN in
    folds that are only learnt from.
    """
    task, folds = scores.task, scores.folds
    uneven = scores.weight.min() < scores.weight.max()
    cohort = replace(
        task.cohort,
        outcomes={PREDICTED: Outcome("continuous", scores.gain)},
        weight=scores.weight if uneven else None,
    )
    terms = (replace(scores.term, outcome=PREDICTED),)
    own = replace(task, cohort=cohort, terms=terms, fits=Fits())
    found = np.full(cohort.n, np.nan)
    for fold in scores.looked_at:
        told = Folds(np.minimum(folds.code, fold), fold + 1, folds.repeat, folds.leaf)
        earlier = np.zeros(cohort.n, dtype=np.bool_)
        earlier[scores.before(fold)] = True
        said = learner.means(own, told, rows=earlier)
        here = folds.code == fold
        found[here] = said[here]
    return found


def over_folds(scores: Scores, ask: Callable[[int, NDArray[np.intp]], Told]) -> Told:
    """Return the mean over the folds looked at of what is asked of each, its children given.

    Each fold has a mean of its own, so that the factor G/(G − 1) is of its own clusters.
    """
    value, influence = 0.0, np.zeros(scores.task.cohort.n)
    share = 1.0 / len(scores.looked_at)
    level = scores.task.analysis.cluster
    clusters = {fold: distinct(scores.units[scores.rows(fold)]) for fold in scores.looked_at}
    whole, _ = factor(level, sum(clusters.values()))
    for fold, g in clusters.items():
        rows = scores.rows(fold)
        one = ask(fold, rows)
        value += share * one.value
        own, _ = factor(level, g)
        influence[rows] += share * np.sqrt(own / whole) * one.influence
    return Told(value, influence)


def line(scores: Scores, told: Told, *, null: float = 0.0) -> Line:
    """Return a number, its interval, and p that it is `null`; no interval of fewer than ten
    clusters, or where nothing varies.
    """
    se, df = error(scores, told)
    if se is None:
        return told.value, None, None, None
    if se <= NOTHING * float(np.abs(scores.effect).max()):
        return (0.0 if abs(told.value) <= NOTHING else told.value), None, None, None
    spread = stats.norm() if df is None else stats.t(df)
    half = float(spread.ppf(0.5 + scores.task.analysis.level / 2)) * se
    p = 2 * float(spread.sf(abs(told.value - null) / se))
    return told.value, told.value - half, told.value + half, p


def error(scores: Scores, told: Told) -> tuple[float | None, int | None]:
    """Return the standard error by cluster, None of fewer than ten; and the degrees of freedom of
    Student's t, None where the normal serves.
    """
    sums = sum_by(scores.units, told.influence, n_groups=int(scores.units.max()) + 1)
    here = np.bincount(scores.units[told.influence != 0], minlength=len(sums)) > 0
    g = int(np.count_nonzero(here))
    if g < TOO_FEW_CLUSTERS:
        return None, None
    by, _ = factor(scores.task.analysis.cluster, g)
    return float(np.sqrt(by * (sums @ sums))), (g - 1 if g < FEW_CLUSTERS else None)


def fewest(scores: Scores, parts: Sequence[NDArray[np.bool_]]) -> int:
    """Return the smallest number of children of an arm compared in any of some parts (n,)."""
    cohort = scores.task.cohort
    arms = [cohort.arms.index(name) for name, _ in scores.term.contrast]
    return min(int(np.count_nonzero(part & (cohort.arm == arm))) for part in parts for arm in arms)


def about(scores: Scores) -> tuple[str, str]:
    """Return the words of a term's contrast, and of its target, as tables name them."""
    return scores.term.words(), scores.term.target.label()
