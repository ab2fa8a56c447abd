"""Windows that the records do not wholly hold: children leave, counted, or the study is a fault."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fingerpost.cohorts.linked._covered import Reach
from fingerpost.cohorts.linked.flatten import counts_of, flatten
from fingerpost.core.assignment import Observed
from fingerpost.core.calendar import day_number
from fingerpost.core.errors import Malformed
from fingerpost.core.linked import Linked, Strategy
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.records.store import Store
from units.cohorts.linked.little import ENGINES, census, child, episode, opened

ARMS = (
    ("none", Strategy("no recorded provision", ("none",))),
    ("support", Strategy("SEN Support", ("support",))),
)
# Twenty children in Year 1 in 2009/10, and twenty in 2011/12.
OLDER, YOUNGER = range(1, 21), range(21, 41)
ENTRY = {n: 2010 for n in OLDER} | {n: 2012 for n in YOUNGER}
PARTLY = "follow-up to the end of Year 6 not whole in the records"


def study(*outcomes: str, given: tuple[str, ...] = ("sex",), **asked: Any) -> Study:
    linked = Linked(strategies=ARMS, **asked)
    return Study(
        "covered",
        "?",
        arms=Arms(levels=(("none", "none"), ("support", "support"))),
        outcomes=tuple(OutcomeSpec(name, "") for name in outcomes),
        assignment=Observed(given),
        linked=linked,
    )


def store(
    folder: Path,
    engine: str = "duckdb",
    *,
    hospital: tuple[int, int] = (2003, 2018),
    school: int = 2018,
    **more: Any,
) -> Store:
    """Return records of both groups. hospital: first and last calendar year of an admission a child
    a year, each 1 July. school: the last academic year of the census.
    """
    tables = {
        "child": [child(n, birth_month=date(entry - 6, 1, 1)) for n, entry in ENTRY.items()],
        "school_census": [
            census(n, year, term, nc_year=year - entry + 1)
            for n, entry in ENTRY.items()
            for year in range(entry, min(entry + 6, school + 1))
            for term in ("AUT", "SPR", "SUM")
        ],
        "hes_apc": [
            episode(n, date(year, 7, 1), episode_id=100 * n + year - hospital[0])
            for n, entry in ENTRY.items()
            for year in range(max(hospital[0], entry - 6), hospital[1] + 1)
        ],
        "death": [{"child_id": 1, "death_date": date(2011, 1, 1), "known_from": date(2011, 1, 1)}],
    }
    return opened(folder, engine, **tables | more)


def rows(made: Study, held: Store) -> pl.DataFrame:
    return flatten(made, held).records.frame.collect().to_native().sort("child_id")


def left(made: Study, held: Store) -> dict[str, int]:
    return {step.reason: step.left for step in flatten(made, held).flow.steps}


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_windows_keep_everybody_and_a_few_deaths_shorten_none(tmp_path, engine):
    held = store(tmp_path, engine)
    assert len(rows(study("unplanned_admissions", "death"), held)) == 40
    assert not any(PARTLY in words for words in left(study("death"), held))


@pytest.mark.parametrize("engine", ENGINES)
def test_children_whose_window_the_records_do_not_hold_leave_and_are_counted(tmp_path, engine):
    """Admissions end in July 2015: Year 6 ends for the older then, for the younger two years on."""
    made, held = study("unplanned_admissions"), store(tmp_path, engine, hospital=(2003, 2015))
    assert rows(made, held)["child_id"].to_list() == list(OLDER)
    assert left(made, held)[f"{PARTLY}: hes_apc ends on 1 July 2015"] == 20
    assert counts_of(made, held).flow.remaining == 20
    # Of deaths nothing is missing: the table of admissions is not asked.
    assert len(rows(study("death"), held)) == 40


def test_a_study_none_of_whose_windows_is_whole_is_a_fault_with_its_mend(tmp_path):
    made = study("unplanned_admissions", born=("2005-09", "2006-08"))
    held = store(tmp_path, hospital=(2003, 2015))
    for run in (flatten, counts_of):
        with pytest.raises(Malformed) as fault:
            run(made, held)
        said = str(fault.value)
        assert "hes_apc ends on 1 July 2015" in said
        assert "31 August 2017" in said
        assert "births up to 2004-08" in said
        assert "{to: end of year 4}" in said
    # The mend mends.
    assert (
        len(rows(study("unplanned_admissions", born=("2005-09", "2006-08"), until=4), held)) == 20
    )


def test_a_census_that_ends_is_not_everybody_leaving(tmp_path):
    held = store(tmp_path, school=2015)
    assert (
        left(study("exclusions"), _with_exclusions(tmp_path, held))[
            f"{PARTLY}: school_census ends on 31 August 2015"
        ]
        == 20
    )


def _with_exclusions(folder: Path, held: Store) -> Store:
    empty = {"exclusion": []}
    return opened(folder, held.engine, **empty)


def test_a_table_that_begins_after_time_zero_holds_no_window(tmp_path):
    """Emergency attendances from 2011 on: from January 2010 the older ones' were not recorded."""
    came = [
        {"child_id": n, "attendance_date": date(year, 7, 1), "known_from": date(year, 7, 1)}
        for n in ENTRY
        for year in range(2011, 2019)
    ]
    made, held = study("hospital_contacts"), store(tmp_path, hes_ae=came)
    assert rows(made, held)["child_id"].to_list() == list(YOUNGER)
    assert left(made, held)[f"{PARTLY}: hes_ae begins on 1 July 2011"] == 20


def test_an_assessment_that_was_not_held_is_not_a_standard_that_was_not_reached(tmp_path):
    """Key Stage 2 of 2015 alone: the younger, due in 2017, would all count as below it."""
    marks = {"maths": 100.0, "maths_expected": 1, "known_from": date(2015, 7, 1)}
    ks2 = [{"child_id": n, "academic_year": 2015} | marks for n in OLDER]
    made, held = study("ks2_maths_expected_composite"), store(tmp_path, ks2=ks2)
    found = rows(made, held)
    assert found["child_id"].to_list() == list(OLDER)
    assert found["ks2_maths_expected_composite"].to_list() == [1.0] * 20
    assert left(made, held)[f"{PARTLY}: ks2 lacks 2016/17"] == 20


@pytest.mark.parametrize("engine", ENGINES)
def test_early_admissions_of_births_before_the_records_are_unknown_not_none(tmp_path, engine):
    """Admissions are held from July 2005: those of children born in January 2004 are not known."""
    made = study("death", given=("early_admissions",))
    held = store(tmp_path, engine, hospital=(2005, 2018))
    found = rows(made, held)
    assert found["early_admissions"].to_list()[:20] == [None] * 20
    # July of 2006 to 2009: four before the fourth birthday.
    assert found["early_admissions"].to_list()[20:] == [4.0] * 20
    (told,) = counts_of(made, held).unknown
    assert told.startswith("early_admissions is not known of children born before")


def test_months_of_wrong_dates_are_no_coverage(tmp_path):
    """One episode dated 2030 does not make a table reach to 2030."""
    held = store(tmp_path, hospital=(2003, 2015))
    table = pl.read_parquet(tmp_path / "hes_apc.parquet")
    many = pl.concat([table.with_columns(pl.col("episode_id") + 10_000 * k) for k in range(12)])
    wrong = table.head(1).with_columns(pl.lit(date(2030, 1, 1)).alias("episode_start"))
    pl.concat([many, wrong]).write_parquet(tmp_path / "hes_apc.parquet")
    told = left(study("unplanned_admissions", until=5), opened(tmp_path, held.engine))
    assert told[f"{PARTLY.replace('6', '5')}: hes_apc ends on 1 July 2015"] == 20


def test_ten_rows_that_should_be_there_and_no_fewer():
    """A Poisson count of mean 10 is none with probability 4.5e-5, of mean 9 with 1.2e-4."""
    last = day_number(date(2015, 12, 31))
    held = Reach("hes_apc", 0, last, 100, 100)
    assert not held.short_of(last + 36)
    assert held.short_of(last + 37)
    assert not Reach("death", 0, last, 5, 5).short_of(last + 700)
