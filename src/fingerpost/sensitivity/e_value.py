"""E-values: how strong an unmeasured cause would have to be to explain an answer away.

**What it asks.** Suppose that provision did nothing, and that the difference we see was made by
something nobody recorded, such as the severity of a child's need. How strongly would that something
have to go with provision, and with the outcome, both as risk ratios and beyond everything already
adjusted for? The E-value is the smallest strength that would do: an E-value of 3 says that a cause
three times as common among children with provision, and three times as strong on the outcome,
could explain the answer, and that a weaker one could not. The E-value of the limit says the same of
the end of the interval that lies nearest to no effect; it is 1 where the interval includes none.

**How it is computed.** For a ratio RR ≥ 1 the E-value is RR + √(RR (RR − 1)); a ratio below 1 is
turned over first. Risk ratios are used as they are; so are rate ratios and ratios of means of an
outcome that cannot be negative. A difference of means becomes RR = exp(0.91 d), d being the
difference divided by the outcome's standard deviation among the children studied; the limits of
the interval are put through the same formula (0.91 × 1.96 = 1.78 standard errors of d where the
interval is normal). A difference of risks or rates becomes the ratio of the standardised means of
the two arms, where the estimator gives them; its limits hold the second arm's mean fixed.

**What it assumes.** Nothing of the form of the unmeasured cause. The conversion from a difference
of means assumes a roughly normal outcome with one spread in both arms, and is an approximation. An
E-value says how strong a cause would have to be, not whether there is one.

**Options.** `true`: the ratio to which the answer is to be explained down (1, no effect).

Reference: VanderWeele & Ding (2017), Annals of Internal Medicine 167(4), 268-274; the bound is Ding
& VanderWeele (2016), Epidemiology 27(3), 368-377.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import intervals
from fingerpost.core.leaves import Sensitivity
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._task import SensitivityTask, check_options, smallest_arm

PER_SD = 0.91  # log risk ratio of one standard deviation (VanderWeele & Ding 2017)
OPTIONS = (("true", "the ratio to which the answer is to be explained down (1 if left out)"),)


def e_value(rr: float, true: float = 1.0) -> float:
    """Return the E-value of a ratio: the weakest unmeasured cause that could move it to `true`.

    rr, true: ratios above 0. VanderWeele & Ding (2017). Raises UsageError for a ratio ≤ 0.

    >>> round(e_value(10.73), 4)
    20.9478
    >>> round(e_value(0.80), 4)
    1.809
    >>> round(e_value(2.5, true=1.5), 4)
    2.7208
    """
    if not (rr > 0 and true > 0):
        raise UsageError("an E-value needs a ratio above 0; give a ratio, not a difference.")
    away = max(rr / true, true / rr)
    return away + math.sqrt(away * (away - 1.0))


def e_value_limit(lo: float, hi: float, *, true: float = 1.0) -> float:
    """Return the E-value of the limit nearest to `true`; 1 where the interval includes `true`.

    lo, hi: limits of a risk ratio's interval, lo ≤ hi.

    >>> round(e_value_limit(8.02, 14.36), 4)
    15.5234
    >>> e_value_limit(0.8, 1.3)
    1.0
    """
    if lo <= true <= hi:
        return 1.0
    return e_value(lo if lo > true else hi, true)


def bias_factor(ratio_exposure: float, ratio_outcome: float) -> float:
    """Return the most by which an unmeasured cause can multiply a risk ratio.

    ratio_exposure: how many times as common the cause is in one arm as in the other; ratio_outcome:
    how many times as great the risk is with it as without; both ≥ 1. Ding & VanderWeele (2016).
    An observed RR divided by it is the least the true RR can be.

    >>> bias_factor(1.0, 5.0)
    1.0
    >>> bias_factor(2.0, 2.0)
    1.3333333333333333
    """
    if ratio_exposure < 1 or ratio_outcome < 1:
        raise UsageError("the strengths of an unmeasured cause are ratios of 1 or more.")
    return ratio_exposure * ratio_outcome / (ratio_exposure + ratio_outcome - 1.0)


def from_odds_ratio(odds_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio that stands for an odds ratio.

    rare: whether fewer than about 15% have the outcome at the end; else the square root is taken
    (VanderWeele & Ding 2017).

    >>> from_odds_ratio(4.0, rare=False)
    2.0
    """
    return odds_ratio if rare else math.sqrt(odds_ratio)


def from_hazard_ratio(hazard_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio that stands for a hazard ratio.

    rare: as for odds ratios; else (1 − 0.5^√HR) / (1 − 0.5^√(1/HR)) (VanderWeele &
    Ding 2017).

    >>> from_hazard_ratio(1.0, rare=False)
    1.0
    """
    if rare:
        return hazard_ratio
    root = math.sqrt(hazard_ratio)
    return float((1 - 0.5**root) / (1 - 0.5 ** (1 / root)))


def from_standardised_difference(d: float) -> float:
    """Return the risk ratio that stands for a difference of d standard deviations: exp(0.91 d).

    VanderWeele & Ding (2017).

    >>> from_standardised_difference(0.0)
    1.0
    """
    return math.exp(PER_SD * d)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One answer as a risk ratio with its limits, and where the ratio comes from in words."""

    value: float | None
    lo: float | None
    hi: float | None
    source: str


def given_ratio(term: Term, value: float, limits: tuple[float, float] | None) -> Ratio:
    """Return the ratio of a term on the ratio scale, whose value and limits are logarithms."""
    names = {"risk": "risk ratio", "rate": "rate ratio, read as a risk ratio"}
    source = names.get(term.summary, f"ratio of {term.summary}s")
    lo, hi = (None, None) if limits is None else (math.exp(limits[0]), math.exp(limits[1]))
    return Ratio(math.exp(value), lo, hi, source)


def standardised_ratio(value: float, limits: tuple[float, float] | None, *, sd: float) -> Ratio:
    """Return the ratio that stands for a difference of means, given the outcome's SD."""
    source = "exp(0.91 d), d = difference / SD of the outcome; limits likewise"
    if not sd > 0:
        return Ratio(None, None, None, "not computable: the outcome does not vary")
    lo, hi = (
        (None, None)
        if limits is None
        else (
            from_standardised_difference(limits[0] / sd),
            from_standardised_difference(limits[1] / sd),
        )
    )
    return Ratio(from_standardised_difference(value / sd), lo, hi, source)


def means_ratio(
    means: tuple[float, float] | None, limits: tuple[float, float] | None, *, summary: str
) -> Ratio:
    """Return the ratio of two arms' standardised means (first, second), limits of the difference.

    The second arm's mean is held fixed for the limits; a limit below −mean is a ratio of 0.
    """
    if means is None:
        return Ratio(None, None, None, "not computable: the estimator gives no means by arm")
    first, second = means
    if not (first > 0 and second > 0):
        return Ratio(None, None, None, f"not computable: a standardised {summary} is not above 0")
    source = f"ratio of the standardised {summary}s; limits hold the second arm's {summary} fixed"
    lo, hi = (
        (None, None)
        if limits is None
        else (max(0.0, 1 + limits[0] / second), max(0.0, 1 + limits[1] / second))
    )
    return Ratio(first / second, lo, hi, source)


def standard_deviation(outcome: Outcome, weight: np.ndarray | None) -> float:
    """Return the outcome's standard deviation among all children studied, in its unit."""
    mean = np.average(outcome.value, weights=weight)
    return float(np.sqrt(np.average((outcome.value - mean) ** 2, weights=weight)))


def mean_target(term: Term) -> Target:
    """Return the target whose standardised means a term contrasts, as tables of means label it.

    The effect on those who received the first arm (att) or the second (atu) is of the means of the
    children who received that arm.

    >>> att = Term("score", (("support", 1.0), ("none", -1.0)), Target("att"))
    >>> mean_target(att).label()
    'received support'
    """
    place = {"att": 0, "atu": -1}.get(term.target.kind)
    if place is None:
        return term.target
    return Target("received", arm=term.contrast[place][0], trim=term.target.trim)


def arm_means(answer: Answer, term: Term) -> tuple[float, float] | None:
    """Return the standardised means of the contrast's two arms, or None where none are given.

    They are those of this estimator, the term's outcome and its target.
    """
    (first, _), (second, _) = sorted(term.contrast, key=lambda part: -part[1])
    key = (answer.leaf, mean_target(term).label())
    found = {
        line["arm"]: line["mean"]
        for table in answer.tables
        if table.name == "means" and dict(table.tags).get("outcome") == term.outcome
        for line in table.records()
        if (line["estimator"], line["target"]) == key
    }
    a, b = found.get(first), found.get(second)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return float(a), float(b)
    return None


def ratio_of(task: SensitivityTask, answer: Answer, at: int) -> Ratio:
    """Return the answer's term number `at` as a risk ratio, or why that cannot be."""
    estimate = answer.estimate
    assert estimate is not None
    term, value = estimate.terms[at], float(estimate.value[at])
    found = intervals(estimate, task.level)
    limits = None if found is None else (float(found[at, 0]), float(found[at, 1]))
    if term.scale == "ratio":
        return given_ratio(term, value, limits)
    weights = dict(term.contrast)
    if term.scale != "difference" or sorted(weights.values()) != [-1.0, 1.0]:
        return Ratio(None, None, None, "not computable: not a difference between two arms")
    outcome = task.cohort.outcomes[term.outcome]
    if outcome.kind in ("continuous", "ordinal") and term.summary == "mean":
        sd = standard_deviation(outcome, task.cohort.weight)
        return standardised_ratio(value, limits, sd=sd)
    if outcome.kind in ("binary", "count"):
        return means_ratio(arm_means(answer, term), limits, summary=term.summary)
    return Ratio(None, None, None, f"not computable for a {term.summary} of this kind of outcome")


def row(leaf: str, term: Term, ratio: Ratio, *, true: float) -> tuple[Cell, ...]:
    """Return one line of the table."""
    point = None if ratio.value is None else e_value(ratio.value, true)
    limit = (
        None
        if ratio.lo is None or ratio.hi is None
        else e_value_limit(ratio.lo, ratio.hi, true=true)
    )
    words = (leaf, term.outcome, term.words(), term.label())
    return (*words, ratio.value, ratio.source, point, limit)


def causal_terms(task: SensitivityTask) -> list[tuple[Answer, int]]:
    """Return (answer, index of the term) of every effect that leans on likeness."""
    return [
        (answer, at)
        for answer in task.answers
        if answer.estimate is not None
        for at, term in enumerate(answer.estimate.terms)
        if term.target.by_likeness
        and term.outcome in task.cohort.outcomes
        and math.isfinite(float(answer.estimate.value[at]))
    ]


def children_behind(cohort: Cohort, estimate: Estimate, at: int) -> int:
    """Return the number of children in the smaller arm of a term's contrast."""
    term = estimate.terms[at]
    if estimate.arm_n is None:
        return smallest_arm(cohort, term.contrast)
    arms = estimate.arms or cohort.arms
    return int(min(estimate.arm_n[at][arms.index(arm)] for arm, _ in term.contrast))


def true_ratio(given: Mapping[str, object]) -> float:
    """Return the option `true`, checked."""
    value = given.get("true", 1.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise UsageError(
            "sensitivity: e_value: `true` must be a ratio above 0; leave it out for 1."
        )
    return float(value)


def check(study: Study, options: Mapping[str, object]) -> None:
    """Raise UsageError with every fault of the options."""
    true_ratio(options)


def run(task: SensitivityTask) -> Answer:
    """Return the E-values of every causal estimate, as the table `e_values`."""
    check_options("e_value", given=task.spec_options, allowed=(name for name, _ in OPTIONS))
    true = true_ratio(task.spec_options)
    asked = causal_terms(task)
    if not asked:
        raise Unanswerable(
            "e_value: no answer of this study is an effect that leans on children being alike "
            "given the covariates. Mend: leave it out, or add an estimator that does, such as aipw."
        )
    rows, counts = [], []
    for answer, at in asked:
        assert answer.estimate is not None
        rows.append(
            row(answer.leaf, answer.estimate.terms[at], ratio_of(task, answer, at), true=true)
        )
        counts.append(children_behind(task.cohort, answer.estimate, at))
    table = Table(
        name="e_values",
        title="How strong an unmeasured cause would have to be",
        columns=(
            "estimator",
            "outcome",
            "contrast",
            "target",
            "ratio",
            "ratio_source",
            "e_value",
            "e_value_limit",
        ),
        kinds=("label", "label", "label", "label", "number", "label", "number", "number"),
        rows=tuple(rows),
        tells=Tells(role="risk ratios"),
        counts=tuple(counts),
        context=(
            "The smallest risk ratio that an unmeasured cause would need both with provision and "
            "with the outcome, beyond what was adjusted for, to explain each answer (e_value) or "
            f"the nearer limit of its interval (e_value_limit) down to a ratio of {true:g}."
        ),
        note="An E-value says how strong a cause would have to be, not whether there is one.",
    )
    return Answer(leaf="e_value", tables=(table,))


E_VALUE = Sensitivity(
    title="E-value",
    short="E-value",
    summary="The weakest unmeasured cause that could explain an answer away.",
    reference="VanderWeele & Ding (2017), Annals of Internal Medicine 167(4), 268-274",
    question="How strong would something nobody recorded have to be to make this answer?",
    run=run,
    over_copies="pooled",
    options=OPTIONS,
    check=check,
)
