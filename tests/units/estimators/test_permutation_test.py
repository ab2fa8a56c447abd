"""A test over draws: exact by enumeration, of the right size, and a ledger's draws replayed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Unanswerable
from units.estimators.drawn_cases import ARMS, ask, cohort, told


def every(n, k):
    return np.array(
        [[int(at in chosen) for at in range(n)] for chosen in combinations(range(n), k)]
    )


def test_all_draws_of_a_ledger_give_fishers_exact_p():
    y, arm = np.array([4.0, 1.0, 6.0, 3.0, 7.0, 2.0, 9.0, 5.0]), np.array([0, 0, 1, 0, 1, 0, 1, 1])
    codes = every(8, 4)
    names = tuple("abcdefgh")
    drawn = Drawn(Allocation(names, ARMS, arm), Permutations(names, ARMS, codes))
    found = cohort(y, arm)
    found = type(found)(**{f: getattr(found, f) for f in found.__dataclass_fields__} | {
        "drawn": drawn.places(names)
    })  # fmt: skip
    region = ask("permutation_test", told(found, drawn=drawn)).regions[0]

    def t(one):
        a, b = y[one == 1], y[one == 0]
        return (a.mean() - b.mean()) ** 2 / (a.var(ddof=1) / 4 + b.var(ddof=1) / 4)

    far = sum(t(one) >= t(arm) - 1e-9 for one in codes)
    assert region.p == pytest.approx((far + 1) / (len(codes) + 1))
    assert region.value == pytest.approx(y[arm == 1].mean() - y[arm == 0].mean())


def test_of_shuffles_the_size_is_the_level_and_the_interval_holds_the_effect():
    rejected, held = 0, 0
    for seed in range(120):
        r = np.random.default_rng(seed)
        strata = np.repeat([0, 1, 2], 8)
        arm = np.concatenate([r.permutation(8) % 2 for _ in range(3)])
        y = r.exponential(size=24) + strata
        region = ask("permutation_test", told(cohort(y, arm, strata=strata), draws=199)).regions[0]
        rejected += region.p <= 0.05
        held += region.pieces[0][0] <= 0 <= region.pieces[-1][1]
    assert 0 < rejected <= 14  # 6 expected; 15 or more once in 1,000
    assert held == 120 - rejected


def test_schools_are_shuffled_whole():
    r = np.random.default_rng(5)
    school = np.repeat(np.arange(12), 5)
    arm = (np.arange(12) % 2)[school]
    y = 2.0 * r.standard_normal(12)[school] + 0.1 * r.standard_normal(60)
    by_school = ask("permutation_test", told(cohort(y, arm, school=school), unit="school"))
    by_child = ask("permutation_test", told(cohort(y, arm)))
    width = [
        one.regions[0].pieces[-1][1] - one.regions[0].pieces[0][0] for one in (by_school, by_child)
    ]
    assert width[0] > 1.5 * width[1]


def test_a_minimised_trial_needs_its_ledger():
    from dataclasses import replace

    from fingerpost.core.assignment import Randomised

    task = told(cohort(np.arange(20.0), np.arange(20) % 2))
    own = replace(task.analysis, assignment=Randomised("minimisation"))
    with pytest.raises(Unanswerable, match="ledger"):
        ask("permutation_test", replace(task, analysis=own))


@pytest.mark.parametrize("design", ["minimisation", "two_level"])
def test_of_three_arms_two_are_not_shuffled_where_the_design_does_not(design):
    """Children of schools that were drawn to a kind, or of arms that others' arms decided."""
    from dataclasses import replace

    from fingerpost.core.assignment import Randomised

    r = np.random.default_rng(2)
    arm = np.arange(60) % 3
    names, arms = tuple(map(str, range(60))), ("usual", "added", "third")
    might = np.array([r.permutation(arm) for _ in range(99)])
    drawn = Drawn(Allocation(names, arms, arm), Permutations(names, arms, might))
    found = replace(cohort(r.normal(size=60), arm), arms=arms, drawn=drawn.places(names))
    task = told(found, drawn=drawn, cluster=None)
    own = replace(task.analysis, assignment=Randomised(design))
    with pytest.raises(Unanswerable, match="not drawn alike"):
        ask("permutation_test", replace(task, analysis=own))


def test_whatever_was_drawn_units_weigh_as_the_draw_that_is_replayed_gives():
    """One of six, then five of six: every draw in turn is that which was made, and no more than a
    share α of them has a p-value of α or less.
    """
    from dataclasses import replace

    one, five = every(6, 1), every(6, 5)
    codes = np.array([np.concatenate([a, b]) for a in one for b in five])
    names = tuple("abcdefghijkl")
    chance = np.repeat([1 / 6, 5 / 6], 6)
    chances = np.stack([1 - chance, chance], axis=1)
    y = np.random.default_rng(1).exponential(size=12) + 2.0 * np.repeat([0, 1], 6)
    p = []
    for arm in codes:
        drawn = Drawn(Allocation(names, ARMS, arm, chances), Permutations(names, ARMS, codes))
        found = replace(cohort(y, arm), drawn=drawn.places(names))
        p.append(ask("permutation_test", told(found, drawn=drawn)).regions[0].p)
    p = np.array(p)
    for level in np.unique(p):
        assert (p <= level + 1e-9).mean() <= level + 1e-9
