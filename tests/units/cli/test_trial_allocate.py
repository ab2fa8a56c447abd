"""The commands that conduct a trial, one after the other, as a trials unit types them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "trials"


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["trial", *map(str, words)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("trial")


def test_a_trial_from_opening_to_its_flow(place):
    folder, key, sees = place / "trial", place / "key", place / "sees"
    here = ("randomise", EXAMPLES / "allocate.yaml", "--out", folder, "--key", key)
    assert "Study and program are frozen" in run("open", *here[1:])
    assert "opened before; nothing is changed" in run("open", *here[1:])
    assert "nothing of what comes next" in run("hand-on", folder, "sees", sees, "--key", key)
    one = ("--unit", "C900", "--known", "sex=F", "--known", "area=north")
    assert 'say --confirm "parent agreed"' in run(*here, *one, code=2)
    first = run(*here, *one, "--confirm", "parent agreed")
    assert "C900 is number 1, in arm" in first
    assert "asked before" in run(*here, *one, "--confirm", "parent agreed")
    answers = place / "answers.json"
    run(*here, "--units", EXAMPLES / "allocate_units.csv", "--json", answers)
    said = json.loads(answers.read_text())["allocated"]
    assert [one["number"] for one in said] == list(range(2, 42))
    assert "takes a key" in run("monitor", folder, "--closed", code=2)
    run("note", folder, "harm", "--unit", "C001", "--words", "tired", "--severity", "mild",
        "--key", sees)  # fmt: skip
    closed = run("monitor", folder, "--closed", "--key", sees, "--out", place / "closed")
    assert "preschool" in closed
    assert "preschool" not in run("monitor", folder)
    flow = run("consort", folder, "--key", sees, "--out", place / "flow")
    assert "41 units assessed, 41 allocated" in flow
    for name in ("consort.html", "flow.svg"):
        assert (place / "flow" / name).stat().st_size > 1000
    assert "41 allocations made again: the same" in run("verify", folder, "--key", key)


def test_a_changed_entry_is_named_and_ends_with_1(place):
    folder = place / "trial"
    with sqlite3.connect(folder / "ledger.sqlite") as held:
        held.execute("UPDATE ledger SET time = '2020-01-01T00:00:00Z' WHERE number = 7")
    held.close()
    assert "entry 7: the field time was changed" in run("verify", folder, code=1)


def test_a_list_from_elsewhere_is_followed_and_redcaps_table_tells_the_arms(place):
    arms = place / "arms.csv"
    rows = ["arm,area,sex", *(f"{arm},north,F" for arm in ("preschool", "nursery", "nursery"))]
    arms.write_text("\n".join(rows) + "\n")
    study, key = EXAMPLES / "allocate.yaml", place / "other.key"
    here = (study, "--out", place / "listed", "--key", key)
    assert "an external list, sealed" in run("open", *here, "--list", arms)
    assert "open already" in run("open", *here, "--list", arms, code=2)
    one = ("--known", "sex=F", "--known", "area=north", "--confirm", "parent agreed")
    assert "C1 is number 1, in arm preschool" in run("randomise", *here, "--unit", "C1", *one)
    assert "C2 is number 2, in arm nursery" in run("randomise", *here, "--unit", "C2", *one)
    run("open", study, "--out", place / "own", "--key", place / "own.key")
    table = place / "redcap.csv"
    asked = ("export", place / "own", table, "--key", place / "own.key", "--rows", 8)
    assert "1 nursery, 2 preschool" in run(*asked)
    assert len(table.read_text().splitlines()) == 1 + 8 * 4
    assert "lies there already" in run(*asked, code=2)
    within = ("export", place / "own", place / "own" / "t.csv", "--key", place / "own.key")
    assert "tells what comes next" in run(*within, code=2)
