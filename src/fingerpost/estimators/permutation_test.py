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
the draw. With more than two arms those of the two compared are shuffled. That is refused where
the design does not make shuffles as likely: minimisation (of two arms the draws of its ledger are
replayed; of more no draw leaves the third arm as it is) and two levels (schools, then children).

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
from fingerpost.core.errors import TooFew
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
    drawn_only,
    possible_arms,
    units_of,
    weight_in,
)
from fingerpost.estimators._inverted import Statistic, region_of
from fingerpost.estimators._options import Options
from fingerpost.estimators._outcome import outcome_of, survey_weight
from fingerpost.kernels.clusters import recode, sum_by
from fingerpost.kernels.permuted import Totals, differences

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
LEAF = "permutation_test"
DRAWS, FEWEST_DRAWS, MOST_DRAWS = 4999, 99, 100_000


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
    possible = possible_arms(task, units, among=np.array([first, second]), draws=draws, leaf=LEAF)
    totals, rows = totals_of(task, units, (first, second))
    arms = np.concatenate([units.arm[None], possible])[:, rows]
    value, variance, whole = differences(totals, arms, pair=(first, second))
    if not whole[0]:
        raise TooFew(f"{LEAF}: no stratum holds both arms.")
    if not whole.all():  # a draw that leaves a stratum without an arm has no statistic there
        value, variance = value[whole], variance[whole]
    if not (variance[0] > 0).any():  # pairs: nothing is known of how units of one arm differ
        variance = np.tile(np.array([1.0, 0.0, 0.0]), (len(value), 1))
    return Statistic(value[:, 0], value[:, 1], variance), len(rows)


def totals_of(
    task: Task, units: Units, compared: tuple[int, int]
) -> tuple[tuple[Totals, Totals], Whole]:
    """Return sums by unit of the outcome and of having the first arm, as each arm compared weighs
    them, and the units in them: those of strata that hold both arms.

    A child weighs as the arm does that a draw gives it, never as that which it was drawn into: what
    is replayed would else hang on the draw that was made.
    """
    plain, y = survey_weight(task), outcome_of(task).value
    moved = np.isin(units.arm, compared)
    strata = int(units.stratum.max()) + 1
    held = [np.bincount(units.stratum[units.arm == a], minlength=strata) > 0 for a in compared]
    rows = np.flatnonzero(moved & np.logical_and.reduce(held)[units.stratum])
    if not len(rows):
        raise TooFew(f"{LEAF}: no stratum of the draw holds both arms.")
    count = units.count
    stratum = recode(units.stratum[rows])[0].astype(np.int64)
    share = np.bincount(stratum, weights=sum_by(units.of, plain, n_groups=count)[rows])
    # About its mean: what units of unequal size add to every total is no news of the arms.
    centred = y - float(plain @ y) / float(plain.sum())
    found = []
    for arm in compared:
        weight = weight_in(task, arm)
        size = sum_by(units.of, weight, n_groups=count)[rows]
        own = sum_by(units.of, weight * centred, n_groups=count)[rows]
        mine = size * (units.arm[rows] == compared[0])
        found.append(Totals(own, mine, size, stratum, share / share.sum()))
    return (found[0], found[1]), rows


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
    chances=True,
    options=(("draws", "how many shuffles where no ledger keeps draws (4999)"),),
    check=check,
)
