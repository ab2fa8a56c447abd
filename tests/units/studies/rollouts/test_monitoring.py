"""Looks on the way: information from the design, boundaries as printed, harm that binds nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import Malformed
from fingerpost.core.measure import Measure
from fingerpost.core.rollout import Collection, Correlation, Monitoring, Power, Rollout, Wave
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.kernels.group_sequential import crossing
from fingerpost.studies.rollouts.monitoring import (
    Monitored,
    boundary,
    harm_bounds,
    looks_table,
    monitor,
    record,
    words,
)
from fingerpost.studies.rollouts.power import Planned, plan_power

# method-decisions.md, section 5, and rpact 3.3.4.
EXACT = [4.561742, 3.225639, 2.633723, 2.280871, 2.040073]
SPENT = [4.876885, 3.357012, 2.680280, 2.289817, 2.031032]
POCOCK = [2.413180] * 5
WANG_TSIATIS = [3.194083, 2.685893, 2.426979, 2.258558, 2.136012]
KIM_DEMETS = [3.540084, 2.974311, 2.604514, 2.306357, 2.045480]
HWANG = [3.252668, 2.986046, 2.691657, 2.373667, 2.025321]
PRINTED = [
    (Monitoring(bounds="obrien_fleming"), EXACT),
    (Monitoring(), SPENT),
    (Monitoring(bounds="pocock"), POCOCK),
    (Monitoring(bounds="wang_tsiatis", parameter=0.25), WANG_TSIATIS),
    (Monitoring(spending="power", parameter=3), KIM_DEMETS),
    (Monitoring(spending="exponential", parameter=-4), HWANG),
    (Monitoring(spending="obrien_fleming", alpha=0.025, sides=1), SPENT),
]
EVEN = np.arange(1, 6) / 5
# Levels that are new in every period, half of the units from the second period on: each period
# tells alike, and the first, before anyone begins, nothing.
AFRESH = Correlation("nested", 0.05, 0.0)
PARALLEL = Rollout(
    periods=tuple(f"p{at}" for at in range(6)),
    waves=(Wave("half", "p1", 30), Wave("late", "", 30)),
    power=Power(effect=0.2, sd=1, children=50, correlations=(AFRESH,)),
)
STUDY = Study("half", "Does it?", assignment=Randomised("parallel", "area"), rollout=PARALLEL)
TERMS = (
    *("2027 autumn", "2028 spring", "2028 summer", "2028 autumn", "2029 spring", "2029 summer"),
    *("2029 autumn", "2030 spring", "2030 summer"),
)
DECAY = Correlation("decay", 0.02, 0.8)
STAGGERED = Rollout(
    periods=TERMS,
    waves=(
        *(Wave(f"w{at}", TERMS[at], 20) for at in (1, 3, 5)),
        Wave("late", "", 20),
    ),
    power=Power(
        effect=-0.1,
        sd=1,
        children=400,
        target="exposure_average",
        correlations=(DECAY, Correlation("nested", 0.02, 0.8)),
    ),
    collection=Collection(("y",), 30, (("2028 summer", "2028-07-21"),)),
)
WAVES = Study(
    "waves",
    "Does it?",
    assignment=Randomised("staggered", "area"),
    outcomes=(OutcomeSpec("y", "y", measure=Measure("y", better="lower")),),
    rollout=STAGGERED,
)


def looked(study: Study, asked: Monitoring | None, units: int) -> tuple[Monitored, Planned]:
    assert study.rollout is not None
    study = replace(study, rollout=replace(study.rollout, monitoring=asked))
    planned = plan_power(study, units=units)
    return monitor(planned), planned


@pytest.mark.parametrize(("asked", "printed"), PRINTED, ids=lambda each: getattr(each, "shape", ""))
def test_with_even_information_the_printed_numbers_come_out(asked, printed) -> None:
    assert boundary(asked, EVEN) == pytest.approx(printed, abs=2e-6)


def test_a_design_whose_periods_tell_alike_has_even_looks_and_the_printed_boundary() -> None:
    asked = Monitoring(looks=("p1", "p2", "p3", "p4", "p5"), bounds="obrien_fleming")
    found, _ = looked(STUDY, asked, 60)
    assert [one.fraction for one in found.looks] == pytest.approx(EVEN, abs=1e-9)
    assert [one.bound for one in found.looks] == pytest.approx(EXACT, abs=2e-6)
    # By hand: between areas .05/.95, within 1/50, two groups of 30, so many periods.
    variance = (0.05 / 0.95 + 1 / 50) * 2 / 30
    assert [one.se**2 for one in found.looks] == pytest.approx(variance / np.arange(1, 6))
    assert [one.spent for one in found.looks][-1] == pytest.approx(0.025, abs=1e-9)


def test_information_comes_from_the_correlation_not_from_the_calendar() -> None:
    found, _ = looked(WAVES, Monitoring(), 80)
    assert [one.period for one in found.looks] == ["2028 summer", "2029 summer", "2030 summer"]
    by_calendar = [3 / 9, 6 / 9, 1.0]
    fractions = [one.fraction for one in found.looks]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert max(abs(a - b) for a, b in zip(fractions, by_calendar, strict=True)) > 0.05
    lasting, _ = looked(
        replace(WAVES, rollout=replace(STAGGERED, correlation=Correlation("nested", 0.02, 1.0))),
        Monitoring(),
        80,
    )
    assert abs(lasting.looks[0].fraction - fractions[0]) > 0.02
    # All correlations held possible are told beside the working one.
    assert found.looks[0].least < found.looks[0].most
    assert found.looks[0].least <= found.looks[0].fraction <= found.looks[0].most


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_number_of_looks_is_spread_by_information(count: int) -> None:
    found, _ = looked(WAVES, Monitoring(looks=count), 80)
    assert len(found.looks) == count and found.looks[-1].fraction == 1.0
    if count == 1:
        assert found.looks[0].bound == pytest.approx(1.959964, abs=1e-6)
        assert found.inflation == pytest.approx(1.0, abs=1e-6)
    else:
        even = np.arange(1, count + 1) / count
        assert np.abs(np.array([one.fraction for one in found.looks]) - even).max() < 0.15


def test_harm_binds_nobody_and_has_its_own_level() -> None:
    with_harm, _ = looked(WAVES, Monitoring(harm=0.10), 80)
    other, _ = looked(WAVES, Monitoring(harm=0.25), 80)
    without, _ = looked(WAVES, Monitoring(harm=0.0), 80)
    bounds = [[one.bound for one in each.looks] for each in (with_harm, other, without)]
    assert bounds[0] == bounds[1] == bounds[2]
    assert [one.harm for one in without.looks] == [None] * 3
    t = np.array([one.fraction for one in with_harm.looks])
    for asked, level in ((Monitoring(), 0.10), (Monitoring(harm=0.25), 0.25)):
        held = harm_bounds(asked, t)
        assert crossing(held, t).sum() == pytest.approx(level, abs=1e-8)


def test_power_with_looks_is_a_little_less_than_once_at_the_end() -> None:
    found, planned = looked(WAVES, Monitoring(), 80)
    assert found.fixed is not None and found.power is not None
    assert found.fixed - 0.03 < found.power < found.fixed
    pocock, _ = looked(WAVES, Monitoring(bounds="pocock"), 80)
    assert pocock.inflation > found.inflation > 1
    told = record(found, planned)
    assert told["harm_binds"] is False and told["declared"] is True
    assert [one["stopped"] for one in told["looks"]] == sorted(
        one["stopped"] for one in told["looks"]
    )


def test_effects_have_the_sign_of_a_benefit_and_days_where_they_are_told() -> None:
    found, planned = looked(WAVES, Monitoring(), 80)
    rows = looks_table(found, planned).records()
    # The first period's end is told; of the second its name tells (31 August).
    assert rows[0]["returns_due"] == "2028-08-20" and rows[1]["returns_due"] == "2029-09-30"
    for row in rows:
        assert row["effect"] < 0 < row["harm_effect"]  # lower is better
        assert row["effect"] == pytest.approx(-row["bound"] * row["se"])
    assert rows[0]["exposures"] == "0 to 1"
    assert rows[-1]["p"] == pytest.approx(2 * stats.norm.sf(rows[-1]["bound"]))


def test_words_say_that_looks_are_proposed_and_what_they_cost() -> None:
    found, _ = looked(WAVES, None, 80)
    said = " ".join(words(found))
    assert "names no looks: these are one each academic year" in said
    assert "binds nobody" in said and "not from the calendar" in said
    once, _ = looked(STUDY, None, 60)
    assert "there is one analysis, at the end" in " ".join(words(once))
    exact, _ = looked(WAVES, Monitoring(bounds="pocock"), 80)
    assert "holds for the information as planned" in " ".join(words(exact))


def test_a_look_before_anything_is_known_is_refused() -> None:
    with pytest.raises(Malformed, match=r"after 2027 autumn nothing is known yet.*2028 spring"):
        looked(WAVES, Monitoring(looks=("2027 autumn", "2030 summer")), 80)
    with pytest.raises(Malformed, match="Ask for fewer"):
        looked(WAVES, Monitoring(looks=30), 80)


def test_a_first_year_that_hardly_tells_is_left_out() -> None:
    late = replace(
        STAGGERED, waves=(Wave("w", "2028 summer", 1), Wave("x", "2029 summer", 39), Wave("late"))
    )
    found, _ = looked(replace(WAVES, rollout=late), Monitoring(), 80)
    assert "2028 summer" in found.left_out
    assert "2028 summer" not in [one.period for one in found.looks]
    assert "less than 5% is known" in " ".join(words(found))


def test_the_joint_law_of_the_looks_is_that_of_independent_increments() -> None:
    """By hand, cell by cell: weights of the estimate at each look, and their covariance."""
    found, planned = looked(WAVES, Monitoring(), 80)
    begins = planned.layout.begins
    waves, periods = len(begins), len(TERMS)
    at = np.arange(periods)
    within, between = 1.0, 0.02 / 0.98
    one = between * 0.8 ** np.abs(np.subtract.outer(at, at)) + within / 400 * np.eye(periods)
    covariance = np.kron(np.eye(waves), one / 20)  # of the mean of a wave's 20 units
    exposed = np.array([[float(start >= 0 and t >= start) for t in at] for start in begins])
    design = np.column_stack([np.tile(np.eye(periods), (waves, 1)), exposed.ravel()])
    weights = []
    for look in found.looks:
        seen = np.flatnonzero(np.tile(at <= look.place, waves))
        x = design[seen][:, [*range(look.place + 1), periods]]
        solved = np.linalg.solve(covariance[np.ix_(seen, seen)], x)
        own = np.zeros(waves * periods)
        own[seen] = solved @ np.linalg.inv(x.T @ solved)[:, -1]
        weights.append(own)
    law = np.array(weights) @ covariance @ np.array(weights).T
    assert np.sqrt(np.diag(law)) == pytest.approx([one.se for one in found.looks])
    t = np.array([one.fraction for one in found.looks])
    expected = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    scale = np.sqrt(np.diag(law))
    assert law / np.outer(scale, scale) == pytest.approx(expected, abs=1e-9)
