"""Identifiers as they are read: cleaned, one row a person, with every postcode and its years."""

from __future__ import annotations

import json
from datetime import date

import duckdb
import polars as pl
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


def test_faults_name_columns_and_counts_never_a_value(tmp_path):
    folder = identifiers(tmp_path, [{"person": None}], [{}])
    with pytest.raises(Malformed, match=r"1 row of hospital.parquet have no person"):
        read_people(folder)
    path = folder / "identifiers" / "hospital.parquet"
    pl.read_parquet(path).drop("surname", "sex").write_parquet(path)
    with pytest.raises(Malformed, match=r"hospital\.parquet has no column surname or sex"):
        read_people(folder)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Malformed, match=r"hospital.parquet") as told:
        read_people(folder)
    assert "Archer" not in str(told.value)
    path.unlink()
    with pytest.raises(Malformed, match=r"has no identifiers/hospital\.parquet"):
        read_people(folder)


def as_csv(folder, side: str, **changed: object) -> None:
    """Write a side's identifiers as CSV instead, some columns changed."""
    path = folder / "identifiers" / f"{side}.parquet"
    rows = pl.read_parquet(path)
    rows.with_columns(**changed).write_csv(path.with_suffix(".csv"))
    path.unlink()


def test_identifiers_may_be_csv(tmp_path):
    rows = [{"nhs_number": "0943476518"}, {"postcode": "QA9 9ZZ", "to_date": date(2010, 1, 2)}]
    folder = identifiers(tmp_path, rows, rows)
    asked = "SELECT * EXCLUDE (id) FROM {} ORDER BY n"
    before = read_people(folder).rows(asked.format("l"))
    as_csv(folder, "hospital")
    people = read_people(folder)
    assert people.rows(asked.format("l")) == before and people.notices == ()
    assert people.rows("SELECT nhs_number FROM l ORDER BY n")[0] == ("0943476518",)
    as_csv(folder, "education", birth_date=pl.col("birth_date").dt.strftime("%d/%m/%Y"))
    with pytest.raises(Malformed, match=r"education\.csv, birth_date: 2 rows .*2009-04-30"):
        read_people(folder)
    (folder / "identifiers" / "education.parquet").touch()
    with pytest.raises(Malformed, match="Keep one of them"):
        read_people(folder)


def test_what_is_lived_with_is_counted_and_read_as_not_known(tmp_path):
    old, odd = date(1850, 1, 1), {"sex": "1", "to_date": date(2001, 1, 1)}
    same = {"person": "x"}
    rows = [{}, {"birth_date": old}, {"birth_date": date(2999, 1, 1)}, odd]
    rows += [same | {"birth_date": date(2005, 3, at)} for at in (1, 2)]
    rows += [{"person": f"y{at // 2}"} for at in range(40)]
    people = read_people(identifiers(tmp_path, rows, [{}]))
    found = {(one.column, one.rule): one.count for one in people.notices}
    assert found == {
        ("sex", "code"): 1,
        ("birth_date", "range"): 2,
        ("to_date", "order"): 1,
        ("person", "several"): 1,
    }
    assert people.rows("SELECT count(*) FROM l WHERE birth_date IS NULL") == [(2,)]
    assert not any(word in one.words() for one in people.notices for word in ("1850", "2999"))


def test_what_leaves_nothing_to_link_by_is_a_fault_all_at_once(tmp_path):
    rows = [{"person": "x", "sex": "2", "birth_date": date(2005, 3, at)} for at in (1, 2)]
    with pytest.raises(Malformed) as told:
        read_people(identifiers(tmp_path, rows, [{}]))
    assert "1 of the 1 people with several rows" in told.value.problems[0]
    assert "sex: none of the 2 values is allowed" in told.value.problems[1]


def test_identifiers_that_changed_since_their_manifest_are_refused(tmp_path):
    folder = identifiers(tmp_path, [{}], [{}])
    said = {"files": {"hospital.parquet": {"rows": 1, "sha256": "0" * 64}}}
    (folder / "identifiers" / "manifest.json").write_text(json.dumps(said))
    with pytest.raises(Malformed, match=r"hospital\.parquet in identifiers is not what"):
        read_people(folder)


# 943 476 5919 and 401 023 2137 are printed as examples of the check digit; the others are by hand:
# 9434765918 and 9434765991 (two digits swapped) fail it, a number of one digit passes it.
def test_numbers_that_are_nobodys_are_read_as_not_known_and_counted(tmp_path):
    numbers = ["943 476 5919", "401-023-2137", "0000000000", "9999999999", "9434765918"]
    rows = [{"nhs_number": number} for number in [*numbers, "9434765991"]]
    rows += [{"nhs_number": "4505577104"}] * 6
    people = read_people(identifiers(tmp_path, rows, [{"nhs_number": "9434765919"}]))
    kept = people.rows("SELECT nhs_number FROM l WHERE nhs_number IS NOT NULL ORDER BY 1")
    assert [one for (one,) in kept] == ["4010232137", "9434765919"]
    told = {one.rule: one.count for one in people.notices if one.column == "nhs_number"}
    assert told == {"one digit": 2, "many people": 6, "check digit": 2}
    assert not any(number[:6] in one.words() for one in people.notices for number in numbers)


def test_numbers_of_which_most_fail_the_check_are_compared_as_they_are(tmp_path):
    rows = [{"nhs_number": code} for code in ("a1f", "b2e", "c3d", "9434765919")]
    people = read_people(identifiers(tmp_path, rows, [{}]))
    assert people.rows("SELECT count(nhs_number) FROM l") == [(4,)]
    assert [one.rule for one in people.notices] == ["no NHS numbers"]


@pytest.mark.parametrize("kind", [pl.Float64, pl.Int64])
def test_numbers_that_a_spreadsheet_kept_as_numbers_are_read_whole(kind, tmp_path):
    folder = identifiers(tmp_path, [{"nhs_number": n} for n in ("9434765919", "0000000019")], [{}])
    path = folder / "identifiers" / "hospital.parquet"
    pl.read_parquet(path).with_columns(pl.col("nhs_number").cast(kind)).write_parquet(path)
    people = read_people(folder)
    found = people.rows("SELECT nhs_number FROM l WHERE nhs_number IS NOT NULL ORDER BY 1")
    assert [one for (one,) in found] == ["0000000019", "9434765919"]
