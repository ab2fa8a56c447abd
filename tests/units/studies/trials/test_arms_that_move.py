"""An arm that is dropped, or let in, on the way: the ledger says so, and is replayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.run import run
from fingerpost.studies.trials import as_drawn
from fingerpost.studies.trials.allocating import Asked, allocate
from fingerpost.studies.trials.opening import open_trial
from fingerpost.studies.trials.recording import Note, note
from fingerpost.studies.trials.verifying import verify
from units.studies.trials.opened import small_trial

STUDY = """
study: platform
question: Which of several helps?
trial:
  arms:
    usual: {gets: what is given anyway, offer: usual}
    first: {gets: one of them}
    second: {gets: another, opens: 500}
  size: 1000
  known: {sex: [F, M]}
  blocks: [4, 6]
  plans: kept
records: {table: marks.csv, unit: child}
outcomes: {marks: {column: marks, kind: continuous, measured_in: points}}
assignment: {randomised: {design: platform, unit: child, strata: [sex]}}
estimators: [by_stratum]
guard: {refuse: {children: 4}}
release: {policy: none}
"""


def children(begin: int, end: int) -> list[Asked]:
    return [Asked(f"C{at}", (("sex", "FM"[at % 2]),)) for at in range(begin, end)]


def test_arms_enter_and_leave_by_amendments_that_verify_replays(tmp_path: Path):
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    key = tmp_path / "trial.key"
    opened, _ = open_trial(
        read_study(file), study_file=file.read_bytes(), out=tmp_path / "trial", key=key
    )
    keys = opened.keys(key)
    allocate(opened, keys, requests=children(0, 8))
    words = "the steering committee, minute 4"
    note(opened, Note("amendment", words=words, more=(("opens", "second"),)))
    allocate(opened, keys, requests=children(8, 20))
    note(opened, Note("amendment", words=words, more=(("closes", "first"),)))
    allocate(opened, keys, requests=children(20, 32))
    found = as_drawn.allocation(opened, keys)
    code = np.asarray(found.code)
    assert set(code[:8]) == {0, 1} and set(code[8:20]) == {0, 1, 2} and set(code[20:]) == {0, 2}
    assert set(found.strata) == {"units 1 to 8", "units 9 to 20", "from unit 21"}
    assert found.probability[[0, 10, 30]] == pytest.approx(
        np.array([[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0, 0.5]])
    )
    draws = as_drawn.permutations(opened, keys, count=50).codes
    assert not (draws[:, :8] == 2).any() and not (draws[:, 20:] == 1).any()
    checked = verify(tmp_path / "trial", key=key)
    assert checked.faults == () and checked.replayed == 32
    rows = "".join(f"C{at},{at % 5}\n" for at in range(32))
    (tmp_path / "marks.csv").write_text(f"child,marks\n{rows}")
    records = read_records(opened.study.records, base=tmp_path)
    found_ = as_drawn.run_as_drawn(opened.study, records, folder=tmp_path / "trial", key=key)
    (answer,) = found_.answers
    assert found_.study.assignment.strata == ("sex", as_drawn.TIME)
    # Each arm with those who came beside it: 20 of the first 20, 24 of the last 24.
    assert answer.estimate.n.tolist() == [20, 24]
    for more, says in (
        ((("closes", "usual"),), "besides the first"),
        ((("opens", "third"),), "There are: first or second"),
        ((("closes", "second"),), "no arm would be left beside usual"),
        ((("opens", "first"),), "does not come back"),
    ):
        with pytest.raises(UsageError, match=says):
            note(opened, Note("amendment", words=words, more=more))
    with pytest.raises(UsageError, match="belongs to amendment"):
        note(opened, Note("looked", words=words, more=(("look", 1), ("closes", "first"))))


def test_an_arm_does_not_leave_where_the_others_are_planned_to(tmp_path: Path):
    """Else only the first arm would be there once they do, and every child would get it."""
    file = tmp_path / "study.yaml"
    text = STUDY.replace("first: {", "first: {closes: 30, ").replace("opens: 500", "opens: 20")
    file.write_text(text)
    key = tmp_path / "trial.key"
    opened, _ = open_trial(
        read_study(file), study_file=file.read_bytes(), out=tmp_path / "trial", key=key
    )
    allocate(opened, opened.keys(key), requests=children(0, 24))
    words = "minute 4"
    with pytest.raises(UsageError, match="usual after 30 units, when others close as planned"):
        note(opened, Note("amendment", words=words, more=(("closes", "second"),)))


def test_an_arm_of_another_design_is_there_from_first_to_last(tmp_path: Path):
    text = STUDY.replace("design: platform", "design: stratified")
    with pytest.raises(Malformed, match="second: under stratified arms are there from first"):
        read_study("study.yaml", text=text)
    opened, _ = small_trial(tmp_path)
    with pytest.raises(UsageError, match="from first to last"):
        note(opened, Note("amendment", words="why", more=(("closes", "more"),)))


def test_without_a_ledger_the_column_of_time_is_asked_for(tmp_path: Path):
    """300 children among two arms, then 300 among three; who came later has 10 more, and no arm
    does anything.
    """
    r = np.random.default_rng(3)
    late = np.repeat([0, 1], 300)
    arm = np.where(late == 1, np.arange(600) % 3, np.arange(600) % 2)
    names, marks = np.array(["usual", "first", "second"])[arm], r.normal(size=600) + 10 * late
    rows = zip(range(600), "FM" * 300, late, names, marks, strict=True)
    lines = [f"C{at},{sex},{time},{name},{mark:.4f}" for at, sex, time, name, mark in rows]
    (tmp_path / "marks.csv").write_text("\n".join(["child,sex,came,arm,marks", *lines]))
    more = (
        "arms: {column: arm, levels: {usual: usual, first: first, second: second}}\n"
        "estimand: {contrast: [second, usual], target: ate, scale: difference}\n"
    )

    def asked(strata: str):
        file = tmp_path / "study.yaml"
        text = STUDY.replace(", strata: [sex]", strata).replace("[F, M]}", "[F, M], came: [0, 1]}")
        file.write_text(text + more)
        study = read_study(file)
        return run(study, read_records(study.records, base=tmp_path))

    for strata in ("", ", strata: [sex]"):
        with pytest.raises(Malformed, match="column of the time"):
            asked(strata)
    [answer] = asked(", strata: [came]").answers
    assert abs(answer.estimate.value[0]) < 0.5
