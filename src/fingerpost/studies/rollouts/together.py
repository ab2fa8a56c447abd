"""Answers for several outcomes of one roll-out, corrected for how many were looked at."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.multiplicity import holm

NAME = "several_outcomes"
MOST_DF = 1e6


def several_outcomes(study: Study, answers: list[Answer]) -> Table | None:
    """Return each estimator's first target of every outcome with its p-value and Holm's, over the
    outcomes; None where fewer than two were answered.
    """
    lines = [
        (one.leaf, term, *found)
        for one in answers
        if one.estimate is not None and (not study.primary or one.leaf in study.primary)
        for term in one.estimate.terms[:1]
        if (found := p_of(one.estimate, study.level)) is not None
    ]
    rows: list[tuple[Cell, ...]] = []
    for leaf in dict.fromkeys(line[0] for line in lines):
        own = [line for line in lines if line[0] == leaf]
        if len(own) > 1:
            for (_, term, value, p), corrected in zip(
                own, holm(np.array([line[3] for line in own])), strict=True
            ):
                rows.append((leaf, *_of(term), value, p, float(corrected)))
    if not rows:
        return None
    return Table(
        NAME,
        "Several outcomes were looked at",
        ("estimator", "outcome", "contrast", "target", "estimate", "p", "p_holm"),
        ("label", "label", "label", "label", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("estimate",)),
        context="Of the first target of each outcome. Of as many outcomes some differ by chance: "
        "Holm's p keeps the chance of even one false finding below its level.",
    )


def _of(term: Term) -> tuple[str, str, str]:
    return term.outcome, term.words(), term.label()


def p_of(estimate: Estimate, level: float) -> tuple[float, float] | None:
    """Return the first value and its p-value, in keeping with its own interval; None without one.

    Where an interval is wider than t gives (few units of a wave, a resampling), the value is taken
    to be as many times less sure.
    """
    limits, errors = intervals(estimate, level), standard_errors(estimate)
    if limits is None or errors is None or errors[0] <= 0:
        return None
    value = float(estimate.value[0])
    df = MOST_DF if estimate.df is None else min(float(estimate.df[0]), MOST_DF)
    reach = float(limits[0, 1] - limits[0, 0]) / 2
    if reach <= 0:  # nothing varies: there is no chance to judge by
        return None
    error = reach / float(stdtrit(df, 0.5 + level / 2))
    return value, float(2 * stdtr(df, -abs(value) / error))
