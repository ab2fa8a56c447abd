"""Survivor bounds: a planted group, at the bound and within; what contradicts; what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.special import stdtrit

from fingerpost.core.column import Column
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.estimand import Target
from fingerpost.core.outcome import Outcome
from fingerpost.sensitivity._standing import Errors, Found, Question, pooled
from fingerpost.sensitivity.survivor_bounds import NOBODY, joined
from units.sensitivity.bounds_worlds import (
    children,
    logistic,
    refusing,
    repeated,
    rows,
    run,
    task,
    term_of,
)

EFFECT = 0.4
WORLDS = 200


def world(seed: int, *, n=500, schools=0, raises=True):
    """Return children of whom the healthier are seen, more of them with support.

    The effect is 0.4 for everybody.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n)
    arm = (draw.random(n) < logistic(0.6 * x)).astype(int)
    school = draw.integers(0, schools, n) if schools else np.arange(n)
    habit = draw.standard_normal(max(schools, 1))
    health = draw.standard_normal(n) + 0.3 * x
    seen = health > np.where((arm == 1) == raises, -1.0, -0.5)
    noise = draw.standard_normal(n) + (3 * habit[school] if schools else 0.0)
    value = 0.5 * health + 0.5 * x + noise + EFFECT * arm
    more = {"clusters": {"school": school}} if schools else {}
    return children(arm, value, seen, x, **more)


def extreme(seed: int, *, n=600):
    """Return children drawn into arms of whom those seen with support alone have the highest
    outcomes: the effect among the others, 0.4, is the lower bound itself."""
    draw = np.random.default_rng(seed)
    arm, rank = draw.integers(0, 2, n), draw.random(n)
    seen = rank < np.where(arm == 1, 0.8, 0.6)
    return children(arm, 3 * rank + EFFECT * arm, seen)


def line(cohort, assume, **more):
    (row,) = rows(run("survivor_bounds", task(cohort, assume=assume, **more)))
    return row


@lru_cache
def at_the_bound() -> tuple[dict, ...]:
    return tuple(line(extreme(5000 + seed), "raises") for seed in range(WORLDS))


def test_on_the_bound_the_interval_holds_the_truth_as_often_as_it_says():
    held = np.mean([row["lo"] <= EFFECT <= row["hi"] for row in at_the_bound()])
    assert 0.90 <= held <= 0.99


def test_on_the_bound_the_mean_bound_is_the_truth_and_its_error_right():
    lower = np.array([row["lower"] for row in at_the_bound()])
    error = lower.std(ddof=1)
    assert abs(lower.mean() - EFFECT) <= max(3.5 * error / np.sqrt(WORLDS), 0.10 * error)
    reach = np.array([row["lower"] - row["lo"] for row in at_the_bound()]) / 1.6449
    assert reach.mean() / error == pytest.approx(1, abs=0.15)


def test_between_the_bounds_the_interval_holds_the_planted_effect():
    found = [line(world(3000 + seed), "raises") for seed in range(30)]
    assert all(row["lo"] < EFFECT < row["hi"] for row in found)
    assert all(row["lo"] < row["lower"] <= row["upper"] < row["hi"] for row in found)


def test_who_is_seen_more_may_lie_either_way():
    """Of a world where support keeps children from being seen, lowers holds and raises does not."""
    cohort = world(1, n=6000, raises=False)
    told = rows(run("survivor_bounds", task(cohort)))
    by = {row["assumes"]: row for row in told}
    assert by["raises"]["verdict"].startswith("contradicted: under none more children are seen")
    assert by["raises"]["lower"] is None
    assert by["lowers"]["lower"] < EFFECT < by["lowers"]["upper"]
    assert by["nothing"]["lower"] < by["lowers"]["lower"]
    assert by["lowers"]["upper"] < by["nothing"]["upper"]


def test_a_true_assumption_is_seldom_contradicted_and_a_false_one_mostly():
    fits = [line(world(s, n=800), "raises")["verdict"] for s in range(20)]
    breaks = [line(world(s, n=800), "lowers")["verdict"] for s in range(20)]
    assert sum(word.startswith("contradicted") for word in fits) <= 2
    assert sum(word.startswith("contradicted") for word in breaks) >= 18


def test_where_all_are_seen_alike_the_bounds_meet():
    """The same share of each arm seen: nothing is trimmed, and the answer is a number."""
    arm, seen = np.repeat([0, 1], 40), np.tile([True, True, True, False], 20)
    value = np.arange(80.0)
    row = line(children(arm, value, seen), "raises")
    plain = value[(arm == 1) & seen].mean() - value[(arm == 0) & seen].mean()
    assert (row["lower"], row["upper"]) == pytest.approx((plain, plain), abs=1e-12)
    assert row["group"] == pytest.approx(0.75)


def test_by_hand():
    """P is .8 and .6, as in the table of the kernel: 4 − 2 and 6 − 2, or 3 − 2.5 and 7 − 1.5."""
    arm = np.array([0] * 5 + [1] * 5)
    seen = np.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 0], dtype=bool)
    cohort = repeated(children(arm, [1, 2, 3, 0, 0, 2, 4, 6, 8, 0], seen), 100)
    found = {row["assumes"]: row for row in rows(run("survivor_bounds", task(cohort)))}
    ends = [(found[one]["lower"], found[one]["upper"]) for one in ("raises", "nothing")]
    assert ends[0] == pytest.approx((2.0, 4.0), abs=1e-12)
    assert ends[1] == pytest.approx((0.5, 5.5), abs=1e-12)
    assert found["nothing"]["group"] == pytest.approx(0.4)


def test_a_ratio_is_of_the_bounds_of_the_means():
    arm = np.array([0] * 5 + [1] * 5)
    seen = np.array([1, 1, 1, 0, 0, 1, 1, 1, 1, 0], dtype=bool)
    cohort = repeated(children(arm, [1, 2, 3, 0, 0, 2, 4, 6, 8, 0], seen), 100)
    asked = task(cohort, terms=(term_of("ratio"),), assume="raises")
    (row,) = rows(run("survivor_bounds", asked))
    assert (row["lower"], row["upper"]) == pytest.approx((4 / 2, 6 / 2), abs=1e-12)
    assert row["lo"] < 2 and row["verdict"] == "above no effect"


def test_cells_draw_the_bounds_together():
    """A covariate that tells most of the outcome: within its cells little is left to trim."""
    draw = np.random.default_rng(3)
    n = 4000
    cell = draw.integers(0, 4, n)
    arm, health = draw.integers(0, 2, n), draw.standard_normal(n)
    seen = health > np.where(arm == 1, -1.0, -0.5)
    value = 3.0 * cell + 0.2 * draw.standard_normal(n) + EFFECT * arm
    column = {"cell": Column(cell, ("a", "b", "c", "d"))}
    told = task(children(arm, value, seen, covariates=column), assume="raises", cells=("cell",))
    wide, narrow = rows(run("survivor_bounds", told))
    assert (wide["cells"], narrow["cells"]) == ("", "cell")
    assert narrow["lower"] < EFFECT < narrow["upper"]
    assert narrow["upper"] - narrow["lower"] < 0.3 * (wide["upper"] - wide["lower"])


def test_small_cells_are_joined():
    codes = np.array([0] * 100 + [1] * 100 + [2] * 10 + [3] * 10)
    cohort = children(np.arange(220) % 2, np.zeros(220), np.ones(220, dtype=bool))
    found = joined(codes, cohort, np.ones(220, dtype=bool))
    assert len(np.unique(found)) == 2  # the rest, ten in each arm, joined one of the large
    assert (found[200:] == found[200]).all() and found[0] != found[100]


def test_with_few_seen_nobody_need_be_in_the_group():
    draw = np.random.default_rng(1)
    cohort = children(draw.integers(0, 2, 400), draw.standard_normal(400), draw.random(400) < 0.45)
    row = line(cohort, "nothing")
    assert row["verdict"] == NOBODY and row["lower"] is None


def test_children_three_times_over_in_a_family_of_their_own_tell_no_more():
    """Clustered by family the error is that of one child each, but for G/(G − 1)."""
    cohort = world(4, n=300)
    family = {"family": np.tile(np.arange(300), 3)}
    alone = line(cohort, "raises")
    together = line(replace(repeated(cohort, 3), clusters=family), "raises", cluster="family")
    assert together["upper"] == pytest.approx(alone["upper"])
    own, other = (row["hi"] - row["upper"] for row in (alone, together))
    assert other == pytest.approx(own * np.sqrt(300 / 299), rel=1e-4)


def test_too_few_schools_give_no_interval():
    answer = run("survivor_bounds", task(world(4, schools=8), assume="nothing", cluster="school"))
    (row,) = rows(answer)
    assert row["lower"] is not None and row["lo"] is None and not answer.regions
    assert row["verdict"].startswith("we cannot tell")


def test_regions_are_the_intervals():
    answer = run("survivor_bounds", task(world(4), assume=("raises", "nothing")))
    held = [row for row in rows(answer) if row["lo"] is not None]
    assert [region.pieces for region in answer.regions] == [
        ((row["lo"], row["hi"]),) for row in held
    ]
    assert answer.regions[0].method == "survivor bounds assuming raises"


def test_what_the_guard_rails_refuse_with_all_children_is_refused():
    answer = run("survivor_bounds", task(world(4), refit=refusing))
    assert not answer.tables and not answer.regions
    assert answer.refusals[0].terms == (term_of(),)


def test_guard_rails_are_asked_of_who_was_seen():
    asked = []

    def refit(cohort, given, terms, leaves=None):
        asked.append((cohort.outcomes["score"], terms, leaves))
        return ()

    cohort = world(4)
    run("survivor_bounds", task(cohort, refit=refit))
    ((outcome, terms, leaves),) = asked
    # As a number: of an arm in which all were seen a yes or no would count nobody without.
    assert outcome.kind == "continuous" and outcome.observed is None
    assert outcome.value.astype(bool).tolist() == cohort.outcomes["score"].observed.tolist()
    assert leaves == ("aipw",) and terms[0].summary == "mean"


def test_what_was_imputed_was_not_seen():
    cohort = world(4)
    own = cohort.outcomes["score"]
    filled = replace(own, value=np.nan_to_num(own.value, nan=99.0), observed=None)
    copy = replace(cohort, outcomes={"score": filled}, imputed={"score": ~own.observed})
    assert line(copy, "raises") == line(cohort, "raises")


def test_where_all_were_seen_there_is_nothing_to_bound():
    arm = np.arange(100) % 2
    cohort = children(arm, arm * 1.0, np.ones(100, dtype=bool))
    with pytest.raises(Unanswerable, match="seen for all children"):
        run("survivor_bounds", task(cohort))


@pytest.mark.parametrize(
    ("term", "outcome", "words"),
    [
        (term_of(target=Target("ate", trim=0.01)), {}, "no such target"),
        (term_of(subgroup="sex = girl"), {}, "a subgroup"),
        (term_of(), {"kind": "count", "exposure": np.ones(500)}, "of follow-up"),
    ],
)
def test_what_is_not_bounded_says_why(term, outcome, words):
    cohort = world(4)
    held = replace(cohort.outcomes["score"], **outcome)
    cohort = replace(cohort, outcomes={"score": held})
    (row,) = rows(run("survivor_bounds", task(cohort, terms=(term,))))
    assert words in row["verdict"] and row["lower"] is None


def test_faults_of_options_come_together():
    with pytest.raises(UsageError) as told:
        run("survivor_bounds", task(world(4), assume="rises", cells="y", outcomes="maths"))
    words = "\n".join(told.value.problems)
    assert 'Did you mean "raises"?' in words
    assert 'cells: "y" is not a covariate' in words
    assert 'outcomes: "maths" is not an outcome of this study' in words


def test_a_covariate_of_many_values_makes_no_cells():
    with pytest.raises(UsageError, match="makes no cells"):
        run("survivor_bounds", task(world(4), cells="x"))


def test_several_outcomes_are_bounded_each_for_itself():
    cohort = world(4)
    other = Outcome("continuous", np.where(np.arange(500) % 5 == 0, np.nan, 1.0 * cohort.arm))
    other = replace(other, observed=np.isfinite(other.value))
    cohort = replace(cohort, outcomes={**cohort.outcomes, "other": other})
    terms = (term_of(), replace(term_of(), outcome="other"))
    told = rows(run("survivor_bounds", task(cohort, terms=terms, assume="raises")))
    assert [row["outcome"] for row in told] == ["score", "other"]
    assert (told[1]["lower"], told[1]["upper"]) == pytest.approx((1.0, 1.0), abs=1e-9)


def test_copies_are_pooled_by_rubin_and_not_one_of_them_shown():
    """Bounds so far apart that each copy's limits lie one-sided 95% points beyond them; copies as
    far from each other as worlds are.
    """
    made = [replace(world(70 + copy, n=1500), replicate=copy) for copy in range(1, 6)]
    each = [line(one, "nothing") for one in made]
    told = task(made[0], assume="nothing")
    (row,) = rows(run("survivor_bounds", replace(told, copies=tuple(made))))
    free = made[0].n - 1.0
    dfs, errors = [], []
    for end, limit in (("lower", "lo"), ("upper", "hi")):
        value = np.array([one[end] for one in each])
        within = np.mean([((one[end] - one[limit]) / 1.644854) ** 2 for one in each])
        between = 1.2 * value.var(ddof=1)
        share = between / (within + between)
        seen = (free + 1) / (free + 3) * free * (1 - share)
        dfs.append(1 / (share**2 / 4 + 1 / seen))
        errors.append(np.sqrt(within + between))
        assert row[end] == pytest.approx(value.mean(), rel=1e-12)
        assert between > 0.2 * within
    reach = stdtrit(min(dfs), 0.95) * np.array(errors)
    assert row["lower"] - row["lo"] == pytest.approx(reach[0], rel=1e-4)
    assert row["hi"] - row["upper"] == pytest.approx(reach[1], rel=1e-4)
    assert row["group"] == pytest.approx(np.mean([one["group"] for one in each]), rel=1e-12)


def test_what_one_copy_does_not_bound_is_not_bounded_and_is_said_of_how_many():
    one = Question(term_of(), ("support", "none"))
    how = Errors(np.arange(99), 99, 1.0, 0.95, "child")
    good, bad = Found((0.5, 0.8), (0.0, 1.0), (0.1, 0.1)), Found((0.3, 0.6), why=NOBODY)
    told = pooled(one, [good, bad, good], how)
    assert told.ends is None
    assert told.why == f"{NOBODY} (in 1 of 3 imputed copies)"
    assert told.shares == pytest.approx((1.3 / 3, 2.2 / 3))
    assert pooled(one, [bad, bad], how).why == NOBODY
    assert pooled(one, [good], how) is good
