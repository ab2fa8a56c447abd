"""What holds of every engine: one file is one table, and one query has one answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import narwhals as nw
import polars as pl
import pyreadstat
import pytest

from engines_here import EVERY
from fingerpost.core.leaves import Engine, load, names
from fingerpost.core.study import TableSource
from fingerpost.engines._shared import ROW, int64, table_file

ENGINES = EVERY
AGES = [4, 5, None, 11, 5]
HEIGHTS = [99.5, None, 101.25, 140.0, 102.0]
NEEDS = ["speech", "hearing", None, "speech", "sight"]
SCHEMA = {"age": nw.Int64, "height": nw.Float64, "need": nw.String}


def frame() -> pl.DataFrame:
    return pl.DataFrame({"age": AGES, "height": HEIGHTS, "need": NEEDS})


def as_csv(folder: Path) -> TableSource:
    frame().write_csv(folder / "pupils.csv")
    return TableSource(path="pupils.csv")


def as_parquet(folder: Path) -> TableSource:
    frame().with_columns(
        pl.col("age").cast(pl.Int8), pl.col("height").cast(pl.Float32)
    ).write_parquet(folder / "pupils.parquet")
    return TableSource(path="pupils.parquet")


def as_folder(folder: Path) -> TableSource:
    (folder / "pupils").mkdir()
    frame().head(2).write_parquet(folder / "pupils" / "a.parquet")
    frame().tail(3).write_parquet(folder / "pupils" / "b.parquet")
    return TableSource(path="pupils")


def as_duckdb(folder: Path) -> TableSource:
    arrow = frame().to_arrow()
    with duckdb.connect(folder / "school.duckdb") as connection:
        connection.register("held", arrow)
        connection.execute(
            "CREATE TABLE pupils AS SELECT CAST(age AS UTINYINT) AS age, height, need FROM held"
        )
        connection.execute("CREATE TABLE staff AS SELECT 1 AS x")
    return TableSource(path="school.duckdb", table="pupils")


def as_stata(folder: Path) -> TableSource:
    pyreadstat.write_dta(frame(), str(folder / "pupils.dta"))
    return TableSource(path="pupils.dta")


FORMS = [as_csv, as_parquet, as_folder, as_duckdb, as_stata]


def read(engine: str, *sources: TableSource, base: Path) -> tuple[nw.LazyFrame, ...]:
    return load("engines", engine, kind=Engine).read([table_file(one, base) for one in sources])


def values(frame: nw.LazyFrame) -> dict[str, list[object]]:
    return frame.sort(ROW).collect("polars").to_native().to_dict(as_series=False)


def test_there_are_two_engines_at_least():
    assert {"duckdb", "polars", "spark"} <= set(names("engines"))


@pytest.mark.parametrize("engine", names("engines"))
def test_an_engine_says_what_it_is(engine):
    leaf = load("engines", engine, kind=Engine)
    assert leaf.title and leaf.summary and leaf.reference and leaf.needs


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_is_the_same_table(engine, form, tmp_path):
    (table,) = read(engine, form(tmp_path), base=tmp_path)
    # Stata keeps whole numbers beside missing ones as doubles.
    age = nw.Float64 if form is as_stata else nw.Int64
    assert dict(table.collect_schema()) == {ROW: nw.Int64, **SCHEMA, "age": age}
    assert values(table) == {
        ROW: [1, 2, 3, 4, 5],
        "age": AGES,
        "height": HEIGHTS,
        "need": NEEDS,
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_integer_aggregates_are_int64(engine, tmp_path):
    (table,) = read(engine, as_csv(tmp_path), base=tmp_path)
    answer = table.select(
        int64(nw.len()).alias("n"),
        int64(nw.col("age").sum()).alias("total"),
        int64((nw.col("age") > 4).cast(nw.Int64).sum()).alias("older"),
        int64(nw.col("need").n_unique()).alias("needs"),
    )
    assert set(answer.collect_schema().values()) == {nw.Int64}
    assert answer.collect("polars").row(0) == (5, 25, 3, 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_groups_windows_and_joins(engine, tmp_path):
    (table,) = read(engine, as_csv(tmp_path), base=tmp_path)
    by_need = table.group_by("need").agg(int64(nw.len()).alias("n"))
    ranked = table.with_columns(
        nw.col("height").rank("ordinal").over("need").cast(nw.Int64).alias("place")
    )
    joined = ranked.join(by_need, on="need", how="inner").select(ROW, "need", "n", "place")
    assert values(joined) == {
        ROW: [1, 2, 4, 5],
        "need": ["speech", "hearing", "speech", "sight"],
        "n": [2, 1, 2, 1],
        "place": [1, None, 2, 1],
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_missing_is_neither_here_nor_there(engine, tmp_path):
    (table,) = read(engine, as_csv(tmp_path), base=tmp_path)
    assert values(table.filter(nw.col("age") >= 5).select(ROW))[ROW] == [2, 4, 5]
    assert values(table.filter(~(nw.col("age") >= 5)).select(ROW))[ROW] == [1]
    assert values(table.filter(nw.col("age").is_null()).select(ROW))[ROW] == [3]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32])
@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers_are_widened_so_that_a_cube_does_not_overflow(engine, dtype, tmp_path):
    pl.DataFrame({"age": pl.Series([55, 17], dtype=dtype)}).write_parquet(tmp_path / "a.parquet")
    (table,) = read(engine, TableSource(path="a.parquet"), base=tmp_path)
    cube = table.select(ROW, (nw.col("age") * nw.col("age") * nw.col("age")).alias("cube"))
    assert dict(table.collect_schema())["age"] == nw.Int64
    assert values(cube)["cube"] == [166375, 4913]


@pytest.mark.parametrize("engine", ENGINES)
def test_other_types_are_shared_too(engine, tmp_path):
    pl.DataFrame(
        {
            "plan": [True, False, None],
            "cost": pl.Series(["1.50", "2.25", None]).cast(pl.Decimal(9, 2)),
            "score": [1.0, float("nan"), None],
            "need": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "note": ["", "x", None],
            "born": [date(2009, 9, 1), None, date(2010, 8, 31)],
        }
    ).write_parquet(tmp_path / "a.parquet")
    (table,) = read(engine, TableSource(path="a.parquet"), base=tmp_path)
    assert dict(table.collect_schema()) == {
        ROW: nw.Int64,
        "plan": nw.Int64,
        "cost": nw.Float64,
        "score": nw.Float64,
        "need": nw.String,
        "note": nw.String,
        "born": nw.Date,
    }
    assert values(table) == {
        ROW: [1, 2, 3],
        "plan": [1, 0, None],
        "cost": [1.5, 2.25, None],
        "score": [1.0, None, None],
        "need": ["a", "b", None],
        "note": [None, "x", None],
        "born": [date(2009, 9, 1), None, date(2010, 8, 31)],
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_folders_by_year_give_the_year(engine, tmp_path):
    for year in (2019, 2020):
        folder = tmp_path / "census" / f"academic_year={year}"
        folder.mkdir(parents=True)
        pl.DataFrame({"child": [year * 10, year * 10 + 1]}).write_parquet(folder / "part.parquet")
    (table,) = read(engine, TableSource(path="census"), base=tmp_path)
    assert values(table) == {
        ROW: [1, 2, 3, 4],
        "child": [20190, 20191, 20200, 20201],
        "academic_year": [2019, 2019, 2020, 2020],
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_two_files_of_one_name_can_be_read_and_stacked(engine, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(f"x,y\n1,{folder}\n", encoding="utf-8")
    first, second = read(
        engine, TableSource(path="a/t.csv"), TableSource(path="b/t.csv"), base=tmp_path
    )
    both = nw.concat([first, second], how="vertical").sort("y").collect("polars").to_native()
    assert both["y"].to_list() == ["a", "b"]
