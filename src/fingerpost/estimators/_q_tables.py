"""What Q-learning shows beside regimes: both stages' coefficients, what its rule is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fingerpost.core.analysis import Task
from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.core.seeds import stream
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._outcome import outcome_of
from fingerpost.estimators._q_models import (
    Line,
    Parts,
    best_first,
    best_second,
    coded,
    first_line,
    interacted,
    second_line,
)
from fingerpost.estimators._regimes import shares_of

Array = NDArray[np.float64]
Rows = list[tuple[Cell, ...]]
DRAWS = 400
ALPHA = 0.1  # how fast m falls with the share of children whose next steps are alike
ALIKE = 0.001  # level at which one child's next steps are taken to be alike
FOLDS = 10
LEARNT = "the rule, on children left out"


def direction(task: Task) -> float:
    """Return −1 where lower is better, else 1."""
    return -1.0 if outcome_of(task).better == "lower" else 1.0


def stages_table(task: Task, parts: Parts, later: Line) -> Table:
    """Return the coefficients of both stages with intervals."""
    sign, level = direction(task), task.analysis.level
    sooner = first_line(parts, later, best_second(parts, later, sign))
    lo, hi = _out_of_n(task, parts, later, sooner)
    every, asked = len(parts.y), int(parts.asked.sum())
    errors = np.sqrt((later.influence**2).sum(axis=0))
    reach = float(stdtrit(asked - len(later.best), 0.5 + level / 2)) * errors
    rows: Rows = []
    for name, value, low, high in zip(parts.names[0], sooner.best, lo, hi, strict=True):
        rows.append(("first", name, every, value, low, high))
    for name, value, far in zip(parts.names[1], later.best, reach, strict=True):
        rows.append(("second", name, asked, value, value - far, value + far))
    return Table(
        "stages",
        "What each step depends on (Q-learning)",
        ("stage", "coefficient", "children", "estimate", "lo", "hi"),
        ("label", "label", "count", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("estimate", "lo", "hi")),
        counts=(*(every,) * len(sooner.best), *(asked,) * len(later.best)),
        tags=(("outcome", task.terms[0].outcome),),
        context="Options count −1 and +1, so that a step's coefficient is half the difference that "
        "it makes. The second stage is of the children who were drawn again, with robust errors; "
        "the first of all, the best next step following, with errors by the bootstrap of m out of "
        "n children.",
        note="Coefficients that were looked at after the fact suggest a rule; they do not prove "
        "one.",
    )


def _out_of_n(task: Task, parts: Parts, later: Line, sooner: Line) -> tuple[Array, Array]:
    """Return limits of the first stage's coefficients by the bootstrap of m out of n children."""
    sign, n = direction(task), len(parts.y)
    m = int(np.ceil(n ** ((1 + ALPHA * (1 - _alike(parts, later))) / (1 + ALPHA))))
    random = stream(task.analysis.stream, "m out of n of q_learning", seed=task.analysis.seed)
    found = []
    for _ in range(DRAWS):
        again = parts.take(random.integers(0, n, size=m))
        try:
            second = second_line(again)
            first = first_line(again, second, best_second(again, second, sign))
        except (NotFitted, TooFew):
            continue
        found.append(np.sqrt(m / n) * (first.best - sooner.best))
    if len(found) < DRAWS / 2:
        nothing = np.full(len(sooner.best), np.nan)
        return nothing, nothing
    tail = (1 - task.analysis.level) / 2
    low, high = np.quantile(np.stack(found), [tail, 1 - tail], axis=0)
    return sooner.best - high, sooner.best - low


def _alike(parts: Parts, later: Line) -> float:
    """Return the share of children drawn again of whom the second options may give the same."""
    first = coded(parts.first, parts.options[0])
    by = np.concatenate([first, parts.tailor_2], axis=1)[parts.asked]
    levels = parts.options[1] - 1
    width = levels * (1 + by.shape[1])
    covariance = later.influence[:, -width:].T @ later.influence[:, -width:]
    effect, error = [], []
    for at in range(levels):
        option = np.zeros((len(by), levels))
        option[:, at] = 1.0
        rows = interacted(option, by)
        effect.append(rows @ later.best[-width:])
        error.append(np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows)))
    apart = np.abs(np.stack(effect)) > float(ndtri(1 - ALIKE / 2)) * np.stack(error)
    return 1 - float(apart.any(axis=0).mean())


def rules_table(task: Task, parts: Parts) -> Table:
    """Return what the rule is worth among children left out, beside every regime."""
    sign, n = direction(task), len(parts.y)
    random = stream(task.analysis.stream, "folds of q_learning", seed=task.analysis.seed)
    fold = random.permutation(np.arange(n) % FOLDS)
    first, second = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for at in range(FOLDS):
        learnt, out = parts.take(np.flatnonzero(fold != at)), np.flatnonzero(fold == at)
        later = second_line(learnt)
        sooner = first_line(learnt, later, best_second(learnt, later, sign))
        first[out] = best_first(parts.take(out), sooner, sign)
        second[out] = best_second(parts.take(out), later, sign)
    rows: Rows = [(LEARNT, *_worth(task, parts, first, second))]
    arms, steps = task.cohort.arms, parts.options[1]
    for at, name in enumerate(arms):
        one, other = (np.full(n, code, dtype=np.int64) for code in divmod(at, steps))
        rows.append((name, *_worth(task, parts, one, other)))
    return Table(
        "rules",
        "What a rule for each child is worth, beside each regime for all (Q-learning)",
        ("rule", "children", "mean", "lo", "hi"),
        ("label", "count", "number", "number", "number"),
        tuple(rows),
        tells=Tells(outcomes=("mean", "lo", "hi")),
        counts=tuple(int(row[1]) if isinstance(row[1], int) else 0 for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Mean outcome of the children for whom what the rule says was drawn, weighted by "
        "one over the chance of that. The rule was made without the child: in ten parts. children: "
        "those whose draws agree with it.",
        note="Where the rule's interval holds the best regime's mean, it is not known that a rule "
        "for each child is better than one regime for all.",
    )


def _worth(
    task: Task, parts: Parts, first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[int, float, float, float]:
    """Return how many children agree with a rule, its mean and interval, by counted shares."""
    own = parts.first == first
    agree = own & (~parts.asked | (parts.second == second))
    options = [np.arange(levels) for levels in parts.options]
    first_drawn = (parts.first[:, None] == options[0]).astype(np.float64)
    chance = shares_of(first_drawn, np.ones(len(own)), parts.stratum).chance
    again = (parts.second[:, None] == options[1]).astype(np.float64)
    for at in options[0]:
        here = (parts.asked & (parts.first == at)).astype(np.float64)
        chance = chance * shares_of(again, here, parts.stratum).chance
    weight = agree / chance
    value = float(weight @ parts.y / weight.sum()) if agree.any() else float("nan")
    score = weight * (parts.y - value) / weight.sum() if agree.any() else weight
    reach = float(ndtri(0.5 + task.analysis.level / 2)) * float(np.sqrt(score @ score))
    return int(agree.sum()), value, value - reach, value + reach
