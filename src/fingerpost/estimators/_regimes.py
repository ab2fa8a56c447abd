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
from fingerpost.kernels.clusters import recode

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
        share = (own @ first) / own.sum()
        chance = first @ share
        columns += list((own[:, None] * (first - share)).T)
        for at in range(len(stages.firsts)):
            here = first[:, at] * asked
            among = own * here
            if not among.any():
                continue
            shares = (among @ later) / among.sum()
            if (shares == 0).any() or share[at] == 0:
                raise TooFew(
                    f"{leaf}: an option of the second draw was given to no child after "
                    f"{stages.firsts[at]}. Mend: leave the option out of arms.then."
                )
            chance = np.where(here > 0, chance * (later @ shares), chance)
            columns += list((among[:, None] * (later - shares)).T)
    scores = np.stack(columns, axis=1) if columns else np.zeros((len(lead), 0))
    order = np.argsort(child[lead])
    weight = np.empty(len(lead))
    weight[child[lead]] = own / chance
    return Weighted(child, weight[child], scores[order])


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
