"""Inference written once: laws and independent formulae."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Influence, Matrix, Replicates
from fingerpost.core.inference import (
    complete_df,
    contrast,
    covariance,
    critical_values,
    intervals,
    joint_bands,
    joint_covariance,
    pool,
    select,
    standard_errors,
)


def terms(q: int) -> tuple[Term, ...]:
    return tuple(Term(f"y{i}", pair("b", "a"), Target("ate")) for i in range(q))


def influential(sums: np.ndarray, units: np.ndarray | None = None, **more) -> Estimate:
    units = np.arange(len(sums)) if units is None else units
    spread = Influence(sums, units, **more)
    return Estimate(terms(sums.shape[1]), np.zeros(sums.shape[1]), spread)


@pytest.fixture
def sums() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((40, 3))


def test_influence_gives_the_sum_of_outer_products(sums: np.ndarray) -> None:
    expected = sum(np.outer(row, row) for row in sums) * 40 / 39
    assert covariance(influential(sums, correction=40 / 39)) == pytest.approx(expected)


def test_influence_is_centred_within_strata(sums: np.ndarray) -> None:
    strata = np.repeat([0, 1], 20)
    away = np.concatenate([sums[:20] - sums[:20].mean(0), sums[20:] - sums[20:].mean(0)])
    assert covariance(influential(sums, strata=strata)) == pytest.approx(away.T @ away)


def test_replicates_give_their_sample_covariance(sums: np.ndarray) -> None:
    estimate = Estimate(terms(3), np.zeros(3), Replicates(sums))
    assert covariance(estimate) == pytest.approx(np.cov(sums.T))


def test_a_contrast_of_an_estimate_has_the_variance_of_the_contrast(sums: np.ndarray) -> None:
    weights = np.array([[1.0, -1.0, 0.0]])
    for estimate in (
        influential(sums),
        Estimate(terms(3), np.zeros(3), Replicates(sums)),
        Estimate(terms(3), np.zeros(3), Matrix(np.cov(sums.T)), extra=np.eye(3)),
    ):
        whole = covariance(estimate)
        assert covariance(contrast(estimate, weights, terms=terms(1))) == pytest.approx(
            weights @ whole @ weights.T
        )


def test_intervals_use_t_where_degrees_of_freedom_are_finite() -> None:
    estimate = Estimate(
        terms(2), np.array([1.0, 1.0]), Matrix(np.eye(2)), df=np.array([7.3, np.inf])
    )
    found = intervals(estimate, 0.9)
    assert found[0] == pytest.approx(stats.t.interval(0.9, 7.3, loc=1.0))
    assert found[1] == pytest.approx(stats.norm.interval(0.9, loc=1.0))


def test_joint_covariance_joins_by_unit(sums: np.ndarray) -> None:
    """Two estimates on overlapping units: only the shared units make them covary."""
    first = influential(sums[:30, :1], np.arange(30))
    second = influential(sums[10:, 1:2], np.arange(10, 40))
    joint = joint_covariance([first, second])
    assert joint[0, 1] == pytest.approx(sums[10:30, 0] @ sums[10:30, 1])
    assert np.diag(joint) == pytest.approx([(sums[:30, 0] ** 2).sum(), (sums[10:, 1] ** 2).sum()])


def test_joint_covariance_is_unknown_where_nothing_is_shared(sums: np.ndarray) -> None:
    other = Estimate(terms(1), np.zeros(1), Matrix(np.eye(1)))
    joint = joint_covariance([influential(sums[:, :1]), other])
    assert np.isnan(joint[0, 1])
    assert joint[1, 1] == 1.0


def test_joint_bands_of_one_term_are_its_interval_and_of_many_bonferroni_at_most() -> None:
    one = Estimate(terms(1), np.zeros(1), Matrix(np.eye(1)))
    bands = joint_bands(one, np.random.default_rng(1), draws=400_000)
    assert bands[0, 1] == pytest.approx(stats.norm.ppf(0.975), abs=0.01)
    five = Estimate(terms(5), np.zeros(5), Matrix(np.eye(5)))
    reach = joint_bands(five, np.random.default_rng(1), draws=400_000)[0, 1]
    sidak = stats.norm.ppf(0.5 + 0.95 ** (1 / 5) / 2)
    assert reach == pytest.approx(sidak, abs=0.01)


def test_pooling_follows_rubin_and_barnard_rubin() -> None:
    """Worked by hand from Rubin (1987) and Barnard & Rubin (1999), Biometrika 86:948, eq. 3."""
    values, within = np.array([1.0, 1.4, 1.2, 0.8, 1.1]), np.array([0.04, 0.05, 0.045, 0.04, 0.05])
    estimates = [
        Estimate(terms(1), np.array([v]), Matrix(np.array([[w]])))
        for v, w in zip(values, within, strict=True)
    ]
    m, complete = 5, 30.0
    between = values.var(ddof=1)
    total = within.mean() + (1 + 1 / m) * between
    gamma = (1 + 1 / m) * between / total
    old = (m - 1) / gamma**2
    seen = (complete + 1) / (complete + 3) * complete * (1 - gamma)
    pooled = pool(estimates, complete)
    assert pooled.value == pytest.approx([1.1])
    assert standard_errors(pooled) == pytest.approx([np.sqrt(total)])
    assert pooled.df == pytest.approx([1 / (1 / old + 1 / seen)])


def test_pooling_identical_replicates_changes_nothing() -> None:
    one = Estimate(terms(1), np.array([2.0]), Matrix(np.array([[0.25]])))
    pooled = pool([one, one, one])
    assert standard_errors(pooled) == pytest.approx([0.5])
    assert pooled.df == pytest.approx([np.inf])


def test_a_selection_keeps_all_that_is_known_of_its_terms(sums: np.ndarray) -> None:
    spreads = (Influence(sums, np.arange(40)), Replicates(sums), Matrix(np.cov(sums.T)))
    for spread in spreads:
        whole = Estimate(
            terms(3),
            np.array([1.0, 2.0, 3.0]),
            spread,
            extra=np.diag([0.1, 0.2, 0.3]),
            df=np.array([5.0, 6.0, np.inf]),
            n=np.array([10, 20, 30]),
            arm_n=np.array([[4, 6], [9, 11], [14, 16]]),
            clusters=np.array([3, 4, 5]),
            interval=("a", "b", "c"),
            critical=np.array([2.0, 3.0, 4.0]),
        )
        part, at = select(whole, [2, 0]), [2, 0]
        assert part.terms == (whole.terms[2], whole.terms[0])
        assert covariance(part) == pytest.approx(covariance(whole)[np.ix_(at, at)])
        assert intervals(part, 0.9) == pytest.approx(intervals(whole, 0.9)[at])
        assert part.interval == ("c", "a")
        for name in ("value", "df", "n", "arm_n", "clusters", "critical"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[at])


def test_a_selection_keeps_its_own_bounds() -> None:
    bounds = np.array([[0.0, 1.0], [-np.inf, 2.0]])
    whole = Estimate(terms(2), np.zeros(2), None, bounds=bounds)
    assert np.array_equal(intervals(select(whole, [1])), bounds[[1]])


def test_pooling_keeps_the_centre_of_intervals_that_are_not_centred_on_the_value() -> None:
    """Robust limits lie 0.3 above their values on average, and still do once pooled; the reach is
    Rubin's, as it is without them.
    """
    values, away = (1.0, 1.2, 0.8), (0.2, 0.3, 0.4)
    plain = [Estimate(terms(1), np.array([v]), Matrix(np.array([[0.04]]))) for v in values]
    bound = [
        Estimate(
            terms(1),
            np.array([v]),
            Matrix(np.array([[0.04]])),
            bounds=np.array([[v + d - 0.5, v + d + 0.5]]),
        )
        for v, d in zip(values, away, strict=True)
    ]
    expected, found = intervals(pool(plain, 40.0)), intervals(pool(bound, 40.0))
    assert pool(bound, 40.0).value == pytest.approx([1.0])
    assert found.mean(axis=1) == pytest.approx([1.3])
    assert np.diff(found) == pytest.approx(np.diff(expected))
    mixed = pool([bound[0], plain[1], plain[2]], 40.0)
    assert mixed.bounds is None


def with_critical(value: float, critical: float | None, df: float = 11.0) -> Estimate:
    own = None if critical is None else np.array([critical])
    spread = Matrix(np.array([[0.04]]))
    clusters = np.array([int(df) + 1])
    return Estimate(
        terms(1), np.array([value]), spread, df=np.array([df]), critical=own, clusters=clusters
    )


def test_pooled_intervals_are_widened_as_those_of_few_clusters_are() -> None:
    """A wild bootstrap of 12 clusters gives 2.8 to 3.1 where t with 11 degrees has 2.20."""
    t = float(stats.t.ppf(0.975, 11))
    copies = [with_critical(v, c) for v, c in ((0.8, 2.9), (1.0, 3.1), (1.2, 2.8))]
    plain = [with_critical(one.value[0], None) for one in copies]
    found, bare = pool(copies, complete_df(copies)), pool(plain, complete_df(plain))
    assert found.df == pytest.approx(bare.df)
    widened = float(critical_values(bare, 0.95)[0]) * np.mean([2.9, 3.1, 2.8]) / t
    assert critical_values(found, 0.95) == pytest.approx([widened])
    assert widened > 3.1
    assert "resampling" in found.interval[0]
    assert "resampling" not in bare.interval[0]


def test_a_pooled_critical_value_is_never_below_that_of_a_copy() -> None:
    """Nor where one copy alone was judged by resampling, or where one says nothing at all."""
    alike = [with_critical(1.0, c) for c in (2.3, 3.1, 2.3)]
    assert critical_values(pool(alike, complete_df(alike)), 0.95) == pytest.approx([3.1])
    mixed = [with_critical(1.0, None), with_critical(1.1, 4.0), with_critical(0.9, None)]
    assert critical_values(pool(mixed, complete_df(mixed)), 0.95)[0] >= 4.0
    endless = [with_critical(1.0, np.inf), with_critical(1.1, 2.5)]
    assert np.isinf(intervals(pool(endless, 11.0))).all()


def test_complete_data_have_the_degrees_of_freedom_of_the_replicate_with_the_fewest() -> None:
    ten, children = with_critical(1.0, None, df=9.0), Estimate(terms(1), np.zeros(1), None)
    assert complete_df([with_critical(1.0, None), ten]) == pytest.approx([9.0])
    assert complete_df([children]) == pytest.approx([np.inf])
    assert complete_df([replace(children, n=np.array([40]))]) == pytest.approx([39.0])
    few = replace(children, clusters=np.array([30]), df=np.array([12.5]))
    assert complete_df([few]) == pytest.approx([12.5])
