"""Leaving out who waits beside provision: planted spilling over, possible draws, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.drawn import Drawn, Neighbours
from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.panel import Panel, PanelOutcome
from fingerpost.core.study import OutcomeSpec, Study
from fingerpost.sensitivity import donut
from fingerpost.sensitivity._task import PanelSensitivityTask
from suites.panel_worlds import ask, task

STUDY = Study("s", "?", outcomes=(OutcomeSpec("y", "y"),))
UNITS, PERIODS = 120, 5
STARTS = np.array([2, 3, -1])
SIZES = (20, 20, 80)
# Areas on a line: most have two neighbours, the two at its ends have one.
PAIRS = np.column_stack([np.arange(UNITS - 1), np.arange(1, UNITS)])
NEAR = Neighbours(PAIRS, np.ones(len(PAIRS)))
NAMES = tuple(f"u{at:03}" for at in range(UNITS))
EFFECT, SPILLS = 1.0, 0.8


def possible(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(np.repeat(np.arange(3), SIZES)) for _ in range(count)])


def told(code: np.ndarray, codes: np.ndarray, *, spills: float, rng) -> PanelSensitivityTask:
    """Return the task of one draw, with spilling over to units that wait, in proportion."""
    begins = STARTS[code]
    at = np.arange(PERIODS)
    begun = (begins[:, None] >= 0) & (at >= begins[:, None])
    beside = NEAR.begun(begins, PERIODS)
    y = rng.normal(size=(UNITS, 1)) + rng.normal(scale=0.5, size=(UNITS, PERIODS)) + 0.1 * at
    y = y + EFFECT * begun + spills * beside * ~begun
    one = np.ones_like(y)
    panel = Panel(
        NAMES, tuple("abcde"), ("0", "1"), begun.astype(int), {"y": PanelOutcome(one, y, y * y)},
        adopted=begins, drawn=np.arange(UNITS), begins=STARTS,
    )  # fmt: skip
    own = Allocation(NAMES, ("f", "s", "late"), code, draws=len(codes))
    held = Drawn(own, Permutations(NAMES, own.arms, codes), neighbours=NEAR)
    return PanelSensitivityTask(STUDY, replace(task(panel, ask("simple"), draws=0), drawn=held), ())


def answers(spills: float, monkeypatch) -> dict[str, np.ndarray]:
    """Return (draws, 4) estimate, error and interval of each line over many worlds."""
    codes, rng = possible(500, 1), np.random.default_rng(7)
    counted = donut.chances(
        told(codes[0], codes, spills=0, rng=rng).task.drawn, STARTS, PERIODS, ahead=0, within=0
    )
    monkeypatch.setattr(donut, "chances", lambda *_, **__: counted)
    rows: dict[str, list[list[float]]] = {donut.ALL: [], donut.APART: [], donut.GAP: []}
    for code in possible(300, 2):
        for row in donut.run(told(code, codes, spills=spills, rng=rng)).tables[0].records():
            rows[row["compared with"]].append([row[key] for key in ("estimate", "se", "lo", "hi")])
    return {name: np.array(each) for name, each in rows.items()}


def covered(found: np.ndarray, truth: float) -> float:
    return float(((found[:, 2] <= truth) & (truth <= found[:, 3])).mean())


def test_what_spills_over_is_in_the_first_answer_and_not_in_the_second(monkeypatch):
    found = answers(SPILLS, monkeypatch)
    error = found[donut.APART][:, 0].std() / np.sqrt(300)
    assert abs(found[donut.APART][:, 0].mean() - EFFECT) < 4 * error
    # Of those that wait a neighbour has begun with a chance of 20/119 and then 40/119.
    assert found[donut.ALL][:, 0].mean() < EFFECT - 0.15
    assert covered(found[donut.APART], EFFECT) > 0.91
    assert covered(found[donut.GAP], 0.0) < 0.7


def test_where_nothing_spills_over_both_hold_and_agree(monkeypatch):
    found = answers(0.0, monkeypatch)
    for name, truth in ((donut.ALL, EFFECT), (donut.APART, EFFECT), (donut.GAP, 0.0)):
        each = found[name]
        assert abs(each[:, 0].mean() - truth) < 4 * each[:, 0].std() / np.sqrt(300)
        assert 0.91 < covered(each, truth) < 0.985
        assert each[:, 1].mean() == pytest.approx(each[:, 0].std(), rel=0.15)


def test_chances_are_counted_over_the_possible_draws():
    codes = possible(60, 3)
    held = told(codes[0], codes, spills=0, rng=np.random.default_rng(1))
    waits, apart = donut.chances(held.task.drawn, STARTS, PERIODS, ahead=1, within=0.5)
    for unit in (0, 1, 60):
        near = [at for at in (unit - 1, unit + 1) if 0 <= at < UNITS]
        for t in range(PERIODS):
            count = both = 0
            for code in codes:
                begins = STARTS[code]
                free = begins[unit] < 0 or begins[unit] - t > 1
                beside = np.mean([0 <= begins[at] <= t for at in near])
                count += free
                both += free and beside <= 0.5
            assert waits[unit, t] == pytest.approx(count / 60)
            assert apart[unit, t] == pytest.approx(both / 60)


def test_what_is_not_drawn_or_has_no_neighbours_has_no_answer():
    codes = possible(5, 1)
    held = told(codes[0], codes, spills=0, rng=np.random.default_rng(1))
    with pytest.raises(Unanswerable, match="not drawn"):
        donut.run(replace(held, task=replace(held.task, drawn=None)))
    none = replace(held.task.drawn, neighbours=None)
    with pytest.raises(Unanswerable, match=r"rollout\.register\.neighbours"):
        donut.run(replace(held, task=replace(held.task, drawn=none)))
    for options in ({"within": 1}, {"within": "much"}, {"other": 1}):
        with pytest.raises(UsageError):
            donut.check(STUDY, options)
