"""What leaves over one panel say against each other's answers, and trends before against them all.

Leaves lean on different things: on all periods before or the last alone, on changes or on levels.
Where all they lean on is so, they differ by chance alone, and by how much is known, since they are
worked out from the same units. Where they differ by more, something that one of them leans on is
not so, whatever distance was declared to count as agreement.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy.special import stdtrit

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import joint_covariance, select

UNLIKELY = 0.01  # of a difference between answers, over all pairs of one outcome
MOST_DF = 1e6
LEAST = 0.05  # of the smaller standard error: a difference surer than that is not told apart
APART = (
    "{first} and {second} differ by {gap:.3g}, {errors:.1f} standard errors of their difference: "
    "they rest on the same units, so that something one of them leans on is not so (trends that "
    "part, effects foreseen, or an order that was not drawn as said)"
)


def doubted(answers: list[Answer]) -> list[Answer]:
    """Return the answers of one outcome with a warning of every term for which two differ by more
    than chance gives.
    """
    pairs = [
        (first, second, term)
        for first, second in combinations(range(len(answers)), 2)
        for term in shared(answers[first], answers[second])
    ]
    told: dict[int, list[tuple[Term, str]]] = {}
    for first, second, term in pairs:
        found = apart(answers[first], answers[second], term)
        if found is None or found[1] < critical(answers, first, second, len(pairs)):
            continue
        names = {"first": answers[first].leaf, "second": answers[second].leaf}
        words = APART.format(**names, gap=found[0], errors=found[1])
        for at in (first, second):
            told.setdefault(at, []).append((term, words))
    return [
        replace(one, warnings=(*one.warnings, *told.get(at, []))) for at, one in enumerate(answers)
    ]


def critical(answers: list[Answer], first: int, second: int, pairs: int) -> float:
    """Return the standard errors beyond which two answers differ: of t, with the fewer of their
    degrees of freedom.
    """
    known = [answers[at].estimate for at in (first, second)]
    df = [np.min(one.df) for one in known if one is not None and one.df is not None]
    return float(stdtrit(min([*df, MOST_DF]), 1 - UNLIKELY / (2 * pairs)))


def shared(first: Answer, second: Answer) -> list[Term]:
    """Return the terms that both answer."""
    if first.estimate is None or second.estimate is None:
        return []
    return [term for term in first.estimate.terms if term in second.estimate.terms]


def apart(first: Answer, second: Answer, term: Term) -> tuple[float, float] | None:
    """Return how far two answers lie apart, and in how many standard errors of the difference; None
    where it is not known.
    """
    own = [_of(one.estimate, term) for one in (first, second) if one.estimate is not None]
    joint = joint_covariance(own)
    if len(own) < 2 or not np.isfinite(joint).all():
        return None
    gap = abs(float(own[0].value[0] - own[1].value[0]))
    variance = float(joint[0, 0] + joint[1, 1] - 2 * joint[0, 1])
    least = LEAST * float(np.sqrt(max(min(joint[0, 0], joint[1, 1]), 0.0)))
    error = max(float(np.sqrt(max(variance, 0.0))), least)
    return (gap, gap / error) if error > 0 else None


def _of(estimate: Estimate, term: Term) -> Estimate:
    return select(estimate, [estimate.terms.index(term)])
