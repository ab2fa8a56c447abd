"""Notes: what they need, lists of children frozen before clusters are allocated or drawn."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import allocate
from fingerpost.studies.trials.drawing import draw
from fingerpost.studies.trials.keys import hand_on
from fingerpost.studies.trials.opening import open_trial
from fingerpost.studies.trials.recording import Note, entrants, freeze, note
from fingerpost.studies.trials.verifying import verify
from units.studies.trials.opened import asked, children, small_trial

ROLL = (
    "  blocks: [2]\n  plans: kept\n"
    "  roll: {table: roll.csv, unit: school, child: pupil, baseline: [reading]}"
)


def roll(place, rows):
    file = place / "roll.csv"
    file.write_text("school,pupil,reading\n" + "".join(f"{row}\n" for row in rows))
    return file


def test_a_cluster_is_refused_until_its_list_is_frozen_and_late_children_are_told_apart(tmp_path):
    opened, key = small_trial(tmp_path, more=ROLL, unit="school")
    keys = opened.keys(key)
    with pytest.raises(UsageError, match="not frozen"):
        allocate(opened, keys, requests=[asked("S1")])
    with pytest.raises(Malformed, match="reading is empty in 1 row"):
        freeze(opened, roll(tmp_path, ["S1,Ada,3", "S1,Bob,"]), keys=keys)
    assert len(opened.entries()) == 1
    first = roll(tmp_path, ["S1,Ada,3", "S1,Bob,5", "S2,Cy,4"])
    assert freeze(opened, first, keys=keys).children == (("S1", 2), ("S2", 1))
    again = freeze(opened, first, keys=keys)
    assert again.children == (("S1", 2), ("S2", 1))  # the same request: nothing new
    assert len(opened.entries()) == 3
    early = roll(tmp_path, ["S2,Cy,4", "S2,Dee,1"])
    assert freeze(opened, early, keys=keys).entered[0][:2] == ("S2", 1)
    allocate(opened, keys, requests=[asked("S1")])
    later = roll(tmp_path, ["S1,Ada,3", "S1,Bob,5", "S1,Eve,9"])
    [(unit, count, when)] = freeze(opened, later, keys=keys).entered
    assert (unit, count, when) == ("S1", 1, "after allocation")
    said = entrants(
        opened, keys, [("S1", "Ada"), ("S1", "Eve"), ("S1", "Fay"), ("S2", "Dee"), ("S9", "Gil")]
    )
    assert said == [
        "listed",
        "entered after allocation",
        "entered after allocation",
        "entered after the list was frozen, before allocation",
        "not frozen",
    ]
    assert b"Eve" not in opened.address.read_bytes()
    assert verify(opened.folder, key=key).faults == ()


def test_a_register_of_clusters_is_drawn_in_public_once_lists_are_frozen(tmp_path):
    schools = [f"S{at:02d}" for at in range(16)]
    (tmp_path / "schools.csv").write_text(
        "school,size\n" + "".join(f"{name},{100 + 7 * at}\n" for at, name in enumerate(schools))
    )
    file = tmp_path / "s.yaml"
    file.write_text(
        "study: clusters\nquestion: Does it?\ntrial:\n"
        "  arms: {usual: {gets: usual, offer: usual}, more: more}\n"
        "  register: {table: schools.csv, unit: school}\n"
        "  draw: {balance: [size], pulse: {source: drand, after: 100}}\n"
        "  roll: {table: roll.csv, unit: school, child: pupil}\n"
        "assignment: {randomised: {design: cluster, unit: school}}\n"
    )
    key = tmp_path / "key"
    opened, _ = open_trial(
        read_study(file),
        study_file=file.read_bytes(),
        out=tmp_path / "t",
        key=key,
        base=tmp_path,
    )
    keys = opened.keys(key)
    import hashlib

    signature = "ab" * 48
    value = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    pulse = json.dumps({"round": 101, "randomness": value, "signature": signature}).encode()
    with pytest.raises(UsageError, match="16 of 16 clusters have no frozen list"):
        draw(opened, pulse, keys=keys)
    rows = roll(tmp_path, [f"{name},P{name},1" for name in schools])
    freeze(opened, rows, keys=keys)
    made = draw(opened, pulse, keys=keys)
    assert sorted(made.allocation.code.tolist()) == [0] * 8 + [1] * 8
    assert not draw(opened, pulse, keys=keys).new
    found = verify(opened.folder)
    assert (found.faults, found.replayed) == ((), 16)
    apart = b"\xcd" * 48
    other = json.dumps(
        {
            "round": 101,
            "randomness": hashlib.sha256(apart).hexdigest(),
            "signature": apart.hex(),
        }
    ).encode()
    with pytest.raises(UsageError, match="another pulse"):
        draw(opened, other, keys=keys)
    note(opened, Note("received", ("S03",)), keys=keys)
    (opened.folder / "allocation.csv").write_bytes(
        (opened.folder / "allocation.csv").read_bytes().replace(b"S03", b"S13", 1)
    )
    assert any("allocation.csv" in fault for fault in verify(opened.folder).faults)


def test_a_note_told_again_shows_the_head_as_it_is_now(tmp_path):
    """Once it printed the hash of the old entry, as if that were the ledger's head."""
    opened, key = small_trial(tmp_path)
    allocate(opened, opened.keys(key), requests=children(3))
    told = ["trial", "note", str(opened.folder)]
    unit = ["--key", str(key), "--unit"]
    for said in ([*unit, "C1"], [*unit, "C2"], [*unit, "C1"]):
        found = CliRunner().invoke(app, [*told, "received", *said])
        head = opened.entries()[-1]
        assert f"{head.number}:{head.hash}" in found.stdout.replace("\n", "")
    assert "told again" in found.stdout and head.number == 6
    refused = CliRunner().invoke(app, ["trial", "monitor", *told[2:], "--out", told[2]])
    assert refused.exit_code == 2 and "stays as it was sealed" in " ".join(refused.output.split())


def test_roles_do_what_they_need_and_no_more(tmp_path):
    opened, key = small_trial(tmp_path)
    allocate(opened, opened.keys(key), requests=children(6))
    for role in ("sees", "enrols"):
        hand_on(opened.keys(key), role, path=tmp_path / role, outside=opened.folder)
    enrols, sees = opened.keys(tmp_path / "enrols"), opened.keys(tmp_path / "sees")
    note(opened, Note("received", ("C1",), by="x"), keys=enrols)
    for keys in (enrols, sees):
        with pytest.raises(UsageError, match="opened"):
            allocate(opened, keys, requests=[asked("new")])
    assert "key" not in json.loads((tmp_path / "sees").read_text())
    assert verify(opened.folder, key=tmp_path / "sees").faults == ()
    assert verify(opened.folder, key=tmp_path / "enrols").faults == ()
    with pytest.raises(UsageError, match="never lies with the ledger"):
        hand_on(opened.keys(key), "sees", path=opened.folder / "k", outside=opened.folder)


def test_notes_are_told_what_they_lack(tmp_path):
    opened, key = small_trial(tmp_path, size=4)
    keys = opened.keys(key)
    allocate(opened, keys, requests=children(4))
    for said, words in (
        (Note("harmed"), "no such note"),
        (Note("harm", ("C1",), "fell"), "--severity is mild"),
        (Note("lost", ("C1",)), "--words is missing"),
        (Note("received"), "--unit is missing"),
        (Note("amendment", ("C1",), "more"), "Leave --unit out"),
        (Note("fidelity", ("C1",), "C1 had four of six"), "names a unit"),
        (Note("lost", ("C1",), "moved", (("size", 3),)), "--size belongs to amendment"),
    ):
        with pytest.raises(UsageError, match=words):
            note(opened, said, keys=keys)
    with pytest.raises(Malformed, match="X: no unit"):
        note(opened, Note("received", ("X",)), keys=keys)
    with pytest.raises(Malformed, match="takes part"):
        note(opened, Note("excluded", ("C1",), "declined"), keys=keys)
    count = len(opened.entries())
    for _ in range(2):
        note(opened, Note("received", ("C1", "C2")), keys=keys)
    assert len(opened.entries()) == count + 2
    note(opened, Note("amendment", (), "two more", (("size", 6),)))
    assert allocate(opened, keys, requests=[asked("C7")])[0].number == 5
    note(opened, Note("stopped", (), "harm in one arm"))
    with pytest.raises(UsageError, match="was stopped"):
        allocate(opened, keys, requests=[asked("C8")])
    assert verify(opened.folder, key=key).faults == ()
