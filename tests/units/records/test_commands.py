from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fingerpost.cli.main import app
from units.records.tables import ABSENCE, CHILD, replaced, write


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["records", *map(str, words)])
    return done.exit_code, done.output


def test_check_ends_with_0_where_all_is_well(tmp_path):
    folder = write(tmp_path / "r", child=CHILD, absence=ABSENCE)
    code, said = run("check", folder)
    assert code == 0 and "No fault in 2 tables." in said


def test_check_ends_with_1_and_one_report_where_anything_is_wrong(tmp_path):
    wrong = replaced(replaced(ABSENCE, 1, term="WIN"), 2, overall="many")
    folder = write(tmp_path / "r", child=CHILD, absence=wrong, ks1="")
    code, said = run("check", folder, "--json", tmp_path / "check.json")
    assert code == 1
    for part in ("term: 1 row", "overall: 1 row", "no header", "3 faults to mend"):
        assert part in said
    assert "many" not in said and "WIN" not in said
    report = json.loads((tmp_path / "check.json").read_text())
    assert report["ok"] is False and report["tables"] == {"child": 3, "absence": 4}
    assert {p["rule"] for p in report["problems"]} == {"type", "code", "unreadable"}


@pytest.mark.parametrize("words", [("check", "nowhere"), ("describe", "nowhere")])
def test_places_that_are_not_there_are_faults(words):
    code, said = run(*words)
    assert code == 1 and "nothing at nowhere" in said


def test_an_unknown_engine_is_a_wrong_use(tmp_path):
    code, said = run("check", write(tmp_path / "r", child=CHILD), "--engine", "duckbd")
    assert code == 2 and 'Did you mean "duckdb"' in said


def test_describe_counts_rows_and_children(tmp_path):
    folder = write(tmp_path / "r", child=CHILD, absence=ABSENCE)
    package = tmp_path / "r" / "datapackage.json"
    code, said = run("describe", folder, "--package", package)
    assert code == 0 and package.is_file()
    assert [line.split() for line in said.splitlines() if line.startswith("absence")] == [
        ["absence", "4", "3", "2010", "2011"]
    ]


def test_the_dictionary_is_printed_and_written(tmp_path):
    code, said = run("dictionary")
    assert code == 0 and "school_census" in said
    code, said = run("dictionary", "phonics")
    assert code == 0 and "0 to 40" in said
    assert run("dictionary", "fonics")[0] == 2
    assert run("dictionary", "--out", tmp_path / "d.html")[0] == 0
    assert (tmp_path / "d.html").is_file()


def test_templates_and_a_conversion(tmp_path):
    code, _ = run("template", "child", "ks2", "--out", tmp_path / "t")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == [
        "child.csv",
        "datapackage.json",
        "ks2.csv",
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "KS2.csv").write_text("aPMR,ACADYR,KS2_READSCORE\n1,2019,x\n2,2019,99\n")
    (tmp_path / "in" / "more.csv").write_text("a,b\nc,d\n")
    words = ("convert", tmp_path / "in", "--adapter", "npd", "--out", tmp_path / "out")
    code, said = run(*words)
    assert code == 1 and not (tmp_path / "out").exists()
    assert '"KS2": reading (KS2_READSCORE): 1 value is not a number (row 1).' in said
    code, said = run(*words, "--blank-misfits")
    assert code == 0
    assert "1 of reading unfit, read as missing" in said and "no adapter takes more" in said
    assert "1 values that did not fit" not in said and "1 value that did not fit" in said
    code, said = run(*words, "--blank-misfits")
    assert code == 0 and "Had" in said
    assert run("convert", tmp_path / "in", "--adapter", "dpn", "--out", tmp_path / "o")[0] == 2
