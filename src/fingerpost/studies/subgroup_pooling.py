"""Each subgroup's answer drawn towards those of the others, by what chance alone would scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate
from fingerpost.core.inference import critical_values, joint_covariance
from fingerpost.core.table import Cell, Table
from fingerpost.core.tells import Tells
from fingerpost.kernels.partial_pooling import partial_pooling
from fingerpost.studies.groups import column_of

NAME = "subgroups_pooled"
SINGULAR = 1e-10  # of the greatest variance, below which errors determine one another
Question = tuple[str, str, Term]  # leaf, column, term without its subgroup
COLUMNS = (
    *("estimator", "subgroup", "contrast", "target"),
    *("estimate", "pooled", "lo", "hi", "kept", "centre", "spread"),
)


def by_question(held: Sequence[tuple[str, Estimate]]) -> dict[Question, list[Estimate]]:
    """Return the estimates of a column's subgroups together, each of one term with an error."""
    grouped: dict[Question, list[Estimate]] = {}
    for leaf, estimate in held:
        (term,) = estimate.terms
        if term.subgroup is not None and estimate.spread is not None and term.target.causal:
            key = (leaf, column_of(term.subgroup), replace(term, subgroup=None))
            grouped.setdefault(key, []).append(estimate)
    return grouped


def pooled(held: Sequence[tuple[str, Estimate]], *, level: float) -> Table | None:
    """Return the subgroups of each column drawn towards their centre, by estimator and question;
    None where no column has two answers whose errors are known.
    """
    rows: list[tuple[Cell, ...]] = []
    counts: list[int] = []
    for (leaf, _, term), own in by_question(held).items():
        found = drawn(own, level=level)
        if found is not None:
            rows += [
                (leaf, str(one.terms[0].subgroup), term.words(), term.target.label(), *line)
                for one, line in zip(own, found, strict=True)
            ]
            counts += [smallest(one) for one in own]
    if not rows:
        return None
    return Table(
        NAME,
        "Each subgroup, seen among the others",
        COLUMNS,
        (*("label",) * 4, *("number",) * 7),
        tuple(rows),
        tells=Tells(
            answers=("estimate", "pooled", "lo", "hi", "centre"),
            logs=("spread",),
            units=(("kept", "share of 1"),),
        ),
        counts=tuple(counts),
        tags=(("outcome", held[0][1].terms[0].outcome),),
        context="pooled, lo, hi: the answer drawn towards the column's centre, with its "
        f"{level:.0%} interval, keeping the share `kept` of its distance; the less, the less sure "
        "it is and the less subgroups differ beyond chance. spread: of true effects among "
        "subgroups (of ratios, on the logarithm).",
        note="The subgroup that stands out most by itself stands out partly by chance: of a group "
        "that is named after the results were seen, the pooled answer is the one to quote. It "
        "takes subgroups to be alike but for what the estimates show.",
    )


def drawn(own: Sequence[Estimate], *, level: float) -> list[tuple[Cell, ...]] | None:
    """Return, for each subgroup, its numbers in the units of results; None where there are fewer
    than two, or how their errors hang together is not known.
    """
    if len(own) < 2:
        return None
    value = np.array([float(one.value[0]) for one in own])
    covariance = joint_covariance(own)
    if not (np.isfinite(value).all() and np.isfinite(covariance).all()):
        return None
    roots = np.linalg.eigvalsh(covariance)
    if not roots[0] > SINGULAR * roots[-1]:
        return None
    found = partial_pooling(value, covariance, level=level)
    # With few clusters an estimate's own interval is wider than the normal's, and so is this.
    normal = float(ndtri(0.5 + level / 2))
    wider = np.array([float(critical_values(one, level)[0]) for one in own]) / normal
    low = found.value - wider * (found.value - found.lo)
    high = found.value + wider * (found.hi - found.value)
    ratio = own[0].terms[0].scale == "ratio"

    def shown(number: float) -> float:
        return math.exp(min(number, 700.0)) if ratio else float(number)

    return [
        (
            *(shown(one[at]) for one in (value, found.value, low, high)),
            *(float(found.kept[at]), shown(found.centre), found.spread),
        )
        for at in range(len(own))
    ]


def smallest(estimate: Estimate) -> int:
    """Return the fewest children of an arm that its contrast compares."""
    if estimate.arm_n is None:
        return 0 if estimate.n is None else int(estimate.n[0])
    compared = [estimate.arms.index(name) for name, _ in estimate.terms[0].contrast]
    return int(min(estimate.arm_n[0][at] for at in compared))
