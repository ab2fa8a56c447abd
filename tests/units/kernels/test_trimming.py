"""Trimmed means: toy tables by hand, influence by moving one child's weight, and laws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fingerpost.core.errors import Unanswerable
from fingerpost.kernels.design import Dense
from fingerpost.kernels.glm import fit_multinomial, probabilities
from fingerpost.kernels.standing import Standing
from fingerpost.kernels.tilting import Tilt
from fingerpost.kernels.trimming import Seen, influence, lowest, stratum


def standing(arm, x=None, *, kind="ate", received=None, weight=None) -> Standing:
    n, k = len(arm), int(arm.max()) + 1
    columns = np.ones((n, 1)) if x is None else np.column_stack([np.ones(n), x])
    design = Dense(columns, tuple(f"c{at}" for at in range(columns.shape[1])))
    levels = tuple("abc"[:k])
    fit = fit_multinomial(design, arm, levels=levels, weights=weight, tolerance=1e-12)
    e = probabilities(design, fit)
    weight = np.ones(n) if weight is None else weight
    residual = weight[:, None] * ((arm[:, None] == np.arange(1, k)) - e[:, 1:])
    tilt = Tilt(e, arm, kind, received)
    return Standing(arm, weight, tilt, design, fit, residual)


def seen_of(weighted, seen, value, cell=None, arms=(1, 0)) -> Seen:
    cell = np.zeros(len(seen), dtype=np.intp) if cell is None else cell
    return Seen(weighted, seen, np.where(seen, value, 0.0), cell, int(cell.max()) + 1, arms)


ARM = np.array([0] * 5 + [1] * 5)
SEEN = np.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 0], dtype=bool)
VALUE = np.array([1, 2, 3, 0, 0, 2, 4, 6, 8, 0], dtype=float)


def toy():
    return seen_of(standing(ARM), SEEN, VALUE)


def test_with_monotonicity_the_arm_that_sees_more_is_trimmed():
    """P is 4/5 and 3/5: three in four of those seen with provision are kept, 2, 4, 6 or 4, 6, 8."""
    told = stratum(toy(), monotone=True)
    assert told.total == pytest.approx(0.6, abs=1e-12)
    low, high = lowest(toy(), told, place=0), lowest(toy(), told, place=0, highest=True)
    both = [lowest(toy(), told, place=1, highest=side).value for side in (False, True)]
    assert (low.value, high.value) == pytest.approx((4.0, 6.0), abs=1e-12)
    assert both == pytest.approx([2.0, 2.0], abs=1e-12)


def test_without_monotonicity_both_arms_are():
    """The group is at least 4/5 + 3/5 − 1 = 2/5: two of four and two of three are kept."""
    told = stratum(toy(), monotone=False)
    ends = [lowest(toy(), told, place=p, highest=h).value for p in (0, 1) for h in (False, True)]
    assert told.total == pytest.approx(0.4, abs=1e-12)
    assert ends == pytest.approx([3.0, 7.0, 1.5, 2.5], abs=1e-12)


def test_part_of_a_child_is_kept_where_the_share_falls_within_one():
    """Of 3 seen of 4, 2 of 4 in the other arm: 2/3 of 10, 20, 30 is 10 and 20; with 5 of 8, 5/6
    of three children is two and a half: (10 + 20 + 15) / 2.5 = 18."""
    arm = np.array([1] * 4 + [0] * 8)
    seen = np.array([1, 1, 1, 0] + [1] * 5 + [0] * 3, dtype=bool)
    value = np.array([10.0, 20, 30, 0] + [1.0] * 8)
    found = seen_of(standing(arm), seen, value)
    assert lowest(found, stratum(found, monotone=True), place=0).value == pytest.approx(
        18.0, abs=1e-12
    )


def test_no_choice_of_children_goes_beyond_the_bounds():
    """Whichever six of the nine seen with provision belong to the group."""
    draw = np.random.default_rng(1)
    arm = np.array([1] * 12 + [0] * 12)
    seen = np.concatenate([np.arange(12) < 9, np.arange(12) < 6])
    value = draw.standard_normal(24)
    found = seen_of(standing(arm), seen, value)
    told = stratum(found, monotone=True)
    means = [np.mean(each) for each in combinations(value[:9], 6)]
    assert lowest(found, told, place=0).value == pytest.approx(min(means), abs=1e-12)
    assert lowest(found, told, place=0, highest=True).value == pytest.approx(max(means), abs=1e-12)


def test_cells_are_trimmed_by_themselves_and_weighted_by_their_group():
    """Two toys beside each other, the second with values ten higher and twice the children."""
    arm = np.concatenate([ARM, ARM, ARM])
    seen, value = np.tile(SEEN, 3), np.concatenate([VALUE, VALUE + 10, VALUE + 10])
    cell = np.repeat([0, 1, 1], 10)
    found = seen_of(standing(arm), seen, value, cell)
    told = stratum(found, monotone=True)
    assert lowest(found, told, place=0).value == pytest.approx((4 + 2 * 14) / 3, abs=1e-12)
    whole = seen_of(standing(arm), seen, value)
    apart = stratum(whole, monotone=True)
    for highest, sign in ((False, 1), (True, -1)):
        in_cells = lowest(found, told, place=0, highest=highest).value
        assert sign * in_cells >= sign * lowest(whole, apart, place=0, highest=highest).value


def test_a_group_of_nobody_is_refused():
    arm, seen = np.array([0, 0, 1, 1]), np.array([1, 0, 1, 0], dtype=bool)
    found = seen_of(standing(arm), seen, np.ones(4))
    with pytest.raises(Unanswerable):
        lowest(found, stratum(found, monotone=False), place=0)


def children(seed=2, n=60, k=2):
    draw = np.random.default_rng(seed)
    x, u = draw.standard_normal((2, n))
    arm = draw.integers(0, k, n)
    seen = u + 0.4 * arm + draw.standard_normal(n) > -0.8
    return arm, x, seen, x + u + draw.standard_normal(n), draw.integers(0, 2, n).astype(np.intp)


def effect(arm, x, seen, value, cell, *, monotone, weight=None, **target):
    found = seen_of(standing(arm, x, weight=weight, **target), seen, value, cell)
    told = stratum(found, monotone=monotone)
    ends = [
        lowest(found, told, place=0, highest=side).less(
            lowest(found, told, place=1, highest=not side)
        )
        for side in (False, True)
    ]
    return found, ends


@pytest.mark.parametrize("monotone", [True, False])
@pytest.mark.parametrize(
    ("k", "target"),
    [
        (2, {"kind": "ate"}),
        (2, {"kind": "received", "received": 1}),
        (2, {"kind": "overlap"}),
        (3, {"kind": "ate"}),
        (3, {"kind": "received", "received": 2}),
    ],
)
def test_influence_is_what_one_more_child_like_this_would_do(k, target, monotone):
    """The derivative of each bound in one child's weight, everything fitted again."""
    arm, x, seen, value, cell = children(k=k)
    found, ends = effect(arm, x, seen, value, cell, monotone=monotone, **target)
    for at in (0, 7, 23, 41):
        moved = []
        for step in (1e-5, -1e-5):
            weight = np.ones(len(arm))
            weight[at] += step
            again = effect(arm, x, seen, value, cell, monotone=monotone, weight=weight, **target)
            moved.append([end.value for end in again[1]])
        slope = (np.array(moved[0]) - np.array(moved[1])) / 2e-5
        own = [influence(found, end.parts)[at] for end in ends]
        assert own == pytest.approx(slope, rel=2e-4, abs=1e-7)


@pytest.mark.parametrize("monotone", [True, False])
def test_bounds_turn_with_the_outcome_and_with_the_arms(monotone):
    arm, x, seen, value, cell = children(n=200)
    _, (low, high) = effect(arm, x, seen, value, cell, monotone=monotone)
    _, turned = effect(arm, x, seen, -value, cell, monotone=monotone)
    _, swapped = effect(1 - arm, x, seen, value, cell, monotone=monotone)
    assert [-end.value for end in turned[::-1]] == pytest.approx([low.value, high.value])
    assert [-end.value for end in swapped[::-1]] == pytest.approx([low.value, high.value])


@pytest.mark.parametrize("monotone", [True, False])
def test_children_twice_over_change_no_bound_and_halve_its_variance(monotone):
    once = children(n=200)
    found, ends = effect(*once, monotone=monotone)
    twice, again = effect(*(np.concatenate([part, part]) for part in once), monotone=monotone)
    for one, two in zip(ends, again, strict=True):
        assert two.value == pytest.approx(one.value)
        own, other = influence(found, one.parts), influence(twice, two.parts)
        assert other @ other == pytest.approx(own @ own / 2)


def test_values_moved_alike_move_nothing_and_scaled_scale():
    arm, x, seen, value, cell = children(n=200)
    _, ends = effect(arm, x, seen, value, cell, monotone=True)
    _, moved = effect(arm, x, seen, 3 * value + 50, cell, monotone=True)
    assert [end.value for end in moved] == pytest.approx([3 * end.value for end in ends])
