"""Events that contradict a ledger: refused whole, and taken again once what was wrong is."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed
from fingerpost.ledger.store import Ledger
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.drawing import draw
from fingerpost.studies.rollouts.issuing import issue
from fingerpost.studies.rollouts.noting import correct, last_number, note
from fingerpost.studies.rollouts.registering import register
from units.studies.rollouts.draws import drand, write_study


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, list[str]]:
    """A draw whose first wave, from period 2 of 4, is issued, and the units of that wave."""
    folder = tmp_path_factory.mktemp("noted")
    path = write_study(folder)
    register(read_study(path), folder, out=folder / "d", study_file=path.read_bytes())
    draw(folder / "d", drand())
    issue(folder / "d", "first")
    with (folder / "d" / "allocation.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return folder / "d", [row["unit"] for row in rows if row["wave"] == "first"]


def refused(folder: Path, kind: str, units: list[str], period: str, into=(), *, told: str) -> None:
    """Assert that an event is refused with a word, and that the ledger holds what it held."""
    before = last_number(folder)
    with pytest.raises(Malformed, match=told):
        note(folder, kind, units=units, period=period, into=into)
    assert last_number(folder) == before


def test_what_happens_to_a_unit_is_in_order_and_once(made):
    folder, (a, b, c, d, *_) = made
    slip = note(folder, "slipped", units=[a], period="3")[0]
    refused(folder, "started", [a], "2", told=rf"{a}: slipped, 3 .entry {slip.number}.*before that")
    refused(folder, "slipped", [a], "3 ", told="no period")
    assert note(folder, "slipped", units=[a], period="3")[0] == slip  # the same again is one event
    note(folder, "slipped", units=[a], period="4")
    note(folder, "started", units=[a], period="4")
    refused(folder, "started", [a], "3", told="that happens once")
    note(folder, "withdrew", units=[b], period="3")
    refused(folder, "withdrew", [b], "4", told="that happens once.*|taken back first")
    refused(folder, "started", [b], "4", told="withdrew, 3 .* cannot have started")
    note(folder, "started", units=[b], period="2")  # before it withdrew: told late, and no fault
    # What was wrong is taken back, and then the other may stand.
    gone = note(folder, "started", units=[c], period="2")[0]
    refused(folder, "started", [c], "3", told=f"entry {gone.number}")
    correct(folder, gone.number, why="it was a period later")
    note(folder, "started", units=[c], period="3")
    refused(folder, "slipped", [d, c], "4", told=f"{c}: started, 3 .* it cannot have slipped")


def test_nothing_becomes_itself_nor_what_is_gone(made):
    folder, (*_, x, y, z) = made
    refused(folder, "merged", [x, y], "3", [x], told=f"{x} cannot become itself")
    refused(folder, "merged", [x, y], "3", [z], told=f"{z} is a unit of this draw")
    note(folder, "merged", units=[x, y], period="3", into=["B1"])
    assert note(folder, "merged", units=[y, x], period="3", into=["B1"])
    refused(folder, "merged", [x, z], "3", ["B1"], told="B1 came of others already")
    refused(folder, "split", [x], "4", ["B2", "B3"], told="nothing happens to it from then on")
    refused(folder, "withdrew", [y], "4", told="nothing happens to it from then on")
    refused(folder, "split", [z], "3", ["B2", x], told=f"{x} is gone itself")
    note(folder, "withdrew", units=[y], period="2")  # before it was gone
    with Ledger(folder / "ledger.sqlite", read_only=True) as held:
        kinds = [one.kind for one in held.entries("rollout small-draw")]
    assert kinds.count("merged") == 1
