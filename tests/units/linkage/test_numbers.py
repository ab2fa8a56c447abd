"""NHS numbers as they are read: whole, and without those that are nobody's."""

from __future__ import annotations

import polars as pl
import pytest

from fingerpost.linkage.people import read_people
from units.linkage.small import identifiers


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
