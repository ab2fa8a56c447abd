"""The two draws of a SMART: children once, weights of regimes, and the scores of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.leaves import Assumption
from fingerpost.core.stages import Stages
from fingerpost.estimators._outcome import survey_weight
from fingerpost.kernels.clusters import recode, sum_by

Array = NDArray[np.float64]
DRAWN_TWICE = Assumption(
    "drawn at each stage",
    "chance alone decided the first step of each child, and, among the children whom the second "
    "draw concerned, the next",
)
TOLD_ALIKE = Assumption(
    "told alike",
    "who was drawn again was told by the same rule in every arm, by somebody who did not know what "
    "would be drawn next",
)


@dataclass(frozen=True, eq=False, slots=True)
class Weighted:
    """What regimes are weighed by. child: (n,) the place of each row's child, of m. weight: (n,)
    one over the chance of the two draws, times the survey weight. scores: (m, s) of the shares
    drawn, whose influence counting them takes away; no column where they are as designed.
    """

    child: NDArray[np.int64]
    weight: Array
    scores: Array


def stages_of(task: Task, leaf: str) -> Stages:
    """Return the two draws. Raises Unanswerable where there is only one."""
    found = task.cohort.stages
    if found is None:
        raise Unanswerable(
            f"{leaf}: nothing was drawn a second time. Mend: arms: {{then: …}}, or by_stratum."
        )
    return found


def weighed(task: Task, stages: Stages, *, counted: bool, leaf: str) -> Weighted:
    """Return weights of the regimes. counted: by the shares that were drawn; else every option of a
    draw is taken to have had the same chance. Raises TooFew where an option was drawn by nobody.
    """
    codes, _ = recode(task.cohort.unit)
    child, lead = codes.astype(np.int64), np.flatnonzero(stages.leads)
    own = survey_weight(task)[lead]
    first = _indicators(stages.first[lead], len(stages.firsts))
    asked = stages.asked[lead]
    later = _indicators(np.where(asked, stages.second[lead], 0), len(stages.seconds))
    later = later * asked[:, None]
    chance = np.full(len(lead), 1 / len(stages.firsts))
    chance = chance * np.where(asked, 1 / len(stages.seconds), 1.0)
    columns: list[Array] = []
    if counted:
        stratum = strata_of(task)[lead]
        shares = shares_of(first, own, stratum)
        chance, columns = shares.chance, shares.scores
        for at in range(len(stages.firsts)):
            here = first[:, at] * asked
            if not (own * here).any():
                continue
            if ((own * here) @ later == 0).any():
                raise TooFew(
                    f"{leaf}: an option of the second draw was given to no child after "
                    f"{stages.firsts[at]}. Mend: leave the option out of arms.then."
                )
            shares = shares_of(later, own * here, stratum)
            chance = np.where(here > 0, chance * shares.chance, chance)
            columns = [*columns, *shares.scores]
    scores = np.stack(columns, axis=1) if columns else np.zeros((len(lead), 0))
    order = np.argsort(child[lead])
    weight = np.empty(len(lead))
    weight[child[lead]] = own / chance
    return Weighted(child, weight[child], scores[order])


@dataclass(frozen=True, eq=False, slots=True)
class Shares:
    """One draw as it was counted. chance: (m,) of what each child was given; scores: (m,) columns,
    of the shares.
    """

    chance: Array
    scores: list[Array]


def shares_of(drawn: Array, weight: Array, stratum: NDArray[np.int64]) -> Shares:
    """Return the shares of each option within strata, and in all where a stratum lacks an option.

    drawn: (m, k) indicators of what was drawn; weight: (m,), 0 of whom the draw did not concern.

    >>> own = np.array([[1.0, 0], [0, 1], [0, 1], [1, 0], [0, 1]])
    >>> shares_of(own, np.ones(5), np.array([0, 0, 0, 1, 1])).chance.round(2).tolist()
    [0.33, 0.67, 0.67, 0.5, 0.5]
    """
    strata = int(stratum.max(initial=0)) + 1
    held: Array = sum_by(stratum, weight[:, None] * drawn, n_groups=strata)
    whole = held.min(axis=1)[stratum] > 0
    concerned = weight > 0
    groups = [(concerned & whole & (stratum == at),) * 2 for at in np.unique(stratum[whole])]
    groups.append((concerned & ~whole, concerned))
    chance, scores = np.ones(len(weight)), list[Array]()
    for rows, of in groups:
        if rows.any():
            own = weight * of
            share = (own @ drawn) / own.sum()
            chance[rows] = drawn[rows] @ share
            scores += list((own[:, None] * (drawn - share)).T)
    return Shares(chance, scores)


def strata_of(task: Task) -> NDArray[np.int64]:
    """Return (n,) codes of what children were drawn within, zeros where nothing says."""
    if task.cohort.strata is None:
        return np.zeros(task.cohort.n, dtype=np.int64)
    return recode(np.asarray(task.cohort.strata))[0].astype(np.int64)


def _indicators(codes: NDArray[np.int64], levels: int) -> Array:
    found: Array = (codes[:, None] == np.arange(levels)).astype(np.float64)
    return found


def without_scores(influence: Array, scores: Array) -> Array:
    """Return (m, p) influence of children with what counting the shares takes away taken away."""
    if not scores.shape[1]:
        return influence
    found: Array = influence - scores @ np.linalg.lstsq(scores, influence, rcond=None)[0]
    return found


def once(task: Task, stages: Stages) -> Task:
    """Return the task with one row a child."""
    return replace(task, cohort=task.cohort.take(np.flatnonzero(stages.leads)))
