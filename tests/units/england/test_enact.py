"""Enacting: the same children and the same luck under another provision."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.england import _days, careers, outcomes_counts, outcomes_scores, potential, world
from fingerpost.england.enact import Allocation, by_place, enact, everyone, records, term_number
from fingerpost.england.health import FAR
from fingerpost.england.model import EHCP, NONE, SUPPORT
from fingerpost.england.provision import Provision
from fingerpost.england.world import World
from units.england.worlds import LAST_DAY, made


@pytest.fixture(scope="module")
def of() -> World:
    return made(boost="cleft", block=1, size=20_000)


def missed(of: World, given: Provision) -> outcomes_counts.Absence:
    roll = careers.make(of.families, of.health, of.places, seed=of.seed, block=1, last_day=LAST_DAY)
    return outcomes_counts.absence(of, given, roll)


def test_children_left_alone_live_as_they_would(of):
    untouched = enact(of, Allocation(np.full(of.size, -1), np.zeros(of.size, dtype=int)))
    would = world.unaided(of)
    for name in Provision.__slots__:
        assert np.array_equal(getattr(untouched, name), getattr(would, name)), name


def test_everyone_provided_for_lives_their_potential_outcomes(of):
    means = potential.make(of).means
    total = {}
    for level in (NONE, SUPPORT, EHCP):
        absence = missed(of, enact(of, everyone(of, level)))
        rate = absence.unauthorised[:, _days.ZERO :].sum() / absence.possible[:, _days.ZERO :].sum()
        total[level] = rate
        scores = outcomes_scores.make(of, enact(of, everyone(of, level)))
        wanted = means["wellbeing"][:, level].mean()
        assert scores.wellbeing.mean() == pytest.approx(wanted, abs=0.02)
    wanted = means["unauthorised_absence"].mean(axis=0)
    # Luck is common: the ratio is far surer than either rate.
    assert total[SUPPORT] / total[NONE] == pytest.approx(wanted[1] / wanted[0], abs=0.01)
    assert total[EHCP] / total[NONE] == pytest.approx(wanted[2] / wanted[0], abs=0.01)


def test_luck_is_common_to_all_provisions(of):
    none, support = (missed(of, enact(of, everyone(of, level))) for level in (NONE, SUPPORT))
    assert (support.unauthorised <= none.unauthorised).all()
    before = slice(0, _days.ZERO)
    assert np.array_equal(support.unauthorised[:, before], none.unauthorised[:, before])
    admitted = [
        outcomes_counts.admissions(of, enact(of, everyone(of, level)), last_day=LAST_DAY)
        for level in (NONE, SUPPORT)
    ]
    # Provision does nothing for admissions: they are the very same ones.
    assert np.array_equal(admitted[0].day, admitted[1].day)


def test_nothing_before_time_zero_is_changed(of):
    scores = [outcomes_scores.make(of, enact(of, everyone(of, level))) for level in (NONE, SUPPORT)]
    assert np.array_equal(scores[0].eyfsp, scores[1].eyfsp)
    assert (scores[1].ks2 > scores[0].ks2).all()


def test_a_roll_out_reaches_its_authorities_and_no_others(of):
    day = int(_days.days("first", of.families.reception, np.full(of.size, 6)).min())
    given = enact(of, by_place(of, {0: day, 5: day + 400}))
    would = world.unaided(of)
    elsewhere = ~np.isin(of.families.la, (0, 5))
    assert np.array_equal(given.start_day[elsewhere], would.start_day[elsewhere])
    there = of.families.la == 0
    assert (given.start_day[there] <= would.start_day[there]).all()
    changed = given.start_day != would.start_day
    assert changed[there].any() and not changed[elsewhere].any()
    assert (given.acts_day[changed] == given.start_day[changed]).all()


def test_provision_that_begins_late_acts_from_then(of):
    start = _days.days("first", of.families.reception, np.full(of.size, 12))
    late = Allocation(np.full(of.size, SUPPORT), start)
    none, given = (missed(of, enact(of, each)) for each in (everyone(of, NONE), late))
    assert np.array_equal(given.unauthorised[:, :12], none.unauthorised[:, :12])
    assert given.unauthorised[:, 12:].sum() < 0.97 * none.unauthorised[:, 12:].sum()
    idle = enact(of, Allocation(np.full(of.size, SUPPORT), start, acts=False))
    assert (idle.acts_day == FAR).all() and (idle.arm == NONE).all()


def test_the_delay_is_from_the_child_s_own_concern(of):
    start = _days.days("first", of.families.reception, np.full(of.size, _days.ZERO))
    given = enact(of, Allocation(np.full(of.size, SUPPORT), start))
    terms = term_number(given.start_day) - term_number(given.concern_day)
    assert np.array_equal(given.delay, terms.clip(0, 6))
    assert (given.concern_day <= given.start_day).all()


def test_dose_can_be_allocated(of):
    most = Allocation(
        np.full(of.size, SUPPORT),
        everyone(of, SUPPORT).start,
        planned=np.full(of.size, 2),
        delivered=np.full(of.size, 1),
    )
    given = enact(of, most)
    assert (given.planned == 2).all() and (given.delivered == 1).all()
    assert given.strength.mean() > 1.2


def test_the_records_of_an_allocation_have_every_table(of):
    names = [name for name, _ in records(made(size=2_000), everyone(made(size=2_000), SUPPORT))]
    assert len(names) == len(set(names)) == 28
    del of


def test_what_does_not_fit_is_told_at_once(of):
    with pytest.raises(UsageError) as told:
        enact(of, Allocation(np.zeros(3, dtype=int), np.zeros(4, dtype=int)))
    assert len(told.value.problems) == 2
    with pytest.raises(UsageError, match="support"):
        enact(of, Allocation(np.full(of.size, 7), np.zeros(of.size, dtype=int)))
