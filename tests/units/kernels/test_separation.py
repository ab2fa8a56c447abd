"""Separation is flagged where, and only where, linear programming finds it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from fingerpost.core.errors import NotFitted
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit, fit_multinomial

RANDOM = np.random.default_rng(41)


def recedes(rows: np.ndarray, level: np.ndarray) -> bool:
    """Whether some b has rows·b >= 0, one of them positive, and level·b = 0 (Konis 2007)."""
    size = rows.shape[1]
    found = linprog(
        -rows.sum(axis=0),
        A_ub=np.vstack([-rows, rows]),
        b_ub=np.concatenate([np.zeros(len(rows)), np.ones(len(rows))]),
        A_eq=level if len(level) else None,
        b_eq=np.zeros(len(level)) if len(level) else None,
        bounds=[(None, None)] * size,
    )
    return bool(-found.fun > 1e-6)


def draw() -> tuple[np.ndarray, np.ndarray]:
    n = int(RANDOM.integers(8, 40))
    x = np.column_stack(
        [np.ones(n), RANDOM.integers(0, 2, (n, 2)), RANDOM.normal(size=(n, 1)).round(1)]
    ).astype(float)
    return x, RANDOM.random(n)


def compare(found: list[bool], truth: list[bool]) -> None:
    assert 30 < sum(truth) < len(truth) - 30, "both kinds must occur often"
    assert found == truth


@pytest.mark.parametrize("name", ["logit", "poisson"])
def test_of_two_hundred_small_tables_the_separated_ones_are_flagged(name):
    found, truth = [], []
    while len(truth) < 200:
        x, u = draw()
        y = (u < RANDOM.choice([0.1, 0.5])) * 1.0
        if name == "poisson":
            y *= 3.0
        try:
            fitted = fit(Dense(x, tuple("abcd")), y, family=name)
        except NotFitted:
            assert np.linalg.matrix_rank(x) < 4
            continue
        assert fitted.separated != fitted.converged
        found.append(fitted.separated)
        if name == "logit":
            truth.append(recedes(x * (2 * y - 1)[:, None], np.empty((0, 4))))
        else:
            truth.append(recedes(-x[y == 0], x[y > 0]))
    compare(found, truth)


def test_of_a_hundred_small_tables_of_three_arms_the_separated_ones_are_flagged():
    found, truth = [], []
    while len(truth) < 100:
        x, u = draw()
        arm = np.minimum((u * 4).astype(int), 2)
        if len(np.unique(arm)) < 3 or np.linalg.matrix_rank(x) < 4:
            continue
        rows = []
        for own, line in zip(arm, x, strict=True):
            units = [
                np.zeros(8),
                np.concatenate([line, 0 * line]),
                np.concatenate([0 * line, line]),
            ]
            rows += [units[own] - units[other] for other in range(3) if other != own]
        fitted = fit_multinomial(Dense(x, tuple("abcd")), arm, levels=("a", "b", "c"))
        found.append(fitted.separated)
        truth.append(recedes(np.array(rows), np.empty((0, 8))))
    compare(found, truth)


def test_firth_and_ridge_converge_on_every_table():
    for _ in range(100):
        x, u = draw()
        if np.linalg.matrix_rank(x) < 4:
            continue
        design, y = Dense(x, tuple("abcd")), (u < 0.1) * 1.0
        assert fit(design, y, family="logit", firth=True).converged
        assert fit(design, 5 * y, family="poisson", firth=True).converged
        # A ridge leaves the intercept free, and where nobody has the event it runs away.
        assert fit(design, y, family="logit", ridge=1.0).converged == bool(y.any())
