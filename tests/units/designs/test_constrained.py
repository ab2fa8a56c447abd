"""Constrained draws: exact sizes and strata, exact scores, fair choice, and what cannot be met."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpost.core.errors import TooFew
from fingerpost.designs._constrained import (
    UNIT,
    Cap,
    Space,
    broken,
    draw_candidates,
    keep,
    score,
    shape,
    standardised,
    whole,
)
from fingerpost.designs._feasible import Names, attempt, hardly, infeasible

SEED = b"0123456789abcdef0123456789abcdef"


def space(sizes, waves, scores=(), **more) -> Space:
    """Return a space of strata of these sizes; scores: lists of whole numbers."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    z = np.array([standardised(list(x)) for x in scores], dtype=np.int64)
    return Space(strata, np.array(waves), z.reshape(len(scores), len(strata)), **more)


def names(held: Space) -> Names:
    return Names(
        tuple(f"u{at}" for at in range(len(held.strata))),
        tuple(f"w{at}" for at in range(len(held.waves))),
        tuple(f"s{at}" for at in range(len(held.sizes))),
    )


@st.composite
def layouts(draw):
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=7))
    cuts = draw(st.integers(2, min(5, sum(sizes)))) if sum(sizes) > 1 else 1
    places = sorted(draw(st.permutations(range(1, sum(sizes))))[: cuts - 1])
    return sizes, np.diff([0, *places, sum(sizes)]).tolist()


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_waves_are_exact_and_each_stratum_gives_its_share_or_one_more(layout):
    sizes, waves = layout
    held = space(sizes, waves)
    for codes in draw_candidates(held, range(40), seed=SEED):
        assert np.bincount(codes, minlength=len(waves)).tolist() == waves
        for stratum, size in enumerate(sizes):
            own = np.bincount(codes[held.strata == stratum], minlength=len(waves))
            for count, wave in zip(own, waves, strict=True):
                assert size * wave // sum(sizes) <= count <= size * wave // sum(sizes) + 1


def test_a_candidate_is_the_same_whichever_others_are_drawn_with_it():
    held = space([9, 7, 5], [8, 7, 6])
    many = draw_candidates(held, range(9_000), seed=SEED)
    assert np.array_equal(draw_candidates(held, [8_500, 3], seed=SEED), many[[8_500, 3]])


def test_every_unit_of_a_stratum_is_as_likely_in_every_wave():
    held = space([10, 11, 9], [11, 10, 9])
    codes = draw_candidates(held, range(20_000), seed=SEED)
    share = np.stack([(codes == wave).mean(axis=0) for wave in range(3)])
    for stratum in range(3):
        own = share[:, held.strata == stratum]
        # Within a stratum all units are alike; five standard errors of a share.
        assert np.ptp(own, axis=1).max() < 5 * sqrt(2 * 0.25 / 20_000)
    assert np.abs(share.mean(axis=1) - np.array([11, 10, 9]) / 30).max() < 1e-12


def test_sixteen_counties_in_two_arms_can_be_drawn_in_12870_ways():
    rate = [3, 9, 4, 1, 7, 7, 2, 8, 6, 5, 12, 0, 11, 3, 6, 10]
    held = space([16], [8, 8], [rate])
    codes = draw_candidates(held, range(150_000), seed=SEED)
    drawn, times = np.unique(codes @ (1 << np.arange(16)), return_counts=True)
    assert len(drawn) == comb(16, 8) == 12_870
    expected = 150_000 / 12_870
    square = float(((times - expected) ** 2 / expected).sum())
    assert abs(square - 12_869) < 4 * sqrt(2 * 12_869)
    # The best tenth of what was drawn is the best tenth of all there is, about 1,287 ways.
    every = np.ones((12_870, 16), dtype=np.uint8)
    for at, chosen in enumerate(combinations(range(16), 8)):
        every[at, list(chosen)] = 0
    kept = keep(held, SEED, count=150_000, accept=100_000)
    below = int((score(held, every) < kept.cutoff).sum())
    upto = int((score(held, every) <= kept.cutoff).sum())
    assert below <= 1_320 and upto >= 1_250


def test_scores_are_sums_of_squares_in_whole_numbers():
    x, y = [1, 5, 2, 9, 4, 4, 7, 0], [2, 2, 3, 8, 1, 0, 5, 6]
    held = space([8], [3, 3, 2], [x, y])
    codes = draw_candidates(held, range(50), seed=SEED)
    z = [(np.array(v) - np.mean(v)) / np.std(v) for v in (x, y)]
    for row, found in zip(codes, score(held, codes), strict=True):
        slow = sum(z_[row == k].sum() ** 2 / n for z_ in z for k, n in enumerate((3, 3, 2)))
        assert abs(found / UNIT**2 - slow) < 2e-3
        whole_ = [np.array(standardised(v)) for v in (x, y)]
        exact = sum(
            int(z_[row == k].sum()) ** 2 // n for z_ in whole_ for k, n in enumerate((3, 3, 2))
        )
        assert int(found) == exact


def test_a_draw_at_random_scores_one_on_average():
    held = space([60], [15, 15, 15, 15], [range(60), [at * at % 61 for at in range(60)]])
    found = score(held, draw_candidates(held, range(4_000), seed=SEED))
    free = UNIT**2 * 2 * 3
    # Of finite registers it is N / (N − 1).
    assert abs(found.mean() / free - 60 / 59) < 5 * found.std() / free / sqrt(4_000)


def test_decimals_become_whole_numbers_and_standardised_ones_do_not_depend_on_units():
    assert whole(["12", "0.50", "-3.125"]) == ([12_000, 500, -3_125], 1_000)
    texts = ["4.51", "4.79", "5.99", "3.1", "4.0"]
    found = standardised(whole(texts)[0])
    assert found == standardised([value * 7 + 3 for value in whole(texts)[0]])
    x = np.array(texts, dtype=float)
    assert np.abs(np.array(found) / UNIT - (x - x.mean()) / x.std()).max() < 2 / UNIT
    assert standardised([5, 5, 5]) == [0, 0, 0]
    for bad in ("1,5", "nan", "x"):
        with pytest.raises(ValueError, match="number"):
            whole(["1", bad])


def test_the_best_share_is_kept_and_one_of_it_chosen():
    held = space([12, 12], [8, 8, 8], [range(24)])
    kept = keep(held, SEED, count=9_000, accept=100_000)
    scores = score(held, draw_candidates(held, range(9_000), seed=SEED))
    order = sorted(range(9_000), key=lambda at: (scores[at], at))[:900]
    assert kept.numbers.tolist() == sorted(order)
    assert kept.chosen in order and kept.cutoff == max(scores[order])
    assert np.array_equal(kept.all_scores, np.sort(scores))
    chosen = {keep(held, bytes([at]) * 32, count=200, accept=50_000).chosen for at in range(20)}
    assert len(chosen) > 10


def test_limits_and_pairs_are_met_by_what_is_kept():
    cap = Cap("few", 0, np.array([5, 1, 1, 1, 5, 1] * 3), 16)
    pairs = {"together": np.array([[0, 7]]), "apart": np.array([[1, 8]])}
    held = space([9, 9], [6, 6, 6], [range(18)], caps=(cap,), **pairs)
    kept = keep(held, SEED, count=3_000, accept=200_000)
    codes = draw_candidates(held, kept.numbers, seed=SEED)
    assert not broken(held, codes).any()
    assert all((row == 0) @ cap.weights <= 16 for row in codes)
    assert (codes[:, 0] == codes[:, 7]).all() and (codes[:, 1] != codes[:, 8]).all()
    found = shape(held, codes)
    assert found.draws == len(codes) and found.by_wave.sum() == 18 * len(codes)
    with pytest.raises(TooFew, match="none of 50 candidates"):
        never = space([9, 9], [6, 6, 6], caps=(Cap("no", -1, np.ones(18, np.int64), 5),))
        keep(never, SEED, count=50, accept=1_000_000)


def test_pairs_that_are_always_or_never_together_are_found():
    held = space([2, 10], [6, 6])  # one of the two in each wave: never together
    found = shape(held, draw_candidates(held, range(500), seed=SEED))
    assert found.locked.tolist() == [[0, 1]]
    told = infeasible(held, names(held))
    assert told == []  # 2 units, 2 waves: each is sure of one, and the pair shows in a trial
    declared = space([2, 10], [6, 6], apart=np.array([[0, 1]]))
    assert shape(declared, draw_candidates(declared, range(500), seed=SEED)).locked.size == 0


def slow_shape(codes):
    """Return the least and most that two units share a wave, pair by pair."""
    counts = [int((codes[:, a] == codes[:, b]).sum()) for a, b in combinations(range(9), 2)]
    return min(counts), max(counts), Fraction(sum(counts), len(counts))


def test_pairs_are_counted_as_pair_by_pair():
    held = space([5, 4], [4, 3, 2])
    codes = draw_candidates(held, range(300), seed=SEED)
    found, (least, most, mean) = shape(held, codes), slow_shape(codes)
    assert (found.least, found.most) == (least, most)
    assert found.mean == pytest.approx(float(mean / 300))


def test_what_cannot_be_met_is_told_with_its_numbers():
    london = np.array([1] * 10 + [0] * 10)
    cases = [
        (
            {"caps": (Cap('"London"', 0, london, 3),)},
            "wave w0 holds 10 units, strata spread evenly",
        ),
        ({"caps": (Cap('"pupils"', -1, np.full(20, 7), 69),)}, "come to 140, and 2 waves hold"),
        ({"together": np.array([[0, 1], [1, 2]]), "apart": np.array([[0, 2]])}, "u0 and u2 are"),
        ({"together": np.array([[0, at] for at in range(1, 8)])}, "a wave gets at most 5"),
        ({"together": np.array([[at, at + 1] for at in range(10)])}, "the largest wave holds 10"),
    ]
    for more, words in cases:
        held = space([10, 10], [10, 10], **more)
        told = infeasible(held, names(held))
        assert any(words in line for line in told), told
    small = space([3, 27], [6, 6, 6, 6, 6])
    assert "stratum s0: its 3 units are spread over 5 waves" in infeasible(small, names(small))[0]


def test_limits_that_are_met_by_chance_alone_are_told_from_a_trial():
    weights = np.arange(24) ** 3
    hard = space([24], [8, 8, 8], caps=(Cap('"heavy"', -1, weights, int(weights.sum() / 2.99)),))
    assert infeasible(hard, names(hard)) == []
    trial = attempt(hard, names(hard), purpose=b"t")
    told = hardly(hard, trial, candidates=1_000)
    assert trial.share < 0.02 and "the least seen is" in told[0] and '"heavy"' in told[0]
    easy = space([24], [8, 8, 8])
    assert hardly(easy, attempt(easy, names(easy), purpose=b"t"), candidates=1_000) == []


def test_the_least_that_a_limit_can_be_is_reached_and_never_passed():
    rng = np.random.default_rng(3)
    from fingerpost.designs._feasible import least_of

    for _ in range(6):
        weights = rng.integers(0, 30, 9)
        held = space([4, 5], [4, 3, 2], caps=(Cap("w", 0, weights, 0),))
        codes = np.unique(draw_candidates(held, range(6_000), seed=SEED), axis=0)
        seen = ((codes == 0) @ weights).min()
        assert least_of(held, held.caps[0], 0) == seen
