"""Matching: laws, the variance against Abadie and Imbens's own formula, worlds of known truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import intervals, standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators._score import score
from fingerpost.estimators.matching import MATCHING
from suites.worlds import OUTCOME, World, task, term

REUSED = {"replace": True}


def run(cohort: Cohort, asked: Term, *, cluster: str | None = "school", **options):
    own = task(cohort, asked)
    told = replace(own.analysis, options={"replace": False, **options}, cluster=cluster)
    return MATCHING.run(replace(own, analysis=told))


def kinds(r: np.random.Generator, n: int, share: float):
    """Return (n, 3) rows of 1, an index, a boy; and the chance of provision."""
    index, boy = r.standard_normal(n), (r.random(n) < 0.5).astype(float)
    x = np.column_stack([np.ones(n), index, boy])
    return x, 1 / (1 + np.exp(-(x @ np.array([share, 0.5, 0.3]))))


def rare(seed: int, *, n: int = 1000, schools: int = 60, share: float = -1.7) -> Cohort:
    """Return a world's children with few who are provided for, so that each has a match nearby."""
    r = np.random.default_rng(seed)
    x, chance = kinds(r, n, share)
    arm = (r.random(n) < chance).astype(int)
    school = r.integers(0, schools, n)
    eta = np.einsum("np,np->n", x, OUTCOME["continuous"][arm])
    y = eta + r.normal(0, 0.3, schools)[school] + r.standard_normal(n)
    columns = {
        "index": Column(x[:, 1].copy()),
        "boy": Column(x[:, 2].astype(np.int64), ("girl", "boy")),
    }
    outcome = {"y": Outcome("continuous", y)}
    return Cohort(np.arange(n), ("none", "support"), arm, outcome, columns, {"school": school})


@cache
def truth(share: float = -1.7) -> float:
    """Return the effect on those provided for, in the world that `rare` draws from."""
    x, chance = kinds(np.random.default_rng(2**31), 2_000_000, share)
    effect = x @ (OUTCOME["continuous"][1] - OUTCOME["continuous"][0])
    return float(chance @ effect / chance.sum())


ATT = term("continuous", Target("att"))


# -------------------- laws


@pytest.mark.parametrize("options", [{}, {"ratio": 2}, REUSED, {**REUSED, "ratio": 3}])
def test_the_order_of_rows_does_not_matter(options):
    cohort = rare(1)
    # Coarse covariates make many equal scores.
    coarse = Column(np.round(np.asarray(cohort.covariates["index"].values)))
    cohort = replace(cohort, covariates={**cohort.covariates, "index": coarse})
    mixed = cohort.take(np.random.default_rng(0).permutation(cohort.n))
    first, second = run(cohort, ATT, **options).estimate, run(mixed, ATT, **options).estimate
    assert first.value == pytest.approx(second.value, abs=1e-9)
    assert standard_errors(first) == pytest.approx(standard_errors(second), rel=1e-8)


@pytest.mark.parametrize("options", [{}, REUSED, {**REUSED, "ratio": 3}])
def test_the_treated_of_one_contrast_are_the_untreated_of_the_other(options):
    cohort = rare(2)
    there = run(cohort, ATT, **options).estimate
    back = term("continuous", Target("atu"), arms=("none", "support"))
    again = run(cohort, back, **options).estimate
    assert there.value == pytest.approx(-again.value, abs=1e-12)
    assert standard_errors(there) == pytest.approx(standard_errors(again), rel=1e-9)


def test_the_effect_on_all_is_made_of_its_two_halves():
    cohort = rare(3)
    att, atu, ate = (
        run(cohort, term("continuous", Target(kind)), **REUSED).estimate.value[0]
        for kind in ("att", "atu", "ate")
    )
    share = np.mean(cohort.arm == 1)
    assert ate == pytest.approx(share * att + (1 - share) * atu, abs=1e-9)


@pytest.mark.parametrize("options", [{}, REUSED])
def test_doubling_every_child_within_its_school_changes_nothing(options):
    cohort = rare(4)
    twice = cohort.take(np.tile(np.arange(cohort.n), 2))
    once, double = run(cohort, ATT, **options).estimate, run(twice, ATT, **options).estimate
    assert double.value == pytest.approx(once.value, abs=1e-6)
    if options:
        assert standard_errors(double) == pytest.approx(standard_errors(once), rel=1e-5)
    else:  # but for the factor of the number of pairs
        assert standard_errors(double) == pytest.approx(standard_errors(once), rel=5e-3)


@pytest.mark.parametrize("options", [{}, REUSED])
def test_a_weight_of_two_is_a_child_twice(options):
    cohort = rare(5)
    counted = np.random.default_rng(1).integers(1, 3, cohort.n)
    repeated = cohort.take(np.repeat(np.arange(cohort.n), counted))
    weighted = replace(cohort, weight=counted.astype(float))
    assert run(weighted, ATT, **options).estimate.value == pytest.approx(
        run(repeated, ATT, **options).estimate.value, abs=1e-7
    )


def test_a_scale_of_weights_is_no_matter():
    cohort = rare(6)
    weight = np.random.default_rng(2).uniform(1, 3, cohort.n)
    for options in ({}, {"ratio": 2}, REUSED):
        one = run(replace(cohort, weight=weight), ATT, **options).estimate
        other = run(replace(cohort, weight=40 * weight), ATT, **options).estimate
        assert one.value == pytest.approx(other.value, abs=1e-7)
        assert standard_errors(one) == pytest.approx(standard_errors(other), rel=1e-6)


# -------------------- what the answer rests on


def test_weights_and_sets_make_the_answer():
    cohort = rare(7)
    y = cohort.outcomes["y"].value
    for options in ({}, {"ratio": 3}, REUSED, {**REUSED, "ratio": 2}):
        answer = run(cohort, ATT, **options)
        own = answer.fit.weights[ATT]
        means = {name: np.average(y, weights=weight) for name, weight in own.own.items()}
        assert answer.estimate.value[0] == pytest.approx(means["support"] - means["none"])
        assert own.own["none"].sum() == pytest.approx(own.target.sum())
        assert not own.own["none"][cohort.arm == 1].any()
        if options.get("replace"):
            assert not answer.fit.matched
            continue
        sets = answer.fit.matched[ATT]
        for first in (True, False):
            inside = sets.first == first
            assert np.bincount(sets.set[inside], weights=sets.weight[inside]) == pytest.approx(1)
        assert len(np.unique(sets.row)) == len(sets.row)
        signed = np.where(sets.first, 1, -1) * sets.weight * y[sets.row]
        assert np.bincount(sets.set, weights=signed).mean() == pytest.approx(
            answer.estimate.value[0]
        )


def test_the_nearest_is_sought_on_the_score_of_all_arms():
    """By hand, every child with every other, on e_a/(e_a + e_b) of a model of three arms."""
    cohort = World(n=600).draw(1)
    asked = term("continuous", Target("att"), arms=("plan", "none"))
    own = task(cohort, asked)
    e = score(own).probability
    along = e[:, 2] / (e[:, 2] + e[:, 0])
    plan, none = np.flatnonzero(cohort.arm == 2), np.flatnonzero(cohort.arm == 0)
    nearest = none[np.abs(along[plan][:, None] - along[none]).argmin(axis=1)]
    y = cohort.outcomes["y"].value
    found = run(cohort, asked, **REUSED).estimate.value[0]
    assert found == pytest.approx(y[plan].mean() - y[nearest].mean(), abs=1e-9)


def test_a_caliper_leaves_out_who_has_no_one_near():
    cohort = rare(8, share=-0.2)
    asked = term("continuous", Target("matched"))
    wide, narrow = (run(cohort, asked, caliper=width) for width in (0.2, 0.002))
    own = score(task(cohort, asked)).probability[:, 1]
    for answer, width in ((wide, 0.2), (narrow, 0.002)):
        sets = answer.fit.matched[asked]
        ends = own[sets.row][np.argsort(sets.set, kind="stable")].reshape(-1, 2)
        assert np.abs(np.diff(ends, axis=1)).max() <= width * own.std(ddof=1) * (1 + 1e-9)
        row = answer.tables[1].records()[0]
        assert row["matched"] + row["without_match"] == np.sum(cohort.arm == 1)
    assert len(narrow.fit.matched[asked].set) < len(wide.fit.matched[asked].set)


def test_exact_matches_are_the_same():
    cohort = rare(9)
    answer = run(cohort, ATT, exact="boy")
    sets = answer.fit.matched[ATT]
    boy = cohort.covariates["boy"].values[sets.row]
    assert (np.bincount(sets.set, weights=boy) % 2 == 0).all()


def test_rates_divide_events_by_time():
    cohort = World(n=2000, arms=2, kind="count").draw(1)
    asked = term("count", Target("att"), "ratio")
    answer = run(cohort, asked, **REUSED)
    outcome, own = cohort.outcomes["y"], answer.fit.weights[asked].own
    rates = [
        (own[name] @ outcome.value) / (own[name] @ outcome.exposure) for name in ("support", "none")
    ]
    assert answer.estimate.value[0] == pytest.approx(np.log(rates[0] / rates[1]))


# -------------------- refusals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 0}, "ratio"),
        ({"ratio": "2"}, "ratio"),
        ({"ratio": True}, "ratio"),
        ({"replace": "yes"}, "replace"),
        ({"caliper": True}, "caliper"),
        ({"caliper": -0.1}, "caliper"),
        ({"caliper": float("nan")}, "caliper"),
        ({"caliper": 0.2}, "caliper"),
        ({"exact": "girl"}, "girl"),
        ({"distance": "euclid"}, "distance"),
        ({"order": "random"}, "order"),
        ({"side": "above"}, "side"),
        ({"side": "below", "order": "smallest"}, "below"),
        ({"side": "below", "replace": True}, "nobody"),
        ({"bias_adjust": 1}, "bias_adjust"),
    ],
)
def test_a_wrong_option_is_named(options, words):
    with pytest.raises(UsageError, match=words):
        run(rare(10), ATT, **options)


def test_all_children_need_replacement():
    with pytest.raises(UsageError, match="replace: true"):
        run(rare(11), term("continuous", Target("ate")))


def test_too_few_to_draw_from_is_another_target():
    cohort = rare(12, share=0.8)
    with pytest.raises(TooFew, match=r"find no match in arm none.*replace: true, or a caliper"):
        run(cohort, ATT)
    assert np.isfinite(run(cohort, ATT, **REUSED).estimate.value[0])


def test_a_mean_below_zero_has_no_ratio():
    cohort = rare(13)
    below = replace(cohort.outcomes["y"], value=cohort.outcomes["y"].value - 100)
    with pytest.raises(Unanswerable, match="ratio"):
        run(replace(cohort, outcomes={"y": below}), term("continuous", Target("att"), "ratio"))


def test_fewer_than_ten_schools_give_no_interval():
    cohort = rare(14, schools=8)
    for options in ({}, REUSED):
        found = run(cohort, ATT, **options).estimate
        assert intervals(found) is None
        assert "fewer than 10" in found.interval[0]


# -------------------- how sure


def abadie_imbens(cohort: Cohort, matches: int) -> float:
    """Return the standard error of Abadie & Imbens (2006), theorem 7: all by hand, with the
    variance of an outcome given the score from the nearest four of a child's own arm.
    """
    asked = term("continuous", Target("att"))
    along = score(task(cohort, asked)).probability[:, 1]
    y, arm = cohort.outcomes["y"].value, cohort.arm
    treated, rest = np.flatnonzero(arm == 1), np.flatnonzero(arm == 0)
    nearest = np.argsort(np.abs(along[treated][:, None] - along[rest]), axis=1)[:, :matches]
    effect = y[treated] - y[rest[nearest]].mean(axis=1)
    used = np.bincount(nearest.ravel(), minlength=len(rest))
    away = np.abs(along[rest][:, None] - along[rest])
    np.fill_diagonal(away, np.inf)
    own = y[rest[np.argsort(away, axis=1)[:, :4]]].mean(axis=1)
    variance = 4 / 5 * (y[rest] - own) ** 2
    total = ((effect - effect.mean()) ** 2).sum()
    total += (used * (used - 1) / matches**2 * variance).sum()
    return float(np.sqrt(total)) / len(treated)


@pytest.mark.parametrize("matches", [1, 3])
def test_with_the_score_known_it_is_the_formula_of_abadie_and_imbens(matches):
    """A caliper that nothing exceeds: the same matches, the score taken as given."""
    asked = term("continuous", Target("matched"))
    ratios = []
    for seed in range(6):
        cohort = rare(20 + seed, n=2000, share=-0.8)
        found = run(cohort, asked, cluster=None, replace=True, ratio=matches, caliper=1e6).estimate
        ratios.append(standard_errors(found)[0] / abadie_imbens(cohort, matches))
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert np.abs(np.array(ratios) - 1).max() < 0.10


def beside_the_point(seed: int, n: int = 600) -> Cohort:
    """Return children whose outcome depends on a covariate that decides nothing, but is in the
    model of the score: estimating the score then makes the answer surer.
    """
    r = np.random.default_rng(seed)
    x = r.standard_normal((2, n))
    arm = (r.random(n) < 1 / (1 + np.exp(0.6 - 0.5 * x[0]))).astype(int)
    y = x[0] + 2 * x[1] + arm + r.standard_normal(n)
    columns = {"a": Column(x[0]), "b": Column(x[1])}
    return Cohort(np.arange(n), ("none", "support"), arm, {"y": Outcome("continuous", y)}, columns)


@pytest.mark.parametrize("kind", ["att", "ate"])
def test_the_estimation_of_the_score_is_in_the_error(kind):
    """Abadie & Imbens (2016): here the score known would say far too much."""
    asked = Term("y", pair("support", "none"), Target(kind))
    values, errors = [], []
    for seed in range(150):
        cohort = beside_the_point(seed)
        own = Task(cohort, (asked,), Analysis(("a", "b"), stream="t", options=REUSED))
        found = MATCHING.run(own).estimate
        values.append(found.value[0])
        errors.append(standard_errors(found)[0])
    known = Task(
        cohort,
        (asked.on(Target("matched")),),
        Analysis(("a", "b"), stream="t", options={**REUSED, "caliper": 1e6}),
    )
    spread = np.std(values, ddof=1)
    assert np.mean(errors) == pytest.approx(spread, rel=0.15)
    assert standard_errors(MATCHING.run(known).estimate)[0] > 1.25 * np.mean(errors)


@pytest.mark.parametrize(
    ("options", "cluster"),
    [({}, "school"), ({}, None), ({"bias_adjust": True}, "school"), (REUSED, "school")],
)
def test_coverage_over_200_worlds(options, cluster):
    """Fast form: fails only outside 90-99%, and where bias shows."""
    values, inside = [], []
    for seed in range(200):
        found = run(rare(3000 + seed, n=800), ATT, cluster=cluster, **options).estimate
        low, high = intervals(found)[0]
        values.append(found.value[0])
        inside.append(low <= truth() <= high)
    assert 0.90 <= np.mean(inside) <= 0.99
    away = np.array(values) - truth()
    assert abs(away.mean()) < max(3.5 * away.std(ddof=1) / np.sqrt(200), 0.1 * away.std(ddof=1))


@pytest.mark.parametrize("ratio", [1, 3])
def test_coverage_with_replacement_of_every_target(ratio):
    world = World(n=600, schools=60, arms=2)
    asked = [term("continuous", Target(kind)) for kind in ("att", "atu", "ate")]
    truth = np.array([world.truth(one) for one in asked])
    inside = []
    for seed in range(150):
        own = task(world.draw(6000 + seed), *asked)
        told = replace(own.analysis, options={**REUSED, "ratio": ratio})
        bounds = intervals(MATCHING.run(replace(own, analysis=told)).estimate)
        inside.append((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))
    covered = np.mean(inside, axis=0)
    assert ((covered >= 0.89) & (covered <= 0.995)).all(), covered


@pytest.mark.parametrize("options", [{}, REUSED])
def test_twenty_schools_are_told_apart_from_many(options):
    inside = []
    for seed in range(100):
        found = run(rare(9000 + seed, n=600, schools=20), ATT, **options).estimate
        assert found.interval[0].startswith("score wild bootstrap")
        low, high = intervals(found)[0]
        inside.append(low <= truth() <= high)
    assert 0.88 <= np.mean(inside) <= 1.0


def test_pairs_that_vary_together_make_it_surer():
    """Without clusters the variance is by pair alone: less than children taken one by one."""
    cohort = rare(15, n=2000)
    answer = run(cohort, ATT, cluster=None)
    sets, y = answer.fit.matched[ATT], cohort.outcomes["y"].value
    signed = np.where(sets.first, 1.0, -1.0) * y[sets.row]
    difference = np.bincount(sets.set, weights=signed)
    count = len(difference)
    by_pair = np.sqrt(difference.var() / (count - 1) * (2 * count - 1) / (2 * count - 2))
    assert standard_errors(answer.estimate)[0] == pytest.approx(by_pair, rel=1e-10)
