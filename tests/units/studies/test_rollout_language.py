"""Roll-outs as people write them: read whole, or every fault at once with its line."""

from __future__ import annotations

import pytest

from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.errors import Malformed
from fingerpost.core.estimand import Target
from fingerpost.core.rollout import Limit, Monitoring, Register, Wave
from fingerpost.core.study import Study
from fingerpost.studies.document import read_study

PLAN = """study: offer-in-waves
question: Does the offer reduce unauthorised absence where it begins in random order?
rollout:
  register: {table: areas.csv, unit: code, name: area, size: pupils, neighbours: borders.csv}
  periods: {first: 2027 autumn, count: 6}
  waves: {first: {begins: 2028 spring, units: 31}, second: 2028 autumn, late: {units: 25}}
  draw: {balance: [rate], limits: [{at_most: 6, wave: first, where: {region: London}}]}
  correlation: {structure: decay, icc: 0.05, cac: 0.8}
  power: {effect: 0.05, sd: 1, correlations: [{icc: [0.02, 0.05], cac: [0.19, 0.73, 0.91]}]}
  collection: {columns: [absence], ends: {2027 autumn: 2027-12-31}}
assignment: {randomised: {design: stepped_wedge, unit: local authority, strata: [region]}}
"""
PANEL = """study: panel
question: Did it help?
records: {table: p.csv, unit: area}
rollout: {period: year, adopted: begins, never: [0]}
outcomes: {y: {column: y}}
assignment: {observed: {}}
estimators: [group_time]
"""


def read(text: str) -> Study:
    return read_study("r.yaml", text=text)


def faults(text: str) -> list[str]:
    with pytest.raises(Malformed) as error:
        read(text)
    return list(error.value.problems)


def test_a_plan_needs_no_records_and_no_outcomes() -> None:
    study = read(PLAN)
    rollout = study.rollout
    assert rollout is not None
    assert rollout.periods == (
        *("2027 autumn", "2028 spring", "2028 summer", "2028 autumn", "2029 spring", "2029 summer"),
    )
    assert rollout.waves == (
        Wave("first", "2028 spring", 31),
        Wave("second", "2028 autumn"),
        Wave("late", "", 25),
    )
    assert rollout.register == Register("areas.csv", "code", "area", "pupils", "borders.csv")
    assert rollout.draw.limits == (Limit(6, "first", "", ("region", "London")),)
    assert len(rollout.power.correlations) == 6
    assert {(one.icc, one.cac) for one in rollout.power.correlations} == {
        (icc, cac) for icc in (0.02, 0.05) for cac in (0.19, 0.73, 0.91)
    }
    assert isinstance(study.assignment, Randomised)
    assert study.assignment.strata == ("region",)
    assert dict(study.assignment.schedule.adoption)["second"] == "2028 autumn"
    assert study.arms.names == ("no provision", "provision")
    assert study.linked is None


def test_a_panel_is_asked_its_mean_over_exposures_unless_told_otherwise() -> None:
    study = read(PANEL)
    assert study.assignment == Observed()
    assert study.estimand.targets == (Target("exposure_average"),)
    at = read(PANEL + "estimand: {target: [at_exposure, simple], exposure: [0, 2]}\n")
    terms = at.estimand.terms("y", "mean")
    assert [(one.target.kind, one.exposure_time) for one in terms] == [
        ("at_exposure", 0),
        ("at_exposure", 2),
        ("simple", None),
    ]
    assert terms[1].label() == "at_exposure, exposure 2"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("begins: 2028 spring", "begins: 2028 winter", '"2028 winter" is not a period'),
        ("late: {units: 25}", "late: {begins: 2029 spring}", "have no units; at most one"),
        ("wave: first", "wave: frist", '"frist" is no wave.*first'),
        ("count: 6", "count: 1", "from 2 to 400 periods"),
        ("icc: [0.02, 0.05]", "icc: [0.02, 5]", "lies between 0 and 1"),
        ("sd: 1, ", "", "kind continuous needs sd"),
        ("sd: 1,", "sd: 1, children: 1e300,", "children: is 1e\\+300.*from 1 to 10,000,000"),
        ("sd: 1,", "sd: 1, size_cv: 1e9,", "size_cv: is 1e\\+09: at most 5"),
        ("sd: 1,", "sd: 1e308,", "power.sd: is 1e\\+308; in size"),
        ("balance: [rate]", "balance: [rate], candidates: 1000000000000", "be 10,000,000 or less"),
        (
            "columns: [absence]",
            "columns: [absence], plausible: {absence: [60, 0]}",
            "60 is more than 0. Turn them round",
        ),
        ("2027-12-31", "31.12.2027", "is no date"),
        (
            "design: stepped_wedge",
            "design: stepped_wegde",
            "no design of a roll-out.*stepped_wedge",
        ),
        ("register: {table", "register: {tabel", '"tabel" is not a key here'),
        (
            PLAN.splitlines()[5].strip(),
            "waves: {first: 2028 spring}",
            "one wave leaves nothing to compare",
        ),
        ("balance: [rate]", "balance: [rate], apart: [[a, a]]", '"a" is paired with itself'),
    ],
)
def test_faults_of_a_plan_are_named_with_their_line(old: str, new: str, words: str) -> None:
    found = faults(PLAN.replace(old, new))
    line = 1 + next(at for at, text in enumerate(PLAN.splitlines()) if old in text)
    assert len([one for one in found if __import__("re").search(words, one)]) == 1, found
    assert any(one.startswith(f"r.yaml:{line}: ") for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("adopted: begins, ", "", "rollout.adopted: is missing"),
        ("period: year, ", "", "rollout.period: is missing"),
        (", unit: area", "", "records.unit: is missing"),
        ("[group_time]", "[ipw]", "ipw is of children"),
        ("[group_time]", "[random_timing]", "leans on a draw"),
        ("observed: {}", "observed: {given: {all_but: []}}", "all_but is of studies of children"),
        (
            "estimators: [group_time]",
            "estimators: [group_time]\nestimand: {target: ate}",
            '"ate" is of studies of children',
        ),
        (
            "estimators: [group_time]",
            "estimators: [group_time]\nestimand: {target: at_exposure}",
            "needs periods since it began",
        ),
        (
            "estimators: [group_time]",
            "estimators: [group_time]\npopulation: [{a: 1}]",
            "population: belongs to studies of children",
        ),
    ],
)
def test_faults_of_a_panel(old: str, new: str, words: str) -> None:
    assert any(words in one for one in faults(PANEL.replace(old, new)))


def test_targets_of_roll_outs_are_of_roll_outs() -> None:
    children = """study: s
question: q
records: {table: t.csv}
arms: {column: a, levels: {0: none, 1: support}}
outcomes: {y: {column: y}}
assignment: {observed: {given: [x]}}
estimators: [ipw]
estimand: {target: simple}
"""
    assert any('"simple" is of roll-outs' in one for one in faults(children))
    missing = children.replace("{given: [x]}", "{}").replace("estimand: {target: simple}\n", "")
    assert any("assignment.observed.given: is missing" in one for one in faults(missing))


LOOKS = PLAN.replace(
    "  collection:", "  monitoring: {spending: power, parameter: 3}\n  collection:"
)


def test_looks_and_what_a_registry_asks_are_read() -> None:
    study = read(LOOKS.replace("parameter: 3", "parameter: 3, looks: 3, sides: 1, harm: 0.2"))
    assert study.rollout.monitoring == Monitoring(
        3, spending="power", parameter=3, sides=1, harm=0.2
    )
    named = read(LOOKS.replace("parameter: 3", "parameter: 3, looks: [2028 summer, 2029 summer]"))
    assert named.rollout.monitoring.looks == ("2028 summer", "2029 summer")
    usual = read(LOOKS.replace("{spending: power, parameter: 3}", "{}"))
    assert usual.rollout.monitoring == Monitoring() and usual.rollout.monitoring.alpha == 0.05
    assert usual.rollout.monitoring.shape == "obrien_fleming"
    asked = read(
        PLAN.replace("  collection:", "  registry: {sponsor: us, harms: told}\n  collection:")
    )
    assert asked.rollout.registry == (("sponsor", "us"), ("harms", "told"))
    assert read(PLAN).rollout.monitoring is None
    assert read(PLAN).digest() != asked.digest() != usual.digest()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{spending: power}", "parameter: is missing: power needs one"),
        ("{bounds: wang_tsiatis, parameter: 0.8}", "lies between 0"),
        ("{spending: power, parameter: -1}", "ρ is above 0"),
        ("{spending: pocock, parameter: 1}", "pocock takes none"),
        ("{bounds: pocock, spending: pocock}", "are given together"),
        ("{bounds: haybittle}", "haybittle"),
        ("{looks: 0}", "from 1 look"),
        ("{looks: [2028 winter]}", '"2028 winter" is not a period'),
        ("{looks: [2029 summer, 2028 summer]}", "periods in order, each once"),
        ("{sides: 3}", "sides: 3"),
        ("{harm: 0.5}", "harm: 0.5"),
        ("{looks: 2, looked: 1}", "looked: is of trials"),
    ],
)
def test_faults_of_looks_are_named_with_their_line(said: str, words: str) -> None:
    found = faults(LOOKS.replace("{spending: power, parameter: 3}", said))
    mine = [one for one in found if words in one]
    assert len(mine) == 1 and mine[0].startswith("r.yaml:10: "), found


def test_a_word_for_a_registry_that_nobody_asks_is_no_key() -> None:
    found = faults(PLAN.replace("  collection:", "  registry: {sponser: us}\n  collection:"))
    assert any('"sponser" is not a key here' in one and "sponsor" in one for one in found)
