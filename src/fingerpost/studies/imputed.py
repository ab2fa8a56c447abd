"""A study over imputed copies of its cohort: each analysed whole, then pooled, and what is told of
the imputation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from fingerpost.cohorts import imputing
from fingerpost.cohorts.imputing import Plan
from fingerpost.cohorts.table import Built, imputes
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.core.words import listing
from fingerpost.kernels import chained_layout
from fingerpost.studies.analysing import Analysed
from fingerpost.studies.replicates import Replicate, over

Array = NDArray[np.float64]
Say = Callable[[str], None]
PRECISION, CONVERGENCE, MODELS, SHARES = (
    "imputation_precision",
    "imputation_convergence",
    "imputation",
    "imputed",
)
DRIFT = 0.001  # chance that settled copies are said to drift
MOST_ERROR = 0.10  # Monte Carlo error, as a share of the standard error
PROBE = "delta_adjusted"
AT_RANDOM = (
    "among children alike in all that the imputation models hold, whether a value was recorded "
    "tells nothing of the value"
)
MODEL_WORDS = {
    chained_layout.LINEAR: "normal regression",
    chained_layout.MATCHING: "predictive mean matching",
    chained_layout.LOGIT: "logit",
    chained_layout.MULTINOMIAL: "multinomial logit",
}


def planned(study: Study, built: Built) -> Plan | None:
    """Return the plan of a study's copies; None where it asks for none or nothing is missing.

    Raises Malformed where a child may stand on several rows, whose values would be drawn apart.
    """
    if study.imputation is None:
        return None
    if study.records.repeated or built.cohort.course is not None:
        raise Malformed(
            "imputation: children stand on several rows here (trials in sequence, or strategies "
            "sustained over time), and their values would be drawn apart. Write missing: indicator "
            "or complete, and leave imputation out."
        )
    return imputing.planned(
        built.cohort,
        study.imputation,
        holes=built.holes,
        outcomes=[spec.name for spec in study.outcomes if imputes(study, spec)],
        cluster=study.cluster,
        modifiers=modifiers(study),
    )


def modifiers(study: Study) -> tuple[str, ...]:
    """Return the covariates by which the study lets effects differ, the most important first: those
    by which it asks of subgroups, those that its outcome model has products with the arm of and,
    where it has a model an arm, all that this holds, in the order written.
    """
    models = study.models
    terms = models.outcome
    held = study.given if terms is None else tuple(name for term in terms for name in term.names)
    named = (*study.estimand.subgroups, *models.interactions, *(held if models.by_arm else ()))
    return tuple(dict.fromkeys(named))


def over_copies(study: Study, plan: Plan, *, say: Say, drawn: Drawn | None = None) -> Analysed:
    """Return what a study gives over its imputed copies, pooled.

    Analyses that need the pooled answers alone, or every copy at once, are run once.
    """
    count = plan.asked.copies
    pooled = over(study, copies(study, plan, say=say), say=say, drawn=drawn)
    means = np.stack([path for path in pooled.means if path is not None])
    found = tables(plan, pooled.whole, means, count)
    return replace(pooled.whole, tables=found)


def copies(study: Study, plan: Plan, *, say: Say) -> Iterator[Replicate]:
    """Yield the imputed copies of a cohort, as they are drawn."""
    count = plan.asked.copies
    for number in range(1, count + 1):
        say(f"copy {number} of {count}: imputing and analysing")
        yield copy(study, plan, number)


def copy(study: Study, plan: Plan, number: int) -> Replicate:
    """Return one imputed copy of a cohort, by its number from 1."""
    generator = stream(study.name, f"imputation {number}", seed=study.seed)
    cohort, path = imputing.copy(plan, number=number, generator=generator)
    return Replicate(study, cohort, path)


def tables(plan: Plan, pooled: Analysed, means: Array, count: int) -> tuple[Table, ...]:
    """Return the tables that tell of imputation, those with rows. means: (copies, cycles, q)."""
    found = (
        shares_table(plan),
        models_table(plan, means),
        precision_table(pooled, count),
        convergence_table(plan, means),
    )
    return tuple(table for table in found if table.rows)


# ------------------------------------------------------------------------------ what is told
def told(tables: tuple[Table, ...], study: Study) -> tuple[Table, ...]:
    """Return the tables of the whole study, with what imputation assumes among the assumptions."""
    probed = PROBE in {spec.leaf for spec in study.sensitivity}
    said: dict[str, Cell] = {
        "estimator": "imputation",
        "title": "Multiple imputation by chained equations",
        "short": "imputation",
        "assumption": "missing at random",
        "words": AT_RANDOM,
        "tested_by": f"untestable; {PROBE} shows what if it fails" if probed else "untestable",
    }
    return tuple(
        replace(
            table,
            rows=(*table.rows, tuple(said.get(name) for name in table.columns)),
            counts=(*table.counts, None),
        )
        if table.name == "assumptions"
        else table
        for table in tables
    )


def shares_table(plan: Plan) -> Table:
    """Return of how many children of each arm each variable was imputed.

    All arms of a variable are shown or none: of a total that other tables hold, the arms shown
    would tell that of the one that is not.
    """
    cohort, rows, counts = plan.cohort, list[tuple[Cell, ...]](), list[int]()
    whole = np.bincount(cohort.arm, minlength=len(cohort.arms))
    for one in plan.equations.variables:
        missing = np.bincount(cohort.arm[one.missing], minlength=len(cohort.arms))
        few = int(np.minimum(missing, whole - missing).min())
        for arm, gone, n in zip(cohort.arms, missing, whole, strict=True):
            labels = (_name(plan, one.name), _role(plan, one.name), arm)
            rows.append((*labels, int(n), int(gone), float(gone / n)))
            counts.append(few)
    return Table(
        SHARES,
        "How much was imputed, by arm",
        ("variable", "role", "arm", "children", "imputed", "share"),
        # `imputed` is a number, not a count, so that it goes where its row may not be told.
        ("label", "label", "label", "count", "number", "share"),
        tuple(rows),
        counts=tuple(counts),
        context="children: of the arm. imputed: those of them without the value, which was drawn "
        "in every copy. share: imputed of children.",
        note="The more is imputed, and the more unlike the arms are in it, the more of the answer "
        f"rests on the imputation models; {PROBE} asks how unlike the rest the unseen would have "
        "to be to change it.",
    )


def models_table(plan: Plan, means: Array) -> Table:
    """Return how each variable was imputed, what was drawn beside what was recorded, and whether
    the copies had come to differ by chance alone.
    """
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for at, one in enumerate(plan.equations.variables):
        missing = int(one.missing.sum())
        name = _name(plan, one.name)
        matched = one.model == chained_layout.MATCHING
        rows.append(
            (
                name,
                _role(plan, one.name),
                missing,
                missing / len(one.missing),
                f"{MODEL_WORDS[one.model]}, {_within(plan)}{_clustered(plan, one.model)}",
                plan.asked.donors if matched else None,
                _recorded_mean(plan, at),
                float(means[:, -1, at].mean()),
                reduction(means[:, :, at]),
                settled(means[:, :, at]),
            )
        )
        counts.append(missing)
    return Table(
        MODELS,
        "How missing values were imputed",
        *(
            (
                *("variable", "role", "missing", "share", "model", "donors"),
                *("recorded", "imputed", "r_hat", "settled"),
            ),
            (*("label", "label", "count", "share", "label"), *("number",) * 4, "flag"),
            tuple(rows),
        ),
        counts=tuple(counts),
        context=f"{plan.asked.copies} copies of {plan.cohort.n:,} children, each after "
        f"{plan.asked.cycles} cycles. Every model holds all other covariates, all outcomes and the "
        f"arm; a model with a level for each cluster says so. {_products(plan)}recorded, imputed: "
        "means as the models see them, of a count the logarithm of one more than its rate, of a "
        "category the share of one level. r_hat: near 1 where the "
        "cycles of a copy range as widely as the copies do. settled: whether the copies no longer "
        "moved, all together, in the second half of the cycles.",
    )


def _name(plan: Plan, name: str) -> str:
    return next((own for own in plan.outcomes if imputing.outcome_key(own) == name), name)


def _role(plan: Plan, name: str) -> str:
    if name in plan.cohort.covariates and name in plan.holes:
        return "covariate"
    return "auxiliary" if name in plan.holes else "outcome"


def _within(plan: Plan) -> str:
    return "each arm on its own" if plan.equations.by_arm else "arms together"


def _products(plan: Plan) -> str:
    """Return which effects may differ by what where arms share models; empty where they do not."""
    if plan.equations.by_arm:
        return ""
    held = " and ".join(part for part in ("the outcomes", listing(plan.crossed)) if part)
    left = ""
    if plan.uncrossed:
        left = (
            f"; the smallest arm is too small for products with {listing(plan.uncrossed)}, so that "
            "effects that differ by these are drawn in towards one"
        )
    return f"Where arms are together, models hold products of the arm with {held}{left}. "


def _clustered(plan: Plan, model: str) -> str:
    """Return that a model holds the clusters; one of three or more categories never does."""
    if not plan.clustered or model == chained_layout.MULTINOMIAL:
        return ""
    return f", a level for each {plan.clustered}"


def _recorded_mean(plan: Plan, at: int) -> float:
    one = plan.equations.variables[at]
    values = one.values[~one.missing]
    if one.levels:
        level = 1 if one.levels == 2 else plan.equations.common[at]
        return float((values == level).mean())
    return float(values.mean())


def reduction(means: Array) -> float | None:
    """Return how much narrower the spread of the copies' means might yet become: the R̂ of Gelman
    & Rubin (1992) over the second half of the cycles; means (copies, cycles). None where there are
    too few cycles or nothing varies.
    """
    half = means[:, means.shape[1] // 2 :]
    length = half.shape[1]
    if length < 2 or len(half) < 2:
        return None
    within = float(half.var(axis=1, ddof=1).mean())
    between = length * float(half.mean(axis=1).var(ddof=1))
    if within <= 0:
        return None
    return float(np.sqrt(((length - 1) / length * within + between / length) / within))


def settled(means: Array) -> bool:
    """Return whether the copies' means no longer drift over the second half of the cycles: a paired
    t-test over the copies, which are independent however slowly each of them wanders. means
    (copies, cycles).
    """
    if means.shape[1] < 2 or len(means) < 2:
        return True
    moved = means[:, -1] - means[:, means.shape[1] // 2 - 1]
    error = float(moved.std(ddof=1)) / np.sqrt(len(moved))
    return bool(abs(float(moved.mean())) <= stdtrit(len(moved) - 1, 1 - DRIFT / 2) * error)


def convergence_table(plan: Plan, means: Array) -> Table:
    """Return the mean of the drawn values by cycle, over copies, with the lowest and highest."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for at, one in enumerate(plan.equations.variables):
        for cycle in range(means.shape[1]):
            own = means[:, cycle, at]
            cells = (float(own.mean()), float(own.min()), float(own.max()))
            rows.append((_name(plan, one.name), _role(plan, one.name), cycle + 1, *cells))
            counts.append(int(one.missing.sum()))
    return Table(
        CONVERGENCE,
        "Means of imputed values by cycle",
        ("variable", "role", "cycle", "mean", "lowest", "highest"),
        (*("label",) * 2, *("number",) * 4),
        tuple(rows),
        tells=Tells(keys=("cycle",)),
        counts=tuple(counts),
        context="Mean of the values drawn in each cycle: of all copies, and of the copies with the "
        "lowest and the highest. Levels that still move together with the cycles ask for more "
        "cycles.",
    )


def precision_table(found: Analysed, copies: int) -> Table:
    """Return, for each pooled estimate, what the missing values cost, and whether the copies are
    enough: Monte Carlo error at most a tenth of the standard error, and at least 100 copies for
    each unit of the fraction of missing information (White, Royston & Wood 2011).
    """
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for answer in found.answers:
        estimate = answer.estimate
        if estimate is None or not isinstance(estimate.spread, Matrix) or estimate.extra is None:
            continue
        shares = fractions(estimate, copies)
        for at, term in enumerate(estimate.terms):
            fraction, error, share = (float(own[at]) for own in shares)
            enough = share <= MOST_ERROR and 100 * fraction <= copies
            labels = (answer.leaf, term.outcome, term.words(), term.label())
            rows.append((*labels, fraction, error, share, enough))
            counts.append(None if estimate.n is None else int(estimate.n[at]))
    return Table(
        PRECISION,
        "What the missing values cost",
        (
            *("estimator", "outcome", "contrast", "target"),
            *("missing_information", "monte_carlo_error", "error_share", "enough_copies"),
        ),
        (*("label",) * 4, *("number",) * 3, "flag"),
        tuple(rows),
        counts=tuple(counts),
        context=f"Over {copies} copies. missing_information: the share of what complete records "
        "would tell of the term that is lost. monte_carlo_error: by how much the estimate would "
        "move if the copies were drawn again; error_share: as a share of its standard error.",
    )


def fractions(estimate: Estimate, copies: int) -> tuple[Array, Array, Array]:
    """Return (q,) fraction of missing information, Monte Carlo error, and that error as a share of
    the standard error, of an estimate pooled over copies (Barnard & Rubin 1999).
    """
    assert isinstance(estimate.spread, Matrix)
    assert estimate.extra is not None
    within, between = np.diag(estimate.spread.covariance), np.diag(estimate.extra)
    df = np.full(len(within), np.inf) if estimate.df is None else estimate.df
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = between / within
        fraction = np.where(ratio > 0, (ratio + 2 / (df + 3)) / (1 + ratio), 0.0)
        error = np.sqrt(between / (copies + 1))
        share = np.where(between > 0, error / np.sqrt(within + between), 0.0)
    return fraction, error, share
