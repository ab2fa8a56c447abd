"""Diagnostics against tables by hand; behind each row stand the children that it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target
from fingerpost.core.outcome import Outcome
from fingerpost.core.study import Guard
from fingerpost.core.table import Table
from fingerpost.estimators._score import score, tilt
from fingerpost.studies import diagnostics, guard
from fingerpost.studies.weights import Weighting, indicators, weighting
from suites.worlds import GIVEN, World, task, term

ATE = term("continuous", Target("ate"))
ARMS = ("none", "support")


def cohort_of(arm: list[int], y: list[float], kind: str = "continuous", **more) -> Cohort:
    n = len(arm)
    outcome = Outcome(kind, np.array(y, dtype=float), exposure=more.pop("exposure", None))
    return Cohort(
        np.arange(n), ARMS, np.array(arm), {"y": outcome}, more.pop("covariates", {}), **more
    )


def weighted_by(asked, first: list[float], second: list[float]) -> Weighting:
    """Weights of the arms `support` and `none`, in the contrast's order."""
    own = {"support": np.array(first, dtype=float), "none": np.array(second, dtype=float)}
    n = len(first)
    return Weighting(asked, own, own, np.ones(n), 0.0, np.ones(n))


# -------------------- weights capped


SUPPORT = [1.0, 1, 1, 1, 6, 0, 0, 0, 0, 0]
NONE = [0.0, 0, 0, 0, 0, 2, 2, 2, 2, 2]
Y = [1.0, 2, 3, 4, 20, 1, 1, 1, 1, 6]
ARM = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def path(kind: str = "continuous", scale: str = "difference", exposure=None) -> Table:
    cohort = cohort_of(ARM, Y, kind, exposure=exposure)
    asked = term(kind, Target("ate"), scale)
    own = Task(cohort, (asked,), Analysis(()))
    return diagnostics.truncation(own, asked, weighted_by(asked, SUPPORT, NONE))


def cap(percentile: float) -> float:
    """The largest weight allowed: of 1, 1, 1, 1, 6, the last step of the quantile is 1 to 6."""
    return 1 + 5 * (1 - 4 * percentile / 100) if percentile <= 25 else 1.0


@pytest.mark.parametrize("row", range(5))
def test_capped_weights_give_the_means_and_sizes_worked_by_hand(row: int) -> None:
    told = path().records()[row]
    largest = cap(told["percentile"])
    mean = (1 + 2 + 3 + 4 + 20 * largest) / (4 + largest)
    assert told["estimate"] == pytest.approx(mean - 2)
    assert told["effective_first"] == pytest.approx((4 + largest) ** 2 / (4 + largest**2))
    assert told["effective_second"] == pytest.approx(5)


def test_nothing_is_capped_first_and_more_at_each_step() -> None:
    table = path()
    percentiles = table.column("percentile")
    assert percentiles[0] == 0 and list(percentiles) == sorted(percentiles)
    assert table.column("estimate")[0] == pytest.approx((1 + 2 + 3 + 4 + 120) / 10 - 2)
    sizes = table.column("effective_first")
    assert list(sizes) == sorted(sizes)
    assert set(table.counts) == {5}
    assert table.tag("scale") == "difference"


def test_rates_and_ratios_are_capped_as_such() -> None:
    """Followed two years each: a rate is half a mean, and a ratio of rates that of the means."""
    years = np.full(10, 2.0)
    halved = path("count", exposure=years).column("estimate")
    assert np.array(halved) == pytest.approx(np.array(path().column("estimate")) / 2)
    ratios = path("count", "ratio", years).column("estimate")
    means = np.array(path().column("estimate")) + 2
    assert np.array(ratios) == pytest.approx(means / 2)


def test_a_ratio_of_a_mean_below_nought_is_left_empty() -> None:
    cohort = cohort_of(ARM, [-y for y in Y])
    asked = term("continuous", Target("ate"), "ratio")
    own = Task(cohort, (asked,), Analysis(()))
    table = diagnostics.truncation(own, asked, weighted_by(asked, SUPPORT, NONE))
    assert set(table.column("estimate")) == {None}


# -------------------- trimming


@pytest.fixture(scope="module", params=["difference", "ratio"])
def trimmed(request):
    cohort = World(n=800, schools=40, arms=3).draw(2)
    asked = term("continuous", Target("ate", trim=0.2), request.param)
    own = task(cohort, asked)
    kept = score(own).probability.min(axis=1) >= 0.2
    tables = diagnostics.trim_tables(own, asked, kept, [("ipw", 0.3), ("aipw", 0.4)])
    return own, kept, {table.name: table for table in tables}


def test_who_stays_is_counted_by_arm_and_nobody_is_lost(trimmed) -> None:
    own, kept, tables = trimmed
    arm = own.cohort.arm
    for a, row in enumerate(tables["trim"].records()):
        assert row["arm"] == own.cohort.arms[a]
        assert row["kept"] == np.sum(arm[kept] == a)
        assert row["left"] == np.sum(arm[~kept] == a)
        assert row["children"] == row["kept"] + row["left"]
        assert tables["trim"].counts[a] == min(row["kept"], row["left"])


def test_who_stays_is_described_levels_and_all(trimmed) -> None:
    own, kept, tables = trimmed
    index = np.asarray(own.cohort.covariates["index"].values)
    boy = np.asarray(own.cohort.covariates["boy"].values) == 1
    rows = {row["covariate"]: row for row in tables["trim_who"].records()}
    assert list(rows) == ["index", "boy = girl", "boy = boy"]
    assert rows["index"]["mean_all"] == pytest.approx(index.mean())
    assert rows["index"]["mean_kept"] == pytest.approx(index[kept].mean())
    assert rows["boy = boy"]["mean_kept"] == pytest.approx(boy[kept].mean())
    counts = (kept.sum(), (kept & ~boy).sum(), (kept & boy).sum())
    assert tables["trim_who"].counts == counts


def test_every_leaf_was_fitted_again_and_the_weights_of_the_first_fit_stand_apart(trimmed) -> None:
    own, kept, tables = trimmed
    asked, cohort = own.terms[0], own.cohort
    e, y = score(own).probability, cohort.outcomes["y"].value
    means = {
        a: np.average(y[kept & (cohort.arm == a)], weights=1 / e[kept & (cohort.arm == a), a])
        for a in (0, 1)
    }
    ratio = asked.scale == "ratio"
    first_fit = means[1] / means[0] if ratio else means[1] - means[0]
    rows = {row["estimator"]: row["estimate"] for row in tables["trim_estimates"].records()}
    refitted = {"ipw": np.exp(0.3), "aipw": np.exp(0.4)} if ratio else {"ipw": 0.3, "aipw": 0.4}
    assert rows == pytest.approx({**refitted, "weights of the first fit": first_fit})
    compared = min(np.sum(cohort.arm[kept] == a) for a in (0, 1))
    assert set(tables["trim_estimates"].counts) == {compared}
    assert tables["trim_estimates"].tag("scale") == asked.scale


# -------------------- overlap


def test_histograms_of_three_arms_count_every_child_of_every_arm_once_an_arm() -> None:
    cohort = World(n=700, schools=40).draw(1)
    own = task(cohort, ATE)
    table = diagnostics.overlap(own)
    for of in cohort.arms:
        for a, arm in enumerate(cohort.arms):
            rows = [r for r in table.records() if (r["of"], r["arm"]) == (of, arm)]
            assert sum(row["children"] for row in rows) == np.sum(cohort.arm == a)
    assert table.counts == table.column("children")


def test_subgroups_may_be_a_column_that_is_no_covariate_and_not_always_recorded() -> None:
    """Many values: quarters of those recorded; a child without a value is in none of them."""
    cohort = World(n=1000, schools=40, arms=2).draw(3)
    r = np.random.default_rng(0)
    income = r.normal(size=cohort.n)
    income[r.random(cohort.n) < 0.2] = np.nan
    stage = np.where(np.isnan(income), np.nan, np.round(r.random(cohort.n)) + 1)
    roles = {"income": Column(income), "stage": Column(stage)}
    own = task(replace(cohort, roles=roles), ATE)
    table = diagnostics.overlap_subgroups(own, ("income", "stage", "boy"), 0.25)
    smallest = score(own).probability.min(axis=1)
    quarter = np.digitize(income, np.nanpercentile(income, [25, 50, 75]))
    members = {
        **{("income", f"quarter {at + 1}"): (quarter == at) & ~np.isnan(income) for at in range(4)},
        **{("stage", f"{at}"): stage == at for at in (1, 2)},
        **{
            ("boy", level): np.asarray(cohort.covariates["boy"].values) == code
            for code, level in enumerate(("girl", "boy"))
        },
    }
    assert {(row["subgroup"], row["level"]) for row in table.records()} == set(members)
    for row in table.records():
        mine = members[row["subgroup"], row["level"]]
        mine = mine & (cohort.arm == cohort.arms.index(row["arm"]))
        assert row["children"] == mine.sum()
        assert row["outside_share"] == pytest.approx(np.mean(smallest[mine] < 0.25))
        assert row["smallest"] == pytest.approx(np.percentile(smallest[mine], 1))
    assert table.counts == table.column("children")
    known = sum(row["children"] for row in table.records() if row["subgroup"] == "income")
    assert known == np.count_nonzero(~np.isnan(income)) < cohort.n


def test_without_subgroups_there_is_no_table() -> None:
    own = task(World(n=300, schools=40, arms=2).draw(1), ATE)
    assert diagnostics.overlap_subgroups(own, (), 0.01) is None


# -------------------- balance and weights


def test_after_weighting_distances_are_those_of_weighted_samples() -> None:
    """Kolmogorov–Smirnov and variances of children repeated as often as they weigh."""
    cohort = World(n=400, schools=40, arms=2).draw(6)
    own = task(cohort, ATE)
    counted = np.random.default_rng(2).integers(1, 4, cohort.n)
    arms = {"support": counted * (cohort.arm == 1.0), "none": counted * (cohort.arm == 0.0)}
    weighted = replace(weighting(own, ATE, 0.01), own={k: v.astype(float) for k, v in arms.items()})
    row = diagnostics.balance(own, weighted, indicators(cohort, GIVEN)).records()[0]
    index = np.asarray(cohort.covariates["index"].values)
    first, second = (np.repeat(index, weight) for weight in arms.values())
    assert row["ks_after"] == pytest.approx(stats.ks_2samp(first, second).statistic)
    assert row["vr_after"] == pytest.approx(
        max(first.var(), second.var()) / min(first.var(), second.var())
    )


def test_weights_are_summed_up_by_arm() -> None:
    cohort = World(n=400, schools=40, arms=2).draw(6)
    own = task(cohort, ATE)
    e = score(own).probability
    table = diagnostics.weights_table(own, weighting(own, ATE, 0.01))
    for row, children in zip(table.records(), table.counts, strict=True):
        a = cohort.arms.index(row["arm"])
        weight = 1 / e[cohort.arm == a, a]
        school = cohort.clusters["school"][cohort.arm == a]
        by_school = [weight[school == s].sum() for s in np.unique(school)]
        assert row["children"] == children == len(weight)
        assert row["effective_size"] == pytest.approx(weight.sum() ** 2 / np.sum(weight**2))
        assert row["largest_share"] == pytest.approx(weight.max() / weight.sum())
        assert row["largest_cluster_share"] == pytest.approx(max(by_school) / weight.sum())
        assert (row["mean"], row["sd"]) == pytest.approx((weight.mean(), weight.std(ddof=1)))


# -------------------- children behind each row


def test_behind_a_level_stand_its_own_children_of_the_arm() -> None:
    boy = Column(np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, 0]), ("girl", "boy"))
    age = Column(np.arange(10.0))
    cohort = cohort_of(ARM, Y, covariates={"age": age, "boy": boy})
    table = diagnostics.baseline(cohort, indicators(cohort, ("age", "boy")))
    behind = {
        (row["covariate"], row["level"], row["arm"]): children
        for row, children in zip(table.records(), table.counts, strict=True)
    }
    assert behind == {
        ("age", "", "none"): 5,
        ("age", "", "support"): 5,
        ("boy", "girl", "none"): 1,
        ("boy", "girl", "support"): 4,
        ("boy", "boy", "none"): 4,
        ("boy", "boy", "support"): 1,
    }
    means = {(r["level"], r["arm"]): r["mean"] for r in table.records() if r["level"]}
    assert means["boy", "none"] == pytest.approx(0.8)
    assert set(table.column("children")) == {5}


def test_behind_a_number_of_events_stand_the_children_who_had_one() -> None:
    """Two with an event among five who had support; one child with all six events among the rest;
    a child whose outcome was not seen is not counted.
    """
    binary = cohort_of(ARM, [1, 1, 0, 0, 0, 1, 1, 1, 1, 0], "binary")
    table = diagnostics.outcomes(binary)
    assert table.kinds[table.columns.index("events")] == "count"
    assert dict(zip(table.column("arm"), table.counts, strict=True)) == {"none": 4, "support": 2}
    assert table.column("events") == (4, 2)
    seen = np.array([True] * 9 + [False])
    count = cohort_of(ARM, [1, 0, 2, 0, 1, 0, 6, 0, 0, 9], "count", exposure=np.full(10, 0.5))
    count = replace(count, outcomes={"y": replace(count.outcomes["y"], observed=seen)})
    table = diagnostics.outcomes(count)
    none, support = table.records()
    assert (none["events"], none["observed"], none["children"], none["exposure"]) == (6, 4, 5, 2.0)
    assert (support["events"], support["mean"]) == (4, pytest.approx(0.8))
    assert table.counts == (1, 3)


def test_behind_a_mean_stand_the_children_whose_outcome_was_seen() -> None:
    cohort = cohort_of(ARM, Y)
    seen = np.array([True, True, False] + [True] * 7)
    cohort = replace(cohort, outcomes={"y": replace(cohort.outcomes["y"], observed=seen)})
    table = diagnostics.outcomes(cohort)
    assert table.counts == table.column("observed") == (5, 4)
    assert set(table.column("events")) == {None}


def test_behind_a_guard_rail_stand_the_children_of_the_arm_it_judges() -> None:
    cohort = World(n=600, schools=40).draw(1)
    own = task(cohort, ATE)
    counted = guard.judge_counts(own, ATE, Guard())
    judged = guard.judge_weights(own, weighting(own, ATE, 0.01), indicators(cohort, GIVEN), Guard())
    table = guard.guard_table(ATE, (*counted, *judged), cohort.n)
    arms = {name: int(np.sum(cohort.arm == a)) for a, name in enumerate(cohort.arms)}
    of_all = {"balance", "outside support"}
    assert of_all < set(table.column("rule"))
    for row, children in zip(table.records(), table.counts, strict=True):
        if row["rule"] in of_all:
            assert children == cohort.n
            continue
        (arm,) = [name for name in arms if f"arm {name}" in row["words"]]
        assert children == arms[arm]


def test_a_tilt_is_made_once_for_weights_and_leaves() -> None:
    own = task(World(n=300, schools=40, arms=2).draw(1), ATE)
    assert tilt(own, ATE) is tilt(own, ATE)
    weighted = weighting(own, ATE, 0.01)
    a = own.cohort.arms.index("support")
    assert weighted.own["support"] == pytest.approx(
        tilt(own, ATE).weights[:, a] * (own.cohort.arm == a)
    )
