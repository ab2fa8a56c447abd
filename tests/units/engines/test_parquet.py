"""Parquet as it lies: a folder gives a column below the table's own folder, and nowhere else."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from engines_here import EMBEDDED, EVERY
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._parquet import arrow, frame
from fingerpost.engines._shared import ROW, table_file

PACKAGE = Path(__file__).resolve().parents[3] / "src" / "fingerpost"
# What opens Parquet or CSV, and guesses columns from folders unless it is told not to.
OPENERS = {"read_parquet", "scan_parquet", "read_table", "ParquetDataset", "scan_csv", "dataset"}
HELD = pl.DataFrame({"id": ["a", "b", "c"], "sex": ["M", "F", "M"], "n": [1, 2, 3]})


def read(engine: str, path: Path):
    (table,) = load("engines", engine, kind=Engine).read([table_file(TableSource(path=str(path)))])
    return table


def rows(table) -> list[dict]:
    return table.sort(ROW).collect("polars").to_native().drop(ROW).to_dicts()


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize("form", ["t.csv", "t.parquet", "t"])
def test_a_folder_above_the_table_gives_no_value(engine, form, tmp_path):
    place = tmp_path / "sex=F" / "n=1999" / "born=2001-02-03"
    path = place / form
    place.mkdir(parents=True)
    if form == "t":
        path.mkdir()
        HELD[:1].write_parquet(path / "part-0.parquet")
        HELD[1:].write_parquet(path / "part-1.parquet")
    else:
        (HELD.write_csv if form == "t.csv" else HELD.write_parquet)(path)
    assert rows(read(engine, path)) == HELD.to_dicts()


@pytest.mark.parametrize("engine", EVERY)
def test_a_folder_that_is_the_table_gives_no_value_either(engine, tmp_path):
    (tmp_path / "sex=F").mkdir()
    HELD.write_parquet(tmp_path / "sex=F" / "part-0.parquet")
    assert rows(read(engine, tmp_path / "sex=F")) == HELD.to_dicts()


def test_one_file_of_ours_is_read_as_it_was_written(tmp_path):
    place = tmp_path / "sex=F" / "n=1999" / "x [1]"
    place.mkdir(parents=True)
    HELD.write_parquet(place / "t.parquet")
    assert frame(place / "t.parquet").equals(HELD)
    assert arrow(place / "t.parquet").to_pydict() == HELD.to_dict(as_series=False)
    assert frame(place / "t.parquet", ["n"]).columns == ["n"]
    assert arrow(place / "t.parquet", ["n"]).column_names == ["n"]


@pytest.mark.parametrize("engine", EVERY)
def test_folders_below_the_table_give_values_of_one_kind(engine, tmp_path):
    given = {
        "year=2019/area=A%20b/day=2019-09-01/share=1": (2019, "A b", date(2019, 9, 1), 1.0),
        "year=2020/area=7/day=2020-09-01/share=0.5": (2020, "7", date(2020, 9, 1), 0.5),
        "year=2021/area=__HIVE_DEFAULT_PARTITION__/day=2020-09-02/share=2": (
            2021, None, date(2020, 9, 2), 2.0,
        ),
    }  # fmt: skip
    place = tmp_path / "sex=F" / "census"
    for at, folder in enumerate(given):
        (place / folder).mkdir(parents=True)
        pl.DataFrame({"id": [at]}).write_parquet(place / folder / "part.parquet")
    wanted = [
        {"id": at, "year": year, "area": area, "day": day, "share": share}
        for at, (year, area, day, share) in enumerate(given.values())
    ]
    assert rows(read(engine, place).select(ROW, *wanted[0])) == wanted


@pytest.mark.parametrize("engine", EMBEDDED)
def test_rows_of_many_files_keep_their_order_and_a_column_of_some_is_missing_in_others(
    engine, tmp_path
):
    # More than a row group each, so that several processors read at once.
    for year, more in ((2019, {}), (2020, {"late": [True] * 150_000})):
        folder = tmp_path / "t" / f"year={year}"
        folder.mkdir(parents=True)
        held = pl.DataFrame({"n": range(150_000), **more})
        held.write_parquet(folder / "a.parquet", row_group_size=20_000)
    found = read(engine, tmp_path / "t").collect("polars").to_native()
    assert found[ROW].to_list() == list(range(1, 300_001))
    assert found["n"].to_list() == [*range(150_000)] * 2
    assert found["year"].to_list() == [2019] * 150_000 + [2020] * 150_000
    assert found["late"].to_list() == [None] * 150_000 + [1] * 150_000


def test_parquet_is_opened_in_one_place():
    """So that no second place forgets to say that nothing is guessed from a path."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            # Functions of our own bear no name before the dot.
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in OPENERS:
                found.add((path.relative_to(PACKAGE).as_posix(), called.attr))
    assert found == {
        ("engines/_parquet.py", "read_parquet"),
        ("engines/_parquet.py", "scan_parquet"),
        ("engines/_parquet.py", "read_table"),
    }
