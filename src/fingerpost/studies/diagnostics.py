"""Diagnostics of a study as tables: who is compared, how alike, how heavily weighted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.analysis import Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term
from fingerpost.core.leaves import Assumption, Estimator
from fingerpost.core.outcome import Outcome
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.estimators._outcome import outcome_of, person_time, survey_weight
from fingerpost.estimators._score import score, tilt
from fingerpost.kernels.clusters import two_valued
from fingerpost.kernels.weighted import (
    Ranked,
    effective_size,
    farthest,
    ranked,
    weighted_mean,
)
from fingerpost.studies.guard import term_tags
from fingerpost.studies.weights import (
    Indicators,
    Weighting,
    differences,
    indicators,
    largest_cluster_share,
    pair_differences,
)

Array = NDArray[np.float64]
BINS = 20
TRUNCATION = (0.0, 0.5, 1.0, 2.5, 5.0)
FIRST_FIT = "weights of the first fit"
STANDS_FOR = tuple((n, "children that one child stands for") for n in ("largest", "mean", "sd"))


def _tagged(
    name: str,
    title: str,
    columns: tuple[tuple[str, str], ...],
    rows: list[tuple[Cell, ...]],
    *,
    counts: tuple[int | None, ...],
    tags: tuple[tuple[str, Cell], ...] = (),
    context: str = "",
    tells: Tells | None = None,
) -> Table:
    """Return a table from (column, kind) pairs."""
    return Table(
        name,
        title,
        tuple(column for column, _ in columns),
        tuple(kind for _, kind in columns),
        tuple(rows),
        counts=counts,
        tags=tags,
        context=context,
        tells=tells or Tells(),
    )


def balance(task: Task, weighted: Weighting, covariates: Indicators) -> Table:
    """Return standardised differences, variance ratios and Kolmogorov–Smirnov distances, before and
    after weighting; the largest over arms (to the target) or over pairs of arms.
    """
    before, after = weighted.before, weighted.own
    to_before = differences(covariates, before, weighted.target)
    to_after = differences(covariates, after, weighted.target)
    pair_before = pair_differences(covariates, before)
    pair_after = pair_differences(covariates, after)
    rows: list[tuple[Cell, ...]] = []
    for at, (name, column) in enumerate(zip(covariates.names, covariates.columns, strict=True)):
        # Columns are sorted once for all the weightings of the same children.
        held = task.fits.once(("ranked", name), partial(ranked, column))
        spread_before, spread_after = _shapes(held, before), _shapes(held, after)
        rows.append(
            (
                name,
                float(to_before[at]),
                float(to_after[at]),
                float(pair_before[at]),
                float(pair_after[at]),
                spread_before[0],
                spread_after[0],
                spread_before[1],
                spread_after[1],
            )
        )
    kinds = ("smd", "pair", "vr", "ks")
    numbers = tuple((f"{kind}_{when}", "number") for kind in kinds for when in ("before", "after"))
    smallest = min(int(np.count_nonzero(weight)) for weight in before.values())
    return _tagged(
        "balance",
        "Balance of covariates",
        (("covariate", "label"), *numbers),
        rows,
        counts=(smallest,) * len(rows),
        tags=term_tags(weighted.term),
        context="Distances in standard deviations of the study population before trimming.",
    )


def _shapes(column: Ranked, weights: Mapping[str, Array]) -> tuple[float | None, float]:
    """Return the largest variance ratio and Kolmogorov–Smirnov distance over pairs of arms."""
    arms = [column.shares(weight) for weight in weights.values()]
    variances = [column.variance(share) for share in arms]
    low = min(variances)
    ratio = max(variances) / low if low > 0 else None
    return ratio, farthest(arms)


def weights_table(task: Task, weighted: Weighting) -> Table:
    """Return what the weights of each arm look like."""
    rows: list[tuple[Cell, ...]] = []
    for arm, weight in weighted.own.items():
        mine = weight[weight > 0]
        rows.append(
            (
                arm,
                len(mine),
                effective_size(weight),
                float(mine.max() / mine.sum()),
                largest_cluster_share(task.cohort, task.analysis.cluster, weight),
                float(mine.mean()),
                float(mine.std(ddof=1)) if len(mine) > 1 else None,
                float(mine.max()),
            )
        )
    return _tagged(
        "weights",
        "Weights and effective sizes",
        (
            ("arm", "label"),
            ("children", "count"),
            ("effective_size", "number"),
            ("largest_share", "share"),
            ("largest_cluster_share", "share"),
            ("mean", "number"),
            ("sd", "number"),
            ("largest", "number"),
        ),
        rows,
        tells=Tells(units=STANDS_FOR),
        counts=tuple(int(str(row[1])) for row in rows),
        tags=term_tags(weighted.term),
        context="Kish's effective size; shares are of the arm's whole weight.",
    )


def overlap(task: Task) -> Table:
    """Return histograms of the score of each arm, by arm received."""
    cohort, probability = task.cohort, score(task).probability
    edges = np.linspace(0.0, 1.0, BINS + 1)
    which = range(len(cohort.arms)) if len(cohort.arms) > 2 else (1,)
    rows: list[tuple[Cell, ...]] = []
    for of in which:
        for a, arm in enumerate(cohort.arms):
            counts, _ = np.histogram(probability[cohort.arm == a, of], edges)
            rows += [
                (cohort.arms[of], arm, float(lo), float(hi), int(count))
                for lo, hi, count in zip(edges[:-1], edges[1:], counts, strict=True)
            ]
    return _tagged(
        "overlap",
        "Probability of each arm, by arm received",
        (
            ("of", "label"),
            ("arm", "label"),
            ("lo", "number"),
            ("hi", "number"),
            ("children", "count"),
        ),
        rows,
        tells=Tells(keys=("lo", "hi")),
        counts=tuple(int(str(row[4])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context="Children by their modelled probability of an arm.",
    )


def overlap_subgroups(task: Task, subgroups: tuple[str, ...], below: float) -> Table | None:
    """Return, for each level of each subgroup, the share of children outside support."""
    cohort, probability = task.cohort, score(task).probability
    smallest = probability.min(axis=1)
    rows: list[tuple[Cell, ...]] = []
    for name in subgroups:
        for level, member in _levels(cohort, name):
            for a, arm in enumerate(cohort.arms):
                own = smallest[member & (cohort.arm == a)]
                outside = float(np.mean(own < below)) if len(own) else None
                low = float(np.quantile(own, 0.01)) if len(own) else None
                rows.append((name, level, arm, len(own), outside, low))
    if not rows:
        return None
    return _tagged(
        "overlap_subgroups",
        "Support by subgroup",
        (
            ("subgroup", "label"),
            ("level", "label"),
            ("arm", "label"),
            ("children", "count"),
            ("outside_share", "share"),
            ("smallest", "number"),
        ),
        rows,
        tells=Tells(units=(("smallest", "probability"),)),
        counts=tuple(int(str(row[3])) for row in rows),
        tags=(("outcome", task.terms[0].outcome),),
        context=f"Outside support: the probability of some arm is below {below:g}; smallest: the "
        "first percentile of the smallest probability.",
    )


def _levels(cohort: Cohort, name: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the levels of a covariate and who has them; a numeric one by its distinct values, or
    by quarters where there are more than six.
    """
    column = cohort.covariates[name] if name in cohort.covariates else cohort.roles[name]
    if column.categorical:
        return [(level, column.values == code) for code, level in enumerate(column.levels)]
    values = np.asarray(column.values, dtype=float)
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) <= 6:
        return [(f"{value:g}", values == value) for value in distinct]
    cuts = np.nanquantile(values, [0.25, 0.5, 0.75])
    quarter = np.where(np.isfinite(values), np.searchsorted(cuts, values, side="right"), -1)
    return [(f"quarter {at + 1}", quarter == at) for at in range(4)]


def truncation(task: Task, term: Term, weighted: Weighting) -> Table:
    """Return what weighting would say with its largest weights capped: a diagnostic, since capping
    changes whom the answer is for.
    """
    outcome = outcome_of(task)
    rows: list[tuple[Cell, ...]] = []
    for percentile in TRUNCATION:
        means, sizes = [], []
        for weight in weighted.own.values():
            cap = np.quantile(weight[weight > 0], 1 - percentile / 100)
            capped = np.minimum(weight, cap)
            means.append(_mean_under(outcome, capped))
            sizes.append(effective_size(capped))
        rows.append((percentile, _contrast_of(term, means), *sizes[:2]))
    smallest = min(int(np.count_nonzero(weight)) for weight in weighted.own.values())
    return _tagged(
        "truncation",
        "Weights capped at a percentile",
        (
            ("percentile", "number"),
            ("estimate", "number"),
            ("effective_first", "number"),
            ("effective_second", "number"),
        ),
        rows,
        tells=Tells(keys=("percentile",), answers=("estimate",)),
        counts=(smallest,) * len(rows),
        tags=(*term_tags(term), ("scale", term.scale)),
        context="Weighted means with each arm's largest weights capped. Capping changes whom the "
        "answer is for, so these are diagnostics, never answers.",
    )


def _mean_under(outcome: Outcome, weight: Array) -> float:
    """Return the weighted mean of an outcome: of a rate, over person-time."""
    time = person_time(outcome)
    return float(weighted_mean(outcome.value / time, weight * time))


def _contrast_of(term: Term, means: list[float]) -> float | None:
    weights = [weight for _, weight in term.contrast]
    if term.scale == "ratio":
        if min(means) <= 0:
            return None
        return float(np.exp(sum(w * np.log(m) for w, m in zip(weights, means, strict=True))))
    return float(sum(w * m for w, m in zip(weights, means, strict=True)))


def baseline(cohort: Cohort, covariates: Indicators) -> Table:
    """Return each covariate's mean and standard deviation by arm."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for name, column in zip(covariates.names, covariates.columns, strict=True):
        base, _, level = name.partition(" = ")
        for a, arm in enumerate(cohort.arms):
            mine = column[cohort.arm == a]
            sd = float(mine.std(ddof=1)) if len(mine) > 1 and not level else None
            rows.append(
                (base, level, arm, len(mine), float(mine.mean()) if len(mine) else None, sd)
            )
            counts.append(_behind(column, mine, level=bool(level)))
    return _tagged(
        "baseline",
        "Children at the start, by arm",
        (
            ("covariate", "label"),
            ("level", "label"),
            ("arm", "label"),
            ("children", "count"),
            ("mean", "number"),
            ("sd", "number"),
        ),
        rows,
        counts=tuple(counts),
        context="Means and standard deviations; shares (0-1) for levels of a category.",
    )


def _behind(column: Array, mine: Array, *, level: bool) -> int:
    """Return the fewest children whom a mean tells: of a level those who have it, of a column of
    two values the fewer, since its mean is a share.
    """
    if level:
        return int(mine.sum())
    if not two_valued(column):
        return len(mine)
    high = int(np.count_nonzero(mine == column.max()))
    return min(high, len(mine) - high)


def outcomes(cohort: Cohort) -> Table:
    """Return each outcome by arm as observed."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for name, outcome in cohort.outcomes.items():
        seen = np.ones(cohort.n, bool) if outcome.observed is None else outcome.observed
        for a, arm in enumerate(cohort.arms):
            mine = cohort.arm == a
            values = outcome.value[mine & seen]
            happened = outcome.event[mine & seen] if outcome.event is not None else values
            counted = outcome.kind in ("binary", "count", "time")
            events = int(happened.sum()) if counted else None
            time = None if outcome.exposure is None else float(outcome.exposure[mine & seen].sum())
            rows.append(
                (
                    name,
                    arm,
                    int(mine.sum()),
                    len(values),
                    float(values.mean()) if len(values) else None,
                    float(values.std(ddof=1)) if len(values) > 1 else None,
                    events,
                    time,
                )
            )
            # Behind a number of events stand the children who had one.
            counts.append(int(np.count_nonzero(happened)) if counted else len(values))
    return _tagged(
        "outcomes",
        "Outcomes as observed, by arm",
        (
            ("outcome", "label"),
            ("arm", "label"),
            ("children", "count"),
            ("observed", "count"),
            ("mean", "number"),
            ("sd", "number"),
            ("events", "count"),
            ("exposure", "number"),
        ),
        rows,
        tells=Tells(outcomes=("mean", "sd")),
        counts=tuple(counts),
        context="Nothing is adjusted for here.",
    )


def tested(assumption: Assumption) -> str:
    """Return what tests an assumption."""
    return assumption.diagnostic or "untestable"


def assumptions(leaves: Mapping[str, Estimator]) -> Table:
    """Return what each of a study's leaves assumes, and which diagnostic tests it."""
    rows: list[tuple[Cell, ...]] = [
        (name, leaf.title, leaf.short or name.replace("_", " "), one.name, one.words, tested(one))
        for name, leaf in leaves.items()
        for one in leaf.assumes
    ]
    return _tagged(
        "assumptions",
        "What each answer assumes",
        (
            ("estimator", "label"),
            ("title", "label"),
            ("short", "label"),
            ("assumption", "label"),
            ("words", "label"),
            ("tested_by", "label"),
        ),
        rows,
        counts=(None,) * len(rows),
        context="Where answers disagree, they differ in these.",
    )


def trim_tables(
    full: Task, term: Term, kept: NDArray[np.bool_], refitted: list[tuple[str, float]]
) -> list[Table]:
    """Return how many stay after trimming, estimates re-fitted or not, and who stays.

    kept: (n,) who stays of the whole task's children. refitted: leaf and its value, on the scale of
    estimates.
    """
    return [
        _trim_counts(full, term, kept),
        _trim_estimates(full, term, kept, refitted),
        _trim_who(full, term, kept),
    ]


def _kept_by_arm(cohort: Cohort, kept: NDArray[np.bool_]) -> list[int]:
    """Return how many children of each arm stay."""
    return [int(np.sum(kept & (cohort.arm == a))) for a in range(len(cohort.arms))]


def _trim_counts(full: Task, term: Term, kept: NDArray[np.bool_]) -> Table:
    """Return how many children of each arm stay, and how many leave."""
    cohort = full.cohort
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for a, (arm, stay) in enumerate(zip(cohort.arms, _kept_by_arm(cohort, kept), strict=True)):
        children = int(np.sum(cohort.arm == a))
        rows.append((arm, children, stay, children - stay))
        counts.append(min(stay, children - stay))
    return _tagged(
        "trim",
        "Children who stay after trimming",
        (("arm", "label"), ("children", "count"), ("kept", "count"), ("left", "count")),
        rows,
        counts=tuple(counts),
        tags=term_tags(term),
    )


def _trim_estimates(
    full: Task, term: Term, kept: NDArray[np.bool_], refitted: list[tuple[str, float]]
) -> Table:
    """Return each leaf's answer, its models fitted again on who stays, and beside them what the
    weights of the first fit would say.
    """
    ratio = term.scale == "ratio"
    rows: list[tuple[Cell, ...]] = [
        (leaf, float(np.exp(value)) if ratio else value) for leaf, value in refitted
    ]
    rows.append((FIRST_FIT, _not_refitted(full, term, kept)))
    compared = _kept_by_arm(full.cohort, kept)
    smallest = min(compared[full.cohort.arms.index(name)] for name, _ in term.contrast)
    return _tagged(
        "trim_estimates",
        "Estimates after trimming",
        (("estimator", "label"), ("estimate", "number")),
        rows,
        tells=Tells(answers=("estimate",)),
        counts=(smallest,) * len(rows),
        tags=(*term_tags(term), ("scale", term.scale)),
        context="Every estimator's models are fitted again on who stays; the last row, whose "
        "exposure model was fitted to all children, is for comparison and is no answer.",
    )


def _trim_who(full: Task, term: Term, kept: NDArray[np.bool_]) -> Table:
    """Return the means of covariates among all children and among those who stay."""
    found = indicators(full.cohort, full.analysis.given)
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for name, column in zip(found.names, found.columns, strict=True):
        stay = column[kept]
        rows.append((name, float(np.mean(column)), float(np.mean(stay))))
        counts.append(int(stay.sum()) if " = " in name else len(stay))
    return _tagged(
        "trim_who",
        "Who stays",
        (("covariate", "label"), ("mean_all", "number"), ("mean_kept", "number")),
        rows,
        counts=tuple(counts),
        tags=term_tags(term),
        context="Means; shares (0-1) for levels of a category.",
    )


def _not_refitted(full: Task, term: Term, kept: NDArray[np.bool_]) -> float | None:
    """Return the weighted contrast among those kept, with the weights of the first fit."""
    tilted, outcome = tilt(full, term), outcome_of(full)
    base = survey_weight(full) * kept
    means = []
    for name, _ in term.contrast:
        a = full.cohort.arms.index(name)
        weight = base * tilted.weight(a) * (full.cohort.arm == a)
        means.append(_mean_under(outcome, weight))
    return _contrast_of(term, means)
