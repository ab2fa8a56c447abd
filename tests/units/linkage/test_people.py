"""Identifiers as they are read: cleaned, one row a person, with every postcode and its years."""

from __future__ import annotations

import json
from datetime import date

import duckdb
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.linkage.people import read_people, soundex
from units.linkage.small import identifiers

# The codes of the US National Archives' own examples, and of Knuth's.
CODES = {
    "WASHINGTON": "W252",
    "LEE": "L000",
    "GUTIERREZ": "G362",
    "PFISTER": "P236",
    "JACKSON": "J250",
    "TYMCZAK": "T522",
    "ASHCRAFT": "A261",
    "ROBERT": "R163",
    "RUPERT": "R163",
    "LLOYD": "L300",
    "HONEYMAN": "H555",
}


def test_soundex_gives_the_printed_codes():
    found = dict(duckdb.sql(f"SELECT n, {soundex('n')} FROM unnest({list(CODES)}) t(n)").fetchall())
    assert found == CODES


def test_names_and_codes_are_cleaned_and_a_person_is_one_row(tmp_path):
    rows = [
        {"person": "b", "forename": "Zoë-Mae ", "surname": "O'Neil", "postcode": "qa1 1aa"},
        {"person": "b", "forename": None, "surname": "Smith", "postcode": "QA12 9ZZ",
         "from_date": date(2012, 1, 1), "to_date": date(2014, 6, 1)},
        {"person": "a", "sex": "unknown", "postcode": None, "nhs_number": "943 476 5919"},
    ]  # fmt: skip
    people = read_people(identifiers(tmp_path, rows, [{"postcode": "QA1 2BB"}]))
    assert people.count == (2, 1)
    assert people.names(0).to_pylist() == ["a", "b"]
    found = people.rows(
        "SELECT forename, surname, sex, nhs_number, len(postcodes), len(districts) FROM l "
        "ORDER BY n"
    )
    # The latest name that is known; QA1 1AA and QA12 9ZZ are of two districts, QA1 and QA12.
    assert found == [
        ("ANN", "ARCHER", None, "9434765919", None, None),
        ("ZOEMAE", "SMITH", "F", None, 2, 2),
    ]
    same = people.rows("SELECT list_has_any(l.districts, r.districts) FROM l, r WHERE l.id = 'b'")
    assert same == [(True,)]
    assert people.known == {"forename", "surname", "sex", "birth_date", "postcodes"}


def test_a_postcode_counts_in_the_years_of_its_dates(tmp_path):
    early = {"from_date": date(2006, 5, 1), "to_date": date(2009, 2, 1)}
    late = {"from_date": date(2010, 5, 1), "to_date": None}
    people = read_people(identifiers(tmp_path, [early, late], [late]))
    found = people.rows(
        "SELECT list_has_any(l.postcodes, r.postcodes), "
        "list_has_any(l.postcode_years, r.postcode_years) FROM l, r ORDER BY l.n"
    )
    assert found == [(True, False), (True, True)]


def test_an_end_left_open_as_9999_makes_no_other_postcode_the_same(tmp_path):
    """Years beyond the span of one place used to run into those of the next place."""
    begins = {"from_date": date(2010, 1, 1)}
    open_ended = {**begins, "to_date": date(9999, 12, 31), "postcode": "AB1 1AA"}
    other = {**begins, "to_date": date(2012, 1, 1), "postcode": "AB1 1AB"}
    later = {"from_date": date(2013, 1, 1), "to_date": None, "postcode": "AB1 1AA"}
    people = read_people(identifiers(tmp_path, [open_ended], [other, later]))
    found = people.rows(
        "SELECT list_has_any(l.postcode_years, r.postcode_years), len(l.postcode_years) "
        "FROM l, r ORDER BY r.n"
    )
    assert found == [(False, 4), (True, 4)]


def test_a_stay_that_begins_in_no_year_of_a_calendar_is_a_fault(tmp_path):
    rows = [{"from_date": date(9999, 1, 1)}]
    with pytest.raises(Malformed, match="of the year 9999; a stay begins before 4096"):
        read_people(identifiers(tmp_path, rows, [{}]))


def test_identifiers_that_changed_since_their_manifest_are_refused(tmp_path):
    folder = identifiers(tmp_path, [{}], [{}])
    said = {"files": {"hospital.parquet": {"rows": 1, "sha256": "0" * 64}}}
    (folder / "identifiers" / "manifest.json").write_text(json.dumps(said))
    with pytest.raises(Malformed, match=r"hospital\.parquet in identifiers is not what"):
        read_people(folder)
