"""An England made again: planted gaps, kinds of provision, and outcomes without a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.england import remaking, reveal
from fingerpost.england.model import CLEFT, NEED, STRENGTH
from fingerpost.england.planted import columns as decided
from fingerpost.england.strength import rate_slope
from fingerpost.england.world import unaided
from units.england.conftest import SMALL
from units.england.worlds import made

EVERYONE = range(1, 6_001)


def test_the_england_made_again_is_the_one_on_disk(england):
    again = remaking.made(england, decided)
    sealed = reveal.sealed(england)
    assert len(again["child_id"]) == SMALL.children + sum(SMALL.boosts.values())
    assert np.array_equal(again["child_id"], sealed.columns["child_id"])
    assert np.array_equal(again["log_odds"], sealed.columns["log_odds"])
    assert np.array_equal(again["concerned"] == 1, sealed.columns["concerned"])


def test_chances_of_provision_are_what_happens():
    of = made()
    given = unaided(of)
    share = reveal.Planted(
        {name: values for name, values in decided(of).items()},
        of.needs.log_odds,
        of.health.marked,
        of.health.stratum != CLEFT,
        given.concerned,
        NEED.social,
    )
    chance = share.chance(of.needs.log_odds, concerned=False)
    had = given.arm > 0
    error = np.sqrt((chance * (1 - chance)).sum()) / of.size
    assert abs(had.mean() - chance.mean()) < 4 * error
    among = given.concerned
    chance = share.chance(of.needs.log_odds, concerned=True)[among]
    error = np.sqrt((chance * (1 - chance)).sum()) / among.sum()
    assert abs(had[among].mean() - chance.mean()) < 4 * error


def test_a_planted_gap_is_what_another_group_would_have_had(england):
    planted = reveal.planted(england, EVERYONE)
    boys = planted.gap("sex", ("M", "F"))
    # Outside the cleft stratum sex alone moves the log-odds by twice its coefficient.
    free = planted.plain & ~planted.marked
    support = planted.chance(planted.log_odds, concerned=False)
    steepest = 0.25 * 2 * NEED.sex
    assert 0 < boys < steepest
    slope = (support * (1 - support))[free].mean() * 2 * NEED.sex
    assert boys == pytest.approx(slope * free.mean(), rel=0.1)
    assert planted.gap("sex", ("F", "M")) == pytest.approx(-boys)
    assert planted.gap("ethnicity", ("ASIA", "WHIT")) == pytest.approx(0.0, abs=1e-12)
    fifths = [planted.gap("idaci_fifth", (str(at), "1")) for at in (2, 3, 4, 5)]
    assert fifths == sorted(fifths) and fifths[0] > 0
    assert planted.observed("idaci_fifth", ("5", "1")) > fifths[-1]
    assert planted.gap("fsm", ("1", "0"), concerned=True) > 0


def test_any_provision_is_support_and_plans_in_the_shares_of_england(england):
    share = reveal.plans(england, EVERYONE)
    arm = reveal.sealed(england, EVERYONE).columns["arm"]
    some = arm > 0
    error = np.sqrt((share * (1 - share))[some].sum()) / some.sum()
    assert abs((arm[some] == 2).mean() - share[some].mean()) < 4 * error + 1e-3


def test_persistent_absence_is_lived_under_each_provision_in_turn(england):
    lived = reveal.persistent_absence(england, EVERYONE)
    seen = ~np.isnan(lived[:, 0])
    assert 0.8 < seen.mean() < 1.0
    none, support, plan = lived[seen].mean(axis=0)
    # Provision lowers unauthorised absence, and lifts nobody over the threshold.
    assert 0.02 < none < 0.4
    assert (lived[seen, 1] <= lived[seen, 0]).mean() > 0.995
    assert plan <= support <= none


def test_support_begun_in_year_1_is_as_strong_as_such_support(england):
    times, added = reveal.begun_in_year_1(england, "unauthorised_absence")
    strengths = remaking.strengths_in_year_1(england)
    assert times == pytest.approx(np.exp(rate_slope(0.86) * strengths).mean()) and added == 0.0
    # Delays that end in Year 1 are longer or shorter than others: not the mean of all.
    assert 0.84 < times < 0.90
    times, added = reveal.begun_in_year_1(england, "wellbeing")
    assert times == 1.0 and added == pytest.approx(0.25 * strengths.mean(), rel=1e-6)
    assert len(STRENGTH.by_delay) == 7 and not reveal.acts_later("hidden_severity")
    assert reveal.acts_later("never_too_late")


def test_several_processes_make_again_what_one_makes(england, monkeypatch):
    one = remaking.made(england, remaking.share_of_plans)
    monkeypatch.setattr(remaking, "MANY_BLOCKS", 1)
    monkeypatch.setattr(remaking, "processors", lambda: 2)
    two = remaking.made(england, remaking.share_of_plans)
    assert list(one) == list(two)
    assert all(np.array_equal(one[name], two[name]) for name in one)
