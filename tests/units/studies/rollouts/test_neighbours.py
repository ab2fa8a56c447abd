"""Neighbours of a register: checked, frozen with the plan, told beside the answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.core.rollout import Register
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.as_drawn import as_drawn
from fingerpost.studies.rollouts.drawing import draw
from fingerpost.studies.rollouts.neighbours import neighbours_in, read_neighbours
from fingerpost.studies.rollouts.registering import register
from fingerpost.studies.rollouts.verifying import verify
from units.studies.rollouts.draws import drand, write_study

SECOND_PROGRAM = Path(__file__).resolve().parents[4] / "examples" / "verify_draw.py"
PAIRS = "    apart: [[A01, A02]]\n"

NAMED = {"near": ("size: pupils}", "size: pupils, neighbours: borders.csv}")}
UNITS = tuple("ABCD")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("first,other\nA,B\n", "no column second"),
        ("first,second\nA,Z\n", "Z are no units"),
        ("first,second\nA,A\n", "beside themselves"),
        ("first,second\nA,B\nB,A\n", "A and B stand there twice"),
        ("first,second,share\nA,B,1.5\n", "no number from 0 to 1 for A and B"),
        ("first,second,share\nA,B,0.5\nB,C,\n", "of some pairs only"),
    ],
)
def test_faults_of_pairs_are_told(tmp_path, text, told):
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    with pytest.raises(Malformed, match=told):
        read_neighbours(Register("a.csv", "code", neighbours="b.csv"), tmp_path, UNITS)


def test_a_file_that_is_not_there_is_told_with_its_key(tmp_path):
    with pytest.raises(Malformed, match=r"rollout\.register\.neighbours: .*is not there"):
        read_neighbours(Register("a.csv", "code", neighbours="b.csv"), tmp_path, UNITS)
    assert read_neighbours(Register("a.csv", "code"), tmp_path, UNITS) == {}


def test_pairs_weigh_what_the_file_says():
    content = b"first,second,share\nA,B,0.5\nA,C,0.25\nC,X,1\n"
    near = neighbours_in(content, UNITS)
    assert near.pairs.tolist() == [[0, 1], [0, 2]]
    begun = near.begun(np.array([-1, 1, -1, 0]), 2)
    assert begun[:, 1] == pytest.approx([0.5 / 0.75, 0, 0, 0]) and not begun[:, 0].any()


def test_neighbours_are_frozen_verified_and_taken_by_an_analysis(tmp_path):
    path = write_study(tmp_path, **NAMED)
    pairs = [f"A{at:02},A{at + 1:02}" for at in range(25)]
    (tmp_path / "borders.csv").write_text("second,first\n" + "\n".join(reversed(pairs)) + "\n")
    out = tmp_path / "out"
    study = read_study(path)
    register(study, tmp_path, out=out, study_file=path.read_bytes())
    assert (out / "neighbours.csv").read_text().splitlines()[1] == "A00,A01,"
    draw(out, drand())
    assert verify(out).faults == ()
    found = as_drawn(study, out)
    assert found.neighbours is not None and len(found.neighbours.pairs) == 25
    (out / "neighbours.csv").write_text("first,second,share\nA00,A02,\n")
    assert any(
        "neighbours.csv: its digest is not that of the plan" in f for f in verify(out).faults
    )


def bounded(folder, bound, **changes):
    """Write a study whose 25 neighbours, each a unit and the next, are bounded."""
    near = (PAIRS, f"{PAIRS}    neighbours: {bound}\n")
    fewer = ("candidates: 2000", "candidates: 2500")
    path = write_study(folder, **NAMED, bound=near, fewer=fewer, **changes)
    pairs = [f"A{at:02},A{at + 1:02},{0.5 if at % 2 else 0.25}" for at in range(25)]
    (folder / "borders.csv").write_text("first,second,share\n" + "\n".join(pairs) + "\n")
    return path


@pytest.mark.parametrize(
    ("bound", "low", "high"), [("at_most: 0.3", 0, 0.3), ("at_least: 0.3", 0.3, 1)]
)
def test_as_many_neighbours_start_in_one_wave_as_are_declared(tmp_path, bound, low, high):
    path, out = bounded(tmp_path, f"{{{bound}}}"), tmp_path / "out"
    register(read_study(path), tmp_path, out=out, study_file=path.read_bytes())
    drawn = draw(out, drand())
    sizes = np.array([0.5 if at % 2 else 0.25 for at in range(25)])
    codes = drawn.permutations().codes  # every draw that might have been, this one among them
    same = (codes[:, :25] == codes[:, 1:26]) @ sizes / sizes.sum()
    assert low <= same.min() and same.max() <= high and len(codes) >= 30
    assert verify(out).faults == ()
    own = [sys.executable, "-I", str(SECOND_PROGRAM), str(out)]
    assert subprocess.run(own, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("bound", "told", "changes"),
    [
        ("{}", "says no number", {}),
        ("{at_most: 0.1, at_least: 0.2}", "at_least 0.2 is above at_most 0.1", {}),
        ("{at_most: 0.201, at_least: 0.2001}", "no whole number of pairs", {}),
        ("{at_most: 0.001}", "trial candidates meet.*seen are", {}),
        (
            "{at_most: 0.01}",
            "the pairs declared together are 5.4% of it already",
            {"held": ("together: [[A03, A15]]", "together: [[A03, A04]]")},
        ),
        ("{at_least: 0.99}", "without the pairs declared apart 94.6% are left", {}),
    ],
)
def test_a_bound_that_cannot_be_met_is_told_before_the_draw(tmp_path, bound, told, changes):
    path, out = bounded(tmp_path, bound, **changes), tmp_path / "out"
    with pytest.raises(Malformed, match=f"(?s){told}"):
        register(read_study(path), tmp_path, out=out)
    assert not out.exists()


def test_a_bound_needs_the_pairs_that_it_speaks_of(tmp_path):
    near = (PAIRS, f"{PAIRS}    neighbours: {{at_most: 0.3}}\n")
    with pytest.raises(Malformed, match=r"rollout\.draw\.neighbours: needs register"):
        read_study(write_study(tmp_path, bound=near))
