"""Differences over draws against the same, one draw at a time and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels import permuted
from fingerpost.kernels.permuted import Totals, differences


def by_hand(totals, arm, pair):
    value, variance = 0.0, 0.0
    for stratum, share in enumerate(totals.share):
        rows = totals.stratum == stratum
        for sign, one in zip((1, -1), pair, strict=True):
            own = rows & (arm == one)
            mean = totals.first[own].sum() / totals.size[own].sum()
            left = totals.first[own] - mean * totals.size[own]
            m = own.sum()
            value += sign * share * mean
            spread = (left @ left) * m / (m - 1) if m > 1 else 0.0
            variance += share**2 * spread / totals.size[own].sum() ** 2
    return value, variance


@pytest.mark.parametrize("part", [7, 10**6])
def test_every_draw_is_what_it_would_be_by_itself(part, monkeypatch):
    monkeypatch.setattr(permuted, "PART", part)
    r = np.random.default_rng(1)
    stratum = np.repeat([0, 1], [8, 12])
    totals = Totals(
        r.normal(size=20), r.normal(size=20), r.uniform(1, 3, 20), stratum, np.array([0.4, 0.6])
    )
    arms = np.stack([np.concatenate([r.permutation(8) % 2, r.permutation(12) % 3]) for _ in "abcd"])
    value, variance, whole = differences((totals, totals), arms, pair=(1, 0))
    for draw, arm in enumerate(arms):
        assert (value[draw, 0], variance[draw, 0]) == pytest.approx(by_hand(totals, arm, (1, 0)))
    assert whole.all()


def test_a_draw_that_leaves_a_stratum_without_an_arm_is_marked():
    totals = Totals(np.arange(4.0), np.zeros(4), np.ones(4), np.zeros(4, int), np.ones(1))
    *_, whole = differences((totals, totals), np.array([[0, 1, 0, 1], [0, 0, 0, 0]]), pair=(1, 0))
    assert whole.tolist() == [True, False]
