"""Instrumental variables against linearmodels, in worlds with a hidden confounder, and with every
instrument that is not one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Term
from fingerpost.core.inference import intervals
from fingerpost.core.outcome import Outcome
from fingerpost.estimators.iv import IV
from suites.instrument_worlds import WEAK, InstrumentWorld, asked, task
from units.estimators.cases import ask, said


def run(world: InstrumentWorld, cohort, *terms: Term, **options):
    return IV.run(task(world, cohort, *(terms or (asked(world),)), **options))


def table(answer, name: str) -> dict:
    (row,) = next(t for t in answer.tables if t.name == name).records()
    return row


def columns(cohort, draws: int = 1):
    """Return y, exogenous columns, dose, instruments and weights as linearmodels takes them."""
    outcome = cohort.outcomes["y"]
    time = np.ones(cohort.n) if outcome.exposure is None else outcome.exposure
    weight = time if cohort.weight is None else time * cohort.weight
    given = [np.asarray(cohort.covariates[name].values) * 1.0 for name in ("index", "boy")]
    x = pd.DataFrame({"one": np.ones(cohort.n), "index": given[0], "boy": given[1]})
    z = pd.DataFrame({f"z{at}": cohort.roles[f"draw{at}"].values for at in range(draws)})
    return outcome.value / time, x, pd.Series(cohort.arm * 1.0, name="a"), z, weight


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.parametrize("draws", [1, 3])
def test_differences_are_two_stage_least_squares(kind, draws, weighted):
    world = InstrumentWorld(n=900, schools=60, kind=kind, draws=draws)
    cohort = world.draw(1)
    if weighted:
        cohort = replace(cohort, weight=np.random.default_rng(1).uniform(0.5, 2, 900))
    y, x, a, z, weight = columns(cohort, draws)
    model = IV2SLS(y, x, a, z, weights=weight)
    oracle = model.fit(cov_type="clustered", clusters=cohort.clusters["school"])
    answer = run(world, cohort)
    value, error = said(answer)
    assert value == pytest.approx(oracle.params["a"])
    assert error == pytest.approx(oracle.std_errors["a"] * np.sqrt(60 / 59))
    if not weighted and kind != "count":
        plain = model.fit(cov_type="unadjusted")
        assert table(answer, "ordinary_errors")["se"] == pytest.approx(plain.std_errors["a"])
        told = oracle.first_stage.diagnostics
        assert table(answer, "first_stage")["partial_r2"] == pytest.approx(
            told["partial.rsquared"].iloc[0]
        )


def test_children_alone_have_the_robust_error():
    world = InstrumentWorld(n=500)
    cohort = world.draw(2)
    y, x, a, z, _ = columns(cohort)
    oracle = IV2SLS(y, x, a, z).fit(cov_type="robust")
    told = Analysis(world.given, options=world.options)
    answer = IV.run(Task(cohort, (asked(world),), told))
    assert said(answer) == pytest.approx((oracle.params["a"], oracle.std_errors["a"]))


def test_a_ratio_of_two_arms_is_abadies_ratio_of_the_compliers_means():
    """Abadie (2003): E[Y1 | complier] and E[Y0 | complier] each by an instrument, no covariates."""
    world = InstrumentWorld(kind="count")
    cohort = replace(world.draw(3), covariates={})
    y, a = cohort.outcomes["y"], cohort.arm
    z = np.asarray(cohort.roles["draw0"].values)
    w = y.exposure

    def moved(v):
        return w[z == 1] @ v[z == 1] / w[z == 1].sum() - w[z == 0] @ v[z == 0] / w[z == 0].sum()

    rate = y.value / w
    expected = np.log(-moved(rate * a) / moved(rate * (1 - a)))
    told = Analysis((), cluster="school", options=world.options)
    answer = IV.run(Task(cohort, (asked(world, "ratio"),), told))
    assert said(answer)[0] == pytest.approx(expected)
    (region,) = answer.regions
    assert region.value == pytest.approx(np.exp(expected))
    assert any(lo < region.value < hi for lo, hi in region.pieces)


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_an_infinitesimal_jackknife_agrees_with_the_influence(scale):
    world = InstrumentWorld(n=1500, schools=50, kind="count", arms=3)
    cohort = world.draw(4)
    term = asked(world, scale)
    found = run(world, cohort, term).estimate
    codes = cohort.clusters["school"]
    moved = []
    for school in range(50):
        weight = np.where(codes == school, 1 - 1e-4, 1.0)
        tilted = run(world, replace(cohort, weight=weight), term).estimate
        moved.append((found.value[0] - tilted.value[0]) / 1e-4)
    assert np.array(moved) == pytest.approx(found.spread.sums[:, 0], abs=2e-5)
    assert abs(found.spread.sums.sum()) < 1e-9 * np.abs(found.spread.sums).sum()


@pytest.mark.parametrize("options", [{}, {"preference": "school"}], ids=["draw", "preference"])
def test_laws(options):
    """Order of rows, a child twice, weights of two, exchanged arms."""
    world = InstrumentWorld(n=900, by_school=True)
    cohort = world.draw(5)
    found = run(world, cohort, **options)
    value, error = said(found)
    mixed = cohort.take(np.random.default_rng(0).permutation(cohort.n))
    assert said(run(world, mixed, **options)) == pytest.approx((value, error), rel=1e-6)
    twice = cohort.take(np.tile(np.arange(cohort.n), 2))
    assert said(run(world, twice, **options)) == pytest.approx((value, error), rel=1e-6)
    counted = np.random.default_rng(1).integers(1, 3, cohort.n)
    repeated = run(world, cohort.take(np.repeat(np.arange(cohort.n), counted)), **options)
    weighted = run(world, replace(cohort, weight=counted.astype(float)), **options)
    assert said(weighted) == pytest.approx(said(repeated), rel=1e-6)
    back = run(world, cohort, asked(world, arms=("none", "support")), **options)
    assert said(back) == pytest.approx((-value, error))
    ((lo, hi),) = found.regions[0].pieces
    assert back.regions[0].pieces[0] == pytest.approx((-hi, -lo))


def test_steps_of_ordered_arms_are_one_number_each():
    world = InstrumentWorld(arms=3)
    cohort = world.draw(6)
    terms = [asked(world, arms=pair) for pair in (("support", "none"), ("plan", "none"))]
    answer = run(world, cohort, *terms)
    assert answer.estimate.value[1] == pytest.approx(2 * answer.estimate.value[0])
    assert any("per step" in words for _, words in answer.warnings)


def test_a_preference_is_the_mean_arm_of_the_other_children():
    from fingerpost.estimators._instruments import preference

    world = InstrumentWorld(n=60, schools=12, arms=3)
    cohort = world.draw(7)
    school, found = (
        cohort.clusters["school"],
        preference(task(world, cohort, asked(world)), "school"),
    )
    for i in range(60):
        others = (school == school[i]) & (np.arange(60) != i)
        expected = cohort.arm[others].mean() if others.any() else np.nan
        assert found[i] == pytest.approx(expected, nan_ok=True)


def test_a_preference_is_clustered_at_least_at_its_own_level():
    world = InstrumentWorld(n=900, schools=60)
    cohort = world.draw(8)
    area = cohort.clusters["school"] // 3
    cohort = replace(cohort, clusters={**cohort.clusters, "area": area})
    assert run(world, cohort, preference="area").estimate.clusters[0] == 20
    assert run(world, cohort, preference="school").estimate.clusters[0] == 60


def test_a_cut_point_and_missing_values():
    world = InstrumentWorld(n=900, schools=60)
    cohort = world.draw(9)
    drawn = np.asarray(cohort.roles["draw0"].values)
    price = np.where(drawn == 1, 1.7, 1.2)
    price[:30] = np.nan
    priced = replace(cohort, roles={"price": Column(price)})
    cut = run(world, priced, instrument="price", above=1.5)
    plain = run(world, cohort.take(np.arange(30, 900)))
    assert said(cut) == pytest.approx(said(plain))
    without = next(t for t in cut.tables if t.name == "iv_children").column("children")[-1]
    assert without == 30
    assert any("left out of iv" in words for _, words in cut.warnings)


def test_a_category_makes_an_instrument_of_each_level():
    world = InstrumentWorld(n=900, schools=60, draws=2)
    cohort = world.draw(10)
    one, two = (np.asarray(cohort.roles[f"draw{at}"].values) for at in (0, 1))
    codes = (one + 2 * two).astype(np.int64)
    codes[:20] = 4
    area = Column(codes, ("north", "south", "east", "west", "missing"))
    answer = run(world, replace(cohort, roles={"area": area}), instrument="area")
    assert table(answer, "first_stage")["columns"] == 3
    assert answer.estimate.n[0] == 880
    y, x, a, _, _ = columns(cohort)
    z = pd.DataFrame({at: (codes == at) * 1.0 for at in (1, 2, 3)})[20:]
    oracle = IV2SLS(y[20:], x[20:], a[20:], z).fit()
    assert said(answer)[0] == pytest.approx(oracle.params["a"])


def test_whom_the_instrument_moves_is_told():
    """Without noise in who moves, compliers' mean is that of children of other arms under each
    draw: here, boys alone are moved.
    """
    r = np.random.default_rng(11)
    n = 4000
    world = InstrumentWorld(n=n)
    cohort = world.draw(11)
    boy = np.asarray(cohort.covariates["boy"].values)
    won = np.asarray(cohort.roles["draw0"].values)
    arm = np.where(boy == 1, won, r.random(n) < 0.4).astype(np.int64)
    answer = run(world, replace(cohort, arm=arm))
    profile = next(t for t in answer.tables if t.name == "complier_profile").records()
    moved = {row["covariate"]: row["moved"] for row in profile}
    assert moved["boy = boy"] == pytest.approx(1.0, abs=0.06)


# ------------------------------------------------------------------ worlds

COVERED = [
    (InstrumentWorld(n=600), "difference"),
    (InstrumentWorld(n=600, arms=3), "difference"),
    (InstrumentWorld(n=800, kind="count"), "ratio"),
    (InstrumentWorld(n=800, kind="binary", strength=1.5), "ratio"),
    (InstrumentWorld(n=400, schools=20), "difference"),
]


@pytest.mark.parametrize(("world", "scale"), COVERED, ids=str)
def test_intervals_and_sets_cover_where_the_instrument_is_strong(world, scale):
    term = asked(world, scale)
    truth = world.truth(term)
    shown = np.exp(truth) if scale == "ratio" else truth
    values, inside, kept, weak = [], [], [], []
    for seed in range(100):
        answer = run(world, world.draw(1000 + seed), term)
        low, high = intervals(answer.estimate)[0]
        values.append(answer.estimate.value[0])
        inside.append(low <= truth <= high)
        kept.append(any(lo <= shown <= hi for lo, hi in answer.regions[0].pieces))
        weak.append(table(answer, "first_stage")["weak"])
    assert abs(np.median(values) - truth) <= 4.5 * np.std(values) / np.sqrt(100)
    assert 0.88 <= np.mean(inside) <= 0.99
    assert 0.88 <= np.mean(kept) <= 0.99
    assert np.mean(weak) <= 0.10


def test_weak_instruments_are_told_and_only_the_set_covers():
    """25 draws that move hardly anybody: least squares in two stages leans to the confounded."""
    world = InstrumentWorld(n=600, draws=25, strength=0.03, varied=0.0)
    term = asked(world)
    truth, inside, kept, weak = world.truth(term), [], [], []
    for seed in range(100):
        answer = run(world, world.draw(1000 + seed), term)
        low, high = intervals(answer.estimate)[0]
        inside.append(low <= truth <= high)
        kept.append(any(lo <= truth <= hi for lo, hi in answer.regions[0].pieces))
        weak.append(any("Anderson–Rubin" in words for _, words in answer.warnings))
    assert np.mean(inside) < 0.8
    assert np.mean(kept) >= 0.88
    assert np.mean(weak) >= 0.90


def test_one_weak_instrument_gives_unbounded_sets_that_cover():
    world = InstrumentWorld(n=600, strength=WEAK, varied=0.0)
    term = asked(world)
    truth, kept, unbounded = world.truth(term), [], []
    for seed in range(100):
        (region,) = run(world, world.draw(1000 + seed), term).regions
        kept.append(any(lo <= truth <= hi for lo, hi in region.pieces))
        unbounded.append(any(np.isinf(piece).any() for piece in region.pieces))
    assert np.mean(kept) >= 0.88
    assert np.mean(unbounded) > 0.8


def test_regression_is_biased_where_the_instrument_is_not():
    world = InstrumentWorld(n=2000)
    term = asked(world)
    conditional = replace(term, target=replace(term.target, kind="conditional"))
    low, high = intervals(ask("regression", world.draw(1), conditional).estimate)[0]
    assert not low <= world.truth(term) <= high


# ------------------------------------------------------------------ what may be wrong


def faulty(roles: dict, **options):
    world = InstrumentWorld(n=300, schools=30)
    cohort = world.draw(1)
    made = {name: Column(np.asarray(make(cohort), dtype=float)) for name, make in roles.items()}
    return run(world, replace(cohort, roles={**cohort.roles, **made}), **options)


FAULTS = [
    ({"z": lambda c: np.ones(c.n)}, {"instrument": "z"}, Unanswerable, "same for every child"),
    ({"z": lambda c: np.full(c.n, np.nan)}, {"instrument": "z"}, TooFew, "no child has a value"),
    ({"z": lambda c: c.arm}, {"instrument": "z"}, Unanswerable, "tells the arm for certain"),
    (
        {"z": lambda c: 3 - 2 * np.asarray(c.covariates["index"].values)},
        {"instrument": "z"},
        Unanswerable,
        "the covariates tell z",
    ),
    (
        {"z": lambda c: 1 - np.asarray(c.roles["draw0"].values)},
        {"instrument": ("draw0", "z")},
        Unanswerable,
        "combination of the other",
    ),
    (
        {f"z{at}": lambda c, at=at: np.random.default_rng(at).random(c.n) for at in range(30)},
        {"instrument": tuple(f"z{at}" for at in range(30))},
        TooFew,
        "too few for 30 columns",
    ),
    (
        {"z": lambda c: np.where(c.arm == 1, np.nan, c.roles["draw0"].values)},
        {"instrument": "z"},
        TooFew,
        "no child of arm support",
    ),
    ({}, {"instrument": "draw0", "above": 7.0}, Unanswerable, "no child reaches the cut-point"),
    ({}, {"instrument": "draw0", "above": -7}, Unanswerable, "no child lies below"),
    ({}, {"above": 1.0}, UsageError, "neither"),
    ({}, {"instrument": "draw0", "preference": "school"}, UsageError, "both"),
    ({}, {"instrument": "draw"}, UsageError, 'Did you mean "draw0"'),
    ({}, {"instrument": 3}, UsageError, "a column of the records"),
    ({}, {"instrument": "index"}, UsageError, "also a covariate"),
    ({}, {"instrument": "draw0", "above": "high"}, UsageError, "above takes a number"),
    ({}, {"instrument": "draw0", "above": True}, UsageError, "above takes a number"),
    ({}, {"preference": "scool"}, UsageError, 'Did you mean "school"'),
    ({}, {"preference": True}, UsageError, "preference takes a level"),
]


@pytest.mark.parametrize(
    ("roles", "options", "error", "words"), FAULTS, ids=[str(row[3])[:40] for row in FAULTS]
)
def test_what_is_no_instrument_is_told(roles, options, error, words):
    with pytest.raises(error, match=words):
        faulty(roles, **options)


def test_five_children_give_no_interval_and_all_weight_on_one_is_told():
    world = InstrumentWorld(n=300, schools=30)
    cohort = world.draw(1)
    five = replace(cohort.take(np.arange(5)), arm=np.array([0, 1, 0, 1, 0]))
    answer = run(world, five)
    assert intervals(answer.estimate) is None
    assert answer.regions == ()
    alone = replace(cohort, weight=(np.arange(300) == 4).astype(float))
    with pytest.raises(Unanswerable):
        run(world, alone)


def test_ratios_that_have_no_meaning_are_unanswerable():
    world = InstrumentWorld(n=300, schools=30)
    cohort = world.draw(1)
    with pytest.raises(Unanswerable, match="never negative"):
        below = {"y": Outcome("continuous", cohort.outcomes["y"].value - 20)}
        run(world, replace(cohort, outcomes=below), asked(world, "ratio"))
    with pytest.raises(Unanswerable, match="no ratio makes the outcome alike"):
        none = {"y": Outcome("count", (cohort.arm == 1) * 1.0)}
        run(world, replace(cohort, outcomes=none), asked(world, "ratio"))


def test_fewer_than_ten_schools_give_neither_interval_nor_set():
    world = InstrumentWorld(n=300, schools=8)
    answer = run(world, world.draw(1))
    assert intervals(answer.estimate) is None
    assert answer.regions == ()
