"""A first line that is a child is told as such, by place and never by content."""

from __future__ import annotations

import traceback

import pytest

from engines_here import EMBEDDED
from fingerpost.core.errors import Malformed
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._shared import table_file


def read(folder, body: str, engine: str = "duckdb"):
    (folder / "pupils.csv").write_text(body, encoding="utf-8")
    file = table_file(TableSource(path="pupils.csv"), folder)
    return load("engines", engine, kind=Engine).read([file])[0]


HEADERLESS = {
    "numbers": ("K0000,Ann,7,1.5\nK0001,Bea,8,2.5\n", "2 of 4 fields are numbers"),
    "one number": ("Ann,7\nBea,x\n", "1 of 2 fields is a number"),
    "the same number twice": ("K0000,1,1\nK0001,0,1\n", "2 of 3 fields are numbers"),
    "a date": ("Ann,2009-09-01\nBea,2010-01-31\n", "1 of 2 fields is a number"),
    "an English date": ("Ann,01/09/2009\nBea,31/01/2010\n", "1 of 2 fields is a number"),
    "a time": ("Ann,2009-09-01T10:00Z\nBea,x\n", "1 of 2 fields is a number"),
    "a decimal comma": ("Ann;1,5\nBea;2,5\n", "1 of 2 fields is a number"),
    "money": ("Ann,£300\nBea,£20\n", "1 of 2 fields is a number"),
    "categories": ("girl,blue\nboy,red\ngirl,blue\n", "2 of 2 fields are like the values below"),
    "identifiers": ("K0000,Ann\nK0001,Bea\n", "1 of 2 fields is like the values below"),
    "empty fields": ("K0000,\nK0001,Bea\n", "2 of 2 fields are like the values below"),
    "numbered notes": ("care 1 (x)\ncare 2 (x)\n", "1 of 1 fields is like the values below"),
}


@pytest.mark.parametrize("engine", EMBEDDED)
@pytest.mark.parametrize("case", HEADERLESS)
def test_a_row_of_data_is_no_header(tmp_path, engine, case):
    body, why = HEADERLESS[case]
    with pytest.raises(Malformed) as caught:
        read(tmp_path, body, engine)
    (line,) = caught.value.problems
    assert line.startswith('records: the first line of "pupils.csv" looks like a row of data')
    assert f"({why})" in line and "Give the file a header line" in line
    fields = [field for row in body.split() for field in row.replace(";", ",").split(",")]
    assert not any(field in line for field in fields if len(field) > 1)


@pytest.mark.parametrize(
    "body",
    [
        "a,b\n1,2\n",
        ",x\n1,2\n",
        "C5R4MSCL,x1,x2\n1,2,3\n",
        "name,town\nAnn,York\n",
        "female,treated,score\nfemale,no,1\nmale,yes,2\n",
        "a,b,,\n1,2,,\n",
        "wave_1,wave_2\nwave 1,late\n",
        "1e,2nd\n1,2\n",
        "a,b\n",
    ],
)
def test_names_are_names(tmp_path, body):
    assert (
        len(read(tmp_path, body).collect_schema().names())
        == len(body.split("\n")[0].split(",")) + 1
    )


def test_names_given_twice_are_told_by_place(tmp_path):
    with pytest.raises(Malformed) as caught:
        read(tmp_path, "Ann,girl,girl,Ann,girl\nx,y,z,v,w\n")
    (line,) = caught.value.problems
    assert "one name to columns 2 and 3; to columns 1 and 4; to columns 2 and 5" in line
    assert "girl" not in line and "Ann" not in line


@pytest.mark.parametrize("engine", EMBEDDED)
@pytest.mark.parametrize(
    "body",
    [
        b'a,b\n1,"secret\n2,3\n',
        b"a,b\n1,secret,3\n",
        b"a,b\n1,secret\xe9\n",
    ],
)
def test_a_traceback_does_not_quote_the_line(tmp_path, engine, body):
    (tmp_path / "pupils.csv").write_bytes(body)
    file = table_file(TableSource(path="pupils.csv"), tmp_path)
    try:
        load("engines", engine, kind=Engine).read([file])
    except Malformed as error:
        assert "secret" not in "".join(traceback.format_exception(error))
    else:
        pytest.fail("no fault was found")
