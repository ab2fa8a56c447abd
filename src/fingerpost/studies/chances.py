"""Chances of a draw that differ between its units: who takes them, who is warned, who is refused.

Where the ledger of a draw says that some units were likelier than others to come into an arm, the
arms differ by whom the draw put into them before anything is provided. An estimator that takes each
unit's chance from the ledger (`Estimator.chances`) answers for all. Of the others, those that
compare units alike in a stratum or a covariate within which chances are the same are right as they
are; those that model who had which arm are warned of; the rest have no answer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Fits, Task
from fingerpost.core.drawn import NOISE, ROUNDING, UNDRAWN
from fingerpost.core.leaves import Estimator
from fingerpost.estimators._drawn_units import draw_weight
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
APART = {"association", "cutoff"}  # targets that do not lean on the chances of a draw
BARRED = (
    "{leaf}: {said}, and it takes no account of that: the arms would differ by whom the draw put "
    "into them. Mend: by_stratum or cluster_means, which take each unit's chance from the ledger."
)
CAUTION = (
    "{said}, which this estimator does not take from there: it holds as far as what chances hung "
    "on is among the covariates (by_stratum and cluster_means take each unit's chance)"
)


def barred(leaf: Estimator, name: str, task: Task) -> str:
    """Return why a leaf has no answer on chances that differ; empty where it may answer."""
    if leaf.guard != "exempt" or not _left(leaf, task):
        return ""
    return BARRED.format(leaf=name, said=_said(task))


def caution(leaf: Estimator, task: Task) -> str:
    """Return what speaks against the answer of a leaf that models who had which arm; empty where
    nothing does.
    """
    if leaf.guard == "exempt" or not _left(leaf, task):
        return ""
    return CAUTION.format(said=_said(task))


def weighed(task: Task) -> Task:
    """Return a task whose children weigh by one over the chance of their unit's arm, where chances
    differ; as it is elsewhere.
    """
    if of_children(task) is None:
        return task
    return replace(task, cohort=replace(task.cohort, weight=draw_weight(task)), fits=Fits())


def _left(leaf: Estimator, task: Task) -> bool:
    """Return whether chances differ between units that a leaf compares as alike."""
    chances = of_children(task)
    if leaf.chances or chances is None or APART.issuperset(leaf.targets):
        return False
    own, draws = chances
    held = []
    if leaf.strata and task.cohort.strata is not None:
        held.append(np.asarray(task.cohort.strata))
    columns = (task.cohort.covariates.get(name) for name in task.analysis.given)
    held += [np.asarray(one.values) for one in columns if one is not None and one.categorical]
    return not any(_alike(own, codes, draws) for codes in held)


def _alike(chances: Array, codes: NDArray[np.generic], draws: int) -> bool:
    """Return whether chances (n, k) are the same within codes (n,), but for counting over draws."""
    own, keys = recode(codes)
    size = np.bincount(own).astype(np.float64)[:, None]
    mean = sum_by(own, chances, n_groups=len(keys)) / size
    spread = np.sqrt(mean * (1 - mean) / draws) if draws else np.zeros_like(mean)
    return bool((np.abs(chances - mean[own]) <= NOISE * spread[own] + ROUNDING).all())


def _said(task: Task) -> str:
    """Return in words how far chances of an arm lie apart, of the arm where they do most."""
    found = of_children(task)
    assert found is not None and task.drawn is not None
    low, high = found[0].min(axis=0), found[0].max(axis=0)
    at = int(np.argmax(high - low))
    arm = task.drawn.allocation.arms[at]
    return (
        f"by the ledger units' chances of the arm {arm} lay between {low[at]:.2f} and "
        f"{high[at]:.2f}"
    )


def of_children(task: Task) -> tuple[Array, int] | None:
    """Return the (n, k) chances of children's units, and over how many draws they were counted;
    None where no ledger says that they differ.
    """
    drawn, place = task.drawn, task.cohort.drawn
    if drawn is None or place is None or (place == UNDRAWN).any():
        return None
    if not task.fits.once(("unequal", drawn), lambda: drawn.unequal):
        return None
    own = task.fits.once(("chances", drawn), lambda: drawn.chances)
    return own[place], drawn.allocation.draws
