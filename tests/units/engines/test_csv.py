"""CSV: one rule for types over the whole file, one plain line for what cannot be read."""

from __future__ import annotations

import narwhals as nw
import pytest

from engines_here import EVERY
from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._shared import ROW, table_file


def read(tmp_path, body: str | bytes, engine: str = "duckdb", text: tuple[str, ...] = ()):
    path = tmp_path / "pupils.csv"
    path.write_bytes(body if isinstance(body, bytes) else body.encode("utf-8"))
    file = table_file(TableSource(path="pupils.csv"), tmp_path, text=text)
    (table,) = load("engines", engine, kind=Engine).read([file])
    return table.drop(ROW)


def lists(table) -> dict[str, list[object]]:
    return table.collect("polars").to_native().to_dict(as_series=False)


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize(
    ("written", "type_", "meant"),
    [
        (["1", "", "3"], nw.Int64, [1, None, 3]),
        (["1.0", "2e0", "-3"], nw.Int64, [1, 2, -3]),
        (["1", "2.5", "NA"], nw.Float64, [1.0, 2.5, None]),
        (["1", ".", "nan"], nw.Int64, [1, None, None]),
        (["1", "inf", "2"], nw.Float64, [1.0, float("inf"), 2.0]),
        (["1", "two", "3"], nw.String, ["1", "two", "3"]),
        (["007", "008", "009"], nw.String, ["007", "008", "009"]),
        (["0.5", "0", "-0.25"], nw.Float64, [0.5, 0.0, -0.25]),
        (["1_000", "2", "3"], nw.String, ["1_000", "2", "3"]),
        (["90071992547409931"] * 3, nw.String, ["90071992547409931"] * 3),
        (["TRUE", "FALSE", ""], nw.String, ["TRUE", "FALSE", None]),
        (["2009-09-01", "", "2010-08-31"], nw.String, ["2009-09-01", None, "2010-08-31"]),
        (["", "NA", ""], nw.String, [None, None, None]),
        (['"a,b"', '"say ""x"""', "c"], nw.String, ["a,b", 'say "x"', "c"]),
    ],
)
def test_the_type_of_a_column(tmp_path, engine, written, type_, meant):
    body = "id,x\n" + "".join(f"{row},{value}\n" for row, value in enumerate(written))
    table = read(tmp_path, body, engine)
    assert table.collect_schema()["x"] == type_
    assert lists(table)["x"] == meant


def test_the_whole_file_is_looked_at(tmp_path):
    rows = "".join(f"{row},{row}\n" for row in range(30_000))
    table = read(tmp_path, f"id,score\n{rows}30000,absent\n")
    assert table.collect_schema()["score"] == nw.String
    assert table.collect_schema()["id"] == nw.Int64


def test_an_identifier_stays_as_written(tmp_path):
    assert lists(read(tmp_path, "id,x\n1,2\n10,3\n", text=("id",)))["id"] == ["1", "10"]


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize(
    "body",
    [
        "\ufeffa,b\n1,x\n2,y\n",
        "a;b\n1;x\n2;y\n",
        "a\tb\n1\tx\n2\ty\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        " a , b\n1,x\n2,y\n",
        "a,b\n1,x\n\n2,y\n",
        '"a","b"\n"1","x"\n"2","y"',
    ],
)
def test_ways_of_writing_one_table(tmp_path, engine, body):
    assert lists(read(tmp_path, body, engine)) == {"a": [1, 2], "b": ["x", "y"]}


def test_a_column_without_a_name_is_called_by_its_place(tmp_path):
    assert lists(read(tmp_path, '"","x"\n"1",5\n')) == {"column 1": [1], "x": [5]}


@pytest.mark.parametrize("engine", EVERY)
def test_names_that_differ_only_in_capitals_are_told_apart(tmp_path, engine):
    table = read(tmp_path, "arm,Arm,x\n1,2,3\n", engine)
    assert lists(table) == {"arm": [1], "Arm (column 2)": [2], "x": [3]}


def test_names_with_quotes_and_folders_with_apostrophes(tmp_path):
    folder = tmp_path / "St John's"
    folder.mkdir()
    assert lists(read(folder, 'a ""b,it\'s\n1,2\n')) == {'a ""b': [1], "it's": [2]}


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("a,b\n1,é\n".encode("latin-1"), ["pupils.csv", "not UTF-8 (line 2)", "CSV UTF-8"]),
        ("a,b\n1,é\n".encode("utf-16"), ["pupils.csv", "not UTF-8", "CSV UTF-8"]),
        ("", ["pupils.csv", "first line is empty", "names of the columns"]),
        ("a,b\n1,2\n3\n", ["line 3", "1 fields where the header has 2", "Correct"]),
        ("a,b\n1,2\n3,4,5\n", ["line 3", "3 fields where the header has 2", "Correct"]),
        ('a,b\n1,"secret\n2,3\n', ["quotation mark", "Correct"]),
        ("a,b,a\n1,2,3\n", ["one name to columns 1 and 3", "name of its own"]),
    ],
)
def test_a_file_that_cannot_be_read_is_one_plain_line(tmp_path, engine, body, says):
    with pytest.raises(Malformed) as caught:
        read(tmp_path, body, engine)
    (line,) = caught.value.problems
    assert "\n" not in line and "secret" not in line
    for words in says:
        assert words in line


@pytest.mark.parametrize("body", ["a,b\r\n1,2\n3,4\r\n", "a,b\n1,2\r\n3,4\n"])
def test_lines_that_end_otherwise_are_read_or_told_as_such(tmp_path, body):
    """Once a quotation mark was said to be open, in a file that holds none."""
    try:
        assert lists(read(tmp_path, body)) == {"a": [1, 3], "b": [2, 4]}
    except Malformed as fault:
        assert "line 2" in str(fault) and "one kind of line ends" in str(fault)
        assert "quotation" not in str(fault)
