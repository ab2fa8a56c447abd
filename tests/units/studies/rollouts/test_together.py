"""Several outcomes of one roll-out, corrected for how many were looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import ttest_ind
from statsmodels.stats.multitest import multipletests

from fingerpost.core.panel import PanelOutcome
from fingerpost.estimators import group_time
from fingerpost.studies.rollouts.together import several_outcomes
from suites.panel_worlds import NEVER, ask, task
from units.estimators.test_wave_errors import fading, panel_of, waves


class Asked:
    """What is read of a study."""

    primary: tuple[str, ...] = ()
    level = 0.95


def test_p_is_that_of_the_interval_and_holms_that_of_statsmodels():
    begins = waves((1, 40), (NEVER, 40))
    told, by_hand = [], []
    for seed in (1, 2, 3):
        y = fading(80, 2, seed)
        panel = panel_of(y, begins)
        panel = replace(panel, outcomes={"y": PanelOutcome(y * 0 + 1, y, y**2)})
        answer = group_time.run(task(panel, ask("simple"), drawn=False, draws=0))
        told.append(replace(answer, leaf="group_time"))
        change = y[:, 1] - y[:, 0]
        by_hand.append(ttest_ind(change[:40], change[40:], equal_var=False).pvalue)
    table = several_outcomes(Asked(), told)
    assert table.column("p") == pytest.approx(by_hand, rel=0.05)
    expected = multipletests(table.column("p"), method="holm")[1]
    assert table.column("p_holm") == pytest.approx(expected)
    assert several_outcomes(Asked(), told[:1]) is None
