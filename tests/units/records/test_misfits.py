"""What does not fit its column is a fault, told by row; dates of unknown order are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.records.convert import Piece, convert
from fingerpost.records.store import open_store
from units.records.frames import rows

KS2 = "aPMR,ACADYR,URN,KS2_READSCORE,KS2_MATSCORE\n"
EXCLUSION = "aPMR,AcademicYear,Term,URN,Category,Sessions\n"
OUTPATIENT = "TOKEN_PERSON_ID,APPTDATE,TRETSPEF,ATTENDED\n"
SPINE = "TOKEN_PERSON_ID,PupilMatchingRefAnonymous\nT1,A\nT2,B\n"


def folder(place: Path, **files: str) -> Path:
    found = place / "in"
    found.mkdir(exist_ok=True)
    for name, text in files.items():
        (found / f"{name}.csv").write_text(text, encoding="utf-8")
    return found


def outpatients(place: Path, *days: str, dates: str | None = None) -> list[date | None]:
    """Convert one outpatient file whose appointments are on some days, as written; read them."""
    text = OUTPATIENT + "".join(f"T1,{day},100,5\n" for day in days)
    out = place / "out"
    convert(folder(place, HES_OP=text), ["hes"], out=out, dates=dates)
    return [row["attendance_date"] for row in rows(open_store(out).frame("hes_op"), "valid_from")]


def test_every_misfit_of_every_file_is_told_by_row_and_nothing_is_written(tmp_path):
    place = folder(
        tmp_path,
        KS2_2018=KS2 + "A,2018,1,secret,100\nB,2018,1,99,x\nC,2018,1,98,y\n",
        Exclusion_2018=EXCLUSION + "A,2018,1,1,PERM,many\n",
    )
    with pytest.raises(Malformed) as caught:
        convert(place, ["npd"], out=tmp_path / "out")
    said = "\n".join(caught.value.problems)
    assert "4 values do not fit" in said and "--blank-misfits" in said
    assert '"KS2_2018": reading (KS2_READSCORE): 1 value is not a number (row 1).' in said
    assert '"KS2_2018": maths (KS2_MATSCORE): 2 values are not a number (rows 2, 3).' in said
    assert '"Exclusion_2018": sessions (Sessions): 1 value is not a whole number (row 1).' in said
    assert "secret" not in said and "many" not in said
    assert not (tmp_path / "out").exists()


def test_what_an_adapter_names_stands_for_a_missing_value(tmp_path):
    place = folder(tmp_path, KS2_2018=KS2 + "A,2018,1,NULL,100\nB,2018,1,NA,.\n")
    made = convert(place, ["npd"], out=tmp_path / "out")
    assert made.pieces == (Piece("KS2_2018", "ks2", 2),)
    found = rows(open_store(tmp_path / "out").frame("ks2"), "child_id")
    assert [(row["reading"], row["maths"]) for row in found] == [(None, 100.0), (None, None)]


def test_text_among_counts_by_term_is_told_of_too(tmp_path):
    text = (
        "aPMR,AcademicYear,URN,SessionsPossibleAutumn,OverallAbsenceAutumn,OverallAbsenceSpring\n"
        "A,2015,1,140,3,\nB,2015,1,140,unknown,2\n"
    )
    place = folder(tmp_path, Absence_2015=text)
    with pytest.raises(Malformed, match=r"overall \(OverallAbsenceAutumn\): 1 value .*\(row 2\)"):
        convert(place, ["npd"], out=tmp_path / "out")
    made = convert(place, ["npd"], out=tmp_path / "out", blank=True)
    assert made.pieces == (Piece("Absence_2015", "absence", 3, (("overall", 1),)),)


@pytest.mark.parametrize(
    ("days", "order", "read"),
    [
        (("2011-02-05", "20110306"), None, [date(2011, 2, 5), date(2011, 3, 6)]),
        # One row tells the order of the column.
        (("05/02/2011", "25/03/2011"), None, [date(2011, 2, 5), date(2011, 3, 25)]),
        (("02/05/2011", "03/25/2011"), None, [date(2011, 2, 5), date(2011, 3, 25)]),
        # The order does not matter.
        (("05/05/2011", "2011-06-01"), None, [date(2011, 5, 5), date(2011, 6, 1)]),
        (("05/02/2011",), "day-first", [date(2011, 2, 5)]),
        (("05/02/2011",), "month-first", [date(2011, 5, 2)]),
    ],
)
def test_orders_of_day_and_month(tmp_path, days, order, read):
    assert outpatients(tmp_path, *days, dates=order) == read


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (("05/02/2011", "2011-03-25"), "no row tells whether the day or the month comes first"),
        (("25/02/2011", "02/25/2011"), "the day first in some rows and the month first in others"),
    ],
)
def test_dates_whose_order_is_not_told_are_refused(tmp_path, days, words):
    with pytest.raises(Malformed, match=rf'"HES_OP": APPTDATE: .*{words}') as caught:
        outpatients(tmp_path, *days)
    assert "2011" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_day_that_the_order_named_does_not_allow_is_a_misfit(tmp_path):
    with pytest.raises(Malformed, match=r"attendance_date \(APPTDATE\): 1 value .* \(row 2\)"):
        outpatients(tmp_path, "05/02/2011", "25/03/2011", dates="month-first")
    with pytest.raises(UsageError, match="neither day-first nor month-first"):
        convert(tmp_path / "in", ["hes"], out=tmp_path / "out", dates="us")


def test_hospital_rows_beside_school_rows_need_a_spine_that_links(tmp_path):
    hospital = OUTPATIENT + "T1,2011-02-05,100,5\nT3,2011-02-05,100,5\n"
    place = folder(tmp_path, HES_OP=hospital, KS2_2018=KS2 + "A,2018,1,99,100\n")
    out, spine = tmp_path / "out", tmp_path / "spine.csv"
    with pytest.raises(UsageError, match="--spine"):
        convert(place, ["npd", "hes"], out=out)
    spine.write_text(SPINE.replace("T1", "t1").replace("T2", "t2"), encoding="utf-8")
    with pytest.raises(Malformed, match="links none of the 2 health rows"):
        convert(place, ["npd", "hes"], out=out, spine=spine)
    assert not out.exists()
    spine.write_text(SPINE, encoding="utf-8")
    made = convert(place, ["npd", "hes"], out=out, spine=spine)
    assert Piece("HES_OP", "hes_op", 1, (), 1) in made.pieces
    # Neither file is a school census, so that there is no table of children.
    assert len(made.notes) == 1 and "`child`" in made.notes[0]
