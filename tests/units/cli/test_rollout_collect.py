"""`fingerpost rollout collect`, `note` and `replan`: what they print, write and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fingerpost.cli._collect_page import waves_of
from fingerpost.cli._studying import Choices, answered, chosen
from fingerpost.cli.main import app
from fingerpost.cli.rollout_collect import check_page
from fingerpost.core.output import Output
from units.studies.rollouts.draws import drand, write_study

MORE = {
    "more": (
        "assignment:",
        "  collection: {columns: [y], ends: {1: 2021-01-31, 2: 2021-02-28, 3: 2021-03-31, "
        "4: 2021-04-30}}\noutcomes: {y: {column: y, kind: continuous}}\n"
        "estimators: [random_timing]\nrelease: {policy: none}\nassignment:",
    )
}


def rollout(*words: object) -> Result:
    """Run a command of roll-outs in this process."""
    return CliRunner().invoke(app, ["rollout", *(str(word) for word in words)])


def words(done: Result) -> str:
    """Return what a command said, wherever its lines were broken."""
    return " ".join(done.output.split())


def answer(study: Path, records: Path, draw: Path) -> Output:
    """Return what `rollout analyse` prints and writes, without writing it."""
    choices = Choices(records, draw=draw)
    return answered(chosen(study, choices), choices, base=study.parent, say=lambda _: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A study with its draw, its first wave issued, and a collection with returns."""
    folder = tmp_path_factory.mktemp("collect")
    study = write_study(folder, **MORE)
    (folder / "pulse.json").write_bytes(drand())
    done = rollout(
        "randomise", study, "--pulse", folder / "pulse.json", "--out", folder / "d", "-q"
    )
    assert done.exit_code == 0, done.output
    assert rollout("issue", folder / "d", "--wave", "first").exit_code == 0
    done = rollout("collect", "open", study, "--draw", folder / "d", "--out", folder / "c")
    assert done.exit_code == 0, done.output
    assert "26 units, 4 periods, 1 columns" in words(done) and "2021-03-02" in words(done)
    rows = (folder / "c" / "template.csv").read_text().splitlines()
    filled = [rows[0]] + [f"{row[:-1]},{at % 7}.5" for at, row in enumerate(rows[1:], start=1)]
    (folder / "all.csv").write_text("\n".join(line for line in filled if "A05" not in line) + "\n")
    done = rollout(
        "collect", "receive", folder / "c", folder / "all.csv", "--received", "2021-05-01"
    )
    assert done.exit_code == 0, done.output
    assert words(done).startswith("file new of these late revised as before all.csv 100 75 0 0")
    return folder


@pytest.fixture
def place(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "p")
    return tmp_path / "p"


def test_the_board_is_printed_and_written(place, tmp_path):
    page, file = tmp_path / "b.html", tmp_path / "b.json"
    done = rollout("collect", "status", place / "c", "--html", page, "--json", file)
    assert done.exit_code == 0, done.output
    assert "100 of 104 returns of periods that are over are in, 75 of them late" in words(done)
    assert "Nothing yet from 1 unit: A05" in words(done) and "A05 OVER OVER OVER OVER" in words(
        done
    )
    said = json.loads(file.read_text())
    assert said["counts"]["overdue"] == 4 and said["silent"] == ["A05"]
    text = page.read_text(encoding="utf-8")
    assert 'id="board"' in text and text.count("<svg") == 4 and "http" not in text.split("<svg")[0]
    assert (tmp_path / "b-tables" / "board.csv").is_file()
    check_page(page)  # ours, and may be written over
    page.write_text("mine")
    done = rollout("collect", "status", place / "c", "--html", page)
    assert done.exit_code == 2 and "is no board" in words(done) and page.read_text() == "mine"


def test_from_a_freeze_to_an_answer(place, tmp_path):
    done = rollout("collect", "freeze", place / "c", "--json", tmp_path / "f.json")
    assert done.exit_code == 0 and "freeze-1: 104 rows to 4, 4 of them without" in words(done)
    again = rollout("collect", "freeze", place / "c")
    assert "no new one is. Digest" in words(again) and "Wrote" not in words(again)
    study, draw = place / "study.yaml", place / "d"
    asked = ("analyse", study, "--draw", draw, "--out", tmp_path / "o", "-q", "--records")
    found = rollout(*asked, place / "c" / "template.csv")
    assert found.exit_code == 2 and "no freeze of it" in words(found)
    output = answer(study, place / "c" / "freeze-1", draw)
    assert [step.left for step in output.flow.steps] == [1] and output.results
    (place / "c" / "freeze-1" / "panel.csv").write_text("x")
    found = rollout(*asked, place / "c" / "freeze-1")
    assert found.exit_code == 1 and "its digest is not that which the ledger" in words(found)


def test_what_happened_is_noted_and_the_rest_is_drawn_anew(place):
    rows = (place / "d" / "allocation.csv").read_text(encoding="utf-8").splitlines()
    unit = next(row.split(",")[0] for row in rows if ",first," in row)
    done = rollout("note", place / "d", "slipped", "--unit", unit, "--period", "3")
    assert done.exit_code == 0 and f"slipped: {unit}, 3." in words(done)
    number = words(done).split("Ledger ")[1].split(":")[0]
    done = rollout("note", place / "d", "corrected", "--entry", number, "--why", "another area")
    assert done.exit_code == 0 and f"entry {number} counts no more. another area" in words(done)
    asked = ("note", place / "d", "corrected", "--entry", number, "--why", "another again")
    done = rollout(*asked)
    assert "nothing new was written" in words(done) and "Wrote" not in words(done)
    assert "another again" not in words(done)
    assert rollout("note", place / "d", "corrected", "--entry", number).exit_code == 2
    assert rollout("note", place / "d", "started", "--unit", unit).exit_code == 2
    done = rollout("verify", place / "c")
    assert done.exit_code == 0 and "26 units, 4 periods, 1 files" in words(done)
    assert rollout("verify", place / "d", "-q").exit_code == 0
    assert rollout("note", place / "d", "gone", "--unit", "A00", "--period", "3").exit_code == 2
    cut = {
        **MORE,
        "a": ("second: {begins: 3, units: 9}", "second: {begins: 3, units: 6}"),
        "b": ("after: 40", "after: 41"),
        "c": ("      - {at_most: 1400.5, column: pupils}\n", ""),
        "d": ("    together: [[A03, A15]]\n    apart: [[A01, A02]]\n", ""),
    }
    study = write_study(place, **cut)
    (place / "p2.json").write_bytes(drand(42, "later"))
    asked = ("replan", place / "d", "--study", study, "--out", place / "n", "-q")
    done = rollout(*asked)
    assert done.exit_code == 0 and "9 units of 1 issued waves stay" in words(done), done.output
    done = rollout(*asked, "--pulse", place / "p2.json", "--json", place / "n.json")
    assert done.exit_code == 0 and "second 3 6" in words(done), done.output
    said = json.loads((place / "n.json").read_text(encoding="utf-8"))
    assert len(said["issued"]) == 9 and len(said["allocation"]) == 17
    assert not set(said["issued"]) & set(said["allocation"])
    assert said["follows"] == (place / "d" / "commitment.txt").read_text().split()[0]
    assert rollout("verify", place / "n", "-q").exit_code == 0
    done = rollout("collect", "freeze", place / "c", "--draw", place / "n")
    assert done.exit_code == 0, done.output
    assert answer(study, place / "c" / "freeze-1", place / "n").results
    done = rollout("issue", place / "d", "--wave", "second")
    assert done.exit_code == 2 and "drawn anew" in words(done)
    # Of the earlier draw only what it issued stands, on the calendar and the map too.
    assert {wave for _, wave, _ in waves_of(place / "d")[0]} == {"first"}
    told, anew = waves_of(place / "n")
    assert not anew and {wave for _, wave, _ in told} == {"first", "second", "late"}


def test_mistakes_are_told_plainly(place, tmp_path):
    (tmp_path / "bad.csv").write_text("code,period,y\nA01,1,many\n")
    for asked, code, told in (
        (["collect", "open", place / "study.yaml", "--out", place], 2, "not empty"),
        (["collect", "receive", place / "c", tmp_path / "bad.csv"], 1, "row 2: y is no plain"),
        (["collect", "receive", tmp_path, tmp_path / "bad.csv"], 1, "nothing is collected there"),
        (["collect", "status", place / "c", "--on", "monday"], 2, "this is no day"),
        (["collect", "status", place / "c", "--hexmap", "x"], 2, "Name the page"),
        (["collect", "freeze", place / "c", "--until", "5"], 2, "it is no period"),
        (["note", place / "d", "slipped", "--unit", "Z", "--period", "3"], 1, "no unit of this"),
    ):
        done = rollout(*asked)
        assert done.exit_code == code and told in words(done), (asked, done.output)
        assert "Traceback" not in words(done) and "many" not in words(done)


@pytest.mark.parametrize(
    "verb", [["note"], ["replan"], *(["collect", each] for each in ("open", "receive", "status"))]
)
def test_help_has_an_example(verb):
    done = rollout(*verb, "--help")
    assert done.exit_code == 0 and f"fingerpost rollout {' '.join(verb)} " in words(done)
