"""What careless and hostile hands did to a roll-out: each is told, and nothing is made worse."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fingerpost.cli._studying import inside
from fingerpost.cli.main import app
from fingerpost.core.answer import Answer
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.core.estimate import Estimate
from fingerpost.core.output import Output, SensitivityResult
from fingerpost.core.study import TableSource
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.ledger.store import Ledger
from fingerpost.reports.phrases import primary_of
from fingerpost.reports.unseen import unreturned_words, whatever_lost
from fingerpost.reports.words import told_in_full
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.collecting.board import board
from fingerpost.studies.rollouts.collecting.folder import open_collection
from fingerpost.studies.rollouts.collecting.freezing import freeze, readable
from fingerpost.studies.rollouts.collecting.receiving import receive
from fingerpost.studies.rollouts.collecting.rounds import plan_rounds
from fingerpost.studies.rollouts.drawing import draw
from fingerpost.studies.rollouts.registering import record, register
from fingerpost.studies.rollouts.since_drawn import size_words
from fingerpost.studies.rollouts.verifying import verify
from suites.panel_worlds import PanelWorld, ask, task
from units.reports.fixtures import clean
from units.studies.rollouts.draws import drand, write_study

OWED = (
    "assignment:",
    "  children: n\n  collection: {columns: [y, n], ends: {1: 2021-01-31, 2: 2021-02-28, "
    "3: 2021-03-31, 4: 2021-04-30}}\nrecords: {synthetic: true}\n"
    "outcomes: {y: {column: y, kind: continuous}}\nassignment:",
)
FEWER = ("candidates: 2000", "candidates: 500")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A made-up roll-out: committed to, drawn, its returns of the first period in."""
    folder = tmp_path_factory.mktemp("hostile")
    path = write_study(folder, owed=OWED, fewer=FEWER)
    register(read_study(path), folder, out=folder / "committed", study_file=path.read_bytes())
    shutil.copytree(folder / "committed", folder / "d")
    draw(folder / "d", drand())
    rounds = plan_rounds(read_study(path), folder, draw=folder / "d", seen="../d")
    open_collection(rounds, folder / "c")
    sent(folder, "A01,1,2.5,100", received=date(2021, 2, 10))
    return folder


@pytest.fixture
def place(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "p")
    return tmp_path / "p"


def sent(folder: Path, row: str, *, received: date) -> None:
    """Send in one return."""
    (folder / "r.csv").write_text(f"code,period,y,n\n{row}\n", encoding="utf-8")
    receive(folder / "c", [folder / "r.csv"], received=received)


# -------------------- collecting


def test_a_board_of_an_earlier_day_knows_nothing_of_what_came_later(place):
    sent(place, "A01,1,2.6,100", received=date(2021, 6, 1))
    for day, state, version in (
        (date(2021, 2, 9), "due", 0),
        (date(2021, 3, 1), "in", 1),
        (date(2021, 6, 1), "revised", 2),
    ):
        cells = {(one.unit, one.period): one for one in board(place / "c", day=day).cells}
        assert (cells["A01", "1"].state, cells["A01", "1"].version) == (state, version), day


def test_numbers_of_very_many_digits_are_a_fault_and_no_crash(place):
    for value in ("9" * 30, "1" * 400, "0." + "3" * 60):
        with pytest.raises(Malformed, match=r"row 2: n has more than \d+ digits"):
            sent(place, f"A02,1,2.5,{value}", received=date(2021, 6, 1))


def test_a_freeze_keeps_its_mark_and_its_digest_wherever_it_is_copied(place, tmp_path):
    own = freeze(place / "c", day=date(2021, 6, 1))
    assert own.synthetic
    shutil.copytree(own.path, tmp_path / "copy")
    found = readable(tmp_path / "copy", "small-draw")
    assert found.synthetic and len(found.commitment) == 64
    with pytest.raises(UsageError, match="and this one is other"):
        readable(tmp_path / "copy", "other")
    panel = tmp_path / "copy" / "panel.csv"
    panel.write_text(panel.read_text(encoding="utf-8").replace("2.5", "3.5"), encoding="utf-8")
    with pytest.raises(Malformed, match=r"its digest is not that of freeze\.json"):
        readable(panel, "small-draw")


# -------------------- the draw


@pytest.mark.parametrize("name", ["plan.json", "manifest.json", "draw.json"])
def test_a_file_of_brackets_alone_is_a_fault_and_no_crash(place, name):
    (place / "d" / name).write_text("[" * 100_000, encoding="utf-8")
    assert any(fault.startswith(name) for fault in verify(place / "d").faults)


def test_a_ledger_that_tells_of_a_wave_before_the_draw_is_found(place):
    record(place / "committed", "issued", {"wave": "first", "units": ["A01"]}, key="early")
    faults = verify(place / "committed").faults
    assert any("it holds issued before anything is drawn" in fault for fault in faults), faults


def test_periods_that_run_backwards_are_a_fault(tmp_path):
    terms = ("periods: [1, 2, 3, 4]", "periods: [2028 spring, 2027 autumn, 2028 summer, 4]")
    with pytest.raises(Malformed, match=r"rollout\.periods: 2027 autumn ends on 2027-12-31, not"):
        read_study(write_study(tmp_path, terms=terms))
    ends = (OWED[0], OWED[1].replace("2: 2021-02-28", "2: 2021-01-28"))
    with pytest.raises(Malformed, match=r"rollout\.collection\.ends: 2 ends on 2021-01-28"):
        read_study(write_study(tmp_path, owed=ends))


def test_a_bad_pulse_closes_no_earlier_draw(place):
    (place / "bad.json").write_text('{"round": 42}', encoding="utf-8")
    later = ("after: 40", "after: 41")
    study = write_study(place, owed=OWED, fewer=FEWER, later=later)
    words = ("rollout", "replan", place / "d", "--study", study, "--out", place / "n")
    done = CliRunner().invoke(app, [*map(str, words), "--pulse", str(place / "bad.json"), "-q"])
    assert done.exit_code == 1, done.output
    assert not (place / "n").exists()
    with Ledger(place / "d" / "ledger.sqlite", read_only=True) as held:
        kinds = {entry.kind for one in held.streams() for entry in held.entries(one)}
    assert "replanned" not in kinds and "drawn" in kinds


# -------------------- the analysis


def test_records_one_folder_deeper_are_named(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "panel.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "other.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(FingerpostError, match=r"Name the folder that holds it: --records .*sub"):
        inside(TableSource(path="panel.csv"), tmp_path)
    assert inside(TableSource(path="panel.csv"), tmp_path / "sub").path.endswith("sub/panel.csv")


def test_units_of_very_unlike_size_are_warned_of_once():
    panel = PanelWorld(u=40).draw(1)
    terms = (ask("simple"), ask("long_term"))
    zero = np.zeros(2)
    answer = Answer("any", Estimate(terms, zero, None, n=np.array([40, 40])))
    asked = task(panel, *terms, drawn=False, draws=0)
    assert size_words(asked, answer) == []
    own = panel.outcomes["y"]
    count = own.count * np.where(np.arange(40) < 20, 1, 30)[:, None]
    uneven = replace(panel, outcomes={"y": replace(own, count=count)})
    ((term, words),) = size_words(replace(asked, panel=uneven), answer)
    assert term == terms[0]
    assert "fewer than 40 and one in ten more than 1,200" in words


def lost(output: Output, narrow: str = "not nought") -> Output:
    """Return an output with bounds of its first answer, narrow and wide."""
    term = primary_of(output)[0].term
    about = (primary_of(output)[0].estimator, term.outcome, term.words(), term.label())
    table = Table(
        "unreturned_bounds",
        "bounds",
        ("estimator", "outcome", "contrast", "target", "lower", "upper", "assumes", "verdict"),
        (*("label",) * 4, *("number",) * 2, *("label",) * 2),
        (
            (*about, -0.5, 0.75, "anything", "may be nought"),
            (*about, 0.25, 0.5, "changes_within", narrow),
        ),
        tells=Tells("unreturned bounds", outcomes=("lower", "upper")),
    )
    return replace(output, sensitivity=(SensitivityResult("unreturned_bounds", (table,)),))


def test_bounds_for_what_was_not_returned_reach_the_words():
    output = clean()
    first = primary_of(output)[0]
    assert unreturned_words(output) == "" and whatever_lost(output, first) == ""
    told = unreturned_words(lost(output))
    assert "may have done anything" in told and "(may be nought)" in told
    assert told.index("anything") < told.index("changed as the others did")
    narrow = whatever_lost(lost(output), first)
    assert "changed as the others did" in narrow and "(not nought)" in narrow
    assert "anything" not in narrow
    # They are no bounds of the estimator's own, and say so where its answer lies outside them.
    assert "these bounds are of differences of waves' changes" in narrow
    outside = f"so that what {first.estimator} found may lie outside them"
    assert (outside in narrow) is not (0.25 <= first.value <= 0.5)


def test_no_answer_is_an_improvement_for_all_where_bounds_include_zero():
    output = clean()
    first = primary_of(output)[0]
    whole = told_in_full(lost(output), first, after_refusal=False)
    unsure = lost(output, "we cannot tell: the bounds include zero")
    part = told_in_full(unsure, first, after_refusal=False)
    assert "so this is an improvement," in whole
    assert "so this is an improvement among the units that returned every period" in part
    assert "(we cannot tell: the bounds include zero)" in part
