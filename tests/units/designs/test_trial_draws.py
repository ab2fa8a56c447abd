"""The draws of trials against counts, brute force and a second program."""

from __future__ import annotations

import hashlib
from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest

from fingerpost.core.allocation import Arrived
from fingerpost.core.errors import TooFew, UsageError
from fingerpost.core.leaves import Design, load
from fingerpost.core.rollout import Draw, Frame, Limit
from fingerpost.core.trial import Known, Minimise, Stage, Trial, TrialArm
from fingerpost.designs import _clusters as clusters
from fingerpost.designs._blocks import by_cluster, by_stratum, check_blocks
from fingerpost.designs._minimising import mixing, preferred, whole_weights
from fingerpost.designs._numbers import seed_of
from fingerpost.designs._pairing import distances, pairs
from fingerpost.designs._stages import stage_seed, stage_trial

SEED = bytes(range(32))
NONE = np.zeros(0, dtype=np.int64)
TWO = (TrialArm("usual"), TrialArm("more"))
SEX = Known("sex", ("F", "M"))


def procedure(name: str):
    return load("designs", name, kind=Design).procedure


def arrived(known, arm=(), stratum=None, cluster=None) -> Arrived:
    known = np.asarray(known, dtype=np.int64)
    zero = np.zeros(len(known), dtype=np.int64)
    return Arrived(
        known,
        zero if stratum is None else np.asarray(stratum),
        zero if cluster is None else np.asarray(cluster),
        np.asarray(arm, dtype=np.int64),
    )


def frame(n: int, strata=None, **covariates) -> Frame:
    made = np.random.default_rng(3)
    held = {"fsm": made.normal(size=n).round(2), "size": made.integers(50, 400, n).astype(float)}
    codes = np.zeros(n, np.int64) if strata is None else np.asarray(strata)
    return Frame(tuple(f"s{at:02d}" for at in range(n)), codes, {**held, **covariates})


def bytewise(seed: bytes, stream: int, bounds: list[int]) -> list[int]:
    """The numbers of one stream by the words of kernels/counter_draws, for a small product."""
    product = int(np.prod(bounds, dtype=object))
    at = 0
    while True:
        block = hashlib.sha256(
            seed + stream.to_bytes(8, "big") + (at // 4).to_bytes(8, "big")
        ).digest()
        value = int.from_bytes(block[at % 4 * 8 :][:8], "big")
        at += 1
        if value < 2**64 - 2**64 % product:
            break
    found = []
    for bound in bounds:
        found.append(value % bound)
        value //= bound
    return found


def test_a_second_program_draws_the_same_blocks():
    trial = Trial(TWO, blocks=(4, 6))
    stratum = np.arange(60) % 2
    ours = procedure("stratified").replay(
        trial, arrived(np.zeros((60, 0)), stratum=stratum), SEED, 1, exact=True
    )[0]
    seed = hashlib.sha256(SEED + b"replay" + bytes(8)).digest()
    for code in (0, 1):
        arms: list[int] = []
        block = 0
        while len(arms) < 30:
            numbers = bytewise(seed, code * 2**24 + block, [2, 6, 5, 4, 3, 2])
            length = (4, 6)[numbers[0]]
            held = [0] * (length // 2) + [1] * (length // 2)
            for last, other in zip(range(length - 1, 0, -1), numbers[-(length - 1) :], strict=True):
                held[last], held[other] = held[other], held[last]
            arms += held
            block += 1
        assert ours[stratum == code].tolist() == arms[:30]


def test_a_second_program_minimises_the_same():
    trial = Trial(TWO, known=(SEX, Known("area", ("n", "s"))), minimise=Minimise(likely=0.8))
    known = np.random.default_rng(1).integers(0, 2, (50, 2))
    ours = procedure("minimisation").replay(trial, arrived(known), SEED, 1, exact=True)[0]
    seed = seed_of(SEED, 0)
    arms: list[int] = []
    for at, own in enumerate(known.tolist()):
        first, second = bytewise(seed, at, [1_000_000, 2])
        order = [0, 1] if second == 1 else [1, 0]  # a shuffle of two: place 1 and place `second`
        score = []
        for arm in (0, 1):
            total = 0
            for f in (0, 1):
                held = [
                    sum(a == each and k[f] == own[f] for a, k in zip(arms, known, strict=False))
                    for each in (0, 1)
                ]
                held[arm] += 1
                total += max(held) - min(held)
            score.append(total)
        best = [arm for arm in order if score[arm] == min(score)]
        arms.append(best[0] if first < 600_000 else order[0])
    assert ours.tolist() == arms


def test_a_block_that_is_full_holds_every_arm_by_its_share():
    trial = Trial((TrialArm("a", 2), TrialArm("b")), blocks=(6,))
    codes = procedure("permuted_blocks").replay(trial, arrived(np.zeros((60, 0))), SEED, 200)
    blocks = codes.reshape(200, 10, 6)
    assert ((blocks == 0).sum(axis=2) == 4).all()
    # Each of the C(6, 2) orders of a block is as likely as any other.
    places = [tuple(np.flatnonzero(block)) for block in blocks.reshape(-1, 6)]
    seen = np.array([places.count(one) for one in combinations(range(6), 2)])
    expected = len(places) / comb(6, 2)
    assert ((seen - expected) ** 2 / expected).sum() < 36.1  # chi-square, 14 df, 0.1%


def test_children_of_different_clusters_and_strata_stand_in_different_sequences():
    units = arrived(np.zeros((4, 0)), stratum=[0, 1, 0, 1], cluster=[0, 0, 1, 1])
    assert len(set(by_cluster(units).tolist())) == 4
    assert by_stratum(units).tolist() == [0, 2**24, 0, 2**24]


def test_blocks_that_cannot_hold_the_shares_are_refused():
    three = (TrialArm("a", 2), TrialArm("b"))
    assert "multiples of 3" in check_blocks(Trial(three))[0]
    assert check_blocks(Trial(three, blocks=(4, 6))) == [
        "blocks: 4 cannot hold every arm by its share. Name multiples of 3, all shares together."
    ]
    assert check_blocks(Trial(three, blocks=(3, 6))) == []


def test_minimisation_prefers_what_pocock_and_simon_would():
    """Twice as many women as men in the first arm: the second is preferred for a woman, by range
    and by variance; with a weight of nothing on what differs neither is.
    """
    two = (SEX, Known("area", ("n", "s")))
    counts = np.array([[[4], [2]], [[3], [3]]])
    for measure in ("range", "variance"):
        trial = Trial(TWO, known=two, minimise=Minimise(measure=measure))
        assert preferred(trial, counts, whole_weights(trial))[:, 0].tolist() == [False, True]
    other = Trial(TWO, known=two, minimise=Minimise((("area", 1.0),)))
    assert whole_weights(other).tolist() == [0, 10] or whole_weights(other).tolist() == [0, 1]
    assert preferred(other, counts, whole_weights(other))[:, 0].tolist() == [True, True]
    assert mixing(other) == 600_000  # 0.6 + 0.4 / 2 = 0.8


def test_minimisation_gives_one_arm_its_chance_and_the_others_the_rest():
    trial = Trial((*TWO, TrialArm("most")), known=(SEX,), minimise=Minimise(likely=0.7))
    step = procedure("minimisation").step(trial, arrived([[0], [0], [0]], arm=[0, 1]), SEED)
    assert step.probability == pytest.approx((0.15, 0.15, 0.7), abs=1e-6)


@pytest.mark.parametrize("shares", [(2, 1), (3, 2), (1, 1, 2)])
def test_minimisation_keeps_unequal_shares_at_every_unit(shares):
    arms = tuple(TrialArm(f"arm {at}", share) for at, share in enumerate(shares))
    trial = Trial(arms, known=(SEX,))
    known = np.random.default_rng(1).integers(0, 2, (30, 1))
    codes = procedure("minimisation").replay(trial, arrived(known), SEED, 20_000)
    for arm, share in enumerate(np.array(shares) / sum(shares)):
        seen = (codes == arm).mean(axis=0)
        assert np.abs(seen - share).max() < 5 * np.sqrt(share * (1 - share) / 20_000)
        assert (codes == arm).sum(axis=1).std() < 0.6 * np.sqrt(30 * share * (1 - share))


def test_minimisation_goes_on_from_arms_that_were_not_drawn_here():
    trial = Trial((TrialArm("a", 2), TrialArm("b")), known=(SEX,))
    step = procedure("minimisation").step
    known = [[0]] * 9
    for arm in ([0] * 8, [1] * 8):
        found = step(trial, arrived(known, arm=arm), SEED)
        # Whichever arm had everything, the other is now the likelier one.
        assert found.probability[1 - arm[0]] > (2 / 3, 1 / 3)[1 - arm[0]]


def test_sixteen_counties_have_12870_draws_of_which_a_tenth_is_kept():
    """Dickinson et al.: the vignette of cvcrand counts 12,870 and keeps about 1,287."""
    units = frame(16)
    plain = clusters.kept_draws(Trial(TWO), units, SEED)
    assert plain.exact and len(np.unique(plain.codes, axis=0)) == comb(16, 8) == 12_870
    balanced = Trial(TWO, draw=Draw(balance=("fsm", "size")))
    kept = clusters.kept_draws(balanced, units, SEED)
    assert kept.exact and 1_287 <= len(kept.codes) <= 1_290
    z = np.stack([(v - v.mean()) / v.std() for v in units.covariates.values()])

    def score(codes):
        return ((np.where(codes == 1, 1, -1) @ z.T) ** 2).sum(axis=1)

    assert score(kept.codes).max() <= np.sort(score(plain.codes))[1_290]
    drawn = clusters.draw(balanced, units, SEED)
    # With every draw its mirror image is kept: chances are even.
    assert np.allclose(drawn.probability, 0.5) and drawn.draws == 0


@pytest.mark.parametrize("scale", [1.0, 3e-9])
def test_the_least_share_keeps_the_best_draws_and_small_numbers_are_numbers(scale):
    """Of 0 to 7 just 8 of the 70 halves add up to 14. Once 4e-7 of the draws kept all 70, and
    numbers below a millionth were all alike.
    """
    x = np.arange(8.0)
    best = [four for four in combinations(range(8), 4) if sum(four) == 14]
    units = Frame(tuple("abcdefgh"), np.zeros(8, np.int64), {"x": scale * x})
    kept = clusters.kept_draws(Trial(TWO, draw=Draw(balance=("x",), accept=4e-7)), units, SEED)
    found = {tuple(np.flatnonzero(row).tolist()) for row in kept.codes}
    assert found == set(best) and len(best) == 8


def test_odd_units_are_drawn_for_and_each_arm_has_its_share_on_average():
    trial = Trial((TrialArm("a", 2), TrialArm("b"), TrialArm("c")))
    sizes = np.array([clusters.arm_sizes(trial, 10, seed_of(SEED, at)) for at in range(2_000)])
    assert (sizes.sum(axis=1) == 10).all() and set(sizes[:, 0]) == {5}
    assert set(sizes[:, 1]) == {2, 3}
    assert sizes.mean(axis=0) == pytest.approx([5, 2.5, 2.5], abs=0.05)


def test_limits_pairs_and_strata_are_met():
    units = frame(12, strata=np.arange(12) % 3)
    trial = Trial(
        TWO,
        draw=Draw(
            limits=(Limit(1_500, "more", "size"),),
            together=(("s00", "s01"),),
            apart=(("s02", "s03"),),
        ),
    )
    kept = clusters.kept_draws(trial, units, SEED)
    assert kept.exact and len(kept.codes)
    assert (kept.codes[:, 0] == kept.codes[:, 1]).all()
    assert (kept.codes[:, 2] != kept.codes[:, 3]).all()
    assert ((kept.codes == 1) @ units.covariates["size"] <= 1_500).all()
    for stratum in range(3):
        assert ((kept.codes[:, units.strata == stratum] == 1).sum(axis=1) == 2).all()
    none = Trial(TWO, draw=Draw(limits=(Limit(1, "more", "size"),)))
    with pytest.raises(TooFew, match="none of the possible draws"):
        clusters.kept_draws(none, units, SEED)
    with pytest.raises(UsageError, match="holds no number"):
        clusters.kept_draws(Trial(TWO, draw=Draw(balance=("age",))), units, SEED)
    with pytest.raises(TooFew, match="too few"):
        clusters.kept_draws(Trial((*TWO, TrialArm("c"))), frame(2), SEED)
    assert clusters.check_draw(Trial(TWO, draw=Draw(limits=(Limit(1, "most"),)))) == [
        'draw.limits: "most" is no arm of the trial.'
    ]


@pytest.mark.parametrize("n", [6, 7, 8])
def test_pairs_are_those_of_least_distance_in_all(n):
    values = np.random.default_rng(n).normal(size=(n, 2))
    far = distances(values)
    padded = np.zeros((n + n % 2, n + n % 2))
    padded[:n, :n] = far
    least = min(
        sum(padded[order[at], order[at + 1]] for at in range(0, len(order), 2))
        for order in permutations(range(len(padded)))
    )
    two, alone = pairs(values)
    assert sorted([*two.ravel().tolist(), *alone.tolist()]) == list(range(n))
    assert sum(far[one, other] for one, other in two) == pytest.approx(least)
    # Mahalanobis: the same pairs whatever the units of measurement.
    assert np.array_equal(pairs(values @ np.array([[3.0, 1.0], [0.0, 0.1]]))[0], two)


def test_one_of_every_pair_is_drawn_and_strata_are_not_paired_across():
    units = frame(11, strata=[0] * 5 + [1] * 6)
    trial = Trial(TWO, match=("fsm", "size"))
    drawn = procedure("matched_pairs").draw(trial, units, SEED)
    for name in set(drawn.strata) - {"alone"}:
        own = [at for at, each in enumerate(drawn.strata) if each == name]
        assert len(own) == 2 and drawn.code[own].sum() == 1
        assert len({int(units.strata[at]) for at in own}) == 1
    assert drawn.strata.count("alone") == 1
    assert procedure("matched_pairs").check(Trial((*TWO, TrialArm("c")))) == [
        "arms: matched_pairs draws between two arms of the same share.",
        "match is missing: the columns of the register on which pairs are alike.",
    ]


@pytest.mark.parametrize(
    ("name", "trial", "words"),
    [
        ("multi_arm", Trial(TWO, blocks=(4,)), "three or more"),
        ("factorial", Trial(TWO, blocks=(4,)), "of two factors"),
        (
            "factorial",
            Trial(
                tuple(
                    TrialArm(f"{a}{b}", levels=(("x", a), ("y", b)))
                    for a, b in ("nn", "ny", "yn", "yn")
                ),
                blocks=(4,),
            ),
            "3 combinations, and all 4",
        ),
        ("group_sequential", Trial(TWO, blocks=(4,)), "monitoring.looks is missing"),
        ("smart", Trial(TWO, blocks=(4,)), "stages is missing"),
        (
            "smart",
            Trial(TWO, known=(SEX,), blocks=(4,), stages=(Stage("next", TWO, (("sex", "X"),)),)),
            'no level "X"',
        ),
        ("dose", Trial(TWO, blocks=(4,)), "its dose as one number"),
        (
            "dose",
            Trial(tuple(TrialArm(w, levels=(("weeks", w),)) for w in ("10", "5")), blocks=(4,)),
            "in order of dose",
        ),
        (
            "encouragement",
            Trial((TrialArm("a", offer="none"), TrialArm("b")), blocks=(4,)),
            "keeps nobody from provision",
        ),
        ("waiting_list", Trial((*TWO, TrialArm("c")), blocks=(3,)), "has two"),
        ("minimisation", Trial(TWO, minimise=Minimise(likely=0.4)), "no more than chance"),
    ],
)
def test_what_a_design_cannot_draw_is_told(name, trial, words):
    assert any(words in one for one in procedure(name).check(trial))


def test_a_later_stage_is_a_trial_of_its_own_under_a_seed_of_its_own():
    stage = Stage("next", (TrialArm("go on"), TrialArm("go over")))
    trial = Trial(TWO, blocks=(4,), stages=(stage,))
    own = stage_trial(trial, "next")
    assert [arm.name for arm in own.arms] == ["go on", "go over"] and not own.stages
    assert stage_seed(SEED, "next") == hashlib.sha256(SEED + b"stagenext").digest() != SEED
    with pytest.raises(UsageError, match="no stage"):
        stage_trial(trial, "last")
