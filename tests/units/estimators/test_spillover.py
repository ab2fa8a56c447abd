"""Spilling over within schools: chances of conditions, the four effects, and what is refused.

Chances are held against closed forms, effects against means written out here and against potential
outcomes that are known; bias and coverage over 1,000 worlds are in benchmarks/SPILLOVER.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks import spillover as worlds

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.cohort import Cohort
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import TooFew, Unanswerable, UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators import spillover
from fingerpost.estimators._conditions import conditions_of

TWO_LEVELS = worlds.WORLDS[2]  # schools of 6 to 30 children


def made(seed: int = 1, world: worlds.World = TWO_LEVELS) -> Task:
    return worlds.draw(world, np.random.default_rng(seed))


def effects(task: Task) -> dict[tuple[str, str, str], float]:
    rows = spillover.run(task).tables[1].records()
    return {(row["effect"], row["of"], row["against"]): row["estimate"] for row in rows}


def coins(sizes: list[int], y, arm, draws) -> Task:
    """Return a trial of children for each of whom a coin was tossed; y: (n,)."""
    school = np.repeat(np.arange(len(sizes)), sizes)
    n, names = len(school), ("usual", "more")
    allocation = Allocation(tuple(map(str, range(n))), names, arm)
    cohort = Cohort(
        np.arange(n), names, arm, {"y": Outcome("continuous", y)}, {}, {"school": school},
        drawn=np.arange(n),
    )  # fmt: skip
    told = Analysis(
        (),
        assignment=Randomised("simple", level="school"),
        cluster="school",
        options={"bands": (0.5,)},
    )
    drawn = Drawn(allocation, Permutations(allocation.units, names, draws))
    return Task(cohort, (Term("y", pair("more", "usual"), Target("ate")),), told, drawn=drawn)


def test_chances_of_conditions_are_those_of_the_draw():
    """Half of the schools, and in them half of the children: ½, ¼ and ¼, whatever their size."""
    task = made()
    has = np.array([name.startswith("offered") for name in task.cohort.arms])
    found = conditions_of(task, has, cuts=(), level="school", leaf="spillover")
    assert found.held == ((0, 0), (0, 1), (1, 1))
    assert found.chance == pytest.approx([0.5, 0.25, 0.25], abs=0.01)
    # Of schools of three under coins: alone one of both others, (½)² that neither, else a share.
    r = np.random.default_rng(5)
    draws = r.integers(0, 2, (3000, 60))
    own = coins([3] * 20, r.standard_normal(60), draws[0], draws[1:])
    told = conditions_of(own, np.array([False, True]), cuts=(0.5,), level="school", leaf="s")
    assert told.chance == pytest.approx([1 / 8, 1 / 4, 1 / 8] * 2, abs=0.01)


def test_with_even_chances_effects_are_differences_of_plain_means():
    task = made()
    y, arm = task.cohort.outcomes["y"].value, task.cohort.arm
    names = task.cohort.arms
    mean = {name: y[arm == at].mean() for at, name in enumerate(names)}
    some, none, has = "some schoolmates do", "no schoolmate does", "has it"
    found = effects(task)
    beside, nobody, offered = (
        mean[name] for name in ("beside some", "beside none", "offered some")
    )
    assert found["direct", f"{has}, {some}", f"{has} not, {some}"] == pytest.approx(
        offered - beside
    )
    assert found["indirect", f"{has} not, {some}", f"{has} not, {none}"] == pytest.approx(
        beside - nobody
    )
    assert found["total", f"{has}, {some}", f"{has} not, {none}"] == pytest.approx(offered - nobody)
    assert found["overall", f"all, {some}", f"all, {none}"] == pytest.approx(
        (offered + beside) / 2 - nobody, abs=0.01
    )


def test_weights_undo_what_the_size_of_a_school_does_to_its_chances():
    """Children of small schools come more often where most schoolmates have it, and are better off.
    What is true is known of every child: nothing reaches it from schoolmates.
    """
    sizes, r = [3] * 30 + [12] * 12, np.random.default_rng(11)
    small = np.repeat([1.0] * 30 + [0.0] * 12, sizes)
    draws = r.integers(0, 2, (400, len(small)))
    keys = ("indirect", "has it not, over 50% of schoolmates do",
            "has it not, up to 50% of schoolmates do")  # fmt: skip
    found, plain = [], []
    for arm in draws[:40]:
        task = coins(sizes, 3 * small + arm + 0.1 * r.standard_normal(len(small)), arm, draws)
        found.append(effects(task)[keys])
        y, school = task.cohort.outcomes["y"].value, task.cohort.clusters["school"]
        share = (np.bincount(school, weights=arm)[school] - arm) / (np.array(sizes)[school] - 1)
        many, few = (arm == 0) & (share > 0.5), (arm == 0) & (share > 0) & (share <= 0.5)
        plain.append(y[many].mean() - y[few].mean())
    assert abs(np.mean(plain)) > 4 * np.std(plain) / 40**0.5
    assert abs(np.mean(found)) < 2 * np.std(found) / 40**0.5


def test_the_effects_are_found_where_they_are_known():
    rows = [spillover.run(made(seed)).tables[1].records() for seed in range(16)]
    for at, truth in enumerate(worlds.truths(TWO_LEVELS, rows[0])):
        value = np.array([one[at]["estimate"] for one in rows])
        assert abs(value.mean() - truth) < 4 * value.std() / 16**0.5


def test_contrasts_of_arms_are_answered_with_errors_by_school():
    task = made()
    flipped = replace(task, terms=(replace(task.terms[0], contrast=task.terms[0].contrast[::-1]),))
    asked = replace(flipped.terms[0], contrast=pair("beside none", "offered some"))
    one, other = (spillover.run(replace(task, terms=(each,))).estimate for each in
                  (task.terms[0], asked))  # fmt: skip
    assert one.value == pytest.approx(-other.value)
    assert standard_errors(one) == pytest.approx(standard_errors(other))
    order = np.random.default_rng(0).permutation(task.cohort.n)
    again = spillover.run(replace(task, cohort=task.cohort.take(order))).estimate
    assert again.value == pytest.approx(one.value)
    assert set(one.clusters) == {40}


def test_where_every_school_has_the_same_share_only_the_direct_effect_is_told():
    answer = spillover.run(made(world=worlds.WORLDS[-1]))
    assert answer.tables[1].column("effect") == ("direct",)
    assert "only the direct effect" in answer.warnings[0][1]


def test_what_cannot_be_told_is_refused():
    task = made()
    with pytest.raises(Unanswerable, match="the ledger of its draw"):
        spillover.run(replace(task, drawn=None))
    part = task.cohort.take(task.cohort.arm > 0)
    fewer = replace(part, arms=part.arms[1:], arm=part.arm - 1)
    with pytest.raises(Unanswerable, match="all its arms"):
        spillover.run(replace(task, cohort=fewer))
    whole = np.repeat(np.arange(2), 30)
    own = coins([3] * 20, np.zeros(60), whole, np.tile(whole, (200, 1)))
    with pytest.raises(TooFew, match="condition"):
        spillover.run(own)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"provided": "nobody"}, "one or more of the arms"),
        ({"provided": ()}, "one or more of the arms"),
        ({}, "provided is missing"),
        ({"provided": "offered some", "bands": (1.5,)}, "shares above 0 and below 1"),
        ({"provided": ("beside none", "beside some", "offered some")}, "names every arm"),
        ({"provided": "offered some", "level": "scool"}, "such as school"),
    ],
)
def test_faulty_options_are_told(options, words):
    task = made()
    told = replace(task.analysis, options=options | {"level": options.get("level", "school")})
    with pytest.raises(UsageError, match=words):
        spillover.run(replace(task, analysis=told))
