"""Warnings of answers that rest on few units."""

from __future__ import annotations

import numpy as np

from fingerpost.estimators import group_time
from fingerpost.studies.rollouts.small import small_waves
from suites.panel_worlds import NEVER, ask, task
from units.estimators.test_wave_errors import fading, panel_of


def warned(*terms):
    begins = np.r_[2, 3, np.full(20, 5), np.full(30, NEVER)]
    panel = panel_of(fading(52, 8, 1), begins)
    answer = group_time.run(task(panel, *terms, drawn=False, draws=0))
    return dict(small_waves(panel, answer))


def test_each_wave_behind_an_exposure_is_named():
    term = ask("at_exposure", 3.0)
    told = warned(term)[term]
    assert "1 unit where provision began in p2 and 1 unit where provision began in p3" in told
    assert not warned(ask("at_exposure", 1.0))


def test_a_mean_over_exposures_says_which_of_them_rest_on_few():
    term = ask("exposure_average")
    assert "exposures 3, 4 and 5 of the mean over exposures" in warned(term)[term]
    assert not warned(ask("simple"))
