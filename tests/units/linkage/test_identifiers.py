"""Identifiers held against rules: faults all at once, notices with counts, nobody's value told."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.linkage import people as reading
from fingerpost.linkage.people import read_people
from units.linkage.small import identifiers


def test_faults_name_columns_and_counts_never_a_value(tmp_path):
    folder = identifiers(tmp_path, [{"person": None}], [{}])
    with pytest.raises(Malformed, match=r"hospital.parquet, person: 1 row without one"):
        read_people(folder)
    path = folder / "identifiers" / "hospital.parquet"
    pl.read_parquet(path).drop("surname", "sex").write_parquet(path)
    with pytest.raises(Malformed, match=r"hospital\.parquet has no column surname or sex"):
        read_people(folder)
    pl.read_parquet(path).rename({"forename": "FORENAME"}).write_parquet(path)
    with pytest.raises(Malformed, match=r'It has "FORENAME": names are written in small letters'):
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
    with pytest.raises(Malformed, match=r"education\.csv, birth_date: of 2 rows .*2009-04-30"):
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


def test_a_day_that_stands_for_none_is_no_second_birth_date_of_a_person(tmp_path):
    days = [date(1900, 1, 1), date(2005, 3, 14), date(1850, 1, 1)]
    rows = [{"person": f"x{at // 3}", "birth_date": days[at % 3]} for at in range(30)]
    people = read_people(identifiers(tmp_path, rows, [{}]))
    assert "person" not in {one.column for one in people.notices}
    assert people.rows("SELECT DISTINCT birth_date FROM l") == [(date(2005, 3, 14),)]


def test_one_day_says_of_both_files_what_is_in_the_future(tmp_path, monkeypatch):
    """A day counted as known and then read as not known would be told of by nobody."""

    class Clock(date):
        @classmethod
        def today(cls):
            return date(2005, 3, 14)

    monkeypatch.setattr(reading, "date", Clock)
    later = {"birth_date": date(2005, 3, 15)}
    people = read_people(identifiers(tmp_path, [{}, later], [{}, later]))
    found = [(one.file, one.count) for one in people.notices if one.rule == "range"]
    assert found == [("hospital.parquet", 1), ("education.parquet", 1)]
    for side in "lr":
        assert people.rows(f"SELECT birth_date FROM {side} ORDER BY n")[1] == (None,)
