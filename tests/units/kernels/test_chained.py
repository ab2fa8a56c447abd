"""Chained equations: beside R's mice, in worlds of known truth, and by law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import pool
from fingerpost.kernels import chained_draws
from fingerpost.kernels.chained import draw
from fingerpost.kernels.chained_layout import Known, Variable, layout
from fingerpost.studies.imputed import fractions

# mice 3.15.0 in R 4.2.2 on `records()`: mice(method = c("norm", "logreg", "norm"), m = 60,
# maxit = 10) within each arm, pool(lm(y ~ a + x + z)); complete-data degrees of freedom 396.
MICE = {
    "estimate": (0.95338138, 0.38078586, 0.97955917, 0.37912753),
    "within": (0.0096724654, 0.0119653000, 0.0031525348, 0.0151034013),
    "between": (0.0116092731, 0.0206500392, 0.0049243062, 0.0212136142),
    "df": (92.983783, 72.109144, 77.219980, 83.161199),
    "fmi": (0.55898385, 0.64663643, 0.62324177, 0.59769335),
}
MICE_COPIES, MICE_FREE = 60, 396
TERMS = tuple(Term(f"{at}", pair("a", "b"), Target("ate")) for at in range(4))


def records():
    rng = np.random.default_rng(20)
    n = 400
    a = np.arange(n) % 2
    x = rng.normal(size=n)
    z = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(float)
    y = 1 + 0.5 * a + x + 0.5 * z + rng.normal(size=n)
    my = rng.random(n) < 1 / (1 + np.exp(1 - 1.2 * x - 0.6 * a))
    mx = (rng.random(n) < 0.3) & ~my
    mz = rng.random(n) < 0.25
    return a, x, z, y, mx, mz, my


def regressed(a, x, z, y):
    """Return coefficients of y on (1, a, x, z), and their classical covariance."""
    design = np.column_stack([np.ones(len(a)), a, x, z])
    inverse = np.linalg.inv(design.T @ design)
    best = inverse @ design.T @ y
    residual = y - design @ best
    return best, residual @ residual / (len(a) - 4) * inverse


def copies_of(count: int, cycles: int = 10):
    a, x, z, y, mx, mz, my = records()
    variables = [
        Variable("x", x, mx, "linear"),
        Variable("z", z, mz, "logit", 2),
        Variable("y", y, my, "linear", crossed=True),
    ]
    plan = layout(variables, Known(np.empty((len(a), 0)), (), a, 2))
    assert plan.by_arm
    for copy in range(count):
        found = draw(plan, np.random.default_rng([1, copy]), cycles=cycles).values
        full = {"x": x.copy(), "z": z.copy(), "y": y.copy()}
        for name, missing in (("x", mx), ("z", mz), ("y", my)):
            full[name][missing] = found[name]
        yield Estimate(TERMS, *_fit(a, full))


def _fit(a, full):
    best, covariance = regressed(a, full["x"], full["z"], full["y"])
    return best, Matrix(covariance)


def test_pooling_is_that_of_mice_in_its_printed_digits() -> None:
    # Two copies whose mean and spread are the printed ones stand for the sixty.
    within, between = np.array(MICE["within"]), np.array(MICE["between"])
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(MICE_COPIES, 4))
    draws = (draws - draws.mean(axis=0)) / draws.std(axis=0, ddof=1)
    values = np.array(MICE["estimate"]) + np.sqrt(between) * draws
    pooled = pool([Estimate(TERMS, one, Matrix(np.diag(within))) for one in values], MICE_FREE)
    assert pooled.value == pytest.approx(MICE["estimate"], abs=1e-10)
    assert pooled.df == pytest.approx(MICE["df"], rel=1e-6)
    fraction, error, _ = fractions(pooled, MICE_COPIES)
    assert fraction == pytest.approx(MICE["fmi"], rel=1e-6)
    assert error == pytest.approx(np.sqrt(between / MICE_COPIES), rel=1e-12)


def test_chained_equations_agree_with_mice_within_monte_carlo_error() -> None:
    found = list(copies_of(40))
    pooled = pool(found, MICE_FREE)
    between = np.array([one.value for one in found]).var(axis=0, ddof=1)
    apart = pooled.value - np.array(MICE["estimate"])
    noise = np.sqrt(between / 40 + np.array(MICE["between"]) / MICE_COPIES)
    assert np.abs(apart / noise).max() < 3.5
    assert isinstance(pooled.spread, Matrix)
    assert np.diag(pooled.spread.covariance) == pytest.approx(MICE["within"], rel=0.10)
    # A variance from 40 copies has a relative error of √(2/39) = 0.23, and mice's of 0.18.
    assert between == pytest.approx(MICE["between"], rel=0.75)


def test_a_copy_depends_on_its_own_stream_alone() -> None:
    first, second = list(copies_of(2, cycles=2)), list(copies_of(3, cycles=2))
    assert first[1].value == pytest.approx(second[1].value, abs=0)
    assert (first[0].value != first[1].value).any()


def clustered_world(seed: int, schools: int = 30, each: int = 12):
    rng = np.random.default_rng(seed)
    school = np.repeat(np.arange(schools), each)
    n = len(school)
    arm = (rng.permutation(schools) % 2)[school]
    x = rng.normal(size=n) + 0.5 * rng.normal(size=schools)[school]
    y = 0.5 * arm + 0.7 * x + 0.6 * rng.normal(size=schools)[school] + rng.normal(size=n)
    missing = rng.random(n) < 1 / (1 + np.exp(1 - x - 0.5 * arm))
    return school, arm, x, y, missing


def clustered_error(school, arm, x, y):
    design = np.column_stack([np.ones(len(arm)), arm, x])
    inverse = np.linalg.inv(design.T @ design)
    best = inverse @ design.T @ y
    sums = np.zeros((school.max() + 1, 3))
    np.add.at(sums, school, design * (y - design @ best)[:, None])
    found = inverse @ (sums.T @ sums) @ inverse * len(sums) / (len(sums) - 1)
    return best[1], found[1, 1]


def over_worlds(worlds: int, *, levels: bool, copies: int = 5):
    """Return (estimates, pooled standard errors) of the arm's effect."""
    found = []
    for seed in range(worlds):
        school, arm, x, y, missing = clustered_world(seed)
        cluster = school if levels else None
        variable = Variable("y", y, missing, "linear", crossed=True)
        plan = layout([variable], Known(x[:, None], (), arm, 2, cluster))
        fits = []
        for copy in range(copies):
            full = y.copy()
            drawn = draw(plan, np.random.default_rng([seed, copy]), cycles=4)
            full[missing] = drawn.values["y"]
            fits.append(clustered_error(school, arm, x, full))
        value, within = (np.array(part) for part in zip(*fits, strict=True))
        total = within.mean() + (1 + 1 / copies) * value.var(ddof=1)
        found.append((value.mean(), np.sqrt(total)))
    return np.array(found).T


def test_children_of_a_school_stay_alike_so_that_errors_are_wide_enough() -> None:
    value, error = over_worlds(40, levels=True)
    _, without = over_worlds(40, levels=False)
    spread = value.std(ddof=1)
    assert abs(value.mean() - 0.5) < 3.5 * spread / np.sqrt(40)
    assert (np.abs(value - 0.5) < stdtrit(24, 0.975) * error).mean() >= 0.88
    assert without.mean() < 0.90 * error.mean()  # what leaving the schools out would cost


def test_matching_draws_only_values_that_were_recorded_and_donors_near() -> None:
    rng = np.random.default_rng(5)
    donors, seekers = rng.normal(size=500), rng.normal(size=200)
    taken = chained_draws.matched(donors, seekers, count=5, generator=rng)
    near = np.sort(np.abs(donors[None, :] - seekers[:, None]), axis=1)[:, 4]
    assert (np.abs(donors[taken] - seekers) <= near + 1e-12).all()


def test_matching_gives_each_of_tied_donors_its_turn() -> None:
    rng = np.random.default_rng(6)
    donors = np.zeros(50)
    taken = chained_draws.matched(donors, np.zeros(5000), count=5, generator=rng)
    counts = np.bincount(taken, minlength=50)
    assert counts.min() > 60 and counts.max() < 145  # 100 each, give or take 4 standard errors


def test_a_predictor_that_tells_for_certain_leaves_the_share_where_it_was() -> None:
    rng = np.random.default_rng(7)
    x = np.column_stack([np.ones(200), rng.normal(size=200)])
    codes = (x[:, 1] > 1.5).astype(int)
    response = chained_draws.Response(x, codes, 2)
    shares = []
    for _ in range(40):
        found = chained_draws.logit(response, None, rng)
        assert np.isfinite(found.drawn).all()
        shares.append(chained_draws.drawn_levels(x, found.drawn, None, rng).mean())
    assert np.mean(shares) == pytest.approx(codes.mean(), abs=0.04)


def test_multinomial_draws_keep_the_shares_and_the_slopes() -> None:
    rng = np.random.default_rng(8)
    n = 3000
    x = rng.normal(size=n)
    odds = np.column_stack([np.zeros(n), -0.5 + x, 0.3 - 0.5 * x])
    share = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    codes = (rng.random((n, 1)) > share.cumsum(axis=1)[:, :-1]).sum(axis=1).astype(float)
    missing = rng.random(n) < 1 / (1 + np.exp(-x))
    variable = Variable("c", codes, missing, "multinomial", 3)
    plan = layout([variable], Known(x[:, None], (), np.zeros(n, dtype=int), 1))
    drawn = draw(plan, rng, cycles=2).values["c"]
    for code in range(3):
        gap = (drawn == code).mean() - share[missing, code].mean()
        assert abs(gap) < 4 * np.sqrt(0.25 / missing.sum())
    assert np.corrcoef(drawn == 1, x[missing])[0, 1] > 0.3


def test_seekers_alike_draw_from_all_donors_alike_and_not_from_five_of_them() -> None:
    """With a predictor of two values half of all donors are as near as can be."""
    generator = np.random.default_rng(5)
    donors = np.repeat([0.0, 1.0], 500)
    taken = chained_draws.matched(donors, np.zeros(2_000), count=5, generator=generator)
    assert (taken < 500).all()
    # Of 500 donors 2,000 seekers leave out some 500 × e⁻⁴ = 9.
    assert len(np.unique(taken)) > 470
