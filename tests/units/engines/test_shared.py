"""Finding a table: beside the study, in a folder, or inside a package that is never imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import polars as pl
import pytest

from engines_here import EVERY
from fingerpost.core.errors import Malformed, MissingExtra
from fingerpost.core.leaves import Engine, load
from fingerpost.core.study import TableSource
from fingerpost.engines._shared import collected, locate, table_file


def test_a_relative_path_starts_at_the_base(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    assert locate(TableSource(path="t.csv"), tmp_path) == tmp_path / "t.csv"
    assert locate(TableSource(path=str(tmp_path / "t.csv"))) == tmp_path / "t.csv"


def test_a_digest_is_the_file_s_own(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a\n1\n")
    file = table_file(TableSource(path="t.csv"), tmp_path)
    assert file.digest() == (("t.csv", hashlib.sha256(b"a\n1\n").hexdigest()),)


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        (TableSource(path="pupil.csv"), Malformed, ['"pupil.csv"', 'Did you mean "pupils.csv"']),
        (TableSource(path="pupils.xlsx"), Malformed, ["no known form", ".csv", ".parquet"]),
        (TableSource(path="empty"), Malformed, ['"empty"', "no Parquet file"]),
        (TableSource(), Malformed, ["no table is named", "{table: FILE}"]),
        (
            TableSource(package="causaldata", file="nhefs/nhef.dta"),
            Malformed,
            ['"nhefs/nhef.dta"', 'Did you mean "nhefs/nhefs.dta"'],
        ),
        (
            TableSource(package="no_such_package", file="x.csv"),
            MissingExtra,
            ["no_such_package", "pip install no_such_package"],
        ),
        (TableSource(package="../x", file="x.csv"), MissingExtra, ["not installed"]),
    ],
)
def test_what_cannot_be_found_is_named_with_the_mend(tmp_path, source, kind, says):
    (tmp_path / "pupils.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "pupils.xlsx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    with pytest.raises(kind) as caught:
        table_file(source, tmp_path)
    (line,) = caught.value.problems
    for words in says:
        assert words in line


def test_a_missing_package_of_ours_names_the_extra(monkeypatch):
    monkeypatch.setattr("fingerpost.engines._shared.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'fingerpost\[examples\]'"):
        locate(TableSource(package="causaldata", file="nhefs/nhefs.dta"))


@pytest.mark.parametrize("engine", EVERY)
def test_a_file_inside_a_package_is_read_without_importing_it(engine):
    code = (
        "import sys\n"
        "from fingerpost.core.leaves import Engine, load\n"
        "from fingerpost.core.study import TableSource\n"
        "from fingerpost.engines._shared import table_file\n"
        "file = table_file(TableSource(package='causaldata', file='nhefs/nhefs.dta'))\n"
        f"(table,) = load('engines', '{engine}', kind=Engine).read([file])\n"
        "print(table.collect('polars').shape[0])\n"
        "print([name for name in ('causaldata', 'pandas') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # PySpark imports pandas itself, where that is installed.
    own = done.stdout.split("\n")[1].replace("'pandas'", "" if engine == "spark" else "'pandas'")
    assert (done.stdout.split("\n")[0], own) == ("1629", "[]")


@pytest.mark.parametrize("engine", EVERY)
def test_whole_numbers_too_large_are_refused(engine, tmp_path):
    pl.DataFrame({"id": pl.Series([2**63, 1], dtype=pl.UInt64)}).write_parquet(
        tmp_path / "t.parquet"
    )
    file = table_file(TableSource(path="t.parquet"), tmp_path)
    # Spark looks at values no sooner than their rows are asked for.
    words = (
        r"read|whole" if engine == "spark" else r'column "id".*beyond 9223372036854775807.*as text'
    )
    with pytest.raises(Malformed, match=words):
        (table,) = load("engines", engine, kind=Engine).read([file])
        collected(table, "t.parquet")


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize("form", ["csv", "parquet", "folder"])
@pytest.mark.parametrize("name", ["pupils[1]", "what?*", "St John's", "a=2", "{x,y}", "50% + a"])
def test_no_letter_of_a_path_stands_for_others(engine, form, name, tmp_path):
    """Nor does a folder above it stand for a column: here all would be 9."""
    for called, value in ((name, 1), ("pupils1", 2), ("what is", 2), ("x", 2)):
        place = tmp_path / "a=9" / called
        place.mkdir(parents=True)
        held = pl.DataFrame({"a": [value]})
        if form == "csv":
            held.write_csv(place / f"{called}.csv")
        else:
            held.write_parquet(place / f"{called}.parquet")
    path = f"a=9/{name}" if form == "folder" else f"a=9/{name}/{name}.{form}"
    (table,) = load("engines", engine, kind=Engine).read(
        [table_file(TableSource(path=path), tmp_path)]
    )
    assert table.collect("polars").rows() == [(1, 1)]


@pytest.mark.parametrize("engine", EVERY)
def test_a_file_that_fails_half_way_is_one_plain_line(engine, tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": list(range(50_000))}).write_parquet(path, compression="zstd")
    body = bytearray(path.read_bytes())
    body[4:400] = b"\xff" * 396
    path.write_bytes(bytes(body))
    (table,) = load("engines", engine, kind=Engine).read(
        [table_file(TableSource(path="t.parquet"), tmp_path)]
    )
    with pytest.raises(Malformed, match=r'"t\.parquet" cannot be read .*Is the file whole'):
        collected(table, "t.parquet")


@pytest.mark.parametrize("engine", EVERY)
@pytest.mark.parametrize("name", ["t.parquet", "t.duckdb", "t.dta"])
def test_a_broken_file_is_one_plain_line(engine, name, tmp_path):
    (tmp_path / name).write_bytes(b"this is no such file" * 300)
    file = table_file(TableSource(path=name), tmp_path)
    with pytest.raises(Malformed) as caught:
        load("engines", engine, kind=Engine).read([file])
    (line,) = caught.value.problems
    assert name in line and "\n" not in line


def test_partitions_of_one_name_have_digests_of_their_own(tmp_path):
    for year, body in (("2008", b"a"), ("2009", b"b")):
        folder = tmp_path / "pupils" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_bytes(body)
    found = dict(table_file(TableSource(path="pupils"), tmp_path).digest())
    assert sorted(found) == ["year=2008/part-0.parquet", "year=2009/part-0.parquet"]
    assert len(set(found.values())) == 2
