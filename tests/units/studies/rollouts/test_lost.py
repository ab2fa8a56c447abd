"""Units left out, by wave, and whether waves lost more than chance gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import fisher_exact

from fingerpost.core.analysis import Analysis
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.studies.rollouts.lost import lost_by_wave
from suites.panel_worlds import NEVER, PanelWorld

ANALYSIS = Analysis((), stream="lost")


def world(lost: np.ndarray) -> Panel:
    """Return 40 units in two waves of which some were not seen in the last period."""
    panel = PanelWorld(u=40, t=4, begins=(2, NEVER)).draw(1)
    own = panel.outcomes["y"]
    keep = np.ones((40, 4), dtype=bool)
    keep[lost, 3] = False
    blank = PanelOutcome(*(np.where(keep, one, 0.0) for one in (own.count, own.total, own.squares)))
    return replace(panel, outcomes={"y": blank})


def test_the_p_value_is_fishers() -> None:
    begun = np.flatnonzero(PanelWorld(u=40, t=4, begins=(2, NEVER)).draw(1).adopted == 2)
    table = lost_by_wave(world(begun[:6]), "y", ANALYSIS)
    assert table is not None
    rows = table.records()
    assert [(row["provision began"], row["units"], row["left out"]) for row in rows] == [
        ("p2", 20, 6),
        ("not by the last period", 20, 0),
        ("all", 40, 6),
    ]
    exact = fisher_exact([[6, 14], [0, 20]]).pvalue
    assert rows[-1]["p"] == pytest.approx(exact, abs=0.012)


def test_nothing_is_told_where_nobody_is_lost_and_a_cluster_is_lost_whole() -> None:
    assert lost_by_wave(world(np.array([], dtype=int)), "y", ANALYSIS) is None
    panel = world(np.arange(40))
    # Nobody is seen in the last period: it is no period of the outcome, and nobody is lost.
    assert lost_by_wave(panel, "y", ANALYSIS) is None
    begun = np.flatnonzero(np.asarray(panel.adopted) == 2)
    area = np.empty(40, dtype=int)
    area[begun], area[np.setdiff1d(np.arange(40), begun)] = (
        np.arange(20) // 10,
        2 + np.arange(20) // 10,
    )
    clustered = replace(world(begun[:10]), clusters={"area": area})
    told = lost_by_wave(clustered, "y", replace(ANALYSIS, cluster="area"))
    assert told is not None and told.records()[-1]["p"] > 0.9  # four areas: one lost tells nothing
