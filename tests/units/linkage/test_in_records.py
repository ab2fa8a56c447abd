"""People of identifiers held against the tables of the records, planted and counted by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fingerpost.core.errors import Malformed
from fingerpost.linkage.in_records import strangers
from fingerpost.linkage.options import Options
from fingerpost.linkage.people import read_people
from fingerpost.linkage.run import run
from units.linkage.small import identifiers


def world(folder: Path, *, children: list, hospital: list) -> Path:
    """Three people a side, h0 to h2 and e0 to e2, beside tables of children and admissions."""
    identifiers(folder, [{}, {"forename": "Bo"}, {"forename": "Cy"}], [{}] * 3)
    pl.DataFrame({"child_id": children}).write_parquet(folder / "child.parquet")
    pl.DataFrame({"hospital_id": hospital}).write_parquet(folder / "hes_apc.parquet")
    return folder


def told(folder: Path) -> list[tuple[str, int]]:
    return [(each.file, each.count) for each in strangers(read_people(folder), folder)]


def test_people_whom_no_table_names_are_counted(tmp_path):
    place = world(tmp_path, children=["e0", "e1"], hospital=["h2", "h2", None])
    assert told(place) == [("hospital.parquet", 2), ("education.parquet", 1)]


def test_where_all_are_named_or_no_table_could_name_them_nothing_is_told(tmp_path):
    ids = ["e0", "e1", "e2", "e9"]
    assert told(world(tmp_path / "all", children=ids, hospital=["h0", "h1", "h2"])) == []
    alone = identifiers(tmp_path / "alone", [{}], [{}])
    assert told(alone) == []


def test_numbers_are_held_against_numbers_as_text(tmp_path):
    place = world(tmp_path, children=[1, 2, 3], hospital=["h0", "h1", "h2"])
    rows = pl.read_parquet(place / "identifiers" / "education.parquet")
    for names, count in ((["1", "2", "3"], 0), (["1", "2.0", "03"], 2)):
        rows.with_columns(person=pl.Series(names)).write_parquet(
            place / "identifiers" / "education.parquet"
        )
        assert sum(many for _, many in told(place)) == count


def test_pseudonyms_of_another_kind_are_refused_and_leave_nothing(tmp_path):
    place = world(tmp_path, children=["h0", "h1"], hospital=["e0"])
    with pytest.raises(Malformed) as caught:
        run(place, Options("deterministic"))
    assert [line.split(", ")[0] for line in caught.value.problems] == [
        "link: hospital.parquet",
        "link: education.parquet",
    ]
    assert list((place / "spines").glob("*")) == []
