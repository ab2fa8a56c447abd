"""Which cells count what in a target: by hand, and by numerical derivative."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.estimand import PANEL_TARGETS
from fingerpost.kernels.staggered import (
    NEVER,
    blocks,
    cell_weights,
    exposed,
    pull_of_sizes,
    since,
    untouched,
)

BEGINS = np.array([NEVER, 1, 2])
SIZES = np.array([5.0, 2.0, 3.0])


def weights(kind, exposure=None, sizes=SIZES):
    return cell_weights(blocks(kind, exposed(BEGINS, 4), begins=BEGINS, exposure=exposure), sizes)


def test_simple_counts_every_unit_and_period_alike():
    found = weights("simple")
    assert found[1, 1:] == pytest.approx(2 / 12) and found[2, 2:] == pytest.approx(3 / 12)


def test_exposures_count_alike_whoever_has_had_them():
    found, ages = weights("exposure_average"), since(BEGINS, 4)
    for at in range(3):
        here = (ages == at) & exposed(BEGINS, 4)
        assert found[here].sum() == pytest.approx(1 / 3)
    assert found[2, 2] / found[1, 1] == pytest.approx(1.5)


def test_waves_count_by_their_units_and_periods_alike():
    assert weights("group_average").sum(axis=1) == pytest.approx([0, 0.4, 0.6])
    assert weights("calendar_average").sum(axis=0) == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])


def test_one_exposure_and_the_longest():
    assert weights("long_term")[1, 3] == 1.0
    assert weights("at_exposure", 1)[2, 3] == pytest.approx(0.6)
    assert blocks("at_exposure", exposed(BEGINS, 4), begins=BEGINS, exposure=3) is None


@pytest.mark.parametrize("kind", PANEL_TARGETS)
def test_weights_sum_to_one_and_their_derivative_is_right(kind):
    parts = blocks(kind, exposed(BEGINS, 4), begins=BEGINS, exposure=1)
    assert cell_weights(parts, SIZES).sum() == pytest.approx(1.0)
    effects = np.random.default_rng(1).standard_normal((3, 4))
    found = pull_of_sizes(parts, SIZES, effects=effects)
    for w in range(3):
        step = np.zeros(3)
        step[w] = 1e-6
        ends = [np.sum(cell_weights(parts, SIZES + s * step) * effects) for s in (1, -1)]
        assert found[w] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_anticipation_takes_periods_from_before():
    assert untouched(BEGINS, 4, anticipation=1).sum(axis=1).tolist() == [4, 0, 1]
