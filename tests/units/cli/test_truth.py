"""The truth beside the answers: only of a synthetic England, of terms whose truth is kept."""

from __future__ import annotations

import pytest

from fingerpost.cli._truth import amounts, arm_of
from fingerpost.core.linked import Dose, Strategy
from fingerpost.england.model import STRENGTH


@pytest.mark.parametrize(
    ("strategy", "arm"),
    [
        (Strategy("", ("none",)), "none"),
        (Strategy("", ("support",)), "support"),
        (Strategy("", ("ehcp", "special")), "ehcp"),
        (Strategy("", ("support", "ehcp", "special")), None),
        (Strategy("", ("support",), within=1), None),
        (Strategy("", ("support",), dose=(Dose("minutes_a_week", "below", 60),)), None),
    ],
)
def test_only_the_arms_of_england_have_sealed_outcomes(strategy, arm):
    assert arm_of(strategy) == arm


def test_delays_and_minutes_are_those_that_a_strategy_allows():
    late = amounts(Strategy("", ("support",), after=3))
    assert late.delays == tuple(range(3, len(STRENGTH.by_delay)))
    assert late.minutes == STRENGTH.planned_minutes
    much = amounts(Strategy("", ("support",), dose=(Dose("minutes_a_week", "at_least", 60),)))
    assert much.minutes == tuple(n for n in STRENGTH.planned_minutes if n >= 60)
    assert amounts(Strategy("", ("support",), dose=(Dose("planned_weeks", "below", 5),))) is None
    assert amounts(Strategy("", ("support",), after=50)) is None
