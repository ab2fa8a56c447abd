"""A study over replicates of its cohort: imputed copies, or records as several spines link them.

Each is analysed whole, and the answers are pooled by Rubin's rules: one path for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.study import Study
from fingerpost.studies.analysing import (
    WHOLE,
    Analysed,
    Key,
    analysed,
    sensitive,
    tasks,
    unseen_by_arm,
    whole_of,
)
from fingerpost.studies.pooled_tests import Joints, joints, retested
from fingerpost.studies.pooling import pooled_answers, pooled_part, slim

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False, slots=True)
class Replicate:
    """One cohort of a study. study: as it is run on it (a replicate in which nobody lacks a value
    has no flag for it). means: (cycles, q) of the values imputed in it, None where none were.
    """

    study: Study
    cohort: Cohort
    means: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Pooled:
    """What the replicates gave. each: of every replicate, as far as more can be pooled of it."""

    whole: Analysed
    each: tuple[Analysed, ...]
    means: tuple[NDArray[np.float64] | None, ...]


def over(
    study: Study, replicates: Iterable[Replicate], *, say: Say, drawn: Drawn | None = None
) -> Pooled:
    """Return what a study gives over two or more replicates, pooled.

    study: as of the first of them. Analyses that need the pooled answers alone, or every replicate
    at once, are run once.
    """
    cohorts: list[Cohort] = []
    found: list[Analysed] = []
    means: list[NDArray[np.float64] | None] = []
    together: list[tuple[Joints, ...]] = []
    for each in replicates:
        one = analysed(each.study, each.cohort, say=_quiet, wanted=_in_each, drawn=drawn)
        cohorts.append(each.cohort)
        together.append(tuple(joints(part.answers) for part in one.parts))
        found.append(_slimmed(one))
        means.append(each.means)
    say(f"pooling {len(found)} copies")
    parts = tuple(
        retested(
            study,
            pooled_part([one.parts[at] for one in found], study.level),
            [each[at] for each in together],
        )
        for at in range(len(study.outcomes))
    )
    pooled = _sensitivity(study, replace(found[0], parts=parts), cohorts=cohorts, found=found)
    return Pooled(pooled, tuple(found), tuple(means))


def _quiet(words: str) -> None:
    """Tell nothing: one line a copy is enough."""


def _in_each(leaf: Sensitivity) -> bool:
    return leaf.over_copies == "each"


def _once(leaf: Sensitivity) -> bool:
    return leaf.over_copies != "each"


def _slimmed(one: Analysed) -> Analysed:
    parts = tuple(
        replace(part, answers=tuple(slim(answer) for answer in part.answers)) for part in one.parts
    )
    kept = {key: slim(answer) for key, answer in one.sensitivity.items()}
    return replace(one, parts=parts, sensitivity=kept)


def _sensitivity(
    study: Study, pooled: Analysed, *, cohorts: Sequence[Cohort], found: Sequence[Analysed]
) -> Analysed:
    """Return the pooled answers with those of the sensitivity analyses, in the study's order."""
    answers: dict[Key, Answer] = {}
    for key in found[0].sensitivity:
        own = pooled_answers([(one.sensitivity[key],) for one in found], study.level)
        answers[key] = own[0]
    answers |= _run_once(study, pooled, tuple(cohorts))
    order = sorted(answers, key=lambda key: _place(study, key))
    return replace(pooled, sensitivity={key: answers[key] for key in order})


def _place(study: Study, key: Key) -> tuple[int, int]:
    names = [*(spec.name for spec in study.outcomes), WHOLE]
    return names.index(key[0]), key[1]


def _run_once(study: Study, pooled: Analysed, copies: tuple[Cohort, ...]) -> dict[Key, Answer]:
    """Return the analyses that are run once, on the pooled answers."""
    cohort, found = copies[0], dict[Key, Answer]()
    asked, _ = tasks(study, cohort)
    unseen = unseen_by_arm(cohort)
    for task, part in zip(asked, pooled.parts, strict=True):
        found |= sensitive(
            *(study, task, part.answers),
            unseen=unseen,
            say=_quiet,
            wanted=_once,
            copies=copies,
        )
    whole = whole_of(study, cohort, asked)
    return found | sensitive(
        *(study, whole, pooled.answers),
        unseen=unseen,
        say=_quiet,
        wanted=_once,
        about=WHOLE,
        copies=copies,
    )
