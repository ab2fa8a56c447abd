"""Balancing weights against the primal problem, solved by another method, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.balancing import balance, explained
from fingerpost.kernels.design import Dense


def made(n: int = 60, seed: int = 0, p: int = 2) -> tuple[Dense, np.ndarray, np.ndarray]:
    """Return a design, base weights of a third of the rows, and a target of the others."""
    r = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), r.standard_normal((n, p))])
    own = np.arange(n) % 3 == 0
    names = ("intercept", *(f"x{j}" for j in range(p)))
    return Dense(x, names), own * r.uniform(0.5, 2.0, n), ~own * r.uniform(0.5, 2.0, n)


def away(design: Dense, weights: np.ndarray, target: np.ndarray) -> float:
    """Return the greatest distance of a weighted mean from the target's."""
    x = design.array
    return float(np.abs(weights @ x / weights.sum() - target @ x / target.sum()).max())


@pytest.mark.parametrize("seed", range(5))
def test_the_weights_solve_the_primal_problem(seed: int) -> None:
    """Least Σ w log(w/q) subject to the means, by sequential quadratic programming."""
    design, base, target = made(seed=seed)
    rows = base > 0
    x, q = design.array[rows], base[rows] / base.sum()
    goal = target @ design.array / target.sum()
    found = optimize.minimize(
        lambda w: float(w @ np.log(w / q)),
        q,
        jac=lambda w: np.log(w / q) + 1,
        constraints={"type": "eq", "fun": lambda w: x.T @ w - goal, "jac": lambda w: x.T},
        bounds=[(1e-12, 1)] * len(q),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    mine = balance(design, base=base, target=target).weights
    assert mine[rows] / mine.sum() == pytest.approx(found.x, abs=2e-6)
    assert not mine[~rows].any()


def test_means_are_met_to_eight_digits_and_the_total_is_the_targets() -> None:
    for n, p in ((300, 8), (20_000, 20), (150_000, 5)):
        design, base, target = made(n, p=p)
        found = balance(design, base=base, target=target)
        assert not found.unmet
        assert away(design, found.weights, target) < 1e-8
        assert found.weights.sum() == pytest.approx(target.sum())


def test_far_means_and_large_units_do_not_matter() -> None:
    """A year of birth and a sum in pence are balanced as their standard scores are."""
    design, base, target = made(500)
    plain = balance(design, base=base, target=target)
    moved = Dense(design.array * [1, 3.0, 1e7] + [0, 2010.0, 1e8], design.names)
    found = balance(moved, base=base, target=target)
    assert found.weights == pytest.approx(plain.weights, rel=1e-6)


def test_a_mean_beyond_the_rows_is_named() -> None:
    design, base, target = made(90)
    beyond = design.array.copy()
    beyond[target > 0, 2] += 50.0
    assert balance(Dense(beyond, design.names), base=base, target=target).unmet == ("x1",)


def test_means_that_cannot_be_met_together_are_named() -> None:
    """Each mean is within the rows' range, both are not: the rows lie on one side of a line."""
    r = np.random.default_rng(3)
    first = r.uniform(0, 1, 80)
    second = first + r.uniform(0.05, 0.5, 80)
    own = np.arange(80) < 40
    second[~own] = first[~own] - 0.2
    second[:2], first[:2] = (-0.5, 1.9), (-0.9, 1.5)
    x = Dense(np.column_stack([np.ones(80), first, second]), ("intercept", "a", "b"))
    found = balance(x, base=own.astype(float), target=(~own).astype(float))
    assert set(found.unmet) == {"a", "b"}


def test_a_level_that_the_rows_lack_is_named_only_if_the_target_has_it() -> None:
    design, base, target = made(90)
    rare = np.zeros(90)
    lacking = Dense(np.column_stack([design.array, rare]), (*design.names, "rare"))
    assert not balance(lacking, base=base, target=target).unmet
    lacking.array[np.flatnonzero(target)[0], 3] = 1.0
    assert balance(lacking, base=base, target=target).unmet == ("rare",)


def test_a_column_that_repeats_others_is_met_without_help() -> None:
    design, base, target = made(90)
    again = design.array[:, 1] - 2 * design.array[:, 2]
    found = balance(
        Dense(np.column_stack([design.array, again]), (*design.names, "again")),
        base=base,
        target=target,
    )
    assert not found.unmet
    assert found.weights == pytest.approx(
        balance(design, base=base, target=target).weights, rel=1e-9
    )


def test_what_the_columns_explain_is_a_weighted_regression() -> None:
    design, base, target = made(200)
    y = np.random.default_rng(1).standard_normal(200)
    found = balance(design, base=base, target=target)
    root = np.sqrt(found.weights)
    beta = np.linalg.lstsq(design.array * root[:, None], y * root, rcond=None)[0]
    assert explained(found, design, values=y) == pytest.approx(design.array @ beta, abs=1e-8)


def test_a_base_weight_of_two_is_a_row_twice() -> None:
    design, _, target = made(90)
    count = np.where(np.arange(90) % 3 == 0, 1.0 + np.arange(90) % 2, 0.0)
    repeated = np.repeat(np.arange(90), np.maximum(count, 1).astype(int))
    more = np.where(count > 0, target * 0, target)[repeated]
    once = balance(design, base=count, target=target).weights
    twice = balance(
        design.take(repeated), base=(count > 0)[repeated].astype(float), target=more
    ).weights
    assert np.bincount(repeated, weights=twice) == pytest.approx(once, rel=1e-8)


def test_nobody_to_weigh_and_nobody_to_match_are_faults() -> None:
    design, base, target = made()
    with pytest.raises(TooFew):
        balance(design, base=base * 0, target=target)
    with pytest.raises(TooFew):
        balance(design, base=base, target=target * 0)
    with pytest.raises(UsageError, match="constant"):
        balance(Dense(design.array[:, 1:], ("x0", "x1")), base=base, target=target)


@pytest.mark.parametrize("n", [1, 2])
def test_a_handful_of_rows_ends_in_a_finding_not_a_fault(n: int) -> None:
    design, base, target = made(30)
    few = np.where(np.cumsum(base > 0) <= n, base, 0.0)
    assert balance(design, base=few, target=target).unmet
