"""Few clusters: against a plain dense implementation, against statsmodels, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.kernels.small_sample import clustered_least_squares

RANDOM = np.random.default_rng(17)
SIZES = [3, 25, 8, 40, 1, 12, 5, 30, 9]
SCHOOL = np.repeat(np.arange(len(SIZES)) * 7 + 100, SIZES)
N = len(SCHOOL)
SPECIAL = np.isin(SCHOOL, [100, 121, 149]) * 1.0
X = np.column_stack([np.ones(N), SPECIAL, RANDOM.normal(size=(N, 2)) + SPECIAL[:, None]])
Y = X @ [1.0, 0.5, -1.0, 0.2] + RANDOM.normal(size=N)
WEIGHTS = RANDOM.gamma(2.0, 1.0, N)
CONTRASTS = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -2.0]])


def inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    roots = np.where(values > 1e-9, np.abs(values) ** -0.5, 0.0)
    return vectors @ np.diag(roots) @ vectors.T


def dense(x, y, w, codes, contrasts):
    """CR2 and Satterthwaite as the formulas stand, with n × n matrices."""
    n, weight = len(y), np.diag(w)
    bread = np.linalg.inv(x.T @ weight @ x)
    maker = np.eye(n) - x @ bread @ x.T @ weight
    spread = maker @ maker.T
    meat, columns = 0.0, []
    residual = maker @ y
    for key in np.unique(codes):
        rows = codes == key
        adjust = inverse_root(spread[np.ix_(rows, rows)])
        score = x[rows].T @ weight[np.ix_(rows, rows)] @ adjust
        meat = meat + np.outer(score @ residual[rows], score @ residual[rows])
        columns.append(maker[rows].T @ (contrasts @ bread @ score).T)
    covariance = bread @ meat @ bread
    df = []
    for q in range(len(contrasts)):
        g = np.column_stack([column[:, q] for column in columns])
        values = np.linalg.eigvalsh(g.T @ g)
        df.append(values.sum() ** 2 / (values**2).sum())
    return covariance, np.array(df)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("absorbed", [False, True], ids=["free", "school effects"])
def test_cr2_and_its_df_are_those_of_the_dense_formulas(weights, absorbed):
    x, contrasts = X, CONTRASTS
    if absorbed:
        # Each school's own column is fitted exactly within it: the inverse root is a pseudo-one.
        x = np.column_stack([X[:, 2:], SCHOOL[:, None] == np.unique(SCHOOL)]).astype(float)
        contrasts = np.eye(2, x.shape[1])
    found = clustered_least_squares(x, Y, codes=SCHOOL, contrasts=contrasts, weights=weights)
    w = np.ones(N) if weights is None else weights
    covariance, df = dense(x, Y, w, SCHOOL, contrasts)
    part = slice(0, 2) if absorbed else slice(None)
    np.testing.assert_allclose(
        found.covariance[part, part], covariance[part, part], rtol=1e-7, atol=1e-12
    )
    np.testing.assert_allclose(found.df, df, rtol=1e-7)
    np.testing.assert_allclose(
        found.se**2, np.diag(contrasts @ covariance @ contrasts.T), rtol=1e-7
    )
    np.testing.assert_allclose(found.value, contrasts @ found.coefficients)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_cr0_and_cr1_are_those_of_statsmodels(weights):
    theirs = sm.WLS(Y, X, weights=np.ones(N) if weights is None else weights).fit(
        cov_type="cluster", cov_kwds={"groups": SCHOOL, "use_correction": False}
    )
    plain = clustered_least_squares(X, Y, codes=SCHOOL, weights=weights, correction="CR0")
    np.testing.assert_allclose(plain.coefficients, theirs.params, rtol=1e-9)
    np.testing.assert_allclose(plain.covariance, theirs.cov_params(), rtol=1e-9)
    corrected = clustered_least_squares(X, Y, codes=SCHOOL, weights=weights, correction="CR1")
    np.testing.assert_allclose(corrected.covariance, plain.covariance * 9 / 8, rtol=1e-12)
    assert corrected.df.tolist() == [8.0] * 4


def test_with_each_child_its_own_cluster_cr2_is_hc2_and_df_that_of_two_groups():
    arm = np.repeat([0.0, 1.0], [7, 21])
    y = RANDOM.normal(size=28) + arm
    x = np.column_stack([np.ones(28), arm])
    found = clustered_least_squares(x, y, codes=np.arange(28), contrasts=np.array([[0.0, 1.0]]))
    theirs = sm.OLS(y, x).fit(cov_type="HC2")
    np.testing.assert_allclose(found.covariance, theirs.cov_params(), rtol=1e-9)
    # Imbens & Kolesár (2016), Review of Economics and Statistics 98:701: two groups.
    a, b = 7, 21
    wanted = (a + b) ** 2 * (a - 1) * (b - 1) / (a**2 * (a - 1) + b**2 * (b - 1))
    assert found.df[0] == pytest.approx(wanted)


def test_equal_clusters_wholly_in_one_arm_have_the_df_of_a_t_test_of_their_means():
    school = np.repeat(np.arange(12), 6)
    arm = (school < 6) * 1.0
    y = RANDOM.normal(size=72) + RANDOM.normal(size=12)[school]
    x = np.column_stack([np.ones(72), arm])
    found = clustered_least_squares(x, y, codes=school, contrasts=np.array([[0.0, 1.0]]))
    means = y.reshape(12, 6).mean(axis=1)
    theirs = scipy.stats.ttest_ind(means[:6], means[6:])
    assert found.df[0] == pytest.approx(10.0)
    assert found.value[0] / found.se[0] == pytest.approx(theirs.statistic)


def test_the_order_of_children_and_the_names_of_schools_do_not_matter():
    order = RANDOM.permutation(N)
    one = clustered_least_squares(X, Y, codes=SCHOOL, weights=WEIGHTS)
    other = clustered_least_squares(
        X[order], Y[order], codes=-SCHOOL[order], weights=3 * WEIGHTS[order]
    )
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-9)
    np.testing.assert_allclose(other.df, one.df, rtol=1e-9)
    np.testing.assert_allclose(one.influence.T @ one.influence, one.covariance, rtol=1e-12)


def test_tests_hold_their_size_with_three_treated_schools_of_nine():
    contrast = np.array([[0.0, 1.0, 0.0, 0.0]])
    small = naive = 0
    for _ in range(400):
        y = RANDOM.normal(size=N) + 0.3 * RANDOM.normal(size=9)[(SCHOOL - 100) // 7]
        found = clustered_least_squares(X, y, codes=SCHOOL, contrasts=contrast)
        t = abs(found.value[0] / found.se[0])
        small += t > scipy.stats.t.ppf(0.975, found.df[0])
        plain = clustered_least_squares(X, y, codes=SCHOOL, contrasts=contrast, correction="CR0")
        naive += abs(plain.value[0] / plain.se[0]) > 1.96
    # Monte Carlo standard error of .05 over 400 draws is .011.
    assert small / 400 < 0.09
    assert naive / 400 > 0.12, "without the correction the size is far off"


def test_what_cannot_be_done_is_said():
    with pytest.raises(TooFew, match="two clusters"):
        clustered_least_squares(X, Y, codes=np.zeros(N, dtype=int))
    with pytest.raises(NotFitted):
        clustered_least_squares(np.column_stack([X, X[:, 1]]), Y, codes=SCHOOL)
    with pytest.raises(UsageError, match="CR0, CR1 or CR2"):
        clustered_least_squares(X, Y, codes=SCHOOL, correction="CR3")
