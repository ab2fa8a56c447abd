"""A period of which nothing was recorded keeps its place: time since a start is the calendar's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.errors import Unanswerable
from fingerpost.core.leaves import Estimator, menu
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.region import Region
from suites.panel_worlds import NEVER, PanelWorld, ask, task

LEAVES = {
    name: leaf for name, leaf in menu("estimators", Estimator).items() if leaf.takes == "panel"
}
GAP = 3
FIRST, GROWTH = 1.0, 10.0


def world(*begins: int, u: int = 60) -> Panel:
    """Return a panel whose effects are 1 and 10 more each period, of which period 3 is missing."""
    made = PanelWorld(u=u, t=7, begins=begins, first=FIRST, growth=GROWTH, icc=0.001)
    panel = made.draw(3)
    own = panel.outcomes["y"]
    keep = np.arange(7) != GAP
    blank = PanelOutcome(*(np.where(keep, one, 0.0) for one in (own.count, own.total, own.squares)))
    return replace(panel, outcomes={"y": blank})


def value(name: str, panel: Panel, exposure: float) -> float | None:
    """Return what a leaf says of one exposure; None where it refuses it."""
    leaf = LEAVES[name]
    term = ask("at_exposure", exposure)
    found = leaf.run(replace(task(panel, term, drawn=leaf.drawn, draws=99), bare=not leaf.drawn))
    if found.estimate is not None:
        return float(found.estimate.value[0])
    regions: tuple[Region, ...] = found.regions
    return float(regions[0].value) if regions else None


@pytest.mark.parametrize("name", sorted(set(LEAVES) - {"did", "ancova"}))
def test_exposures_are_counted_over_a_period_that_nobody_saw(name: str) -> None:
    panel = world(2, GAP, 4, NEVER)
    for exposure in (0, 1, 2, 3, 4):
        told = value(name, panel, float(exposure))
        assert told == pytest.approx(FIRST + GROWTH * exposure, abs=0.5), exposure


@pytest.mark.parametrize("name", ["did", "ancova", "group_time", "random_timing"])
@pytest.mark.parametrize("begin", [2, GAP, 4])
def test_one_wave_that_begins_before_in_or_after_it(name: str, begin: int) -> None:
    panel = world(begin, NEVER, u=40)
    for period in range(begin, 7):
        try:
            told = value(name, panel, float(period - begin))
        except Unanswerable:
            told = None
        truth = None if period == GAP else FIRST + GROWTH * (period - begin)
        assert told == (None if truth is None else pytest.approx(truth, abs=0.5)), period
