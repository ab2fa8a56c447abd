"""Several outcomes: adjustments draw by draw against plain versions, and laws of error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nct
from scipy.stats import t as student

from fingerpost.core.errors import UsageError
from fingerpost.kernels.multiple_power import (
    Several,
    benjamini_hochberg,
    exchangeable,
    holm,
    power_of_several,
    step_down,
)
from fingerpost.kernels.multiplicity import false_discovery
from fingerpost.kernels.multiplicity import holm as adjusted


def test_holm_and_benjamini_hochberg_as_they_adjust_one_trial():
    p = np.random.default_rng(1).uniform(0, 0.08, size=(300, 4))
    assert holm(p, 0.05).tolist() == [(adjusted(row) <= 0.05).tolist() for row in p]
    assert benjamini_hochberg(p, 0.05).tolist() == [
        (false_discovery(row) <= 0.05).tolist() for row in p
    ]


def slow_step_down(t: np.ndarray, null: np.ndarray, alpha: float) -> list[bool]:
    """Return what step-down rejects of one trial: p-values of Westfall & Young, made monotone."""
    order = np.argsort(-t)
    p, running = np.empty(len(t)), 0.0
    for at, outcome in enumerate(order):
        largest = np.abs(null[:, order[at:]]).max(axis=1)
        running = max(running, float((largest >= t[outcome]).mean()))
        p[outcome] = running
    return (p <= alpha).tolist()


@pytest.mark.parametrize("alike", [True, False])
def test_step_down_as_its_p_values(alike: bool):
    random = np.random.default_rng(5)
    root = np.linalg.cholesky(exchangeable(4, 0.5))
    null = random.standard_normal((2001, 4)) @ root.T
    t = np.abs(random.standard_normal((200, 4)) @ root.T + 2)
    found = step_down(t, null, 0.05, alike=alike)
    slow = [slow_step_down(row, null, 0.05) for row in t]
    same = np.mean([a == b for a, b in zip(found.tolist(), slow, strict=True)])
    # Alike: the same law stands for every set of one size, by other columns of the draws.
    assert same >= (0.95 if alike else 0.99)


def test_familywise_error_is_kept_and_independent_outcomes_are_sidaks():
    none = Several(np.zeros(5), exchangeable(5, 0.4), 60)
    found = power_of_several(none, draws=40_000, random=np.random.default_rng(2))
    for name in ("bonferroni", "holm", "single_step", "step_down"):
        assert found[name].any_false <= 0.05 + 3 * 0.0011, name
    assert found["single_step"].any_false == pytest.approx(0.05, abs=0.006)
    assert found["none"].any_false > 0.15
    alone = Several(np.array([3.0, 0, 0, 0]), np.eye(4), 5000)
    one = power_of_several(
        alone, adjustments=("single_step",), draws=40_000, random=np.random.default_rng(3)
    )
    level = 1 - (1 - 0.05) ** (1 / 4)
    exact = student.sf(student.isf(level / 2, 5000) - 3, 5000)
    assert one["single_step"].individual[0] == pytest.approx(exact, abs=0.012)


def test_at_least_so_many_outcomes():
    asked = Several(np.array([2.8, 2.8, 2.8]), exchangeable(3, 0.0), 5000)
    found = power_of_several(
        asked, adjustments=("none",), draws=40_000, random=np.random.default_rng(4)
    )["none"]
    each = float(student.sf(student.isf(0.025, 5000) - 2.8, 5000))
    # Statistics share a scale, so that they are as good as independent with 5,000 degrees.
    assert found.complete == pytest.approx(each**3, abs=0.01)
    assert found.least[0] == pytest.approx(1 - (1 - each) ** 3, abs=0.01)
    assert found.error < 0.003


def test_what_cannot_be_is_refused():
    random = np.random.default_rng(1)
    with pytest.raises(UsageError, match="correlated so"):
        power_of_several(Several(np.zeros(4), exchangeable(4, -0.5), 20), random=random)
    with pytest.raises(UsageError, match="no adjustment"):
        power_of_several(Several(np.zeros(2), np.eye(2), 20), adjustments=("sidak",), random=random)
    with pytest.raises(UsageError, match="degree of freedom"):
        power_of_several(Several(np.zeros(2), np.eye(2), 0), random=random)


def test_one_side_is_looked_at_alone():
    """Outcomes that hang together not at all: each is a t test of one side; Westfall and Young's
    first step is that of the largest of three.
    """
    df, shifts = 60.0, np.array([2.5, -2.5, 0.0])
    found = power_of_several(
        Several(shifts, np.eye(3), df),
        adjustments=("none", "bonferroni", "single_step"),
        sides=1,
        draws=20_000,
        random=np.random.default_rng(1),
    )
    for name, level in (
        ("none", 0.05),
        ("bonferroni", 0.05 / 3),
        ("single_step", 1 - 0.95 ** (1 / 3)),
    ):
        end = student.ppf(1 - level, df)
        told = [1 - nct.cdf(end, df, 2.5)] * 2 + [level]
        assert found[name].individual == pytest.approx(told, abs=0.015)
