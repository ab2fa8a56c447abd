"""Spines drawn given exposure and outcome: the truth of a simulated world, and cases by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from fingerpost.core.errors import NotFitted
from fingerpost.core.seeds import stream
from fingerpost.linkage import conditional, drawing, scoring
from fingerpost.linkage.assignment import ways_of
from fingerpost.linkage.given import Side, design_of, filled
from units.linkage.small import ROOT

assert ROOT
from benchmarks import linkage_uncertainty as simulated  # noqa: E402


@pytest.fixture(scope="module")
def answers():
    """The effect in three worlds: links known, drawn by identifiers, drawn given all."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated, "CHILDREN", 800)
        patch.setattr(simulated, "SPINES", 6)
        for seed in range(3):
            world = simulated.world(seed)
            pairs = simulated.pairs_of(world)
            ways = ways_of(pairs.left, pairs.right, pairs.counts)
            known = simulated.estimate(world.design[simulated.true_child(world)], world.y)
            each = [known]
            each += [
                simulated.over_spines(world, pairs, ways, given=given) for given in (False, True)
            ]
            found.append([float(one.value[0]) for one in each])
    return np.array(found)


# Drawn by identifiers alone, false links bring another child's outcome: effects shrink. The truth
# is 0.5, and with known links the mean of these worlds lies near it.
def test_links_drawn_given_the_outcome_do_not_shrink_the_effect(answers):
    known, alone, given = answers.mean(axis=0)
    assert known - alone > 0.06
    assert abs(known - given) < 0.04


def test_spines_are_one_to_one_and_the_same_seed_draws_the_same(monkeypatch):
    monkeypatch.setattr(simulated, "CHILDREN", 120)
    world = simulated.world(1)
    pairs = simulated.pairs_of(world)
    ways = ways_of(pairs.left, pairs.right, pairs.counts)
    facts, design = conditional.facts_of(pairs, {"y": world.y}, {"a": world.design[:, 1]}, ("a",))
    made = []
    for _ in range(2):
        drawn = conditional.spines(pairs, ways, facts, design, stream("test", "same"))
        made.append(next(drawn))
    one, other = made
    assert np.array_equal(one.at, other.at) and np.array_equal(one.weights, other.weights)
    assert len(set(pairs.left[one.at])) == len(set(pairs.right[one.at])) == len(one.at)


# By hand: 9 of 10 are linked; odds 0.9 / 0.1 that the tenth is anybody, shared by 12 - 9 + 1 left.
def test_whoever_is_left_is_as_likely_to_be_each_of_those_left():
    odds = 9 / 4
    assert scoring.odds_of(0.9, 9, 12) == pytest.approx(odds / (1 + odds))


# By hand: 0 0 0 1 2 and one unknown, cut above 0 and above 1.
def test_a_count_is_told_in_steps_each_of_those_above_the_last():
    column = np.array([0.0, 0, 0, 1, 2, np.nan])
    left = np.arange(6)
    steps = list(conditional.pieces(column, left))
    assert [flag for _, _, flag in steps] == [True, True]
    (first, known, _), (second, further, _) = steps
    assert first[known].tolist() == [0, 0, 0, 1, 1] and known.tolist() == [True] * 5 + [False]
    assert second[further].tolist() == [0, 1] and further.tolist() == [False] * 3 + [True] * 2 + [
        False
    ]


# Against scipy: a measurement y = 0.8 x + noise adds log2 of its density given the child's x, less
# that of its density among all.
def test_a_measurement_adds_its_density_given_the_child_less_that_among_all():
    rng = np.random.default_rng(4)
    n = 4_000
    x, left = rng.standard_normal(n), np.arange(n)
    y = 0.8 * x + 0.6 * rng.standard_normal(n)
    y = (y - y.mean()) / y.std()
    x = (x - x.mean()) / x.std()
    design = design_of(left, left, hospital={"y": y}, school={"x": x}, arms=())
    fact = conditional.Fact(y, np.ones(n, dtype=bool), design.until[0], flag=False)
    fact = conditional.replace(fact, apart=conditional.marginal(np.ones((n, 1)), fact, np.ones(n)))
    columns = design.values[:, : fact.width]
    held = conditional.fitted(columns, fact, np.ones(n), None)
    model = simulated.pairs_of(simulated.world(0)).model
    _, linear, scale = conditional.drawn(fact, columns, np.ones(n), held=held, before=None, rng=rng)
    bits = conditional.bits_of(fact, linear, scale=scale, model=model)
    slope = float(x @ y / n)
    own = norm.logpdf(y, slope * x, np.sqrt(1 - slope**2)) - norm.logpdf(y)
    assert np.abs(bits - own / np.log(2)).mean() < 0.05  # coefficients are drawn
    assert bits.mean() == pytest.approx(-0.5 * np.log2(1 - slope**2), abs=0.05)


def test_values_stand_by_person_and_the_unknown_have_a_flag():
    side = Side(np.array(["b", "a"]), {"x": np.array([1.0, 2.0])})
    assert side.ordered(["a", "c", "b"])["x"].tolist()[::2] == [2.0, 1.0]
    assert np.isnan(side.ordered(["a", "c", "b"])["x"][1])
    assert [one.tolist() for one in filled(np.array([1.0, np.nan, 3.0]))] == [
        [-1.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
    ]


# Engines add in any order: a mean, and a score about it, differs in its last digit from run to run.
def test_a_last_digit_that_differs_changes_no_link():
    values, names = np.random.default_rng(2).standard_normal(50), np.arange(50).astype(str)
    both = (values, np.nextafter(values, np.inf))
    held = [Side(names, {"y": one}).ordered(names)["y"] for one in both]
    assert np.array_equal(*held) and held[0] == pytest.approx(values, rel=1e-7)


def test_spines_by_identifiers_alone_are_drawn_by_turns_with_how_many_are_linked():
    pairs = simulated.pairs_of(simulated.world(0))
    ways = ways_of(pairs.left, pairs.right, pairs.counts)
    drawn = list(islice(drawing.by_identifiers(pairs, ways, 1), 2))
    rng = stream("linkage", "spine 2", seed=1)
    weights = pairs.weights(pairs.redrawn(rng, len(drawn[0].at)))
    assert np.array_equal(drawn[1].at, ways.drawn(weights, rng))


def test_a_rare_group_stands_no_farther_out_than_a_common_one():
    """In units of its own spread one in a hundred stood ten out, and lost its sure links."""
    pairs = np.arange(1000)
    rare, common = (pairs % 100 == 0).astype(float), (pairs % 2 == 0).astype(float)
    score = np.random.default_rng(1).normal(50, 10, 1000)
    made = design_of(
        pairs,
        pairs,
        hospital={"score": score},
        school={"arm": rare, "boy": common, "mark": score},
        arms=("arm",),
    )
    arm, boy, mark = made.values[:, 1:4].T
    assert np.ptp(arm) == np.ptp(boy) == pytest.approx(2.0)
    assert np.abs(arm).max() < 2.0 and mark.std() == pytest.approx(1.0)
    # Nor does its product with a measurement, which few have.
    products = made.values[:, made.plain : made.until[0]]
    assert np.abs(products).max() <= 2.0 * max(np.abs(mark).max(), 2.0) + 1.0
    assert np.abs(made.values[:, 1:].mean(axis=0)).max() < 1e-9


def rare(n: int = 400) -> tuple[np.ndarray, conditional.Fact, np.ndarray]:
    """A flag that all of a rare arm have and hardly anybody else: no plain estimate is finite."""
    arm, rng = (np.arange(n) < 6).astype(float), np.random.default_rng(3)
    columns = np.column_stack([np.ones(n), 2 * (arm - arm.mean()), rng.normal(size=(n, 12))])
    flag = np.maximum(arm, rng.random(n) < 0.01).astype(float)
    linked = np.ones(n)
    return columns, conditional.Fact(flag, np.ones(n, dtype=bool), 14, True), linked


# Newton's steps unhalved went round in circles there, and of sure links of the rare arm it was then
# said that they could not be. Oracle: scipy's minimiser of the same posterior.
@pytest.mark.parametrize("begin", [0.0, 9.0, -40.0])
def test_the_mode_of_a_rare_flag_is_reached_from_anywhere(begin):
    columns, fact, linked = rare()
    prior = conditional.penalty(14)

    def depth(mode):
        linear = columns @ mode
        return np.logaddexp(0, linear).sum() - fact.value @ linear + 0.5 * prior @ mode**2

    want = minimize(depth, np.zeros(14), method="BFGS", options={"gtol": 1e-8}).x
    first = conditional.fitted(columns, fact, linked, None)
    away = replace(first, mode=np.full(14, begin))
    for found in (first, conditional.settled(columns, fact, linked, away)):
        assert (found.mode - want) @ np.linalg.solve(found.inverse, found.mode - want) < 0.02


# A constant and a coefficient, whose posterior is no normal curve: mean and spread of the
# coefficient by adding up a fine grid.
def test_coefficients_of_a_rare_flag_are_drawn_by_their_posterior():
    n = 300
    arm = (np.arange(n) < 4).astype(float)
    fact = conditional.Fact(arm, np.ones(n, dtype=bool), 2, True)
    columns, linked = np.column_stack([np.ones(n), 2 * (arm - arm.mean())]), np.ones(n)
    held = conditional.fitted(columns, fact, linked, None)
    rng, before, made = stream("test", "posterior"), None, []
    for _ in range(20_000):
        before = conditional.drawn(fact, columns, linked, held=held, before=before, rng=rng)[0]
        made.append(before[1])
    constant, slope = np.meshgrid(np.linspace(-14, 2, 801), np.linspace(-3, 9, 601))
    log = -0.5 * np.tensordot(conditional.penalty(2), np.stack([constant, slope]) ** 2, 1)
    for x, value, count in ((columns[0, 1], 1, 4), (columns[-1, 1], 0, n - 4)):
        linear = constant + slope * x
        log += count * (value * linear - np.logaddexp(0, linear))
    weight = np.exp(log - log.max())
    mean = (weight * slope).sum() / weight.sum()
    spread = np.sqrt((weight * (slope - mean) ** 2).sum() / weight.sum())
    assert np.mean(made) == pytest.approx(mean, abs=0.1 * spread)
    assert np.std(made) == pytest.approx(spread, rel=0.07)


def test_a_regression_that_cannot_be_fitted_is_told_and_not_drawn_from(monkeypatch):
    columns, fact, linked = rare()
    monkeypatch.setattr(conditional, "STEPS", 1)
    with pytest.raises(NotFitted, match="Link without --study"):
        conditional.fitted(columns, fact, linked, None)
