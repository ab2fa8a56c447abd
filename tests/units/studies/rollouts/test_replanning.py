"""What is not issued, drawn anew: issued units stay, the rest is as random as before."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cli.rollout_randomise import registration
from fingerpost.core.errors import FingerpostError, Malformed, UsageError
from fingerpost.core.provenance import DrawSource
from fingerpost.ledger.store import Ledger
from fingerpost.reports.sections.provenance import registered
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts import replanning
from fingerpost.studies.rollouts.as_drawn import as_drawn
from fingerpost.studies.rollouts.drawing import draw, replayed
from fingerpost.studies.rollouts.events import standing
from fingerpost.studies.rollouts.issuing import issue
from fingerpost.studies.rollouts.lineage import check_collected, made_in
from fingerpost.studies.rollouts.noting import correct, note
from fingerpost.studies.rollouts.registering import register
from fingerpost.studies.rollouts.replanning import replan, whole
from fingerpost.studies.rollouts.verifying import verify
from units.studies.rollouts.draws import drand, write_study

ROOT = Path(__file__).resolve().parents[4]
START = {
    "waves": (
        "waves: {first: {begins: 2, units: 9}, second: {begins: 3, units: 9}, late: {}}",
        "waves: {first: {begins: 2, units: 6}, second: {begins: 3, units: 8}, late: {}}",
    ),
    "limit": ("      - {at_most: 1400.5, column: pupils}\n", ""),
    "pairs": ("    together: [[A03, A15]]\n    apart: [[A01, A02]]\n", ""),
}
# Capacity of the second wave is cut from 8 to 5.
CUT = {
    **START,
    "cut": ("second: {begins: 3, units: 8}", "second: {begins: 4, units: 5}"),
    "pulse": ("after: 40", "after: 41"),
}


@pytest.fixture(scope="module")
def issued(tmp_path_factory) -> Path:
    """A draw whose first wave is issued, which no test may change."""
    folder = tmp_path_factory.mktemp("replan")
    path = write_study(folder, **START)
    register(read_study(path), folder, out=folder / "old", study_file=path.read_bytes())
    draw(folder / "old", drand())
    issue(folder / "old", "first")
    return folder


@pytest.fixture
def place(issued, tmp_path) -> Path:
    shutil.copytree(issued, tmp_path / "p")
    return tmp_path / "p"


def again(place: Path, out: str = "new", **changes):
    path = write_study(place, **(changes or CUT))
    return replan(
        *(read_study(path), place),
        old=place / "old",
        out=place / out,
        study_file=path.read_bytes(),
    )


def test_only_what_is_not_issued_is_drawn_again_and_both_verify(place):
    old = replayed(place / "old")
    first = {u for u, code in zip(old.frozen.units, old.chosen, strict=True) if code == 0}
    found = again(place)
    assert found.new and not set(found.frozen.units) & first and len(found.frozen.units) == 20
    follows = found.frozen.plan["follows"]
    said = json.loads((place / "old" / "draw.json").read_text())
    assert follows["commitment"] == old.frozen.commitment.hex()
    assert follows["permutations"] == said["permutations"] and follows["round"] == 41
    assert {u for wave in follows["issued"] for u in wave["units"]} == first
    assert not again(place).new  # asked again: the same
    drawn = draw(place / "new", drand(42, "another"))
    for name in ("old", "new"):
        checked = verify(place / name)
        assert not checked.faults and checked.drawn is not None
    script = str(ROOT / "examples" / "verify_draw.py")
    for name in ("old", "new"):
        assert subprocess.run([sys.executable, "-I", script, str(place / name)]).returncode == 0
    assert np.bincount(drawn.chosen).tolist() == [5, 15]
    with pytest.raises(UsageError, match="drawn anew: issue it by the draw whose commitment"):
        issue(place / "old", "second")
    assert len(issue(place / "new", "second")) == 5


def test_all_units_with_issued_ones_held_fast(place):
    old = replayed(place / "old")
    again(place)
    drawn = draw(place / "new", drand(42, "another"))
    allocation, permutations = whole(drawn, 60)
    assert allocation.units == old.frozen.units and allocation.arms == ("first", "second", "late")
    assert permutations.codes.shape == (60, 26) and permutations.units == allocation.units
    first = old.chosen == 0
    assert np.array_equal(allocation.code == 0, first)
    assert (permutations.codes[:, first] == 0).all() and (permutations.codes[:, ~first] > 0).all()
    assert allocation.probability.sum(axis=1) == pytest.approx(np.ones(26))
    assert np.array_equal(allocation.probability[first], np.eye(3)[[0] * 6])
    # Chances in the kept draws are those of the draws that are replayed.
    _, every = whole(drawn)
    assert allocation.probability[:, 1] == pytest.approx((every.codes == 1).mean(axis=0))
    plain, draws = whole(old, 20)
    assert plain.units == old.frozen.units and len(draws.codes) == 20
    check_collected(old.frozen.commitment.hex(), place / "new")
    with pytest.raises(UsageError, match="collected for another draw"):
        check_collected("0" * 64, place / "new")


def test_two_draws_of_one_commitment_are_told_apart_and_what_follows_them(place):
    path = write_study(place, **START)
    register(read_study(path), place, out=place / "twin", study_file=path.read_bytes())
    twin = draw(place / "twin", drand(41, "forged"))
    commitment, made = twin.frozen.commitment.hex(), made_in(place / "old")
    assert (place / "old" / "commitment.txt").read_text().startswith(commitment)
    assert made_in(place / "twin") != made and verify(place / "twin").faults == ()
    check_collected(commitment, place / "old", made=made)
    with pytest.raises(UsageError, match="another draw made from it, with another pulse"):
        check_collected(commitment, place / "twin", made=made)
    issue(place / "twin", "first")
    again(place)
    check_collected(commitment, place / "new", made=made)
    path = write_study(place, **CUT)
    replan(read_study(path), place, old=place / "twin", out=place / "newer")
    with pytest.raises(UsageError, match="another draw made from it"):
        check_collected(commitment, place / "newer", made=made)


def test_what_is_registered_with_the_draw_before_is_not_said_to_be_rehearsed(place):
    first, found = replayed(place / "old").frozen, again(place).frozen
    assert not found.inherited and "no rehearsal was given" in registration(found)
    later = replace(found, plan={**found.plan, "registered_as": "confirmatory"})
    own = replace(found, plan={**later.plan, "rehearsal": "0" * 64})
    assert later.inherited and not own.inherited
    assert "as the draw was that it follows" in registration(later)
    assert "it was rehearsed on the past" in registration(own)
    confirmed = replace(first, plan={**first.plan, "registered_as": "confirmatory"})
    assert not confirmed.inherited
    # Waves and units may change, and not the question.
    asked = {
        parts: replanning.registered_as(confirmed, b"", parts)
        for parts in (("rollout.waves",), ("rollout.waves", "outcomes"))
    }
    assert [one["registered_as"] for one in asked.values()] == ["confirmatory", "exploratory"]
    source = DrawSource("s", "0" * 64, registered_as="confirmatory", inherited=True)
    assert registered(source) == (
        "confirmatory, with the draw that it follows: not rehearsed itself"
    )


def test_units_that_merged_leave_and_what_came_of_them_is_drawn(place):
    old = replayed(place / "old")
    left = [u for u, code in zip(old.frozen.units, old.chosen, strict=True) if code > 0]
    text = (place / "areas.csv").read_text(encoding="utf-8").splitlines()
    gone = left[:2]
    kept = [line for line in text if line.split(",")[0] not in gone]
    register_ = "\n".join([*kept, 'B01,"Area B01",South,130,1.25']) + "\n"

    def go():
        path = write_study(place, **CUT)
        (place / "areas.csv").write_text(register_, encoding="utf-8")
        return replan(read_study(path), place, old=place / "old", out=place / "new")

    before = sorted(path.name for path in place.iterdir())
    with pytest.raises(Malformed) as caught:
        go()
    told = " ".join(caught.value.problems)
    assert f"{gone[0]} and {gone[1]} were drawn and are not in it" in told
    assert "B01 were not in the draw" in told
    assert sorted(path.name for path in place.iterdir()) == before
    note(place / "old", "merged", units=gone, into=["B01"], period="3")
    found = go()
    assert "B01" in found.frozen.units and not set(gone) & set(found.frozen.units)
    assert found.frozen.plan["follows"]["changes"][0]["into"] == "B01"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pulse": ("after: 40", "after: 40")}, "lies before the round of the earlier draw, 41"),
        ({"x": ("first: {begins: 2, units: 6}", "first: {begins: 2, units: 7}")}, "is issued: 6"),
        (
            {
                "x": ("first: {begins: 2", "one: {begins: 2"),
                "y": ("      - {at_most: 3, wave: first, where: {region: North}}\n", ""),
                "z": ("    limits:\n", ""),
            },
            "first is issued, and the new study",
        ),
        ({"x": ("begins: 4, units: 5", "begins: 2, units: 5")}, "no later than a wave that is"),
        ({"x": ("units: 5}", "units: 50}")}, "hold 50 units, and 20 are not"),
        ({"x": ("study: small-draw", "study: other")}, "keeps its name"),
    ],
)
def test_what_cannot_be_drawn_anew_is_told_and_nothing_is_written(place, change, told):
    before = (place / "old" / "manifest.json").read_bytes()
    with pytest.raises(FingerpostError, match=told):
        again(place, **{**CUT, **change})
    assert not (place / "new").exists()
    assert (place / "old" / "manifest.json").read_bytes() == before


def test_a_draw_that_nobody_likes_is_not_drawn_a_third_time(place):
    again(place)
    other = {**CUT, "cut": ("second: {begins: 3, units: 8}", "second: {begins: 4, units: 6}")}
    with pytest.raises(UsageError, match="committed to anew already"):
        again(place, "other", **other)
    assert not (place / "other").exists()


def test_of_two_replans_at_once_one_is_made_and_the_other_told(place, monkeypatch):
    real = replanning.commit
    rival = {**CUT, "cut": ("second: {begins: 3, units: 8}", "second: {begins: 4, units: 6}")}

    def slow(*given, **named):
        # While this one commits, another plan is committed to and written whole.
        monkeypatch.setattr(replanning, "commit", real)
        again(place, "rival", **rival)
        return real(*given, **named)

    monkeypatch.setattr(replanning, "commit", slow)
    with pytest.raises(UsageError, match="committed to anew already"):
        again(place)
    assert not (place / "new").exists() and verify(place / "rival").faults == ()
    assert verify(place / "old").faults == ()


def test_what_is_noted_while_a_plan_is_made_anew_is_not_lost(place, monkeypatch):
    real, unit = replanning.commit, replayed(place / "old").frozen.units[0]

    def slow(*given, **named):
        note(place / "old", "withdrew", units=[unit], period="3")
        return real(*given, **named)

    monkeypatch.setattr(replanning, "commit", slow)
    with pytest.raises(UsageError, match=r"holds more than when .*\(withdrew\)"):
        again(place)
    assert not (place / "new").exists()
    monkeypatch.setattr(replanning, "commit", real)
    assert [one["unit"] for one in again(place).frozen.plan["follows"]["happened"]] == [unit]


def test_a_changed_draw_and_one_without_an_issued_wave_are_refused(place, tmp_path):
    text = (place / "old" / "allocation.csv").read_text(encoding="utf-8")
    (place / "old" / "allocation.csv").write_text(text.replace("late", "early", 1))
    with pytest.raises(Malformed, match=r"allocation\.csv"):
        again(place)
    path = write_study(tmp_path, **START)
    register(read_study(path), tmp_path, out=tmp_path / "old", study_file=path.read_bytes())
    with pytest.raises(UsageError, match="not drawn yet"):
        again(tmp_path)
    draw(tmp_path / "old", drand())
    with pytest.raises(Malformed, match="no wave is issued yet"):
        again(tmp_path)


def test_two_draws_of_one_study_lie_in_one_ledger_and_nothing_half_written(issued, tmp_path):
    shared = str(tmp_path / "ledger.sqlite")
    path = write_study(tmp_path, **START)
    first = {"study_file": path.read_bytes(), "ledger": shared}
    register(read_study(path), tmp_path, out=tmp_path / "old", **first)
    draw(tmp_path / "old", drand(), ledger=shared)
    issue(tmp_path / "old", "first", ledger=shared)
    path = write_study(tmp_path, **CUT)
    words = {"old": tmp_path / "old", "out": tmp_path / "new", "ledger": shared}
    found = replan(read_study(path), tmp_path, **words)
    drawn = draw(tmp_path / "new", drand(42, "another"), ledger=shared)
    assert found.new and np.bincount(drawn.chosen).tolist() == [5, 15]
    for name in ("old", "new"):
        assert not verify(tmp_path / name, ledger=shared).faults
        assert not (tmp_path / name / "ledger.sqlite").exists()
    with Ledger(shared, read_only=True) as held:
        kinds = [[entry.kind for entry in held.entries(stream)] for stream in held.streams()]
    assert kinds == [
        ["registered", "committed", "drawn", "issued", "replanned"],
        ["registered", "committed", "drawn"],
    ]
    # A ledger that says no leaves no folder behind.
    with pytest.raises(Malformed, match="another study"):
        other = write_study(tmp_path, **{**START, "q": ("question: Does", "question: When does")})
        register(read_study(other), tmp_path, out=tmp_path / "third", ledger=shared)
    assert not (tmp_path / "third").exists()


def test_who_withdrew_is_drawn_with_the_others_and_counted(place):
    old = replayed(place / "old")
    gone = next(u for u, code in zip(old.frozen.units, old.chosen, strict=True) if code > 0)
    note(place / "old", "withdrew", units=[gone], period="3")
    text = (place / "areas.csv").read_text(encoding="utf-8").splitlines()
    (place / "study.yaml").write_text(write_study(place, **CUT).read_text(encoding="utf-8"))
    without = "\n".join(line for line in text if not line.startswith(gone)) + "\n"
    (place / "areas.csv").write_text(without, encoding="utf-8")
    study = read_study(place / "study.yaml")
    with pytest.raises(Malformed, match=f"{gone} were drawn and are not in it. Put them back"):
        replan(study, place, old=place / "old", out=place / "new")
    found = again(place)
    assert gone in found.frozen.units
    drawn = draw(place / "new", drand(42, "another"))
    allocation, _ = whole(drawn)
    assert gone in allocation.units and len(allocation.units) == 26
    since = as_drawn(study, place / "new")
    assert [(one.unit, one.kind, one.period) for one in since.happened] == [(gone, "withdrew", "3")]


def test_what_happens_is_noted_with_the_draw_that_goes_on(place):
    old = replayed(place / "old")
    by = dict(zip(old.frozen.units, old.chosen.tolist(), strict=True))
    first, waiting = (next(u for u in by if by[u] == at) for at in (0, 1))
    for unit, period, told in (
        (waiting, "4", "its wave is not issued yet"),
        (first, "2", "was to begin in 2: it slips to a later period"),
    ):
        with pytest.raises(Malformed, match=told):
            note(place / "old", "slipped", units=[unit], period=period)
    wrong = note(place / "old", "slipped", units=[first], period="3")[0]
    with pytest.raises(UsageError, match=r"--entry 1: .* There are: 5 \(slipped\)"):
        correct(place / "old", 1, why="no")
    back = correct(place / "old", wrong.number, why="it was another")
    assert correct(place / "old", wrong.number, why="it was another") == back
    again_ = note(place / "old", "slipped", units=[first], period="3")[0]
    assert again_.number == back.number + 1 and verify(place / "old").faults == ()
    correct(place / "old", again_.number, why="after all not")
    with Ledger(place / "old" / "ledger.sqlite", read_only=True) as held:
        kinds = [e.kind for e in standing(held.entries("rollout small-draw"))]
    assert kinds == ["registered", "committed", "drawn", "issued"]
    again(place)
    with pytest.raises(UsageError, match="noted in the draw whose commitment is"):
        note(place / "old", "slipped", units=[first], period="4")
    draw(place / "new", drand(42, "another"))
    assert note(place / "new", "slipped", units=[first], period="4")[0].number == 4


def test_the_new_plan_tells_what_chance_the_earlier_draw_gave_each_unit(place):
    old = replayed(place / "old")
    found = again(place)
    told = found.frozen.plan["follows"]["chances"]
    assert set(told) == set(old.frozen.units)
    kept = old.permutations().codes == 0
    noise = 6 * np.sqrt(0.25 / len(kept))
    for at, unit in enumerate(old.frozen.units):
        share = kept[:, at].mean()
        own = share if old.chosen[at] == 0 else 1 - share
        assert told[unit] == pytest.approx(own, abs=noise), unit
    drawn = draw(place / "new", drand(42, "another"))
    allocation, _ = whole(drawn, 20)
    assert allocation.before.tolist() == [told[unit] for unit in allocation.units]


def test_an_analysis_of_the_first_draw_is_told_that_the_rest_was_drawn_anew(place):
    again(place)
    study = read_study(place / "study.yaml") if (place / "study.yaml").is_file() else None
    path = write_study(place, **START)
    told = as_drawn(study or read_study(path), place / "old").source.departures
    assert any("drawn anew since" in words for words in told)
