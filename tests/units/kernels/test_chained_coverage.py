"""Coverage after imputation in 100 small worlds, and what complete records alone would say."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from fingerpost.kernels.chained import draw
from fingerpost.kernels.chained_layout import Known, Variable, layout

WORLDS, N, COPIES, CYCLES, ARMS, EFFECT = 100, 210, 4, 3, 3, 0.5


def logistic(value):
    return 1 / (1 + np.exp(-value))


def world(seed: int):
    """Return arm, x, v, y, and who lacks y and v. At random: y is missing by x and the arm, v by y
    where y is recorded, and neither by itself.
    """
    rng = np.random.default_rng(seed)
    arm = rng.integers(ARMS, size=N)
    x = rng.normal(size=N)
    v = 0.5 * x + rng.normal(size=N)
    y = EFFECT * (arm == 1) + 0.2 * (arm == 2) + 0.6 * x + 0.5 * v + rng.normal(size=N)
    gone = rng.random(N) < logistic(-1.5 + 0.8 * x + 0.5 * (arm == 1))
    unknown = (rng.random(N) < logistic(-1.0 + 2 * y)) & ~gone
    return arm, x, v, y, gone, unknown


def regressed(arm, x, v, y):
    """Return the effect of the second arm and its variance."""
    design = np.column_stack([np.ones(len(y)), arm == 1, arm == 2, x, v]).astype(float)
    inverse = np.linalg.inv(design.T @ design)
    best = inverse @ design.T @ y
    residual = y - design @ best
    return best[1], residual @ residual / (len(y) - 5) * inverse[1, 1]


def imputed(seed: int, arm, x, v, y, gone, unknown):
    """Return the pooled effect and its variance."""
    variables = [
        Variable("y", y, gone, "linear", crossed=True),
        Variable("v", v, unknown, "linear"),
    ]
    plan = layout(variables, Known(x[:, None], (), arm, ARMS))
    fits = []
    for copy in range(COPIES):
        drawn = draw(plan, np.random.default_rng([seed, copy]), cycles=CYCLES).values
        full_y, full_v = y.copy(), v.copy()
        full_y[gone], full_v[unknown] = drawn["y"], drawn["v"]
        fits.append(regressed(arm, x, full_v, full_y))
    value, within = (np.array(part) for part in zip(*fits, strict=True))
    between = (1 + 1 / COPIES) * value.var(ddof=1)
    df = (COPIES - 1) * (1 + within.mean() / between) ** 2
    free = 1 / (1 / df + (N - 2) / ((N - 4) * (N - 5)) * (1 + between / within.mean()))
    return value.mean(), np.sqrt(within.mean() + between), free


def test_intervals_hold_the_truth_where_complete_records_alone_are_biased() -> None:
    found, complete = [], []
    for seed in range(WORLDS):
        arm, x, v, y, gone, unknown = world(seed)
        found.append(imputed(seed, arm, x, v, y, gone, unknown))
        kept = ~(gone | unknown)
        complete.append(regressed(arm[kept], x[kept], v[kept], y[kept])[0])
    value, error, df = np.array(found).T
    covered = np.abs(value - EFFECT) <= stdtrit(df, 0.975) * error
    noise = value.std(ddof=1) / np.sqrt(WORLDS)
    assert 0.90 <= covered.mean() <= 0.99
    assert abs(value.mean() - EFFECT) <= 3.5 * noise
    assert 0.85 <= error.mean() / value.std(ddof=1) <= 1.15
    away = (np.mean(complete) - EFFECT) / (np.std(complete, ddof=1) / np.sqrt(WORLDS))
    assert away < -3.5
