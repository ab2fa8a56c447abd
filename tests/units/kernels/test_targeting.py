"""Targeting curves against their definitions; errors against resampling; rules by trying all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fingerpost.kernels.policy_tree import best_rule, inside
from fingerpost.kernels.targeting import area, gain, group_of, mean_within, ordered, slope

R = np.random.default_rng(5)


def autoc(score: np.ndarray, effect: np.ndarray) -> float:
    """Return the mean over k of the mean effect of the k ranked first, less that of all."""
    best = effect[np.argsort(-score, kind="stable")]
    heads = np.cumsum(best) / np.arange(1, len(best) + 1)
    return float(np.mean(heads - effect.mean()))


def qini(score: np.ndarray, effect: np.ndarray) -> float:
    best = effect[np.argsort(-score, kind="stable")]
    share = np.arange(1, len(best) + 1) / len(best)
    heads = np.cumsum(best) / np.arange(1, len(best) + 1)
    return float(np.mean(share * (heads - effect.mean())))


def test_areas_are_means_of_the_curve():
    score, effect = R.permutation(80).astype(float), R.normal(size=80)
    order = ordered(score, np.ones(80))
    assert area(order, effect).value == pytest.approx(autoc(score, effect), abs=1e-12)
    assert area(order, effect, by_share=True).value == pytest.approx(qini(score, effect), abs=1e-12)
    top = effect[score >= 60].mean() - effect.mean()
    assert gain(order, effect, share=0.25).value == pytest.approx(top, abs=1e-12)


def test_weights_are_copies():
    score, effect = R.permutation(30).astype(float), R.normal(size=30)
    copies = R.integers(1, 4, 30)
    twice = ordered(np.repeat(score, copies), np.ones(copies.sum()))
    once = ordered(score, copies.astype(float))
    several = np.repeat(effect, copies)
    for share in (0.2, 0.55):
        assert gain(once, effect, share=share).value == pytest.approx(
            gain(twice, several, share=share).value, abs=1e-12
        )


def test_one_score_for_all_tells_nothing():
    order, effect = ordered(np.zeros(20), np.ones(20)), R.normal(size=20)
    for told in (area(order, effect), gain(order, effect, share=0.3)):
        assert told.value == pytest.approx(0.0, abs=1e-12)
        assert told.influence == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("by_share", [False, True])
def test_error_of_an_area_is_that_over_samples(by_share):
    """Errors of rankings of samples: the noise of effects, and how they truly differ."""
    values, errors = [], []
    for seed in range(600):
        r = np.random.default_rng(seed)
        z = r.standard_normal(400)
        told = area(ordered(z, np.ones(400)), z + r.standard_normal(400), by_share=by_share)
        values.append(told.value)
        errors.append(np.sqrt(told.influence @ told.influence))
    assert np.mean(errors) / np.std(values) == pytest.approx(1.0, abs=0.1)


def test_area_of_a_normal_effect_is_known():
    """E[z (−log Q(z) − 1)] of a standard normal z is .9032 (by quadrature)."""
    z = np.random.default_rng(1).standard_normal(200_000)
    assert area(ordered(z, np.ones(len(z))), z).value == pytest.approx(0.9032, abs=0.01)


def test_groups_are_of_like_size_and_slope_is_least_squares_within_folds():
    score = R.normal(size=100)
    assert np.bincount(group_of(ordered(score, np.ones(100)), 4)).tolist() == [25] * 4
    own = score > 0
    effect, fold = R.normal(size=100), np.repeat([0, 1], 50)
    assert mean_within(np.ones(100), effect, own=own).value == pytest.approx(effect[own].mean())
    x = np.column_stack([score, fold == 0, fold == 1])
    want = np.linalg.lstsq(x, effect, rcond=None)[0][0]
    assert slope(effect, score, weight=np.ones(100), fold=fold).value == pytest.approx(want)
    assert slope(effect, np.ones(100), weight=np.ones(100), fold=fold) is None


def every_rule(splits: np.ndarray, own: np.ndarray, depth: int, least: int) -> float:
    """Return the most that any rule gains, by trying all."""
    best = max(float(own.sum()), 0.0)
    if depth == 0:
        return best
    for at in range(splits.shape[1]):
        sides = (splits[:, at], ~splits[:, at])
        if min(side.sum() for side in sides) >= least:
            inner = [every_rule(splits[side], own[side], depth - 1, least) for side in sides]
            best = max(best, sum(inner))
    return best


@pytest.mark.parametrize(("seed", "depth", "least"), [*product(range(4), (0, 1, 2), (1, 8))])
def test_rule_gains_most_of_all_rules(seed, depth, least):
    r = np.random.default_rng(seed)
    splits, own = r.random((60, 6)) < 0.4, r.normal(0.1, 1, 60)
    rule = best_rule(splits, own, depth=depth, least=least)
    assert rule.worth == pytest.approx(every_rule(splits, own, depth, least))
    assert own[rule.offers(splits)].sum() == pytest.approx(rule.worth)
    ends = np.sum([inside(leaf, splits) for leaf in rule.leaves], axis=0)
    assert ends.tolist() == [1] * 60
