"""A design in words: what is said, what is open, and how many allocations there are."""

from __future__ import annotations

from math import comb, log10
from pathlib import Path

import pytest

from fingerpost.core.errors import FingerpostError, UsageError
from fingerpost.core.trial import Trial, TrialArm
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.designing import (
    OWED,
    designed,
    orders,
    power_of_ten,
    procedure_of,
    record,
)

TWO = (TrialArm("a"), TrialArm("b"))
STUDY = """\
study: preschool
question: Does preschool provision raise participation?
trial:
  arms:
    nursery: {{gets: nursery care, offer: usual}}
    preschool: {{gets: preschool provision, share: 2}}
  size: 90
  known: {{area: [north, south]}}
  {more}
  plans: kept
  registry: {{equipoise: nobody knows, families: they chose the outcome}}
assignment: {{randomised: {{design: {design}, unit: child{strata}}}}}
"""


def study(tmp_path: Path, *, more="blocks: [3, 6]", design="stratified", strata=", strata: [area]"):
    path = tmp_path / "trial.yaml"
    path.write_text(STUDY.format(more=more, design=design, strata=strata), encoding="utf-8")
    return read_study(path)


def test_a_design_says_who_gets_what_by_which_chance_and_what_is_open(tmp_path):
    found = designed(study(tmp_path))
    parts = {part.topic: " ".join(part.words) for part in found.parts}
    assert "preschool (2 of 3): preschool provision" in parts["Arms"]
    assert "each is one child, within strata of area; 90 of them" in parts["Drawn"]
    assert "Blocks of 3 and 6" in parts["Drawn"]
    assert "nursery 33.3% and preschool 66.7%" in parts["Chances"]
    assert dict(found.chances) == pytest.approx({"nursery": 1 / 3, "preschool": 2 / 3})
    assert "section 42; check" in parts["EHC plans"]
    assert parts["Equipoise"] == "nobody knows" and parts["Families' part"].startswith("they chose")
    keys = {part.key for part in found.open}
    asked = {f"trial.registry.{key}" for _, key, _ in OWED} | {"trial.power"}
    assert keys == asked - {"trial.registry.equipoise", "trial.registry.families"}
    told = record(found)
    assert told["analysis"] == "by_stratum" and told["open"] == [p.key for p in found.open]
    assert told["possible_log10"] == pytest.approx(30 * log10(3))  # thirty blocks of three


def test_how_many_allocations_there_are():
    assert orders(16, [1, 1]) == comb(16, 8) and orders(5, [1, 1]) == comb(5, 2)
    assert orders(6, [1, 1, 1]) == 90
    assert power_of_ten("simple", Trial(TWO, size=10)) == pytest.approx(10 * log10(2))
    assert 10 ** power_of_ten("stratified", Trial(TWO, size=9, blocks=(4, 8))) == pytest.approx(36)
    assert 10 ** power_of_ten("matched_pairs", Trial(TWO, size=9, match=("x",))) == pytest.approx(
        16
    )
    assert power_of_ten("simple", Trial(TWO)) is None


def test_a_design_of_roll_outs_or_no_trial_is_refused(tmp_path):
    with pytest.raises(FingerpostError, match="is a design of roll-outs"):
        study(tmp_path, design="staggered")
    path = tmp_path / "plain.yaml"
    path.write_text(
        "study: s\nquestion: q?\n"
        "rollout: {periods: [a, b], waves: {x: {begins: b, units: 4}, y: {units: 4}}}\n"
        "assignment: {randomised: {design: parallel, unit: la}}\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="of no trial"):
        designed(read_study(path))
    with pytest.raises(UsageError, match="design of roll-outs"):
        procedure_of(read_study(path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"more": "blocks: [4]"}, "multiples of 3"),
        ({"design": "permuted_blocks"}, "does not draw within strata"),
        ({"design": "minimisation", "more": ""}, "keeps arms alike in all"),
    ],
)
def test_what_a_design_cannot_draw_is_a_fault_of_the_study(tmp_path, changes, words):
    with pytest.raises(FingerpostError, match=words):
        study(tmp_path, **changes)


def test_an_arm_without_provision_is_refused_with_lawful_designs(tmp_path):
    path = tmp_path / "trial.yaml"
    text = STUDY.format(more="blocks: [3]", design="stratified", strata="")
    text = text.replace("offer: usual", "offer: none")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FingerpostError) as caught:
        read_study(path)
    said = str(caught.value)
    assert "section 42; check" in said
    assert all(name in said for name in ("waiting_list", "stepped_wedge", "dose", "encouragement"))
