"""Answers seen together over imputed copies: subgroups that differ, contrasts taken jointly.

Tests are D1 of Li, Raghunathan & Rubin (1991): the mean covariance within copies, widened by the
average relative increase in variance that the missing values bring, with their F distribution.
Clusters shorten its degrees of freedom as Barnard & Rubin (1999) have it for one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from fingerpost.core.answer import Answer
from fingerpost.core.estimand import Term
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.inference import joint_covariance
from fingerpost.core.study import Study
from fingerpost.core.table import Table
from fingerpost.studies import subgroup_pooling
from fingerpost.studies.answering import Answered
from fingerpost.studies.several import (
    Held,
    Tested,
    differences,
    each_term,
    fewest_clusters,
    jointly,
)

Array = NDArray[np.float64]
AGAIN = ("subgroup_differences", subgroup_pooling.NAME, "joint")
NOTE = "Over {copies} imputed copies: tests are D1 of Li, Raghunathan and Rubin (1991)."


@dataclass(frozen=True, eq=False, slots=True)
class Joint:
    """All terms of one leaf in one copy: values (q,) and their covariance (q, q)."""

    terms: tuple[Term, ...]
    values: Array
    covariance: Array


Joints = Mapping[str, Joint]  # by leaf


def joints(answers: Sequence[Answer]) -> Joints:
    """Return what each leaf's estimates are together in one copy, while they have influence."""
    by_leaf: dict[str, list[Estimate]] = {}
    for answer in answers:
        if answer.estimate is not None and answer.estimate.spread is not None:
            by_leaf.setdefault(answer.leaf, []).append(answer.estimate)
    return {
        leaf: Joint(
            tuple(term for estimate in own for term in estimate.terms),
            np.concatenate([estimate.value for estimate in own]),
            joint_covariance(own),
        )
        for leaf, own in by_leaf.items()
    }


def retested(study: Study, part: Answered, copies: Sequence[Joints]) -> Answered:
    """Return pooled answers whose tables of differences and joint contrasts are made of the pooled
    numbers, and not of any one copy's.
    """
    if not any(table.name in AGAIN for table in part.tables):
        return part
    stacks = {leaf: _stacked(leaf, part.answers, copies) for leaf in copies[0]}
    known = {leaf: stack for leaf, stack in stacks.items() if stack is not None}
    held = _held(study, part.answers, known)

    def test(leaf: str, own: Sequence[Estimate], apart: Array, covariance: Array) -> Tested:
        del covariance
        values, within = known[leaf].of([one.terms[0] for one in own])
        return d1(values @ apart.T, apart @ within @ apart.T, fewest_clusters(own))

    made = {
        "subgroup_differences": differences(held, test=test),
        subgroup_pooling.NAME: subgroup_pooling.pooled(held, level=study.level),
        "joint": jointly(study, held, test=test),
    }
    tables = (made.get(table.name, table) for table in part.tables)
    note = NOTE.format(copies=len(copies))
    return replace(part, tables=tuple(_noted(one, note) for one in tables if one is not None))


def _noted(table: Table, note: str) -> Table:
    return replace(table, note=f"{table.note} {note}".strip()) if table.name in AGAIN else table


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """One leaf's terms over M copies: values (M, q), mean covariance within copies (q, q)."""

    terms: tuple[Term, ...]
    values: Array
    within: Array

    def of(self, terms: Sequence[Term]) -> tuple[Array, Array]:
        """Return the values and the covariance of some of the terms."""
        at = [self.terms.index(term) for term in terms]
        return self.values[:, at], self.within[np.ix_(at, at)]

    @property
    def total(self) -> Array:
        """(q, q) covariance of the pooled values."""
        away = self.values - self.values.mean(axis=0)
        copies = len(self.values)
        found: Array = self.within + (1 + 1 / copies) / (copies - 1) * away.T @ away
        return found


def _stacked(leaf: str, answers: Sequence[Answer], copies: Sequence[Joints]) -> Stack | None:
    """Return a leaf's pooled terms over all copies; None where some share no influence."""
    terms = tuple(
        term
        for answer in answers
        if answer.leaf == leaf and answer.estimate is not None
        for term in answer.estimate.terms
    )
    own = [copy[leaf] for copy in copies if leaf in copy]
    if not terms or len(own) < len(copies):
        return None
    if any(term not in joint.terms for joint in own for term in terms):
        return None
    places = [[joint.terms.index(term) for term in terms] for joint in own]
    values = np.stack([joint.values[at] for joint, at in zip(own, places, strict=True)])
    each = [joint.covariance[np.ix_(at, at)] for joint, at in zip(own, places, strict=True)]
    within = np.mean(each, axis=0)
    return Stack(terms, values, within) if np.isfinite(within).all() else None


def _held(study: Study, answers: Sequence[Answer], known: Mapping[str, Stack]) -> list[Held]:
    """Return each pooled estimate with a root of the pooled covariance of its leaf for influence,
    so that any two of them have the covariance that they have over copies.
    """
    roots = {leaf: _root(stack.total) for leaf, stack in known.items()}
    level, found = study.cluster or "child", list[Held]()
    for leaf, estimate in each_term(answers):
        if leaf not in known:
            continue
        at = known[leaf].terms.index(estimate.terms[0])
        root = roots[leaf]
        spread = Influence(root[:, [at]], np.arange(len(root)), level)
        found.append((leaf, replace(estimate, spread=spread, extra=None)))
    return found


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    found: Array = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return found


def d1(values: Array, within: Array, clusters: int | None) -> Tested:
    """Return (statistic, df, p) of the hypothesis that q pooled values are all nought.

    values: (M, q) by copy. within: (q, q) mean covariance within copies. The statistic is q times
    D1, on the scale of a Wald test. clusters: variance units, None where children are independent.
    Nothing is tested where `within` is singular.
    """
    copies, q = values.shape
    if int(np.linalg.matrix_rank(within)) < q:
        return None, int(np.linalg.matrix_rank(within)), None
    mean = values.mean(axis=0)
    between = np.atleast_2d(np.cov(values.T))
    increase = (1 + 1 / copies) * float(np.trace(np.linalg.solve(within, between))) / q
    statistic = float(mean @ np.linalg.solve(within, mean)) / (q * (1 + increase))
    free = q * (copies - 1)
    if increase <= 0:
        df = np.inf
    elif free > 4:
        df = 4 + (free - 4) * (1 + (1 - 2 / free) / increase) ** 2
    else:
        df = free * (1 + 1 / q) * (1 + 1 / increase) ** 2 / 2
    if clusters is not None:
        whole = max(clusters - 1.0, 1.0)
        seen = (whole + 1) / (whole + 3) * whole / (1 + max(increase, 0.0))
        df = 1 / (1 / df + 1 / seen)
    second = min(df, 1e9)  # beyond it F is chi-squared
    return q * statistic, q, float(fdtrc(q, second, statistic))
