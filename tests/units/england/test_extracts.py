"""A synthetic England in the shape of extracts: what is written is read back as it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from fingerpost.cli.england_extract import span
from fingerpost.core.errors import UsageError
from fingerpost.england.extracts import EDUCATION, HEALTH, extract, identifiers
from fingerpost.records.convert import convert
from fingerpost.records.store import open_store
from fingerpost.records.writing import Manifest

TABLES = {
    "child": "child_id,birth_month,sex,ethnicity,first_language,valid_from,known_from\n"
    "1,2004-10-01,M,WHIT,ENG,2004-10-01,2004-10-01\n"
    "2,2005-03-01,F,ASIA,OTH,2005-03-01,2005-03-01\n"
    "3,2005-05-01,F,WHIT,ENG,2005-05-01,2005-05-01\n",
    "school_census": "child_id,academic_year,term,urn,la,nc_year,enrolment,sen_provision,fsm,"
    "school_type,valid_from,known_from\n"
    "1,2011,SPR,100,201,1,C,A,0,mainstream,2011-01-20,2011-01-20\n"
    "2,2011,SPR,100,201,0,C,N,1,mainstream,2011-01-20,2011-01-20\n"
    "2,2012,AUT,101,201,1,C,S,1,mainstream,2011-10-06,2011-10-06\n",
    "absence": "child_id,academic_year,term,urn,sessions_possible,authorised,unauthorised,overall,"
    "illness,medical,valid_from,known_from\n"
    "1,2011,AUT,100,140,3,1,4,2,1,2010-09-01,2010-12-31\n"
    "1,2011,SPR,100,120,0,2,2,0,0,2011-01-01,2011-04-30\n",
    "phonics": "child_id,academic_year,urn,mark,met,valid_from,known_from\n"
    "2,2012,101,33,1,2012-07-12,2012-07-12\n",
    "hes_apc": "child_id,episode_id,episode_start,episode_end,admission_date,discharge_date,"
    "episode_order,admission_method,start_age,diag_01,valid_from,known_from\n"
    "1,11,2009-02-03,2009-02-05,2009-02-03,2009-02-05,1,21,4,Q369,2009-02-03,2009-02-05\n"
    "3,12,2010-02-03,2010-02-05,2010-02-03,2010-02-05,1,21,4,J219,2010-02-03,2010-02-05\n",
}


def records(place: Path, *, synthetic: bool = True) -> Path:
    folder = place / "england"
    folder.mkdir()
    for name, text in TABLES.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    said = asdict(Manifest(made_by="a test", synthetic=synthetic))
    (folder / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def as_text(cells: list[object]) -> list[str]:
    return [str(cell) for cell in cells]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("extracts")
    extract(open_store(records(place)), place / "received")
    out = place / "records"
    spine = place / "received" / "spine.csv"
    convert(place / "received" / "extracts", ["npd", "hes"], out=out, spine=spine)
    return out


def table(folder: Path, name: str) -> pl.DataFrame:
    return open_store(folder).frame(name).collect("polars").to_native().sort("child_id")


def test_what_is_written_is_read_back_as_it_was(converted):
    own = [None, *identifiers(pa.chunked_array([[1, 2, 3]]), EDUCATION).to_pylist()]
    census = table(converted, "school_census").sort("child_id", "academic_year")
    columns = ("child_id", "academic_year", "term", "urn", "nc_year", "sen_provision", "fsm")
    assert sorted(as_text(row) for row in census.select(columns).rows()) == sorted(
        as_text(row)
        for row in (
            (own[1], 2011, "SPR", 100, 1, "A", 0),
            (own[2], 2011, "SPR", 100, 0, "N", 1),
            (own[2], 2012, "AUT", 101, 1, "S", 1),
        )
    )
    child = table(converted, "child").select("child_id", "birth_month", "sex", "first_language")
    assert sorted(as_text(row) for row in child.rows()) == sorted(
        [[own[1], "2004-10-01", "M", "ENG"], [own[2], "2005-03-01", "F", "OTH"]]
    )
    absence = table(converted, "absence").sort("term")
    columns = ("term", "sessions_possible", "authorised", "unauthorised", "illness", "medical")
    assert absence.select(columns).rows() == [("AUT", 140, 3, 1, 2, 1), ("SPR", 120, 0, 2, 0, 0)]
    assert table(converted, "phonics").select("mark", "met").rows() == [(33, 1)]


def test_the_spine_leads_from_patients_to_pupils_alone(converted):
    apc = table(converted, "hes_apc")
    assert apc["diag_01"].to_list() == ["Q369"]
    assert apc["child_id"].to_list() == identifiers(pa.chunked_array([[1]]), EDUCATION).to_pylist()


def test_records_made_of_made_up_extracts_say_so(converted, tmp_path):
    assert open_store(converted).synthetic
    # Of real records none are written.
    with pytest.raises(UsageError, match="synthetic"):
        extract(open_store(records(tmp_path, synthetic=False)), tmp_path / "received")
    assert not (tmp_path / "received").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "received").mkdir()
    (tmp_path / "received" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="empty"):
        extract(open_store(records(tmp_path)), tmp_path / "received")


def test_a_run_that_stops_amid_leaves_nothing(tmp_path):
    class Stop(Exception):
        """A power cut."""

    def say(words: str) -> None:
        if words.startswith("hes"):
            assert not (tmp_path / "received").exists()
            raise Stop

    store = open_store(records(tmp_path))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Stop):
        extract(store, tmp_path / "received", say=say)
    assert sorted(tmp_path.iterdir()) == before


def test_years_are_those_that_were_asked_for(tmp_path):
    # A folder that is there and empty is taken, and every path told lies in it.
    (tmp_path / "received").mkdir()
    made = extract(open_store(records(tmp_path)), tmp_path / "received", years=(2012, 2012))
    names = {path.name for path in made}
    assert {"Autumn_Census_2012.csv", "Phonics_2012.csv"} <= names
    assert set(made) == set((tmp_path / "received").rglob("*.csv"))
    assert not any("2011" in name for name in names)


@pytest.mark.parametrize("told", ["2012", "2012-2010", "12-13", "2010–2012"])
def test_years_that_are_none_are_refused(told):
    with pytest.raises(UsageError, match="2010-2012"):
        span(told)


def test_identifiers_of_two_collections_tell_nothing_of_one_another():
    cells = pa.chunked_array([list(range(1, 20_001))])
    pupils = identifiers(cells, EDUCATION).to_pylist()
    patients = identifiers(cells, HEALTH).to_pylist()
    assert len(set(pupils)) == len(set(patients)) == 20_000
    assert not {each[1:] for each in pupils[:50]} & {each[1:] for each in patients[:50]}
    assert sorted(pupils) != pupils
