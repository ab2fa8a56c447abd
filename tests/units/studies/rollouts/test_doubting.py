"""Answers of leaves that rest on the same units, and differ by more than chance gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fingerpost.estimators import gls_exposure_time, group_time, imputation
from fingerpost.studies.rollouts.doubting import doubted
from suites.panel_worlds import NEVER, PanelWorld, ask, means, task, with_means


def answers(panel, *leaves, drawn=False, bare=False):
    told = replace(task(panel, ask("simple"), drawn=drawn, draws=0), bare=bare)
    return doubted([leaf.run(told) for leaf in leaves])


def test_where_trends_part_estimators_differ_and_it_is_said():
    panel = PanelWorld(u=200, t=8, trend=0.3, begins=(4, 6, NEVER)).draw(1)
    first, second = answers(panel, group_time, imputation)
    assert "standard errors of their difference" in first.warnings[-1][1]
    assert first.warnings[-1] == second.warnings[-1]


def test_where_all_holds_they_differ_no_more_than_chance_gives():
    """One of a hundred pairs would; of sixty hardly any."""
    doubts = [
        any("differ by" in words for _, words in one.warnings)
        for seed in range(60)
        for one in answers(PanelWorld(u=80).draw(seed), group_time, imputation, bare=True)[:1]
    ]
    assert sum(doubts) <= 3


def test_effects_foreseen_in_a_drawn_roll_out_are_seen_in_the_period_before():
    world = PanelWorld(u=150, t=8, begins=(4, 6, NEVER), first=0.5)
    panel = world.draw(2)
    soon = panel.adopted[:, None] - 1 == np.arange(8)
    moved = with_means(panel, means(panel) + 0.5 * (soon & (panel.adopted[:, None] > 0)))
    calm, foreseen = (answers(one, gls_exposure_time, drawn=True)[0] for one in (panel, moved))
    assert not any("had moved" in words for _, words in calm.warnings)
    assert any("1 period before provision began" in words for _, words in foreseen.warnings)
    (table,) = (one for one in foreseen.tables if one.name == "leads")
    row = table.records()[0]
    assert abs(row["estimate"] - 0.5) < 3.5 * row["se"] and row["p"] < 1e-4
