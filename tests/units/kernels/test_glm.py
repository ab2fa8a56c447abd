"""Generalised linear models against other implementations, and against laws."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.optimize
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.core.model import linear
from fingerpost.kernels.cells import group
from fingerpost.kernels.design import Dense, Terms
from fingerpost.kernels.glm import (
    GlmFit,
    fit,
    fit_multinomial,
    mean,
    probabilities,
)

RANDOM = np.random.default_rng(5)
N = 800
X = np.column_stack(
    [np.ones(N), RANDOM.normal(size=(N, 2)), RANDOM.integers(0, 2, N), 2008 + RANDOM.normal(size=N)]
)
NAMES = ("intercept", "need", "income", "boy", "year")
DESIGN = Dense(X, NAMES)
WEIGHTS = RANDOM.gamma(3.0, 0.4, N)
EXPOSURE = RANDOM.uniform(0.5, 3.0, N)
TENDENCY = 0.5 * X[:, 1] - 0.3 * X[:, 3]
BINARY = (RANDOM.random(N) < 1 / (1 + np.exp(-TENDENCY))).astype(float)
COUNT = RANDOM.poisson(EXPOSURE * np.exp(TENDENCY + 1.0)).astype(float)
SCORE = TENDENCY + RANDOM.normal(size=N)
ARM = RANDOM.integers(0, 3, N) * (RANDOM.random(N) < 0.8)
ARMS = ("none", "support", "plan")
Y = {"linear": SCORE, "logit": BINARY, "poisson": COUNT}


def statsmodels_fit(name: str, *, weights=None, offset=None):
    families = {
        "linear": sm.families.Gaussian(),
        "logit": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
    }
    model = sm.GLM(Y[name], X, family=families[name], freq_weights=weights, offset=offset)
    return model.fit(tol=1e-13, scale=1.0)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_coefficients_and_bread_are_those_of_statsmodels(name, weighted, shifted):
    weights = WEIGHTS if weighted else None
    offset = np.log(EXPOSURE) if shifted else None
    ours = fit(DESIGN, Y[name], family=name, weights=weights, offset=offset)
    theirs = statsmodels_fit(name, weights=weights, offset=offset)
    assert ours.converged and not ours.separated
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.bread, theirs.cov_params(), rtol=1e-6, atol=1e-10)


def test_multinomial_coefficients_bread_and_likelihood_are_those_of_statsmodels():
    ours = fit_multinomial(DESIGN, ARM, levels=ARMS)
    theirs = sm.MNLogit(ARM, X).fit(disp=0, method="newton", maxiter=15)
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-6)
    np.testing.assert_allclose(ours.bread, theirs.cov_params(), rtol=1e-5, atol=1e-10)
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-12)
    np.testing.assert_allclose(probabilities(DESIGN, ours), theirs.predict(), rtol=1e-7)


def test_two_arms_are_a_logit():
    codes = BINARY.astype(int)
    one, other = fit(DESIGN, BINARY, family="logit"), fit_multinomial(DESIGN, codes, levels="ab")
    np.testing.assert_allclose(other.coefficients[:, 0], one.coefficients, rtol=1e-9)
    np.testing.assert_allclose(other.bread, one.bread, rtol=1e-7)
    np.testing.assert_allclose(probabilities(DESIGN, one), probabilities(DESIGN, other), rtol=1e-9)
    np.testing.assert_allclose(mean(DESIGN, one), probabilities(DESIGN, one)[:, 1], rtol=1e-12)


def log_likelihood(name: str, coefficients: np.ndarray) -> float:
    """Written apart from the kernels, row by row where that is plain."""
    offset = np.log(EXPOSURE)
    if name == "multinomial":
        table = np.column_stack([np.zeros(N), X @ coefficients.reshape(2, -1).T])
        table -= np.log(np.exp(table).sum(axis=1, keepdims=True))
        return float(WEIGHTS @ table[np.arange(N), ARM])
    x, y = X @ coefficients + offset, Y[name]
    rows = {
        "linear": lambda: -0.5 * (y - x) ** 2,
        "logit": lambda: np.where(y == 1, -np.log1p(np.exp(-x)), -np.log1p(np.exp(x))),
        "poisson": lambda: y * x - np.exp(x),
    }[name]()
    return float(WEIGHTS @ rows)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson", "multinomial"])
def test_bread_is_the_inverse_of_the_hessian_by_finite_differences(name):
    if name == "multinomial":
        fitted = fit_multinomial(DESIGN, ARM, levels=ARMS, weights=WEIGHTS)
    else:
        fitted = fit(DESIGN, Y[name], family=name, weights=WEIGHTS, offset=np.log(EXPOSURE))
    at = fitted.coefficients.T.ravel()
    size = len(at)
    # Steps along half-width ellipsoid axes: the year's column would otherwise swamp the others.
    axes = np.linalg.cholesky(fitted.bread) * 0.05
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [
                s * t * log_likelihood(name, at + s * axes[:, i] + t * axes[:, j])
                for s in (1, -1)
                for t in (1, -1)
            ]
            hessian[i, j] = -sum(corners) / (4 * 0.05**2)
    np.testing.assert_allclose(hessian, np.eye(size), atol=5e-3)
    assert fitted.log_likelihood == pytest.approx(log_likelihood(name, at), rel=1e-10)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
def test_doubling_the_data_keeps_coefficients_and_halves_the_bread(name):
    once = fit(DESIGN, Y[name], family=name)
    twice = fit(Dense(np.vstack([X, X]), NAMES), np.tile(Y[name], 2), family=name)
    weighted = fit(DESIGN, Y[name], family=name, weights=np.full(N, 2.0))
    for other in (twice, weighted):
        np.testing.assert_allclose(other.coefficients, once.coefficients, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(other.bread, once.bread / 2, rtol=1e-6)
        assert other.log_likelihood == pytest.approx(2 * once.log_likelihood)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
def test_the_order_of_rows_and_columns_does_not_matter(name):
    rows, columns = RANDOM.permutation(N), [3, 1, 4, 0, 2]
    turned = Dense(X[rows][:, columns], tuple(NAMES[place] for place in columns))
    one, other = fit(DESIGN, Y[name], family=name), fit(turned, Y[name][rows], family=name)
    np.testing.assert_allclose(other.coefficients, one.coefficients[columns], rtol=1e-7, atol=1e-10)


def test_multinomial_arms_change_places_with_their_coefficients():
    one = fit_multinomial(DESIGN, ARM, levels=ARMS)
    swapped = np.array([1, 0, 2])[ARM]
    other = fit_multinomial(DESIGN, swapped, levels=("support", "none", "plan"))
    np.testing.assert_allclose(other.coefficients[:, 0], -one.coefficients[:, 0], rtol=1e-7)
    np.testing.assert_allclose(
        other.coefficients[:, 1], one.coefficients[:, 1] - one.coefficients[:, 0], rtol=1e-6
    )


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
def test_flipping_a_column_flips_its_coefficient_alone(name):
    flipped = X * np.array([1, 1, -1, 1, 1])
    one, other = fit(DESIGN, Y[name], family=name), fit(Dense(flipped, NAMES), Y[name], family=name)
    np.testing.assert_allclose(
        other.coefficients, one.coefficients * [1, 1, -1, 1, 1], rtol=1e-7, atol=1e-10
    )


def discrete() -> tuple[Dense, np.ndarray]:
    table = np.column_stack([np.ones(N), RANDOM.integers(0, 2, N), RANDOM.integers(0, 3, N)])
    return Dense(table, ("intercept", "boy", "band")), RANDOM.integers(1, 4, N).astype(float)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
def test_cells_with_counts_give_the_fit_of_the_rows(name):
    design, weights = discrete()
    cells = group([design.array[:, 1], design.array[:, 2]], values=Y[name], weights=weights)
    assert len(cells.rows) == 6
    rows = fit(design, Y[name], family=name, weights=weights)
    grouped = fit(design.take(cells.rows), cells.mean[:, 0], family=name, weights=cells.count)
    np.testing.assert_allclose(grouped.coefficients, rows.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(grouped.bread, rows.bread, rtol=1e-9)


def test_cells_with_the_arm_in_the_key_give_the_multinomial_of_the_rows():
    design, weights = discrete()
    cells = group([design.array[:, 1], design.array[:, 2], ARM], weights=weights)
    rows = fit_multinomial(design, ARM, levels=ARMS, weights=weights)
    grouped = fit_multinomial(
        design.take(cells.rows), ARM[cells.rows], levels=ARMS, weights=cells.count
    )
    np.testing.assert_allclose(grouped.coefficients, rows.coefficients, rtol=1e-8)
    np.testing.assert_allclose(grouped.bread, rows.bread, rtol=1e-7)


def test_a_fit_that_starts_from_a_sample_is_the_fit_of_all_rows():
    rows = 120_000
    x = np.column_stack([np.ones(rows), RANDOM.normal(size=(rows, 2))])
    rare = np.arange(rows) % 4001 == 7  # in no row of the strided sample
    design = Dense(np.column_stack([x, rare]), ("intercept", "a", "b", "rare"))
    y = (RANDOM.random(rows) < 1 / (1 + np.exp(-x[:, 1] - 0.5 * rare))).astype(float)
    theirs = sm.Logit(y, design.array).fit(disp=0, method="newton", tol=1e-12)
    ours = fit(design, y, family="logit")
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-7, atol=1e-9)
    assert ours.iterations <= 5
    count = RANDOM.poisson(np.exp(x[:, 1] + 2.0)).astype(float)
    theirs = sm.GLM(count, design.array, family=sm.families.Poisson()).fit(tol=1e-12)
    ours = fit(design, count, family="poisson")
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-7, atol=1e-9)


def test_lazy_terms_and_a_matrix_in_memory_give_one_fit():
    columns = {name: Column(X[:, place]) for place, name in enumerate(NAMES) if place}
    lazy = fit(Terms(columns, linear(NAMES[1:])), BINARY, family="logit")
    np.testing.assert_allclose(
        lazy.coefficients, fit(DESIGN, BINARY, family="logit").coefficients, rtol=1e-10
    )


def test_large_counts_and_large_offsets_need_no_luck_to_start():
    x = np.column_stack([np.ones(N), X[:, 1]])
    exposure = 10.0 ** RANDOM.uniform(0, 6, N)
    y = RANDOM.poisson(exposure * np.exp(0.7 * X[:, 1])).astype(float)
    ours = fit(Dense(x, ("intercept", "need")), y, family="poisson", offset=np.log(exposure))
    assert ours.converged
    score = x.T @ (y - exposure * np.exp(x @ ours.coefficients))
    np.testing.assert_allclose(score / y.sum(), 0.0, atol=1e-10)


def test_large_counts_take_few_passes():
    design = DESIGN.take(np.arange(N))
    y = RANDOM.poisson(1e6 * np.exp(0.7 * X[:, 1])).astype(float)
    fitted = fit(design, y, family="poisson")
    assert fitted.converged and fitted.iterations <= 7


@pytest.mark.parametrize("name", ["logit", "poisson"])
@pytest.mark.parametrize("every", [300, 3000, 30_000])
@pytest.mark.parametrize("share", [0.9, 0.02])
def test_a_category_that_misleads_the_sample_is_fitted_all_the_same(name, every, share):
    rows = 400_000
    step = rows // 25_000
    place = np.arange(rows)
    rare = place % every < 2 * step
    y = (RANDOM.random(rows) < 0.3) * 1.0
    # In the strided sample the category has no event, as if it were separated.
    y[rare] = (place[rare] % step != 0) & (RANDOM.random(rare.sum()) < share)
    y[1] = 1.0
    design = Dense(np.column_stack([np.ones(rows), rare]), ("intercept", "rare"))
    fitted = fit(design, y, family=name)
    assert fitted.converged and not fitted.separated and fitted.iterations <= 9
    assert mean(design, fitted)[0] == pytest.approx(y[rare].mean(), rel=1e-9)
    assert mean(design, fitted)[-1] == pytest.approx(y[~rare].mean(), rel=1e-9)


@pytest.mark.parametrize("name", ["linear", "logit", "poisson"])
def test_a_column_far_from_zero_is_fitted_as_if_it_were_centred(name):
    date = 1.5e9 + 10.0 * X[:, 2]
    far = np.column_stack([X[:, 1], date, 3.0 * np.ones(N)])
    near = np.column_stack([X[:, 1], 10.0 * X[:, 2], 3.0 * np.ones(N)])
    names = ("need", "date", "three")
    one, other = (fit(Dense(x, names), Y[name], family=name) for x in (far, near))
    np.testing.assert_allclose(one.coefficients[:2], other.coefficients[:2], rtol=1e-6)
    np.testing.assert_allclose(one.bread[:2, :2], other.bread[:2, :2], rtol=1e-6)
    # The intercept of the far column follows from the shift, and so does its variance.
    shift = np.array([0.0, -1.5e9 / 3.0, 1.0])
    assert one.coefficients[2] == pytest.approx(shift @ other.coefficients, rel=1e-6)
    assert one.bread[2, 2] == pytest.approx(shift @ other.bread @ shift, rel=1e-6)


def test_rows_of_next_to_no_weight_can_be_separated_too():
    design, y = separated_by_two()
    weights = np.where(design.array[:, 1] == 1, 1e-18, 1.0)
    assert fit(design, y, family="logit", weights=weights).separated


def test_ridge_is_sklearns_penalty_on_columns_in_standard_units():
    z = RANDOM.normal(size=(N, 3))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    y = (RANDOM.random(N) < 1 / (1 + np.exp(-z[:, 0]))).astype(float)
    theirs = LogisticRegression(C=1 / 20.0, tol=1e-10, max_iter=10_000).fit(z, y)
    units = np.array([1.0, 12.0, 0.01])
    design = Dense(np.column_stack([np.ones(N), z * units + 4.0]), ("intercept", "a", "b", "c"))
    ours = fit(design, y, family="logit", ridge=20.0)
    np.testing.assert_allclose(ours.coefficients[1:] * units, theirs.coef_[0], rtol=1e-4)


def separated_by_two() -> tuple[Dense, np.ndarray]:
    x = np.repeat([0.0, 1.0], [10, 8])
    y = np.concatenate([np.repeat([1.0, 0.0], [4, 6]), np.zeros(8)])
    return Dense(np.column_stack([np.ones(18), x]), ("intercept", "plan")), y


@pytest.mark.parametrize("name", ["logit", "poisson"])
def test_a_group_without_events_is_flagged_as_separated(name):
    design, y = separated_by_two()
    fitted = fit(design, y, family=name)
    assert fitted.separated and not fitted.converged
    assert np.all(np.isfinite(fitted.coefficients)) and np.all(np.isfinite(fitted.bread))
    # What is not separated has its maximum-likelihood value all the same.
    assert mean(design, fitted)[0] == pytest.approx(0.4, abs=1e-6)


def test_perfect_prediction_and_an_outcome_without_events_are_flagged():
    need = X[:, 1]
    assert fit(DESIGN, (need > 0.1) * 1.0, family="logit").separated
    assert fit(DESIGN, np.zeros(N), family="logit").separated
    assert fit(DESIGN, np.zeros(N), family="poisson").separated
    never = np.where(need > 1.0, 0, ARM)
    lone = Dense(np.column_stack([np.ones(N), need > 1.0]), ("intercept", "severe"))
    assert fit_multinomial(lone, never, levels=ARMS).separated


def test_one_event_among_thousands_is_rare_but_not_separated():
    size = 40_000
    plan = np.arange(size) % 4 == 0
    y = (RANDOM.random(size) < 0.3) * ~plan
    y[0] = 1.0
    design = Dense(np.column_stack([np.ones(size), plan]), ("intercept", "plan"))
    fitted = fit(design, y, family="logit")
    assert fitted.converged and not fitted.separated
    assert mean(design, fitted)[0] == pytest.approx(1 / 10_000, rel=1e-8)


@pytest.mark.parametrize("name", ["logit", "poisson"])
def test_firth_on_a_saturated_model_adds_half_an_event_to_each_cell(name):
    # Firth (1993): in a saturated model Jeffreys' prior is the addition of 1/2 to each cell.
    design, y = separated_by_two()
    fitted = fit(design, y, family=name, firth=True)
    assert fitted.converged and not fitted.separated
    plain = {"logit": [4.5 / 11.0, 0.5 / 9.0], "poisson": [4.5 / 10.0, 0.5 / 8.0]}[name]
    np.testing.assert_allclose(mean(design, fitted)[[0, -1]], plain, rtol=1e-6)


def test_firth_on_a_saturated_multinomial_adds_half_a_child_to_each_cell():
    design, _ = separated_by_two()
    codes = np.array([0] * 5 + [1] * 3 + [2] * 2 + [0] * 6 + [1] * 2)
    fitted = fit_multinomial(design, codes, levels=ARMS, firth=True)
    found = probabilities(design, fitted)[[0, -1]]
    np.testing.assert_allclose(
        found, [[5.5 / 11.5, 3.5 / 11.5, 2.5 / 11.5], [6.5 / 9.5, 2.5 / 9.5, 0.5 / 9.5]], rtol=1e-6
    )


@pytest.mark.parametrize("name", ["logit", "poisson", "multinomial"])
def test_firth_is_the_greatest_penalised_likelihood_by_a_general_optimiser(name):
    x = X[:40, :3]
    y, arm = Y.get(name, BINARY)[:40], ARM[:40]
    design = Dense(x, NAMES[:3])

    def penalised(b: np.ndarray) -> float:
        if name == "multinomial":
            table = np.column_stack([np.zeros(40), x @ b.reshape(2, 3).T])
            table -= np.log(np.exp(table).sum(axis=1, keepdims=True))
            p = np.exp(table[:, 1:])
            spread = np.einsum("ra,ab->rab", p, np.eye(2)) - np.einsum("ra,rb->rab", p, p)
            value = table[np.arange(40), arm].sum()
        else:
            eta = x @ b
            logit = name == "logit"
            p = 1 / (1 + np.exp(-eta)) if logit else np.exp(eta)
            spread = (p * (1 - p) if logit else p)[:, None, None]
            value = (y * eta - (np.log1p(np.exp(eta)) if logit else p)).sum()
        size = spread.shape[1]
        information = np.einsum("rab,ri,rj->aibj", spread, x, x).reshape(3 * size, 3 * size)
        return -value - 0.5 * np.linalg.slogdet(information)[1]

    if name == "multinomial":
        fitted = fit_multinomial(design, arm, levels=ARMS, firth=True)
    else:
        fitted = fit(design, y, family=name, firth=True)
    ours = fitted.coefficients.T.ravel()
    best = scipy.optimize.minimize(penalised, np.zeros_like(ours), method="BFGS", tol=1e-9)
    np.testing.assert_allclose(ours, best.x, atol=2e-5)
    assert fitted.log_likelihood == pytest.approx(-best.fun, rel=1e-9)


def test_a_collinear_column_is_refused_by_name():
    doubled = Dense(np.column_stack([X, 2 * X[:, 1] - X[:, 2]]), (*NAMES, "again"))
    for name, y in Y.items():
        with pytest.raises(NotFitted, match="again"):
            fit(doubled, y, family=name)
    with pytest.raises(NotFitted, match="again"):
        fit_multinomial(doubled, ARM, levels=ARMS)


def test_more_columns_than_rows_are_refused():
    with pytest.raises(NotFitted):
        fit(DESIGN.take(np.arange(4)), SCORE[:4], family="linear")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "probit"}, "no family"),
        ({"family": "logit"}, "at most 1"),
        ({"family": "poisson", "y": -COUNT}, "at least 0"),
        ({"y": COUNT[:-1]}, "has 800 rows"),
        ({"weights": -WEIGHTS}, "not be negative"),
        ({"offset": np.full(N, np.nan)}, "missing or infinite"),
        ({"y": np.full(N, np.nan)}, "missing or infinite"),
    ],
)
def test_wrong_input_is_one_clear_error(change, message):
    call = {"y": COUNT, "family": "linear", **change}
    with pytest.raises(UsageError, match=message):
        fit(DESIGN, call.pop("y"), **call)


def test_an_arm_without_a_child_is_named():
    with pytest.raises(TooFew, match="plan"):
        fit_multinomial(DESIGN, np.minimum(ARM, 1), levels=ARMS)
    with pytest.raises(UsageError, match="between 0 and 1"):
        fit_multinomial(DESIGN, ARM, levels=("none", "support"))


def test_means_include_the_offset_and_blocks_do_not_show():
    fitted = fit(DESIGN, COUNT, family="poisson", offset=np.log(EXPOSURE))
    by_hand = EXPOSURE * np.exp(X @ fitted.coefficients)
    np.testing.assert_allclose(mean(DESIGN, fitted, offset=np.log(EXPOSURE)), by_hand, rtol=1e-12)
    np.testing.assert_allclose(mean(DESIGN, fitted) * EXPOSURE, by_hand, rtol=1e-12)
    with pytest.raises(UsageError, match="no probabilities"):
        probabilities(DESIGN, fitted)
    assert isinstance(fitted, GlmFit)


def test_a_fit_holds_blocks_and_never_a_copy_of_the_design():
    rows = 150_000
    columns = {f"x{j}": Column(RANDOM.normal(size=rows)) for j in range(20)}
    design = Terms(columns, linear(tuple(columns)))
    arm = RANDOM.integers(0, 3, rows)
    tracemalloc.start()
    fit_multinomial(design, arm, levels=ARMS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * rows * 21, "the sample of 25,000 rows is the largest thing held"
