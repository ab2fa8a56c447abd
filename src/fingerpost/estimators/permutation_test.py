"""A permutation test of a trial: the draw replayed, and the interval that it gives.

Which child, or which school, came to which arm was decided by a draw. If the arm changed nothing
for anybody, outcomes would be what they are under any other draw: so the difference between the
arms is worked out for every draw, and the share of draws that give one as far from nought as the
draw that was made is the p-value, (b + 1)/(B + 1). It is exact, however few the units and whatever
outcomes look like. The interval holds every size of effect that is not rejected when it is taken
off all who had the arm; it is exact if the effect is the same for all, and otherwise near, since
the statistic is over its own standard error (Chung & Romano 2013).

Draws are those that the ledger of the trial keeps, made by the procedure itself; without a ledger
the arms are shuffled among the units that were drawn (children, or schools) within the strata of
the draw. With more than two arms those of the two compared are shuffled. A minimised trial has no
shuffles that are as likely: it needs the draws of its ledger.

**How it is computed.** The statistic is the difference of means within strata, averaged by size, as
`by_stratum` has it, over its standard error by Neyman's formula; where every stratum holds but one
unit of an arm (pairs) the difference itself.

**Options.** `draws`: how many shuffles (4,999). Draws of a ledger are all used.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.answer import Answer
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Estimator
from fingerpost.core.region import Region
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._assumptions import CONSISTENCY
from fingerpost.estimators._drawn_units import (
    DRAWN_AS_SAID,
    Units,
    draw_weight,
    drawn_only,
    possible_arms,
    units_of,
)
from fingerpost.estimators._inverted import Statistic, region_of
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.permuted import Totals, differences

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
LEAF = "permutation_test"
DRAWS, FEWEST_DRAWS, MOST_DRAWS = 4999, 99, 100_000
NOT_SHUFFLED = ("minimisation",)


def run(task: Task) -> Answer:
    """Return the p-value and the interval of every term."""
    drawn_only(task, LEAF)
    units = units_of(task, LEAF)
    draws = _read(task.analysis.options)
    regions, counts = [], []
    for term in task.terms:
        statistic, used = statistic_of(task, units, term, draws)
        regions.append(region_of(term, statistic, task.analysis.level, leaf=LEAF))
        counts.append(used)
    return Answer(LEAF, regions=tuple(regions), tables=(_table(task, regions, counts),))


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    del study
    _read(options)


def _read(options: Mapping[str, object]) -> int:
    reads = Options(LEAF, options)
    found = reads.whole("draws", DRAWS, least=FEWEST_DRAWS, most=MOST_DRAWS)
    reads.finish()
    return found


def statistic_of(task: Task, units: Units, term: Term, draws: int) -> tuple[Statistic, int]:
    """Return the statistic over draws, that which was made first, and how many units it is of."""
    first, second = (task.cohort.arms.index(name) for name, _ in term.contrast)
    compared = np.array([first, second], dtype=np.int64)
    possible = possible_arms(task, units, among=compared, draws=draws, leaf=LEAF)
    shuffled = len(possible) == draws and task.drawn is None
    if shuffled and not _may_be_shuffled(task):
        raise Unanswerable(
            f"{LEAF}: units of this design are not drawn alike, so arms cannot be shuffled among "
            "them. Mend: analyse it with the ledger of its draw, which replays the procedure."
        )
    totals, rows = totals_of(task, units, first, among=compared)
    arms = np.concatenate([units.arm[None], possible])[:, rows]
    value, variance, whole = differences(totals, arms, pair=(first, second))
    if not whole[0]:
        raise TooFew(f"{LEAF}: no stratum holds both arms.")
    if not whole.all():  # a draw that leaves a stratum without an arm has no statistic there
        value, variance = value[whole], variance[whole]
    if not (variance[0] > 0).any():  # pairs: nothing is known of how units of one arm differ
        variance = np.tile(np.array([1.0, 0.0, 0.0]), (len(value), 1))
    return Statistic(value[:, 0], value[:, 1], variance), len(rows)


def _may_be_shuffled(task: Task) -> bool:
    own = task.analysis.assignment
    return not isinstance(own, Randomised) or own.design not in NOT_SHUFFLED


def totals_of(task: Task, units: Units, first: int, *, among: Whole) -> tuple[Totals, Whole]:
    """Return sums by unit of the outcome and of having the first arm, and the units in them: those
    of strata that hold both arms.
    """
    weight, y = draw_weight(task), outcome_of(task).value
    moved = np.isin(units.arm, among)
    strata = int(units.stratum.max()) + 1
    held = [np.bincount(units.stratum[units.arm == a], minlength=strata) > 0 for a in among]
    rows = np.flatnonzero(moved & np.logical_and.reduce(held)[units.stratum])
    if not len(rows):
        raise TooFew(f"{LEAF}: no stratum of the draw holds both arms.")
    count = units.count
    size = sum_by(units.of, weight, n_groups=count)[rows]
    # About its mean: what units of unequal size add to every total is no news of the arms.
    centred = y - float(weight @ y) / float(weight.sum())
    own = sum_by(units.of, weight * centred, n_groups=count)[rows]
    stratum, _ = recode(units.stratum[rows])
    share = np.bincount(stratum, weights=size)
    mine = size * (units.arm[rows] == first)
    return Totals(own, mine, size, stratum.astype(np.int64), share / share.sum()), rows


def _table(task: Task, regions: list[Region], counts: list[int]) -> Table:
    """Return the p-values."""
    rows = tuple(
        (LEAF, one.term.words(), one.term.label(), one.value, one.p, one.method) for one in regions
    )
    return Table(
        "permutation_test",
        "No effect on anybody: how often draws give as much",
        ("estimator", "contrast", "target", "estimate", "p", "draws"),
        ("label", "label", "label", "number", "number", "label"),
        rows,
        tells=Tells(outcomes=("estimate",)),
        counts=(task.cohort.n,) * len(rows),
        clusters=tuple(counts),
        tags=(("outcome", task.terms[0].outcome),),
        context="(b + 1)/(B + 1) over draws: those of the ledger, or arms shuffled within strata.",
    )


PERMUTATION_TEST = Estimator(
    title="Permutation test",
    short="the permutation test",
    summary="Replays the draw of a trial: exact p-values, and intervals by inversion.",
    reference="Fisher (1935), The Design of Experiments; Chung & Romano (2013), Annals of "
    "Statistics 41:484-507",
    targets=("ate",),
    scales=("difference",),
    outcomes=("continuous", "binary"),
    assumes=(DRAWN_AS_SAID, CONSISTENCY),
    run=run,
    levels="pairwise",
    trimmed=False,
    spread="inverted test; no standard error",
    guard="exempt",
    adjusts=False,
    drawn=True,
    strata=True,
    options=(("draws", "how many shuffles where no ledger keeps draws (4999)"),),
    check=check,
)
