"""Returns from all areas: asked, checked on receipt, versioned, put on a board, frozen."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cohorts.table import read_records
from fingerpost.core.drawn import Drawn
from fingerpost.core.errors import Malformed, UsageError
from fingerpost.core.study import Records, TableSource
from fingerpost.ledger.store import Ledger
from fingerpost.studies.document import read_study
from fingerpost.studies.rollouts.collecting import freezing
from fingerpost.studies.rollouts.collecting.board import board, state_of
from fingerpost.studies.rollouts.collecting.folder import open_collection
from fingerpost.studies.rollouts.collecting.following import Changes, take
from fingerpost.studies.rollouts.collecting.freezing import freeze, readable, verify_collection
from fingerpost.studies.rollouts.collecting.receiving import latest, receive
from fingerpost.studies.rollouts.collecting.rounds import Round, Rounds, plan_rounds
from fingerpost.studies.rollouts.drawing import draw, replayed
from fingerpost.studies.rollouts.lineage import check_collected
from fingerpost.studies.rollouts.noting import note
from fingerpost.studies.rollouts.registering import register
from fingerpost.studies.rollouts.replanning import whole
from fingerpost.studies.run import rollout_in
from units.studies.rollouts.draws import drand

AREAS, TERMS = 152, 12
REGIONS = ("North", "South", "East", "West")
LAST = date(2024, 9, 30)
STUDY = """study: returns
question: Does it help where it begins earlier?
records: {table: panel.csv, unit: code}
rollout:
  register: {table: areas.csv, unit: code, name: area}
  period: term
  children: enrolled
  periods: {first: 2020 autumn, count: 12}
  waves:
    first: {begins: 2021 summer, units: 50}
    second: {begins: 2022 summer, units: 50}
    late: {}
  draw: {candidates: 400, accept: 0.5, pulse: {source: drand, after: 40}}
  collection: {columns: [absence, enrolled, moved], due_days: 30}
outcomes:
  absence: {column: absence, kind: continuous, measured_in: percent of sessions, better: lower}
assignment: {randomised: {design: staggered, unit: area, strata: [region]}}
estimand: {target: exposure_average}
estimators: [random_timing, randomisation_test]
primary: [random_timing]
sensitivity: [{unreturned_bounds: {range: [0, 20], within: 0.5}}]
release: {policy: none}
"""
HEAD = "code,term,absence,enrolled,moved"
CODES = [f"A{at:03}" for at in range(AREAS)]


def lay(folder: Path, text: str = STUDY) -> Path:
    """Write the study and its register."""
    rows = [f"{code},Area {code},{REGIONS[at % 4]}" for at, code in enumerate(CODES)]
    (folder / "areas.csv").write_text("code,area,region\n" + "\n".join(rows) + "\n")
    (folder / "study.yaml").write_text(text)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """The folder of the study and its draw, which no test may change."""
    folder = tmp_path_factory.mktemp("returns")
    path = lay(folder)
    register(read_study(path), folder, out=folder / "draw", study_file=path.read_bytes())
    draw(folder / "draw", drand())
    return folder


@pytest.fixture(scope="module")
def begun(drawn, tmp_path_factory) -> Path:
    """The same with its collection, open and empty, which no test may change either."""
    folder = tmp_path_factory.mktemp("begun") / "p"
    shutil.copytree(drawn, folder)
    opened(folder)
    return folder


@pytest.fixture
def place(begun, tmp_path) -> Path:
    """A collection of the draw, open and empty."""
    shutil.copytree(begun, tmp_path / "p")
    return tmp_path / "p" / "c"


def opened(folder: Path) -> Path:
    rounds = plan_rounds(
        read_study(folder / "study.yaml"), folder, draw=folder / "draw", seen="../draw"
    )
    open_collection(rounds, folder / "c")
    return folder / "c"


def sent(folder: Path, *rows: str, name: str = "r.csv", head: str = HEAD) -> Path:
    (folder.parent / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return folder.parent / name


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -------------------- opened


def test_every_unit_and_period_has_a_template_and_nothing_is_written_over(place):
    combined = rows_of(place / "template.csv")
    assert list(combined[0]) == HEAD.split(",") and len(combined) == AREAS * TERMS
    own = rows_of(place / "templates" / "2021-spring" / "A017.csv")
    assert own == [
        {"code": "A017", "term": "2021 spring", "absence": "", "enrolled": "", "moved": ""}
    ]
    assert len(list((place / "templates").rglob("*.csv"))) == AREAS * TERMS
    (place / "template.csv").write_text("filled")
    (place / "templates" / "2021-spring" / "A017.csv").unlink()
    before = everything(place)
    rounds = plan_rounds(
        read_study(place.parent / "study.yaml"),
        place.parent,
        draw=place.parent / "draw",
        seen="../draw",
    )
    again = open_collection(rounds, place)
    assert not again.new and again.restored == 1
    after = everything(place)
    assert {name: after[name] for name in before} == before and len(after) == len(before) + 1
    # Terms end as the calendar has them, and returns are due thirty days later.
    days = {each.name: (each.ends, each.due) for each in rounds.periods}
    assert days["2020 autumn"] == (date(2020, 12, 31), date(2021, 1, 30))
    assert days["2021 spring"] == (date(2021, 3, 31), date(2021, 4, 30))
    text = STUDY.replace("moved]", "moved, left]")
    other = plan_rounds(read_study(lay(place.parent, text)), place.parent, seen="")
    with pytest.raises(UsageError, match="another collection is open there; columns, commitment"):
        open_collection(other, place)
    assert everything(place) == after


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("moved]", "UPN]", "UPN identifies children"),
        ("[absence, enrolled, moved]", "[enrolled, moved]", "absence is not collected"),
        ("moved]", "moved, term]", "term is what the first columns are called"),
        ("{first: 2020 autumn, count: 12}", "[one, 2021 summer, 2022 summer]", "when one ends"),
    ],
)
def test_what_cannot_be_collected_is_told(tmp_path, old, new, told):
    study = read_study(lay(tmp_path, STUDY.replace(old, new)))
    with pytest.raises(Malformed, match=told):
        plan_rounds(study, tmp_path)


# -------------------- received


def test_all_faults_of_all_files_are_told_at_once_and_nothing_is_written(place):
    before = everything(place)
    first = sent(
        place,
        "A001,2021 spring,many,10,1",
        "A999,2021 spring,1,10,1",
        "A002,2021 sprng,1,-3,1",
        "A003,2021 spring,,2.5,1",
        "A004,2021 spring,1,2,",
        "A005,2021 spring,1,2,3",
        "A005,2021 spring,1,2,3",
        "A006,2021 spring,1,2",
        "B123456789012,2021 spring,1,2,3",
        "Jane Doe,2021 spring,1,2,3",
    )
    second = sent(place, "A001,2021 spring,1,x", name="s.csv", head="code,term,absence,NHS number")
    with pytest.raises(Malformed) as caught:
        receive(place, [first, second], received=date(2021, 4, 1))
    told = caught.value.problems
    for words in (
        "r.csv, row 2: absence is no plain number",
        "r.csv, row 3: its unit is none of this roll-out's",
        'r.csv, row 4: its term is none of the roll-out\'s. Did you mean "2021 spring"?',
        "r.csv, row 4: enrolled is below 0",
        "r.csv, row 5: absence is empty",
        "r.csv, row 5: enrolled is no whole number",
        "r.csv, row 6: moved is empty",
        "r.csv, row 8: the unit and period stand above already",
        "r.csv, row 9: it has not the 5 cells",
        "r.csv, row 10: the unit looks like the number of a child",
        "s.csv, row 1: there is no column enrolled or moved",
        "s.csv, row 1: the column NHS number says who a child is",
    ):
        assert any(one.startswith(words) for one in told), (words, told)
    # What stood in a cell is never repeated.
    assert not any(word in one for one in told for word in ("many", "Jane", "B1234", "A999"))
    assert everything(place) == before


def test_a_period_that_had_not_ended_and_files_that_are_none(place):
    file = sent(place, "A001,2021 spring,1,2,3")
    with pytest.raises(Malformed, match="2021 spring had not ended when it was received"):
        receive(place, [file], received=date(2021, 3, 30))
    with pytest.raises(UsageError, match="still to come"):
        receive(place, [file], received=date(9999, 1, 1))
    with pytest.raises(UsageError, match="no such file"):
        receive(place, [place / "none.csv"], received=LAST)
    for content, told in (
        (b"", "it is empty"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"code;term;absence\n", "parted by semicolons"),
        ((HEAD + "\nA001,2021 spring,,,\n").encode(), "no row of it is filled"),
        ((HEAD + '\n"A001' + "\nA002,2021 spring,1,2,3" * 6000).encode(), "it is no CSV"),
    ):
        file.write_bytes(content)
        with pytest.raises(Malformed, match=told):
            receive(place, [file], received=LAST)


def test_returns_are_versioned_and_the_same_again_is_no_version(place):
    one = "A001,2021 spring,{},100,not known"
    first = sent(place, one.format("2.50"), "A002,2021 spring,3,90,1", "A003,2021 spring,,,")
    assert (receive(place, [first], received=date(2021, 4, 30))[0].new) == 2
    again = sent(place, one.format("2.5"), name="again.csv")
    found = receive(place, [again], received=date(2021, 6, 1))[0]
    assert (found.new, found.revised, found.same, found.late) == (0, 0, 1, 0)
    other = sent(place, one.format("2.6"), "A003,2021 spring,1,80,0", name="other.csv")
    found = receive(place, [other], received=date(2021, 6, 1))[0]
    assert (found.new, found.revised, found.same, found.late) == (1, 1, 0, 1)
    assert receive(place, [again], received=date(2021, 7, 1))[0].revised == 1  # back again: third
    seen = board(place, day=date(2021, 7, 1))
    cells = {(cell.unit, cell.period): cell for cell in seen.cells}
    states = {unit: cells[unit, "2021 spring"] for unit in ("A001", "A002", "A003", "A004")}
    assert [one.state for one in states.values()] == ["revised", "in", "late", "overdue"]
    assert [one.version for one in states.values()] == [3, 1, 1, 0]
    assert cells["A004", "2021 summer"].state == "not due"
    at = board(place, day=date(2021, 9, 30))
    assert {c.state for c in at.cells if c.period == "2021 summer"} == {"due"}
    assert board(place, day=date(2021, 10, 1)).counts["overdue"] == at.counts["overdue"] + AREAS


def test_files_that_come_at_once_are_taken_in_all_or_none(place):
    """Once the first of two was kept, and of two that differ the later revised the former."""
    row = "{},2021 spring,{},100,1"
    receive(place, [sent(place, row.format("A002", 1))], received=date(2021, 6, 10))
    before = everything(place)
    new = sent(place, row.format("A001", 5), name="new.csv")
    old = sent(place, row.format("A002", 9), name="old.csv")
    with pytest.raises(UsageError, match="A002, 2021 spring came on 2021-06-10"):
        receive(place, [new, old], received=date(2021, 6, 1))
    other = sent(place, row.format("A001", 7), row.format("A003", 7), name="other.csv")
    with pytest.raises(Malformed, match=r"new\.csv and other\.csv both return A001 of 2021 spring"):
        receive(place, [new, other], received=date(2021, 6, 12))
    assert everything(place) == before
    alike = sent(place, row.format("A001", "5.0"), row.format("A003", 7), name="alike.csv")
    took = receive(place, [new, alike], received=date(2021, 6, 12))
    assert [(one.new, one.revised, one.same) for one in took] == [(1, 0, 0), (1, 0, 1)]


# -------------------- mergers, ledgers


def test_a_unit_that_others_joined_goes_on_and_is_asked():
    """As a ledger may hold it that was written before such a merger was refused."""
    rounds = Rounds(
        *("s", "d", "unit", "period", (("absence", "number"),), (("A", ""), ("B", ""))),
        tuple(Round(f"p{at}", date(2021, at, 28), date(2021, at + 1, 15)) for at in (1, 2, 3)),
    )
    found = Changes(rounds.units, rounds.codes)
    take(found, rounds, "merged", {"units": ["A", "B"], "into": "A", "period": "p2"})
    assert found.stopped == {"B": (1, "merged into A")} and not found.joined
    day = date(2021, 12, 1)
    states = [state_of(None, "A", at, rounds, found, day=day) for at in range(3)]
    assert states == ["overdue"] * 3
    with pytest.raises(Malformed, match="in p9, which is no period of the collection"):
        take(found, rounds, "merged", {"units": ["A", "B"], "into": "C", "period": "p9"})


def test_a_merger_ends_what_is_owed_and_its_area_is_told_apart(place):
    draw_ = place.parent / "draw"
    note(draw_, "merged", units=["A001", "A002"], into=["A900"], period="2022 spring")
    assert note(draw_, "merged", units=["A002", "A001"], into=["A900"], period="2022 spring")
    cells = {(c.unit, c.period): c.state for c in board(place, day=LAST).cells}
    assert cells["A001", "2021 autumn"] == "overdue" and cells["A001", "2022 spring"] == "not asked"
    with pytest.raises(Malformed, match="A900 came of A001 and A002, and was not drawn"):
        receive(place, [sent(place, "A900,2022 spring,1,2,3")], received=LAST)
    # The old areas may still be told apart.
    old = sent(place, "A001,2021 autumn,1,2,3", "A001,2022 spring,1,2,3", "A003,2022 spring,1,2,3")
    took = receive(place, [old], received=LAST)[0]
    # One of the three is of an area that had merged by then, and that is said.
    assert (took.new, took.former) == (3, 1) and freeze(place, day=LAST).former == 1
    for kind, units, into, told in (
        ("merged", ["A001"], ["A900"], "two units or more"),
        ("split", ["A001", "A002"], ["A9", "A8"], "one unit"),
        ("slipped", ["A01"], [], 'A01 is no unit of this draw. Did you mean "A017"|no unit'),
        ("slipped", ["A001"], ["A9"], "belongs to merged and split"),
    ):
        with pytest.raises(Malformed, match=told):
            note(draw_, kind, units=units, into=into, period="2022 spring")
    with pytest.raises(Malformed, match="no period of the roll-out"):
        note(draw_, "slipped", units=["A001"], period="2022 sprng")


def test_another_ledger_or_draw_is_refused_and_a_changed_entry_is_named(place, tmp_path):
    receive(place, [sent(place, "A001,2021 spring,2,100,0")], received=LAST)
    held = sqlite3.connect(place / "ledger.sqlite")
    held.execute("UPDATE ledger SET body = replace(body, '\"2\"', '\"3\"') WHERE number = 2")
    held.commit()
    with pytest.raises(Malformed, match="entry 2: the field body was changed"):
        board(place, day=LAST)
    other = tmp_path / "other"
    other.mkdir()
    path = lay(other, STUDY.replace("study: returns", "study: others"))
    open_collection(plan_rounds(read_study(path), other), other / "c")
    shutil.copy(other / "c" / "ledger.sqlite", place / "ledger.sqlite")
    with pytest.raises(Malformed, match=r"holds no collection of returns .it holds collection oth"):
        board(place, day=LAST)
    (place / "ledger.sqlite").unlink()
    with pytest.raises(Malformed, match="there is no ledger"):
        board(place, day=LAST)
    register(read_study(path), other, out=other / "draw")
    with pytest.raises(UsageError, match="study others, and this one is returns"):
        plan_rounds(read_study(place.parent / "study.yaml"), place.parent, draw=other / "draw")
    shutil.rmtree(place)
    again = opened(place.parent)
    with pytest.raises(UsageError, match="of the study others, is not the one"):
        board(again, day=LAST, draw=other / "draw")
    shutil.rmtree(place.parent / "draw")
    with pytest.raises(UsageError, match="the draw of this collection is not there"):
        board(again, day=LAST)


# -------------------- frozen


def test_freezes_are_numbered_never_written_over_and_made_again_from_the_ledger(place):
    receive(place, [sent(place, "A001,2020 autumn,2,100,0")], received=LAST)
    first = freeze(place, day=date(2021, 5, 1))
    assert first.name == "freeze-1" and first.until == "2021 spring"
    assert (first.rows, first.empty) == (2 * AREAS, 2 * AREAS - 1)
    rows = rows_of(first.path / "panel.csv")
    assert rows[2 * 1]["absence"] == "2" and rows[2 * 1]["version"] == "1"
    assert rows[3] | {"region": ""} == {
        **dict.fromkeys((*HEAD.split(","), "region"), ""),
        **{"code": "A001", "term": "2021 spring", "version": "0"},
    }
    assert {row["region"] for row in rows} == set(REGIONS)
    same = freeze(place, day=date(2021, 5, 1))
    assert not same.new and same.name == "freeze-1"
    receive(place, [sent(place, "A001,2020 autumn,3,100,0")], received=LAST)
    second = freeze(place, day=date(2021, 5, 1))
    assert second.name == "freeze-2" and second.digest != first.digest
    # Killed between ledger and folder: the next freeze puts it there, from the entries before it.
    shutil.rmtree(first.path)
    freeze(place, day=date(2021, 5, 1))
    content = (first.path / "panel.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == first.digest
    with pytest.raises(UsageError, match="no return is due yet"):
        freeze(place, day=date(2021, 1, 1))
    with pytest.raises(UsageError, match=r"is no period.*Did you mean"):
        freeze(place, day=LAST, until="2021 sprin")
    with pytest.raises(UsageError, match="not over yet"):
        freeze(place, day=date(2021, 5, 1), until="2021 summer")


def test_an_analysis_reads_only_a_freeze_as_the_ledger_holds_it(place, tmp_path):
    assert readable(tmp_path, "returns").path == tmp_path  # of no collection: as it is
    for path in (place, place / "template.csv", place / "returns"):
        with pytest.raises(UsageError, match=r"no freeze of it|nothing at"):
            readable(place if not path.exists() else path, "returns")
    receive(place, [sent(place, "A001,2020 autumn,2,100,0")], received=LAST)
    frozen = freeze(place, day=LAST)
    for path in (frozen.path, frozen.path / "panel.csv"):
        found = readable(path, "returns")
        assert found.path == frozen.path / "panel.csv"
        assert (found.unit, found.period) == ("code", "term") and len(found.commitment) == 64
        twin = replace(found.made, draw="0" * 64)  # as if collected for another draw's pulse
        check_collected(found.commitment, place.parent / "draw", made=found.made)
        with pytest.raises(UsageError, match="with another pulse"):
            check_collected(found.commitment, place.parent / "draw", made=twin)
    shorter = freeze(place, day=LAST, until="2020 autumn")
    assert shorter.name == "freeze-2" and readable(frozen.path, "returns").newest == ""
    assert readable(shorter.path, "returns").newest == ""
    with pytest.raises(UsageError, match="collected for the study returns, and this one is other"):
        readable(frozen.path, "other")
    with pytest.raises(UsageError, match=r"Name one: .*freeze-1"):
        readable(frozen.path / "freeze.json", "returns")
    with (frozen.path / "panel.csv").open("a") as stream:
        stream.write("A001,2020 autumn,2,100,0,1\n")
    with pytest.raises(Malformed, match="its digest is not that which the ledger holds"):
        readable(frozen.path, "returns")


# -------------------- 152 areas, twelve terms


EFFECT = -0.4


def outcomes(wave_begins: np.ndarray, seed: int = 5) -> np.ndarray:
    """Return (u, t) outcomes in which provision takes away 0.4 from when it begins."""
    random = np.random.default_rng(seed)
    level = 5 + random.standard_normal((AREAS, 1))
    begun = (wave_begins[:, None] >= 0) & (np.arange(TERMS) >= wave_begins[:, None])
    return level + 0.3 * random.standard_normal((AREAS, TERMS)) + EFFECT * begun


def test_a_tenth_late_some_never_and_a_merger(place):
    drawn_ = replayed(place.parent / "draw")
    study = read_study(place.parent / "study.yaml")
    periods = study.rollout.periods
    begins = {"first": periods.index("2021 summer"), "second": periods.index("2022 summer")}
    starts = np.array([begins.get(drawn_.frozen.waves[code], -1) for code in drawn_.chosen])
    mean = outcomes(starts)
    random = np.random.default_rng(2)
    never = {CODES[at] for at in (7, 40, 77, 103, 150)}  # 3 in a hundred
    late = set(random.choice(AREAS * TERMS, AREAS * TERMS // 10, replace=False).tolist())
    merged, from_ = ("A010", "A011"), periods.index("2023 spring")
    note(place.parent / "draw", "merged", units=merged, into=["A900"], period=periods[from_])
    due = {each.name: each.due for each in plan_rounds(study, place.parent).periods}
    expected = Counter()
    for at, period in enumerate(periods):
        files: dict[bool, list[str]] = {True: [], False: []}
        for u, code in enumerate(CODES):
            if code in never:
                expected["overdue"] += 1
            elif code in merged and at >= from_:
                expected["not asked"] += 1
            else:
                is_late = u * TERMS + at in late
                expected["late" if is_late else "in"] += 1
                files[is_late].append(f"{code},{period},{mean[u, at]:.4f},{1000 + u},0")
        for is_late, rows in files.items():
            day = date.fromordinal(due[period].toordinal() + (1 if is_late else 0))
            if rows:
                receive(place, [sent(place, *rows)], received=day)
    seen = board(place, day=date(2025, 1, 1))
    assert {state: n for state, n in seen.counts.items() if n} == expected
    assert set(seen.silent) == never
    frozen = freeze(place, day=date(2025, 1, 1))
    assert frozen.empty == 5 * TERMS + 2 * (TERMS - from_)

    drawn = Drawn(*whole(drawn_, 199))
    path = str(readable(frozen.path, "returns").path)
    records = read_records(Records((TableSource(path),), unit="code"))
    found = rollout_in(study, records, say=lambda _: None, drawn=drawn)
    assert [step.left for step in found.flow.steps] == [7]
    by = {answer.leaf: answer for answer in found.answers}
    assert by["random_timing"].estimate.value[0] == pytest.approx(EFFECT, abs=0.12)
    region = by["randomisation_test"].regions[0]
    # The draw that was made is one of those replayed, so that 2 in 200 is the least there is.
    assert region.p <= 2 / 200 and region.pieces[0][1] < 0
    rows = {row["assumes"]: row for row in found.sensitivity[0].tables[0].records()}
    assert rows["anything"]["without"] == 7 and rows["anything"]["units"] == AREAS
    for row in rows.values():
        assert row["lo"] < row["lower"] < EFFECT < row["upper"] < row["hi"]
    wide, narrow = (rows[key]["upper"] - rows[key]["lower"] for key in rows)
    assert narrow < wide < 20 * 2 * 7 / AREAS * 1.3
    assert json.loads((frozen.path / "freeze.json").read_text())["empty"] == frozen.empty


def test_a_file_that_came_before_undoes_no_revision(place):
    first = sent(place, "A000,2020 autumn,5.1,100,3")
    receive(place, [first], received=date(2021, 1, 20))
    receive(place, [sent(place, "A000,2020 autumn,6.2,100,3", name="s.csv")], received=LAST)
    told = receive(place, [first], received=LAST)[0]
    assert told.known and (told.new, told.revised) == (0, 0)
    with Ledger(place / "ledger.sqlite", read_only=True) as held:
        kept = latest(held.entries("collection returns"))["A000", "2020 autumn"]
    assert kept.values[0] == "6.2" and kept.version == 2
    meant = receive(place, [first], received=LAST, again=True)[0]
    assert not meant.known and meant.revised == 1


def test_of_two_freezes_at_once_both_are_held_under_their_own_names(place, monkeypatch):
    receive(place, [sent(place, "A000,2020 autumn,5.1,100,3")], received=date(2021, 1, 20))
    real, names = freezing.told, []

    def slow(*words):
        # Before this freeze is decided another one is made whole.
        monkeypatch.setattr(freezing, "told", real)
        return real(*words)

    monkeypatch.setattr(freezing, "told", slow)
    real_append = Ledger.append

    def append(self, stream, decide, *, key):
        monkeypatch.setattr(Ledger, "append", real_append)
        names.append(freeze(place, day=date(2021, 6, 1)).name)
        return real_append(self, stream, decide, key=key)

    monkeypatch.setattr(Ledger, "append", append)
    names.append(freeze(place, day=date(2021, 9, 30)).name)
    assert names == ["freeze-1", "freeze-2"]
    assert all((place / name / "panel.csv").is_file() for name in names)
    faults, notes = verify_collection(place)
    assert faults == () and "2 freezes" in notes[0]
    (place / "freeze-1" / "panel.csv").write_text("changed")
    assert verify_collection(place)[0] == ("freeze-1/panel.csv: it is gone, or was changed.",)


def test_values_beyond_reason_are_asked_about(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "p")
    shutil.rmtree(tmp_path / "p" / "draw")
    path = lay(tmp_path / "p", STUDY.replace("due_days: 30", "plausible: {absence: [0, 40.5]}"))
    open_collection(plan_rounds(read_study(path), tmp_path / "p"), tmp_path / "p" / "c")
    file = sent(tmp_path / "p" / "c", "A000,2020 autumn,41,100,3")
    with pytest.raises(Malformed, match=r"absence lies outside 0 to 40\.5"):
        receive(tmp_path / "p" / "c", [file], received=LAST)
    assert receive(tmp_path / "p" / "c", [file], received=LAST, implausible=True)[0].new == 1
    with pytest.raises(UsageError, match="as it was before it was changed"):
        plan_rounds(read_study(path), tmp_path / "p", draw=drawn / "draw", seen="x")
