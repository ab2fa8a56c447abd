"""The sealed truth: what it says, and that it says it through one door."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import fingerpost
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.england import potential, reveal
from fingerpost.england.model import OUTCOMES
from fingerpost.england.reveal import Amounts
from fingerpost.england.strength import cells, rate_slope
from units.england.conftest import SMALL
from units.england.worlds import made

PACKAGE = Path(fingerpost.__file__).parent
CLEFT = range(1 + 6_300, 1 + 7_800)
ARMS = ("support", "none")


def test_the_children_s_own_truth_is_the_mean_of_their_potential_outcomes(england):
    held = reveal.sealed(england, CLEFT)
    means = held.means("unauthorised_absence")
    found = held.truth("unauthorised_absence", ARMS)
    assert found.scale == "ratio"
    assert found.value == pytest.approx(means[:, 1].sum() / means[:, 0].sum())
    assert found.value == pytest.approx(0.86, abs=0.01)
    assert held.truth("wellbeing", ARMS).value == pytest.approx(0.25, abs=0.01)
    assert held.truth("unplanned_admissions", ARMS, "att").value == pytest.approx(1.0)
    one = reveal.sample_truth(england, CLEFT, measure="participation", contrast=ARMS, target="atu")
    assert one is not None and one.value == pytest.approx(0.30, abs=0.012)
    assert reveal.sample_truth(england, CLEFT, measure="phonics", contrast=ARMS) is None


def test_targets_weigh_those_who_received(england):
    held = reveal.sealed(england)
    strength, arm = held.columns["strength"], held.columns["arm"]
    for target, received in (("ate", None), ("att", 1), ("atu", 0)):
        who = slice(None) if received is None else arm == received
        found = held.truth("wellbeing", ARMS, target).value
        assert found == pytest.approx(0.25 * strength[who].mean(), abs=1e-6)


def test_a_child_of_another_england_has_no_truth_here(england):
    with pytest.raises(KeyError):
        reveal.sealed(england, [10**9])


def test_a_folder_without_truth_says_so(tmp_path):
    with pytest.raises(Malformed, match="no sealed truth"):
        reveal.sealed(tmp_path)


@pytest.mark.parametrize("outcome", [model.name for model in OUTCOMES])
def test_the_superpopulation_has_the_declared_effects(outcome):
    names = {"ks1": "ks1_maths", "ks2": "ks2_maths"}
    model = next(model for model in OUTCOMES if model.name == outcome)
    found = reveal.superpopulation(names.get(outcome, outcome), ARMS, population="cleft_isolated")
    assert found.value == pytest.approx(model.effect, abs=4 * found.error + 2e-4)
    assert found.error < 0.002


def test_every_scenario_is_kept():
    null = reveal.superpopulation("wellbeing", ARMS, england="no_effect")
    assert null.value == 0.0
    harm = reveal.superpopulation("unauthorised_absence", ARMS, england="harm")
    assert harm.value == pytest.approx(1 / 0.86, abs=0.002)


def test_a_ratio_can_be_told_as_a_difference():
    ratio = reveal.superpopulation("unauthorised_absence", ARMS)
    difference = reveal.superpopulation("unauthorised_absence", ARMS, scale="difference")
    assert ratio.scale == "ratio" and difference.scale == "difference"
    assert -0.3 < difference.value < -0.05


def test_what_is_not_kept_is_refused():
    with pytest.raises(UsageError, match="cleft_isolated"):
        reveal.superpopulation("wellbeing", ARMS, population="left-handed")
    with pytest.raises(UsageError):
        reveal.strategy("overall_absence", Amounts(), against=None)


def test_the_truth_of_strategies_by_simulation():
    drawn = made(boost="cleft", block=1).chances
    strength = cells().strength[drawn.delay, drawn.planned, drawn.delivered]
    soon, late = drawn.delay <= 1, drawn.delay >= 3
    effect = np.exp(rate_slope(0.86) * strength)
    wanted = effect[soon].mean() / effect[late].mean()
    kinds = Amounts(delays=(0, 1)), Amounts(delays=(3, 4, 5, 6))
    found = reveal.strategy("unauthorised_absence", kinds[0], against=kinds[1])
    assert found.value == pytest.approx(wanted, abs=0.003)
    any_at_all = reveal.strategy("unauthorised_absence", Amounts(), against=None)
    assert any_at_all.value == pytest.approx(0.86, abs=1e-9)
    dose = Amounts(minutes=(120,)), Amounts(minutes=(30,))
    most, least = drawn.planned == 2, drawn.planned == 0
    found = reveal.strategy("wellbeing", dose[0], against=dose[1])
    wanted = 0.25 * (strength[most].mean() - strength[least].mean())
    assert found.value == pytest.approx(wanted, abs=0.005)


def test_potential_outcomes_differ_by_strength_alone():
    of = made(size=5_000)
    found = potential.make(of)
    gain = found.means["ks2_maths"][:, 1] - found.means["ks2_maths"][:, 0]
    assert gain == pytest.approx(0.05 * found.strength)
    share = found.means["ks2_maths_expected"]
    assert (share[:, 1] >= share[:, 0]).all() and (share <= 1).all()


def test_only_the_door_imports_the_truth():
    opened = {"cli", "programme"}
    for path in PACKAGE.rglob("*.py"):
        room, text = path.relative_to(PACKAGE).parts[0], path.read_text(encoding="utf-8")
        if "england" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            elif isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            if "fingerpost.england.truth" in names:
                assert path.name == "reveal.py"
            if "fingerpost.england.reveal" in names:
                assert room in opened, path


def test_nobody_else_opens_the_truth_by_its_path():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "england":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"truth\W+identity\b|[\"/]\.truth\b", text), path


def test_the_small_england_is_the_one_meant():
    assert SMALL.children + SMALL.boosts["cerebral_palsy"] == CLEFT.start - 1
