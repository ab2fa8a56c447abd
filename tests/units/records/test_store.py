from __future__ import annotations

import duckdb
import narwhals as nw
import polars as pl
import pyreadstat
import pytest

from fingerpost.core.errors import Malformed, UnknownLeaf, UsageError
from fingerpost.records.declarations import TABLES
from fingerpost.records.store import open_store
from units.records.frames import ENGINES, rows
from units.records.tables import ABSENCE, CHILD, replaced, without, write

pytestmark = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "records", child=CHILD, absence=ABSENCE)


def as_read(store, name: str) -> list[dict]:
    key = [column for column in TABLES[name].key if column in TABLES[name].columns]
    return rows(store.frame(name), *key)


def test_a_frame_has_exactly_the_declared_columns_in_declared_types(engine, folder):
    store = open_store(folder, engine)
    schema = store.frame("absence").collect_schema()
    assert schema.names() == list(TABLES["absence"].columns)
    assert (schema["child_id"], schema["urn"], schema["overall"]) == (nw.String,) * 2 + (nw.Int64,)
    assert (schema["valid_to"], schema["known_from"]) == (nw.Date, nw.Date)
    assert as_read(store, "absence")[0]["child_id"] == "001"


def in_form(folder, form, tmp_path):
    """The CSV folder's tables in another form."""
    store = open_store(folder, "polars")
    tables = {name: store.frame(name).collect().to_native() for name in store.tables}
    place = tmp_path / form
    if form == "duckdb":
        with duckdb.connect(str(place := tmp_path / "r.duckdb")) as connection:
            for name, table in tables.items():
                connection.register("given", table.to_arrow())
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        return place
    place.mkdir()
    for name, table in tables.items():
        if form == "parquet":
            table.write_parquet(place / f"{name}.parquet")
        elif form == "parts":
            (place / name / "deep").mkdir(parents=True)
            table[:1].write_parquet(place / name / "part-00000.parquet")
            table[1:].write_parquet(place / name / "deep" / "part-00001.parquet")
        else:
            whole = [n for n in table.columns if not table[n].is_null().all()]
            pyreadstat.write_dta(table.select(whole), str(place / f"{name}.dta"))
    return place


@pytest.mark.parametrize("form", ["parquet", "parts", "duckdb", "dta"])
def test_every_form_holds_the_same_table(engine, folder, form, tmp_path):
    first, other = open_store(folder, engine), open_store(in_form(folder, form, tmp_path), engine)
    assert other.tables == first.tables == ("child", "absence")
    for name in first.tables:
        if form == "dta":
            # Stata has no missing text: blank is how it is written.
            blank = [{k: v or None for k, v in row.items()} for row in as_read(other, name)]
            assert blank == [{k: v or None for k, v in row.items()} for row in as_read(first, name)]
        else:
            assert as_read(other, name) == as_read(first, name)
    joined = other.frame("child").join(other.frame("absence"), on="child_id")
    assert len(rows(joined, "child_id")) == 4
    assert len(other.digest) == 64 and other.digest != first.digest


def test_capitals_of_table_names_do_not_matter(engine, tmp_path):
    with duckdb.connect(str(tmp_path / "r.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE CHILD AS SELECT 1 AS child_id, DATE '2004-01-01' AS "
            "birth_month, 'M' AS sex, 'WHIT' AS ethnicity, 'ENG' AS first_language, "
            "DATE '2004-01-01' AS valid_from, DATE '2004-01-01' AS known_from"
        )
    assert as_read(open_store(tmp_path / "r.duckdb", engine), "child")[0]["child_id"] == 1


def test_identifiers_are_of_one_kind_throughout(engine, tmp_path):
    place = write(tmp_path / "mixed", child=CHILD)
    numbered = pl.read_csv(ABSENCE.encode(), try_parse_dates=True)
    numbered.write_parquet(place / "absence.parquet")
    schema = open_store(place, engine).frame("absence").collect_schema()
    assert schema["child_id"] == nw.String


def test_what_was_changed_changes_the_digest(engine, folder):
    before = open_store(folder, engine).digest
    (folder / "absence.csv").write_text(replaced(ABSENCE, 1, overall="5"))
    assert open_store(folder, engine).digest != before


def test_numbers_with_blanks_and_points_are_numbers(engine, folder):
    (folder / "absence.csv").write_text(replaced(ABSENCE, 1, overall=" 4.0", illness="NA"))
    row = as_read(open_store(folder, engine), "absence")[0]
    assert (row["overall"], row["illness"]) == (4, None)


def test_every_kind_is_read_from_text(engine, tmp_path):
    text = (
        "child_id,academic_year,urn,total,gld,emerging_all,valid_from,known_from\n"
        "1,2010,5,34.5,1,0,2010-06-30,2010-08-31\n2,2010,5,1e1,0,,2010-06-30,2010-08-31\n"
    )
    store = open_store(write(tmp_path / "records", child=CHILD, eyfsp=text), engine)
    found = [(row["total"], row["gld"], row["emerging_all"]) for row in as_read(store, "eyfsp")]
    assert found == [(34.5, 1, 0), (10.0, 0, None)]


def test_values_of_another_kind_are_refused_not_dropped(engine, folder):
    secret = "seven"
    (folder / "absence.csv").write_text(replaced(ABSENCE, 1, overall=secret, known_from="10/1/10"))
    with pytest.raises(Malformed) as caught:
        open_store(folder, engine).frame("absence")
    said = str(caught.value)
    assert '1 values of "overall"' in said and '1 values of "known_from"' in said
    assert secret not in said and "10/1/10" not in said and "records check" in said


@pytest.mark.parametrize(
    "day", ["2010-02-29", "2010-13-01", "2010-04-31", "1900-02-29", "20100101", "2010-1-1"]
)
def test_no_day_that_is_in_no_calendar(engine, folder, day):
    (folder / "absence.csv").write_text(replaced(ABSENCE, 1, known_from=day))
    with pytest.raises(Malformed, match='1 values of "known_from"'):
        open_store(folder, engine).frame("absence")


@pytest.mark.parametrize("day", ["2000-02-29", "2012-02-29", "2010-12-31 00:00:00"])
def test_every_day_of_the_calendar(engine, folder, day):
    (folder / "absence.csv").write_text(replaced(ABSENCE, 1, known_from=day))
    assert as_read(open_store(folder, engine), "absence")[0]["known_from"].isoformat() == day[:10]


def test_a_missing_required_column_is_told_with_the_nearest(engine, folder):
    (folder / "absence.csv").write_text(ABSENCE.replace("unauthorised", "unauthorized"))
    with pytest.raises(Malformed, match=r'no column "unauthorised".*Did you mean "unauthorized"'):
        open_store(folder, engine).frame("absence")


def test_a_missing_optional_column_is_missing_throughout(engine, folder):
    (folder / "absence.csv").write_text(without(ABSENCE, "illness"))
    store = open_store(folder, engine)
    assert store.frame("absence").collect_schema()["illness"] == nw.Int64
    assert {row["illness"] for row in as_read(store, "absence")} == {None}


def test_tables_that_are_not_there(engine, folder):
    store = open_store(folder, engine)
    assert store.has("child") and not store.has("ks2")
    with pytest.raises(Malformed, match=r'no table "ks2".*It has: child or absence'):
        store.frame("ks2")
    with pytest.raises(UsageError, match='Did you mean "absence"'):
        store.frame("absences")
    with pytest.raises(UsageError, match='Did you mean "absence"'):
        store.has("absences")


def test_unknown_tables_hidden_files_and_doubles(engine, folder):
    write(folder, notes="a,b\n1,2\n")
    (folder / ".truth").mkdir()
    (folder / ".truth" / "child.parquet").write_bytes(b"sealed")
    store = open_store(folder, engine)
    assert store.unknown == ("notes",)
    write(folder / "child", x="a\n1\n")
    assert open_store(folder, engine).tables == ("child", "absence"), "a folder without parts"
    pl.DataFrame({"child_id": [1]}).write_parquet(folder / "child.parquet")
    with pytest.raises(Malformed, match=r'"child" is there twice: child\.csv and child\.parquet'):
        open_store(folder, engine)


def test_places_that_hold_no_records(engine, tmp_path):
    with pytest.raises(Malformed, match="nothing at"):
        open_store(tmp_path / "none", engine)
    with pytest.raises(Malformed, match="no table of the standard"):
        open_store(tmp_path, engine)
    (tmp_path / "child.csv").write_text(CHILD)
    with pytest.raises(Malformed, match="one table"):
        open_store(tmp_path / "child.csv", engine)
    (tmp_path / "r.duckdb").write_bytes(b"no database")
    with pytest.raises(Malformed, match=r"r\.duckdb.*cannot be read"):
        open_store(tmp_path / "r.duckdb", engine)


def test_an_engine_nobody_has(engine, folder):
    with pytest.raises(UnknownLeaf, match="Did you mean"):
        open_store(folder, engine[:-1] + "z")
