"""Identifiers are what their files hold, whatever the folders above are called."""

from __future__ import annotations

import polars as pl
import pytest

from fingerpost.linkage.people import read_people
from units.linkage.small import identifiers


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_no_folder_above_gives_an_identifier(form, tmp_path):
    rows = [{"sex": "M"}, {"sex": "F", "surname": "Baker"}]
    folder = identifiers(tmp_path / "sex=F" / "surname=Smith" / "e", rows, rows)
    if form == "csv":
        for path in sorted((folder / "identifiers").iterdir()):
            pl.read_parquet(path).write_csv(path.with_suffix(".csv"))
            path.unlink()
    found = read_people(folder).rows("SELECT sex, surname FROM l ORDER BY n")
    assert found == [("M", "ARCHER"), ("F", "BAKER")]
