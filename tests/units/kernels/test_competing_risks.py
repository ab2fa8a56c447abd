"""Cumulative incidence: by hand, by statsmodels, by leaving rows out, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight

from fingerpost.core.errors import TooFew, UsageError
from fingerpost.kernels.competing_risks import cumulative_incidence
from fingerpost.kernels.survival import kaplan_meier


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ties on purpose: times are whole terms."""
    rng = np.random.default_rng(seed)
    times = np.ceil(rng.exponential(4.0, (3, n)))
    return times.min(axis=0), np.where(
        times[0] == times.min(axis=0), 1, np.where(times[1] == times.min(axis=0), 2, 0)
    )


def test_by_hand() -> None:
    # Five children: provided at 1, died at 2, censored at 3, provided at 4, left without at 5.
    time, cause = np.array([1.0, 2, 3, 4, 5]), np.array([1, 2, 0, 1, 0])
    found = cumulative_incidence(time, cause, at=np.array([0.5, 1, 2, 4]))
    # S(1)=4/5, S(2)=3/5, then of two still there one is provided for: 3/5 × 1/2.
    assert found.incidence == pytest.approx([0.0, 0.2, 0.2, 0.5])
    assert found.without == pytest.approx([1.0, 0.8, 0.6, 0.3])
    assert found.events.tolist() == [0, 1, 1, 2]
    assert found.at_risk.tolist() == [5, 4, 3, 1]


def test_values_agree_with_another_programme() -> None:
    time, cause = drawn(400, 1)
    other = CumIncidenceRight(time, cause)
    found = cumulative_incidence(time, cause, at=other.times[:-1])
    for column, of in ((0, 1), (1, 2)):
        mine = cumulative_incidence(time, cause, at=other.times[:-1], of=of)
        assert mine.incidence == pytest.approx(other.cinc[column][:-1], abs=1e-12)
    # Its error treats ties in another way; at whole-term ties the two lie within a few per cent.
    ratio = np.sqrt(found.variance) / other.cinc_se[0][:-1]
    assert np.all(np.abs(ratio[ratio > 0] - 1) < 0.05)


def test_influence_is_what_a_little_less_weight_does() -> None:
    time, cause = drawn(60, 2)
    at, w = np.array([2.0, 5.0]), np.ones(60)
    entry = np.where(np.arange(60) % 3 == 0, np.maximum(time - 2.5, 0.0) - 0.5, -1.0)
    found = cumulative_incidence(time, cause, at=at, entry=entry, weights=w)
    for row in range(60):
        more = w.copy()
        more[row] += 1e-6
        moved = cumulative_incidence(time, cause, at=at, entry=entry, weights=more).incidence
        assert (moved - found.incidence) / 1e-6 == pytest.approx(found.influence[row], abs=1e-5)


def test_without_a_competing_event_it_is_one_minus_kaplan_and_meier() -> None:
    time, cause = drawn(300, 3)
    alone = np.where(cause == 1, 1, 0)
    found = cumulative_incidence(time, alone, at=np.array([6.0]))
    curve = kaplan_meier(time, alone == 1, horizon=6.0)
    assert found.incidence[0] == pytest.approx(curve.risk, abs=1e-12)
    assert found.variance[0] == pytest.approx(curve.variance, rel=1e-9)  # Greenwood's
    assert found.influence[:, 0] == pytest.approx(curve.influence, abs=1e-12)


def test_all_causes_and_those_without_make_up_everybody() -> None:
    time, cause = drawn(500, 4)
    at = np.array([1.0, 3.0, 7.0])
    one = cumulative_incidence(time, cause, at=at, of=1)
    two = cumulative_incidence(time, cause, at=at, of=2)
    assert one.incidence + two.incidence + one.without == pytest.approx(np.ones(3))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # Exponential hazards .2 and .1, censoring .1: F1(3) = (.2/.3)(1 − exp(−.9)).
    rng, truth, held = np.random.default_rng(5), (2 / 3) * (1 - np.exp(-0.9)), 0
    for _ in range(400):
        own = rng.exponential(1.0, (300, 3)) / np.array([0.2, 0.1, 0.1])
        time, cause = own.min(axis=1), (own.argmin(axis=1) + 1) % 3
        found = cumulative_incidence(time, cause, at=np.array([3.0]))
        held += abs(found.incidence[0] - truth) < 1.96 * np.sqrt(found.variance[0])
    assert 0.925 <= held / 400 <= 0.975


def test_what_cannot_be_told_is_said() -> None:
    time, cause = np.array([1.0, 2.0]), np.array([1, 0])
    with pytest.raises(TooFew, match="choose an earlier one"):
        cumulative_incidence(time, cause, at=np.array([3.0]))
    with pytest.raises(UsageError, match="entry"):
        cumulative_incidence(time, cause, at=np.array([1.0]), entry=np.array([1.0, 0.0]))
    with pytest.raises(TooFew, match="none is left"):
        cumulative_incidence(np.array([]), np.array([], dtype=int), at=np.array([1.0]))
