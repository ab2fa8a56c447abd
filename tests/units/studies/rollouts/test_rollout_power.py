"""The power of a study's roll-out: what is asked, the curves, tables, words and data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fingerpost.cli._rollout_words import cautions
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.errors import FingerpostError, Malformed
from fingerpost.core.estimand import Estimand
from fingerpost.core.rollout import Correlation, Power, Register, Rollout, Wave
from fingerpost.core.study import Study
from fingerpost.studies.rollouts.compare import BEFORE_AFTER, compare, waits
from fingerpost.studies.rollouts.compare import record as compared_record
from fingerpost.studies.rollouts.compare import table as compared_table
from fingerpost.studies.rollouts.power import bends, plan_power, possible
from fingerpost.studies.rollouts.power_tables import average_words, bend_words, record, tables
from fingerpost.studies.rollouts.units import count_units, unit_of_outcome

TERMS = tuple(f"term {at}" for at in range(12))
WAVES = (*(Wave(f"w{at}", TERMS[2 * at]) for at in range(1, 6)), Wave("late"))
DECAY = Correlation("decay", 0.05, 0.8)
POWER = Power(effect=0.05, sd=0.95**0.5, children=1000, correlations=(DECAY,))
ROLLOUT = Rollout(TERMS, WAVES, power=POWER)
STUDY = Study("made-up", "Does it?", assignment=Randomised("staggered", "area"), rollout=ROLLOUT)


def asking(**more: object) -> Study:
    return replace(STUDY, rollout=replace(ROLLOUT, power=replace(POWER, **more)))


def test_the_answer_is_a_range_and_a_curve_never_one_number():
    planned = plan_power(STUDY, units=152)
    assert planned.headline.mdes == pytest.approx(0.0390, abs=5e-5)
    told = record(planned)
    points = {(row["structure"], row["icc"]) for row in told["curves"]}
    assert points == {(kind, icc) for kind in ("decay", "nested") for icc in (0.025, 0.05, 0.1)}
    along = [r for r in told["curves"] if (r["structure"], r["icc"]) == ("decay", 0.05)]
    steps = sorted([*(at / 20 for at in range(21)), 0.975, 0.99, 0.995])
    assert [row["cac"] for row in along] == pytest.approx(steps)
    at_one = {row["structure"]: row["mdes"] for row in told["curves"] if row["cac"] == 1.0}
    assert at_one["nested"] == pytest.approx(at_one["decay"])  # nothing fades


def test_curves_that_turn_are_said_to():
    planned = plan_power(STUDY, units=152)
    turns = {(one.structure, one.icc): one for one in bends(planned.curves)}
    assert 0.19 < turns["decay", 0.05].cac < 0.91
    assert turns["decay", 0.05].worst > max(turns["decay", 0.05].ends)
    assert "the worst case lies between the ends" in " ".join(bend_words(planned))


def test_data_hold_what_was_promised_and_are_json():
    told = record(plan_power(STUDY, units=152))
    assert {"power_z", "power_t", "variance", "mdes", "curves", "provenance"} <= set(told)
    assert told["df"] == 150 and told["power_t"] < told["power_z"]
    assert told["provenance"]["study_digest"] == STUDY.digest()
    assert told["estimand"]["target"] == "constant"
    assert "cluster-average" in told["estimand"]["average"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_the_working_correlation_comes_first():
    held = (Correlation("nested", 0.02, 0.9), DECAY)
    rollout = replace(ROLLOUT, correlation=DECAY, power=replace(POWER, correlations=held))
    assert possible(rollout, rollout.power) == (DECAY, held[0])
    alone = replace(rollout, power=replace(POWER, correlations=Power().correlations))
    assert possible(alone, alone.power) == (DECAY,)


def test_waves_are_told_with_their_waits():
    planned = plan_power(STUDY, units=152)
    by = {table.name: table for table in tables(planned)}
    first, late = by["waves"].records()[0], by["waves"].records()[-1]
    assert (first["units"], first["begins"], first["waits"], first["provided"]) == (
        *(26, "term 2", 0, 10),
    )
    assert (late["begins"], late["waits"], late["provided"]) == ("not before the end", 10, 0)
    cells = by["design_matrix"].records()
    assert len(cells) == 6 * 12
    assert sum(cell["state"] == "provided for" for cell in cells) == 10 + 8 + 6 + 4 + 2


def test_exposures_are_shown_where_effects_may_differ_by_them():
    planned = plan_power(asking(target="exposure_average"), units=152)
    by = {table.name: table for table in tables(planned)}
    assert by["exposures"].column("exposure") == tuple(range(10))
    assert record(planned)["estimand"]["exposures_answered"] == list(range(10))
    assert "exposures" not in {table.name for table in tables(plan_power(STUDY, units=152))}
    named = replace(asking(target="at_exposure"), estimand=Estimand(exposures=(3.0,)))
    alone = plan_power(named, units=152)
    expected = planned.headline.at[3][1]
    assert alone.headline.variance == pytest.approx(expected)


def test_who_the_average_is_over_is_named():
    assert "individual-average" in average_words(plan_power(asking(children=1), units=152))
    assert "near the mean over units" in average_words(plan_power(STUDY, units=152))


def test_effects_carry_the_unit_of_the_outcome():
    risk = Power(kind="binary", level=0.3, level_with=0.27)
    assert unit_of_outcome(STUDY, risk).words == "percentage points"
    assert unit_of_outcome(STUDY, risk).times == 100.0
    assert unit_of_outcome(STUDY, POWER).words == "units of the outcome"


@pytest.mark.parametrize(
    ("study", "says", "code"),
    [
        (replace(STUDY, rollout=None), "is of no roll-out", 2),
        (replace(STUDY, rollout=replace(ROLLOUT, power=None)), "not say what has to be found", 1),
        (replace(STUDY, assignment=Observed()), "nothing is drawn", 2),
        (replace(STUDY, assignment=Randomised("stepped_wedge", "area")), "name the design stag", 1),
    ],
)
def test_what_cannot_be_computed_is_told(study, says, code):
    with pytest.raises(FingerpostError, match=says) as found:
        plan_power(study, units=152)
    assert found.value.exit_code == code


# ------------------------------------------------------------------------------ units
def test_units_are_those_of_the_register_or_of_the_waves(tmp_path: Path):
    held = replace(ROLLOUT, waves=(Wave("a", TERMS[1], 5), Wave("late", "", 4)))
    assert count_units(held, tmp_path) == 9
    with pytest.raises(Malformed, match="how many units there are is not said"):
        count_units(ROLLOUT, tmp_path)
    listed = replace(ROLLOUT, register=Register("areas.csv", "code"))
    with pytest.raises(Malformed, match="is not there"):
        count_units(listed, tmp_path)
    (tmp_path / "areas.csv").write_text("code,region\nA,x\nB,y\nC,x\n", encoding="utf-8")
    assert count_units(listed, tmp_path) == 3
    (tmp_path / "areas.csv").write_text("code,region\nA,x\nB,y\nA,x\n", encoding="utf-8")
    with pytest.raises(Malformed, match="A stands there more than once"):
        count_units(listed, tmp_path)
    (tmp_path / "areas.csv").write_text("code,region\nA,x\n,y\n", encoding="utf-8")
    with pytest.raises(Malformed, match="has no code"):
        count_units(listed, tmp_path)
    (tmp_path / "areas.csv").write_text("codes,region\nA,x\n", encoding="utf-8")
    with pytest.raises(Malformed, match='Did you mean "codes"'):
        count_units(listed, tmp_path)


def test_a_register_may_be_parquet(tmp_path: Path):
    import polars as pl

    pl.DataFrame({"code": [1, 2, 3, 4]}).write_parquet(tmp_path / "areas.parquet")
    listed = replace(ROLLOUT, register=Register("areas.parquet", "code"))
    assert count_units(listed, tmp_path) == 4


# ------------------------------------------------------------------------- comparison
def test_every_design_stands_beside_the_one_planned():
    found = compare(STUDY, units=152)
    assert {one.name for one in found.options} == {
        *("parallel", "staggered", "stepped_wedge", "waiting_list", BEFORE_AFTER),
    }
    (own,) = [one for one in found.options if one.planned]
    assert own.name == "staggered" and own.layout.units.tolist() == [26, 26, 25, 25, 25, 25]
    assert own.reaches[0].mdes == pytest.approx(plan_power(STUDY, units=152).headline.mdes)
    sizes = [one.reaches[0].mdes for one in found.options if one.reaches]
    assert sizes == sorted(sizes)


def test_other_designs_begin_when_the_plan_does():
    found = {one.name: one for one in compare(STUDY, units=152).options}
    for name in ("parallel", "stepped_wedge", "waiting_list", BEFORE_AFTER):
        begins = found[name].layout.begins
        assert begins[begins >= 0].min() == 2


def test_before_and_after_answers_nothing():
    last = compare(STUDY, units=152).options[-1]
    assert last.name == BEFORE_AFTER and last.reaches == ()
    assert last.why.startswith("Answers nothing.")
    told = compared_record(compare(STUDY, units=152))["designs"][-1]
    assert told["mdes"] is None and told["begin_at_once"] == 152


def test_waits_are_counted_from_the_first_begin():
    layout = plan_power(STUDY, units=152).layout
    told = waits(layout)
    assert told["longest_wait"] == 10 and told["never"] == 25 and told["begin_at_once"] == 26
    by_hand = (26 * 0 + 26 * 2 + 25 * (4 + 6 + 8 + 10)) / 152
    assert told["mean_wait"] == pytest.approx(by_hand)


def test_a_design_without_room_says_why():
    two = ("before", "after")
    rollout = replace(ROLLOUT, periods=two, waves=(Wave("a", "after", 6), Wave("late", "", 6)))
    study = replace(STUDY, assignment=Randomised("parallel", "area"), rollout=rollout)
    found = {one.name: one for one in compare(study, units=12).options}
    assert found["parallel"].planned and found["parallel"].reaches
    assert found["stepped_wedge"].layout is None
    assert "waves begin in two periods" in found["stepped_wedge"].why
    rows = compared_table(compare(study, units=12)).records()
    assert {row["design"] for row in rows} == set(found)


def test_figures_that_are_assumed_are_said_to_be():
    told = replace(POWER, assumed=("the fall to be found", "the ICC."))
    planned = plan_power(replace(STUDY, rollout=replace(ROLLOUT, power=told)), units=152)
    words = "Assumed, for want of a published figure: the fall to be found; the ICC."
    assert words in cautions(planned)
    assert not any("Assumed" in one for one in cautions(plan_power(STUDY, units=152)))
