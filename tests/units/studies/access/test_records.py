"""Children of a study of access read from linked records made by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.calendar import census_day
from fingerpost.core.errors import Malformed
from fingerpost.core.study import Study
from fingerpost.records.store import open_store
from fingerpost.studies.access.cohort import DIED, FOLLOWED, LEFT, PROVIDED
from fingerpost.studies.access.records import AccessRead, read_access
from fingerpost.studies.document import read_study
from units.studies.access.stores import BORN, Row, census, child, written

ZERO = census_day(2010, "SPR")
TEXT = """
study: tiny
kind: access
question: Who gets provision?
population: {enrolled: {year: 1, school: state-funded}}
time_zero: {year: 1, census: spring}
access:
  groups: [sex, fsm]
  given: [fsm]
  need: severity_recorded
  cluster: school
"""


def tables() -> dict[str, list[Row]]:
    """Twelve children, each with a story; the number is the identifier."""
    rows = [
        *census(1, lambda year, term: "N"),
        *census(2, lambda year, term: "A" if (year, term) >= (0, "SUM") else None, fsm=1),
        *census(3, lambda year, term: "S" if year >= 1 else "N"),
        *census(4, lambda year, term: "N"),
        *census(5, lambda year, term: "P" if (year, term) >= (1, "SUM") else "N"),
        *census(6, lambda year, term: "N", last=(2012, "AUT")),
        *census(7, lambda year, term: "N", last=(2011, "SPR")),
        *census(8, lambda year, term: "A" if year >= 3 else "N", fsm=1),
        *census(9, lambda year, term: "A" if year == 1 else "N"),
        *census(10, lambda year, term: "N", school=200),
        *census(11, lambda year, term: "E", school=200),
        *census(12, lambda year, term: "E", school=200),
    ]
    concerns = [
        (5, date(2009, 11, 1), date(2009, 11, 1), date(2010, 3, 10)),
        # Raised before time zero, and known only after it.
        (8, date(2009, 12, 1), date(2010, 2, 1), None),
        (9, date(2010, 2, 1), date(2010, 2, 1), None),
    ]
    return {
        "child": [child(number, "M" if number % 2 else "F") for number in range(1, 13)],
        "school_census": rows,
        "early_years_census": [
            {
                "child_id": 4, "academic_year": 2008, "setting_id": 1, "la": 1,
                "setting_type": "private", "funded_hours": 15.0, "sen_provision": "A",
                "valid_from": date(2008, 1, 17), "known_from": date(2008, 1, 17),
            }
        ],
        "concern": [
            {
                "child_id": number, "concern_date": raised, "raised_by": "teacher",
                "setting": "school", "first_provision_date": begun, "valid_from": raised,
                "known_from": known,
            }
            for number, raised, known, begun in concerns
        ],
        "functional_need": [
            {
                "child_id": number, "assessed_date": day, "severity": severity,
                "occasion": "concern", "valid_from": day, "known_from": day,
            }
            # The second lies after time zero.
            for number, severity, day in (
                (5, 1.5, date(2009, 11, 2)), (9, 2.5, date(2010, 2, 2))
            )
        ],
        "death": [
            {
                "child_id": 6, "death_date": date(2012, 2, 1), "valid_from": date(2012, 2, 1),
                "known_from": date(2012, 2, 1),
            }
        ],
        "opt_out": [
            {
                "child_id": 10, "opted_out_date": date(2012, 6, 1), "valid_from": date(2012, 6, 1),
                "known_from": date(2012, 6, 1),
            }
        ],
    }  # fmt: skip


def asked(**changes: str) -> Study:
    text = TEXT
    for old, new in changes.items():
        text = text.replace(f"  {old}:", f"  {old}: {new} #")
    return read_study("tiny.yaml", text=text)


def read(folder: Path, engine: str, study: Study | None = None) -> AccessRead:
    return read_access(study or asked(), open_store(written(folder, tables()), engine))


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_each_story_is_read_as_it_was(tmp_path: Path, engine: str) -> None:
    found = read(tmp_path, engine).cohort
    assert found.keys.tolist() == [str(n) for n in range(1, 13)]
    assert found.provided.tolist() == [n in (2, 3, 9, 11, 12) for n in range(1, 13)]
    ends = dict(zip(map(int, found.keys), found.cause, strict=True))
    assert {n for n, end in ends.items() if end == PROVIDED} == {2, 3, 4, 5, 8, 9, 11, 12}
    assert (ends[6], ends[7], ends[1], ends[10]) == (DIED, LEFT, FOLLOWED, FOLLOWED)
    # Counted from the first of the month of birth, to the day on which records first show it.
    firsts = {
        2: census_day(2009, "SUM"), 3: census_day(2010, "AUT"), 4: date(2008, 1, 17),
        5: date(2010, 3, 10), 8: census_day(2012, "AUT"), 9: census_day(2010, "AUT"),
        6: date(2012, 2, 1), 10: date(2012, 6, 1), 1: date(2015, 8, 31),
    }  # fmt: skip
    times = dict(zip(map(int, found.keys), found.time, strict=True))
    for number, day in firsts.items():
        assert times[number] == pytest.approx((day - BORN).days / 365.25), number


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_nothing_known_only_later_is_used(tmp_path: Path, engine: str) -> None:
    found = read(tmp_path, engine).cohort
    assert found.concern is not None and found.need is not None
    assert [int(k) for k, held in zip(found.keys, found.concern, strict=True) if held] == [5]
    known = np.isfinite(found.need)
    assert [int(k) for k, held in zip(found.keys, known, strict=True) if held] == [5]
    assert found.need[known].tolist() == [1.5]


def test_groups_places_and_paths(tmp_path: Path) -> None:
    found = read(tmp_path, "duckdb").cohort
    sex, fsm = found.groupings
    assert sex.labels == ("girls", "boys") and fsm.labels[0] == "no free school meals"
    assert sex.codes.tolist() == [n % 2 for n in range(1, 13)]
    assert np.flatnonzero(fsm.codes == 1).tolist() == [1, 7]
    assert len(np.unique(found.places["school"])) == 2
    assert found.status is not None and found.years == (1, 2, 3, 4, 5, 6)
    by_child = dict(zip(map(int, found.keys), found.status.tolist(), strict=True))
    assert by_child[8] == [0, 0, 1, 1, 1, 1]
    assert by_child[3] == [2] * 6
    assert by_child[7] == [0, 0, -1, -1, -1, -1]


def test_time_may_be_counted_from_elsewhere(tmp_path: Path) -> None:
    store = open_store(written(tmp_path, tables()), "polars")
    entry = read_access(asked(need="severity_recorded\n  from: school entry"), store).cohort
    times = dict(zip(map(int, entry.keys), entry.time, strict=True))
    start = date(2008, 9, 1)
    assert times[2] == pytest.approx((census_day(2009, "SUM") - start).days / 365.25)
    assert times[4] == pytest.approx(1 / 365.25)  # had it before school began
    concern = read_access(asked(need="severity_recorded\n  from: concern"), store).cohort
    counted = np.isfinite(concern.time)
    assert concern.keys[counted].tolist() == ["5"]
    assert concern.time[counted][0] == pytest.approx(
        (date(2010, 3, 10) - date(2009, 11, 1)).days / 365.25
    )


def test_only_what_counts_is_provision(tmp_path: Path) -> None:
    found = read(tmp_path, "polars", asked(need="severity_recorded\n  provision: EHCP")).cohort
    assert [int(k) for k in found.keys[found.provided]] == [3, 11, 12]
    assert [int(k) for k in found.keys[found.cause == PROVIDED]] == [3, 11, 12]


def test_records_without_concerns_and_need_are_read_and_say_so(tmp_path: Path) -> None:
    bare = {name: rows for name, rows in tables().items() if name in ("child", "school_census")}
    found = read_access(asked(), open_store(written(tmp_path, bare), "duckdb")).cohort
    assert found.concern is None and found.need is None
    store = open_store(tmp_path, "duckdb")
    with pytest.raises(Malformed, match="no concerns"):
        read_access(asked(need="severity_recorded\n  from: concern"), store)
