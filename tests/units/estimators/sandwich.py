"""An oracle for weighting and modelling leaves: stacked estimating equations, written out child by
child, solved and differentiated numerically (Stefanski & Boos 2002, The American Statistician
56:29-38). Plain and slow on purpose; it shares no line with the leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Term

Equations = Callable[[np.ndarray], np.ndarray]
MEAN = {
    "continuous": lambda eta: eta,
    "binary": lambda eta: 1 / (1 + np.exp(-eta)),
    "count": np.exp,
}


@dataclass(frozen=True)
class Children:
    """A cohort as plain arrays; x has columns 1, index, boy; a column of c an arm's indicator."""

    x: np.ndarray
    c: np.ndarray
    y: np.ndarray
    time: np.ndarray
    weight: np.ndarray
    school: np.ndarray
    kind: str
    arms: tuple[str, ...]


def children_of(cohort: Cohort) -> Children:
    """Return the arrays of a world's cohort."""
    outcome = cohort.outcomes["y"]
    ones = np.ones(cohort.n)
    index, boy = (np.asarray(cohort.covariates[name].values) for name in ("index", "boy"))
    return Children(
        np.column_stack([ones, index, boy]),
        np.column_stack([cohort.arm == a for a in range(len(cohort.arms))]).astype(float),
        outcome.value,
        ones if outcome.exposure is None else outcome.exposure,
        ones if cohort.weight is None else cohort.weight,
        cohort.clusters["school"],
        outcome.kind,
        cohort.arms,
    )


def target_of(found: Children, e: np.ndarray, term: Term) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) who counts, and (n, k) what a child of each arm must weigh to stand for them."""
    kind = term.target.kind
    if kind == "ate":
        return np.ones(len(e)), 1 / e
    if kind == "overlap":
        h = 1 / sum(1 / e[:, a] for a in range(e.shape[1]))
        return h, h[:, None] / e
    arm = {"att": term.contrast[0][0], "atu": term.contrast[1][0]}.get(kind, term.target.arm)
    a = found.arms.index(str(arm))
    return found.c[:, a], e[:, [a]] / e


def scores(found: Children, beta: np.ndarray) -> np.ndarray:
    """Return (n, k) probabilities of a multinomial logit against the first arm."""
    raised = np.exp(np.column_stack([np.zeros(len(found.x)), found.x @ beta.T]))
    return raised / raised.sum(axis=1, keepdims=True)


def equations(found: Children, term: Term, leaf: str) -> tuple[Equations, int, int]:
    """Return the equations of a leaf, how many parameters they have, and how many make one mean.

    Parameters: the score's, one outcome model an arm, then for each arm the parts of its mean.
    """
    k, p = len(found.arms), 3
    parts = 2 if leaf == "normalised" else 1
    size = (k - 1) * p + k * p + k * parts

    def every_child(theta: np.ndarray) -> np.ndarray:
        beta = theta[: (k - 1) * p].reshape(k - 1, p)
        gamma = theta[(k - 1) * p : (2 * k - 1) * p].reshape(k, p)
        mu = theta[(2 * k - 1) * p :].reshape(k, parts)
        e = scores(found, beta)
        member, tilting = target_of(found, e, term)
        columns = [
            (found.weight * (found.c[:, j] - e[:, j]))[:, None] * found.x for j in range(1, k)
        ]
        ends = []
        for a in range(k):
            m = MEAN[found.kind](found.x @ gamma[a])
            mine = found.weight * found.c[:, a]
            left = found.y - found.time * m
            fit_weight = mine * tilting[:, a] if leaf == "ipw_ra" else mine
            columns.append((fit_weight * left)[:, None] * found.x)
            base, counts = found.weight * member * found.time, mine * tilting[:, a]
            if leaf == "ipw":
                ends.append(counts * (found.y - mu[a, 0] * found.time))
            elif leaf in ("g_formula", "ipw_ra"):
                ends.append(base * (m - mu[a, 0]))
            elif leaf == "aipw":
                ends.append(base * (m - mu[a, 0]) + counts * left)
            else:
                ends += [base * (m - mu[a, 0]), counts * (left - mu[a, 1] * found.time)]
        return np.column_stack([*columns, *ends])

    return every_child, size, parts


def solve(every_child: Equations, size: int) -> np.ndarray:
    """Return the parameters at which the equations sum to nought."""
    found = optimize.root(lambda theta: every_child(theta).sum(axis=0), np.zeros(size), tol=1e-13)
    assert np.abs(every_child(found.x).sum(axis=0)).max() < 1e-6
    return found.x


def covariance(every_child: Equations, theta: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Return the clustered sandwich, factor G/(G − 1), its bread by central differences."""
    steps = 1e-5 * np.eye(len(theta))
    slope = np.column_stack(
        [
            (every_child(theta + step) - every_child(theta - step)).sum(axis=0) / 2e-5
            for step in steps
        ]
    )
    units = np.unique(clusters)
    own = every_child(theta)
    sums = np.array([own[clusters == unit].sum(axis=0) for unit in units])
    bread = np.linalg.inv(slope)
    return bread @ (sums.T @ sums) @ bread.T * len(units) / (len(units) - 1)


def oracle(cohort: Cohort, term: Term, leaf: str) -> tuple[float, float]:
    """Return what a leaf should say of a term, and its standard error (of the log for a ratio)."""
    found = children_of(cohort)
    every_child, size, parts = equations(found, term, leaf)
    theta = solve(every_child, size)
    k = len(found.arms)
    means = theta[-k * parts :].reshape(k, parts).sum(axis=1)
    value, slope = 0.0, np.zeros((k, parts))
    for name, weight in term.contrast:
        a = found.arms.index(name)
        ratio = term.scale == "ratio"
        value += weight * (np.log(means[a]) if ratio else means[a])
        slope[a] += weight / means[a] if ratio else weight
    gradient = np.concatenate([np.zeros(size - k * parts), slope.ravel()])
    variance = gradient @ covariance(every_child, theta, found.school) @ gradient
    return float(value), float(np.sqrt(variance))
