"""The randomisation test holds its level though areas do not return: exactly, over all draws."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.analysis import Analysis
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.drawing import replay
from fingerpost.studies.rollouts.frozen import Frozen, freeze

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from benchmarks.rollout_returns import (
    LEVELS,
    PLAN,
    REPLAYED,
    outcomes,
    p_of,
    table,
)


def test_every_draw_that_was_possible_takes_its_turn():
    study = read_study(PLAN)
    frozen = freeze(study, PLAN.parent)
    plan = {**frozen.plan, "candidates": 4000, "accept_millionths": 400_000}
    drawn = replay(Frozen(plan, frozen.register, frozen.columns), bytes(32))
    made = drawn.shape.draws
    assert 50 < made <= REPLAYED
    periods = study.rollout.periods
    mean = outcomes(len(frozen.units), len(periods))
    assert np.isnan(mean).any(axis=1).sum() == 8
    analysis = Analysis((), assignment=study.assignment, stream=study.name)
    found = np.array(
        [p_of(replace(drawn, chosen=codes), mean, periods, analysis) for codes in drawn.codes]
    )
    for level in np.linspace(0.05, 0.95, 19):
        share = np.mean(found <= level + 1e-9)
        # Of all draws, the share at most a level is the level, but for steps of one draw.
        assert level - 3 / made <= share <= level + 1e-9
    assert table(found).count("\n") == len(LEVELS) + 1
    assert found.min() == pytest.approx(2 / (made + 1))
