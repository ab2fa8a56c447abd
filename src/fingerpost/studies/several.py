"""Answers of one estimator seen together: subgroups that differ, contrasts taken jointly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc, ndtr

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.inference import (
    critical_values,
    joint_bands,
    joint_covariance,
    select,
    standard_errors,
)
from fingerpost.core.seeds import stream
from fingerpost.core.study import Study
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.studies.groups import column_of
from fingerpost.studies.guard import REFUSE, WARN
from fingerpost.studies.judging import Judgement
from fingerpost.studies.subgroup_pooling import pooled, smallest

Array = NDArray[np.float64]
Held = tuple[str, Estimate]  # a leaf's name, and its estimate of one term
Tested = tuple[float | None, int, float | None]  # statistic, degrees of freedom, p
# Of a leaf's estimates, combinations (r, q) of them and their covariance (q, q): are all nought?
Test = Callable[[str, Sequence[Estimate], Array, Array], Tested]


def tables(
    study: Study, judged: Sequence[Judgement], answers: Sequence[Answer]
) -> tuple[Table, ...]:
    """Return what stands behind each subgroup, how subgroups differ, and contrasts taken jointly;
    only those tables that have rows.
    """
    held = each_term(answers)
    within = pooled(held, level=study.level)
    found = (support(judged), differences(held), within, jointly(study, held))
    return tuple(table for table in found if table is not None)


def each_term(answers: Sequence[Answer]) -> list[Held]:
    """Return the estimate of each term by itself, with its leaf."""
    return [
        (answer.leaf, select(answer.estimate, [at]))
        for answer in answers
        if answer.estimate is not None
        for at in range(len(answer.estimate.terms))
    ]


def support(judged: Sequence[Judgement]) -> Table | None:
    """Return, for each question of a subgroup, the children of each arm and what was judged."""
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for one in judged:
        term = one.term
        if term.subgroup is None:
            continue
        sizes = [
            int(np.count_nonzero(one.task.cohort.arm == one.task.cohort.arms.index(arm)))
            for arm, _ in term.contrast
        ]
        worst = next(
            (j for v in (REFUSE, WARN) for j in one.verdict.judged if j.verdict == v), None
        )
        verdict = "answered" if worst is None else f"{worst.verdict}: {worst.broken.words}"
        label = term.target.label()
        for (arm, _), size in zip(term.contrast, sizes, strict=True):
            rows.append((term.subgroup, term.words(), label, arm, size, verdict))
            counts.append(size)
    if not rows:
        return None
    return Table(
        "subgroup_support",
        "What stands behind each subgroup",
        ("subgroup", "contrast", "target", "arm", "children", "verdict"),
        ("label", "label", "label", "label", "count", "label"),
        tuple(rows),
        counts=tuple(counts),
        tags=(("outcome", judged[0].term.outcome),),
        context="Each subgroup is a question of its own: its models are fitted to its children, "
        "and the guard rails judge it alone.",
    )


def by_wald(leaf: str, own: Sequence[Estimate], apart: Array, covariance: Array) -> Tested:
    """Return a Wald test of one set of records, the same for every leaf."""
    del leaf
    value = apart @ np.array([float(one.value[0]) for one in own])
    return wald(value, apart @ covariance @ apart.T, fewest_clusters(own))


def differences(held: Sequence[Held], *, test: Test = by_wald) -> Table | None:
    """Return, for each estimator and question, whether the subgroups of a column differ: a Wald
    test that all are equal, and, of two, their difference. On the scale of the estimates: of a
    ratio, the logarithm.
    """
    grouped: dict[tuple[str, str, Term], list[Estimate]] = {}
    for leaf, estimate in held:
        (term,) = estimate.terms
        if term.subgroup is not None and estimate.spread is not None:
            key = (leaf, column_of(term.subgroup), replace(term, subgroup=None))
            grouped.setdefault(key, []).append(estimate)
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for (leaf, column, term), own in grouped.items():
        covariance = joint_covariance(own)
        if len(own) < 2 or not np.isfinite(covariance).all():
            continue
        apart = np.eye(len(own))[1:] - np.eye(len(own))[:1]
        value = apart @ np.array([float(one.value[0]) for one in own])
        statistic, df, p = test(leaf, own, apart, covariance)
        error = float(np.sqrt((apart @ covariance @ apart.T)[0, 0]))
        two = (float(value[0]), error) if len(own) == 2 else (None, None)
        names = " v ".join(str(one.terms[0].subgroup).partition(" = ")[2] for one in own[::-1])
        label = term.target.label()
        rows.append((leaf, column, names, term.words(), label, *two, statistic, df, p))
        counts.append(min(smallest(one) for one in own))
    if not rows:
        return None
    return Table(
        "subgroup_differences",
        "Do subgroups differ?",
        (
            *("estimator", "column", "subgroups", "contrast", "target"),
            *("difference", "se", "wald", "df", "p"),
        ),
        (*("label",) * 5, *("number",) * 5),
        tuple(rows),
        tells=Tells(logs=("difference", "se")),
        counts=tuple(counts),
        tags=(("outcome", held[0][1].terms[0].outcome),),
        context="Whether the answers of a column's subgroups are equal, by a Wald test that knows "
        "they share clusters; with two, the second less the first. Of ratios, on the logarithm.",
        note="Many subgroups tested at once find differences by chance.",
    )


def jointly(study: Study, held: Sequence[Held], *, test: Test = by_wald) -> Table | None:
    """Return, for each estimator and target with several contrasts, a Wald test that all are nought
    and bands that hold all at once.
    """
    grouped: dict[tuple[str, Term], list[Estimate]] = {}
    for leaf, estimate in held:
        (term,) = estimate.terms
        if estimate.spread is not None:
            key = (leaf, replace(term, contrast=()))
            grouped.setdefault(key, []).append(estimate)
    rows: list[tuple[Cell, ...]] = []
    counts = []
    for (leaf, shared), own in grouped.items():
        joined = together(own) if len(own) > 1 else None
        if joined is None:
            continue
        generator = stream(study.name, f"joint bands {leaf} {shared}", seed=study.seed)
        bands = joint_bands(joined, generator, level=study.level)
        bands = wide_enough(joined, own, bands, level=study.level)
        statistic, df, p = test(leaf, own, np.eye(len(own)), joint_covariance([joined]))
        target = shared.target.label() + (f", {shared.subgroup}" if shared.subgroup else "")
        for one, (low, high) in zip(own, bands, strict=True):
            words = one.terms[0].words()
            value = float(one.value[0])
            rows.append((leaf, target, words, value, float(low), float(high), statistic, df, p))
            counts.append(smallest(one))
    if not rows:
        return None
    return Table(
        "joint",
        "Contrasts taken together",
        ("estimator", "target", "contrast", "estimate", "lo", "hi", "wald", "df", "p"),
        (*("label",) * 3, *("number",) * 6),
        tuple(rows),
        tells=Tells(logs=("estimate", "lo", "hi")),
        counts=tuple(counts),
        tags=(("outcome", held[0][1].terms[0].outcome),),
        context=f"Bands that hold all contrasts of a row's target at once with {study.level:.0%} "
        "confidence, and a Wald test that all are nought. Of ratios, on the logarithm.",
    )


def together(own: Sequence[Estimate]) -> Estimate | None:
    """Return estimates as one, with their joint influence; None where they share none."""
    spreads = [one.spread for one in own]
    first = spreads[0]
    if not isinstance(first, Influence):
        return None
    if not all(
        isinstance(each, Influence)
        and np.array_equal(each.units, first.units)
        and each.correction == first.correction
        for each in spreads
    ):
        return None
    sums = np.hstack([each.sums for each in spreads if isinstance(each, Influence)])
    terms = tuple(one.terms[0] for one in own)
    value = np.array([float(one.value[0]) for one in own])
    extra = np.diag([0.0 if one.extra is None else float(one.extra[0, 0]) for one in own])
    return Estimate(terms, value, replace(first, sums=sums), extra=extra)


def wide_enough(joined: Estimate, own: Sequence[Estimate], bands: Array, *, level: float) -> Array:
    """Return bands by each contrast's own law: those of the normal tell how rare one contrast by
    itself must be for all to hold at once; with few clusters t, and what resampling widens it,
    says how far out that is.
    """
    errors = standard_errors(joined)
    if errors is None:
        return bands
    plain = [replace(one, critical=None) for one in own]
    normal = np.divide(bands[:, 1] - bands[:, 0], 2 * errors, out=errors * 0, where=errors > 0)
    reach = np.zeros(len(own))
    for at, (one, by_t) in enumerate(zip(own, plain, strict=True)):
        wider = critical_values(one, level) / critical_values(by_t, level)
        joint = critical_values(by_t, 1 - 2 * float(ndtr(-normal[at]))) * wider
        reach[at] = errors[at] * max(float(joint[0]), float(critical_values(one, level)[0]))
    return np.stack([joined.value - reach, joined.value + reach], axis=1)


def wald(
    value: Array, covariance: Array, clusters: int | None
) -> tuple[float | None, int, float | None]:
    """Return (statistic, df, p) of the hypothesis that all of `value` is nought: chi-squared, or,
    with clusters, F on df and clusters − 1; None where the covariance is singular.
    """
    df = int(np.linalg.matrix_rank(covariance))
    if df < len(value):
        return None, df, None
    statistic = float(value @ np.linalg.solve(covariance, value))
    if clusters is None:
        return statistic, df, float(chdtrc(df, statistic))
    return statistic, df, float(fdtrc(df, max(clusters - 1, 1), statistic / df))


def fewest_clusters(own: Sequence[Estimate]) -> int | None:
    """Return the fewest clusters behind any estimate; None where children are independent."""
    found = [
        int(one.clusters[0])
        for one in own
        if one.clusters is not None
        and isinstance(one.spread, Influence)
        and one.spread.level != "child"
    ]
    return min(found) if found else None
