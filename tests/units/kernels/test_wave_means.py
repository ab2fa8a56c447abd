"""Statistics over draws against loops, and ratios' variance against drawing again."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.wave_means import deviations, over_draws


def test_draws_are_summed_as_a_loop_sums_them():
    r = np.random.default_rng(1)
    forms, sizes = r.standard_normal((9, 3, 2)), r.integers(1, 5, (9, 3)).astype(float)
    codes = np.array([r.permutation(np.arange(9) % 3) for _ in range(7)])
    value, covariance = over_draws(forms, sizes, codes=codes, pairs=[(0, 0), (0, 1)])
    for d, code in enumerate(codes):
        total, both = np.zeros(2), np.zeros((2, 2))
        for w in range(3):
            own, m = forms[code == w, w], sizes[code == w, w]
            mean = own.sum(axis=0) / m.sum()
            left = (own - m[:, None] * mean) / m.sum()
            total += mean
            both += left.T @ left * 3 / 2
        assert value[d] == pytest.approx(total)
        assert covariance[d] == pytest.approx([both[0, 0], both[0, 1]])


def test_with_one_unit_a_cluster_the_variance_is_neymans():
    r = np.random.default_rng(2)
    y, wave = r.standard_normal((12, 3)), np.arange(12) % 2
    away = deviations(y, np.ones(12), wave=wave)
    for w in (0, 1):
        assert away[wave == w].T @ away[wave == w] == pytest.approx(np.cov(y[wave == w].T) / 6)


def test_a_wave_of_one_has_no_deviation():
    assert not deviations(np.ones((1, 2)), np.ones(1), wave=np.zeros(1, int)).any()
