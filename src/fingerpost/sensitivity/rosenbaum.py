"""Rosenbaum bounds: how much hidden bias in who was provided for a matched answer can bear.

**What it asks.** Matched children look alike on what is recorded. Suppose that they were not: that
something nobody recorded made one child of a set up to Γ times as likely (in odds) as another to be
the one provided for. At Γ = 1 there is no such thing, and the p-value is that of a randomised
trial in matched sets. For each larger Γ the table gives the largest p-value that such a bias could
leave. The Γ at which it passes the study's level is how much hidden bias the finding can bear: at
2.5, say, something that makes provision two and a half times as likely could explain it away, and
nothing weaker could.

**How it is computed.** On the sets of `matching` without replacement, whatever their number. For
pairs of numbers, Wilcoxon's signed ranks; for sets of several children, ranks of outcomes less
their set's mean; for yes-or-no outcomes McNemar's test, or Mantel and Haenszel's over sets. In each
set the hidden cause is put where it does most harm; sums over sets are normal, and exact for
yes-or-no outcomes of up to a thousand sets. P-values are twice the one in the direction of the
answer, so that they may be held against 1 − level; tables that print one-sided values show half of
these. For pairs of numbers the table also gives the least and the most that a constant effect could
be (Hodges-Lehmann estimates) at each Γ. A count with time at risk is a rate.

**What it assumes.** The null is that provision does nothing to any child. Sets are taken to be
independent, schools notwithstanding, and the matches to be close: differences in what is recorded
that matching left are not hidden bias. A bound says what a bias could do, not that there is one.

**Options.** `gamma`: the values of Γ to show (1, 1.1, 1.25, 1.5, 2, 2.5, 3, 4 and 6 if left out).

Reference: Rosenbaum (2002), Observational Studies, 2nd edition, Springer, chapter 4; Gastwirth,
Krieger & Rosenbaum (2000), Journal of the Royal Statistical Society B 62(3), 545-555.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.answer import Answer
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.fit import Fit, MatchedSets
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._options import Reads
from fingerpost.sensitivity._sign_score import (
    Sets,
    aligned_scores,
    crossing,
    hodges_lehmann,
    pair_scores,
    upper_p,
)
from fingerpost.sensitivity._task import SensitivityTask, check_options

OPTIONS = (("gamma", "the values of Γ to show, each 1 or more"),)
GRID = (1.0, 1.1, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
LEAF = "matching"  # the estimator on whose sets it rests
Tags = tuple[tuple[str, Cell], ...]
FEWEST = 10  # sets: with fewer no p-value can say much, and the normal says nothing
MEND = "estimators: [{matching: {replace: false}}], with target att or atu, beside the study's own"


@dataclass(frozen=True, eq=False, slots=True)
class Matched:
    """One answer that rests on matched sets."""

    leaf: str
    term: Term
    value: float
    sets: Sets
    binary: bool


def grid_of(given: Mapping[str, object]) -> tuple[float, ...]:
    """Return the option `gamma`, checked, from small to large."""
    asked = given.get("gamma", GRID)
    items = asked if isinstance(asked, list | tuple) else (asked,)
    found = {
        float(item)
        for item in items
        if isinstance(item, int | float) and not isinstance(item, bool) and 1 <= item < math.inf
    }
    if not items or len(found) < len(set(items)):
        raise UsageError(
            "sensitivity: rosenbaum: gamma must be numbers of 1 or more, such as [1, 1.5, 2]."
        )
    return tuple(sorted(found))


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options; matching with replacement, by which sets
    share children, is one.
    """
    reads, said = Reads(), dict(dict(study.options).get(LEAF, ()))
    reads.take(lambda: grid_of(options), GRID)
    if LEAF in study.estimators and said.get("replace", True) is not False:
        reads.problems.append(
            "sensitivity: rosenbaum needs matched sets that share no child, and matching takes "
            "children again unless told otherwise. Write estimators: "
            "[{matching: {replace: false}}], or leave rosenbaum out."
        )
    reads.finish()


def responses(outcome: Outcome) -> NDArray[np.float64]:
    """Return (n,) what is compared: the outcome, or a count for each unit of time at risk."""
    value = np.asarray(outcome.value, dtype=np.float64)
    return value if outcome.exposure is None else value / outcome.exposure


def usable(found: MatchedSets, n: int) -> bool:
    """Return whether each child is in one set and each set has one child alone in its arm."""
    count = int(found.set.max()) + 1
    first = np.bincount(found.set[found.first], minlength=count)
    second = np.bincount(found.set[~found.first], minlength=count)
    once = len(np.unique(found.row)) == len(found.row) and int(found.row.max()) < n
    return once and bool(np.all((np.minimum(first, second) == 1) | (first + second == 0)))


def in_order(found: MatchedSets, value: NDArray[np.float64]) -> Sets:
    """Return sets with the lone child first; in pairs that is the child of the first arm."""
    codes = np.unique(found.set, return_inverse=True)[1]
    first = np.bincount(codes, weights=found.first)
    sign = np.where(first == 1, 1.0, -1.0)
    lone = found.first == (sign[codes] > 0)
    order = np.lexsort((value[found.row], ~lone, codes))
    start = np.concatenate([[0], np.cumsum(np.bincount(codes))])
    return Sets(value[found.row][order], start, sign)


def matched(task: SensitivityTask) -> list[Matched]:
    """Return every answer on disjoint matched sets. Raises Unanswerable where there is none."""
    found, shared, cut = [], False, False
    for answer in task.answers:
        if answer.estimate is None or not isinstance(answer.fit, Fit):
            continue
        shared |= answer.leaf == LEAF and not answer.fit.matched
        for at, term in enumerate(answer.estimate.terms):
            sets = answer.fit.matched.get(term)
            if sets is None or not len(sets.set):
                continue
            target = answer.fit.weights[term].target if term in answer.fit.weights else None
            cut |= target is not None and len(target) != task.cohort.n
            if target is not None and len(target) != task.cohort.n:
                continue
            if not usable(sets, task.cohort.n):
                shared = True
                continue
            outcome = task.cohort.outcomes[term.outcome]
            ordered = in_order(sets, responses(outcome))
            value = float(answer.estimate.value[at])
            found.append(Matched(answer.leaf, term, value, ordered, outcome.kind == "binary"))
    if found:
        return found
    why, mend = "no estimator of the study rests on matched sets", f"add {MEND}"
    if shared:
        why = "matched sets share children, by replace: true or by survey weights"
        mend = "matching with replace: false, without survey weights"
    elif cut:
        why, mend = "the matched sets are of a trimmed target alone", "ask for att or atu untrimmed"
    elif LEAF in task.study.estimators:
        why = "matching, on whose sets it rests, has no answer here, for a reason of its own"
        mend = (
            "see what is said of matching, and mend that without replace: true; with a caliper, "
            "say {matching: {replace: false, caliper: 0.2}}, children who find no match leave"
        )
    raise Unanswerable(f"rosenbaum: {why}. Mend: {mend}.")


def two_sided(one: Matched) -> Callable[[float], float]:
    """Return the largest p-value by Γ: twice the one in the direction of the answer."""
    sets = one.sets
    if one.value < 0:
        sets = Sets(-sets.value, sets.start, sets.sign)
    ranked = pair_scores if sets.pairs else aligned_scores
    scores = sets.value if one.binary else ranked(sets)
    return lambda gamma: min(1.0, 2.0 * upper_p(sets, scores, gamma, binary=one.binary))


def name_of_test(one: Matched) -> str:
    """Return the name of the test."""
    if one.binary:
        return "McNemar" if one.sets.pairs else "Mantel-Haenszel over sets"
    return "Wilcoxon signed rank" if one.sets.pairs else "aligned ranks"


def lines(
    one: Matched, p_of: Callable[[float], float], *, grid: tuple[float, ...]
) -> list[tuple[Cell, ...]]:
    """Return one answer's lines: Γ, the largest p-value, the range of a constant effect."""
    shifts = one.sets.pairs and not one.binary
    words = (one.leaf, one.term.words(), one.term.label())
    found: list[tuple[Cell, ...]] = []
    for gamma in grid:
        low, high = hodges_lehmann(one.sets, gamma) if shifts else (None, None)
        found.append((*words, gamma, p_of(gamma), low, high))
    return found


def run(task: SensitivityTask) -> Answer:
    """Return the tables `rosenbaum` (p-values by Γ) and `rosenbaum_gamma` (the Γ borne)."""
    check_options("rosenbaum", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    grid = grid_of(task.spec_options)
    asked = matched(task)
    fewest = min(len(one.sets.sign) for one in asked)
    if fewest < FEWEST:
        raise TooFew(
            f"rosenbaum: {fewest} matched sets are fewer than {FEWEST}. Mend: leave rosenbaum out."
        )
    alpha = 1 - task.level
    rows: list[tuple[Cell, ...]] = []
    summary: list[tuple[Cell, ...]] = []
    for one in asked:
        p_of = two_sided(one)
        rows += lines(one, p_of, grid=grid)
        borne = crossing(p_of, alpha)
        words = (one.leaf, one.term.words(), one.term.label(), name_of_test(one))
        summary.append((*words, len(one.sets.sign), len(one.sets.value), borne))
    sets = [len(one.sets.sign) for one in asked]
    tags = (("outcome", asked[0].term.outcome),)
    bounds = bounds_table(tuple(rows), tuple(count for count in sets for _ in grid), tags=tags)
    borne_by = borne_table(tuple(summary), sets, alpha=alpha, tags=tags)
    return Answer("rosenbaum", tables=(borne_by, bounds))


def bounds_table(
    rows: tuple[tuple[Cell, ...], ...], counts: tuple[int, ...], *, tags: Tags
) -> Table:
    """Return the table of p-values by Γ."""
    return Table(
        name="rosenbaum",
        title="Largest p-value and range of the effect under hidden bias",
        columns=("estimator", "contrast", "target", "gamma", "p", "effect_low", "effect_high"),
        kinds=("label", "label", "label", "number", "number", "number", "number"),
        rows=rows,
        tells=Tells(role="hidden bias", keys=("gamma",), outcomes=("effect_low", "effect_high")),
        counts=counts,
        context=(
            "The largest two-sided p-value if, within matched sets, something nobody recorded made "
            "one child up to gamma times as likely (in odds) as another to be provided for; for "
            "pairs of numbers, the least and the most a constant effect could be."
        ),
        note="Schools notwithstanding, sets are taken to be independent.",
        tags=tags,
    )


def borne_table(
    rows: tuple[tuple[Cell, ...], ...], counts: list[int], *, alpha: float, tags: Tags
) -> Table:
    """Return the table of the Γ that each answer bears."""
    return Table(
        name="rosenbaum_gamma",
        title="How much hidden bias the finding can bear",
        columns=("estimator", "contrast", "target", "test", "sets", "children", "gamma"),
        kinds=("label", "label", "label", "label", "count", "count", "number"),
        rows=rows,
        tells=Tells(role="hidden bias borne"),
        counts=tuple(counts),
        context=(
            f"The smallest gamma at which the p-value may pass {alpha:.2g}: 1 where chance alone "
            "may make it, none where no gamma up to 10,000 does."
        ),
        note="A bound says what a bias could do, not that there is one.",
        tags=tags,
    )


ROSENBAUM = Sensitivity(
    title="Rosenbaum bounds",
    short="bound on hidden bias (rosenbaum)",
    summary="How much hidden bias within matched sets the finding can bear.",
    reference="Rosenbaum (2002), Observational Studies, 2nd edition, Springer, chapter 4; "
    "Gastwirth, Krieger & Rosenbaum (2000), JRSS B 62(3), 545-555",
    question="How much more likely could something nobody recorded make provision, before the "
    "finding may be chance?",
    run=run,
    options=OPTIONS,
    needs_estimators=(LEAF,),
    check=check,
)
