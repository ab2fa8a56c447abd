"""Strength of provision: enumeration against the children drawn, and the slopes it gives."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.england import world
from fingerpost.england.model import OUTCOMES, RATE, STRENGTH
from fingerpost.england.scenarios import scenario
from fingerpost.england.strength import cells, delay_shares, rate_slope, slope, strength_of
from units.england.worlds import made

MODELS = {model.name: model for model in OUTCOMES}


def test_the_cells_are_those_of_the_children_drawn():
    drawn = made(size=60_000).chances
    counts = np.zeros(cells().share.shape)
    np.add.at(counts, (drawn.delay, drawn.planned, drawn.delivered), 1.0)
    share = cells().share
    spread = np.sqrt(share * (1 - share) / drawn.delay.size)
    # Authorities differ in their waits: a cell's count varies by more than chance alone.
    assert (np.abs(counts / drawn.delay.size - share) < 6 * spread + 0.10 * share).all()


def test_strength_has_mean_one():
    found = cells()
    assert found.share.sum() == pytest.approx(1.0)
    assert (found.share * found.strength).sum() == pytest.approx(1.0)


def test_no_delay_outlasts_the_time_there_is():
    terms = len(STRENGTH.concern_terms)
    share = delay_shares()
    for term in range(terms):
        assert share[:, term, terms - term :].sum() == 0.0
        assert share[:, term].sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("ratio", [0.5, 0.86, 0.98, 1.0, 1.1628, 2.0])
def test_the_slope_of_a_rate_gives_its_ratio(ratio):
    found = cells()
    mean = (found.share * np.exp(rate_slope(ratio) * found.strength)).sum()
    assert mean == pytest.approx(ratio, rel=1e-12)


def test_the_scenario_scales_the_effect():
    rate, score = MODELS["unauthorised_absence"], MODELS["wellbeing"]
    assert rate.scale == RATE
    assert slope(rate, scenario("no_effect")) == 0.0
    assert slope(rate, scenario("harm")) == pytest.approx(rate_slope(1 / 0.86))
    assert slope(score, scenario("harm")) == -0.25
    assert slope(score, scenario("blunt_only")) == 0.0
    assert slope(rate, scenario("blunt_only")) == rate_slope(0.86)
    assert slope(rate, scenario("meaningful_only")) == 0.0


def test_sooner_and_more_is_stronger():
    base = np.array([1, 1, 0])
    for at, better, worse in ((0, 0, 3), (1, 2, 0), (2, 1, 0)):
        more, less = base.copy(), base.copy()
        more[at], less[at] = better, worse
        assert strength_of(*more[:, None])[0] > strength_of(*less[:, None])[0]


def test_strength_goes_with_nothing_in_the_child():
    of = made(boost="cleft", block=1)
    given = world.unaided(of)
    provided = given.arm == 1
    for cause in (of.needs.severity, of.needs.social, of.needs.clinical):
        found = np.corrcoef(given.strength[provided], cause[provided])[0, 1]
        assert abs(found) < 4 / np.sqrt(provided.sum())
