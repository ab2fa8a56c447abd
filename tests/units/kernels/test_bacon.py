"""The decomposition on cells by hand, with units that have provision throughout."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.kernels.bacon import ALWAYS_KIND, decomposition, two_way_coefficient
from fingerpost.kernels.staggered import NEVER


@pytest.mark.parametrize("begins", [(2, NEVER), (1, 2, 4), (0, 2, 3, NEVER), (0, 3)])
def test_weights_sum_to_one_and_give_the_coefficient(begins):
    r = np.random.default_rng(1)
    own = np.repeat(begins, [5 + 2 * at for at in range(len(begins))])
    y = r.standard_normal((len(own), 6))
    found = decomposition(y, own)
    assert sum(one.weight for one in found) == pytest.approx(1.0)
    value, _ = two_way_coefficient(y, own)
    assert sum(one.weight * one.value for one in found) == pytest.approx(value)
    assert (ALWAYS_KIND in {one.kind for one in found}) == (0 in begins)


def test_two_groups_and_two_periods_are_one_comparison():
    y, begins = np.array([[0.0, 3.0], [1.0, 2.0]]), np.array([1, NEVER])
    (only,) = decomposition(y, begins)
    assert (only.weight, only.value) == pytest.approx((1.0, 2.0))
