"""At which look a trial stands, by its ledger."""

from __future__ import annotations

import pytest

from fingerpost.cohorts.reading import read_records
from fingerpost.core.errors import UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.registered import differing
from fingerpost.studies.trials import as_drawn
from fingerpost.studies.trials.allocating import allocate
from fingerpost.studies.trials.looks import at_look
from fingerpost.studies.trials.recording import Note, note
from units.studies.trials.opened import BLOCKS, children, small_trial

ANSWERED = """
records: {table: scores.csv, unit: code}
outcomes: {score: {column: score, kind: continuous}}
estimand: {contrast: [more, usual], target: ate, scale: difference}
estimators: [by_stratum]
"""
LOOKS = "  monitoring: {looks: 3"


@pytest.fixture
def trial(tmp_path):
    """Return how a trial with three looks, and notes in its ledger, stands."""
    more = f"{BLOCKS}\n{LOOKS}}}"
    opened, _ = small_trial(tmp_path, design="group_sequential", more=more)

    def stands(*noted: int | str, said: str = ""):
        for one in noted:
            if one == "stopped":
                note(opened, Note("stopped", words="clear", day="1"))
            else:
                note(opened, Note("looked", words="seen", more=(("look", one),), day=str(one)))
        text = (tmp_path / "study.yaml").read_text().replace(LOOKS, LOOKS + said)
        return at_look(read_study("s.yaml", text=text), opened.entries()).trial.monitoring.looked

    return stands


def test_a_stop_after_a_look_tells_which(trial) -> None:
    assert trial() is None
    assert trial(1, 2) is None  # the records may be of the third, which nobody noted
    assert trial(said=", looked: 3") == 3
    assert trial("stopped") == 2
    with pytest.raises(UsageError, match="records are of look 1, and the ledger notes 2"):
        trial(said=", looked: 1")


def test_the_last_look_needs_no_stop_and_looks_left_out_are_none(trial) -> None:
    assert trial(1, 3) == pytest.approx((1 / 3, 1.0))
    assert trial(said=", bounds: pocock") == 3


def test_a_look_that_was_not_planned_is_a_fault(trial) -> None:
    with pytest.raises(UsageError, match="notes look 4, and 3 were planned"):
        trial(4)


def test_at_which_look_records_were_taken_is_no_part_of_the_plan(tmp_path) -> None:
    small_trial(tmp_path, design="group_sequential", more=f"{BLOCKS}\n{LOOKS}}}")
    text = (tmp_path / "study.yaml").read_text()
    own, said, other = (
        read_study("s.yaml", text=text.replace(LOOKS, LOOKS + more))
        for more in ("", ", looked: 2", ", looked: 2, bounds: pocock")
    )
    assert list(differing(own, said)) == []
    assert list(differing(own, other)) == ["trial"]


def test_a_trial_analysed_with_its_ledger_has_the_table_of_its_look(tmp_path, monkeypatch) -> None:
    opened, key = small_trial(tmp_path, design="group_sequential", more=f"{BLOCKS}\n{LOOKS}}}")
    monkeypatch.setattr(as_drawn, "REPLAYED", 20)
    made = allocate(opened, opened.keys(key), requests=children(60))
    note(opened, Note("looked", words="crossed", more=(("look", 1),), day="1"))
    note(opened, Note("stopped", words="clear", day="1"))
    rows = [f"{one.unit},{at % 7 + 5 * (one.arm == 'more')}" for at, one in enumerate(made)]
    (tmp_path / "scores.csv").write_text("code,score\n" + "\n".join(rows) + "\n")
    study = read_study("s.yaml", text=(tmp_path / "study.yaml").read_text() + ANSWERED)
    records = read_records(study.records, base=tmp_path)
    finding = as_drawn.run_as_drawn(study, records, folder=opened.folder, key=key)
    (table,) = [one for one in finding.tables if one.name == "looked"]
    (row,) = table.records()
    assert (row["look"], row["looks"], row["crossed"]) == (1, 3, True)
    assert row["lo"] < 5 < row["hi"] and row["p"] < 0.001
    assert any("table of the look" in words for _, words in finding.answers[0].warnings)
