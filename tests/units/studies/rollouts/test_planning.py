"""The plan: every check, every fault at once, every item of a registry answered or open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.planning import (
    Plan,
    balance_table,
    calendar_table,
    make,
    waiting_table,
)
from fingerpost.studies.rollouts.protocol_items import items, items_table, record
from units.studies.rollouts.draws import write_study

MORE = """  correlation: {structure: decay, icc: 0.05, cac: 0.8}
  power: {effect: 1, sd: 1, children: 50, target: exposure_average}
  monitoring: {looks: [3, 4]}
  collection: {columns: [y], due_days: 10, ends: {1: 2027-07-31, 2: 2028-07-31, 3: 2029-07-31}}
  registry: {sponsor: nobody, lawfulness: nothing is owed}
assignment:"""


def quietly(_: str) -> None:
    """Say nothing."""


def planned(folder: Path, **changes: tuple[str, str]) -> Plan:
    path = write_study(folder, **changes)
    return make(read_study(path), folder, study_file=path.read_bytes(), say=quietly)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Plan:
    return planned(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Plan:
    return planned(tmp_path_factory.mktemp("full"), more=("assignment:", MORE))


def test_what_is_good_is_told_with_its_numbers(full) -> None:
    by = {one.name: one for one in full.checks}
    assert list(by) == [
        *("units", "waves", "draw", "power", "rehearsal", "question", "looks", "returns"),
        *("waiting", "law"),
    ]
    assert by["units"].state == "good" and "26 units in areas.csv" in by["units"].words
    assert "3 strata of region" in by["units"].words
    assert "first 9; second 9; late 8: 26 in all" in by["waves"].words
    assert "trial candidates meet every limit and pair" in by["draw"].words
    assert by["power"].state == "good" and "more than 99%" in by["power"].words
    assert by["looks"].state == "good" and "2 looks" in by["looks"].words
    # A day is missing for one period, so that returns are still open.
    assert by["returns"].state == "open" and "no last day of 4" in by["returns"].words
    assert by["law"].state == "good" and "legal duty" in by["law"].words


def test_what_is_not_said_is_open_and_no_fault(bare) -> None:
    states = {one.name: one.state for one in bare.checks}
    assert states["power"] == states["looks"] == states["returns"] == states["law"] == "open"
    assert all(one.mend for one in bare.checks if one.state == "open")
    assert bare.planned is None and bare.monitored is None and bare.trial is not None


def test_a_plan_that_a_child_may_be_owed_is_to_be_looked_at(tmp_path) -> None:
    asked = ("Does it help", "Do EHC plans help")
    by = {one.name: one for one in planned(tmp_path, asked=asked).checks}
    assert by["law"].state == "look at this" and "speaks of EHC" in by["law"].words


def test_who_waits_and_how_long(full) -> None:
    rows = waiting_table(full).records()
    assert [(row["wave"], row["units"], row["waits"], row["provided"]) for row in rows] == [
        *(("first", 9, 0, 3), ("second", 9, 1, 2), ("late", 8, 3, 0)),
    ]
    sizes = [float(cell) for cell in full.frozen.columns["pupils"]]
    mean = sum(sizes) / len(sizes)
    assert rows[2]["children"] == round(8 * mean)
    assert rows[2]["child_periods"] == 3 * round(8 * mean)
    assert "column pupils of the register" in waiting_table(full).context


def test_the_calendar_has_begins_days_and_looks(full) -> None:
    rows = {row["period"]: row for row in calendar_table(full).records()}
    assert rows["2"]["begins"] == "first" and rows["3"]["begins"] == "second"
    assert (rows["3"]["ends"], rows["3"]["returns_due"]) == ("2029-07-31", "2029-08-10")
    assert (rows["2"]["looks"], rows["3"]["looks"], rows["4"]["looks"]) == ("", "look 1", "look 2")
    assert balance_table(full).column("covariate") == ("rate", "pupils")


def test_every_item_of_the_who_data_set_is_there_once(full) -> None:
    asked = [name for one in items(full) for name in one.standards if name.startswith("WHO ")]
    numbers = sorted({int(name.split()[1]) for name in asked})
    assert numbers == list(range(1, 25))
    spirit = " ".join(n for one in items(full) for n in one.standards if n.startswith("SPIRIT"))
    for number in ("2a", "3", "7", "8", "12", "14", "16a", "16b", "16c", "20c", "21b", "24", "31a"):
        assert number in spirit
    assert len({one.topic for one in items(full)}) == len(items(full))


def test_items_are_answered_from_the_study_or_open_with_their_key(bare, full) -> None:
    before = {one.topic: one for one in items(bare)}
    after = {one.topic: one for one in items(full)}
    for topic in ("sponsor", "sample size", "looks", "returns", "lawfulness"):
        assert (before[topic].state, after[topic].state) == ("open", "answered"), topic
        assert before[topic].write
    assert after["sponsor"].answer == "Nobody."
    assert "26 units" in after["sample size"].answer
    assert after["results"].state == after["registration date"].state == "later"
    assert before["provision"].state == "open"  # that provision has begun says nothing
    assert "digest" in after["version"].answer and "rate and pupils" in after["sequence"].answer
    for one in (*before.values(), *after.values()):
        assert (one.state == "answered") == bool(one.answer)
        assert one.state != "open" or one.write, one.topic
    assert items_table(items(full)).columns[0] == "item"


def test_every_key_that_an_open_item_names_answers_it(tmp_path) -> None:
    """The keys of `registry` and `statement` are all asked for, and none is named that is not."""
    from fingerpost.core.study import Statement
    from fingerpost.studies.language.rollouts_plan import RegistryPart
    from fingerpost.studies.rollouts.protocol_items import WRITE

    of_trials = {"equipoise", "assent", "families", "stopping"}
    named = {key.removeprefix("rollout.registry.") for key in WRITE.values() if "registry." in key}
    assert named | {"title"} | of_trials == set(RegistryPart.model_fields)
    told = {key.removeprefix("statement.") for key in WRITE.values() if key.startswith("statement")}
    assert told <= set(Statement.__slots__)


def test_data_are_json_and_say_of_every_item_whether_it_is_answered(full) -> None:
    told = record(full)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert {"item", "answered", "state", "write"} <= set(told["items"][0])
    assert sum(told["items_by_state"].values()) == len(told["items"])
    assert told["provenance"]["records"] == "none read"
    assert told["monitoring"]["looks"][0]["after"] == "3" and told["power"]["units"] == 26


def test_all_faults_are_told_at_once(tmp_path) -> None:
    changes = {
        "limit": ("{at_most: 3, wave: first", "{at_most: 0, wave: first"),
        "more": ("assignment:", MORE.replace("[3, 4]", "[1, 4]")),
    }
    with pytest.raises(Malformed) as error:
        planned(tmp_path, **changes)
    faults = " ".join(error.value.problems)
    assert "Raise the limit" in faults and "nothing is known yet" in faults


def test_a_unit_twice_is_a_fault_and_nothing_drawn_is_no_plan(tmp_path) -> None:
    path = write_study(tmp_path)
    register = tmp_path / "areas.csv"
    text = register.read_text(encoding="utf-8")
    register.write_text(text + text.splitlines()[-1] + "\n", encoding="utf-8")
    with pytest.raises(Malformed, match="A row a unit"):
        make(read_study(path), tmp_path, say=quietly)
    observed = path.read_text(encoding="utf-8").replace(
        "assignment: {randomised: {design: staggered, unit: area, strata: [region]}}",
        "assignment: {observed: {}}",
    )
    with pytest.raises(UsageError, match="nothing is drawn"):
        make(read_study("r.yaml", text=observed), tmp_path, say=quietly)


def test_a_rehearsal_of_this_plan_is_told_and_another_is_a_fault(tmp_path) -> None:
    more = MORE.replace("assignment:", "estimators: [ancova]\nprimary: [ancova]\nassignment:")
    path = write_study(tmp_path, more=("assignment:", more))
    study = read_study(path)
    said = {"study": study.name, "draws": 1000, "holds": ["ancova"], "preselected": "ancova"}
    held = {"schema_version": "1", "kind": "rehearsal of a roll-out", **said}
    own = json.dumps({**held, "study_digest": study.digest()}).encode()
    found = make(study, tmp_path, rehearsal=own, say=quietly)
    by = {one.topic: one for one in items(found)}
    assert by["rehearsal"].answer.startswith("1,000 draws of this plan were replayed")
    other = json.dumps({**held, "study_digest": "0" * 64}).encode()
    with pytest.raises(Malformed, match="it is of another plan"):
        make(study, tmp_path, rehearsal=other, say=quietly)
